//! A bridge: serves, wherever mcp-cloud runs, a program that speaks MCP over standard input and output, in whatever
//! language it is written.
//!
//! ```console
//! $ cargo run -p mcp-cloud --example duplex -- -- npx -y @modelcontextprotocol/server-everything
//! serving MCP at http://127.0.0.1:8080/mcp
//! ```
//!
//! [`Server::duplex`] wants a sink and a stream of messages. Here they are a process's input and output with one message
//! on each line; a socket or another SDK's transport would do as well. The process is started when the first request
//! comes, again when it has ended, and once more for each client that stays.

use std::{
    env,
    error::Error,
    ffi::OsString,
    io,
    pin::Pin,
    process::Stdio,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use mcp_cloud::Server;
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::codec::{Decoder, Encoder, FramedRead, FramedWrite};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The `--` keeps the server from taking the program's arguments for its own.
    let mut command = env::args_os().skip(1).skip_while(|argument| argument != "--").skip(1);
    let program = match command.next() {
        Some(program) => program,
        // It asks a server that runs already, and starts nothing.
        None if env::args_os().any(|argument| argument == "--health") => OsString::new(),
        None => return Err("which program? Write it behind `--`, with its arguments".into()),
    };
    let arguments: Vec<OsString> = command.collect();
    let connect = move || {
        let started = start(&program, &arguments);
        async move { started }
    };
    Ok(Server::duplex(connect).serve().await?)
}

/// Starts the program. What it says on standard error goes where this program's goes.
fn start(
    program: &OsString,
    arguments: &[OsString],
) -> io::Result<(impl Sink<Bytes, Error = io::Error> + use<>, Output)> {
    let mut process = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(io::Error::other("the program was started without pipes"));
    };
    let output = Output { lines: FramedRead::new(output, Lines::default()), _process: process };
    Ok((FramedWrite::new(input, Lines::default()), output))
}

/// The messages of a process, which is killed when nobody wants them any more.
struct Output {
    lines: FramedRead<ChildStdout, Lines>,
    _process: Child,
}

impl Stream for Output {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let line = ready!(Pin::new(&mut self.lines).poll_next(context));
        // An output that cannot be read has ended.
        Poll::Ready(line.and_then(Result::ok))
    }
}

/// One message on each line (MCP 2026-07-28, basic/transports/stdio).
#[derive(Default)]
struct Lines {
    /// How much of what has been read holds no line end.
    searched: usize,
}

impl Encoder<Bytes> for Lines {
    type Error = io::Error;

    fn encode(&mut self, message: Bytes, line: &mut BytesMut) -> io::Result<()> {
        // A client may write its JSON on several lines. In a string a line end is escaped, and elsewhere a space does.
        line.extend(message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        line.put_u8(b'\n');
        Ok(())
    }
}

impl Decoder for Lines {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, read: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let Some(end) = read.iter().skip(self.searched).position(|byte| *byte == b'\n') else {
            self.searched = read.len();
            return Ok(None);
        };
        let line = read.split_to(std::mem::take(&mut self.searched) + end + 1);
        Ok(Some(line.freeze()))
    }
}
