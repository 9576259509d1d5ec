//! `mcp-cloud status`: shows what is deployed, and whether it is what is here.

use mcp_cloud_app::{App, target::sam::OUTPUT_ENDPOINT};
use mcp_cloud_deploy::{
    Archive, Bucket, Deployer, Deployment, Error, Stack, build,
    deployment::{TAG_BUCKET, code_hash},
    secrets,
};
use serde::Serialize;

use crate::{app::Source, execution::failed, failure::Failure, printer::Printer, remote};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    deployed: bool,
    stack: &'a str,
    account: &'a str,
    region: &'a str,
    #[serde(flatten)]
    details: Option<Details<'a>>,
}

#[derive(Debug, Serialize)]
struct Details<'a> {
    status: &'a str,
    reason: Option<&'a str>,
    url: Option<&'a str>,
    changed: Option<&'a str>,
    code_sha256: Option<&'a str>,
    /// Of the program that was built last; absent when none was.
    built_sha256: Option<String>,
    /// Whether `mcp-cloud.toml` says what is deployed, apart from the code.
    settings_match: bool,
}

/// Succeeds whether or not something is deployed; `--output json` tells the two apart with `deployed`.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let app = args.source.load(&[], printer)?;
    let deployer = args.account.connect(&app).await?;
    let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
    if let Some(foreign) = stack.as_ref().filter(|stack| !stack.is_ours()) {
        return Err(failed(Error::StackNotOurs { stack: foreign.name.clone() }));
    }
    let details = match &stack {
        Some(stack) => Some(details(&app, &deployer, stack).await?),
        None => None,
    };
    let (account, region) = (deployer.account(), deployer.region());
    let report = Report { deployed: stack.is_some(), stack: &app.name, account, region, details };
    if printer.json() {
        printer.data(serde_json::json!(report));
    } else {
        print(&report, printer);
    }
    Ok(())
}

async fn details<'a>(app: &App, deployer: &Deployer, stack: &'a Stack) -> Result<Details<'a>, Failure> {
    let built = match app.cargo() {
        Some(package) => build::find(package, app.architecture).await.map_err(|error| failed(error.into()))?,
        None => None,
    };
    let archive = built.map(|program| Archive::of_file(&program)).transpose().map_err(|error| failed(error.into()))?;
    let template = stack.template.as_deref().unwrap_or_default();
    let code_sha256 = code_hash(template, &app.name);
    // The same app with the code that is deployed: what differs then is the settings.
    let bucket = Bucket::choose(stack.tags.get(TAG_BUCKET).cloned(), deployer.account(), deployer.region());
    let deployed = Archive { bytes: Vec::new(), sha256: code_sha256.unwrap_or_default().to_owned() };
    // A secret that has changed since is a difference, too; one that is missing is none of this command's concern.
    let observed = deployer.observe_secrets(app).await.map_err(failed)?;
    let mut app = app.clone();
    secrets::stamp(&mut app, &observed);
    let wanted = Deployment::new(&app, deployed, bucket).map_err(failed)?;
    Ok(Details {
        status: &stack.status,
        reason: stack.reason.as_deref(),
        url: stack.outputs.get(OUTPUT_ENDPOINT).map(String::as_str),
        changed: stack.changed.as_deref(),
        code_sha256,
        built_sha256: archive.map(|archive| archive.sha256),
        settings_match: wanted.matches(stack),
    })
}

fn print(report: &Report<'_>, printer: &Printer) {
    let Report { stack, account, region, details, .. } = report;
    let Some(details) = details else {
        printer.data(format_args!("{stack} is not deployed in {region}, account {account}"));
        return;
    };
    let line = |name: &str, value: &str| printer.data(format_args!("{name:<9} {value}"));
    line("stack", &format!("{stack} in {region}, account {account}"));
    line("status", &[details.status, details.reason.unwrap_or_default()].join(" ").trim_end().replace('\n', " "));
    line("url", details.url.unwrap_or("none"));
    line("changed", details.changed.unwrap_or("unknown"));
    let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
    let code = match (details.code_sha256, details.built_sha256.as_deref()) {
        (None, _) => "none".to_owned(),
        (Some(code), None) => format!("{}, and none was built here", short(code)),
        (Some(code), Some(built)) if code == built => format!("{}, as built here", short(code)),
        (Some(code), Some(built)) => format!("{}, but {} was built here", short(code), short(built)),
    };
    line("code", &code);
    line("settings", if details.settings_match { "as in mcp-cloud.toml" } else { "not as in mcp-cloud.toml" });
}
