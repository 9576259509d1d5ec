//! `mcp-cloud exec`: runs a command in a task of the service.

use std::{io, process::ExitStatus};

use mcp_cloud_app::target::ecs::CONTAINER;
use mcp_cloud_deploy::service::ExecSession;
use tokio::process::Command;

use crate::{app::Source, execution::failed, failure::Failure, interrupt::Interrupt, printer::Printer, remote, tasks};

/// What takes up a session: <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html>.
const PLUGIN: &str = "session-manager-plugin";

/// Run a command in a task of the service
///
/// Needs `exec = true` under `[ecs]`, an image that has the command, and AWS's session manager plugin on this machine. Ends
/// with the exit code of the plugin, which does not tell that of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
    /// Task to run it in, by its id [default: any that takes commands]
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND", default_value = "/bin/sh")]
    command: Vec<String>,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    require_plugin().await?;
    let session = tasks::interruptible(async {
        let found = tasks::find(&args.source, &args.account, printer).await?;
        let session = found.deployer.execute_command(&found.name, args.task.as_deref(), CONTAINER, &args.command);
        session.await.map_err(failed)
    })
    .await?;
    printer.talk(format_args!("in the task {}", session.task));
    let status = take_up(&session).await?;
    match status.code() {
        Some(0) => Ok(()),
        code => Err(Failure::silent(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Failure::FAILED))),
    }
}

/// A session that nobody takes up would be open for minutes.
async fn require_plugin() -> Result<(), Failure> {
    let found = Command::new(PLUGIN).arg("--version").output().await;
    found.map(drop).map_err(unusable)
}

/// The plugin has the terminal, and what is typed there is the command's business: Ctrl-C, too.
async fn take_up(session: &ExecSession) -> Result<ExitStatus, Failure> {
    let (name, value) = &session.variable;
    let mut plugin =
        Command::new(PLUGIN).args(&session.arguments).env(name, value).kill_on_drop(true).spawn().map_err(unusable)?;
    let mut interrupt = Interrupt::listen()?;
    loop {
        tokio::select! {
            status = plugin.wait() => return Ok(status?),
            () = interrupt.wait() => {}
        }
    }
}

fn unusable(error: io::Error) -> Failure {
    let hint = "install it: <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html>";
    Failure::new(error).context(format!("cannot start `{PLUGIN}`, which opens the session")).hint(hint)
}
