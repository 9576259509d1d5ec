//! From a project to its file, and what is said about it: `init` and `check` as programs.

use std::fs;

use serde_json::{Value, json};

use crate::package::{Package, finish, mcp_cloud};

fn server(manifest: &str) -> Package {
    Package::with_files(&[("src/main.rs", "fn main() {}\n"), ("mcp-cloud.toml", manifest)])
}

#[test]
fn init_writes_a_file_that_check_and_emit_take() {
    let project = Package::with_main("fn main() {}\n");
    let run = |arguments: &[&str]| finish(mcp_cloud(arguments).current_dir(project.path()));
    let init = run(&["init"]);
    assert_eq!((init.code, init.stdout.as_str()), (Some(0), "mcp-cloud.toml\n"));
    assert_eq!(init.stderr, "found a cargo package; next: `mcp-cloud check .`\n");
    let check = run(&["check", "--target", "sam"]);
    assert_eq!((check.code, check.stdout.as_str(), check.stderr.as_str()), (Some(0), "sam: works\n", ""));
    assert_eq!(run(&["emit", "--target", "sam"]).code, Some(0));

    let again = run(&["init"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(2), ""));
    assert!(again.stderr.starts_with("error: `mcp-cloud.toml` is there already\nhint: "), "{}", again.stderr);
    let shown = run(&["init", "--dry-run"]);
    assert_eq!(fs::read_to_string(project.path().join("mcp-cloud.toml")).expect("it was written"), shown.stdout);
}

#[test]
fn init_without_a_project_says_what_it_looked_for() {
    let empty = tempfile::tempdir().expect("a folder");
    let init = finish(mcp_cloud(&["init"]).current_dir(empty.path()));
    assert_eq!((init.code, init.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        init.stderr,
        "error: `.` has no Cargo.toml, package.json, pyproject.toml or Dockerfile\nhint: name the directory of a server\n"
    );
}

#[test]
fn check_says_for_each_target_what_will_not_work() {
    let server = server("name = \"notes\"\n[health]\npath = \"/healthz\"\n");
    let run = |arguments: &[&str]| finish(mcp_cloud(arguments).current_dir(server.path()));
    let all = run(&["check"]);
    assert_eq!((all.code, all.stderr.as_str()), (Some(0), ""), "some targets take it");
    assert!(all.stdout.contains("\nsam: works") || all.stdout.starts_with("sam: works"), "{}", all.stdout);
    assert!(all.stdout.contains("cloud-run: does not work\n  error: mcp-cloud.toml:3:8: "), "{}", all.stdout);
    let one = run(&["check", "--target", "cloud-run"]);
    assert_eq!((one.code, one.stderr.as_str()), (Some(2), "error: it will not work\n"));

    let report = run(&["check", "--target", "cloud-run,sam", "--output", "json"]);
    let report: Value = serde_json::from_str(&report.stdout).expect("it is JSON");
    let targets = report["targets"].as_array().expect("a list");
    assert_eq!((&targets[0]["target"], &targets[0]["works"]), (&json!("sam"), &json!(true)));
    let finding = &targets[1]["diagnostics"][0];
    assert_eq!((&finding["severity"], &finding["line"], &finding["column"]), (&json!("error"), &json!(3), &json!(8)));
}

#[test]
fn check_looks_at_every_environment() {
    let server = server("name = \"notes\"\n[env.prod]\nhealth.path = \"/healthz\"\n");
    let run = |arguments: &[&str]| finish(mcp_cloud(arguments).current_dir(server.path()));
    let both = run(&["check", "--target", "cloud-run"]);
    assert_eq!(both.code, Some(2));
    assert!(both.stdout.contains("cloud-run (prod): does not work"), "{}", both.stdout);
    assert!(both.stdout.lines().any(|line| line.starts_with("cloud-run: works")), "{}", both.stdout);
    let wrong = run(&["check", "--env", "production"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""));
    assert_eq!(wrong.stderr, "error: `mcp-cloud.toml` has no environment `production`\nhint: it has `prod`\n");
}

#[test]
fn file_that_cannot_be_used_is_wrong_for_every_target_and_said_once() {
    let server = server("name = \"notes\"\nlamda.memory = 512\n");
    let check = finish(mcp_cloud(&["check"]).current_dir(server.path()));
    assert_eq!((check.code, check.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        check.stderr,
        "error: mcp-cloud.toml:2:1: there is no key `lamda` at the top of the file; did you mean `lambda`?\n"
    );
}

/// The examples, and the reference for every target.
#[test]
fn every_file_of_the_repository_works_for_what_it_is_for() {
    let root = mcp_cloud_tests::workspace_root();
    let folders = |parent: &str| {
        fs::read_dir(root.join(parent)).expect("it is there").map(|entry| entry.expect("it can be read").path())
    };
    for folder in folders("examples").chain(folders("infra")).filter(|folder| folder.join("mcp-cloud.toml").is_file()) {
        let name = folder.file_name().expect("it has a name").to_string_lossy().into_owned();
        let is_target = ["ecs", "ecs-express", "cloud-run", "azure-functions", "compose", "github-actions"];
        let target = if is_target.contains(&name.as_str()) { name.as_str() } else { "sam" };
        let check = finish(mcp_cloud(&["check", "--target", target]).arg(&folder));
        assert_eq!(check.code, Some(0), "{name}:\n{}{}", check.stdout, check.stderr);
    }
}
