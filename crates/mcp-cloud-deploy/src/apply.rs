//! Executes a plan, step by step. What a step finds done already is no error, so an interrupted run can be repeated.

use serde::Serialize;

use crate::{
    aws::{Deployer, cloudformation::Computed},
    deployment::Deployment,
    error::Error,
    plan::{Operation, Step},
    watch::{Report, Watched},
};

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
    /// These are the changes that the plan's last step will execute, no others.
    Changes(Vec<Change>),
    /// CloudFormation finds nothing to change, although the template is written differently.
    NoChanges,
    /// There was nothing to do, for this reason.
    Skipped(&'static str),
}

/// A plan that is being executed.
#[derive(Debug)]
pub struct Application<'a> {
    deployer: &'a Deployer,
    deployment: Option<&'a Deployment>,
    change_set: Option<ChangeSet>,
}

impl<'a> Application<'a> {
    /// Begins to execute the plan of [`plan::deploy`](crate::plan::deploy).
    #[must_use]
    pub fn deploy(deployer: &'a Deployer, deployment: &'a Deployment) -> Self {
        Self { deployer, deployment: Some(deployment), change_set: None }
    }

    /// Begins to execute the plan of [`plan::destroy`](crate::plan::destroy).
    #[must_use]
    pub fn destroy(deployer: &'a Deployer) -> Self {
        Self { deployer, deployment: None, change_set: None }
    }

    /// Executes the next step of the plan; `report` hears of each resource that changes meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails, [`Error::ChangeSetFailed`] and [`Error::StackFailed`] when CloudFormation does
    /// not get there.
    pub async fn step(&mut self, step: &Step, report: &Report<'_>) -> Result<StepOutcome, Error> {
        let deployer = self.deployer;
        match step {
            Step::RemoveChangeSet { stack, change_set } => deployer.delete_change_set(stack, change_set).await?,
            Step::RemoveStack { stack, stack_id, .. } => {
                let marker = deployer.latest_event(stack_id).await?;
                deployer.delete_stack(stack_id).await?;
                let watched = Watched { stack, stack_id, expected: "DELETE_COMPLETE" };
                deployer.watch(watched, marker, report).await?;
            }
            Step::CreateChangeSet { change_set, operation, .. } => {
                return self.create_change_set(change_set, *operation).await;
            }
            Step::CreateBucket { bucket } => deployer.create_bucket(bucket).await?,
            Step::Upload { bucket, key, .. } => {
                deployer.upload(bucket, key, self.deployment()?.archive.bytes.clone()).await?;
            }
            Step::ExecuteChangeSet { stack, .. } => return self.execute_change_set(stack, report).await,
            Step::RemoveObjects { bucket, keys } => deployer.delete_objects(bucket, keys).await?,
            Step::RemoveBucket { bucket } => {
                if !deployer.delete_bucket(bucket).await? {
                    return Ok(StepOutcome::Skipped("something else has been put there meanwhile"));
                }
            }
        }
        Ok(StepOutcome::Done)
    }

    async fn create_change_set(&mut self, name: &str, operation: Operation) -> Result<StepOutcome, Error> {
        let deployment = self.deployment()?;
        match self.deployer.create_change_set(deployment, name, operation).await? {
            Computed::Changes(change_set) => {
                let changes = change_set.changes.clone();
                self.change_set = Some(change_set);
                Ok(StepOutcome::Changes(changes))
            }
            Computed::Nothing { id } => {
                self.deployer.delete_change_set(&deployment.stack, &id).await?;
                Ok(StepOutcome::NoChanges)
            }
        }
    }

    async fn execute_change_set(&mut self, stack: &str, report: &Report<'_>) -> Result<StepOutcome, Error> {
        let Some(change_set) = self.change_set.take() else {
            return Ok(StepOutcome::Skipped("nothing is to be changed"));
        };
        let marker = self.deployer.latest_event(&change_set.stack_id).await?;
        self.deployer.execute_change_set(&change_set.id).await?;
        let expected = match change_set.operation {
            Operation::Create => "CREATE_COMPLETE",
            Operation::Update => "UPDATE_COMPLETE",
        };
        let watched = Watched { stack, stack_id: &change_set.stack_id, expected };
        self.deployer.watch(watched, marker, report).await?;
        Ok(StepOutcome::Done)
    }

    /// Takes back what was prepared when whoever was asked does not agree: the change set, and the empty stack that came
    /// with it.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails.
    pub async fn abandon(mut self) -> Result<(), Error> {
        let Some(change_set) = self.change_set.take() else { return Ok(()) };
        self.deployer.delete_change_set(&change_set.stack_id, &change_set.id).await?;
        if change_set.operation == Operation::Create {
            self.deployer.delete_stack(&change_set.stack_id).await?;
        }
        Ok(())
    }

    fn deployment(&self) -> Result<&'a Deployment, Error> {
        self.deployment.ok_or(Error::Misuse("a step that deploys needs a deployment"))
    }
}
