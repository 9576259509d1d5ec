//! `mcp-cloud start`: has a service that rests work again.

use mcp_cloud_deploy::service::Switched;
use serde_json::json;

use crate::{execution::failed, failure::Failure, printer::Printer, tasks};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    service: tasks::Service,
    /// How many tasks [default: as few as mcp-cloud.toml allows]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    tasks: Option<u32>,
}

/// A service that works already is left as it is.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    tasks::interruptible(async {
        let found = tasks::find(&args.service.source, &args.service.account, printer).await?;
        found.announce(printer);
        let tasks = args.tasks.unwrap_or(found.app.ecs.minimum).max(1);
        let switched = found.deployer.start_service(&found.name, tasks).await.map_err(failed)?;
        if switched == Switched::Before {
            printer.talk("it works already, so there is nothing to do");
        } else {
            let what = format!("wait until the tasks of {} answer", found.name);
            found.wait(&what, args.service.timeout, printer).await?;
        }
        if printer.json() {
            printer.data(json!({ "service": found.name, "started": switched }));
        }
        Ok(())
    })
    .await
}
