//! Several messages in one request: a client that agreed on 2025-03-26, or named no version.

use serde_json::{Value, json};

use super::exchange::{Exchange, post};

pub(super) fn exchanges() -> Vec<Exchange> {
    let ping = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
    let call = |id: Value, tool: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } });
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let response = json!({ "jsonrpc": "2.0", "id": 9, "result": {} });
    let client = json!({ "name": "parity", "version": "1" });
    let initialize = json!({ "jsonrpc": "2.0", "id": 2, "method": "initialize",
        "params": { "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": client } });
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    let modern = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": { "_meta": meta } });
    let old = [("mcp-protocol-version", "2025-03-26")];
    let batch = |name, messages: Value| post(name, &old, messages);
    let many: Vec<Value> = (0..101).map(|id| ping(id.into())).collect();
    vec![
        batch("a batch of one request", json!([ping(json!(1))])).answers([(json!(1), None)]),
        post("a batch of a client that names no version", &[], json!([ping(json!(1))])).answers([(json!(1), None)]),
        batch("a batch of two requests", json!([ping(json!(1)), call(json!("b"), "test_simple_text")]))
            .answers([(json!(1), None), (json!("b"), None)]),
        batch(
            "a batch of everything",
            json!([notification, ping(json!(1)), response, call(json!(2), "nope"), notification]),
        )
        .answers([(json!(1), None), (json!(2), Some(-32602))]),
        batch("a batch of notifications", json!([notification, notification])).taken(202),
        batch("a batch of responses", json!([response])).taken(202),
        batch("a batch with initialize", json!([ping(json!(1)), initialize]))
            .answers([(json!(1), None), (json!(2), Some(-32600))]),
        batch("a batch with a modern request", json!([modern])).answers([(json!(3), Some(-32600))]),
        batch("a batch with what is no message", json!([1, {}, ping(json!(1))])).answers([
            (json!(1), None),
            (Value::Null, Some(-32600)),
            (Value::Null, Some(-32600)),
        ]),
        batch("an empty batch", json!([])).refused(400, -32600),
        batch("a batch of 101", many.into()).refused(400, -32600),
        post("half of a batch", &old, r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},"#).refused(400, -32700),
        post("a batch since there are none", &[("mcp-protocol-version", "2025-06-18")], json!([ping(json!(1))]))
            .refused(400, -32600),
        post("a batch of 2025-11-25", &[("mcp-protocol-version", "2025-11-25")], json!([ping(json!(1))]))
            .refused(400, -32600),
        post("a batch of the modern era", &[("mcp-protocol-version", "2026-07-28")], json!([ping(json!(1))]))
            .refused(400, -32600),
    ]
}
