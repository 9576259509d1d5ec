//! The life of a deployment: created, called, left alone, changed, removed.

use mcp_cloud_tests::{python, workspace_root};
use serde_json::json;

use crate::{
    account::{Account, REGION, Run},
    proxy::Proxy,
};

#[test]
fn deployment_lives_and_leaves_nothing_behind() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();
    dry_run_sends_no_write(&account);
    let url = first_deployment_prints_only_the_url(&account);
    mcp_client_gets_the_right_answers(&account, &url);
    status_shows_what_is_deployed(&account, &url);
    second_deployment_sends_no_write(&account, &url);
    changed_memory_publishes_a_version(&account, &url);
    changed_tags_and_limits_publish_none(&account, &url);
    destroy_leaves_nothing(&account, &empty);
}

fn dry_run_sends_no_write(account: &Account) {
    let run = account.run(&["deploy", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("create the stack `hello`"), "the plan is what was asked for: {run}");
    assert_no_write(account, &run);
    let run = account.run(&["status"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "hello is not deployed in eu-west-1, account 000000000000\n")
    );
}

fn first_deployment_prints_only_the_url(account: &Account) -> String {
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    let url = run.stdout.trim_end().to_owned();
    assert!(url.starts_with("https://") && url.ends_with("/mcp") && !url.contains('\n'), "{run}");
    for shown in ["create the bucket", "+ Add    Server (AWS::Lambda::Function)", "CREATE_COMPLETE      ServerRole"] {
        assert!(run.stderr.contains(shown), "`{shown}` is shown: {run}");
    }
    let plan = run.stderr.find("4. create the stack `hello`");
    assert!(run.stderr.contains("the server offers 3 tools"), "the program was asked: {run}");
    assert!(run.stderr.contains("OK   it speaks 2026-07-28"), "the deployed server was asked: {run}");
    let begun = run.stderr.find("CREATE_IN_PROGRESS");
    assert!(plan.is_some() && plan < begun, "the plan is shown before anything happens: {run}");
    url
}

/// The name of a function URL is known to no resolver here; the emulated service tells functions apart by `Host`.
pub(crate) fn mcp_client_gets_the_right_answers(account: &Account, url: &str) {
    let (host, path) = url.trim_start_matches("https://").split_once('/').expect("a URL has a path");
    let gateway = Proxy::to_host(account.ministack.address(), host);
    let python = python().expect("it was there before");
    for era in ["legacy", "2026-07-28"] {
        let client = workspace_root().join("tests/clients/python.py");
        let url = format!("{}/{path}", gateway.url());
        let run = Run::of(account.command(&python).arg(client).arg(&url).arg(era));
        assert_eq!(run.code, Some(0), "{run}");
        let seen = run.json();
        assert_eq!(seen["add"], "42", "{era}: {seen}");
        assert_eq!(seen["countdown"], "lift-off", "{era}: {seen}");
        assert_eq!(seen["protocol_version"] == "2026-07-28", era == "2026-07-28", "{seen}");
    }
}

fn status_shows_what_is_deployed(account: &Account, url: &str) {
    account.proxy.take_calls();
    let run = account.run(&["status", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    let status = run.json();
    assert_eq!(status["deployed"], true, "{status}");
    assert_eq!(status["status"], "CREATE_COMPLETE", "{status}");
    assert_eq!(status["url"], url, "{status}");
    assert_eq!(status["region"], REGION, "{status}");
    assert_eq!(status["settings_match"], true, "{status}");
    assert!(status["code_sha256"].is_string() && status["code_sha256"] == status["built_sha256"], "{status}");
    assert_no_write(account, &run);
}

fn second_deployment_sends_no_write(account: &Account, url: &str) {
    // Not even `--yes` is needed: there is nothing to agree to.
    let run = account.run(&["deploy"]);
    assert_eq!((run.code, run.stdout.trim_end()), (Some(0), url), "{run}");
    assert!(run.stderr.contains("nothing has changed"), "{run}");
    assert_no_write(account, &run);
    let run = account.run(&["deploy", "--output", "json"]);
    let report = run.json();
    assert_eq!(report["outcome"], "unchanged", "{report}");
    assert_eq!((&report["plan"]["steps"], &report["changes"]), (&json!([]), &json!([])), "{report}");
    assert_no_write(account, &run);
}

fn changed_memory_publishes_a_version(account: &Account, url: &str) {
    account.write_app("memory = 512");
    let status = account.run(&["status", "--output", "json"]).json();
    assert_eq!(status["settings_match"], false, "{status}");
    account.proxy.take_calls();
    let run = account.run(&["deploy"]);
    assert_eq!(run.code, Some(3), "nobody can be asked: {run}");
    assert!(run.stderr.contains("2. update the stack `hello`") && run.stderr.contains("--yes"), "{run}");
    assert_no_write(account, &run);
    let run = account.run(&["deploy", "--yes", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    let report = run.json();
    assert_eq!(report["outcome"], "updated", "{report}");
    assert_eq!(report["url"], url, "{report}");
    let function = json!({
        "action": "Modify",
        "logical_id": "Server",
        "resource_type": "AWS::Lambda::Function",
        "replacement": "False",
        "properties": ["MemorySize"],
    });
    assert_eq!(report["changes"][0], function, "{report}");
    // The version before it is no longer the stack's, and stays. AWS lists the alias that moves, too.
    assert_eq!(version_changes(&report), ["Add", "Remove"], "{report}");
    account.proxy.take_calls();
    let run = account.run(&["deploy"]);
    assert!(run.stderr.contains("nothing has changed"), "{run}");
    assert_no_write(account, &run);
}

/// Versions that come and go, by the report of a deployment. Their ids are hashes, and so is their order; the server here
/// lists those, too, that it thinks are tagged anew.
fn version_changes(report: &serde_json::Value) -> Vec<&str> {
    let changes = report["changes"].as_array().expect("changes are listed");
    let versions = changes.iter().filter(|change| change["resource_type"] == "AWS::Lambda::Version");
    let mut actions: Vec<_> = versions.filter_map(|change| change["action"].as_str()).collect();
    actions.retain(|action| *action != "Modify");
    actions.sort_unstable();
    actions
}

/// Lambda refuses to publish a version in which nothing is new, and the stack would fail.
fn changed_tags_and_limits_publish_none(account: &Account, url: &str) {
    account.write_app("memory = 512\n[tags]\nteam = \"a\"\n[scaling]\nmaximum = 3");
    let run = account.run(&["deploy", "--yes", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    let report = run.json();
    assert_eq!((&report["outcome"], &report["url"]), (&json!("updated"), &json!(url)), "{report}");
    assert_eq!(version_changes(&report), Vec::<&str>::new(), "{report}");
}

fn destroy_leaves_nothing(account: &Account, empty: &serde_json::Value) {
    let deployed = account.inventory();
    for kind in ["stacks", "buckets", "functions", "log_groups", "roles"] {
        assert_ne!(deployed[kind], empty[kind], "the test would see what is left over");
    }
    let run = account.run(&["destroy"]);
    assert_eq!(run.code, Some(3), "nobody can be asked: {run}");
    assert_no_write(account, &run);
    let run = account.run(&["destroy", "--yes"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run}");
    assert_eq!(account.inventory(), *empty, "{run}");
    let run = account.run(&["destroy"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("nothing is deployed"), "{run}");
    assert_no_write(account, &run);
}

fn assert_no_write(account: &Account, run: &Run) {
    let calls = account.proxy.take_calls();
    assert!(!calls.is_empty(), "the calls were seen: {run}");
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).collect();
    assert!(writes.is_empty(), "{writes:?}\n{run}");
}
