//! What runs: since when, from which commit, how it does, and what it costs. Everything in this file is a read.

use std::{collections::BTreeMap, time::Duration};

use mcp_cloud_app::{App, cost::Amount, target::sam::OUTPUT_ENDPOINT};
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    aws::Deployer,
    change::{self, FieldChange},
    error::{AwsError, Error},
    mcp::{Gate, Question, Token, http::Limits},
    observe::{Observed, ObservedService, Stack},
    plan,
    revision::{Revision, RevisionKey},
    service::ServiceName,
    source::Source,
};

/// How much the one answer may take. An instance that starts takes a few seconds.
const LIMITS: Limits = Limits { time: Duration::from_secs(15), bytes: 1024 * 1024 };

/// What is deployed of an app, and how it does.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// CloudFormation's name of the stack's state.
    pub status: String,
    /// CloudFormation's reason for the state.
    pub reason: Option<String>,
    /// Of the MCP endpoint.
    pub url: Option<String>,
    /// When the stack was last updated, or created, in RFC 3339.
    pub changed: Option<String>,
    /// What answers; absent when there is no function, or nothing is published of it.
    pub running: Option<Running>,
    /// How the service does, where it is one.
    pub service: Option<Tasks>,
    /// Whether the endpoint answers; absent when it was not asked.
    pub health: Option<Question>,
    /// The alarms of the stack, by name.
    pub alarms: Vec<Alarm>,
    /// Where the function is not what was deployed, because somebody changed it by hand.
    pub drift: Vec<FieldChange>,
    /// What the stack costs in a month by the assumptions of `mcp-cloud cost`, in US dollars.
    pub monthly_usd: Option<Amount>,
    /// What can be gone back to, newest first.
    pub revisions: Vec<KeptRevision>,
    /// Whether a run of mcp-cloud held the app when it was looked at.
    pub locked: bool,
}

/// What answers those who call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// Lambda's number of the version; for a service, the count of its revisions.
    pub version: String,
    /// The share of calls that each version answers while traffic shifts from one to the other, from 0 to 1; empty when
    /// one answers them all.
    pub shares: BTreeMap<String, f64>,
    /// When it was deployed, in RFC 3339; absent when nobody noted it down.
    pub since: Option<String>,
    /// The commit it was built from; absent when nobody noted it down.
    pub source: Option<Source>,
    /// The version that the stack published last; another one after a rollback that did not come to its end, and while
    /// traffic shifts.
    pub published: Option<String>,
}

/// How a service on ECS does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tasks {
    /// The cluster and the service.
    pub name: ServiceName,
    /// How many tasks are to run.
    pub desired: u32,
    /// How many do.
    pub running: u32,
    /// How many are about to.
    pub pending: u32,
    /// How far the deployment is that goes on or went on last: `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    pub rollout: Option<String>,
    /// The ARN of what they are made from.
    pub task_definition: String,
}

/// An alarm of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// CloudWatch's reason for the state.
    pub reason: Option<String>,
    /// Since when it is in this state, in RFC 3339.
    pub since: Option<String>,
}

/// A revision whose record is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeptRevision {
    /// Lambda's number of the version.
    pub version: u64,
    /// The first digits of the code's SHA-256.
    pub code: String,
    /// When it was deployed, in RFC 3339; absent when its record cannot be read.
    pub deployed: Option<String>,
    /// The commit it was built from; absent when nobody noted it down.
    pub source: Option<Source>,
}

/// How the health of a server is found out.
#[derive(Debug, Clone)]
pub enum Health {
    /// One question to the endpoint, with this token where one is asked for.
    Ask(Option<Token>),
    /// Nothing is sent to the endpoint.
    Skip,
}

impl Deployer {
    /// Tells what is deployed, given what was observed; `None` when there is no stack. It changes nothing.
    ///
    /// Makes one call for the alarms, one for each record that is kept, and asks the endpoint once, all at the same time.
    ///
    /// # Errors
    ///
    /// [`Error::StackNotOurs`], and [`Error::Aws`] when a call fails. An endpoint that does not answer is no error.
    pub async fn status(&self, app: &App, observed: &Observed, health: Health) -> Result<Option<Status>, Error> {
        let Some(stack) = &observed.stack else { return Ok(None) };
        if !stack.is_ours() {
            return Err(Error::StackNotOurs { stack: stack.name.clone() });
        }
        let url = stack.outputs.get(OUTPUT_ENDPOINT).cloned();
        let (revisions, alarms, health) =
            tokio::join!(self.kept_revisions(app, observed), self.alarms_of(stack), self.health(app, stack, health));
        let revisions = revisions?;
        Ok(Some(Status {
            status: stack.status.clone(),
            reason: stack.reason.clone(),
            url,
            changed: stack.changed.clone(),
            running: running(stack, observed, &revisions),
            service: observed.service.as_ref().and_then(tasks),
            health,
            alarms: alarms?,
            drift: plan::drift(observed),
            monthly_usd: plan::cost(None, plan::template_before(observed).as_deref(), self.region())
                .map(|cost| cost.after),
            revisions,
            locked: observed.is_locked(&app.name),
        }))
    }

    async fn kept_revisions(&self, app: &App, observed: &Observed) -> Result<Vec<KeptRevision>, Error> {
        let mut reads = JoinSet::new();
        for key in observed.revisions(&app.name) {
            let (deployer, bucket, app) = (self.clone(), observed.bucket.name().to_owned(), app.name.clone());
            reads.spawn(async move { (deployer.revision(&bucket, &app, &key).await, key) });
        }
        let mut revisions = Vec::new();
        while let Some(ended) = reads.join_next().await {
            let (read, key) =
                ended.map_err(|error| AwsError::local("read the records of revisions".to_owned(), error))?;
            let record = match read {
                Ok(record) => record,
                // A newer mcp-cloud may have written it. That it is there is known all the same.
                Err(Error::Record { .. }) => None,
                Err(error) => return Err(error),
            };
            revisions.push(kept(key, record));
        }
        // A version may have been deployed again with other settings around it.
        revisions.sort_by(|one, other| (other.version, &other.deployed).cmp(&(one.version, &one.deployed)));
        Ok(revisions)
    }

    /// CloudFormation names alarms after the stack and the resource; another stack may have a name that begins like ours.
    async fn alarms_of(&self, stack: &Stack) -> Result<Vec<Alarm>, AwsError> {
        let wanted = alarms_in(stack.template.as_deref().unwrap_or_default());
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = format!("{}-", stack.name);
        let mut alarms = self.alarms(&prefix).await?;
        alarms.retain(|alarm| {
            let resource = alarm.name.strip_prefix(&prefix).and_then(|rest| rest.split('-').next());
            resource.is_some_and(|resource| wanted.iter().any(|wanted| wanted == resource))
        });
        Ok(alarms)
    }

    async fn health(&self, app: &App, stack: &Stack, health: Health) -> Option<Question> {
        let (Some(url), Health::Ask(token)) = (stack.outputs.get(OUTPUT_ENDPOINT), health) else { return None };
        let gate =
            Gate::on(app, stack.target(), url).with_token(token).with_patience(Duration::ZERO).with_limits(LIMITS);
        Some(gate.reach(&self.http()).await)
    }
}

fn kept(key: RevisionKey, record: Option<Revision>) -> KeptRevision {
    let RevisionKey { version, code, .. } = key;
    let (deployed, source) = record.map(|record| (record.deployed, record.source)).unwrap_or_default();
    KeptRevision { version, code, deployed, source }
}

fn tasks(service: &ObservedService) -> Option<Tasks> {
    let state = service.state.as_ref()?;
    Some(Tasks {
        name: service.name.clone(),
        desired: state.desired,
        running: state.running,
        pending: state.pending,
        rollout: state.deployments.first().and_then(|primary| primary.rollout_state.clone()),
        task_definition: state.task_definition.clone(),
    })
}

fn running(stack: &Stack, observed: &Observed, revisions: &[KeptRevision]) -> Option<Running> {
    let version = observed.running()?;
    let kept = revisions.iter().find(|revision| revision.version.to_string() == version);
    let alias = observed.alias.as_ref().filter(|_| observed.service.is_none());
    let mut shares = alias.map(|alias| alias.shifting.clone()).unwrap_or_default();
    if !shares.is_empty() {
        let rest = 1.0 - shares.values().sum::<f64>();
        shares.insert(version.clone(), rest);
    }
    Some(Running {
        version,
        shares,
        since: kept.and_then(|kept| kept.deployed.clone()),
        source: kept.and_then(|kept| kept.source.clone()),
        published: stack.published_version(),
    })
}

/// The names of a template's alarms.
fn alarms_in(template: &str) -> Vec<String> {
    let template = change::parse(template).unwrap_or_default();
    let resources = template.get("Resources").and_then(Value::as_object);
    let is_alarm = |resource: &Value| resource.get("Type").and_then(Value::as_str) == Some("AWS::CloudWatch::Alarm");
    resources.into_iter().flatten().filter(|(_, resource)| is_alarm(resource)).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{deployment::Bucket, observe::Alias};

    fn observed(alias: Option<Alias>) -> Observed {
        let (stack, bucket_contents, function, service) = (None, None, None, None);
        Observed { stack, bucket: Bucket::Named("b".to_owned()), bucket_contents, function, alias, service }
    }

    #[test]
    fn what_runs_is_known_from_the_record_of_its_version() {
        let kept = |version, deployed: &str| KeptRevision {
            version,
            code: "0123".to_owned(),
            deployed: Some(deployed.to_owned()),
            source: None,
        };
        let revisions = [kept(2, "2026-11-02T00:00:00Z"), kept(1, "2026-11-01T00:00:00Z")];
        let alias = Alias { version: "1".to_owned(), shifting: [("2".to_owned(), 0.25)].into() };
        let running = running(&Stack::default(), &observed(Some(alias)), &revisions).unwrap();
        assert_eq!(running.since.as_deref(), Some("2026-11-01T00:00:00Z"));
        assert_eq!(running.shares, [("1".to_owned(), 0.75), ("2".to_owned(), 0.25)].into());
        assert_eq!(super::running(&Stack::default(), &observed(None), &revisions), None);
    }

    #[test]
    fn alarms_of_a_template_are_found_by_their_type() {
        let template = "Resources:\n  A:\n    Type: AWS::CloudWatch::Alarm\n  B:\n    Type: AWS::IAM::Role\n";
        assert_eq!(alarms_in(template), ["A"]);
        assert!(alarms_in("").is_empty());
    }
}
