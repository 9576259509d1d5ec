//! Observes what is deployed, plans what is to be done, applies exactly that plan, and watches until it is done.
//!
//! The order is always the same: [`Deployer::connect`] finds the account, [`Deployer::observe`] reads what is there,
//! [`plan::deploy`] or [`plan::destroy`] computes the steps (pure: no network, no clock), and [`Application::run`]
//! executes them one by one. Whoever calls decides what to show and what to ask in between; nothing here prints.
//!
//! - [`build`]: compiles the server for Lambda.
//! - [`source`]: reads from which commit.
//! - [`artifact`]: packs it, the same bytes every time.
//! - [`command_image`], [`packages`]: the image of a server in another language, and what it needs.
//! - [`change`]: what differs between what is deployed and what is wanted, field by field.
//! - [`logs`]: what the server says while it runs.
//! - [`secrets`]: what the server must not have in its files.
//! - [`service`]: what drives a service of ECS.
//! - [`observe`], [`plan`], [`apply`], [`watch`]: the way above.
//! - [`status`]: what runs, since when, from which commit, and how it does.
//! - [`doctor`], [`wait`]: what stands in the way of it, and when it has come to its end; neither changes anything.
//! - [`mcp`]: asks the server itself, as an MCP client.

pub mod apply;
pub mod artifact;
mod aws;
pub mod build;
pub mod change;
pub mod command_image;
pub mod deployment;
pub mod doctor;
pub mod error;
pub mod image;
pub mod lock;
pub mod logs;
pub mod mcp;
pub mod observe;
pub mod packages;
pub mod plan;
pub mod policy;
pub mod rehearsal;
pub mod revision;
pub mod secrets;
pub mod service;
pub mod source;
pub mod status;
mod template;
pub mod wait;
pub mod watch;

pub use self::{
    apply::{Application, Reporter, StepOutcome},
    artifact::Archive,
    aws::{Deployer, Place},
    deployment::{Bucket, Deployment},
    error::{AwsError, AwsFault, Error},
    observe::{Observed, Stack, StackState},
    plan::{Plan, Step},
    watch::{LeftBehind, ResourceEvent},
};
