//! A whole deployment with a fault at each of its calls in turn, and what the next run makes of it.

use std::{
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use mcp_cloud_app::App;
use mcp_cloud_emulator::aws::{Account, Call, Misfortune, Served};
use serde::Serialize;
use tokio::net::TcpListener;

use super::{
    Connector, Endpoint, config,
    matrix::{self, Case, Scene, matrix},
};
use crate::{
    Application, Archive, Deployer, Deployment, Error, Plan, Reporter, ResourceEvent, StackState, Step, StepOutcome,
    apply::{OnFailure, Quiet, Rollout},
    deployment::{Bucket, Image},
    image::{Contents, Platform, platform},
    logs::LogEvent,
    mcp::{Question, Token},
    observe::Observed,
    plan::{self, Choices},
    secrets::{self, SecretError, SecretReference},
    watch::LeftBehind,
};

/// What is struck before the first step.
const BEFORE: &str = "look at what is there";
/// Stands for the value of every secret, of which the account in memory has none of the real ones, and for the code.
const VALUE: &str = "rehearsal";

/// A deployment that is to be rehearsed: of nothing there, and then of itself.
pub struct Rehearsal<'a> {
    /// The app.
    pub app: &'a App,
    /// What runs: where it is deployed to follows from it.
    pub code: Code,
    /// Twelve digits, as the app or its ARNs name them.
    pub account: String,
    /// The region.
    pub region: String,
    /// What is shown to a server that asks for a token.
    pub token: Option<Token>,
    /// Who answers for the function URL; without anybody, the server is not asked.
    pub endpoint: Option<Arc<Endpoint>>,
}

/// What is deployed.
#[derive(Debug, Clone)]
pub enum Code {
    /// A packed program, which becomes a function.
    Archive(Archive),
    /// An image, which becomes a service.
    Image(Image),
}

impl Code {
    /// What stands for it where its bytes do not matter, and is quicker to carry.
    fn stand_in(&self, app: &App) -> Result<Self, Error> {
        match self {
            // The account does not look into it, and the program is run by somebody else.
            Self::Archive(code) => {
                Ok(Self::Archive(Archive { bytes: VALUE.as_bytes().to_vec(), sha256: code.sha256.clone() }))
            }
            Self::Image(_) => {
                let platform = platform(app.architecture);
                let programs = [(platform, smallest_program(platform).into())].into();
                Ok(Self::Image(Contents::of_bytes(app, programs)?.into()))
            }
        }
    }

    /// What names an endpoint of this has in the account.
    fn deployment(&self, app: &App, rehearsal: &Rehearsal<'_>) -> Result<Deployment, Error> {
        let bucket = Bucket::choose(None, &rehearsal.account, &rehearsal.region);
        match self {
            Self::Archive(code) => Deployment::new(app, code.clone(), bucket),
            Self::Image(image) => {
                let place = (rehearsal.region.as_str(), rehearsal.account.as_str());
                // What is pushed goes to the account in memory alone.
                let elsewhere = app.ecs.repository.as_deref();
                let contents = image.contents.clone().filter(|_| elsewhere.is_none());
                let image = Image { contents, ..image.clone() };
                Deployment::of_service(app, image, elsewhere, place, bucket)
            }
        }
    }
}

/// The head of a program that needs no libraries, and nothing after it (<https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>).
fn smallest_program(platform: Platform) -> Vec<u8> {
    const HEAD: [u8; 6] = *b"\x7fELF\x02\x01";
    let machine: u8 = match platform {
        Platform::Amd64 => 62,
        Platform::Arm64 => 183,
    };
    let zeros = |until: usize, before: usize| std::iter::repeat_n(0, until - before);
    let program = HEAD.into_iter().chain(zeros(18, 6)).chain([machine]).chain(zeros(32, 19));
    program.chain([64]).chain(zeros(54, 33)).chain([56]).chain(zeros(56, 55)).chain([1]).chain(zeros(120, 57)).collect()
}

/// A deployer, and what its images are pushed to as long as it is used.
struct Connected {
    deployer: Deployer,
    _registry: Option<Served>,
}

/// What came of a rehearsal.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rehearsed {
    /// What a first deployment does, in its order.
    pub steps: Vec<RehearsedStep>,
    /// How many calls it makes.
    pub calls: usize,
    /// How many deployments were struck.
    pub cases: usize,
    /// Those that did not come home.
    pub failed: Vec<FailedCase>,
}

/// A step of a deployment, as it was rehearsed.
#[derive(Debug, Clone, Serialize)]
pub struct RehearsedStep {
    /// What it does.
    pub step: String,
    /// How many calls it makes.
    pub calls: usize,
    /// How often it was struck.
    pub cases: usize,
    /// How often that did not come home.
    pub failed: usize,
}

/// A deployment that was struck, and did not come home.
#[derive(Debug, Clone, Serialize)]
pub struct FailedCase {
    /// What went wrong.
    pub fault: &'static str,
    /// The number of the call, from 1.
    pub call: usize,
    /// The call: `cloudformation:CreateChangeSet`.
    pub action: String,
    /// What was wrong afterwards.
    pub problem: String,
}

impl Rehearsal<'_> {
    /// Deploys without a fault, and then once for each call and each fault: struck there, the deployment may fail; healed,
    /// the next one has to come home with nothing left to do, and the removal after that has to leave nothing behind.
    ///
    /// `report` hears how many cases are done, and how many there are.
    ///
    /// # Errors
    ///
    /// When the deployment fails although nothing was struck.
    pub async fn run(&self, report: &(dyn Fn(usize, usize) + Sync)) -> Result<Rehearsed, Error> {
        let before = self.open();
        let of_code = self.begun(&before, &self.code).await?;
        let code = self.code.stand_in(self.app)?;
        // The same steps, which make fewer calls where there is less to carry.
        let of_stand_in = self.begun(&before, &code).await?;
        let begun: Vec<_> = of_code.into_iter().zip(of_stand_in).map(|((step, _), (_, first))| (step, first)).collect();
        let scene = FirstDeployment { rehearsal: self, code };
        let matrix::Rehearsal { calls, cases } = matrix(&scene, &before, &Misfortune::ALL, report).await?;

        let mut rehearsed = Rehearsed { calls: calls.len(), steps: steps(&begun, calls.len()), ..Rehearsed::default() };
        for case in cases {
            let step = begun.iter().rposition(|(_, first)| *first < case.number).map_or(0, |step| step + 1);
            let call = calls.get(case.number.saturating_sub(1)).map(action).unwrap_or_default();
            rehearsed.add(step, call, &case);
        }
        Ok(rehearsed)
    }

    /// Deploys into a copy of an account, and tells at which call each step begins.
    async fn begun(&self, before: &Account, code: &Code) -> Result<Vec<(String, usize)>, Error> {
        let account = before.fork();
        let heard = Heard { account: account.clone(), begun: Mutex::default() };
        let _planned = self.deploy(&account, code, &heard).await?;
        Ok(heard.begun.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// An account with the app's secrets in it and nothing else.
    fn open(&self) -> Account {
        let account = Account::new(&self.account, &self.region);
        for reference in SecretReference::needed(self.app) {
            let value = match &reference.key {
                Some(key) => serde_json::json!({ key: VALUE }).to_string(),
                None => VALUE.to_owned(),
            };
            account.place_secret(&reference.name, reference.id(), &value);
        }
        account
    }

    async fn connect(&self, account: &Account) -> Result<Connected, Error> {
        let connector = Connector::new(account.clone());
        let connector = match &self.endpoint {
            Some(endpoint) => connector.with_endpoint(Arc::clone(endpoint)),
            None => connector,
        };
        let deployer = Deployer::over(config(connector, &self.region), Some(&self.account)).await?;
        if matches!(self.code, Code::Archive(_)) {
            return Ok(Connected { deployer, _registry: None });
        }
        let unserved = |_: io::Error| Error::Misuse("a rehearsal of a service needs a socket of this machine");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unserved)?;
        let served = account.serve(listener).map_err(unserved)?;
        let deployer = deployer.with_registry(served.url().trim_start_matches("http://"));
        Ok(Connected { deployer, _registry: Some(served) })
    }

    /// Deploys as the command does, and returns what was planned.
    async fn deploy(&self, account: &Account, code: &Code, reporter: &dyn Reporter) -> Result<Plan, Error> {
        let Connected { deployer, _registry } = self.connect(account).await?;
        let mut app = self.app.clone();
        let found = deployer.observe_secrets(&app).await?;
        let missing = secrets::missing(&found);
        if !missing.is_empty() {
            return Err(SecretError::Missing(missing).into());
        }
        secrets::stamp(&mut app, &found);
        let observed = self.settled(&deployer).await?;
        let deployment = code.deployment(&app, self)?;
        let mut plan = plan::deploy(&deployment, &observed, &Choices::default())?;
        if self.endpoint.is_none() {
            plan.steps.retain(|step| !matches!(step, Step::Ask { .. }));
        }
        let (token, source, on_failure) = (self.token.clone(), None, OnFailure::RollBack);
        let rollout = Rollout { deployment: &deployment, app: &app, token, source, on_failure };
        Application::deploy(&deployer, rollout, &observed).run(&plan, reporter).await?;
        Ok(plan)
    }

    /// Removes everything, and returns what is left on purpose.
    async fn destroy(&self, account: &Account) -> Result<Vec<LeftBehind>, Error> {
        let Connected { deployer, _registry } = self.connect(account).await?;
        let observed = self.settled(&deployer).await?;
        let plan = plan::destroy(&self.app.name, &observed, &Choices::default())?;
        Application::destroy(&deployer, &self.app.name, &observed)
            .run(&plan, &Quiet)
            .await
            .map(|applied| applied.left_behind)
    }

    /// Observes, when whatever goes on has ended.
    async fn settled(&self, deployer: &Deployer) -> Result<Observed, Error> {
        loop {
            let observed = deployer.observe(&self.app.name, None).await?;
            match &observed.stack {
                Some(stack) if stack.state() == StackState::Busy => deployer.settle(stack, &|_| ()).await?,
                _ => return Ok(observed),
            }
        }
    }
}

/// The app's first deployment, and what leads home from wherever it ended.
struct FirstDeployment<'a> {
    rehearsal: &'a Rehearsal<'a>,
    code: Code,
}

impl Scene for FirstDeployment<'_> {
    type Failure = Error;

    async fn run(&self, account: &Account) -> Result<(), Error> {
        self.rehearsal.deploy(account, &self.code, &Quiet).await.map(drop)
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Error> {
        let plan = self.rehearsal.deploy(account, &self.code, &Quiet).await?;
        Ok(plan.steps.iter().map(ToString::to_string).collect())
    }

    async fn end(&self, account: &Account) -> Result<Vec<String>, Error> {
        let left = self.rehearsal.destroy(account).await?;
        Ok(left.iter().map(|left| format!("{} {}", left.resource_type, left.physical_id)).collect())
    }
}

impl Rehearsed {
    fn add(&mut self, step: usize, action: String, case: &Case<Error>) {
        let failed = !case.defects.is_empty();
        self.cases += 1;
        if let Some(step) = self.steps.get_mut(step) {
            step.cases += 1;
            step.failed += usize::from(failed);
        }
        if failed {
            let problems: Vec<_> = case.defects.iter().map(ToString::to_string).collect();
            let (fault, problem) = (name(case.misfortune), problems.join("; "));
            self.failed.push(FailedCase { fault, call: case.number, action, problem });
        }
    }
}

/// Steps with their calls, and before them what is done before the first.
fn steps(begun: &[(String, usize)], calls: usize) -> Vec<RehearsedStep> {
    let names = std::iter::once(BEFORE).chain(begun.iter().map(|(step, _)| step.as_str()));
    let starts = std::iter::once(0).chain(begun.iter().map(|(_, first)| *first));
    let ends = begun.iter().map(|(_, first)| *first).chain([calls]);
    let step = |((name, start), end): ((&str, usize), usize)| RehearsedStep {
        step: name.to_owned(),
        calls: end.saturating_sub(start),
        cases: 0,
        failed: 0,
    };
    names.zip(starts).zip(ends).map(step).collect()
}

fn action(call: &Call) -> String {
    format!("{}:{}", call.service, call.action)
}

fn name(misfortune: Misfortune) -> &'static str {
    match misfortune {
        Misfortune::Throttled => "throttled",
        Misfortune::ExpiredToken => "credentials expired",
        Misfortune::AccessDenied => "denied",
        Misfortune::Unavailable => "service unavailable",
        Misfortune::NoAnswer => "no answer",
        Misfortune::AnswerLost => "answer lost",
        _ => "another fault",
    }
}

/// Notes down at which call each step begins.
struct Heard {
    account: Account,
    begun: Mutex<Vec<(String, usize)>>,
}

impl Reporter for Heard {
    fn begin(&self, _: usize, _: usize, step: &Step) {
        let begun = (step.to_string(), self.account.calls().len());
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
    }

    fn resource(&self, _: &ResourceEvent) {}

    fn question(&self, _: &Question) {}

    fn log(&self, _: &LogEvent) {}

    fn note(&self, _: &str) {}

    fn end(&self, _: Option<&StepOutcome>) {}

    fn agree<'a>(&'a self, _: &'a [String]) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(false))
    }
}

impl std::fmt::Debug for Rehearsal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsal").field("app", &self.app.name).field("region", &self.region).finish_non_exhaustive()
    }
}
