//! Exchanges through the whole service, as a client sees them.

mod batches;
mod eras;
mod fuzz;
mod gates;
mod life;
mod sessions;

use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::{
    Body, McpService, Server,
    capabilities::Capabilities,
    handler::{ErrorObject, json_rpc},
    request_info::{RequestInfo, RequestOrigin},
};

const MODERN: &str = "2026-07-28";

/// The head of a request of the modern era with everything it must carry.
fn modern_head(method: &str, params: &Value) -> http::request::Builder {
    let request = Request::post("/mcp").header("mcp-protocol-version", MODERN).header("mcp-method", method);
    match params.get("name").or(params.get("uri")).and_then(Value::as_str) {
        Some(name) => request.header("mcp-name", name),
        None => request,
    }
}

fn modern(method: &str, params: Value) -> Request<Bytes> {
    modern_head(method, &params).body(message(method, params)).unwrap()
}

/// The body of a request of the modern era.
fn message(method: &str, mut params: Value) -> Bytes {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params }).to_string().into()
}

fn legacy(method: &str, params: Value) -> Request<Bytes> {
    post(json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }))
}

fn post(body: Value) -> Request<Bytes> {
    Request::post("/mcp").body(body.to_string().into()).unwrap()
}

/// A request that came through a trigger.
fn through(capabilities: Capabilities, mut request: Request<Bytes>) -> Request<Bytes> {
    request.extensions_mut().insert(RequestInfo::new(RequestOrigin::Http, capabilities));
    request
}

fn with_header(mut request: Request<Bytes>, name: &'static str, value: &str) -> Request<Bytes> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

async fn send(service: &McpService, request: Request<Bytes>) -> (u16, String, String) {
    read(service.clone().answer(request).await).await
}

async fn read(response: Response<Body>) -> (u16, String, String) {
    let status = response.status().as_u16();
    let media_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, media_type, String::from_utf8(body.into()).unwrap())
}

/// The next piece of a body that is still being made.
async fn piece(body: &mut Body) -> Option<String> {
    let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    let Ok(frame) = frame;
    Some(String::from_utf8(frame.into_data().unwrap().into()).unwrap())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The messages of an event stream.
fn events(body: &str) -> Vec<Value> {
    let data = |event: &str| event.lines().find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    body.split("\n\n").filter_map(data).filter(|data| !data.is_empty()).map(|data| json_of(&data)).collect()
}

/// A server of one function that is given the tool's name, and answers `tools/call` alone.
fn function<F, A>(function: F) -> Server
where
    F: Fn(String, crate::handler::Request, json_rpc::Context) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Value, ErrorObject>> + Send + 'static,
{
    Server::json_rpc(move |request, context| {
        let name = request.parse_params::<Value>().ok().and_then(|params| params["name"].as_str().map(str::to_owned));
        function(name.unwrap_or_default(), request, context)
    })
}
