//! What a client does with HTTP: methods, paths, forms of a reply, and pages that may not be here.

use serde_json::{Value, json};

use super::exchange::{Exchange, legacy, modern, post};

pub(super) fn exchanges() -> Vec<Exchange> {
    [methods(), paths(), forms(), strangers()].into_iter().flatten().collect()
}

fn methods() -> Vec<Exchange> {
    let send = |name, method| post(name, &[], "").with_method(method).refused(405, -32600);
    vec![
        send("a GET has no stream to offer", "GET"),
        send("a DELETE has no session to end", "DELETE"),
        send("a PUT", "PUT"),
        send("a PATCH", "PATCH"),
        send("OPTIONS", "OPTIONS"),
        post("a HEAD", &[], "").with_method("HEAD").taken(405),
        post("a GET that names a session", &[("mcp-session-id", "none")], "").with_method("GET").refused(405, -32600),
        legacy("a session that nobody keeps", "ping", json!({})).with_header("mcp-session-id", "none").gives([]),
    ]
}

fn paths() -> Vec<Exchange> {
    let get = |name, path| post(name, &[], "").with_method("GET").with_path(path);
    let ping = || json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    vec![
        get("health", "/health").says(200, "ok\n"),
        post("health by HEAD", &[], "").with_method("HEAD").with_path("/health").taken(200),
        post("health by POST", &[], ping()).with_path("/health").refused(404, -32600),
        get("another path", "/elsewhere").refused(404, -32600),
        get("the root", "/").refused(404, -32600),
        post("a message to another path", &[], ping()).with_path("/mcp2").refused(404, -32600),
        post("a path in other letters", &[], ping()).with_path("/MCP").refused(404, -32600),
        post("a slash at the end", &[], ping()).with_path("/mcp/").with_id(1).gives([]),
        post("a query", &[], ping()).with_path("/mcp?a=b&a=%20c").with_id(1).gives([]),
    ]
}

fn forms() -> Vec<Exchange> {
    let progress = || json!({ "name": "test_tool_with_progress", "_meta": { "progressToken": "p" } });
    let text = || json!({ "name": "test_simple_text" });
    let takes = |exchange: Exchange, accept: &str| exchange.with_header("accept", accept);
    let typed = |name, media_type: &str| legacy(name, "ping", json!({})).with_header("content-type", media_type);
    let none = |exchange: Exchange| exchange.gives(["test completed"]);
    vec![
        none(takes(legacy("only JSON", "tools/call", progress()), "application/json")),
        none(takes(modern("only JSON, modern", "tools/call", progress()), "application/json")),
        takes(legacy("only events", "tools/call", text()), "text/event-stream").gives(["data: {"]),
        takes(modern("only events, modern", "tools/call", text()), "text/event-stream").gives(["data: {"]),
        takes(legacy("rather events", "ping", json!({})), "application/json;q=0.5, text/event-stream")
            .gives(["data: {"]),
        takes(legacy("anything", "ping", json!({})), "*/*").gives([]),
        takes(legacy("neither form", "ping", json!({})), "text/html").gives([]),
        legacy("a header's name in capitals", "ping", json!({}))
            .with_header_instead("mcp-protocol-version", None)
            .with_header("MCP-PROTOCOL-VERSION", "2025-11-25")
            .gives([]),
        modern("headers' names in capitals", "tools/list", json!({}))
            .with_header_instead("mcp-method", None)
            .with_header("MCP-Method", "tools/list")
            .gives(["tools"]),
        typed("a charset", "application/json; charset=utf-8").gives([]),
    ]
}

fn strangers() -> Vec<Exchange> {
    let from =
        |name, origin: &str| legacy(name, "ping", Value::Null).with_header("origin", origin).with_id(Value::Null);
    vec![
        from("a stranger's page", "https://evil.example").refused(403, -32600),
        from("a page without an origin", "null").refused(403, -32600),
        from("a page that looks like the server's", "https://127.0.0.1.evil.example").refused(403, -32600),
    ]
}
