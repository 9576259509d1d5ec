//! AWS JSON 1.1: the action in a header, JSON both ways
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::{Fault, Reply};

pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<(String, Map<String, Value>), Fault> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let action = target.rsplit('.').next().unwrap_or_default().to_owned();
    let members = if body.is_empty() { Some(Map::new()) } else { serde_json::from_slice(body).ok() };
    let malformed = || Fault::new(400, "SerializationException", "the body is not a JSON object");
    Ok((action, members.ok_or_else(malformed)?))
}

pub(super) fn write(reply: Result<Reply, Fault>) -> (u16, Vec<(&'static str, String)>, Bytes) {
    let (status, mut headers, document) = match reply {
        Ok(reply) => (reply.status, reply.headers, if reply.members.is_null() { json!({}) } else { reply.members }),
        Err(fault) => {
            let document = json!({ "__type": fault.code, "message": fault.message, "Message": fault.message });
            (fault.status, fault.headers, document)
        }
    };
    headers.push(("content-type", "application/x-amz-json-1.1".to_owned()));
    (status, headers, document.to_string().into())
}
