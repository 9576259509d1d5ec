//! `mcp-cloud deploy --rehearse`: without credentials, and without a call to anybody.

use std::{env, fs, path::Path, process::Command};

use mcp_cloud_tests::{cli_binary, workspace_root};
use tempfile::TempDir;

use crate::account::Run;

/// A program that has neither credentials nor a way to AWS.
fn rehearse(app: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(cli_binary());
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    // Whatever would be sent to AWS would end here.
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    command
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    Run::of(command.args(["deploy", "--rehearse"]).args(arguments).arg(app))
}

fn app(lines: &str) -> TempDir {
    let directory = TempDir::new().expect("a folder can be made");
    let hello = workspace_root().join("examples/hello");
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let text = format!(
        "name = \"hello\"\nbuild.directory = {hello:?}\nresources.architecture = \"{architecture}\"\n{lines}\n"
    );
    fs::write(directory.path().join("mcp-cloud.toml"), text).expect("the app can be written");
    directory
}

#[test]
fn deployment_that_is_struck_at_any_call_comes_home_in_the_rehearsal() {
    let secret = "[secrets]\nAPI_KEY.aws = \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:hello/key-AbCdEf\"\n";
    comes_home(secret, "sam");
}

/// `cargo test -p mcp-cloud-tests --test deploy -- --ignored --nocapture struck_at_any_call`
#[test]
#[ignore = "takes seven minutes of a processor; the matrices of mcp-cloud-deploy strike the same deployment"]
fn service_that_is_struck_at_any_call_comes_home_in_the_rehearsal() {
    comes_home("auth.mode = \"none\"\nnetwork.exposure = \"private\"", "ecs");
}

/// Rehearses the deployment of the example with these lines, and expects every case to come home.
fn comes_home(lines: &str, target: &str) {
    let directory = app(lines);
    let run = rehearse(directory.path(), &["--output", "json", "--target", target]);
    assert_eq!(run.code, Some(0), "{run}");
    let report = run.json();
    let number = |name: &str| report[name].as_u64().expect("it is a number");
    assert!(number("calls") > 20, "{report}");
    assert_eq!(number("cases"), number("calls") * 6, "{report}");
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(0), "{report}");
    assert!(report["server_not_asked"].is_null(), "the server was run and asked: {report}");
    let steps = report["steps"].as_array().expect("they are listed");
    let calls: u64 = steps.iter().filter_map(|step| step["calls"].as_u64()).sum();
    assert_eq!(calls, number("calls"), "every call belongs to a step: {report}");
    mcp_cloud_tests::report(format_args!("deploy --rehearse --target {target}: {} cases", number("cases")));
}

#[test]
fn rehearsal_of_what_cannot_be_asked_in_memory_says_so() {
    let directory = app("lambda.trigger = \"http-api\"");
    let run = rehearse(directory.path(), &[]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("the server is not asked in this rehearsal: only function URLs"), "{run}");
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines.first().is_some_and(|line| line.ends_with("failed  step")), "{run}");
    assert!(lines.last().is_some_and(|line| line.ends_with(" 0  together")), "{run}");
}
