//! The way back: to an earlier revision on request, and from a server that does not answer.

use serde_json::Value;

use crate::{
    account::{Account, Run},
    interruption::{objects, records},
    lifecycle::mcp_client_gets_the_right_answers,
};

#[test]
fn rollback_moves_the_alias_first_and_then_the_stack() {
    let Some(account) = Account::open() else { return };
    deployed(&account, "memory = 256");
    let url = deployed(&account, "memory = 512");
    assert_eq!((&serving(&account)["version"], &serving(&account)["memory"]), (&"2".into(), &512.into()));

    let run = account.run(&["rollback"]);
    assert_eq!(run.code, Some(3), "nobody can be asked: {run}");
    account.proxy.take_calls();
    let run = account.run(&["rollback", "--yes", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"rolled-back".into()), "{run}");
    let calls = account.proxy.take_calls();
    let moved = calls.iter().position(|call| call.method == "PUT" && call.path.ends_with("/aliases/live"));
    let computed = calls.iter().position(|call| call.is("CreateChangeSet"));
    assert!(moved.is_some() && moved < computed, "what answered before answers before anything else: {calls:?}");
    assert_eq!(serving(&account)["memory"], 256, "{run}");
    mcp_client_gets_the_right_answers(&account, &url);

    let status = account.run(&["status", "--output", "json"]).json();
    assert_eq!(status["settings_match"], false, "what is deployed is no longer what is here: {status}");
    account.write_app("memory = 256");
    let run = account.run(&["deploy", "--output", "json"]);
    assert_eq!(
        (run.code, &run.json()["outcome"]),
        (Some(0), &"unchanged".into()),
        "the template is the first's: {run}"
    );
    assert_eq!(account.run(&["destroy", "--yes"]).code, Some(0));
}

#[test]
fn first_deployment_of_a_server_that_does_not_answer_is_removed() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();
    account.write_app_that_ends();
    let run = account.run(&["deploy", "--yes"]);
    assert_gate_failed(&run, "; what was created is removed");
    // Nothing, or what the platform says of starts: that is up to MiniStack.
    let told = run.stderr.find("the server has logged");
    assert!(told.is_some() && told < run.stderr.find("removing what was created"), "the log goes with the rest: {run}");
    let left = account.inventory();
    for kind in ["stacks", "functions", "roles"] {
        assert_eq!(left[kind], empty[kind], "{left}");
    }
    assert_eq!(records(&objects(&account)), 0, "what did not answer is nothing to go back to");
    assert_eq!(account.run(&["destroy", "--yes"]).code, Some(0));
    assert_eq!(account.inventory(), empty);
}

#[test]
fn update_to_a_server_that_does_not_answer_is_turned_back() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();
    let url = deployed(&account, "memory = 256");
    account.write_app_that_ends();
    let run = account.run(&["deploy", "--yes"]);
    assert_gate_failed(&run, "; version 1 answers again");
    assert_eq!(serving(&account)["memory"], 256, "{run}");
    mcp_client_gets_the_right_answers(&account, &url);
    account.write_app("memory = 256");
    let run = account.run(&["deploy", "--yes", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.json()["url"], url, "{run}");
    mcp_client_gets_the_right_answers(&account, &url);
    assert_eq!(account.run(&["destroy", "--yes"]).code, Some(0));
    assert_eq!(account.inventory(), empty);
}

/// Deploys the example server with these settings; says where it answers.
fn deployed(account: &Account, lambda: &str) -> String {
    account.write_app(lambda);
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    run.stdout.trim_end().to_owned()
}

fn assert_gate_failed(run: &Run, way_back: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run}");
    let error = run.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    let question = "error: the server does not answer as it should: the endpoint answers: ";
    assert!(error.starts_with(question) && error.ends_with(way_back), "{run}");
    assert!(run.stderr.lines().last().is_some_and(|line| line.starts_with("hint: ")), "{run}");
}

/// Which version the alias points to, and how much memory that has.
fn serving(account: &Account) -> Value {
    account.run_script("alias.py", &["hello"]).json()
}
