//! `mcp-cloud deploy --rehearse`: the whole deployment against an account in memory, with a fault at each call in turn.

use std::{collections::BTreeMap, net::Ipv4Addr, path::Path};

use mcp_cloud_app::{
    App, Target,
    app::{AuthMode, Trigger},
};
use mcp_cloud_contract::env;
use mcp_cloud_deploy::{
    Archive, Error,
    build::build,
    rehearsal::{Code, Name, Rehearsal, Rehearsed, passed_on_to},
};
use mcp_cloud_emulator::{Running, Trigger as Emulated};
use serde_json::json;

use crate::{
    app,
    emulation::Emulation,
    execution::failed,
    failure::Failure,
    images::{self, Order},
    printer::Printer,
    progress::Progress,
    remote,
};

/// Where it is rehearsed when nothing says where it will be deployed. No call leaves this machine.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
/// How often somebody who reads a log hears how far it is: each time so many cases are done.
const STRIDE: usize = 100;

/// Fails when something that was struck did not come home, and when the deployment fails without being struck.
pub(crate) async fn rehearse(
    order: Order<'_>,
    target: Target,
    region: Option<String>,
    printer: &Printer,
) -> Result<(), Failure> {
    let app = order.app;
    let (code, program) = match target {
        Target::Ecs => {
            let built = images::build(order, printer).await?;
            (Code::Image(built.contents.into()), built.programs.into_values().next())
        }
        _ => {
            let package = app.cargo().ok_or_else(|| app::not_cargo(order.command))?;
            let program = build(package, app.architecture).await.map_err(|error| failed(error.into()))?;
            (Code::Archive(Archive::of_file(&program).map_err(|error| failed(error.into()))?), Some(program))
        }
    };
    let running = match &program {
        Some(program) => run(app, target, program).await,
        None => Err("it is not on this machine".to_owned()),
    };
    let skipped = running.as_ref().err().cloned();
    if let Some(why) = &skipped {
        printer.warning(format_args!("the server is not asked in this rehearsal: {why}"));
    }
    let name = if target == Target::Ecs { Name::Local } else { Name::AsAsked };
    let rehearsal = Rehearsal {
        app,
        code,
        account: app.aws.account.clone().unwrap_or_else(|| ACCOUNT.to_owned()),
        region: region.unwrap_or_else(|| REGION.to_owned()),
        token: remote::token(),
        endpoint: running.as_ref().ok().map(|running| passed_on_to(running.address(), name)),
    };
    let progress = Progress::start(printer, "rehearse the deployment in memory; nothing is sent to AWS");
    let report = |done, of| {
        if done % STRIDE == 0 || done == of {
            progress.note(&format!("{done} of {of} cases"));
        }
    };
    let rehearsed = rehearsal.run(&report).await;
    drop(progress);
    if let Ok(running) = running {
        running.stop().await;
    }
    show(&rehearsed.map_err(unstruck)?, skipped.as_deref(), printer)
}

/// Runs the program behind an emulated function URL, or as the load balancer of a service finds it; or says why not.
async fn run(app: &App, target: Target, program: &Path) -> Result<Running, String> {
    let trigger = match (target, app.lambda.trigger) {
        (Target::Ecs, _) if app.auth.mode == AuthMode::Jwt => {
            return Err("no load balancer looks at tokens in memory".to_owned());
        }
        (Target::Ecs, _) => Emulated::Direct,
        (_, Trigger::FunctionUrl) => Emulated::FunctionUrl,
        (_, Trigger::FunctionUrlBuffered) => Emulated::FunctionUrlBuffered,
        _ => return Err("only function URLs can be asked in memory".to_owned()),
    };
    if app.architecture.as_str() != machine() {
        return Err(format!("it is built for {}, and this machine is another", app.architecture.as_str()));
    }
    let mut environment = BTreeMap::from([(env::PATH.to_owned(), app.endpoint.path.clone())]);
    environment.extend(app.environment.clone());
    let (program, concurrency) = (program.to_owned(), 1);
    let function = (target != Target::Ecs).then(|| app.lambda.clone());
    let emulation = Emulation { trigger, concurrency, program, environment, function };
    let listening = emulation.listen((Ipv4Addr::LOCALHOST, 0).into(), |_| ()).await;
    listening.map_err(|error| Failure::new(error).to_string())
}

/// As `resources.architecture` calls it.
fn machine() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { std::env::consts::ARCH }
}

fn unstruck(error: Error) -> Failure {
    failed(error).context("the deployment fails without any fault")
}

/// The table is what was asked for; what failed stands below it.
fn show(rehearsed: &Rehearsed, skipped: Option<&str>, printer: &Printer) -> Result<(), Failure> {
    let Rehearsed { steps, calls, cases, failed } = rehearsed;
    if printer.json() {
        printer.data(json!({
            "steps": steps, "calls": calls, "cases": cases, "failed": failed, "server_not_asked": skipped,
        }));
    } else {
        printer.data(format_args!("{:>5} {:>6} {:>7}  step", "calls", "cases", "failed"));
        for step in steps {
            printer.data(format_args!("{:>5} {:>6} {:>7}  {}", step.calls, step.cases, step.failed, step.step));
        }
        printer.data(format_args!("{calls:>5} {cases:>6} {:>7}  together", failed.len()));
        for case in failed {
            printer.data(format_args!("call {} ({}), {}: {}", case.call, case.action, case.fault, case.problem));
        }
    }
    match failed.len() {
        0 => Ok(()),
        number => Err(Failure::new(format!("{number} of {cases} deployments that were struck did not come home"))),
    }
}
