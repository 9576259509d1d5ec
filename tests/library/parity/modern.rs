//! What a client of the modern era asks, and how it is refused.

use serde_json::{Value, json};

use super::exchange::{Exchange, able, modern, modern_body, post};

const CONFIRM: &str = "test_input_required_result_request_state";

pub(super) fn exchanges() -> Vec<Exchange> {
    [introductions(), calls(), contents(), logging(), questions(), removed(), refusals(), headers(), parameters()]
        .into_iter()
        .flatten()
        .collect()
}

fn call(name: &'static str, tool: &str, arguments: Value) -> Exchange {
    modern(name, "tools/call", json!({ "name": tool, "arguments": arguments }))
}

fn introductions() -> Vec<Exchange> {
    vec![
        modern("discover", "server/discover", json!({}))
            .gives(["supportedVersions", "2026-07-28", r#""resultType":"complete""#])
            .promises_what_the_trigger_carries(),
        modern("modern tools", "tools/list", json!({})).gives(["test_simple_text", "cacheScope", "ttlMs"]),
        modern("modern prompts", "prompts/list", json!({})).gives(["test_simple_prompt", "cacheScope"]),
        modern("modern resources", "resources/list", json!({})).gives(["test://static-text", "cacheScope"]),
        modern("modern templates", "resources/templates/list", json!({})).gives(["{id}", "cacheScope"]),
    ]
}

fn calls() -> Vec<Exchange> {
    let greet = |name, text: &str| call(name, "json_schema_2020_12_tool", json!({ "name": text }));
    let progress = json!({ "name": "test_tool_with_progress", "_meta": { "progressToken": 5 } });
    vec![
        call("modern text", "test_simple_text", json!({})).gives(["simple text", r#""resultType":"complete""#]),
        call("modern mixture", "test_multiple_content_types", json!({})).gives(["image/png"]),
        call("a modern tool's own error", "test_error_handling", json!({})).gives([r#""isError":true"#]),
        greet("modern letters of every kind", "grüße 🎈 \"\\\n\u{1}\u{2028}").gives(["grüße 🎈"]),
        greet("a modern empty text", "").gives(["Hello, !"]),
        greet("a modern argument of 100 kB", &"b😀\"\n".repeat(12_500)).gives(["b😀"]),
        modern("modern progress", "tools/call", progress).gives([r#""progressToken":5"#, "Halfway", "test completed"]),
        call("no modern progress without a token", "test_tool_with_progress", json!({})).gives(["test completed"]),
    ]
}

fn contents() -> Vec<Exchange> {
    let read = |name, uri: &str| modern(name, "resources/read", json!({ "uri": uri }));
    let prompt = json!({ "name": "test_prompt_with_arguments", "arguments": { "arg1": "eins", "arg2": "zwei" } });
    let reference = json!({ "type": "ref/prompt", "name": "test_prompt_with_arguments" });
    let complete = json!({ "ref": reference, "argument": { "name": "arg1", "value": "park" } });
    vec![
        modern("a modern prompt", "prompts/get", prompt).gives(["eins", "zwei"]),
        read("modern text of a resource", "test://static-text").gives(["static text resource", "cacheScope"]),
        read("modern bytes of a resource", "test://static-binary").gives([r#""blob":"#]),
        read("a modern resource of a template", "test://template/x%20y/data").gives(["Data for ID: x%20y"]),
        modern("modern completion", "completion/complete", complete).gives(["park"]),
    ]
}

fn logging() -> Vec<Exchange> {
    let at = |name, level: &str| {
        let meta = json!({ "io.modelcontextprotocol/logLevel": level });
        modern(name, "tools/call", json!({ "name": "test_logging_tool", "_meta": meta }))
    };
    vec![
        call("no log level, no log", "test_logging_tool", json!({})).gives(["Logging tool completed"]),
        at("a log level", "debug").gives(["notifications/message", "wants to hear this"]),
        at("a log level above what is said", "error").gives(["Logging tool completed"]),
        at("a log level nobody knows", "loud").refused(200, -32602),
    ]
}

/// Asking in the answer, and going on when the client calls again.
fn questions() -> Vec<Exchange> {
    let elicitation = || json!({ "elicitation": { "form": {} } });
    let greeting = "test_input_required_result_elicitation";
    let answered = json!({ "user_name": { "action": "accept", "content": { "name": "Zoë" } } });
    let asked = |name, tool: &str| able(name, "tools/call", json!({ "name": tool }), elicitation());
    let needs = |capability: &str| json!({ "requiredCapabilities": { capability: {} } });
    vec![
        asked("a question in an answer", greeting).gives([r#""resultType":"input_required""#, "What is your name?"]),
        able(
            "the same call with the answer",
            "tools/call",
            json!({ "name": greeting, "inputResponses": answered }),
            elicitation(),
        )
        .gives(["Hello, Zoë!", r#""resultType":"complete""#]),
        asked("a question with a state", CONFIRM).gives(["input_required"]).with_new("requestState"),
        asked("the same call with the state", CONFIRM).after(confirmed).gives(["Confirmed: state-ok"]),
        asked("a state that is not the server's", CONFIRM).after(|_| forged("not a state")).refused(200, -32602),
        call("a question the client cannot answer", greeting, json!({})).refused_with(
            400,
            -32021,
            needs("elicitation"),
        ),
        call("a tool that needs a model", "test_missing_capability", json!({})).refused_with(
            400,
            -32021,
            needs("sampling"),
        ),
        able(
            "a client with a model",
            "tools/call",
            json!({ "name": "test_missing_capability" }),
            json!({ "sampling": {} }),
        )
        .gives(["can be asked"]),
        call("asking in mid-call", "test_sampling", json!({ "prompt": "?" })).refused(200, -32603),
    ]
}

fn confirmed(asked: &Value) -> Value {
    forged(asked["result"]["requestState"].as_str().expect("the server gave a state"))
}

fn forged(state: &str) -> Value {
    let answers = json!({ "confirm": { "action": "accept", "content": { "ok": true } } });
    let params = json!({ "name": CONFIRM, "inputResponses": answers, "requestState": state });
    modern_body("tools/call", params, json!({ "elicitation": { "form": {} } }))
}

fn removed() -> Vec<Exchange> {
    let uri = json!({ "uri": "test://watched-resource" });
    let gone = |name, method: &str, params: Value| modern(name, method, params).refused(404, -32601);
    vec![
        gone("modern initialize", "initialize", json!({})),
        gone("modern ping", "ping", json!({})),
        gone("a modern log level", "logging/setLevel", json!({ "level": "error" })),
        gone("a modern subscription to a resource", "resources/subscribe", uri.clone()),
        gone("the end of such a subscription", "resources/unsubscribe", uri),
        gone("a modern method nobody has", "no/such", json!({})),
    ]
}

fn refusals() -> Vec<Exchange> {
    let missing = json!({ "uri": "test://nothing" });
    let task = || json!({ "taskId": "none" });
    let tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let bare = |name, meta: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": "m", "method": "tools/list", "params": { "_meta": meta } });
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
        post(name, &headers, body).with_id("m").refused(400, -32602)
    };
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    let unknown = json!({ "_meta": { version: "2031-01-01", capabilities: {} } });
    let unknown = json!({ "jsonrpc": "2.0", "id": "m", "method": "tools/list", "params": unknown });
    let headers = [("mcp-protocol-version", "2031-01-01"), ("mcp-method", "tools/list")];
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let response = json!({ "jsonrpc": "2.0", "id": 7, "result": {} });
    let modern_only = [("mcp-protocol-version", "2026-07-28")];
    vec![
        call("a modern tool nobody has", "nope", json!({})).refused(200, -32602),
        call("a modern argument of another type", "json_schema_2020_12_tool", json!({ "name": 1 }))
            .gives([r#""isError":true"#]),
        modern("a modern call of nothing", "tools/call", json!({})).refused(200, -32602),
        modern("a modern prompt nobody has", "prompts/get", json!({ "name": "nope" })).refused_with(
            200,
            -32602,
            super::prompts(),
        ),
        modern("a modern resource nobody has", "resources/read", missing.clone()).refused_with(200, -32602, missing),
        able("a task nobody has", "tasks/get", task(), tasks).refused(200, -32602),
        modern("tasks of a client that has none", "tasks/get", task()).refused_with(
            400,
            -32021,
            json!({ "requiredCapabilities": { "extensions": { "io.modelcontextprotocol/tasks": {} } } }),
        ),
        bare("metadata without capabilities", json!({ version: "2026-07-28" })),
        bare("metadata without a version", json!({ capabilities: {} })),
        bare("capabilities that are no object", json!({ version: "2026-07-28", capabilities: 1 })),
        post("a modern version nobody speaks", &headers, unknown).with_id("m").refused_with(
            400,
            -32022,
            super::versions("2031-01-01"),
        ),
        post("a modern notification", &modern_only, notification).taken(202),
        post("a modern response", &modern_only, response).refused(400, -32600),
    ]
}

/// Headers that repeat the body, so that a gateway may route by them.
fn headers() -> Vec<Exchange> {
    let list = |name| modern(name, "tools/list", json!({}));
    let text = |name| call(name, "test_simple_text", json!({}));
    let refused = |exchange: Exchange| exchange.refused(400, -32020);
    vec![
        refused(list("no version header").with_header_instead("mcp-protocol-version", None)),
        refused(list("another version header").with_header_instead("mcp-protocol-version", Some("2025-11-25"))),
        refused(list("two version headers").with_header("mcp-protocol-version", "2025-11-25").with_any_wording()),
        refused(list("no method header").with_header_instead("mcp-method", None)),
        refused(list("another method header").with_header_instead("mcp-method", Some("tools/call"))),
        refused(list("a method header in capitals").with_header_instead("mcp-method", Some("TOOLS/LIST"))),
        refused(list("two method headers").with_header("mcp-method", "tools/call").with_any_wording()),
        list("space around a method").with_header_instead("mcp-method", Some(" \ttools/list ")).gives(["tools"]),
        refused(text("no name header").with_header_instead("mcp-name", None)),
        refused(text("another name header").with_header_instead("mcp-name", Some("test_sampling"))),
        refused(text("two name headers").with_header("mcp-name", "test_sampling").with_any_wording()),
        text("a name header in Base64")
            .with_header_instead("mcp-name", Some("=?base64?dGVzdF9zaW1wbGVfdGV4dA==?="))
            .gives(["simple text"]),
        refused(text("a name header that is no Base64").with_header_instead("mcp-name", Some("=?base64?%%?="))),
    ]
}

/// Headers that repeat an argument, because the tool's schema says so.
fn parameters() -> Vec<Exchange> {
    let back = |name, value: &str, header: Option<&str>| {
        call(name, "test_custom_header", json!({ "value": value })).with_header_instead("mcp-param-value", header)
    };
    vec![
        back("a parameter's header", "blue", Some("blue")).gives(["blue"]),
        back("a parameter's header in Base64", "grün", Some("=?base64?Z3LDvG4=?=")).gives(["grün"]),
        back("no header of the parameter", "blue", None).refused(400, -32020),
        back("another header of the parameter", "blue", Some("red")).refused(400, -32020),
        back("a parameter's header that is no Base64", "blue", Some("=?base64?Ymx1Z?=")).refused(400, -32020),
        back("two headers of the parameter", "blue", Some("blue"))
            .with_header("mcp-param-value", "red")
            .with_any_wording()
            .refused(400, -32020),
    ]
}
