//! What a client of the legacy era asks, and how it is refused.

use serde_json::{Value, json};

use super::exchange::{Exchange, legacy, post};

pub(super) fn exchanges() -> Vec<Exchange> {
    [handshakes(), lists(), calls(), contents(), messages(), refusals()].into_iter().flatten().collect()
}

fn initialize(version: &str) -> Value {
    let client = json!({ "name": "parity", "version": "1" });
    json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client })
}

fn handshakes() -> Vec<Exchange> {
    let shake = |name, version| legacy(name, "initialize", initialize(version));
    vec![
        shake("initialize 2024-11-05", "2024-11-05").gives([r#""protocolVersion":"2024-11-05""#]),
        shake("initialize 2025-03-26", "2025-03-26").gives([r#""protocolVersion":"2025-03-26""#]),
        shake("initialize 2025-06-18", "2025-06-18").gives([r#""protocolVersion":"2025-06-18""#]),
        shake("initialize 2025-11-25", "2025-11-25").gives([r#""protocolVersion":"2025-11-25""#, "everything"]),
        shake("initialize with a version nobody knows", "1999-01-01").gives([r#""protocolVersion":"2025-11-25""#]),
        legacy("initialize without parameters", "initialize", json!({})).refused(200, -32602),
        legacy("ping", "ping", json!({})).gives([r#""result":{}"#]),
    ]
}

fn lists() -> Vec<Exchange> {
    vec![
        legacy("tools", "tools/list", json!({})).gives(["test_simple_text", "x-mcp-header"]),
        legacy("prompts", "prompts/list", json!({})).gives(["test_simple_prompt"]),
        legacy("resources", "resources/list", json!({})).gives(["test://static-text"]),
        legacy("templates", "resources/templates/list", json!({})).gives(["test://template/{id}/data"]),
    ]
}

fn calls() -> Vec<Exchange> {
    let call = |name, tool: &str, arguments: Value| {
        legacy(name, "tools/call", json!({ "name": tool, "arguments": arguments }))
    };
    let back = |name, value: &str| call(name, "test_custom_header", json!({ "value": value }));
    let progress = json!({ "name": "test_tool_with_progress", "_meta": { "progressToken": "p" } });
    vec![
        call("text", "test_simple_text", json!({})).gives(["This is a simple text response"]),
        call("a picture", "test_image_content", json!({})).gives(["image/png"]),
        call("a sound", "test_audio_content", json!({})).gives(["audio/wav"]),
        call("a resource in a result", "test_embedded_resource", json!({})).gives(["test://embedded-resource"]),
        call("a mixture", "test_multiple_content_types", json!({})).gives(["image/png", "mixed-content-resource"]),
        call("a tool's own error", "test_error_handling", json!({})).gives([r#""isError":true"#]),
        back("letters of every kind", "grüße 🎈 \"\\\n\r\t\u{1}\u{7f}\u{2028} العربية").gives(["grüße 🎈", "العربية"]),
        back("an empty text", "").gives([r#""text":"""#]),
        back("an argument of 100 kB", &"a😀\"\n".repeat(12_500)).gives(["a😀"]),
        legacy("progress", "tools/call", progress).gives(["notifications/progress", "Halfway", "test completed"]),
        call("no progress without a token", "test_tool_with_progress", json!({})).gives(["test completed"]),
        call("logging", "test_tool_with_logging", json!({})).gives(["notifications/message", "Tool processing data"]),
        call("asking a client that has no session", "test_sampling", json!({ "prompt": "?" })).refused(200, -32603),
        call("a tool that needs the other era", "test_input_required_result_elicitation", json!({})).refused_with(
            200,
            -32021,
            json!({ "requiredCapabilities": { "elicitation": {} } }),
        ),
    ]
}

fn contents() -> Vec<Exchange> {
    let prompt =
        |name, prompt: &str, arguments| legacy(name, "prompts/get", json!({ "name": prompt, "arguments": arguments }));
    let read = |name, uri: &str| legacy(name, "resources/read", json!({ "uri": uri }));
    let complete = |name, reference: Value, argument: &str, value: &str| {
        let argument = json!({ "name": argument, "value": value });
        legacy(name, "completion/complete", json!({ "ref": reference, "argument": argument }))
    };
    let words = json!({ "arg1": "ä", "arg2": "" });
    let of_prompt = json!({ "type": "ref/prompt", "name": "test_prompt_with_arguments" });
    let of_template = json!({ "type": "ref/resource", "uri": "test://template/{id}/data" });
    let of_nothing = json!({ "type": "ref/prompt", "name": "nope" });
    vec![
        prompt("a prompt", "test_simple_prompt", json!({})).gives(["messages"]),
        prompt("a prompt with arguments", "test_prompt_with_arguments", words).gives(["ä"]),
        prompt("a prompt with a picture", "test_prompt_with_image", json!({})).gives(["image/png"]),
        read("text of a resource", "test://static-text").gives(["static text resource"]),
        read("bytes of a resource", "test://static-binary").gives([r#""blob":"#]),
        read("a resource of a template", "test://template/42/data").gives(["Data for ID: 42"]),
        complete("completion of a prompt", of_prompt, "arg1", "par").gives(["paris", "party"]),
        complete("completion of a template", of_template, "id", "12").gives([r#"["12","123"]"#]),
        complete("completion of nothing", of_nothing, "a", "").gives([r#""values":[]"#]),
        legacy("a log level", "logging/setLevel", json!({ "level": "error" })).gives([r#""result":{}"#]),
        legacy("a subscription", "resources/subscribe", json!({ "uri": "test://watched-resource" })).gives([]),
    ]
}

fn messages() -> Vec<Exchange> {
    let notification = |name, method: &str, params: Value| {
        post(name, &[], json!({ "jsonrpc": "2.0", "method": method, "params": params })).taken(202)
    };
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "result": {} });
    let error = json!({ "jsonrpc": "2.0", "id": "x", "error": { "code": -1, "message": "no" } });
    let text = r#"{"jsonrpc":"2.0","id":"ä\"\u0000","method":"ping"}"#;
    let escaped = r#"{"\u006asonrpc":"2.0","id":1,"m\u0065thod":"ping"}"#;
    vec![
        notification("a notification", "notifications/initialized", json!({})),
        notification("a notification nobody knows", "notifications/unheard_of", json!({ "a": [1] })),
        notification("a cancellation of nothing", "notifications/cancelled", json!({ "requestId": 1 })),
        post("a response to nothing", &[], answer).taken(202),
        post("an error to nothing", &[], error).taken(202),
        post("an id that is a text", &[], text).with_id("ä\"\0").gives([]),
        post("an id below zero", &[], r#"{"jsonrpc":"2.0","id":-3,"method":"ping"}"#).with_id(-3).gives([]),
        post("names with escapes", &[], escaped).with_id(1).gives([]),
        post("a byte order of members that is unusual", &[], r#" {"method":"ping","id":5 ,"jsonrpc":"2.0"} "#)
            .with_id(5)
            .gives([]),
    ]
}

fn refusals() -> Vec<Exchange> {
    let call = |name, tool: &str, arguments: Value| {
        legacy(name, "tools/call", json!({ "name": tool, "arguments": arguments }))
    };
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let ignored = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{nested}}}}}"#);
    let parsed = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"a":{nested}}}}}}}"#
    );
    let missing = json!({ "uri": "test://nothing" });
    vec![
        call("a tool nobody has", "nope", json!({})).refused(200, -32602),
        call("an argument that is missing", "test_custom_header", json!({})).gives([r#""isError":true"#]),
        call("an argument of another type", "test_custom_header", json!({ "value": 1 })).gives([r#""isError":true"#]),
        legacy("a call of nothing", "tools/call", json!({})).refused(200, -32602),
        legacy("a prompt nobody has", "prompts/get", json!({ "name": "nope" })).refused_with(
            200,
            -32602,
            super::prompts(),
        ),
        legacy("a resource nobody has", "resources/read", missing.clone()).refused_with(200, -32002, missing),
        legacy("a method nobody has", "no/such", json!({})).refused(200, -32601),
        post("no JSON", &[], "nonsense").refused(400, -32700),
        post("half of a message", &[], r#"{"jsonrpc":"2.0","id":1,"#).refused(400, -32700),
        post("nothing at all", &[], "").refused(400, -32700),
        post("no message", &[], "{}").refused(400, -32600),
        post("a number", &[], "1").refused(400, -32600),
        post("an id that is null", &[], r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#).refused(400, -32600),
        post("an id that is a fraction", &[], r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#).refused(400, -32600),
        post("another JSON-RPC", &[], r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#).refused(400, -32600),
        post("parameters in an array", &[], r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#)
            .refused(400, -32600),
        post("100 000 levels that nobody looks into", &[], ignored).with_id(1).gives([]),
        post("100 000 levels of arguments", &[], parsed).with_id(1).refused(400, -32700),
        legacy("a version nobody speaks", "ping", json!({}))
            .with_header_instead("mcp-protocol-version", Some("1999-01-01"))
            .refused_with(400, -32022, super::versions("1999-01-01")),
    ]
}
