//! A server without an SDK: one function of JSON-RPC requests, for clients of both eras of the protocol.
//!
//! ```console
//! $ cargo run -p mcp-cloud --example json_rpc
//! serving MCP at http://127.0.0.1:8080/mcp
//! ```

use std::time::Duration;

use mcp_cloud::{
    ServeError, Server,
    handler::{Era, ErrorObject, Request, json_rpc::Context},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ServeError> {
    Server::json_rpc(answer).with_server_info("json-rpc", "1").serve().await
}

/// Answers a request. A notification comes here too, and what is returned for it is dropped.
async fn answer(request: Request, context: Context) -> Result<Value, ErrorObject> {
    let capabilities = json!({ "tools": {} });
    match &*request.method {
        "initialize" => Ok(json!({
            "protocolVersion": agreed(&request)?,
            "capabilities": capabilities,
            "serverInfo": { "name": "json-rpc", "version": "1" },
        })),
        "server/discover" => Ok(json!({ "supportedVersions": ["2026-07-28"], "capabilities": capabilities })),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(tools()),
        "tools/call" => {
            let call: Call = request.parse_params()?;
            match &*call.name {
                "count" => count(&context, call).await,
                "greet" => greet(&request, &context, call).await,
                other => Err(ErrorObject::new(ErrorObject::INVALID_PARAMS, format!("there is no tool {other}"))),
            }
        }
        other => Err(ErrorObject::new(ErrorObject::METHOD_NOT_FOUND, format!("there is no method {other}"))),
    }
}

/// The version of the legacy era to go on with: the client's, if it is one that this server knows.
fn agreed(request: &Request) -> Result<&'static str, ErrorObject> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Initialize {
        protocol_version: String,
    }
    let Initialize { protocol_version } = request.parse_params()?;
    let known = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
    Ok(known.into_iter().find(|known| *known == protocol_version).unwrap_or(known[0]))
}

fn tools() -> Value {
    let to = json!({ "type": "object", "properties": { "to": { "type": "integer" } }, "required": ["to"] });
    json!({ "tools": [
        { "name": "count", "description": "Counts, and reports every step", "inputSchema": to },
        { "name": "greet", "description": "Asks for a name, and greets", "inputSchema": { "type": "object" } },
    ] })
}

/// The parameters of `tools/call`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Value,
    /// What the client was asked in an earlier result, answered.
    #[serde(default)]
    input_responses: Value,
    #[serde(default, rename = "_meta")]
    meta: Value,
}

fn text(text: impl Into<String>) -> Value {
    json!({ "content": [{ "type": "text", "text": text.into() }] })
}

async fn count(context: &Context, call: Call) -> Result<Value, ErrorObject> {
    let to = call.arguments["to"].as_u64().filter(|to| *to <= 100);
    let to = to.ok_or_else(|| ErrorObject::new(ErrorObject::INVALID_PARAMS, "`to` is a number up to 100"))?;
    let token = &call.meta["progressToken"];
    for step in 1..=to {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if !token.is_null() {
            let progress = json!({ "progressToken": token, "progress": step, "total": to });
            // A client that is gone hears nothing, and that is no reason to stop.
            let _ = context.notify("notifications/progress", &progress);
        }
    }
    Ok(text(format!("counted to {to}")))
}

/// Asks the client, in the way of its era.
async fn greet(request: &Request, context: &Context, call: Call) -> Result<Value, ErrorObject> {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] });
    let question = json!({ "mode": "form", "message": "What is your name?", "requestedSchema": schema });
    let reply = match request.era {
        // The call ends with a question, and the client calls again with the answer. This works behind every trigger.
        Era::Modern if call.input_responses["name"].is_null() => {
            if call.meta["io.modelcontextprotocol/clientCapabilities"]["elicitation"].is_null() {
                let needed = json!({ "requiredCapabilities": { "elicitation": {} } });
                let message = "greet asks for a name, and this client cannot be asked";
                return Err(ErrorObject::new(ErrorObject::MISSING_CLIENT_CAPABILITY, message).with_data(needed));
            }
            let asked = json!({ "name": { "method": "elicitation/create", "params": question } });
            return Ok(json!({ "resultType": "input_required", "inputRequests": asked }));
        }
        Era::Modern => call.input_responses["name"].clone(),
        // The call goes on when the client has answered. Where nobody could bring the answer, this fails at once.
        Era::Legacy => context.request("elicitation/create", &question).await?,
    };
    match reply["content"]["name"].as_str() {
        Some(name) => Ok(text(format!("Hello, {name}!"))),
        None => Ok(text("Hello, whoever you are!")),
    }
}
