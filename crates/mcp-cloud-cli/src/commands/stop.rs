//! `mcp-cloud stop`: lets a service rest, without tasks and what they cost.

use mcp_cloud_deploy::service::Switched;
use serde_json::json;

use crate::{execution::failed, failure::Failure, printer::Printer, tasks};

/// Let a service rest, without tasks: `start` and the next deployment have it work again
///
/// Calls that are at work are finished. What scales the service by itself, the clock included, lets it rest meanwhile. The
/// load balancer stays, and costs what it costs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    service: tasks::Service,
}

/// A service that rests already is left as it is.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    tasks::interruptible(async {
        let found = tasks::find(&args.service.source, &args.service.account, printer).await?;
        found.announce(printer);
        let switched = found.deployer.stop_service(&found.name).await.map_err(failed)?;
        if switched == Switched::Before {
            printer.talk("it rests already, so there is nothing to do");
        } else {
            let what = format!("wait until the tasks of {} have ended", found.name);
            found.wait(&what, args.service.timeout, printer).await?;
        }
        if printer.json() {
            printer.data(json!({ "service": found.name, "stopped": switched }));
        }
        Ok(())
    })
    .await
}
