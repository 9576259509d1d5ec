//! Servers that speak one era, and what each era's results carry.

use http::Request;
use serde_json::{Value, json};

use super::{function, json_of, legacy, modern, post, send, through, with_header};
use crate::{Eras, McpService, capabilities::Capabilities, testing};

fn only(eras: Eras) -> McpService {
    testing::server().with_eras(eras).into_service()
}

fn initialize() -> Value {
    let client = json!({ "name": "test", "version": "1" });
    json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client })
}

#[tokio::test]
async fn a_modern_server_tells_legacy_clients_which_versions_it_has() {
    let service = only(Eras::Modern);
    for (request, status, code) in [
        (legacy("initialize", initialize()), 404, -32601),
        (legacy("tools/list", json!({})), 400, -32020),
        (with_header(legacy("tools/list", json!({})), "mcp-protocol-version", "2025-11-25"), 400, -32022),
        (with_header(legacy("initialize", initialize()), "mcp-protocol-version", "2025-06-18"), 400, -32022),
    ] {
        let (found, _, body) = send(&service, request).await;
        let error = &json_of(&body)["error"];
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{body}");
        if code != -32020 {
            assert_eq!(error["data"]["supported"], json!(["2026-07-28"]), "{body}");
        }
    }
    assert_eq!(send(&service, modern("tools/list", json!({}))).await.0, 200);
    assert_eq!(send(&service, Request::get("/mcp").body("".into()).unwrap()).await.0, 405);
    assert_eq!(send(&service, post(json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }]))).await.0, 400);
}

#[tokio::test]
async fn a_legacy_server_tells_modern_clients_which_versions_it_has() {
    let service = only(Eras::Legacy);
    let (status, _, body) = send(&service, modern("tools/list", json!({}))).await;
    let error = &json_of(&body)["error"];
    assert_eq!((status, &error["code"], &error["data"]["requested"]), (400, &json!(-32022), &json!("2026-07-28")));
    assert!(!error["data"]["supported"].as_array().unwrap().contains(&json!("2026-07-28")));
    let (status, _, body) = send(&service, legacy("initialize", initialize())).await;
    assert_eq!((status, &json_of(&body)["result"]["protocolVersion"]), (200, &json!("2025-11-25")));
}

#[tokio::test]
async fn every_modern_result_says_who_answered_and_no_legacy_result_does() {
    let service = testing::service();
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } })),
        ("server/discover", json!({})),
    ] {
        let (_, _, body) = send(&service, modern(method, params.clone())).await;
        let result = &json_of(&body)["result"];
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "demo", "{method}: {body}");
        assert_eq!(result["resultType"], "complete");
        if method != "server/discover" {
            let (_, _, body) = send(&service, legacy(method, params)).await;
            assert!(!body.contains("serverInfo") && !body.contains("resultType"), "{method}: {body}");
        }
    }
}

#[tokio::test]
async fn changes_are_promised_only_where_news_of_them_arrives() {
    let service = testing::service();
    for (capabilities, promised) in [(Capabilities::SOCKET, true), (Capabilities::HTTP_API, false)] {
        let (_, _, body) = send(&service, through(capabilities, modern("server/discover", json!({})))).await;
        let found = json_of(&body)["result"]["capabilities"]["tools"]["listChanged"] == true;
        assert_eq!(found, promised, "{body}");
    }
    // A legacy client hears of changes on a session's stream, and has none here.
    let (_, _, body) = send(&service, legacy("initialize", initialize())).await;
    assert_eq!(json_of(&body)["result"]["capabilities"]["tools"], json!({}), "{body}");
}

#[tokio::test]
async fn an_authenticated_callers_lists_are_theirs_alone() {
    let service = function(|_, _, _| async { Ok(json!({ "tools": [], "ttlMs": 1000, "cacheScope": "public" })) });
    let service = service.into_service();
    let scope = async |request| json_of(&send(&service, request).await.2)["result"]["cacheScope"].clone();
    assert_eq!(scope(modern("tools/list", json!({}))).await, "public");
    assert_eq!(scope(with_header(modern("tools/list", json!({})), "authorization", "Bearer x")).await, "private");
    let mut known = through(Capabilities::HTTP_API, modern("tools/list", json!({})));
    let info = known.extensions_mut().get_mut::<crate::RequestInfo>().unwrap();
    info.authorizer = Some(r#"{"jwt":{}}"#.into());
    assert_eq!(scope(known).await, "private");
}

#[tokio::test]
async fn a_trace_that_the_platform_began_reaches_the_handler() {
    let service = testing::service();
    let call = |meta: Value| modern("tools/call", json!({ "name": "trace", "_meta": meta }));
    let text = async |request| json_of(&send(&service, request).await.2)["result"]["content"][0]["text"].clone();
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let expected = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    assert_eq!(text(with_header(call(json!({})), "x-amzn-trace-id", header)).await, expected);
    let own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let request = with_header(call(json!({ "traceparent": own })), "x-amzn-trace-id", header);
    assert_eq!(text(request).await, own, "the client knows better");
    assert_eq!(text(call(json!({}))).await, "none");
}

#[tokio::test]
async fn a_log_level_that_is_none_is_refused() {
    let meta = json!({ "io.modelcontextprotocol/logLevel": "loud" });
    let request = modern("tools/call", json!({ "name": "trace", "_meta": meta }));
    let (status, _, body) = send(&testing::service(), request).await;
    assert_eq!((status, &json_of(&body)["error"]["code"]), (200, &json!(-32602)));
}

#[tokio::test]
async fn a_modern_client_sends_no_responses() {
    let response = post(json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    let response = with_header(response, "mcp-protocol-version", "2026-07-28");
    assert_eq!(send(&testing::service(), response).await.0, 400);
}
