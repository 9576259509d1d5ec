//! `mcp-cloud status`: shows what runs, how it does, and whether it is what is here.

use mcp_cloud_app::{App, Target};
use mcp_cloud_deploy::{
    Archive, Deployer, Deployment, Stack, build,
    deployment::Image,
    image::{Contents, platform},
    plan, secrets,
    status::{Health, Status},
};
use serde::Serialize;

use crate::{app::Source, execution::failed, failure::Failure, overview, printer::Printer, remote};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
    /// Ask AWS alone, and not the server whether it answers
    #[arg(long)]
    offline: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    deployed: bool,
    pub(crate) stack: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    #[serde(flatten)]
    pub(crate) details: Option<Details>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Details {
    #[serde(flatten)]
    pub(crate) status: Status,
    pub(crate) code_sha256: Option<String>,
    /// Of the program that was built last; absent when none was.
    pub(crate) built_sha256: Option<String>,
    /// Whether `mcp-cloud.toml` says what is deployed, apart from the code.
    pub(crate) settings_match: bool,
}

/// Succeeds whether or not something is deployed; `--output json` tells the two apart with `deployed`.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let app = args.source.load(&[], printer)?;
    let deployer = args.account.connect(&app).await?;
    let observed = deployer.observe(&app.name, None).await.map_err(failed)?;
    let health = if args.offline { Health::Skip } else { Health::Ask(remote::token()) };
    let status = deployer.status(&app, &observed, health).await.map_err(failed)?;
    let details = match (&observed.stack, status) {
        (Some(stack), Some(status)) => Some(details(&app, &deployer, stack, status, &observed).await?),
        _ => None,
    };
    let (account, region) = (deployer.account(), deployer.region());
    let report = Report { deployed: observed.stack.is_some(), stack: &app.name, account, region, details };
    if printer.json() {
        printer.data(serde_json::json!(report));
    } else {
        overview::lines(&report).into_iter().for_each(|line| printer.data(line));
    }
    Ok(())
}

/// Holds what is deployed against what is here.
async fn details(
    app: &App,
    deployer: &Deployer,
    stack: &Stack,
    status: Status,
    observed: &mcp_cloud_deploy::Observed,
) -> Result<Details, Failure> {
    let built = match app.cargo() {
        Some(package) => build::find(package, app.architecture).await.map_err(|error| failed(error.into()))?,
        None => None,
    };
    let code_sha256 = observed.code_sha256(&app.name);
    // A secret that has changed since is a difference, too; one that is missing is none of this command's concern.
    let secrets = deployer.observe_secrets(app).await.map_err(failed)?;
    let mut app = app.clone();
    secrets::stamp(&mut app, &secrets);
    let deployed = code_sha256.clone().unwrap_or_default();
    let bucket = observed.bucket.clone();
    // The same app with the code that is deployed: what differs then is the settings.
    let (wanted, built_sha256) = match stack.target() {
        Target::Ecs => {
            let built = match built {
                Some(program) => {
                    let programs = [(platform(app.architecture), program)].into();
                    Some(Contents::of_programs(&app, &programs).map_err(failed)?)
                }
                None => None,
            };
            let image = Image { digest: format!("sha256:{deployed}"), contents: None };
            let place = (deployer.region(), deployer.account());
            let wanted = Deployment::of_service(&app, image, app.ecs.repository.as_deref(), place, bucket);
            (wanted, built.map(|image| image.digest().trim_start_matches("sha256:").to_owned()))
        }
        _ => {
            let built = built.map(|program| Archive::of_file(&program)).transpose();
            let built = built.map_err(|error| failed(error.into()))?;
            let deployed = Archive { bytes: Vec::new(), sha256: deployed };
            (Deployment::new(&app, deployed, bucket), built.map(|archive| archive.sha256))
        }
    };
    let settings_match = plan::is_current(&wanted.map_err(failed)?, observed);
    Ok(Details { status, code_sha256, built_sha256, settings_match })
}
