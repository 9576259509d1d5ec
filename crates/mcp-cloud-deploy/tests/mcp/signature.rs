//! Requests that are signed for IAM, held against the algorithm as AWS describes it
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use http::StatusCode;
use mcp_cloud_deploy::mcp::{Authorization, Client, Gate, Http, Outcome, gate::Asked};
use sha2::{Digest, Sha256};

use crate::{
    gate::app,
    server::{Ask, Server, right, text},
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn signing() -> Http {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, Some("session-token".to_owned()), None, "test");
    let config = SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Http::over(&config)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut block = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<_>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

/// The `Authorization` header that belongs to a request.
fn expected(ask: &Ask, service: &str) -> String {
    let time = ask.header("x-amz-date");
    let date = &time[..8];
    let signed = "host;x-amz-date;x-amz-security-token";
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", ask.header(name))).collect();
    let body = hex(&Sha256::digest(&ask.body));
    let canonical = format!("{}\n{}\n\n{headers}\n{signed}\n{body}", ask.method, ask.path);
    let scope = format!("{date}/eu-west-1/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = ["eu-west-1", service, "aws4_request"]
        .iter()
        .fold(hmac(format!("AWS4{SECRET}").as_bytes(), date), |key, part| hmac(&key, part));
    let signature = hex(&hmac(&key, &text));
    format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={signed}, Signature={signature}")
}

#[tokio::test]
async fn signature_is_the_one_that_aws_describes() {
    for service in ["lambda", "execute-api"] {
        let server = Server::right().await;
        let mut client = Client::new(&signing(), &server.url(), Authorization::Signed(service)).expect("a URL");
        client.connect(None).await.expect("it answers");
        client.tools().await.expect("it lists them");
        for ask in server.asked() {
            assert_eq!(ask.header("authorization"), expected(&ask, service));
            assert_eq!(ask.header("x-amz-security-token"), "session-token");
        }
    }
}

#[tokio::test]
async fn server_behind_iam_is_asked_with_signatures_and_without() {
    let server = Server::answering(|ask| {
        let is_signed = !ask.header("x-amz-date").is_empty() && ask.header("authorization") == expected(ask, "lambda");
        if is_signed { right(ask) } else { text(StatusCode::FORBIDDEN, "") }
    })
    .await;
    let answers = Gate::from(&app(""), &server.url()).ask(&signing(), &|_| {}).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    let outcome =
        |question| answers.questions.iter().find(|asked| asked.question == question).map(|asked| &asked.outcome);
    assert_eq!(outcome(Asked::Stranger), Some(&Outcome::Passed { answer: Some("403".to_owned()) }));
    for question in [Asked::Modern, Asked::Legacy, Asked::Tools, Asked::Get, Asked::Origin, Asked::Stream] {
        assert!(matches!(outcome(question), Some(Outcome::Passed { .. })), "{question:?}: {:#?}", answers.questions);
    }
    let shown = format!("{:?}{answers:?}", signing());
    assert!(!shown.contains("AKID") && !shown.contains(SECRET) && !shown.contains("session-token"), "{shown}");
}
