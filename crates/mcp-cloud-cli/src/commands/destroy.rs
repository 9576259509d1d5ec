//! `mcp-cloud destroy`: removes everything that `deploy` created.

use mcp_cloud_app::App;
use mcp_cloud_deploy::{Application, plan};
use serde_json::json;

use crate::{
    app::Source,
    execution::{self, Consent, failed},
    failure::Failure,
    interrupt::Interrupt,
    printer::Printer,
    remote,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: remote::Place,
    /// Do what the plan says without asking; needed where nobody can be asked
    #[arg(long)]
    yes: bool,
}

/// Succeeds when nothing is there: that is what was asked for.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let app = args.source.load(&[], printer)?;
    tokio::select! {
        outcome = destroy(&args, &app, printer) => outcome,
        () = interrupt.wait() => Err(remote::interrupted()),
    }
}

async fn destroy(args: &Args, app: &App, printer: &Printer) -> Result<(), Failure> {
    let deployer = args.place.connect(app).await?;
    let observed = remote::observe(&deployer, app, args.place.bucket.clone(), printer).await?;
    let plan = plan::destroy(&app.name, &observed).map_err(failed)?;
    remote::announce(app, &deployer, printer);
    execution::list(&plan).for_each(|line| printer.talk(line));
    let consent = Consent::from_flag(args.yes);
    execution::execute(Application::destroy(&deployer), &plan, consent, printer).await?;
    let outcome = if plan.is_empty() { "absent" } else { "destroyed" };
    if printer.json() {
        printer.data(json!({
            "outcome": outcome,
            "stack": app.name,
            "account": deployer.account(),
            "region": deployer.region(),
            "plan": plan,
        }));
    } else if plan.is_empty() {
        printer.talk("nothing is deployed, so there is nothing to do");
    } else {
        printer.talk(format_args!("nothing is left of {}", app.name));
    }
    Ok(())
}
