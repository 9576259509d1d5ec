//! `mcp-cloud wait`: waits until something that goes on has come to its end.

use std::time::Duration;

use clap::ValueEnum;
use mcp_cloud_app::{App, target::sam::OUTPUT_ENDPOINT};
use serde_json::json;

use crate::{
    app::Source, duration, execution::failed, failure::Failure, interrupt::Interrupt, printer::Printer,
    progress::Progress, remote, server,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: remote::Place,
    /// What is waited for
    #[arg(long = "for", value_enum, value_name = "WHAT", default_value_t)]
    awaited: Awaited,
    /// How long at most, such as `90s`, `10m` or `1h`; after it the exit code is 124
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    timeout: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Awaited {
    /// The stack is as its template says, and no operation goes on; fails at once where nothing is deployed
    #[default]
    Deployed,
    /// The endpoint answers MCP
    Serving,
    /// Neither the stack nor its code is left
    Gone,
}

impl Awaited {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Serving => "serving",
            Self::Gone => "gone",
        }
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let app = args.source.load(&[], printer)?;
    tokio::select! {
        outcome = tokio::time::timeout(args.timeout, wait(&args, &app, printer)) => outcome.unwrap_or_else(|_| Err(too_long(&args))),
        () = interrupt.wait() => Err(remote::interrupted()),
    }
}

async fn wait(args: &Args, app: &App, printer: &Printer) -> Result<(), Failure> {
    let deployer = args.place.connect(app).await?;
    remote::announce(app, &deployer, printer);
    let url = {
        let progress = Progress::start(printer, &format!("wait until {} is {}", app.name, args.awaited.as_str()));
        match args.awaited {
            Awaited::Gone => {
                let bucket = args.place.bucket.clone();
                deployer.wait_until_gone(app, bucket, &|event| progress.event(event)).await.map_err(failed)?;
                None
            }
            Awaited::Deployed | Awaited::Serving => {
                let stack =
                    deployer.wait_until_deployed(&app.name, &|event| progress.event(event)).await.map_err(failed)?;
                let url = stack.outputs.get(OUTPUT_ENDPOINT).cloned();
                if let (Awaited::Serving, Some(url)) = (args.awaited, &url) {
                    deployer.wait_until_serving(app, stack.target(), url, server::token()?).await;
                }
                url
            }
        }
    };
    if printer.json() {
        printer.data(json!({ "reached": args.awaited.as_str(), "stack": app.name, "url": url }));
    } else if let Some(url) = url {
        printer.data(url);
    }
    Ok(())
}

fn too_long(args: &Args) -> Failure {
    let what = args.awaited.as_str();
    Failure::new(format!("it is not {what} after {} s", args.timeout.as_secs()))
        .hint("`mcp-cloud status` shows what goes on; `--timeout` waits longer")
        .exit_code(Failure::TIMED_OUT)
}
