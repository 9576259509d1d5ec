//! Asks the questions in their order: what one answer rules out is not asked any more.

use std::{collections::BTreeSet, error::Error, time::Duration};

use http::StatusCode;
use serde_json::Value;

use super::{Answers, Asked, Gate, Outcome, Question, modern_expected, no_token, probes};
use crate::mcp::{
    client::{Client, ClientError, Introduction},
    http::{Authorization, Http, HttpError},
    surface::Surface,
};

/// The first wait for what passes by itself, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A gate that is being asked.
pub(super) struct Asking<'a> {
    pub(super) gate: &'a Gate,
    pub(super) http: &'a Http,
    report: &'a dyn Fn(&Question),
    answers: Answers,
    patience: Duration,
}

impl<'a> Asking<'a> {
    pub(super) fn new(gate: &'a Gate, http: &'a Http, report: &'a dyn Fn(&Question)) -> Self {
        Self { gate, http, report, answers: Answers::default(), patience: gate.patience }
    }

    pub(super) async fn all(mut self) -> Answers {
        let shown = self.gate.access.authorization(self.gate.token.clone());
        let modern = self.reach(shown.clone().unwrap_or_default()).await;
        if self.has_failed_to_reach() {
            return self.skip_the_rest("nothing answers");
        }
        self.strangers().await;
        let Some(shown) = shown else { return self.skip_the_rest(&no_token()) };
        // Somebody may check tokens of whom the app does not know: the server itself.
        if self.gate.token.is_none()
            && matches!(shown, Authorization::Nobody)
            && matches!(&modern, Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED))
        {
            return self.skip_the_rest(&no_token());
        }
        self.introductions(modern, shown).await;
        self.answers
    }

    /// The first question, and no other.
    pub(super) async fn first(mut self) -> Question {
        let shown = self.gate.access.authorization(self.gate.token.clone());
        // What it answers is another question.
        let _ = self.reach(shown.unwrap_or_default()).await;
        let unasked = || Question { question: Asked::Reachable, outcome: Outcome::skipped("nobody asked") };
        self.answers.questions.pop().unwrap_or_else(unasked)
    }

    /// Whether anything answers, and what it answers to the first question.
    async fn reach(&mut self, shown: Authorization) -> Result<Introduction, ClientError> {
        let gate = self.gate;
        let http = self.http;
        let ask = async || gate.client(http, shown.clone())?.discover().await;
        let modern = self.patiently(ask).await;
        let outcome = match &modern {
            Err(ClientError::Http(error)) if gate.is_private && error.is_unreachable() => {
                Outcome::skipped("it is reached from its own network alone, and this is another")
            }
            Err(ClientError::Http(error)) => Outcome::failed("an answer", chain(error)),
            Err(error) if is_broken(error) => Outcome::failed("an answer that is no failure", chain(error)),
            _ => Outcome::passed(),
        };
        self.say(Asked::Reachable, outcome);
        modern
    }

    /// What somebody without credentials gets to see, where credentials are asked for.
    async fn strangers(&mut self) {
        let (gate, http) = (self.gate, self.http);
        if gate.access == super::Access::Open {
            for question in [Asked::Stranger, Asked::Challenge, Asked::Metadata] {
                self.say(question, Outcome::skipped("everybody may call"));
            }
            return;
        }
        let ask = async || match gate.client(http, Authorization::Nobody)?.discover().await {
            Err(ClientError::Status { status, challenge, .. })
                if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
            {
                Ok(Some((status, challenge)))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        };
        let refusal = self.patiently(ask).await;
        let expected = "401 or 403";
        let (outcome, challenge) = match refusal {
            Ok(Some((status, challenge))) => (Outcome::with(status.as_u16().to_string()), challenge),
            Ok(None) => (Outcome::failed(expected, "what the server says to those it knows"), None),
            Err(error) => (Outcome::failed(expected, chain(&error)), None),
        };
        self.say(Asked::Stranger, outcome);
        self.say(Asked::Challenge, probes::challenge(gate, challenge.as_deref()));
        let metadata = probes::metadata(gate, http).await;
        self.say(Asked::Metadata, metadata);
    }

    /// Both eras, and what follows from their answers.
    async fn introductions(&mut self, modern: Result<Introduction, ClientError>, shown: Authorization) {
        let (gate, http) = (self.gate, self.http);
        let outcome = match &modern {
            Ok(introduction) => Outcome::with(introduction.versions.join(", ")),
            Err(error) => Outcome::failed(modern_expected(), chain(error)),
        };
        self.say(Asked::Modern, outcome);
        let ask = async || {
            let mut client = gate.client(http, shown.clone())?;
            let introduction = client.initialize().await?;
            Ok((client, introduction))
        };
        let legacy = self.patiently(ask).await;
        let outcome = match &legacy {
            Ok((_, introduction)) => Outcome::with(&introduction.protocol_version),
            Err(error) => Outcome::failed("an answer to `initialize`", chain(error)),
        };
        self.say(Asked::Legacy, outcome);
        let introduced = modern.as_ref().ok().or_else(|| legacy.as_ref().ok().map(|(_, introduction)| introduction));
        self.answers.server = introduced.cloned();
        let legacy_client = legacy.ok().map(|(client, _)| client);
        let outcome = self.tools(modern.as_ref().ok(), legacy_client, &shown).await;
        self.say(Asked::Tools, outcome);
        let get = probes::get(gate, http, &shown).await;
        self.say(Asked::Get, get);
        let origin = probes::origin(gate, http, &shown).await;
        self.say(Asked::Origin, origin);
        let stream = match &modern {
            Ok(introduction) => probes::stream(gate, http, &shown, introduction).await,
            Err(_) => Outcome::skipped("it does not speak 2026-07-28"),
        };
        self.say(Asked::Stream, stream);
    }

    /// The tools of both eras; those of the modern one are what the server offers.
    async fn tools(&mut self, modern: Option<&Introduction>, legacy: Option<Client>, shown: &Authorization) -> Outcome {
        if let Some(modern) = modern
            && modern.capabilities.get("tools").is_none()
        {
            if let Some(client) = legacy {
                client.close().await;
            }
            self.answers.surface = Some(Surface::default());
            return Outcome::skipped("it has no tools");
        }
        let mut lists = Vec::new();
        if modern.is_some() {
            let listed = match self.gate.client(self.http, shown.clone()) {
                Ok(mut client) => client.tools().await,
                Err(error) => Err(error.into()),
            };
            match checked(listed) {
                Ok(tools) => lists.push(tools),
                Err(got) => return Outcome::failed("a list of tools in 2026-07-28", got),
            }
        }
        if let Some(mut client) = legacy {
            let listed = client.tools().await;
            client.close().await;
            match checked(listed) {
                Ok(tools) => lists.push(tools),
                Err(got) => return Outcome::failed("a list of tools before 2026-07-28", got),
            }
        }
        self.answers.surface = lists.first().map(|tools| Surface::of(tools));
        match lists.as_slice() {
            [modern, legacy] => compare(&names(modern), &names(legacy)),
            _ => Outcome::skipped("it does not speak both"),
        }
    }

    /// Asks until there is an answer, or one that does not pass by itself, or the patience is at its end.
    async fn patiently<T>(&mut self, ask: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
        let mut wait = FIRST_WAIT;
        loop {
            match ask().await {
                Err(error) if self.may_pass(&error) && self.patience >= wait => {
                    self.patience -= wait;
                    self.http.sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                answer => return answer,
            }
        }
    }

    /// Whether an error is one of those that come right after a rollout and go: a name that is not known yet, a permission
    /// or a route that has not arrived, an instance that is starting, all instances busy.
    fn may_pass(&self, error: &ClientError) -> bool {
        match error {
            ClientError::Http(HttpError::Unreachable { .. }) => !self.gate.is_private,
            ClientError::Http(HttpError::BrokenOff { .. }) => true,
            ClientError::Status { status, .. } => {
                matches!(status.as_u16(), 403 | 404 | 429) || status.is_server_error()
            }
            _ => false,
        }
    }

    fn has_failed_to_reach(&self) -> bool {
        let first = self.answers.questions.first().map(|question| &question.outcome);
        !matches!(first, Some(Outcome::Passed { .. }))
    }

    fn skip_the_rest(mut self, why: &str) -> Answers {
        for question in Asked::ALL {
            if !self.answers.questions.iter().any(|asked| asked.question == question) {
                self.say(question, Outcome::skipped(why));
            }
        }
        self.answers
    }

    fn say(&mut self, question: Asked, outcome: Outcome) {
        let question = Question { question, outcome };
        (self.report)(&question);
        self.answers.questions.push(question);
    }
}

impl Gate {
    /// A client for one question: what another question left behind does not count.
    pub(super) fn client(&self, http: &Http, shown: Authorization) -> Result<Client, HttpError> {
        Ok(Client::new(http, &self.endpoint, shown)?.with_limits(self.limits))
    }
}

/// A list whose tools are tools.
fn checked(listed: Result<Vec<Value>, ClientError>) -> Result<Vec<Value>, String> {
    let tools = listed.map_err(|error| chain(&error))?;
    let is_tool = |tool: &Value| {
        tool.get("name").is_some_and(Value::is_string) && tool.get("inputSchema").is_some_and(Value::is_object)
    };
    match tools.iter().find(|tool| !is_tool(tool)) {
        Some(_) => Err("a tool without a name, or without an `inputSchema`".to_owned()),
        None => Ok(tools),
    }
}

fn names(tools: &[Value]) -> BTreeSet<&str> {
    tools.iter().filter_map(|tool| tool.get("name")?.as_str()).collect()
}

fn compare(modern: &BTreeSet<&str>, legacy: &BTreeSet<&str>) -> Outcome {
    let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>, era: &str| {
        let names: Vec<_> = one.difference(other).map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| format!("{} only {era}", names.join(", ")))
    };
    let differences = [only(modern, legacy, "in 2026-07-28"), only(legacy, modern, "before 2026-07-28")];
    let differences: Vec<_> = differences.into_iter().flatten().collect();
    if differences.is_empty() {
        return Outcome::with(match modern.len() {
            1 => "1 tool".to_owned(),
            count => format!("{count} tools"),
        });
    }
    Outcome::failed("the same names", differences.join(", and "))
}

/// Whether a server, or what is in front of it, is out of order.
fn is_broken(error: &ClientError) -> bool {
    matches!(error, ClientError::Status { status, .. } if status.is_server_error())
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
