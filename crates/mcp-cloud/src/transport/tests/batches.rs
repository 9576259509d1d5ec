//! Batches of the legacy era.

use serde_json::{Value, json};

use super::{events, json_of, post, send, with_header};
use crate::testing;

fn call(id: Value, name: &str, text: &str) -> Value {
    let params = json!({ "name": name, "arguments": { "text": text }, "_meta": { "progressToken": id } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

fn text_of(answers: &Value, id: &Value) -> Value {
    let answers = answers.as_array().unwrap();
    let answer = answers.iter().find(|answer| answer["id"] == *id).unwrap_or_else(|| panic!("{id} in {answers:?}"));
    answer["result"]["content"][0]["text"].clone()
}

#[tokio::test]
async fn every_request_of_a_batch_is_answered_and_nothing_else() {
    let batch = json!([
        call(json!(1), "echo", "one"),
        { "jsonrpc": "2.0", "method": "notifications/initialized" },
        call(json!("1"), "echo", "two"),
        { "jsonrpc": "2.0", "id": 3, "method": "no/such" },
        { "jsonrpc": "2.0", "id": 4, "method": "initialize", "params": {} },
        { "jsonrpc": "2.0", "id": 9, "result": {} },
        17,
    ]);
    let (status, media_type, body) = send(&testing::service(), post(batch)).await;
    assert_eq!((status, media_type.as_str()), (200, "application/json"));
    let answers = json_of(&body);
    assert_eq!(answers.as_array().unwrap().len(), 5, "{body}");
    assert_eq!((text_of(&answers, &json!(1)), text_of(&answers, &json!("1"))), (json!("one"), json!("two")));
    let code = |id: Value| answers.as_array().unwrap().iter().find(|a| a["id"] == id).unwrap()["error"]["code"].clone();
    assert_eq!((code(json!(3)), code(json!(4))), (json!(-32601), json!(-32600)));
    assert!(answers.as_array().unwrap().iter().any(|answer| answer.get("id").is_none()), "what is no message: {body}");
}

#[tokio::test]
async fn what_a_batch_says_before_its_answers_makes_it_a_stream() {
    let batch = json!([call(json!(1), "work", "one"), call(json!(2), "work", "two")]);
    let (_, media_type, body) = send(&testing::service(), post(batch)).await;
    assert_eq!(media_type, "text/event-stream");
    let mut events = events(&body);
    let answers = events.pop().unwrap();
    assert_eq!((text_of(&answers, &json!(1)), text_of(&answers, &json!(2))), (json!("one"), json!("two")));
    assert_eq!(events.len(), 4, "{body}");
}

#[tokio::test]
async fn one_that_fails_does_not_take_the_others_with_it() {
    let batch = json!([call(json!(1), "fail", "one"), call(json!(2), "echo", "two")]);
    let (status, _, body) = send(&testing::service(), post(batch)).await;
    let answers = json_of(&body);
    assert_eq!((status, text_of(&answers, &json!(2))), (200, json!("two")));
    assert_eq!(answers.as_array().unwrap().iter().filter(|answer| answer["error"]["code"] == -32603).count(), 1);
}

#[tokio::test]
async fn a_batch_that_asks_nothing_is_accepted() {
    let batch = json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }]);
    assert_eq!(send(&testing::service(), post(batch)).await.0, 202);
}

#[tokio::test]
async fn batches_exist_until_2025_03_26() {
    let batch = || post(json!([call(json!(1), "echo", "one")]));
    for (version, expected) in
        [("2024-11-05", 200), ("2025-03-26", 200), ("2025-06-18", 400), ("2025-11-25", 400), ("2026-07-28", 400)]
    {
        let (status, _, body) = send(&testing::service(), with_header(batch(), "mcp-protocol-version", version)).await;
        assert_eq!(status, expected, "{version}: {body}");
    }
}

#[tokio::test]
async fn a_batch_of_nothing_or_of_too_much_is_refused() {
    let many: Vec<_> = (0..101).map(|id| call(json!(id), "echo", "x")).collect();
    for (batch, code) in [(json!([]), -32600), (json!(many), -32600)] {
        let (status, _, body) = send(&testing::service(), post(batch)).await;
        assert_eq!((status, &json_of(&body)["error"]["code"]), (400, &json!(code)));
    }
}
