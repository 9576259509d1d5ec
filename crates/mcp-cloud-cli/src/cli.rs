//! The command line as a person types it; the documentation comments here are its `--help`.

use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::{
    check, client, completions, cost, deploy, destroy, dev, doctor, emit, exec, image, init, invoke, logs, man, policy,
    rollback, run, scale, secrets, start, status, stop, wait,
};

/// Runs MCP servers where they are needed.
#[derive(Debug, Parser)]
#[command(name = "mcp-cloud", version, propagate_version = true)]
pub(crate) struct Cli {
    /// How results are printed on standard output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are printed on standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Text,
    /// One JSON document, for pipelines
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a server and serve it on this machine behind an emulated platform
    Dev(dev::Args),
    /// Look at a project and write its mcp-cloud.toml
    Init(init::Args),
    /// Say for each target what will not work, and what to do about it
    Check(check::Args),
    /// Write the files a target needs
    Emit(emit::Args),
    /// Build, upload and create or update what runs the server
    Deploy(deploy::Args),
    /// Go back to a revision that answered before
    Rollback(rollback::Args),
    /// Show what is deployed
    Status(status::Args),
    /// Show what the server logs
    Logs(logs::Args),
    /// Keep the server's secrets in AWS Secrets Manager
    Secrets(secrets::Args),
    /// Estimate what the server costs each month
    Cost(cost::Args),
    /// Print the least that whoever deploys the server has to be allowed
    Policy(policy::Args),
    /// Build the image of the server without Docker, and push it
    Image(image::Args),
    /// Have a service that rests work again
    Start(start::Args),
    /// Let a service rest, without tasks: `start` and the next deployment have it work again
    Stop(stop::Args),
    /// Have a service run another number of tasks
    Scale(scale::Args),
    /// Run a task once beside the service, and show what it logs
    Run(run::Args),
    /// Run a command in a task of the service
    Exec(exec::Args),
    /// Remove everything that `deploy` created
    Destroy(destroy::Args),
    /// Look at everything that a deployment stands on: OK, NG or SKIP for each thing
    Doctor(doctor::Args),
    /// Wait until it is deployed, serves, or is gone
    Wait(wait::Args),
    /// Write a script that completes this command line in a shell
    Completions(completions::Args),
    /// Write manual pages
    Man(man::Args),
    /// Call a tool of a server
    Invoke(invoke::Args),
    /// Tell an MCP client about a server
    Client(client::Args),
}
