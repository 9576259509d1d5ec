//! An account in memory, with an app to deploy to it.

use std::{collections::BTreeMap, fs, future::Future, path::PathBuf, pin::Pin, sync::Arc, sync::Mutex};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use mcp_cloud_app::{App, Severity, Target};
use mcp_cloud_deploy::{
    Application, Archive, Deployer, Deployment, Error, Observed, Plan, Reporter, ResourceEvent, StackState, Step,
    StepOutcome,
    apply::{Applied, OnFailure, Rollout},
    deployment::{Bucket, Image},
    image::{Contents, platform},
    logs::LogEvent,
    mcp::Question,
    plan::{self, Choices},
    rehearsal::{self, Connector, Endpoint},
};
use mcp_cloud_emulator::aws::{Account, Deployed, Served};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::server::{Ask, right};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

pub(crate) type Reply = Pin<Box<dyn Future<Output = Response<SdkBody>> + Send>>;

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) account: Account,
    directory: Arc<TempDir>,
    behind: Arc<Endpoint>,
    /// For a service: what its images are pushed to, as long as the last deployer is used. A function has none.
    registry: Option<Arc<Mutex<Option<Served>>>>,
    /// Images by their code; to assemble one takes longer than everything else.
    images: Arc<Mutex<BTreeMap<String, Image>>>,
    /// What runs have shown of the server's log.
    pub(crate) shown: Arc<Mutex<Vec<LogEvent>>>,
}

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) outcomes: Vec<StepOutcome>,
    pub(crate) events: Vec<ResourceEvent>,
    pub(crate) applied: Applied,
}

impl Stage {
    pub(crate) fn open() -> Self {
        let directory = Arc::new(TempDir::new().expect("a folder can be made"));
        let account = Account::new(ACCOUNT, REGION);
        let stage = Self {
            account,
            directory,
            behind: Arc::new(serve),
            registry: None,
            images: Arc::default(),
            shown: Arc::default(),
        };
        let package = "[package]\nname = \"hello\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";
        fs::write(stage.directory.path().join("Cargo.toml"), package).expect("the package can be written");
        fs::create_dir(stage.directory.path().join("src")).expect("a folder can be made");
        fs::write(stage.directory.path().join("src/main.rs"), "fn main() {}\n").expect("it can be written");
        stage.write("");
        stage
    }

    /// The same app as a service on ECS. Its images are pushed over a socket.
    pub(crate) fn on_ecs(self) -> Self {
        Self { registry: Some(Arc::default()), ..self }
    }

    /// The same app over another account.
    pub(crate) fn over(&self, account: &Account) -> Self {
        Self { account: account.clone(), ..self.clone() }
    }

    /// The same with another program behind the function URL.
    pub(crate) fn with(&self, behind: impl Fn(Deployed, Request<Bytes>) -> Reply + Send + Sync + 'static) -> Self {
        Self { behind: Arc::new(behind), ..self.clone() }
    }

    /// Writes the app, with more lines of the file.
    pub(crate) fn write(&self, lines: &str) {
        let text = format!("name = \"hello\"\n{lines}\n");
        fs::write(self.file(), text).expect("the app can be written");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("mcp-cloud.toml")
    }

    /// Another app of the same name, with these lines.
    pub(crate) fn app_of(&self, lines: &str) -> App {
        let directory = TempDir::new().expect("a folder can be made");
        let file = directory.path().join("mcp-cloud.toml");
        fs::write(&file, format!("name = \"hello\"\n{lines}\n")).expect("the app can be written");
        App::load(file).unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) fn app(&self) -> App {
        App::load(self.file()).unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) async fn deployer(&self) -> Result<Deployer, Error> {
        let connector = Connector::new(self.account.clone()).with_endpoint(Arc::clone(&self.behind));
        let config = rehearsal::config(connector, REGION);
        let deployer = Deployer::over(config, Some(ACCOUNT)).await?;
        let Some(registry) = &self.registry else { return Ok(deployer) };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let served = self.account.serve(listener).expect("it has an address");
        let deployer = deployer.with_registry(served.url().trim_start_matches("http://"));
        *registry.lock().expect("nobody panicked with it") = Some(served);
        Ok(deployer)
    }

    pub(crate) fn deployment(&self, code: &str) -> Deployment {
        let app = self.app();
        if self.registry.is_some() {
            return self.service(&app, code);
        }
        assert!(Target::Sam.check(&app).iter().all(|finding| finding.severity < Severity::Error), "the app is right");
        let bytes = code.as_bytes().to_vec();
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let sha256 = format!("{digits:0<64}");
        let bucket = Bucket::choose(None, ACCOUNT, REGION);
        Deployment::new(&app, Archive { bytes, sha256 }, bucket).expect("the template is short")
    }

    fn service(&self, app: &App, code: &str) -> Deployment {
        assert!(Target::Ecs.check(app).iter().all(|finding| finding.severity < Severity::Error), "the app is right");
        let mut images = self.images.lock().expect("nobody panicked with it");
        let image = images.entry(code.to_owned()).or_insert_with(|| {
            let program = self.directory.path().join("program");
            fs::write(&program, [static_program().as_slice(), code.as_bytes()].concat()).expect("it can be written");
            let programs = [(platform(app.architecture), program)].into();
            Contents::of_programs(app, &programs).expect("it can be packed").into()
        });
        let image = image.clone();
        let bucket = Bucket::choose(None, ACCOUNT, REGION);
        Deployment::of_service(app, image, None, (REGION, ACCOUNT), bucket).expect("the template is short")
    }

    /// Deploys this code as the command does.
    pub(crate) async fn deploy(&self, code: &str) -> Result<Run, Error> {
        self.deploy_with(code, &Choices::default()).await
    }

    pub(crate) async fn deploy_with(&self, code: &str, choices: &Choices) -> Result<Run, Error> {
        let deployer = self.deployer().await?;
        let deployment = self.deployment(code);
        let observed = self.settled(&deployer).await?;
        let plan = plan::deploy(&deployment, &observed, choices)?;
        self.execute(plan, &deployer, &deployment, &observed, OnFailure::RollBack).await
    }

    /// What a deployment of this code would do.
    pub(crate) async fn plan(&self, code: &str) -> Result<Plan, Error> {
        let deployer = self.deployer().await?;
        let observed = self.settled(&deployer).await?;
        plan::deploy(&self.deployment(code), &observed, &Choices::default())
    }

    pub(crate) async fn execute(
        &self,
        plan: Plan,
        deployer: &Deployer,
        deployment: &Deployment,
        observed: &Observed,
        on_failure: OnFailure,
    ) -> Result<Run, Error> {
        let app = self.app();
        let (token, source) = (None, None);
        let rollout = Rollout { deployment, app: &app, token, source, on_failure };
        self.carry_out(plan, Application::deploy(deployer, rollout, observed)).await
    }

    /// Goes back to a version as the command does.
    pub(crate) async fn rollback(&self, version: u64) -> Result<Run, Error> {
        let deployer = self.deployer().await?;
        let (plan, deployment, observed) = self.way_back(&deployer, version).await?;
        self.execute(plan, &deployer, &deployment, &observed, OnFailure::Keep).await
    }

    /// What going back to a version would do.
    pub(crate) async fn rollback_plan(&self, version: u64) -> Result<Plan, Error> {
        let deployer = self.deployer().await?;
        Ok(self.way_back(&deployer, version).await?.0)
    }

    async fn way_back(&self, deployer: &Deployer, version: u64) -> Result<(Plan, Deployment, Observed), Error> {
        let observed = self.settled(deployer).await?;
        let key = observed.revisions("hello").into_iter().find(|kept| kept.version == version);
        let none = || Error::NoRevision { app: "hello".to_owned(), wanted: Some(version.to_string()) };
        let key = key.ok_or_else(none)?;
        let bucket = observed.bucket.clone();
        let revision = deployer.revision(bucket.name(), "hello", &key).await?.ok_or_else(none)?;
        let deployment = Deployment::of_revision(&self.app(), bucket, revision);
        let plan = plan::rollback(&deployment, &version.to_string(), &observed)?;
        Ok((plan, deployment, observed))
    }

    pub(crate) async fn destroy(&self) -> Result<Run, Error> {
        self.destroy_with(&Choices::default()).await
    }

    pub(crate) async fn destroy_with(&self, choices: &Choices) -> Result<Run, Error> {
        let deployer = self.deployer().await?;
        let observed = self.settled(&deployer).await?;
        let plan = plan::destroy("hello", &observed, choices)?;
        self.carry_out(plan, Application::destroy(&deployer, "hello", &observed)).await
    }

    async fn carry_out(&self, plan: Plan, mut application: Application<'_>) -> Result<Run, Error> {
        let heard = Heard { told: Mutex::default(), shown: Arc::clone(&self.shown) };
        let applied = application.run(&plan, &heard).await?;
        let (outcomes, events) = heard.told.into_inner().expect("nobody panicked with it");
        Ok(Run { plan, outcomes, events, applied })
    }

    /// What its removal would do.
    pub(crate) async fn destroy_plan(&self) -> Result<Plan, Error> {
        let deployer = self.deployer().await?;
        let observed = self.settled(&deployer).await?;
        plan::destroy("hello", &observed, &Choices::default())
    }

    /// Observes, when whatever goes on has ended.
    pub(crate) async fn settled(&self, deployer: &Deployer) -> Result<Observed, Error> {
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

/// The head of a program for 64-bit Arm that needs no libraries; nobody runs it.
fn static_program() -> Vec<u8> {
    let mut program = vec![0; 120];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (program[18], program[32], program[54], program[56]) = (183, 64, 56, 1);
    program
}

/// What a run says.
struct Heard {
    told: Mutex<(Vec<StepOutcome>, Vec<ResourceEvent>)>,
    shown: Arc<Mutex<Vec<LogEvent>>>,
}

impl Reporter for Heard {
    fn begin(&self, _: usize, _: usize, _: &Step) {}

    fn resource(&self, event: &ResourceEvent) {
        self.told.lock().expect("nobody panicked with it").1.push(event.clone());
    }

    fn log(&self, event: &LogEvent) {
        self.shown.lock().expect("nobody panicked with it").push(event.clone());
    }

    fn question(&self, _: &Question) {}

    fn note(&self, _: &str) {}

    fn end(&self, outcome: Option<&StepOutcome>) {
        self.told.lock().expect("nobody panicked with it").0.extend(outcome.cloned());
    }

    fn agree<'a>(&'a self, _: &'a [String]) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(false))
    }
}

/// What is behind a function URL unless something else is: a server that is right.
pub(crate) fn serve(_: Deployed, request: Request<Bytes>) -> Reply {
    let (head, body) = request.into_parts();
    let message = serde_json::from_slice(&body).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let (head, body) = right(&Ask { method: head.method, path, headers: head.headers, body, message }).into_parts();
    Box::pin(std::future::ready(Response::from_parts(head, SdkBody::from(body.pieces.concat()))))
}

/// Runs to the end; nothing here ever waits for anything.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built").block_on(future)
}
