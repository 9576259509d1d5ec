//! Asks a program on this machine what it offers, before anybody deploys it.

use std::{collections::BTreeMap, io, path::Path, process::Stdio, time::Duration};

use mcp_cloud_contract::env;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::surface::Surface;

/// A server that starts within that many seconds on Lambda does so here.
const PATIENCE: Duration = Duration::from_secs(8);
/// What a message may have at most, in bytes.
const LONGEST_MESSAGE: u64 = 16 * 1024 * 1024;
/// How many pages of tools are read at most.
const MOST_PAGES: usize = 100;

/// Why a program does not say what it offers.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LocalError {
    /// It does not start here: it may be for another processor.
    #[error("it does not run on this machine")]
    Start(#[source] io::Error),
    /// It ended, or closed its output.
    #[error("it ended without an answer")]
    Ended,
    /// It takes too long.
    #[error("it gave no answer in {} seconds", PATIENCE.as_secs())]
    TooSlow,
    /// Its answer is none.
    #[error("it answered something else than MCP")]
    NotMcp,
}

/// Starts a program over standard input and output, with these variables and none of this process, and asks for its tools.
/// It is ended afterwards. No tool is called.
///
/// # Errors
///
/// Every [`LocalError`].
pub async fn surface(program: &Path, environment: &BTreeMap<String, String>) -> Result<Surface, LocalError> {
    let mut child = Command::new(program)
        .env_clear()
        .envs(environment)
        .env(env::STDIO, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(LocalError::Start)?;
    let mut talk = Talk::new(&mut child).ok_or(LocalError::Ended)?;
    timeout(PATIENCE, talk.tools()).await.map_err(|_| LocalError::TooSlow)?
}

struct Talk {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_id: u64,
}

impl Talk {
    fn new(child: &mut Child) -> Option<Self> {
        Some(Self { input: child.stdin.take()?, output: BufReader::new(child.stdout.take()?), last_id: 0 })
    }

    async fn tools(&mut self) -> Result<Surface, LocalError> {
        let client = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
        let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        self.request("initialize", hello).await?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        let mut tools = Vec::new();
        let mut params = json!({});
        for _ in 0..MOST_PAGES {
            let result = self.request("tools/list", params).await?;
            tools.extend(result.get("tools").and_then(Value::as_array).ok_or(LocalError::NotMcp)?.iter().cloned());
            match result.get("nextCursor").and_then(Value::as_str) {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => break,
            }
        }
        Ok(Surface::of(&tools))
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<Value, LocalError> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        loop {
            let mut line = Vec::new();
            let read = (&mut self.output).take(LONGEST_MESSAGE).read_until(b'\n', &mut line).await;
            if read.map_err(|_| LocalError::Ended)? == 0 {
                return Err(LocalError::Ended);
            }
            let message: Value = serde_json::from_slice(&line).map_err(|_| LocalError::NotMcp)?;
            // Notifications may come before it.
            if message.get("id").and_then(Value::as_u64) == Some(id) {
                return message.get("result").cloned().ok_or(LocalError::NotMcp);
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), LocalError> {
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await.map_err(|_| LocalError::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn program_that_is_no_server_is_an_error_and_no_hang() {
        let ask = |program: &'static str| async move { surface(Path::new(program), &BTreeMap::new()).await };
        assert!(matches!(ask("/nonexistent").await, Err(LocalError::Start(_))));
        assert!(matches!(ask("/bin/true").await, Err(LocalError::Ended)));
        // It says what it hears, so its answer has no result.
        assert!(matches!(ask("/bin/cat").await, Err(LocalError::NotMcp)));
    }
}
