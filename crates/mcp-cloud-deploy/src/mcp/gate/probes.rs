//! Questions that no well-behaved client asks, one request each.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::{Gate, Outcome, ask::chain};
use crate::mcp::{
    client::{self, Client, ClientError, Introduction, RATHER_EVENTS},
    http::{Authorization, Http, HttpError, Limits, Reply, media_type},
    message::Incoming,
};

/// An origin that is nobody's (RFC 2606 §2).
const FOREIGN_ORIGIN: HeaderValue = HeaderValue::from_static("https://foreign.example");
/// How long the first message of a stream that stays open may take. Nothing has to be made for it.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(10);
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// Does the refusal say where tokens come from (RFC 9728 §5.1)?
pub(super) fn challenge(gate: &Gate, challenge: Option<&str>) -> Outcome {
    if !gate.has_challenge {
        return Outcome::skipped(
            "what stands in front of the server cannot say so itself; clients look where they know",
        );
    }
    let expected = "`WWW-Authenticate: Bearer` with `resource_metadata`";
    match challenge {
        Some(challenge) if challenge.to_ascii_lowercase().contains("resource_metadata=") => Outcome::passed(),
        Some(_) => Outcome::failed(expected, "a challenge without it"),
        None => Outcome::failed(expected, "no challenge"),
    }
}

/// Does the server say who issues tokens for it, to everybody (RFC 9728 §3)?
pub(super) async fn metadata(gate: &Gate, http: &Http) -> Outcome {
    let Some(expected) = &gate.metadata else {
        return Outcome::skipped("it has no issuer, or no domain to be named by");
    };
    let Some(url) = gate.metadata_url().and_then(|url| url.parse().ok()) else {
        return Outcome::skipped("its URL has no place for it");
    };
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url;
    let what = format!("a document with the issuer {}", expected.issuer);
    let reply = match http.exchange(request, &Authorization::Nobody, gate.limits).await {
        Ok(reply) => reply,
        Err(error) => return Outcome::failed(what, chain(&error)),
    };
    if reply.status() != StatusCode::OK {
        return Outcome::failed(what, reply.status().to_string());
    }
    let document: Value = match serde_json::from_slice(reply.body()) {
        Ok(document) => document,
        Err(_) => return Outcome::failed(what, "no JSON"),
    };
    let issuers = document.get("authorization_servers").and_then(Value::as_array);
    let has_issuer = issuers.is_some_and(|issuers| issuers.iter().any(|issuer| *issuer == expected.issuer.as_str()));
    match document.get("resource").and_then(Value::as_str) {
        _ if !has_issuer => Outcome::failed(what, "a document without it"),
        Some(resource) if resource == expected.resource => Outcome::passed(),
        _ => Outcome::failed(format!("a document about {}", expected.resource), "one about something else"),
    }
}

/// Is a `GET` answered with 405 where there is no stream to get (MCP, basic/transports, Listening for Messages)?
pub(super) async fn get(gate: &Gate, http: &Http, shown: &Authorization) -> Outcome {
    if !gate.stateless {
        return Outcome::skipped("it may keep sessions, which have streams");
    }
    let mut request = match gate.client(http, shown.clone()) {
        Ok(client) => client.http_request(Method::GET, Bytes::new()),
        Err(error) => return Outcome::failed("405", chain(&error)),
    };
    // A client of the modern era never asks for it.
    request.headers_mut().remove("mcp-protocol-version");
    expect_status(gate, http, shown, request, StatusCode::METHOD_NOT_ALLOWED).await
}

/// Is a page of another site refused (MCP, basic/transports, Security Warning)? Who shows nothing would be refused anyway,
/// so it is asked with credentials.
pub(super) async fn origin(gate: &Gate, http: &Http, shown: &Authorization) -> Outcome {
    let mut request = match discover(gate, http, shown) {
        Ok((_, request, _)) => request,
        Err(error) => return Outcome::failed("403", chain(&error)),
    };
    request.headers_mut().insert(header::ORIGIN, FOREIGN_ORIGIN);
    expect_status(gate, http, shown, request, StatusCode::FORBIDDEN).await
}

/// Does a stream arrive as one? A reply is asked for as events; and where the server promises to tell of changes, a
/// stream is opened that has no end, whose first message has to arrive all the same: nothing on the way may wait for the
/// rest.
pub(super) async fn stream(gate: &Gate, http: &Http, shown: &Authorization, introduction: &Introduction) -> Outcome {
    if !gate.streams {
        return Outcome::skipped("its trigger sends every reply in one piece");
    }
    let expected = "an event stream";
    let (mut client, mut request, id) = match discover(gate, http, shown) {
        Ok(discover) => discover,
        Err(error) => return Outcome::failed(expected, chain(&error)),
    };
    request.headers_mut().insert(header::ACCEPT, RATHER_EVENTS);
    match form(&client, request, id).await {
        Ok(form) if form == "text/event-stream" => {}
        Ok(form) if form == "application/json" => {
            return Outcome::skipped("the server answers with JSON although events would be preferred, as it may");
        }
        Ok(form) => return Outcome::failed(expected, format!("`{form}`")),
        Err(error) => return Outcome::failed(expected, chain(&error)),
    }
    let Some(filter) = promised(&introduction.capabilities) else { return Outcome::with("events") };
    if gate.has_one_instance {
        return Outcome::with("events; a subscription would occupy its only instance");
    }
    let id = client.next_id();
    let request = client.post(Some(id), "subscriptions/listen", json!({ "notifications": filter }));
    let expected = "the beginning of a subscription while it is open";
    match first_message(&client, request, id).await {
        Ok(Some(Incoming::Notification(first))) if first.method == ACKNOWLEDGED => {
            Outcome::with("events, as they come")
        }
        Ok(Some(Incoming::Notification(_) | Incoming::Result(_))) => Outcome::failed(expected, "another message"),
        Ok(Some(Incoming::Error(error))) | Err(ClientError::Rpc { error, .. }) => {
            Outcome::with(format!("events; it refuses subscriptions although it promises them: {error}"))
        }
        Ok(None) => Outcome::failed(expected, "an empty stream"),
        Err(ClientError::Http(HttpError::TooSlow { .. })) => {
            let got = format!("nothing within {} s: something on the way holds it back", ACKNOWLEDGEMENT.as_secs());
            Outcome::failed(expected, got)
        }
        Err(error) => Outcome::failed(expected, chain(&error)),
    }
}

/// The question that every modern server answers, and whoever asks it.
fn discover(gate: &Gate, http: &Http, shown: &Authorization) -> Result<(Client, Request<Bytes>, u64), HttpError> {
    let mut client = gate.client(http, shown.clone())?;
    let id = client.next_id();
    let request = client.post(Some(id), "server/discover", json!({}));
    Ok((client, request, id))
}

/// Sends a request, and looks at the head of the reply alone: what follows may have no end.
async fn expect_status(
    gate: &Gate,
    http: &Http,
    shown: &Authorization,
    request: Request<Bytes>,
    expected: StatusCode,
) -> Outcome {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let Limits { time, bytes } = gate.limits;
    let reply = http.within(time, &host, http.send(request, shown, bytes)).await;
    match reply {
        Ok(Reply { status, .. }) if status == expected => Outcome::with(status.as_u16().to_string()),
        Ok(Reply { status, headers, .. }) if media_type(&headers) == "text/event-stream" => {
            Outcome::failed(expected.as_u16().to_string(), format!("{status} and a stream"))
        }
        Ok(Reply { status, .. }) => Outcome::failed(expected.as_u16().to_string(), status.to_string()),
        Err(error) => Outcome::failed(expected.as_u16().to_string(), chain(&error)),
    }
}

/// The form that an answer comes in; that it is one is part of the question.
async fn form(client: &Client, request: Request<Bytes>, id: u64) -> Result<String, ClientError> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let (http, limits) = (client.http(), client.limits());
    http.within(limits.time, &host, async {
        let mut reply = http.send(request, client.authorization(), limits.bytes).await?;
        let form = reply.media_type();
        client::answer(&mut reply, "server/discover", id, &mut |_| {}).await?;
        Ok(form)
    })
    .await
}

/// The first message of a stream, which is then left.
async fn first_message(client: &Client, request: Request<Bytes>, id: u64) -> Result<Option<Incoming>, ClientError> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let (http, limits) = (client.http(), client.limits());
    http.within(ACKNOWLEDGEMENT.min(limits.time), &host, async {
        let mut reply = http.send(request, client.authorization(), limits.bytes).await?;
        client::first_message(&mut reply, "subscriptions/listen", id).await
    })
    .await
}

/// The subscription that a server promises to accept; none where it promises none.
fn promised(capabilities: &Value) -> Option<Value> {
    let promises = |area: &str| capabilities.pointer(&format!("/{area}/listChanged")) == Some(&Value::Bool(true));
    let areas =
        [("tools", "toolsListChanged"), ("prompts", "promptsListChanged"), ("resources", "resourcesListChanged")];
    let filter: serde_json::Map<_, _> =
        areas.into_iter().filter(|(area, _)| promises(area)).map(|(_, name)| (name.to_owned(), true.into())).collect();
    (!filter.is_empty()).then_some(Value::Object(filter))
}
