//! An account in memory, with an app to deploy to it.

use std::{fs, future::Future, path::PathBuf};

use mcp_cloud_app::{App, Severity, Target};
use mcp_cloud_deploy::{
    Application, Archive, Deployer, Deployment, Error, Observed, Plan, ResourceEvent, StepOutcome,
    deployment::Bucket,
    plan,
    rehearsal::{self, Connector},
};
use mcp_cloud_emulator::aws::Account;
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

pub(crate) struct Stage {
    pub(crate) account: Account,
    directory: TempDir,
}

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) outcomes: Vec<StepOutcome>,
    pub(crate) events: Vec<ResourceEvent>,
}

impl Stage {
    pub(crate) fn open() -> Self {
        let stage =
            Self { account: Account::new(ACCOUNT, REGION), directory: TempDir::new().expect("a folder can be made") };
        let package = "[package]\nname = \"hello\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";
        fs::write(stage.directory.path().join("Cargo.toml"), package).expect("the package can be written");
        fs::create_dir(stage.directory.path().join("src")).expect("a folder can be made");
        fs::write(stage.directory.path().join("src/main.rs"), "fn main() {}\n").expect("it can be written");
        stage.write("");
        stage
    }

    /// Writes the app, with more lines of the file.
    pub(crate) fn write(&self, lines: &str) {
        let text = format!("name = \"hello\"\n{lines}\n");
        fs::write(self.file(), text).expect("the app can be written");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("mcp-cloud.toml")
    }

    pub(crate) fn app(&self) -> App {
        App::load(self.file()).unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) async fn deployer(&self) -> Result<Deployer, Error> {
        let config = rehearsal::config(Connector::new(self.account.clone()), REGION);
        Deployer::over(config, Some(ACCOUNT)).await
    }

    pub(crate) fn deployment(&self, code: &str) -> Deployment {
        let app = self.app();
        assert!(Target::Sam.check(&app).iter().all(|finding| finding.severity < Severity::Error), "the app is right");
        let bytes = code.as_bytes().to_vec();
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let sha256 = format!("{digits:0>64}");
        let bucket = Bucket::choose(None, ACCOUNT, REGION);
        Deployment::new(&app, Archive { bytes, sha256 }, bucket).expect("the template is short")
    }

    /// Deploys this code as the command does.
    pub(crate) async fn deploy(&self, code: &str) -> Result<Run, Error> {
        let deployer = self.deployer().await?;
        let deployment = self.deployment(code);
        let observed = self.settled(&deployer).await?;
        let plan = plan::deploy(&deployment, &observed)?;
        execute(plan, Application::deploy(&deployer, &deployment)).await
    }

    pub(crate) async fn destroy(&self) -> Result<Run, Error> {
        let deployer = self.deployer().await?;
        let observed = self.settled(&deployer).await?;
        let plan = plan::destroy("hello", &observed)?;
        execute(plan, Application::destroy(&deployer)).await
    }

    /// Observes, when whatever goes on has ended.
    async fn settled(&self, deployer: &Deployer) -> Result<Observed, Error> {
        let observed = deployer.observe("hello", None).await?;
        match &observed.stack {
            Some(stack) if stack.state() == mcp_cloud_deploy::StackState::Busy => {
                deployer.settle(stack, &|_| ()).await?;
                deployer.observe("hello", None).await
            }
            _ => Ok(observed),
        }
    }
}

async fn execute(plan: Plan, mut application: Application<'_>) -> Result<Run, Error> {
    let events = std::cell::RefCell::new(Vec::new());
    let mut outcomes = Vec::new();
    for step in &plan.steps {
        let report = |event: &ResourceEvent| events.borrow_mut().push(event.clone());
        outcomes.push(application.step(step, &report).await?);
    }
    Ok(Run { plan, outcomes, events: events.into_inner() })
}

/// Runs to the end; nothing here ever waits for anything.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be built")
        .block_on(future)
}
