//! The deployer against an AWS account in memory, through the SDK's own clients.

mod account;
mod lifecycle;
mod misfortune;
mod stacks;
