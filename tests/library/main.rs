//! The library's other ways in, as programs behind emulated triggers.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod lambda_http;

use std::{net::SocketAddr, path::PathBuf, process::Command};

use mcp_cloud_tests::workspace_root;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Builds an example of the library, and says where it is.
fn example(name: &str, features: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .current_dir(workspace_root())
        .args(["build", "--package", "mcp-cloud", "--example", name, "--features", features])
        .args(["--message-format", "json-render-diagnostics"])
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the executable it built")
}

/// Sends a message, and reads the whole reply, head included.
async fn post(address: SocketAddr, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.expect("it answers");
    String::from_utf8(reply).expect("the reply is text")
}
