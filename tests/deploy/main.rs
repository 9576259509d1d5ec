//! `mcp-cloud deploy`, `status`, `destroy`, `secrets` and `logs` against a server that speaks AWS's own API and runs what is deployed.

#![cfg(unix)]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod account;
mod account_in_memory;
mod clients;
mod doctor;
mod fargate;
mod fargate_misfortune;
mod fargate_tasks;
mod foreign;
mod interruption;
mod lifecycle;
mod logs;
mod ministack;
mod misfortune;
mod pipeline;
mod policy;
mod proxy;
mod rehearsal;
mod requests;
mod rivals;
mod rollback;
mod secrets;
mod tasks;
mod transcript;
mod transcripts;
mod uncalled;
mod wait;
