//! Looks at everything that a deployment stands on, and says of each thing whether it is as it should be.
//!
//! Nothing here writes, and no value of a secret is read. What does not depend on each other is asked at the same time,
//! and told in the same order every time: [`Examination::run`]. A question that cannot be asked is skipped, with the
//! reason. There is a file for each group of questions, but for the function, which is with its stack, and the domain,
//! which is with the endpoint. Where the app runs decides over some of them; what is deployed says it by itself.

mod certificate;
mod credentials;
mod endpoint;
mod file;
mod quotas;
mod rights;
mod secrets;
mod service;
mod stack;
mod tools;

use std::{future::Future, sync::Arc, time::SystemTime};

use mcp_cloud_app::{App, LoadError, Target};
use serde::Serialize;
use tokio::task::JoinHandle;

use crate::{
    aws::Deployer,
    deployment::{Bucket, TAG_BUCKET},
    error::Error,
    mcp::{Http, Token},
    observe::Stack,
};

/// What a question is about; in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// `mcp-cloud.toml`.
    File,
    /// What compiles the server on this machine.
    Tools,
    /// Who acts on AWS, and where.
    Credentials,
    /// The CloudFormation stack.
    Stack,
    /// The Lambda function, where the app runs as one.
    Function,
    /// The service of ECS, where the app runs as one.
    Service,
    /// What the identity may do.
    Rights,
    /// What the account has left.
    Quotas,
    /// The secrets that the server needs.
    Secrets,
    /// The certificate of a domain of its own.
    Certificate,
    /// The name of a domain of its own.
    Domain,
    /// The server as a client sees it.
    Endpoint,
}

impl Group {
    /// Every group, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::File,
        Self::Tools,
        Self::Credentials,
        Self::Stack,
        Self::Function,
        Self::Service,
        Self::Rights,
        Self::Quotas,
        Self::Secrets,
        Self::Certificate,
        Self::Domain,
        Self::Endpoint,
    ];

    /// The groups of an app that runs here, in the order in which they are told.
    pub fn on(target: Target) -> impl Iterator<Item = Self> {
        let other = if target == Target::Ecs { Self::Function } else { Self::Service };
        Self::ALL.into_iter().filter(move |group| *group != other)
    }

    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Tools => "tools",
            Self::Credentials => "credentials",
            Self::Stack => "stack",
            Self::Function => "function",
            Self::Service => "service",
            Self::Rights => "rights",
            Self::Quotas => "quotas",
            Self::Secrets => "secrets",
            Self::Certificate => "certificate",
            Self::Domain => "domain",
            Self::Endpoint => "endpoint",
        }
    }

    fn ask(self, question: impl Into<String>) -> Question {
        Question { group: self, question: question.into() }
    }

    /// The one finding of a group that could not be looked at.
    fn skipped(self, reason: &str) -> Finding {
        self.ask("all of it").skip(reason)
    }
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It is not.
    Ng,
    /// It could not be asked, or does not matter here.
    Skip,
}

impl Verdict {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Ng => "NG",
            Self::Skip => "SKIP",
        }
    }
}

/// What was asked, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What the question is about.
    pub group: Group,
    /// What was asked: a phrase.
    pub question: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The answer: a phrase; for a question that was skipped, the reason.
    pub answer: String,
    /// What to do about it: one sentence, lower case, no final period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A question that has no answer yet.
#[derive(Debug)]
struct Question {
    group: Group,
    question: String,
}

impl Question {
    fn answer(self, verdict: Verdict, answer: impl Into<String>, hint: Option<String>) -> Finding {
        Finding { group: self.group, question: self.question, verdict, answer: answer.into(), hint }
    }

    fn ok(self, answer: impl Into<String>) -> Finding {
        self.answer(Verdict::Ok, answer, None)
    }

    fn ng(self, answer: impl Into<String>, hint: impl Into<Option<String>>) -> Finding {
        self.answer(Verdict::Ng, answer, hint.into())
    }

    fn skip(self, reason: impl Into<String>) -> Finding {
        self.answer(Verdict::Skip, reason, None)
    }

    /// A failure as an answer, with everything that led to it.
    fn failed(self, error: &Error) -> Finding {
        self.ng(chain(error), error.hint())
    }
}

/// An error and its causes, one after the other.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Examination {
    app: Arc<App>,
    target: Option<Target>,
    endpoint: Option<String>,
    token: Option<Token>,
}

impl Examination {
    /// Looks at a server and at what is deployed of it.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app: Arc::new(app), target: None, endpoint: None, token: None }
    }

    /// Looks at what this target needs. Without one, it is the target of what is deployed, and before there is anything, a
    /// function of Lambda.
    #[must_use]
    pub fn with_target(self, target: Option<Target>) -> Self {
        Self { target, ..self }
    }

    /// Looks at the endpoint of this URL, whatever is deployed.
    #[must_use]
    pub fn with_endpoint(self, url: Option<String>) -> Self {
        Self { endpoint: url, ..self }
    }

    /// Shows this token to a server that asks for one.
    #[must_use]
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { token, ..self }
    }

    /// Asks everything. `connecting` is awaited when it is the account's turn; what it fails of is a finding, and all that
    /// needs no account is asked even then. `report` hears of each finding, in the order of [`Group::ALL`], as soon as those before it are
    /// known; all of them are returned. Repeating it changes nothing. It has to be called within a Tokio runtime.
    pub async fn run(
        &self,
        connecting: impl Future<Output = Result<Deployer, Error>>,
        report: &(dyn Fn(&Finding) + Send + Sync),
    ) -> Vec<Finding> {
        let mut ledger = Ledger { report, findings: Vec::new() };
        let tools = tokio::spawn(tools::findings(Arc::clone(&self.app)));
        let connected = connecting.await;
        let observed = match &connected {
            Ok(deployer) => deployer.observe_stack(&self.app.name).await,
            Err(_) => Ok(None),
        };
        // What the file has to say depends on where the app runs, and that is known from here on.
        let target = self.target_of(observed.as_ref().ok().and_then(Option::as_ref));
        ledger.take(file::findings(&self.app, target));
        ledger.wait(Group::Tools, tools).await;
        ledger.take(credentials::findings(&self.app, connected.as_ref()).await);
        match connected {
            Ok(deployer) => self.with_account(target, deployer, observed, &mut ledger).await,
            Err(_) => self.without_account(target, &mut ledger).await,
        }
        ledger.findings
    }

    fn target_of(&self, stack: Option<&Stack>) -> Target {
        let deployed = || stack.filter(|stack| stack.is_ours()).map(Stack::target);
        self.target.or_else(deployed).unwrap_or(Target::Sam)
    }

    async fn with_account(
        &self,
        target: Target,
        deployer: Deployer,
        observed: Result<Option<Stack>, Error>,
        ledger: &mut Ledger<'_>,
    ) {
        let deployer = Arc::new(deployer);
        let stack = observed.as_ref().ok().and_then(Option::as_ref).filter(|stack| stack.is_ours()).cloned();
        let deployed = stack.clone().map(Arc::new);
        let used = stack.and_then(|stack| stack.tags.get(TAG_BUCKET).cloned());
        let bucket = Bucket::choose(used, deployer.account(), deployer.region());
        let app = || Arc::clone(&self.app);
        let account = || Arc::clone(&deployer);
        let (group, runs) = match target {
            Target::Ecs => (Group::Service, tokio::spawn(service::findings(app(), account(), deployed.clone()))),
            _ => (Group::Function, tokio::spawn(stack::function(app(), account(), deployed.clone()))),
        };
        let rights = tokio::spawn(rights::findings(app(), target, account(), bucket));
        let quotas = tokio::spawn(quotas::findings(app(), target, account(), deployed.clone()));
        let secrets = tokio::spawn(secrets::findings(app(), account()));
        let certificate = tokio::spawn(certificate::findings(app(), target, account()));
        let domain = tokio::spawn(endpoint::domain(app(), deployed.clone()));
        ledger.take(stack::findings(&self.app.name, target, observed));
        let told = async {
            ledger.wait(group, runs).await;
            ledger.wait(Group::Rights, rights).await;
            ledger.wait(Group::Quotas, quotas).await;
            ledger.wait(Group::Secrets, secrets).await;
            ledger.wait(Group::Certificate, certificate).await;
            ledger.wait(Group::Domain, domain).await;
        };
        let url = self.endpoint.as_deref().or_else(|| endpoint::of_stack(deployed.as_deref()));
        let http = deployer.http();
        let ((), findings) = tokio::join!(told, self.endpoint(target, url, &http));
        ledger.take(findings);
    }

    /// What can be asked although nobody knows whose account it would be.
    async fn without_account(&self, target: Target, ledger: &mut Ledger<'_>) {
        let domain = tokio::spawn(endpoint::domain(Arc::clone(&self.app), None));
        let behind = Group::on(target).filter(|group| (Group::Stack..=Group::Certificate).contains(group));
        ledger.take(behind.map(|group| group.skipped("AWS cannot be asked")).collect());
        ledger.wait(Group::Domain, domain).await;
        ledger.take(self.endpoint(target, self.endpoint.as_deref(), &Http::plain()).await);
    }

    async fn endpoint(&self, target: Target, url: Option<&str>, http: &Http) -> Vec<Finding> {
        endpoint::findings(&self.app, target, url, self.token.clone(), http).await
    }
}

/// What is found where the file cannot be used: everything else depends on what it says.
#[must_use]
pub fn without_file(error: &LoadError, target: Target) -> Vec<Finding> {
    let rest = Group::on(target).filter(|group| *group != Group::File);
    let skipped = rest.map(|group| group.skipped("the file says what this is about"));
    file::unusable(error).into_iter().chain(skipped).collect()
}

/// The findings so far, told as they come.
struct Ledger<'a> {
    report: &'a (dyn Fn(&Finding) + Send + Sync),
    findings: Vec<Finding>,
}

impl Ledger<'_> {
    fn take(&mut self, findings: Vec<Finding>) {
        findings.iter().for_each(self.report);
        self.findings.extend(findings);
    }

    async fn wait(&mut self, group: Group, task: JoinHandle<Vec<Finding>>) {
        // A task ends early only when the runtime does.
        let findings = task.await.unwrap_or_else(|error| vec![group.skipped(&error.to_string())]);
        self.take(findings);
    }
}

/// What the clock of the configuration says, in seconds since 1970.
fn now(deployer: &Deployer) -> i64 {
    let now = deployer.config.time_source().map_or_else(SystemTime::now, |clock| clock.now());
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// Waits for all, at the same time, and keeps their order.
async fn all<T: Send + 'static>(futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.extend(task.await.ok());
    }
    outcomes
}

#[cfg(test)]
mod tests;
