//! The gate: the questions that a server has to answer after a rollout before the rollout counts.
//!
//! They are asked from outside, as a client would, in both eras of the protocol, and no tool is called. Right after a
//! rollout a URL may not be known everywhere yet, a permission may not have arrived, and an instance may be starting: what
//! passes by itself is waited for, for a limited time.

mod ask;
mod probes;

use std::{fmt, time::Duration};

use mcp_cloud_app::{
    App, Target,
    app::{AuthMode, Exposure, Sessions, Trigger},
};
use mcp_cloud_contract::{RESOURCE_METADATA_PATH, env};
use serde::Serialize;

use super::{
    access::Access,
    client::{Introduction, MODERN_VERSION},
    http::{Http, Limits, Token},
    surface::Surface,
};

/// How long a URL, a permission or an instance may take to be there, altogether.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much a single answer may take. An instance that starts takes a few seconds.
const LIMITS: Limits = Limits { time: Duration::from_secs(30), bytes: 16 * 1024 * 1024 };

/// What a server has to answer, given what its app says.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The URL of the endpoint.
    endpoint: String,
    access: Access,
    token: Option<Token>,
    /// What the server has to say about who issues tokens for it.
    metadata: Option<Metadata>,
    /// Whether a refusal has to say where that stands.
    has_challenge: bool,
    streams: bool,
    stateless: bool,
    /// Whether it is reached from its own network alone, which may not be this one.
    is_private: bool,
    /// Whether a subscription would occupy all there is.
    has_one_instance: bool,
    patience: Duration,
    limits: Limits,
}

/// The protected resource metadata that is expected (RFC 9728 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Metadata {
    resource: String,
    issuer: String,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Asked {
    /// Does anything answer?
    Reachable,
    /// Is somebody without credentials refused?
    Stranger,
    /// Does the refusal say where tokens come from?
    Challenge,
    /// Does the server say who issues tokens for it?
    Metadata,
    /// Does it speak the modern era?
    Modern,
    /// Does it shake hands in the legacy era?
    Legacy,
    /// Does it list the same tools in both?
    Tools,
    /// Is a `GET` refused where there is no stream to get?
    Get,
    /// Is a page of somebody else's refused?
    Origin,
    /// Does a stream arrive as one?
    Stream,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The answer is right.
    Passed {
        /// What it was, where there is more to say than yes.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
    },
    /// The answer is wrong, or there is none.
    Failed {
        /// What was expected.
        expected: String,
        /// What came.
        got: String,
    },
    /// It was not asked.
    Skipped {
        /// Why not.
        why: String,
    },
}

/// A question and what came of it. Displayed as one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// What was asked.
    pub question: Asked,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Everything that was asked, in the order it was asked in, and what was learnt.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Answers {
    /// The questions.
    pub questions: Vec<Question>,
    /// What the server says of itself; absent where it did not say it.
    pub server: Option<Introduction>,
    /// What it offers; absent where it did not say it.
    pub surface: Option<Surface>,
}

impl Gate {
    /// What the app of this endpoint has to answer on Lambda.
    #[must_use]
    pub fn from(app: &App, url: &str) -> Self {
        Self::on(app, Target::Sam, url)
    }

    /// What the app of this endpoint has to answer where it runs.
    #[must_use]
    pub fn on(app: &App, target: Target, url: &str) -> Self {
        let trigger = app.lambda.trigger;
        let is_function = target != Target::Ecs;
        let resource = app.endpoint.domain.as_ref().map(|domain| format!("https://{domain}{}", app.endpoint.path));
        let metadata = resource.zip(app.auth.issuer.clone()).map(|(resource, issuer)| Metadata { resource, issuer });
        let is_private = (!is_function || trigger == Trigger::Alb)
            && (app.network.exposure == Exposure::Private || app.auth.mode == AuthMode::Platform);
        Self {
            access: Access::on(app, target),
            // The other triggers answer before anybody could say it.
            has_challenge: metadata.is_some() && is_function && trigger.is_rest_api(),
            metadata,
            streams: !is_function || trigger.streams(),
            stateless: app.state.sessions == Sessions::None,
            is_private,
            has_one_instance: if is_function { app.lambda.reserved == Some(1) } else { app.ecs.maximum == 1 },
            ..Self::of_url(url)
        }
    }

    /// What any server has to answer of which only the URL is known.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        Self {
            endpoint: url.to_owned(),
            access: Access::Open,
            token: None,
            metadata: None,
            has_challenge: false,
            streams: true,
            stateless: false,
            is_private: false,
            has_one_instance: false,
            patience: PATIENCE,
            limits: LIMITS,
        }
    }

    /// Shows this token where one is asked for.
    #[must_use]
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { token, ..self }
    }

    /// Waits this long, altogether, for what passes by itself; not at all where nothing has just been changed.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Changes how much a single answer may take.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Asks every question, one after the other, and reports each as soon as there is an answer. It changes nothing, and
    /// may be repeated; where the server promises notifications of changes on a stream, one is opened for a moment, which
    /// keeps an instance of a function busy until its time is over.
    pub async fn ask(&self, http: &Http, report: &dyn Fn(&Question)) -> Answers {
        ask::Asking::new(self, http, report).all().await
    }

    /// Asks the first question alone: does anything answer?
    pub async fn reach(&self, http: &Http) -> Question {
        ask::Asking::new(self, http, &|_| {}).first().await
    }

    /// Where the metadata is: the well-known path goes before the path of the endpoint (RFC 9728 §3.1).
    fn metadata_url(&self) -> Option<String> {
        let url: http::Uri = self.endpoint.parse().ok()?;
        let path = url.path().trim_end_matches('/');
        Some(format!("{}://{}{RESOURCE_METADATA_PATH}{path}", url.scheme_str()?, url.authority()?))
    }
}

impl Answers {
    /// Whether no answer was wrong.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The questions that were answered wrongly.
    pub fn failed(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(|question| matches!(question.outcome, Outcome::Failed { .. }))
    }
}

impl Asked {
    /// All of them, in the order they are asked in.
    pub const ALL: [Self; 10] = [
        Self::Reachable,
        Self::Stranger,
        Self::Challenge,
        Self::Metadata,
        Self::Modern,
        Self::Legacy,
        Self::Tools,
        Self::Get,
        Self::Origin,
        // Last, because a stream may keep an instance busy.
        Self::Stream,
    ];

    /// What is so when the answer is right.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Self::Reachable => "the endpoint answers",
            Self::Stranger => "who shows no credentials is refused",
            Self::Challenge => "the refusal says where tokens come from",
            Self::Metadata => "the server says who issues tokens for it",
            Self::Modern => "it speaks 2026-07-28",
            Self::Legacy => "it shakes hands with clients of before 2026-07-28",
            Self::Tools => "it lists the same tools in both eras",
            Self::Get => "a GET is refused, because there is no stream to get",
            Self::Origin => "a page of another site is refused",
            Self::Stream => "a stream arrives as one",
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.question.statement())?;
        match &self.outcome {
            Outcome::Passed { answer: None } => Ok(()),
            Outcome::Passed { answer: Some(answer) } => write!(f, " ({answer})"),
            Outcome::Failed { expected, got } => write!(f, ": expected {expected}, got {got}"),
            Outcome::Skipped { why } => write!(f, ": not asked, because {why}"),
        }
    }
}

impl Outcome {
    fn passed() -> Self {
        Self::Passed { answer: None }
    }

    fn with(answer: impl Into<String>) -> Self {
        Self::Passed { answer: Some(answer.into()) }
    }

    fn failed(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Failed { expected: expected.into(), got: got.into() }
    }

    fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped { why: why.into() }
    }
}

/// Why nothing can be asked of a server that wants a token.
fn no_token() -> String {
    format!("it wants a token, and there is none in `{}`", env::TOKEN)
}

/// What is expected of a server that speaks the modern era.
fn modern_expected() -> String {
    format!("an answer to `server/discover` that names {MODERN_VERSION}")
}
