//! `invoke` against running servers: the examples behind triggers that stream and that do not.

use std::process::Command;

use mcp_cloud_tests::{Dev, Finished, workspace_root};
use serde_json::{Value, json};

use crate::package::{finish, mcp_cloud};

fn everything(trigger: &str) -> Dev {
    Dev::start(&workspace_root().join("examples/everything"), &["--trigger", trigger])
}

fn command(dev: &Dev, arguments: &[&str]) -> Command {
    let mut command = mcp_cloud(&["invoke"]);
    command.args(arguments).args(["--url", dev.url()]).env_remove("MCP_CLOUD_TOKEN");
    command
}

fn invoke(dev: &Dev, arguments: &[&str]) -> Finished {
    finish(&mut command(dev, arguments))
}

fn json_of(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).expect("it is one document")
}

#[test]
fn tool_is_called_in_both_eras_behind_triggers_of_both_kinds() {
    for trigger in ["function-url", "http-api"] {
        let dev = Dev::hello(trigger);
        for era in ["auto", "2026-07-28", "legacy"] {
            let called = invoke(&dev, &["add", "--arg", "a=40", "--arg", "b=2", "--era", era]);
            assert_eq!(
                (called.code, called.stdout.as_str(), called.stderr.as_str()),
                (Some(0), "42\n", ""),
                "{trigger} {era}"
            );
        }
        let spoken = |request: &Value| request["status"] == 200;
        assert!(dev.requests().iter().any(spoken), "the server was asked");
    }
}

#[test]
fn arguments_come_as_json_from_a_file_or_one_by_one() {
    let dev = Dev::hello("direct");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("arguments.json");
    std::fs::write(&file, r#"{"a": 1, "b": 2}"#).expect("it is written");
    let from_file = format!("@{}", file.display());
    for (arguments, sum) in [
        (vec!["--arguments", r#"{"a": 1, "b": 2}"#], "3\n"),
        (vec!["--arguments", &from_file], "3\n"),
        (vec!["--arguments", &from_file, "--arg", "b=5"], "6\n"),
    ] {
        let called = invoke(&dev, &[&["add"], &arguments[..]].concat());
        assert_eq!((called.code, called.stdout.as_str()), (Some(0), sum), "{}", called.stderr);
    }
    let text = invoke(&dev, &["echo", "--arg", "text=42"]);
    assert_eq!(text.stdout, "42\n", "what takes text gets text: {}", text.stderr);
    // Standard input is empty here.
    let empty = invoke(&dev, &["add", "--arguments", "-"]);
    assert_eq!(empty.code, Some(2), "{}", empty.stderr);
}

#[test]
fn what_makes_no_sense_is_refused_before_the_call() {
    let dev = Dev::hello("direct");
    for (arguments, said) in [
        (&["subtract"][..], "error: the server has no tool `subtract`\nhint: it has `add`, `countdown`, `echo`\n"),
        (
            &["add", "--arg", "a=x"],
            "error: the argument `a` has to be integer, and `x` is not\nhint: its arguments are `a=<integer> b=<integer>`\n",
        ),
        (&["add", "--arg", "a=1"], "error: the tool needs `b`\nhint: its arguments are `a=<integer> b=<integer>`\n"),
        (&["add", "--arguments", "[]"], "error: the arguments are no JSON object\n"),
    ] {
        let refused = invoke(&dev, arguments);
        assert_eq!((refused.code, refused.stdout.as_str(), refused.stderr.as_str()), (Some(2), "", said));
    }
    let called = dev.requests().iter().any(|request| request["method"] == "tools/call");
    assert!(!called, "{:?}", dev.requests());
}

#[test]
fn list_shows_every_tool_with_its_arguments() {
    let dev = Dev::hello("rest-api");
    let listed = invoke(&dev, &["--list"]);
    let expected = "add a=<integer> b=<integer>\n  Adds two whole numbers\n\
                    countdown from=<integer>\n  Counts down, and reports every step\n\
                    echo text=<string>\n  Gives back the text it is given\n";
    assert_eq!((listed.code, listed.stdout.as_str(), listed.stderr.as_str()), (Some(0), expected, ""));
    let tools = json_of(&invoke(&dev, &["--list", "--output", "json"]));
    assert_eq!(tools["tools"][0]["name"], "add");
    assert_eq!(tools["tools"][0]["inputSchema"]["required"], json!(["a", "b"]));
}

#[test]
fn progress_and_logs_go_to_standard_error() {
    let dev = Dev::hello("function-url");
    for era in ["2026-07-28", "legacy"] {
        let counted = invoke(&dev, &["countdown", "--arg", "from=3", "--era", era]);
        assert_eq!((counted.code, counted.stdout.as_str()), (Some(0), "lift-off\n"), "{}", counted.stderr);
        assert_eq!(counted.stderr, "  1 of 3\n  2 of 3\n  3 of 3\n", "{era}");
    }
}

#[test]
fn failing_tool_is_an_exit_code_of_one_and_its_words_are_data() {
    let dev = everything("direct");
    let failed = invoke(&dev, &["test_error_handling"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(failed.stdout, "This tool intentionally returns an error for testing\n");
    assert_eq!(failed.stderr, "error: the tool `test_error_handling` says that it failed\n");
    let whole = invoke(&dev, &["test_error_handling", "--output", "json"]);
    assert_eq!((whole.code, &json_of(&whole)["isError"]), (Some(1), &json!(true)));
}

#[test]
fn content_that_is_no_text_is_named_and_json_has_all_of_it() {
    let dev = everything("function-url-buffered");
    let shown = invoke(&dev, &["test_multiple_content_types"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let lines: Vec<_> = shown.stdout.lines().collect();
    assert_eq!(lines.first(), Some(&"Multiple content types test:"));
    assert!(lines[1].starts_with("(image, image/png, ") && lines[2].contains("\"test\""), "{lines:?}");
    let whole = json_of(&invoke(&dev, &["test_image_content", "--output", "json"]));
    assert_eq!(whole["content"][0]["mimeType"], "image/png", "{whole}");
}

#[test]
fn tool_that_needs_more_of_the_client_fails() {
    let dev = everything("direct");
    let asked = invoke(&dev, &["test_input_required_result_elicitation"]);
    assert_eq!(asked.code, Some(1), "{}", asked.stderr);
    assert!(asked.stderr.starts_with("error: ") && asked.stderr.contains("(-32021)"), "{}", asked.stderr);
}

#[test]
fn nobody_there_is_said_in_a_sentence() {
    let dev = Dev::hello("direct");
    let url = dev.url().to_owned();
    let _ = dev.stop();
    let lost = finish(mcp_cloud(&["invoke", "echo", "--arg", "text=x", "--url"]).arg(&url));
    assert_eq!((lost.code, lost.stdout.as_str()), (Some(1), ""));
    assert!(
        lost.stderr.starts_with("error: cannot reach 127.0.0.1:") && lost.stderr.contains("\nhint: "),
        "{}",
        lost.stderr
    );
    let wrong = finish(&mut mcp_cloud(&["invoke", "echo", "--url", "localhost"]));
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn token_is_taken_from_the_environment_and_shown_nowhere() {
    let dev = Dev::hello("direct");
    let called =
        finish(command(&dev, &["echo", "--arg", "text=x", "--output", "json"]).env("MCP_CLOUD_TOKEN", "let-me-in"));
    assert_eq!(called.code, Some(0), "{}", called.stderr);
    assert!(!format!("{called:?}{:?}", dev.requests()).contains("let-me-in"));
    let broken = finish(command(&dev, &["echo", "--arg", "text=x"]).env("MCP_CLOUD_TOKEN", "a\nb"));
    assert_eq!((broken.code, broken.stdout.as_str()), (Some(2), ""));
    assert!(!broken.stderr.contains("a\nb"), "{}", broken.stderr);
}
