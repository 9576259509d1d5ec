//! Images against other people's tools: a real registry, and what pulls, unpacks, verifies and runs.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod assembled;
mod based;
mod bridged;
mod commands;
mod container;
mod dockerfile;
mod odd;
mod pushed;
mod registry;
mod runtimes;
mod signed;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use mcp_cloud_image::{Image, Platform, Recipe};
use mcp_cloud_tests::{static_hello, workspace_root};
use serde_json::Value;

const PLATFORMS: [(Platform, &str); 2] =
    [(Platform::Amd64, "x86_64-unknown-linux-musl"), (Platform::Arm64, "aarch64-unknown-linux-musl")];

/// The example server for each platform, built by the first caller.
fn programs() -> &'static BTreeMap<Platform, PathBuf> {
    static PROGRAMS: OnceLock<BTreeMap<Platform, PathBuf>> = OnceLock::new();
    PROGRAMS.get_or_init(|| PLATFORMS.map(|(platform, target)| (platform, static_hello(target))).into())
}

/// An image of the example server for both platforms. Another title makes another image.
fn image(title: &str) -> Image {
    image_of(&Recipe::server(title).with_label("description", "An example"))
}

fn image_of(recipe: &Recipe) -> Image {
    let read = |(platform, path): (&Platform, &PathBuf)| (*platform, fs::read(path).expect("a program").into());
    Image::from_binaries(programs().iter().map(read).collect(), recipe).expect("an image")
}

/// An example of the crate, as a program of its own.
fn example(name: &str) -> PathBuf {
    let arguments =
        ["build", "--package", "mcp-cloud-image", "--example", name, "--message-format", "json-render-diagnostics"];
    let messages = printed(Command::new(env!("CARGO")).current_dir(workspace_root()).args(arguments));
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut built = messages.filter(|message| message["target"]["name"] == name);
    built.find_map(|message| message["executable"].as_str().map(PathBuf::from)).expect("cargo names the program")
}

/// The processor of this machine, as images spell it.
fn native() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// What a program printed, or the end of the test with what it said.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed\n{said}");
    String::from_utf8(output.stdout).expect("text")
}

/// Asks a server over standard input and output, and holds its answer against what MCP says.
fn speaks_mcp(program: &mut Command) {
    use std::{io::Write as _, process::Stdio};
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    let started = program.env("MCP_CLOUD_STDIO", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut server = started.expect("the server starts");
    writeln!(server.stdin.take().expect("a pipe"), "{request}").expect("the server listens");
    let output = server.wait_with_output().expect("the server ends");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("one answer");
    assert_eq!(answer["result"]["serverInfo"]["name"], "hello", "{answer}");
}

/// All files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry).into_iter().map(|(path, content)| (entry.join(path), content)));
        } else {
            found.insert(entry.clone(), fs::read(&entry).expect("a file"));
        }
    }
    found.into_iter().map(|(path, content)| (path.strip_prefix(folder).unwrap_or(&path).to_owned(), content)).collect()
}
