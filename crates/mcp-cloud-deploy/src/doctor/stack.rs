//! In which state the stack is, whether it is ours, and whether the function in it can answer.

use std::sync::Arc;

use aws_sdk_lambda::{
    operation::get_function_configuration::GetFunctionConfigurationOutput,
    types::{LastUpdateStatus, State},
};
use mcp_cloud_app::{App, Target};

use super::{Finding, Group, chain};
use crate::{
    aws::Deployer,
    error::{AwsError, Error},
    observe::{Stack, StackState},
};

pub(super) const NOT_DEPLOYED: &str = "nothing is deployed yet";
/// Lambda's name of what is not there.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// Judges what was observed.
pub(super) fn findings(name: &str, target: Target, observed: Result<Option<Stack>, Error>) -> Vec<Finding> {
    let question = Group::Stack.ask(format!("stack `{name}`"));
    match observed {
        Err(error) => vec![question.failed(&error)],
        Ok(None) => vec![question.skip(NOT_DEPLOYED)],
        Ok(Some(stack)) if !stack.is_ours() => vec![question.failed(&Error::StackNotOurs { stack: stack.name })],
        Ok(Some(stack)) if is_elsewhere(&stack, target) => {
            let (actual, wanted) = (stack.target().to_string(), target.to_string());
            vec![question.failed(&Error::OtherTarget { stack: stack.name, actual, wanted })]
        }
        Ok(Some(stack)) => vec![state(&stack)],
    }
}

/// Whether what is deployed runs on another target. An empty shell is on none yet.
pub(super) fn is_elsewhere(stack: &Stack, target: Target) -> bool {
    !stack.tags.is_empty() && stack.target() != target
}

fn state(stack: &Stack) -> Finding {
    let question = Group::Stack.ask(format!("stack `{}`", stack.name));
    let since = stack.changed.as_ref().map(|changed| format!(", changed {changed}")).unwrap_or_default();
    let reason = stack.reason.as_ref().map(|reason| format!(": {}", reason.trim_end_matches('.'))).unwrap_or_default();
    let answer = format!("{}{since}{reason}", stack.status);
    match stack.state() {
        StackState::Healthy => question.ok(answer),
        StackState::Updatable => question.ok(format!("{answer}; what ran before runs again")),
        StackState::Busy => question.skip(format!("{answer}; `mcp-cloud wait` waits for its end")),
        StackState::Review => question.skip(format!("{answer}; an empty shell, which the next deployment replaces")),
        StackState::Failed => question
            .ng(answer, "mend the cause and run `mcp-cloud deploy`; it removes the failed stack first".to_owned()),
        StackState::RollbackFailed => question
            .ng(answer, "mend the cause and run `mcp-cloud deploy`; it takes the rollback up again first".to_owned()),
        StackState::Stuck => {
            let error =
                Error::Stuck { stack: stack.name.clone(), status: stack.status.clone(), reason: stack.reason.clone() };
            question.ng(answer, error.hint())
        }
    }
}

/// Looks at the function of a stack that is there.
pub(super) async fn function(app: Arc<App>, deployer: Arc<Deployer>, stack: Option<Arc<Stack>>) -> Vec<Finding> {
    let Some(stack) = stack.filter(|stack| stack.template.is_some()) else {
        return vec![Group::Function.skipped(NOT_DEPLOYED)];
    };
    if is_elsewhere(&stack, Target::Sam) {
        return vec![Group::Function.skipped("what is deployed is none")];
    }
    let name = &app.name;
    let question = Group::Function.ask(format!("function `{name}`"));
    let found = deployer.lambda.get_function_configuration().function_name(name).send().await;
    let found = match found.map_err(|error| AwsError::new(format!("read the function `{name}`"), error)) {
        Ok(found) => found,
        Err(error) if error.is(NOT_FOUND) => {
            let hint =
                "somebody deleted it behind the back of CloudFormation; `mcp-cloud deploy` says what to do".to_owned();
            return vec![question.ng("is not there, although the stack says so", hint)];
        }
        Err(error) => return vec![question.ng(chain(&error), Error::from(error).hint())],
    };
    let mut findings = vec![active(question, &found), updated(&found)];
    if let Some(alias) = alias_of(stack.template.as_deref().unwrap_or_default()) {
        findings.push(self::alias(&deployer, name, alias).await);
    }
    findings
}

/// Whether it takes invocations (<https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>).
fn active(question: super::Question, found: &GetFunctionConfigurationOutput) -> Finding {
    let reason = found.state_reason().map(|reason| format!(": {}", reason.trim_end_matches('.'))).unwrap_or_default();
    match found.state() {
        None | Some(State::Active) => question.ok("Active"),
        Some(State::Inactive) => question.ok("Inactive: nobody called for weeks, and the next call takes longer"),
        Some(State::Pending) => question.skip(format!("Pending{reason}; it is being made")),
        Some(state) => {
            question.ng(format!("{}{reason}", state.as_str()), "mend the cause and run `mcp-cloud deploy`".to_owned())
        }
    }
}

fn updated(found: &GetFunctionConfigurationOutput) -> Finding {
    let question = Group::Function.ask("its last change");
    let reason = found.last_update_status_reason().unwrap_or("no reason given").trim_end_matches('.');
    match found.last_update_status() {
        None | Some(LastUpdateStatus::Successful) => question.ok("Successful"),
        Some(LastUpdateStatus::InProgress) => question.skip("InProgress; `mcp-cloud wait` waits for its end"),
        Some(status) => question
            .ng(format!("{}: {reason}", status.as_str()), "mend the cause and run `mcp-cloud deploy`".to_owned()),
    }
}

async fn alias(deployer: &Deployer, function: &str, alias: &str) -> Finding {
    let question = Group::Function.ask(format!("alias `{alias}`"));
    let found = deployer.lambda.get_alias().function_name(function).name(alias).send().await;
    match found.map_err(|error| AwsError::new(format!("read the alias `{alias}` of `{function}`"), error)) {
        Ok(found) => question.ok(format!("version {}", found.function_version().unwrap_or("unknown"))),
        Err(error) if error.is(NOT_FOUND) => {
            let hint =
                "somebody deleted it behind the back of CloudFormation; `mcp-cloud deploy` says what to do".to_owned();
            question.ng("is not there, and requests go to it", hint)
        }
        Err(error) => question.ng(chain(&error), Error::from(error).hint()),
    }
}

/// The alias that a SAM template has requests go to.
fn alias_of(template: &str) -> Option<&str> {
    template.lines().find_map(|line| line.trim().strip_prefix("AutoPublishAlias: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deployment::{TAG_APP, TAG_TARGET},
        doctor::Verdict,
    };

    fn finding(status: &str) -> Finding {
        let tags = [(TAG_APP.to_owned(), "hello".to_owned())].into();
        let stack = Stack { name: "hello".into(), status: status.into(), tags, ..Stack::default() };
        let mut findings = findings("hello", Target::Sam, Ok(Some(stack)));
        findings.remove(0)
    }

    #[test]
    fn state_of_a_stack_decides() {
        for (status, verdict) in [
            ("CREATE_COMPLETE", Verdict::Ok),
            ("UPDATE_ROLLBACK_COMPLETE", Verdict::Ok),
            ("UPDATE_IN_PROGRESS", Verdict::Skip),
            ("ROLLBACK_COMPLETE", Verdict::Ng),
            ("UPDATE_ROLLBACK_FAILED", Verdict::Ng),
            ("SOMETHING_NEW", Verdict::Ng),
        ] {
            let finding = finding(status);
            assert_eq!(finding.verdict, verdict, "{status}");
            assert_eq!(finding.hint.is_some(), verdict == Verdict::Ng, "{status}: {finding:?}");
        }
    }

    #[test]
    fn stack_of_somebody_else_is_not_as_it_should_be() {
        let stack = Stack { name: "hello".into(), status: "CREATE_COMPLETE".into(), ..Stack::default() };
        let findings = findings("hello", Target::Sam, Ok(Some(stack)));
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ng), "{findings:?}");
    }

    #[test]
    fn stack_of_another_target_is_not_as_it_should_be() {
        let tags = [(TAG_APP.to_owned(), "hello".to_owned()), (TAG_TARGET.to_owned(), "ecs".to_owned())].into();
        let stack = Stack { name: "hello".into(), status: "CREATE_COMPLETE".into(), tags, ..Stack::default() };
        let verdict = |target| findings("hello", target, Ok(Some(stack.clone()))).remove(0).verdict;
        assert_eq!((verdict(Target::Ecs), verdict(Target::Sam)), (Verdict::Ok, Verdict::Ng));
    }

    #[test]
    fn alias_is_found_in_a_template() {
        assert_eq!(alias_of("Properties:\n      AutoPublishAlias: live\n      Timeout: 3"), Some("live"));
        assert_eq!(alias_of("Properties:\n      Timeout: 3"), None);
    }
}
