//! `mcp-cloud rollback`: goes back to a revision that answered before.

use mcp_cloud_app::target::sam::OUTPUT_ENDPOINT;
use mcp_cloud_deploy::{
    Application, Deployment, Error, Observed,
    apply::{OnFailure, Rollout},
    plan,
    revision::RevisionKey,
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
    /// Version to go back to [default: the last one that answered before the one that runs]
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
    /// Agree to what CloudFormation would do beyond the plan: a replacement, a removal
    #[arg(long)]
    accept_beyond_plan: bool,
    /// Do what the plan says without asking; needed where nobody can be asked
    #[arg(long)]
    yes: bool,
}

/// The version answers again at once; the stack follows, so that it says what runs.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let app = args.source.load(&[], printer)?;
    let prepare = async {
        let deployer = args.place.connect(&app).await?;
        let observed = remote::observe(&deployer, &app, args.place.bucket.clone(), printer).await?;
        plan::deployed(&app.name, &observed).map_err(failed)?;
        let key = choose(&app.name, &observed, args.to)?;
        let bucket = observed.bucket.clone();
        let revision = deployer.revision(bucket.name(), &app.name, &key).await.map_err(failed)?;
        let missing = || Error::NoRevision { app: app.name.clone(), wanted: Some(key.version.to_string()) };
        let revision = revision.ok_or_else(missing).map_err(failed)?;
        let (version, source) = (revision.version.clone(), revision.source.clone());
        let deployment = Deployment::of_revision(&app, bucket, revision);
        let plan = plan::rollback(&deployment, &version, &observed).map_err(failed)?;
        remote::announce(&app, &deployer, printer);
        let beside = Beside::of(&plan, &app.name, &deployer, &observed, Some(&deployment), None).await;
        shown::show(&plan, &beside, Channel::Talk, printer);
        execution::consent(&plan, Consent::from_flag(args.yes), None, printer).await?;
        Ok::<_, Failure>((deployer, observed, deployment, plan, version, source))
    };
    let (deployer, observed, deployment, plan, version, source) = tokio::select! {
        prepared = prepare => prepared?,
        () = interrupt.wait() => return Err(remote::interrupted()),
    };
    // Where would it go back to? What ran before is what somebody wanted to leave.
    let (deployment, token) = (&deployment, remote::token());
    let rollout = Rollout { deployment, app: &app, token, source, on_failure: OnFailure::Keep };
    let application = Application::deploy(&deployer, rollout, &observed);
    let beyond = Beyond::of(Consent::from_flag(args.yes), args.accept_beyond_plan);
    execution::execute(application, &plan, beyond, &mut interrupt, printer).await?;
    let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
    let url = stack.as_ref().and_then(|stack| stack.outputs.get(OUTPUT_ENDPOINT));
    if printer.json() {
        let outcome = if plan.is_empty() { "unchanged" } else { "rolled-back" };
        printer.data(json!({
            "outcome": outcome,
            "stack": app.name,
            "account": deployer.account(),
            "region": deployer.region(),
            "version": version,
            "url": url,
            "plan": plan,
        }));
        return Ok(());
    }
    if plan.is_empty() {
        printer.talk(format_args!("version {version} is what runs, so there is nothing to do"));
    }
    url.into_iter().for_each(|url| printer.data(url));
    Ok(())
}

/// The revision that was asked for, or the last one before what runs.
fn choose(app: &str, observed: &Observed, wanted: Option<u64>) -> Result<RevisionKey, Failure> {
    let runs = observed.running().unwrap_or_default();
    let mut revisions = observed.revisions(app).into_iter().rev();
    let found = match wanted {
        Some(version) => revisions.find(|revision| revision.version == version),
        None => {
            let mut before = revisions.skip_while(|revision| revision.version.to_string() != runs).skip(1);
            before.next().or_else(|| {
                // What runs never answered, so it has no record: any that has one was before it.
                let current: u64 = runs.parse().ok()?;
                observed.revisions(app).into_iter().rev().find(|revision| revision.version < current)
            })
        }
    };
    let none = Error::NoRevision { app: app.to_owned(), wanted: wanted.map(|version| version.to_string()) };
    found.ok_or_else(|| failed(none))
}
