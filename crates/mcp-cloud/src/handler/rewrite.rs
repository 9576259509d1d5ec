//! Gives messages other ids and tokens on their way through a duplex, and leaves everything else in them as it was.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    json::{Raw, read},
    transport::TraceParent,
};

/// The key of `_meta` that names the subscription a notification belongs to, by the id of its request.
pub(super) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
pub(super) const PROGRESS_TOKEN: &str = "progressToken";

type Members<'a> = BTreeMap<Cow<'a, str>, Raw<'a>>;

/// A request with this id and these parameters.
pub(super) fn request(number: u64, method: &str, params: &str) -> Bytes {
    let method = serde_json::Value::from(method);
    let params = if params.is_empty() { String::new() } else { format!(r#","params":{params}"#) };
    format!(r#"{{"jsonrpc":"2.0","id":{number},"method":{method}{params}}}"#).into()
}

/// A notification with these parameters.
pub(super) fn notification(method: &str, params: &str) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","method":{},"params":{params}}}"#, serde_json::Value::from(method)).into()
}

/// A request's parameters with another progress token and the trace they belong to, and the token they had.
pub(super) fn params<'a>(params: &'a [u8], number: u64, trace: Option<&TraceParent>) -> (Cow<'a, str>, Option<Bytes>) {
    let text = String::from_utf8_lossy(params);
    let Ok(members) = read::<Members<'_>>(params) else { return (text, None) };
    let meta = members.get("_meta").and_then(|meta| read::<Members<'_>>(meta.get().as_bytes()).ok());
    let token = meta.as_ref().and_then(|meta| meta.get(PROGRESS_TOKEN)).map(|token| token.get());
    let trace = trace.filter(|_| !meta.as_ref().is_some_and(|meta| meta.contains_key("traceparent")));
    if token.is_none() && trace.is_none() {
        return (text, None);
    }
    let mut written: Vec<_> = members_without(meta.unwrap_or_default(), PROGRESS_TOKEN);
    if token.is_some() {
        written.push(format!(r#""{PROGRESS_TOKEN}":{number}"#));
    }
    if let Some(trace) = trace {
        written.push(format!(r#""traceparent":"{}""#, trace.as_str()));
    }
    let meta = format!(r#""_meta":{{{}}}"#, written.join(","));
    let token = token.map(|token| Bytes::copy_from_slice(token.as_bytes()));
    let mut all = members_without(members.clone(), "_meta");
    all.push(meta);
    (Cow::Owned(format!("{{{}}}", all.join(","))), token)
}

fn members_without(members: Members<'_>, name: &str) -> Vec<String> {
    let others = members.into_iter().filter(|(found, _)| found != name);
    others.map(|(name, value)| format!("{}:{}", serde_json::Value::from(&*name), value.get())).collect()
}

/// The request that the parameters of a notification belong to, where they say so.
pub(super) fn owner(params: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Params {
        #[serde(rename = "progressToken")]
        progress_token: Option<serde_json::Value>,
        #[serde(rename = "_meta")]
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(rename = "io.modelcontextprotocol/subscriptionId")]
        subscription_id: Option<serde_json::Value>,
    }
    let Params { progress_token, meta } = read(params.as_bytes()).ok()?;
    progress_token.or_else(|| meta.and_then(|meta| meta.subscription_id))?.as_u64()
}

/// The object with another value for a member: of its own, or of its `_meta` where the name is one of those. `None`
/// where it does not have that member.
pub(super) fn restore(object: &str, name: &str, value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok()?;
    let members: Members<'_> = read(object.as_bytes()).ok()?;
    if name != SUBSCRIPTION_ID {
        members.get(name)?;
        return Some(with_member(members, name, value));
    }
    let meta: Members<'_> = read(members.get("_meta")?.get().as_bytes()).ok()?;
    meta.get(name)?;
    let meta = with_member(meta, name, value);
    Some(with_member(members.clone(), "_meta", &meta))
}

fn with_member(members: Members<'_>, name: &str, value: &str) -> String {
    let mut all = members_without(members, name);
    all.push(format!("{}:{value}", serde_json::Value::from(name)));
    format!("{{{}}}", all.join(","))
}
