//! The server as its clients see it: its name, and what it answers.

use std::{io, sync::Arc, time::Duration};

use mcp_cloud_app::{
    App, Target,
    target::{
        ecs::OUTPUT_LOAD_BALANCER,
        sam::{OUTPUT_DOMAIN_TARGET, OUTPUT_ENDPOINT},
    },
};
use tokio::{net::lookup_host, time::timeout};

use super::{Finding, Group};
use crate::{
    mcp::{Gate, Http, Outcome, Question, Token, gate::Asked},
    observe::Stack,
};

/// A resolver that says nothing for that long will say nothing.
const RESOLVE: Duration = Duration::from_secs(5);
/// The port that clients call.
const HTTPS: u16 = 443;

/// The URL of the MCP endpoint that a stack names.
pub(super) fn of_stack(stack: Option<&Stack>) -> Option<&str> {
    stack.and_then(|stack| stack.outputs.get(OUTPUT_ENDPOINT)).map(String::as_str)
}

/// Whether the domain is known to resolvers. Before the first deployment there is nothing that it could point at.
pub(super) async fn domain(app: Arc<App>, stack: Option<Arc<Stack>>) -> Vec<Finding> {
    let Some(domain) = &app.endpoint.domain else {
        return vec![Group::Domain.skipped("the file names none")];
    };
    let question = Group::Domain.ask(format!("address of `{domain}`"));
    let looked_up = timeout(RESOLVE, lookup_host((domain.as_str(), HTTPS))).await;
    let looked_up = looked_up.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let addresses: Vec<_> = match looked_up {
        Ok(addresses) => addresses.map(|address| address.ip().to_string()).collect(),
        Err(error) => {
            let Some(stack) = stack else {
                return vec![question.skip("it has none, and nothing is deployed yet that it could point at")];
            };
            let target = stack.outputs.get(OUTPUT_DOMAIN_TARGET).or_else(|| stack.outputs.get(OUTPUT_LOAD_BALANCER));
            let target = target.map_or_else(|| "what the stack made for it".to_owned(), |target| format!("`{target}`"));
            return vec![question.ng(
                format!("it has none: {error}"),
                format!("enter it into its zone as a CNAME of {target}, and wait until resolvers know"),
            )];
        }
    };
    vec![question.ok(addresses.join(", "))]
}

/// Asks the server itself what it is asked after a rollout. Nothing has just been changed, so nothing is waited for.
pub(super) async fn findings(
    app: &App,
    target: Target,
    url: Option<&str>,
    token: Option<Token>,
    http: &Http,
) -> Vec<Finding> {
    let Some(url) = url else {
        return vec![Group::Endpoint.skipped("nothing is deployed that could be called")];
    };
    let gate = Gate::on(app, target, url).with_token(token).with_patience(Duration::ZERO);
    let answers = gate.ask(http, &|_| {}).await;
    answers.questions.into_iter().map(|asked| finding(asked, target)).collect()
}

fn finding(asked: Question, target: Target) -> Finding {
    let question = Group::Endpoint.ask(asked.question.statement());
    match asked.outcome {
        Outcome::Passed { answer } => question.ok(answer.unwrap_or_else(|| "yes".to_owned())),
        Outcome::Failed { expected, got } => {
            question.ng(format!("expected {expected}, got {got}"), hint(asked.question, target).map(str::to_owned))
        }
        Outcome::Skipped { why } => question.skip(why),
    }
}

/// What to do about an answer that is wrong.
fn hint(asked: Asked, target: Target) -> Option<&'static str> {
    match asked {
        Asked::Reachable => Some("`mcp-cloud logs` shows whether the request arrived, and what became of it"),
        Asked::Stranger => Some("anybody can call it: run `mcp-cloud deploy`, so that `auth.mode` holds again"),
        Asked::Origin => Some("pages of any site can call it: look at what stands in front of the server"),
        Asked::Challenge | Asked::Metadata => Some("compare `[auth]` and `endpoint.domain` with what is deployed"),
        Asked::Modern | Asked::Legacy | Asked::Tools => Some("`mcp-cloud invoke --list` shows what the server says"),
        Asked::Stream if target == Target::Ecs => Some("something in front of the server holds replies back"),
        Asked::Stream => Some("something in front of the server holds replies back; compare `lambda.trigger`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn answer_of_the_server_is_told_as_it_came() {
        let verdict = |outcome| {
            let finding = finding(Question { question: Asked::Origin, outcome }, Target::Sam);
            (finding.verdict, finding.answer, finding.hint.is_some())
        };
        assert_eq!(verdict(Outcome::Passed { answer: None }), (Verdict::Ok, "yes".to_owned(), false));
        let failed = Outcome::Failed { expected: "403".to_owned(), got: "200".to_owned() };
        assert_eq!(verdict(failed), (Verdict::Ng, "expected 403, got 200".to_owned(), true));
        let skipped = Outcome::Skipped { why: "any page may call".to_owned() };
        assert_eq!(verdict(skipped), (Verdict::Skip, "any page may call".to_owned(), false));
    }
}
