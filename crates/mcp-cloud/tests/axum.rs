//! The server as a service in a router of one's own.
#![cfg(feature = "rmcp")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use rmcp::{ServerHandler, handler::server::router::tool::ToolRouter, tool, tool_handler, tool_router};

struct Demo(ToolRouter<Self>);

#[tool_router]
impl Demo {
    #[tool(description = "Says hello")]
    fn hello(&self) -> String {
        "hello".to_owned()
    }
}

#[tool_handler(router = self.0, name = "demo")]
impl ServerHandler for Demo {}

fn post(address: std::net::SocketAddr, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_beside_the_other_routes_of_an_axum_router() {
    let service = mcp_cloud::Server::rmcp(|| Demo(Demo::tool_router())).into_service();
    let router = axum::Router::new()
        .route_service("/mcp", service)
        .route("/other", axum::routing::get(|| async { "something else" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hello"}}"#;
    let answer = tokio::task::spawn_blocking(move || post(address, call)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains(r#""text":"hello""#), "{answer}");
    let large = "x".repeat(7 * 1024 * 1024);
    let answer = tokio::task::spawn_blocking(move || post(address, &large)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}
