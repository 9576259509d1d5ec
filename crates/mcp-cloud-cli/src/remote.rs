//! What the commands that talk to AWS share: where, with whom, and what is there.

use mcp_cloud_app::App;
use mcp_cloud_contract::env;
use mcp_cloud_deploy::{
    Deployer, Observed, StackState,
    mcp::Token,
    secrets::{self, SecretError},
};

use crate::{execution::failed, failure::Failure, interrupt, printer::Printer, progress::Progress};

/// In which account and region to look.
#[derive(Debug, clap::Args)]
pub(crate) struct Account {
    /// AWS region [default: the one in mcp-cloud.toml, else that of the AWS environment or profile]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Profile of the AWS configuration with the credentials [default: that of `AWS_PROFILE`]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

impl Account {
    /// The command line decides over the region, then the file, then the AWS environment.
    pub(crate) fn place(&self, app: &App) -> mcp_cloud_deploy::Place {
        mcp_cloud_deploy::Place {
            region: self.region.clone().or_else(|| app.aws.region.clone()),
            account: app.aws.account.clone(),
            profile: self.profile.clone(),
        }
    }

    /// Finds the account.
    pub(crate) async fn connect(&self, app: &App) -> Result<Deployer, Failure> {
        Deployer::connect(self.place(app)).await.map_err(failed)
    }
}

/// Where the app is, or is to be.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    #[command(flatten)]
    account: Account,
    /// S3 bucket for the code [default: the one used before, else one made for the account and region]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
}

impl Place {
    /// The region that is named on the command line or in the file.
    pub(crate) fn region(&self, app: &App) -> Option<String> {
        self.account.place(app).region
    }

    /// Finds the account.
    pub(crate) async fn connect(&self, app: &App) -> Result<Deployer, Failure> {
        self.account.connect(app).await
    }
}

/// Reads what there is. An operation that an earlier run or somebody else began is waited for first.
pub(crate) async fn observe(
    deployer: &Deployer,
    app: &App,
    bucket: Option<String>,
    printer: &Printer,
) -> Result<Observed, Failure> {
    loop {
        let observed = deployer.observe(&app.name, bucket.clone()).await.map_err(failed)?;
        match &observed.stack {
            Some(stack) if stack.is_ours() && stack.state() == StackState::Busy => {
                let what = format!("wait for the stack `{}`, which is in {}", stack.name, stack.status);
                let progress = Progress::start(printer, &what);
                deployer.settle(stack, &|event| progress.event(event)).await.map_err(failed)?;
            }
            _ => return Ok(observed),
        }
    }
}

/// Says what is about to be changed where.
pub(crate) fn announce(app: &App, deployer: &Deployer, printer: &Printer) {
    printer.talk(format_args!("{} in {}, account {}", app.name, deployer.region(), deployer.account()));
}

/// Whoever interrupts a command should know that this stops the waiting, not AWS.
pub(crate) fn interrupted() -> Failure {
    Failure::new("interrupted")
        .hint("what AWS had begun goes on; `mcp-cloud status` shows it, and the same command takes it up again")
        .exit_code(interrupt::exit_code())
}

/// The bearer token that is shown to a server that asks for one.
pub(crate) fn token() -> Option<Token> {
    Token::new(&std::env::var(env::TOKEN).ok()?)
}

/// Makes sure that every secret the app needs is there, and notes in it which versions of them are current.
pub(crate) async fn stamp_secrets(deployer: &Deployer, app: &mut App) -> Result<(), Failure> {
    let observed = deployer.observe_secrets(app).await.map_err(failed)?;
    let missing = secrets::missing(&observed);
    if !missing.is_empty() {
        return Err(failed(SecretError::Missing(missing).into()));
    }
    secrets::stamp(app, &observed);
    Ok(())
}
