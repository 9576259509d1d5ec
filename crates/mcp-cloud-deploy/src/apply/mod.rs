//! Executes a plan, step by step. What a step finds done already is no error, so an interrupted run can be repeated.

use std::cell::RefCell;

use mcp_cloud_app::App;
use serde::Serialize;

pub use self::reporter::{Quiet, Reporter};
use crate::{
    aws::{Deployer, cloudformation::Computed},
    deployment::{Deployment, Workload},
    error::{Error, RolledBack},
    lock::Lock,
    mcp::{Answers, Question, Token},
    observe::{Observed, Stack},
    plan::{Operation, Plan, Step},
    source::Source,
    watch::{LeftBehind, ResourceEvent, Watched},
};

mod back_out;
mod reporter;
mod service;
mod verify;

/// What CloudFormation says would happen to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `Add`, `Modify`, `Remove`, `Import` or `Dynamic`.
    pub action: String,
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its CloudFormation type.
    pub resource_type: String,
    /// For a modification: `True` when it is replaced by another, `Conditional` when that is not known before.
    pub replacement: Option<String>,
    /// The properties that change. Their values are left out: an environment may hold secrets.
    pub properties: Vec<String>,
}

/// Changes that CloudFormation has computed and is ready to execute.
#[derive(Debug, Clone)]
pub(crate) struct ChangeSet {
    pub(crate) id: String,
    pub(crate) stack_id: String,
    pub(crate) operation: Operation,
    pub(crate) changes: Vec<Change>,
}

/// What a step achieved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// It is done.
    Done,
    /// These are the changes that the next step will execute, no others.
    Changes(Vec<Change>),
    /// CloudFormation finds nothing to change, although the template is written differently.
    NoChanges,
    /// There was nothing to do, for this reason.
    Skipped(&'static str),
}

/// What a plan achieved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// What changed in the stack, in CloudFormation's words.
    pub changes: Vec<Change>,
    /// What the server was asked, and what it answered.
    pub questions: Vec<Question>,
    /// What is there still although its stack is gone.
    pub left_behind: Vec<LeftBehind>,
}

/// What becomes of a deployment whose server does not answer as it should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// What ran before runs again; a first deployment is removed.
    #[default]
    RollBack,
    /// It is left as it is, to be looked at.
    Keep,
}

/// A deployment with all that its execution needs to know.
#[derive(Debug, Clone)]
pub struct Rollout<'a> {
    /// What is to be there.
    pub deployment: &'a Deployment,
    /// The app it was made from.
    pub app: &'a App,
    /// What is shown to a server that asks for a token.
    pub token: Option<Token>,
    /// The commit that the code was built from, if it is known.
    pub source: Option<Source>,
    /// What becomes of it when the server does not answer as it should.
    pub on_failure: OnFailure,
}

/// What the plan leads to.
#[derive(Debug)]
enum Goal<'a> {
    Deployed(Rollout<'a>),
    Gone,
}

/// A plan that is being executed.
#[derive(Debug)]
pub struct Application<'a> {
    deployer: &'a Deployer,
    name: &'a str,
    goal: Goal<'a>,
    observed: &'a Observed,
    /// What tells this run from every other.
    run: String,
    lock: Option<Lock>,
    change_set: Option<ChangeSet>,
    answers: Option<Answers>,
    /// What this run did to the stack.
    done: Option<Operation>,
    /// The task definition that the service is to have, once it is registered.
    task_definition: Option<String>,
    /// Whether this run changed the service.
    changed_service: bool,
    applied: Applied,
}

impl<'a> Application<'a> {
    /// Begins to execute the plan of [`plan::deploy`](crate::plan::deploy) or [`plan::rollback`](crate::plan::rollback),
    /// which was made for what was observed.
    #[must_use]
    pub fn deploy(deployer: &'a Deployer, rollout: Rollout<'a>, observed: &'a Observed) -> Self {
        Self::new(deployer, &rollout.deployment.stack, Goal::Deployed(rollout), observed)
    }

    /// Begins to execute the plan of [`plan::destroy`](crate::plan::destroy), which was made for what was observed.
    #[must_use]
    pub fn destroy(deployer: &'a Deployer, app: &'a str, observed: &'a Observed) -> Self {
        Self::new(deployer, app, Goal::Gone, observed)
    }

    fn new(deployer: &'a Deployer, name: &'a str, goal: Goal<'a>, observed: &'a Observed) -> Self {
        Self {
            deployer,
            name,
            goal,
            observed,
            run: run_id(),
            lock: None,
            change_set: None,
            answers: None,
            done: None,
            task_definition: None,
            changed_service: false,
            applied: Applied::default(),
        }
    }

    /// Executes the plan to its end, and lets the next run begin. No other run of mcp-cloud changes the app meanwhile.
    ///
    /// When it is dropped half-way, [`Application::let_go`] lets the next run begin at once.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] and [`Error::ChangedMeanwhile`] before anything is done; [`Error::Aws`] when a call fails,
    /// [`Error::ChangeSetFailed`] and [`Error::StackFailed`] when CloudFormation does not get there,
    /// [`Error::GateFailed`] when the server does not answer as it should, [`Error::BeyondPlan`] when CloudFormation would
    /// do what nobody agreed to.
    pub async fn run(&mut self, plan: &Plan, reporter: &dyn Reporter) -> Result<Applied, Error> {
        let outcome = self.steps(plan, reporter).await;
        let let_go = self.let_go().await;
        outcome?;
        let_go?;
        Ok(std::mem::take(&mut self.applied))
    }

    /// Lets the next run begin: takes back what was only prepared, and the lock. Does nothing when there is neither.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails; the next run clears it away then.
    pub async fn let_go(&mut self) -> Result<(), Error> {
        let abandoned = self.abandon().await;
        let released = match self.lock.take() {
            Some(lock) => lock.release().await,
            None => Ok(()),
        };
        abandoned.and(released)
    }

    async fn steps(&mut self, plan: &Plan, reporter: &dyn Reporter) -> Result<(), Error> {
        let mut skip = false;
        for (index, step) in plan.steps.iter().enumerate() {
            if skip && matches!(step, Step::ExecuteChangeSet { .. }) {
                skip = false;
                continue;
            }
            // Without a bucket there is nothing to lock with, and nothing that could be spoiled yet.
            if !matches!(step, Step::CreateBucket { .. }) {
                self.lock(reporter).await?;
            }
            reporter.begin(index + 1, plan.steps.len(), step);
            let outcome = self.step(step, plan, reporter).await;
            reporter.end(outcome.as_ref().ok());
            skip |= matches!(outcome?, StepOutcome::NoChanges);
        }
        Ok(())
    }

    /// Takes the lock, once, and makes sure that the plan still holds.
    async fn lock(&mut self, reporter: &dyn Reporter) -> Result<(), Error> {
        if let Some(lock) = &self.lock {
            return lock.check().await;
        }
        let bucket_is_there = self.observed.bucket_contents.is_some() || matches!(self.goal, Goal::Deployed(..));
        if !bucket_is_there {
            return Ok(());
        }
        let bucket = self.observed.bucket.name();
        self.lock = Some(Lock::take(self.deployer, bucket, self.name, &self.run, reporter).await?);
        let now = self.deployer.stack_mark(self.name).await?;
        if now != self.observed.stack.as_ref().map(Stack::mark) {
            return Err(Error::ChangedMeanwhile { app: self.name.to_owned() });
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step, plan: &Plan, reporter: &dyn Reporter) -> Result<StepOutcome, Error> {
        let deployer = self.deployer;
        match step {
            Step::RemoveChangeSet { stack, change_set } => deployer.delete_change_set(stack, change_set).await?,
            Step::ContinueRollback { stack, skip } => self.continue_rollback(stack, skip, reporter).await?,
            Step::RemoveStack { stack, stack_id, leave, .. } => {
                self.remove_stack(stack, stack_id, leave, reporter).await?;
            }
            Step::ForgetFunction { stack, .. } => self.forget_function(stack, reporter).await?,
            Step::CreateChangeSet { operation, .. } => return self.create_change_set(*operation, plan, reporter).await,
            Step::CreateBucket { bucket } => deployer.create_bucket(bucket).await?,
            Step::Upload { bucket, key, .. } => {
                let Workload::Function { archive, .. } = &self.deployment()?.workload else {
                    return Err(Error::Misuse("what is uploaded is the code of a function"));
                };
                deployer.upload(bucket, key, archive.bytes.clone()).await?;
            }
            Step::ExecuteChangeSet { stack, .. } => return self.execute_change_set(stack, reporter).await,
            Step::MoveAlias { function, alias, version, .. } => deployer.move_alias(function, alias, version).await?,
            Step::PushImage { .. } => return self.push_image(reporter).await,
            Step::RegisterTaskDefinition { family } => return self.register_task_definition(family).await,
            Step::ChangeService { service, .. } => return self.change_service(service, reporter).await,
            Step::ScaleService { service, .. } => return self.scale_service(service).await,
            Step::StartService { service } => return self.start_service(service, reporter).await,
            Step::RemoveService { service } => self.remove_service(service).await?,
            Step::RemoveTaskDefinitions { revisions, .. } => deployer.remove_task_definitions(revisions).await?,
            Step::Ask { .. } => return self.ask(reporter).await,
            Step::KeepRevision { bucket } => return self.keep_revision(bucket).await,
            Step::RemoveVersions { function, oldest_kept } => self.remove_versions(function, *oldest_kept).await?,
            Step::RemoveObjects { bucket, keys } => deployer.delete_objects(bucket, keys).await?,
            Step::RemoveBucket { bucket } => {
                // The lock is an object in it.
                if let Some(lock) = self.lock.take() {
                    lock.release().await?;
                }
                if !deployer.delete_bucket(bucket).await? {
                    return Ok(StepOutcome::Skipped("something else has been put there meanwhile"));
                }
            }
        }
        Ok(StepOutcome::Done)
    }

    async fn continue_rollback(&self, stack: &str, skip: &[String], reporter: &dyn Reporter) -> Result<(), Error> {
        let stack_id = self.observed.stack.as_ref().map_or(stack, |stack| &stack.id);
        let begin = self.deployer.continue_rollback(stack_id, skip);
        let watched = Watched { stack, stack_id, expected: "UPDATE_ROLLBACK_COMPLETE" };
        self.deployer.operate(watched, begin, &|event| reporter.resource(event)).await
    }

    async fn remove_stack(
        &mut self,
        stack: &str,
        stack_id: &str,
        leave: &[String],
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let begin = self.deployer.delete_stack(stack_id, leave);
        let watched = Watched { stack, stack_id, expected: "DELETE_COMPLETE" };
        let left_behind = RefCell::new(Vec::new());
        let report = |event: &ResourceEvent| {
            left_behind.borrow_mut().extend(LeftBehind::of(event));
            reporter.resource(event);
        };
        let outcome = self.deployer.operate(watched, begin, &report).await;
        self.applied.left_behind.extend(left_behind.into_inner());
        outcome
    }

    /// The function is gone, so CloudFormation finds it deleted; with all that needs it out of the way, both can be made
    /// anew.
    async fn forget_function(&mut self, stack: &str, reporter: &dyn Reporter) -> Result<(), Error> {
        let gone = || Error::NotDeployed { stack: stack.to_owned() };
        let remainder = self.observed.stack.as_ref().ok_or_else(gone)?.remainder()?;
        let shrunk = Deployment { template: remainder.template, ..self.deployment()?.clone() };
        self.update_to(&shrunk, reporter).await
    }

    /// Brings the stack to what nobody has to be asked about any more; what is so already is left alone.
    async fn update_to(&self, deployment: &Deployment, reporter: &dyn Reporter) -> Result<(), Error> {
        let name = deployment.change_set_name(&self.run);
        match self.deployer.create_change_set(deployment, &name, Operation::Update).await? {
            Computed::Changes(change_set) => self.execute(&deployment.stack, &change_set, reporter).await,
            Computed::Nothing { id } => Ok(self.deployer.delete_change_set(&deployment.stack, &id).await?),
        }
    }

    async fn create_change_set(
        &mut self,
        operation: Operation,
        plan: &Plan,
        reporter: &dyn Reporter,
    ) -> Result<StepOutcome, Error> {
        let deployment = self.deployment()?;
        let name = deployment.change_set_name(&self.run);
        match self.deployer.create_change_set(deployment, &name, operation).await? {
            Computed::Changes(change_set) => {
                let changes = change_set.changes.clone();
                self.change_set = Some(change_set);
                self.hold_against_plan(&plan.changes, &changes, reporter).await?;
                Ok(StepOutcome::Changes(changes))
            }
            Computed::Nothing { id } => {
                self.deployer.delete_change_set(&deployment.stack, &id).await?;
                Ok(StepOutcome::NoChanges)
            }
        }
    }

    async fn execute_change_set(&mut self, stack: &str, reporter: &dyn Reporter) -> Result<StepOutcome, Error> {
        let Some(change_set) = self.change_set.take() else {
            return Ok(StepOutcome::Skipped("nothing is to be changed"));
        };
        self.execute(stack, &change_set, reporter).await?;
        self.done = Some(change_set.operation);
        self.applied.changes = change_set.changes;
        Ok(StepOutcome::Done)
    }

    async fn execute(&self, stack: &str, change_set: &ChangeSet, reporter: &dyn Reporter) -> Result<(), Error> {
        let begin = self.deployer.execute_change_set(&change_set.id, &self.run);
        let expected = match change_set.operation {
            Operation::Create => "CREATE_COMPLETE",
            Operation::Update => "UPDATE_COMPLETE",
        };
        let watched = Watched { stack, stack_id: &change_set.stack_id, expected };
        let requests = self.where_requests_are().await?;
        let ended = self.deployer.operate(watched, begin, &|event| reporter.resource(event)).await;
        if let Some((rule, weights)) = requests {
            self.keep_requests(&rule, &weights, reporter).await?;
        }
        ended
    }

    /// Takes back what was prepared and not executed: the change set, and the empty stack that came with it.
    async fn abandon(&mut self) -> Result<(), Error> {
        let Some(change_set) = self.change_set.take() else { return Ok(()) };
        self.deployer.delete_change_set(&change_set.stack_id, &change_set.id).await?;
        if change_set.operation == Operation::Create {
            self.deployer.delete_stack(&change_set.stack_id, &[]).await?;
        }
        Ok(())
    }

    async fn remove_versions(&self, function: &str, oldest_kept: u64) -> Result<(), Error> {
        let current = self.deployer.alias(function, mcp_cloud_app::target::sam::ALIAS).await?;
        let runs = |version: &str| {
            current.as_ref().is_some_and(|alias| alias.version == version || alias.shifting.contains_key(version))
        };
        for version in self.deployer.versions(function).await? {
            if version.parse().is_ok_and(|number: u64| number < oldest_kept) && !runs(&version) {
                self.deployer.delete_version(function, &version).await?;
            }
        }
        Ok(())
    }

    fn rollout(&self) -> Result<&Rollout<'a>, Error> {
        match &self.goal {
            Goal::Deployed(rollout) => Ok(rollout),
            Goal::Gone => Err(Error::Misuse("a step that deploys needs a deployment")),
        }
    }

    fn deployment(&self) -> Result<&'a Deployment, Error> {
        self.rollout().map(|rollout| rollout.deployment)
    }

    fn on_failure(&self) -> OnFailure {
        self.rollout().map_or(OnFailure::Keep, |rollout| rollout.on_failure)
    }
}

/// Sixteen digits that no other run has.
fn run_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness from the system the process and the moment tell runs apart well enough.
    if getrandom::fill(&mut bytes).is_err() {
        let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        bytes = (moment.as_nanos() as u64 ^ u64::from(std::process::id()) << 40).to_be_bytes();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is said of a way back.
impl From<Result<RolledBack, Error>> for RolledBack {
    fn from(outcome: Result<RolledBack, Error>) -> Self {
        outcome.unwrap_or_else(|error| Self::Failed(error.to_string()))
    }
}
