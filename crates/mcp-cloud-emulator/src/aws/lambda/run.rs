//! What runs behind a function URL or an invocation: the account says which program, somebody else runs it.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use serde_json::Value;

use super::{Function, find, function_arn, not_found};
use crate::aws::{
    state::State,
    wire::{Asked, Fault, Reply},
};

/// A program as it is deployed.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Deployed {
    /// The function.
    pub function_name: String,
    /// The alias or version that was asked; `None` for what is not published.
    pub qualifier: Option<String>,
    /// The version that it leads to: a number, or `$LATEST`.
    pub version: String,
    /// The archive that was uploaded.
    pub code: Bytes,
    /// Its environment, with secrets where the template refers to some.
    pub environment: BTreeMap<String, String>,
    /// Its handler: `bootstrap`.
    pub handler: String,
    /// Memory in MB.
    pub memory: u64,
    /// Seconds that an invocation may take.
    pub timeout: u64,
    /// Behind a function URL, who may call: `AWS_IAM` or `NONE`.
    pub auth_type: Option<String>,
    /// Behind a function URL, how answers go out: `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: Option<String>,
}

/// Neither code nor values of the environment.
impl fmt::Debug for Deployed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployed")
            .field("function_name", &self.function_name)
            .field("qualifier", &self.qualifier)
            .field("version", &self.version)
            .field("environment", &self.environment.keys())
            .finish_non_exhaustive()
    }
}

/// What an invocation came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invoked {
    /// What the program answered; nothing stands for `null`.
    pub payload: Bytes,
    /// Whether the program failed, and how Lambda calls it: `Unhandled`.
    pub error: Option<String>,
}

fn deployed(function: &Function, name: &str, qualifier: Option<&str>) -> Option<Deployed> {
    let (version, edition) = function.edition(qualifier)?;
    let variables =
        edition.settings.get("Environment").and_then(|environment| environment.get("Variables")?.as_object());
    let number = |name: &str, default: u64| edition.settings.get(name).and_then(Value::as_u64).unwrap_or(default);
    Some(Deployed {
        function_name: name.to_owned(),
        qualifier: qualifier.filter(|qualifier| !qualifier.is_empty()).map(str::to_owned),
        version,
        code: edition.code.clone(),
        environment: variables
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect(),
        handler: edition.text("Handler").unwrap_or_default().to_owned(),
        memory: number("MemorySize", 128),
        timeout: number("Timeout", 3),
        auth_type: None,
        invoke_mode: None,
    })
}

pub(in super::super) fn behind_url(state: &State, host: &str) -> Option<Deployed> {
    state.functions.iter().find_map(|(name, function)| {
        let (qualifier, url) = function.urls.iter().find(|(_, url)| url.host(&state.region) == host)?;
        let deployed = deployed(function, name, Some(qualifier))?;
        Some(Deployed {
            auth_type: Some(url.auth_type.clone()),
            invoke_mode: Some(url.invoke_mode.clone()),
            ..deployed
        })
    })
}

pub(in super::super) fn invoked(state: &mut State, asked: &Asked) -> Result<Deployed, Fault> {
    state.check_allowed(asked)?;
    let (_, name, qualifier) = find(state, asked)?;
    let found = state.functions.get(&name).and_then(|function| deployed(function, &name, qualifier.as_deref()));
    found.ok_or_else(|| not_found(&function_arn(state, &name, qualifier.as_deref())))
}

pub(in super::super) fn invocation(deployed: &Deployed, invoked: Invoked) -> Reply {
    let payload = if invoked.payload.is_empty() { Bytes::from_static(b"null") } else { invoked.payload };
    let mut reply = Reply::empty().with_header("x-amz-executed-version", deployed.version.clone());
    reply.headers.extend(invoked.error.map(|error| ("x-amz-function-error", error)));
    reply.raw = Some(payload);
    reply
}
