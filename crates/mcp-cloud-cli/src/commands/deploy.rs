//! `mcp-cloud deploy`: builds a server and brings its stack to what `mcp-cloud.toml` says.

use std::path::PathBuf;

use mcp_cloud_app::{App, target::sam::OUTPUT_ENDPOINT};
use mcp_cloud_deploy::{
    Application, Archive, Deployer, Deployment, Observed, Plan, Step,
    apply::{Applied, Change, OnFailure, Rollout},
    build::build,
    change::WarningKind,
    image::platform,
    plan::{self, Choices, Operation},
    source::source,
};
use serde::Serialize;

use crate::{
    app::{self, Source},
    execution::{self, Beyond, Consent, failed},
    failure::Failure,
    hosting::Hosting,
    images::{self, Building, OfService, Order},
    interrupt::{self, Interrupt},
    printer::Printer,
    rehearsal, remote,
    shown::{self, Beside, Channel, Tools},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: remote::Place,
    /// Where the server is to run
    #[arg(long, value_enum, value_name = "TARGET", default_value_t)]
    target: Hosting,
    /// Do what the plan says without asking; needed where nobody can be asked
    #[arg(long)]
    yes: bool,
    /// Show the plan and stop; sends nothing that changes anything
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Deploy to an account in memory instead, with a fault at each call in turn; asks for no credentials, and sends nothing
    /// to AWS
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    rehearse: bool,
    /// With --dry-run, exit with 2 when there is something to do, and with 1 for any failure
    #[arg(long, requires = "dry_run")]
    detailed_exitcode: bool,
    /// What becomes of a server that does not answer as it should
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    on_failure: Failing,
    /// Agree to what CloudFormation would do beyond the plan: a replacement, a removal
    #[arg(long)]
    accept_beyond_plan: bool,
    /// With --yes, agree to the loss of what a resource holds
    #[arg(long)]
    allow_data_loss: bool,
    #[command(flatten)]
    building: Building,
    #[command(flatten)]
    recovery: Recovery,
}

/// What to do with resources that stand in the way.
#[derive(Debug, clap::Args)]
struct Recovery {
    /// Resource that a failed rollback leaves as it is, by its name in the template
    #[arg(long, value_name = "RESOURCE")]
    skip: Vec<String>,
    /// Resource that stays behind when a failed stack is deleted, by its name in the template
    #[arg(long, value_name = "RESOURCE")]
    leave: Vec<String>,
}

/// What becomes of a server that does not answer as it should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Failing {
    /// What ran before runs again; a first deployment is removed
    #[default]
    RollBack,
    /// It is left as it is, to be looked at
    Keep,
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
    #[serde(flatten)]
    beside: &'a Beside,
    #[serde(flatten)]
    applied: &'a Applied,
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
        let of_stack = plan.steps.iter().find_map(|step| match step {
            Step::ExecuteChangeSet { operation, .. } => Some(*operation),
            _ => None,
        });
        let of_service = plan.steps.iter().find_map(|step| match step {
            Step::ChangeService { operation, .. } => Some(*operation),
            _ => None,
        });
        match of_service.or(of_stack) {
            Some(Operation::Create) => Self::Created,
            Some(Operation::Update) if of_service.is_some() => Self::Updated,
            // Changed tags of the stack alone change no resource.
            Some(Operation::Update) if !changes.is_empty() => Self::Updated,
            _ => Self::Unchanged,
        }
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let outcome = deploy(&args, &mut interrupt, printer).await;
    match outcome {
        // Otherwise a file that cannot be read would look like changes that are to be made.
        Err(failure) if args.detailed_exitcode && failure.code() == Failure::USAGE && !failure.is_silent() => {
            Err(failure.exit_code(Failure::FAILED))
        }
        outcome => outcome,
    }
}

async fn deploy(args: &Args, interrupt: &mut Interrupt, printer: &Printer) -> Result<(), Failure> {
    let mut app = args.source.load_to_deploy(args.target.target(), printer)?;
    if args.rehearse {
        let platforms = [platform(app.architecture)];
        let (directory, command) = (args.source.directory.as_path(), "deploy --rehearse");
        let order = Order { app: &app, directory, platforms: &platforms, building: &args.building, command };
        return tokio::select! {
            rehearsed = rehearsal::rehearse(order, args.target.target(), args.place.region(&app), printer) => rehearsed,
            () = interrupt.wait() => Err(Failure::new("interrupted").exit_code(interrupt::exit_code())),
        };
    }
    let prepared = tokio::select! {
        prepared = prepare(args, &mut app, printer) => prepared?,
        () = interrupt.wait() => return Err(remote::interrupted()),
    };
    let Prepared { deployer, observed, deployment, plan, beside, .. } = &prepared;
    remote::announce(&app, deployer, printer);
    if plan.is_empty() {
        printer.talk("nothing has changed, so there is nothing to do");
    }
    let channel = if args.dry_run && !printer.json() { Channel::Data } else { Channel::Talk };
    shown::show(plan, beside, channel, printer);
    if args.dry_run {
        report(&prepared, observed.stack.as_ref(), Outcome::Planned, &Applied::default(), printer);
        let pending = args.detailed_exitcode && !plan.is_empty();
        return if pending { Err(Failure::silent(Failure::CHANGES)) } else { Ok(()) };
    }
    if plan.is_empty() {
        report(&prepared, observed.stack.as_ref(), Outcome::Unchanged, &Applied::default(), printer);
        return Ok(());
    }
    let consent = Consent::from_flag(args.yes);
    refuse_to_lose_data(plan, consent, args.allow_data_loss)?;
    tokio::select! {
        agreed = execution::consent(plan, consent, None, printer) => agreed?,
        () = interrupt.wait() => return Err(remote::interrupted()),
    }
    let rollout = Rollout {
        deployment,
        app: &app,
        token: remote::token(),
        source: source(&args.source.directory).await,
        on_failure: args.on_failure.into(),
    };
    let beyond = Beyond::of(consent, args.accept_beyond_plan);
    let application = Application::deploy(deployer, rollout, observed);
    let applied = execution::execute(application, plan, beyond, interrupt, printer).await?;
    let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
    report(&prepared, stack.as_ref(), Outcome::of(plan, &applied.changes), &applied, printer);
    Ok(())
}

/// Whoever reads a plan may agree to it; a pipeline that says yes to everything has to say this, too.
fn refuse_to_lose_data(plan: &Plan, consent: Consent, allowed: bool) -> Result<(), Failure> {
    let lost = plan.changes.warnings.iter().find(|warning| warning.kind == WarningKind::DataLost);
    match lost {
        Some(lost) if consent == Consent::Given && !allowed => Err(Failure::new(lost.message.clone())
            .hint("pass `--allow-data-loss` if that is what you want")
            .exit_code(Failure::NO_CONSENT)),
        _ => Ok(()),
    }
}

/// Everything that is known before anything is changed.
struct Prepared {
    deployer: Deployer,
    observed: Observed,
    deployment: Deployment,
    plan: Plan,
    beside: Beside,
}

/// What is to run.
enum Made {
    Archive(Archive, PathBuf),
    Image(OfService),
}

async fn make(args: &Args, app: &App, deployer: &Deployer, printer: &Printer) -> Result<Made, Failure> {
    match args.target {
        Hosting::Sam => {
            let package = app.cargo().ok_or_else(|| app::not_cargo("deploy"))?;
            let program = build(package, app.architecture).await.map_err(|error| failed(error.into()))?;
            let archive = Archive::of_file(&program).map_err(|error| failed(error.into()))?;
            Ok(Made::Archive(archive, program))
        }
        Hosting::Ecs => {
            images::of_service(app, &args.source.directory, &args.building, deployer, printer).await.map(Made::Image)
        }
    }
}

async fn prepare(args: &Args, app: &mut App, printer: &Printer) -> Result<Prepared, Failure> {
    // Credentials that are over, and secrets that are missing, are known now; after the build they would have cost a
    // minute.
    if args.target == Hosting::Sam {
        app.cargo().ok_or_else(|| app::not_cargo("deploy"))?;
    }
    let deployer = args.place.connect(app).await?;
    remote::stamp_secrets(&deployer, app).await?;
    let app = &*app;
    let made = make(args, app, &deployer, printer).await?;
    let observed = remote::observe(&deployer, app, args.place.bucket.clone(), printer).await?;
    let bucket = observed.bucket.clone();
    let (deployment, program) = match made {
        Made::Archive(archive, program) => (Deployment::new(app, archive, bucket), Some(program)),
        Made::Image(made) => {
            let place = (deployer.region(), deployer.account());
            let deployment = Deployment::of_service(app, made.image, made.repository.as_deref(), place, bucket);
            (deployment, made.program)
        }
    };
    let deployment = deployment.map_err(failed)?;
    let plan = plan::deploy(&deployment, &observed, &args.recovery.choices()).map_err(failed)?;
    let program = program.as_deref().map(|program| (program, &app.environment));
    let mut beside = Beside::of(&plan, &app.name, &deployer, &observed, Some(&deployment), program).await;
    if program.is_none() && plan.steps.iter().any(|step| matches!(step, Step::RegisterTaskDefinition { .. })) {
        beside.tools = Tools::Unknown("its image was not built on this machine".to_owned());
    }
    Ok(Prepared { deployer, observed, deployment, plan, beside })
}

impl From<Failing> for OnFailure {
    fn from(failing: Failing) -> Self {
        match failing {
            Failing::RollBack => Self::RollBack,
            Failing::Keep => Self::Keep,
        }
    }
}

impl Recovery {
    fn choices(&self) -> Choices {
        Choices { skip: self.skip.clone(), leave: self.leave.clone() }
    }
}

fn report(
    prepared: &Prepared,
    stack: Option<&mcp_cloud_deploy::Stack>,
    outcome: Outcome,
    applied: &Applied,
    printer: &Printer,
) {
    let Prepared { deployer, deployment, plan, beside, .. } = prepared;
    let url = stack.and_then(|stack| stack.outputs.get(OUTPUT_ENDPOINT)).map(String::as_str);
    if printer.json() {
        printer.data(serde_json::json!(Report {
            outcome,
            stack: &deployment.stack,
            account: deployer.account(),
            region: deployer.region(),
            url,
            code_sha256: deployment.code_sha256(),
            plan,
            beside,
            applied,
        }));
    } else if let (Some(url), false) = (url, outcome == Outcome::Planned) {
        printer.data(url);
    }
}
