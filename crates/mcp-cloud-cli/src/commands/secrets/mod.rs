//! `mcp-cloud secrets`: what the server must not have in its files, in AWS Secrets Manager.

mod list;
mod remove;
mod rotate;
mod set;

use mcp_cloud_app::{App, app::SecretDelivery};
use mcp_cloud_deploy::{
    Deployer,
    secrets::{SecretOutcome, SecretReference, WrittenSecret},
};
use serde_json::json;

use crate::{app::Source, failure::Failure, interrupt::Interrupt, printer::Printer, remote};

/// Keep the server's secrets in AWS Secrets Manager
///
/// NAME is the variable that brings a secret, a key of `[secrets]` in mcp-cloud.toml. A secret that the file does not name
/// yet is called `<app>/<NAME>`. Values are typed or piped in, and never shown, logged or taken as an argument.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a secret, or give it another value
    Set(set::Args),
    /// Show which secrets the server needs, and which are there; values are not read
    List(list::Args),
    /// Give a secret a new value that is made up, or one of your own
    Rotate(rotate::Args),
    /// Delete a secret that was created by mcp-cloud for this app
    Remove(remove::Args),
}

/// Which server's secrets, and where.
#[derive(Debug, clap::Args)]
struct Place {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
}

impl Place {
    async fn open(&self, printer: &Printer) -> Result<(App, Deployer), Failure> {
        if !self.source.directory.exists() {
            // It may be a value that somebody put there, so it is not repeated.
            return Err(Failure::new("there is no such directory")
                .hint("a value is no argument: it is asked for, or piped in")
                .exit_code(Failure::USAGE));
        }
        let app = self.source.load(&[], printer)?;
        let deployer = self.account.connect(&app).await?;
        Ok((app, deployer))
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let work = async {
        match args.command {
            Command::Set(args) => set::run(args, printer).await,
            Command::List(args) => list::run(args, printer).await,
            Command::Rotate(args) => rotate::run(args, printer).await,
            Command::Remove(args) => remove::run(args, printer).await,
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = interrupt.wait() => Err(remote::interrupted()),
    }
}

/// Takes the name of a variable as `[secrets]` does.
fn variable(name: &str) -> Result<String, String> {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if begins && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Ok(name.to_owned());
    }
    Err("a variable has letters, digits and `_`, the first no digit".to_owned())
}

/// Says what became of a secret, and what it takes until the server has the value.
fn report(app: &App, reference: &SecretReference, written: &WrittenSecret, printer: &Printer) {
    let WrittenSecret { name, arn, version, outcome } = written;
    if printer.json() {
        let variable = &reference.variable;
        printer.data(json!({ "variable": variable, "name": name, "arn": arn, "version": version, "outcome": outcome }));
    } else {
        printer.data(arn);
    }
    match outcome {
        SecretOutcome::Created => printer.talk(format_args!("created the secret {name}")),
        SecretOutcome::Updated => {
            printer
                .talk(format_args!("the secret {name} has a new value; the one before stays readable as AWSPREVIOUS"));
        }
        SecretOutcome::Unchanged => return printer.talk(format_args!("the secret {name} has this value already")),
    }
    match &reference.arn {
        Some(named) if named == arn => {}
        Some(gone) => return printer.hint(&format!("write `{arn}` in the place of `{gone}` in `mcp-cloud.toml`")),
        None => {
            let overlay = app.environment_name.as_ref().map(|name| format!("env.{name}.")).unwrap_or_default();
            let table = format!("[{overlay}secrets.{}]", reference.variable);
            return printer.hint(&format!("write `aws = \"{arn}\"` under `{table}` in `mcp-cloud.toml`"));
        }
    }
    let when = match app.lambda.secrets {
        SecretDelivery::Resolve => "the deployed server has it after the next `mcp-cloud deploy`, not before",
        SecretDelivery::Arn => {
            "the server reads it itself: instances that start from now on have it, those that run once they ask again"
        }
    };
    printer.hint(when);
}
