//! `mcp-cloud destroy`: removes everything that `deploy` created.

use mcp_cloud_deploy::{
    Application,
    plan::{self, Choices},
};
use serde_json::json;

use crate::{
    app::Source,
    execution::{self, Beyond, Consent, failed},
    failure::Failure,
    interrupt::Interrupt,
    printer::Printer,
    remote,
    shown::{self, Beside, Channel},
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
    /// Resource that stays behind because it cannot be deleted, by its name in the template
    #[arg(long, value_name = "RESOURCE")]
    leave: Vec<String>,
}

/// Succeeds when nothing is there: that is what was asked for.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let app = args.source.load(&[], printer)?;
    let prepare = async {
        let deployer = args.place.connect(&app).await?;
        let observed = remote::observe(&deployer, &app, args.place.bucket.clone(), printer).await?;
        let choices = Choices { leave: args.leave.clone(), ..Choices::default() };
        let plan = plan::destroy(&app.name, &observed, &choices).map_err(failed)?;
        remote::announce(&app, &deployer, printer);
        let beside = Beside::of(&plan, &app.name, &deployer, &observed, None, None).await;
        shown::show(&plan, &beside, Channel::Talk, printer);
        execution::consent(&plan, Consent::from_flag(args.yes), Some(&app.name), printer).await?;
        Ok::<_, Failure>((deployer, observed, plan))
    };
    let (deployer, observed, plan) = tokio::select! {
        prepared = prepare => prepared?,
        () = interrupt.wait() => return Err(remote::interrupted()),
    };
    let application = Application::destroy(&deployer, &app.name, &observed);
    let applied = execution::execute(application, &plan, Beyond::Refused, &mut interrupt, printer).await?;
    let outcome = if plan.is_empty() { "absent" } else { "destroyed" };
    if printer.json() {
        printer.data(json!({
            "outcome": outcome,
            "stack": app.name,
            "account": deployer.account(),
            "region": deployer.region(),
            "plan": plan,
            "left_behind": applied.left_behind,
        }));
    } else if plan.is_empty() {
        printer.talk("nothing is deployed, so there is nothing to do");
    } else if applied.left_behind.is_empty() {
        printer.talk(format_args!("nothing is left of {}", app.name));
    }
    for left in &applied.left_behind {
        printer.talk(format_args!("left of {}: {left}", app.name));
        printer.hint(&left.hint());
    }
    Ok(())
}
