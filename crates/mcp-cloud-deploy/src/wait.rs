//! Waits until something that goes on has come to its end. Nothing here writes, and nothing here ends by itself: whoever
//! waits decides for how long.

use std::time::Duration;

use mcp_cloud_app::{App, Target};

use crate::{
    aws::Deployer,
    deployment::{TAG_BUCKET, key_prefix},
    error::Error,
    mcp::{Answers, Gate, Outcome, Token, gate::Asked},
    observe::{Stack, StackState},
    watch::{Report, ResourceEvent, StackEvent},
};

/// How often it is asked again where no event tells.
const POLL: Duration = Duration::from_secs(3);

impl Deployer {
    /// Waits until the stack of an app is as its template says. `report` hears of each resource that changes meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::NotDeployed`] when there is no stack, [`Error::StackNotOurs`] when there is somebody else's,
    /// [`Error::StackFailed`] when it came to another end, [`Error::Aws`] when a call fails.
    pub async fn wait_until_deployed(&self, app: &str, report: &Report<'_>) -> Result<Stack, Error> {
        loop {
            let stack = self.own_stack(app).await?.ok_or_else(|| Error::NotDeployed { stack: app.to_owned() })?;
            match stack.state() {
                StackState::Healthy => return Ok(stack),
                StackState::Busy => self.settle(&stack, report).await?,
                // Somebody is about to create it.
                StackState::Review => self.sleep(POLL).await,
                StackState::Updatable | StackState::Failed | StackState::RollbackFailed | StackState::Stuck => {
                    return Err(self.ended(stack).await?);
                }
            }
        }
    }

    /// Waits until the endpoint of an app answers MCP in one of the eras. Where only those with a token are let in and
    /// there is none, a refusal is the answer that is waited for.
    pub async fn wait_until_serving(&self, app: &App, target: Target, url: &str, token: Option<Token>) {
        let gate = Gate::on(app, target, url).with_token(token).with_patience(Duration::ZERO);
        while !serves(&gate.ask(&self.http(), &|_| {}).await) {
            self.sleep(POLL).await;
        }
    }

    /// Waits until nothing is left of an app: no stack, and no code in the bucket that was named or used.
    ///
    /// # Errors
    ///
    /// [`Error::StackNotOurs`] when there is somebody else's stack, [`Error::StackFailed`] when its deletion failed,
    /// [`Error::Aws`] when a call fails.
    pub async fn wait_until_gone(
        &self,
        app: &App,
        mut bucket: Option<String>,
        report: &Report<'_>,
    ) -> Result<(), Error> {
        loop {
            match self.own_stack(&app.name).await? {
                Some(stack) if stack.status == "DELETE_FAILED" => {
                    return Err(self.ended(stack).await?);
                }
                Some(stack) => {
                    // Once the stack is gone, nothing else says where the code was.
                    bucket = bucket.or_else(|| stack.tags.get(TAG_BUCKET).cloned());
                    if stack.state() == StackState::Busy {
                        self.settle(&stack, report).await?;
                        continue;
                    }
                }
                None => {
                    let observed = self.observe(&app.name, bucket.clone()).await?;
                    let prefix = key_prefix(&app.name);
                    let contents = observed.bucket_contents.unwrap_or_default();
                    if observed.stack.is_none() && !contents.keys.iter().any(|key| key.starts_with(&prefix)) {
                        return Ok(());
                    }
                }
            }
            self.sleep(POLL).await;
        }
    }

    async fn own_stack(&self, app: &str) -> Result<Option<Stack>, Error> {
        match self.observe_stack(app).await? {
            Some(foreign) if !foreign.is_ours() => Err(Error::StackNotOurs { stack: foreign.name }),
            stack => Ok(stack),
        }
    }

    /// Says in which state a stack ended, and of what: its events tell, however long ago that was.
    async fn ended(&self, stack: Stack) -> Result<Error, Error> {
        let events = self.stack_events(&stack.id, None).await?.unwrap_or_default();
        let failure = last_failure(&events).cloned().map(Box::new);
        Ok(Error::StackFailed { stack: stack.name, status: stack.status, failure })
    }
}

/// Whether the answers are those of an MCP server that is there, whatever else is wrong with it.
fn serves(answers: &Answers) -> bool {
    let passed = |asked: &[Asked]| {
        let mut questions = answers.questions.iter().filter(|question| asked.contains(&question.question));
        questions.any(|question| matches!(question.outcome, Outcome::Passed { .. }))
    };
    let asked = |asked: Asked| {
        let mut questions = answers.questions.iter().filter(|question| question.question == asked);
        questions.any(|question| !matches!(question.outcome, Outcome::Skipped { .. }))
    };
    let eras = [Asked::Modern, Asked::Legacy];
    passed(&eras) || !eras.into_iter().any(asked) && passed(&[Asked::Stranger])
}

/// The first resource that failed by itself since the last operation began.
fn last_failure(events: &[StackEvent]) -> Option<&ResourceEvent> {
    const BEGINNINGS: [&str; 4] =
        ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"];
    let begins = |event: &StackEvent| event.of_stack && BEGINNINGS.contains(&event.resource.status.as_str());
    let operation = events.iter().rposition(begins).and_then(|start| events.get(start..)).unwrap_or(events);
    operation.iter().find(|event| !event.of_stack && event.resource.is_failure()).map(|event| &event.resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::Question;

    fn event(of_stack: bool, id: &str, status: &str) -> StackEvent {
        let (logical_id, status) = (id.to_owned(), status.to_owned());
        let resource =
            ResourceEvent { logical_id, resource_type: String::new(), status, reason: None, physical_id: None };
        StackEvent { id: id.to_owned(), of_stack, resource }
    }

    #[test]
    fn server_serves_when_it_answers_in_an_era_or_refuses_strangers_where_nobody_else_calls() {
        let passed = || Outcome::Passed { answer: None };
        let failed = || Outcome::Failed { expected: "200".to_owned(), got: "502".to_owned() };
        let skipped = || Outcome::Skipped { why: "there is no token".to_owned() };
        let serves = |stranger, modern, legacy| {
            let questions = [(Asked::Stranger, stranger), (Asked::Modern, modern), (Asked::Legacy, legacy)];
            let questions = questions.into_iter().map(|(question, outcome)| Question { question, outcome }).collect();
            serves(&Answers { questions, ..Answers::default() })
        };
        assert!(serves(skipped(), passed(), failed()));
        assert!(serves(skipped(), failed(), passed()));
        assert!(serves(passed(), skipped(), skipped()));
        assert!(!serves(passed(), failed(), skipped()), "strangers are refused, and nobody else is answered");
        assert!(!serves(skipped(), skipped(), skipped()), "nothing was asked");
    }

    #[test]
    fn failure_of_an_operation_before_is_not_the_reason() {
        let mut events = vec![
            event(true, "hello", "UPDATE_IN_PROGRESS"),
            event(false, "Role", "UPDATE_FAILED"),
            event(true, "hello", "UPDATE_ROLLBACK_IN_PROGRESS"),
            event(true, "hello", "UPDATE_ROLLBACK_COMPLETE"),
        ];
        assert_eq!(last_failure(&events).map(|failure| failure.logical_id.as_str()), Some("Role"));
        events.push(event(true, "hello", "UPDATE_IN_PROGRESS"));
        assert_eq!(last_failure(&events), None);
        events.push(event(false, "Server", "UPDATE_FAILED"));
        events.push(event(false, "Alarm", "UPDATE_FAILED"));
        assert_eq!(last_failure(&events).map(|failure| failure.logical_id.as_str()), Some("Server"));
    }
}
