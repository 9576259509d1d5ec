//! The gate names exactly the question that a server answers wrongly.

use std::{fs, time::Duration};

use http::{Method, StatusCode};
use mcp_cloud_app::App;
use mcp_cloud_deploy::mcp::{Answers, Gate, Http, Outcome, Token, gate::Asked, http::Limits};
use serde_json::json;

use crate::server::{
    Ask, Reply, Server, TOKEN, Then, discovered, error, events, guarded, reply, result, right, streamed, text, tool,
};

const QUICK: Limits = Limits { time: Duration::from_secs(2), bytes: 1024 * 1024 };

/// An app with these lines in its file.
pub(crate) fn app(lines: &str) -> App {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("mcp-cloud.toml", format!("name = \"notes\"\n{lines}")),
        ("Cargo.toml", "[package]\nname = \"server\"\n".to_owned()),
        ("src/main.rs", "fn main() {}\n".to_owned()),
    ];
    fs::create_dir(folder.path().join("src")).expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("it is written");
    }
    App::load(folder.path()).expect("it is an app")
}

fn open() -> App {
    app("auth.mode = \"none\"\n")
}

fn with_tokens() -> App {
    app("endpoint.domain = \"mcp.example.com\"\nlambda.trigger = \"rest-api-stream\"\n\
         lambda.certificate = \"arn:aws:acm:eu-west-1:123456789012:certificate/c\"\n\
         [auth]\nmode = \"cognito\"\nscopes = [\"notes/read\"]\n\
         user-pool = \"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_abc\"\n")
}

async fn ask(app: &App, server: &Server, token: Option<&str>) -> Answers {
    let token = token.map(|token| Token::new(token).expect("a token"));
    let gate = Gate::from(app, &server.url()).with_token(token).with_patience(Duration::ZERO).with_limits(QUICK);
    gate.ask(&Http::plain(), &|_| {}).await
}

fn failed(answers: &Answers) -> Vec<Asked> {
    answers.failed().map(|question| question.question).collect()
}

fn skipped(answers: &Answers) -> Vec<Asked> {
    let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Skipped { .. });
    answers.questions.iter().filter(|asked| skipped(&asked.outcome)).map(|asked| asked.question).collect()
}

/// A server with one defect fails one question, and every other one is asked.
async fn assert_names(question: Asked, defect: impl Fn(&Ask) -> Option<Reply> + Send + Sync + 'static) -> String {
    let server = Server::with(defect).await;
    let answers = ask(&open(), &server, None).await;
    assert_eq!(failed(&answers), [question], "{:#?}", answers.questions);
    answers.failed().map(ToString::to_string).collect()
}

const STRANGERS: [Asked; 3] = [Asked::Stranger, Asked::Challenge, Asked::Metadata];

#[tokio::test]
async fn right_server_passes_every_question_in_order() {
    let server = Server::right().await;
    let told = std::cell::RefCell::new(Vec::new());
    let gate = Gate::from(&open(), &server.url());
    let answers = gate.ask(&Http::plain(), &|question| told.borrow_mut().push(question.to_string())).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    assert_eq!(skipped(&answers), STRANGERS);
    assert_eq!(answers.questions.iter().map(|asked| asked.question).collect::<Vec<_>>(), Asked::ALL);
    assert_eq!(
        told.into_inner(),
        [
            "the endpoint answers",
            "who shows no credentials is refused: not asked, because everybody may call",
            "the refusal says where tokens come from: not asked, because everybody may call",
            "the server says who issues tokens for it: not asked, because everybody may call",
            "it speaks 2026-07-28 (2026-07-28, 2025-11-25)",
            "it shakes hands with clients of before 2026-07-28 (2025-11-25)",
            "it lists the same tools in both eras (2 tools)",
            "a GET is refused, because there is no stream to get (405)",
            "a page of another site is refused (403)",
            "a stream arrives as one (events)",
        ]
    );
    let surface = answers.surface.expect("it was listed");
    assert_eq!(surface.tools.keys().collect::<Vec<_>>(), ["add", "echo"]);
    assert_eq!(answers.server.expect("it was asked").name.as_deref(), Some("right"));
}

#[tokio::test]
async fn nothing_at_the_address_fails_one_question_and_asks_no_other() {
    let url = Server::right().await.url();
    let gate = Gate::from(&open(), &url).with_patience(Duration::ZERO);
    let answers = gate.ask(&Http::plain(), &|_| {}).await;
    assert_eq!(failed(&answers), [Asked::Reachable]);
    assert_eq!(skipped(&answers).len(), Asked::ALL.len() - 1);
}

#[tokio::test]
async fn server_that_is_out_of_order_is_not_asked_on() {
    let server =
        Server::with(|_| Some(reply(StatusCode::BAD_GATEWAY, "application/json", r#"{"message":"Internal"}"#))).await;
    let answers = ask(&open(), &server, None).await;
    assert_eq!(failed(&answers), [Asked::Reachable]);
    let said = answers.failed().map(ToString::to_string).collect::<String>();
    assert!(said.ends_with("got the server answered 502 Bad Gateway: Internal"), "{said}");
}

#[tokio::test]
async fn each_defect_is_named_by_its_question() {
    let modern = |ask: &Ask| ask.asks() == "server/discover" && !ask.headers.contains_key("origin");
    let said = assert_names(Asked::Modern, move |ask| modern(ask).then(|| error(StatusCode::OK, ask, -32601))).await;
    assert!(said.contains("expected an answer to `server/discover` that names 2026-07-28"), "{said}");
    assert_names(Asked::Legacy, |ask| (ask.asks() == "initialize").then(|| error(StatusCode::OK, ask, -32603))).await;
    let other_version = json!({ "protocolVersion": "2020-01-01", "capabilities": {} });
    assert_names(Asked::Legacy, move |ask| (ask.asks() == "initialize").then(|| result(ask, other_version.clone())))
        .await;
    let fewer = |ask: &Ask| ask.asks() == "tools/list" && !ask.is_modern();
    let said =
        assert_names(Asked::Tools, move |ask| fewer(ask).then(|| result(ask, json!({ "tools": [tool("echo")] }))))
            .await;
    assert!(said.ends_with("expected the same names, got `add` only in 2026-07-28"), "{said}");
    let nameless = |ask: &Ask| (ask.asks() == "tools/list").then(|| result(ask, json!({ "tools": [{ "name": "x" }] })));
    assert_names(Asked::Tools, nameless).await;
    assert_names(Asked::Get, |ask| (ask.method == Method::GET).then(|| events(&[], Then::Silence))).await;
    assert_names(Asked::Get, |ask| (ask.method == Method::GET).then(|| text(StatusCode::OK, "hello"))).await;
    let deaf = |ask: &Ask| {
        ask.headers.contains_key("origin").then(|| {
            let mut ask = ask.clone();
            ask.headers.remove("origin");
            right(&ask)
        })
    };
    assert_names(Asked::Origin, deaf).await;
}

#[tokio::test]
async fn stream_that_is_none_is_named() {
    let wants_events = |ask: &Ask| ask.header("accept").starts_with("text/event-stream") && ask.method == Method::POST;
    let said =
        assert_names(Asked::Stream, move |ask| wants_events(ask).then(|| text(StatusCode::OK, "data: x\n\n"))).await;
    assert!(said.contains("which is neither JSON nor an event stream"), "{said}");
    assert_names(Asked::Stream, move |ask| wants_events(ask).then(|| events(&[], Then::End))).await;
    assert_names(Asked::Stream, move |ask| wants_events(ask).then(|| events(&[json!({})], Then::Silence))).await;
    let as_json = |ask: &Ask| {
        let mut ask = ask.clone();
        ask.headers.remove("accept");
        right(&ask)
    };
    let server = Server::with(move |ask| wants_events(ask).then(|| as_json(ask))).await;
    let answers = ask(&open(), &server, None).await;
    assert!(answers.passed() && skipped(&answers).contains(&Asked::Stream), "a server may: {:#?}", answers.questions);
}

/// A server that promises to tell of changes, and what it does with a subscription.
async fn subscribed(subscription: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Answers {
    let server = Server::with(move |ask| match ask.asks() {
        "server/discover" if !ask.headers.contains_key("origin") => {
            Some(result(ask, discovered(json!({ "tools": { "listChanged": true } }))))
        }
        "subscriptions/listen" => {
            assert_eq!(ask.message["params"]["notifications"], json!({ "toolsListChanged": true }));
            Some(subscription(ask))
        }
        _ => None,
    })
    .await;
    ask(&open(), &server, None).await
}

#[tokio::test]
async fn open_stream_has_to_begin_before_it_ends() {
    let acknowledged =
        || json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {} });
    let answers = subscribed(move |_| events(&[acknowledged()], Then::Silence)).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    let last = answers.questions.last().map(ToString::to_string);
    assert_eq!(last.as_deref(), Some("a stream arrives as one (events, as they come)"));
    let held_back = subscribed(|_| events(&[], Then::Silence)).await;
    assert_eq!(failed(&held_back), [Asked::Stream]);
    let empty = subscribed(|_| events(&[], Then::End)).await;
    assert_eq!(failed(&empty), [Asked::Stream]);
}

#[tokio::test]
async fn trigger_that_does_not_stream_is_not_asked_for_one() {
    let server = Server::right().await;
    let answers = ask(&app("auth.mode = \"none\"\nlambda.trigger = \"http-api\"\n"), &server, None).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    assert_eq!(skipped(&answers), [&STRANGERS[..], &[Asked::Stream]].concat());
    let prefers_events = |ask: &Ask| ask.header("accept").starts_with("text/event-stream");
    assert!(!server.asked().iter().any(|ask| ask.method == Method::POST && prefers_events(ask)));
}

#[tokio::test]
async fn server_without_tools_is_not_asked_for_them() {
    let server = Server::with(|ask| match ask.asks() {
        "server/discover" if !ask.headers.contains_key("origin") => Some(result(ask, discovered(json!({})))),
        "tools/list" => Some(error(StatusCode::NOT_FOUND, ask, -32601)),
        _ => None,
    })
    .await;
    let answers = ask(&open(), &server, None).await;
    assert!(answers.passed() && skipped(&answers).contains(&Asked::Tools), "{:#?}", answers.questions);
}

#[tokio::test]
async fn guarded_server_is_asked_as_a_stranger_and_with_the_token() {
    let server = Server::answering(guarded).await;
    let answers = ask(&with_tokens(), &server, Some(TOKEN)).await;
    // The issuer of a user pool is another than the hand-made server's.
    assert_eq!(failed(&answers), [Asked::Metadata], "{:#?}", answers.questions);
    assert_eq!(skipped(&answers), []);
}

#[tokio::test]
async fn metadata_has_to_name_the_issuer_and_the_resource() {
    let app = with_tokens();
    let issuer = app.auth.issuer.clone().expect("it follows from the user pool");
    let document = json!({ "resource": "https://mcp.example.com/mcp", "authorization_servers": [issuer] });
    let well_known = |ask: &Ask| ask.path.starts_with("/.well-known/");
    for (document, wrong) in [
        (document.clone(), false),
        (
            json!({ "resource": "https://other.example/mcp", "authorization_servers": document["authorization_servers"] }),
            true,
        ),
        (json!({ "resource": "https://mcp.example.com/mcp" }), true),
        (json!([]), true),
    ] {
        let text = document.to_string();
        let answer = move |ask: &Ask| {
            if well_known(ask) { reply(StatusCode::OK, "application/json", &text) } else { guarded(ask) }
        };
        let answers = ask(&app, &Server::answering(answer).await, Some(TOKEN)).await;
        assert_eq!(failed(&answers), if wrong { vec![Asked::Metadata] } else { vec![] }, "{document}");
    }
}

#[tokio::test]
async fn guarded_server_without_a_token_is_asked_as_a_stranger_only() {
    let server = Server::answering(guarded).await;
    let answers = ask(&with_tokens(), &server, None).await;
    let rest = [Asked::Modern, Asked::Legacy, Asked::Tools, Asked::Get, Asked::Origin, Asked::Stream];
    assert_eq!(skipped(&answers), rest);
    let why = answers.questions.last().map(ToString::to_string).unwrap_or_default();
    assert!(why.ends_with("because it wants a token, and there is none in `MCP_CLOUD_TOKEN`"), "{why}");
}

#[tokio::test]
async fn server_that_lets_strangers_in_fails() {
    let server = Server::right().await;
    let answers = ask(&with_tokens(), &server, Some(TOKEN)).await;
    assert_eq!(failed(&answers), [Asked::Stranger, Asked::Challenge, Asked::Metadata]);
    let quiet = Server::answering(|ask| {
        let mut reply = guarded(ask);
        reply.headers_mut().remove("x-amzn-remapped-www-authenticate");
        reply
    })
    .await;
    let answers = ask(&with_tokens(), &quiet, Some(TOKEN)).await;
    assert!(failed(&answers).contains(&Asked::Challenge), "{:#?}", answers.questions);
}

#[tokio::test]
async fn server_that_checks_tokens_itself_is_not_called_broken() {
    let server = Server::answering(guarded).await;
    let answers = ask(&open(), &server, None).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    assert!(skipped(&answers).contains(&Asked::Modern));
    let answers = ask(&open(), &server, Some(TOKEN)).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    assert_eq!(skipped(&answers), STRANGERS);
}

#[tokio::test]
async fn token_is_never_shown() {
    let server = Server::answering(guarded).await;
    let answers = ask(&with_tokens(), &server, Some(TOKEN)).await;
    let gate = Gate::from(&with_tokens(), &server.url()).with_token(Token::new(TOKEN));
    let shown = format!("{answers:?}{gate:?}{}", serde_json::to_string(&answers).expect("it is written"));
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn hostile_server_ends_in_answers_and_in_time() {
    let endless = bytes::Bytes::from(vec![b'x'; 64 * 1024]);
    for media_type in ["application/json", "text/event-stream", "text/html"] {
        let endless = endless.clone();
        let server = Server::with(move |_| Some(streamed(media_type, vec![endless.clone()], Then::More))).await;
        let answers = ask(&open(), &server, None).await;
        assert!(!answers.passed(), "{media_type}");
        let silent = Server::with(move |_| Some(streamed(media_type, Vec::new(), Then::Silence))).await;
        assert!(!ask(&open(), &silent, None).await.passed(), "{media_type}");
    }
}
