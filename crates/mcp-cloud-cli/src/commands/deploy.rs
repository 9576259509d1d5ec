//! `mcp-cloud deploy`: builds a server and brings its stack to what `mcp-cloud.toml` says.

use mcp_cloud_app::{App, Target, target::sam::OUTPUT_ENDPOINT};
use mcp_cloud_deploy::{
    Application, Archive, Deployer, Deployment, Plan, Step, apply::Change, build::build, plan, plan::Operation,
};
use serde::Serialize;

use crate::{
    app::{self, Source},
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
    /// Show the plan and stop; sends nothing that changes anything
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// What was achieved.
#[derive(Debug, Serialize)]
struct Report<'a> {
    outcome: Outcome,
    stack: &'a str,
    account: &'a str,
    region: &'a str,
    /// Of the MCP endpoint; absent when there is none yet.
    url: Option<&'a str>,
    code_sha256: &'a str,
    plan: &'a Plan,
    changes: &'a [Change],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Created,
    Updated,
    Unchanged,
    Planned,
}

impl Outcome {
    fn of(plan: &Plan, changes: &[Change]) -> Self {
        let operation = plan.steps.iter().find_map(|step| match step {
            Step::ExecuteChangeSet { operation, .. } => Some(*operation),
            _ => None,
        });
        match operation {
            Some(Operation::Create) => Self::Created,
            // Changed tags of the stack alone change no resource.
            Some(Operation::Update) if !changes.is_empty() => Self::Updated,
            _ => Self::Unchanged,
        }
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let app = args.source.load(&[Target::Sam], printer)?;
    tokio::select! {
        outcome = deploy(&args, &app, printer) => outcome,
        () = interrupt.wait() => Err(remote::interrupted()),
    }
}

async fn deploy(args: &Args, app: &App, printer: &Printer) -> Result<(), Failure> {
    let package = app.cargo().ok_or_else(|| app::not_cargo("deploy"))?;
    // Credentials that are over are known now; after the build they would have cost a minute.
    let deployer = args.place.connect(app).await?;
    let program = build(package, app.architecture).await.map_err(|error| failed(error.into()))?;
    let archive = Archive::of_file(&program).map_err(|error| failed(error.into()))?;
    let observed = remote::observe(&deployer, app, args.place.bucket.clone(), printer).await?;
    let deployment = Deployment::new(app, archive, observed.bucket.clone()).map_err(failed)?;
    let plan = plan::deploy(&deployment, &observed).map_err(failed)?;
    remote::announce(app, &deployer, printer);
    if plan.is_empty() {
        printer.talk("nothing has changed, so there is nothing to do");
    } else if !args.dry_run || printer.json() {
        execution::list(&plan).for_each(|line| printer.talk(line));
    } else {
        execution::list(&plan).for_each(|line| printer.data(line));
    }
    let (outcome, changes) = if args.dry_run {
        (Outcome::Planned, Vec::new())
    } else {
        let application = Application::deploy(&deployer, &deployment);
        let changes = execution::execute(application, &plan, Consent::from_flag(args.yes), printer).await?;
        (Outcome::of(&plan, &changes), changes)
    };
    report(app, &deployer, &deployment, &plan, outcome, &changes, printer).await
}

async fn report(
    app: &App,
    deployer: &Deployer,
    deployment: &Deployment,
    plan: &Plan,
    outcome: Outcome,
    changes: &[Change],
    printer: &Printer,
) -> Result<(), Failure> {
    let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
    let url = stack.as_ref().and_then(|stack| stack.outputs.get(OUTPUT_ENDPOINT)).map(String::as_str);
    if printer.json() {
        printer.data(serde_json::json!(Report {
            outcome,
            stack: &app.name,
            account: deployer.account(),
            region: deployer.region(),
            url,
            code_sha256: &deployment.archive.sha256,
            plan,
            changes,
        }));
    } else if let (Some(url), false) = (url, outcome == Outcome::Planned) {
        printer.data(url);
    }
    Ok(())
}
