//! An account in memory, with an app to deploy to it.

use std::{fs, future::Future, path::PathBuf, pin::Pin, sync::Arc, sync::Mutex};

use aws_smithy_types::body::SdkBody;
use http::Response;
use mcp_cloud_app::{App, Severity, Target};
use mcp_cloud_deploy::{
    Application, Archive, Deployer, Deployment, Error, Observed, Plan, Reporter, ResourceEvent, StackState, Step,
    StepOutcome,
    apply::{OnFailure, Rollout},
    deployment::Bucket,
    mcp::Question,
    plan::{self, Choices},
    rehearsal::{self, Connector},
};
use mcp_cloud_emulator::aws::{Account, Deployed};
use tempfile::TempDir;

use crate::server::{Ask, right};

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
        let connector = Connector::new(self.account.clone()).with_endpoint(Arc::new(serve));
        let config = rehearsal::config(connector, REGION);
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
        let plan = plan::deploy(&deployment, &observed, &Choices::default())?;
        let app = self.app();
        let (token, source, on_failure) = (None, None, OnFailure::RollBack);
        let rollout = Rollout { deployment: &deployment, app: &app, token, source, on_failure };
        execute(plan, Application::deploy(&deployer, rollout, &observed)).await
    }

    pub(crate) async fn destroy(&self) -> Result<Run, Error> {
        let deployer = self.deployer().await?;
        let observed = self.settled(&deployer).await?;
        let plan = plan::destroy("hello", &observed, &Choices::default())?;
        execute(plan, Application::destroy(&deployer, "hello", &observed)).await
    }

    /// Observes, when whatever goes on has ended.
    async fn settled(&self, deployer: &Deployer) -> Result<Observed, Error> {
        let observed = deployer.observe("hello", None).await?;
        match &observed.stack {
            Some(stack) if stack.state() == StackState::Busy => {
                deployer.settle(stack, &|_| ()).await?;
                deployer.observe("hello", None).await
            }
            _ => Ok(observed),
        }
    }
}

async fn execute(plan: Plan, mut application: Application<'_>) -> Result<Run, Error> {
    let heard = Heard::default();
    application.run(&plan, &heard).await?;
    let (outcomes, events) = heard.0.into_inner().expect("nobody panicked with it");
    Ok(Run { plan, outcomes, events })
}

/// What a run says.
#[derive(Default)]
struct Heard(Mutex<(Vec<StepOutcome>, Vec<ResourceEvent>)>);

impl Reporter for Heard {
    fn begin(&self, _: usize, _: usize, _: &Step) {}

    fn resource(&self, event: &ResourceEvent) {
        self.0.lock().expect("nobody panicked with it").1.push(event.clone());
    }

    fn question(&self, _: &Question) {}

    fn note(&self, _: &str) {}

    fn end(&self, outcome: Option<&StepOutcome>) {
        self.0.lock().expect("nobody panicked with it").0.extend(outcome.cloned());
    }

    fn agree<'a>(&'a self, beyond: &'a [String]) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        panic!("nothing is beyond the plan: {beyond:?}")
    }
}

/// What is behind every function URL: a server that is right.
fn serve(_: Deployed, request: http::Request<bytes::Bytes>) -> Pin<Box<dyn Future<Output = Response<SdkBody>> + Send>> {
    let (head, body) = request.into_parts();
    let message = serde_json::from_slice(&body).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let (head, body) = right(&Ask { method: head.method, path, headers: head.headers, body, message }).into_parts();
    Box::pin(std::future::ready(Response::from_parts(head, SdkBody::from(body.pieces.concat()))))
}

/// Runs to the end; nothing here ever waits for anything.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be built")
        .block_on(future)
}
