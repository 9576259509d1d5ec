//! The Azure Functions host in its three modes.

use mcp_cloud_emulator::Trigger;

use crate::support::{get, post, send, start};

const MODES: [Trigger; 3] = [Trigger::AzurePayload, Trigger::AzureForwarding, Trigger::AzureProxying];

#[tokio::test]
async fn the_handler_has_the_hosts_variables_in_every_mode() {
    for trigger in MODES {
        let (running, _) = start(trigger, "container.py", |emulator| match trigger {
            Trigger::AzurePayload => emulator.env("AZURE_PAYLOAD", "1"),
            _ => emulator,
        })
        .await;
        let mut got = post(running.address(), "/mcp", &[], b"{}").await.json();
        if trigger == Trigger::AzurePayload {
            got = got["seen"].clone();
        }
        for name in [
            "FUNCTIONS_CUSTOMHANDLER_PORT",
            "FUNCTIONS_CUSTOMHANDLER_WORKER_ID",
            "FUNCTIONS_APP_ROOT_PATH",
            "FUNCTIONS_HTTPWORKER_PORT",
        ] {
            assert!(got["env"].get(name).is_some(), "{trigger} {name}");
        }
        let headers = got["headers"].as_array().unwrap();
        let value = |name: &str| {
            headers
                .iter()
                .find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))
                .map(|pair| pair[1].as_str().unwrap())
        };
        assert_eq!(value("X-Azure-Functions-InvocationId").unwrap().len(), 36);
        assert!(value("X-Azure-Functions-HostVersion").is_some());
        assert!(value("User-Agent").unwrap().contains("Azure-Functions-Host/"));
        running.stop().await;
    }
}

#[tokio::test]
async fn payload_mode_turns_a_request_into_a_document_and_back() {
    let (running, _) =
        start(Trigger::AzurePayload, "container.py", |emulator| emulator.env("AZURE_PAYLOAD", "1")).await;
    let headers = [("Content-Type", "application/json"), ("X-Twice", "1"), ("X-Twice", "2")];
    let answer = post(running.address(), "/mcp?a=1&a=2", &headers, b"{\"id\":1}").await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("x-own"), Some("yes"));
    let got = answer.json();
    assert_eq!(got["seen"]["method"], "POST");
    assert_eq!(got["seen"]["path"], "/mcp");
    let request = &got["payload"]["Data"]["req"];
    assert_eq!(request["Method"], "POST");
    assert_eq!(request["Body"], "{\"id\":1}");
    assert_eq!(request["Query"]["a"], "1,2");
    assert_eq!(request["Headers"]["X-Twice"][1], "2");
    assert!(request["Url"].as_str().unwrap().ends_with("/mcp?a=1&a=2"));
    // Whatever the path, the payload goes to the function.
    let got = get(running.address(), "/other").await.json();
    assert_eq!(got["seen"]["path"], "/mcp");
    assert_eq!(got["payload"]["Data"]["req"]["Params"]["route"], "other");
    assert!(got["payload"]["Data"]["req"].get("Body").is_none());
    running.stop().await;
}

#[tokio::test]
async fn payload_mode_fails_without_a_word_on_what_it_cannot_use() {
    for (path, why) in [
        ("/fail", "the handler answered 500"),
        ("/junk", "the handler's reply is malformed"),
        ("/text", "`Content-Type` of JSON"),
        ("/without-output", "neither the output `res`"),
    ] {
        let (running, seen) =
            start(Trigger::AzurePayload, "container.py", |emulator| emulator.env("AZURE_PAYLOAD", "1")).await;
        let answer = get(running.address(), path).await;
        assert_eq!((answer.status, answer.text()), (500, ""), "{path}");
        let note = seen.request().await.note.unwrap();
        assert!(note.contains(why), "{note}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_body_without_length_reaches_the_handler_only_when_proxied() {
    for (trigger, body) in [(Trigger::AzureForwarding, ""), (Trigger::AzureProxying, "hello")] {
        let (running, seen) = start(trigger, "container.py", |emulator| emulator).await;
        let headers = [("Transfer-Encoding", "chunked")];
        let chunks = b"5\r\nhello\r\n0\r\n\r\n";
        let answer = send(running.address(), "POST", "/mcp", &headers, chunks).await;
        assert_eq!(answer.json()["body"], body, "{trigger}");
        assert_eq!(seen.request().await.note.is_some(), body.is_empty());
        running.stop().await;
    }
}

#[tokio::test]
async fn forwarding_buffers_and_passes_redirects_on() {
    let (running, _) = start(Trigger::AzureForwarding, "container.py", |emulator| emulator).await;
    let answer = get(running.address(), "/stream").await;
    assert_eq!(answer.text(), "one\ntwo\n");
    assert_eq!(answer.header("content-length"), Some("8"));
    assert_eq!(answer.header("transfer-encoding"), None);
    let answer = get(running.address(), "/redirect").await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), Some("/elsewhere"));
    running.stop().await;
}
