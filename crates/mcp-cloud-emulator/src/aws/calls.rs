//! What was asked of the account, for whoever judges the asking.

use serde_json::{Map, Value};

use super::wire::{Asked, Fault, Service};

/// Members that hold a secret, or so much that nobody wants to see it.
const HIDDEN: &[&str] = &["SecretString", "SecretBinary", "ZipFile", "TemplateBody", "Environment", "Body"];

/// A call, and what came of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// Counted from 1.
    pub number: usize,
    /// As actions of policies begin: `s3`.
    pub service: &'static str,
    /// The name in the API: `PutObject`.
    pub action: String,
    /// Whether it would change something.
    pub writes: bool,
    /// What it is about, as JSON; secrets and long texts are replaced by their length.
    pub parameters: Value,
    /// The error's code when it was refused, and [`NO_ANSWER`](Self::NO_ANSWER) when nobody heard the answer.
    pub error: Option<String>,
    /// Whether the account does not know how to answer it.
    pub is_unknown: bool,
}

impl Call {
    /// The error of a call whose answer nobody heard.
    pub const NO_ANSWER: &'static str = "(no answer)";

    pub(super) fn of(number: usize, asked: &Asked, fault: Option<&Fault>) -> Self {
        let unknown = [
            "InvalidAction",
            "UnknownOperationException",
            "NotImplemented",
            "UNSUPPORTED",
            "MissingAuthenticationToken",
        ];
        Self {
            number,
            service: asked.service.name(),
            action: asked.action.clone(),
            writes: writes(&asked.action),
            parameters: Value::Object(shown(&asked.parameters)),
            error: fault.map(|fault| fault.code.clone()),
            is_unknown: fault.is_some_and(|fault| unknown.contains(&fault.code.as_str())),
        }
    }

    pub(super) fn lost(number: usize, asked: &Asked) -> Self {
        Self { error: Some(Self::NO_ANSWER.to_owned()), ..Self::of(number, asked, None) }
    }
}

/// Drift detection is a read although it starts something; an invocation is the program's affair.
fn writes(action: &str) -> bool {
    const READS: &[&str] = &[
        "Get",
        "Describe",
        "List",
        "Head",
        "Filter",
        "Simulate",
        "Detect",
        "Invoke",
        "Validate",
        "BatchGet",
        "BatchCheck",
        "Ping",
    ];
    !READS.iter().any(|read| action.starts_with(read))
}

fn shown(parameters: &Map<String, Value>) -> Map<String, Value> {
    parameters
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) if HIDDEN.contains(&name.as_str()) => format!("({} bytes)", text.len()).into(),
                _ if HIDDEN.contains(&name.as_str()) => "(hidden)".into(),
                Value::Object(members) => Value::Object(shown(members)),
                other => other.clone(),
            };
            (name.clone(), value)
        })
        .collect()
}

impl Asked {
    /// Stands for a request that no service knows.
    pub(super) fn unreadable() -> Self {
        Self {
            service: Service::Sts,
            action: "(not a call)".to_owned(),
            parameters: Map::new(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            region: String::new(),
        }
    }
}
