//! `mcp-cloud scale`: has a service run another number of tasks.

use serde_json::json;

use crate::{execution::failed, failure::Failure, printer::Printer, tasks};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    service: tasks::Service,
    /// How many tasks; `stop` is for none at all
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    tasks: u32,
}

/// Waits until all of them answer, or those that are too many have ended.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    tasks::interruptible(async {
        let found = tasks::find(&args.service.source, &args.service.account, printer).await?;
        found.announce(printer);
        let scaled = found.deployer.set_tasks(&found.name, args.tasks).await.map_err(failed)?;
        if let (true, Some((least, most))) = (scaled.is_passing(), scaled.bounds) {
            printer.warning(format_args!(
                "the service scales by itself between {least} and {most} tasks, and will be back there soon"
            ));
            printer.hint("write other bounds, `minimum` and `maximum` under `[scaling]`, and deploy");
        }
        let what = format!("wait until {} has {} tasks instead of {}", found.name, scaled.tasks, scaled.before);
        found.wait(&what, args.service.timeout, printer).await?;
        if printer.json() {
            let outcome = json!({ "service": found.name, "before": scaled.before, "tasks": scaled.tasks });
            printer.data(outcome);
        }
        Ok(())
    })
    .await
}
