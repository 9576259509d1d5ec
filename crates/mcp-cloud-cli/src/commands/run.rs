//! `mcp-cloud run`: runs a task once beside the service, and shows what it says.

use std::{ops::ControlFlow, time::Duration};

use mcp_cloud_app::target::ecs::CONTAINER;
use mcp_cloud_deploy::{
    logs::{LogEvent, LogQuery, query::parse_time},
    service::{OneOff, TaskRun},
};
use serde_json::json;

use crate::{
    app::Source,
    duration,
    execution::failed,
    failure::Failure,
    log_line,
    printer::Printer,
    progress::Progress,
    remote,
    tasks::{self, Found},
};

/// Run a task once beside the service, and show what it logs
///
/// The task is of the revision that the service runs, in its network and with its rights. Ends with the exit code of the
/// program.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
    /// How long the task may take, such as `90s`, `10m` or `1h`; after it, it is stopped
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    timeout: Duration,
    /// Arguments of the image's program, or the command where the image names no program
    #[arg(last = true, value_name = "ARGUMENT")]
    command: Vec<String>,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    tasks::interruptible(async {
        let found = tasks::find(&args.source, &args.account, printer).await?;
        found.announce(printer);
        let since = parse_time("0s", std::time::SystemTime::now())?;
        let one_off = OneOff { container: CONTAINER.to_owned(), command: args.command.clone(), limit: args.timeout };
        let ended = {
            let _progress = Progress::start(printer, &format!("run a task beside {}", found.name));
            found.deployer.run_task(&found.name, &one_off).await.map_err(failed)?
        };
        let said = said(&found, &ended, since).await?;
        if printer.json() {
            let said: Vec<_> = said.iter().map(|event| &event.message).collect();
            printer.data(json!({ "run": ended, "said": said }));
        } else if said.iter().try_for_each(|event| shown(event, printer)).is_break() {
            return Ok(());
        }
        judge(&ended)
    })
    .await
}

/// What the task wrote to its log. CloudWatch has it when the task has ended, for its log is flushed before.
async fn said(found: &Found, ended: &TaskRun, since: i64) -> Result<Vec<LogEvent>, Failure> {
    let Some(log) = &ended.log else { return Ok(Vec::new()) };
    let query = LogQuery::new(vec![log.group.clone()], since);
    let mut events = Vec::new();
    let mut take = |event: LogEvent| {
        if event.stream == log.stream {
            events.push(event);
        }
    };
    found.deployer.read_logs(&query, &mut take).await.map_err(failed)?;
    Ok(events)
}

fn shown(event: &LogEvent, printer: &Printer) -> ControlFlow<()> {
    match log_line::show(event, printer) {
        Ok(()) => ControlFlow::Continue(()),
        // Nobody reads any more.
        Err(_) => ControlFlow::Break(()),
    }
}

/// The program's exit code is that of the command, as far as exit codes go.
fn judge(ended: &TaskRun) -> Result<(), Failure> {
    match ended.exit_code {
        Some(0) => Ok(()),
        code => {
            let failure = Failure::new(ended.stop.to_string());
            let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Failure::FAILED);
            Err(failure.perhaps_hint(ended.stop.kind().hint()).exit_code(code))
        }
    }
}
