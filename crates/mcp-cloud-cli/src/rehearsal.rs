//! `mcp-cloud deploy --rehearse`: the whole deployment against an account in memory, with a fault at each call in turn.

use std::{collections::BTreeMap, net::Ipv4Addr, path::Path};

use mcp_cloud_app::{App, app::Trigger};
use mcp_cloud_contract::env;
use mcp_cloud_deploy::{
    Archive, Error,
    build::build,
    rehearsal::{Rehearsal, Rehearsed, passed_on_to},
};
use mcp_cloud_emulator::{Running, Trigger as Emulated};
use serde_json::json;

use crate::{
    app, emulation::Emulation, execution::failed, failure::Failure, printer::Printer, progress::Progress, remote,
};

/// Where it is rehearsed when nothing says where it will be deployed. No call leaves this machine.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
/// How often somebody who reads a log hears how far it is: each time so many cases are done.
const STRIDE: usize = 100;

/// Fails when something that was struck did not come home, and when the deployment fails without being struck.
pub(crate) async fn rehearse(app: &App, region: Option<String>, printer: &Printer) -> Result<(), Failure> {
    let package = app.cargo().ok_or_else(|| app::not_cargo("deploy"))?;
    let program = build(package, app.architecture).await.map_err(|error| failed(error.into()))?;
    let code = Archive::of_file(&program).map_err(|error| failed(error.into()))?;
    let running = run(app, &program).await;
    let skipped = running.as_ref().err().cloned();
    if let Some(why) = &skipped {
        printer.warning(format_args!("the server is not asked in this rehearsal: {why}"));
    }
    let rehearsal = Rehearsal {
        app,
        code: &code,
        account: app.aws.account.clone().unwrap_or_else(|| ACCOUNT.to_owned()),
        region: region.unwrap_or_else(|| REGION.to_owned()),
        token: remote::token(),
        endpoint: running.as_ref().ok().map(|running| passed_on_to(running.address())),
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

/// Runs the program behind an emulated function URL, or says why not.
async fn run(app: &App, program: &Path) -> Result<Running, String> {
    let trigger = match app.lambda.trigger {
        Trigger::FunctionUrl => Emulated::FunctionUrl,
        Trigger::FunctionUrlBuffered => Emulated::FunctionUrlBuffered,
        _ => return Err("only function URLs can be asked in memory".to_owned()),
    };
    if app.architecture.as_str() != machine() {
        return Err(format!("it is built for {}, and this machine is another", app.architecture.as_str()));
    }
    let mut environment = BTreeMap::from([(env::PATH.to_owned(), app.endpoint.path.clone())]);
    environment.extend(app.environment.clone());
    let (program, concurrency) = (program.to_owned(), 1);
    let emulation = Emulation { trigger, concurrency, program, environment, function: Some(app.lambda.clone()) };
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
