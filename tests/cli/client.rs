//! `client` as a program: what it prints, and what it does to a file.

use std::{fs, path::Path};

use mcp_cloud_tests::Finished;
use serde_json::{Value, json};

use crate::package::{finish, mcp_cloud};

const URL: &str = "https://notes.example.com/mcp";

fn client(folder: &Path, arguments: &[&str]) -> Finished {
    finish(
        mcp_cloud(&["client"])
            .args(arguments)
            .args(["--url", URL])
            .current_dir(folder)
            .env("HOME", folder)
            .env("MCP_CLOUD_TOKEN", "let-me-in"),
    )
}

#[test]
fn entry_is_printed_for_every_client() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, entry) in [
        ("claude-code", json!({ "mcpServers": { "notes-example-com": { "type": "http", "url": URL } } })),
        ("vscode", json!({ "servers": { "notes-example-com": { "type": "http", "url": URL } } })),
        ("cursor", json!({ "mcpServers": { "notes-example-com": { "url": URL } } })),
    ] {
        let printed = client(folder.path(), &[name]);
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        assert_eq!(serde_json::from_str::<Value>(&printed.stdout).expect("it is JSON"), entry);
        assert!(printed.stderr.contains("`--write` puts it there"), "{}", printed.stderr);
    }
    let desktop = client(folder.path(), &["claude-desktop", "--output", "json"]);
    let desktop: Value = serde_json::from_str(&desktop.stdout).expect("it is JSON");
    assert_eq!((&desktop["outcome"], &desktop["entry"]["command"]), (&json!("printed"), &json!("npx")));
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0, "nothing was written");
}

#[test]
fn entry_is_written_beside_what_is_there_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(".mcp.json");
    let before =
        "{\n    \"mcpServers\": {\n        \"other\": { \"command\": \"x\" }\n    },\n    \"z\": 1,\n    \"a\": 2\n}\n";
    fs::write(&file, before).expect("it is written");
    let written = client(folder.path(), &["claude-code", "--write", "--name", "notes"]);
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""), "{}", written.stderr);
    let expected = before.replace(
        "{ \"command\": \"x\" }\n",
        &format!(
            "{{ \"command\": \"x\" }},\n        \"notes\": {{\n            \"type\": \"http\",\n            \"url\": \"{URL}\"\n        }}\n"
        ),
    );
    assert_eq!(fs::read_to_string(&file).expect("it is there"), expected);
    let again = client(folder.path(), &["claude-code", "--write", "--name", "notes"]);
    assert!(again.stderr.contains("has `notes` already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), expected);
    let elsewhere = folder.path().join("deep/mcp.json");
    let named = client(folder.path(), &["cursor", "--write", "--file", "deep/mcp.json", "--output", "json"]);
    assert!(elsewhere.is_file() && named.stdout.contains("\"added\""), "{}", named.stdout);
    let text = expected + &fs::read_to_string(elsewhere).expect("it is there");
    assert!(!text.contains("let-me-in"), "no file holds a secret");
}

#[test]
fn file_with_comments_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "{\n  // by hand\n  \"servers\": {}\n}\n";
    fs::create_dir(folder.path().join(".vscode")).expect("a folder");
    fs::write(folder.path().join(".vscode/mcp.json"), text).expect("it is written");
    let refused = client(folder.path(), &["vscode", "--write"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(
        refused.stderr.contains("is no plain JSON (it may have comments), so it was left as it is\nhint: "),
        "{}",
        refused.stderr
    );
    assert_eq!(fs::read_to_string(folder.path().join(".vscode/mcp.json")).expect("it is there"), text);
}

#[test]
fn unknown_client_is_refused_with_the_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = client(folder.path(), &["emacs"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    for name in ["claude-desktop", "claude-code", "vscode", "cursor"] {
        assert!(refused.stderr.contains(name), "`{name}` is missing in:\n{}", refused.stderr);
    }
}
