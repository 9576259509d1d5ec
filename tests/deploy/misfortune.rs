//! What goes wrong, and what is said and left then.

use mcp_cloud_tests::cli_binary;

use crate::{
    account::{Account, Run},
    proxy::{Luck, REQUEST_ID},
};

#[test]
fn failed_deployments_say_why_and_are_taken_up_again() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();

    account.proxy.set_luck(Luck::FailingResource { seconds: 3 });
    let run = account.run(&["deploy", "--yes", "--accept-beyond-plan"]);
    assert_failed(&run, "the stack `hello` ended in ROLLBACK_COMPLETE: `Never` (AWS::CloudFormation::WaitCondition)");
    assert!(!last_error(&run).contains("ServerRole"), "only the first failure is the reason: {run}");
    assert_eq!(account.run(&["status", "--output", "json"]).json()["status"], "ROLLBACK_COMPLETE");

    account.proxy.set_luck(Luck::Good);
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("1. delete the stack `hello`, which failed (ROLLBACK_COMPLETE)"), "{run}");

    account.write_app("memory = 512");
    account.proxy.set_luck(Luck::FailingResource { seconds: 3 });
    let run = account.run(&["deploy", "--yes", "--accept-beyond-plan"]);
    assert_failed(&run, "the stack `hello` ended in UPDATE_ROLLBACK_COMPLETE: `Never`");
    assert!(run.stderr.contains("UPDATE_ROLLBACK_IN_PROGRESS"), "the rollback is seen: {run}");

    account.proxy.set_luck(Luck::Good);
    let run = account.run(&["deploy", "--yes", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"updated".into()), "{run}");

    assert_eq!(account.run(&["destroy", "--yes"]).code, Some(0));
    assert_eq!(account.inventory(), empty);
}

#[test]
fn interrupted_and_declined_runs_leave_nothing_that_matters() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();

    let run = account.run_in_terminal("n", &["deploy"]);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.stdout.contains("+ Server (AWS::Serverless::Function)"), "the changes are shown first: {run}");
    assert!(run.stdout.contains("stopped, and nothing was changed"), "{run}");
    assert_eq!(account.inventory(), empty, "{run}");

    // Refused after the change set was made: it is let go of, but what cannot be told from success stays.
    account.proxy.set_luck(Luck::Refused { action: "ExecuteChangeSet", code: "AccessDenied" });
    let run = account.run(&["deploy", "--yes"]);
    assert_failed(&run, "cannot execute the change set: User: arn:aws:iam::000000000000:user/test is not authorized");
    assert!(last_error(&run).contains(&format!("(AccessDenied, request {REQUEST_ID})")), "{run}");
    assert_eq!(account.run(&["status", "--output", "json"]).json()["status"], "REVIEW_IN_PROGRESS");

    account.proxy.set_luck(Luck::Good);
    account.proxy.take_calls();
    let run = account.run_in_terminal("y", &["deploy"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("which an earlier run left"), "{run}");
    let calls = account.proxy.take_calls();
    assert!(calls.iter().any(|call| call.is("DeleteChangeSet")), "{calls:?}");

    assert_eq!(account.run_in_terminal("hello", &["destroy"]).code, Some(0));
    assert_eq!(account.inventory(), empty);
}

#[test]
fn interrupted_wait_is_taken_up_again() {
    let Some(account) = Account::open() else { return };
    account.proxy.set_luck(Luck::FailingResource { seconds: 25 });
    let run = account.interrupt("CREATE_IN_PROGRESS   Never ", &["deploy", "--yes", "--accept-beyond-plan"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(130), ""), "{run}");
    assert!(run.stderr.contains("`mcp-cloud status` shows it"), "{run}");

    account.proxy.set_luck(Luck::Good);
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    let waited = run.stderr.find("wait for the stack `hello`, which is in ");
    let replaced = run.stderr.find("delete the stack `hello`, which failed (ROLLBACK_COMPLETE)");
    assert!(waited.is_some() && waited < replaced, "what goes on is waited for, and only then planned: {run}");
    assert_eq!(account.run(&["destroy", "--yes"]).code, Some(0));
}

#[test]
fn usual_suspects_get_a_sentence_and_a_hint() {
    let Some(account) = Account::open() else { return };
    let status = |name: &str, value: Option<&str>| {
        let mut command = account.command(cli_binary());
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        Run::of(command.arg("status").arg(account.app()))
    };
    assert_failed(&status("AWS_ACCESS_KEY_ID", None), "no AWS credentials were found");
    assert_failed(&status("AWS_REGION", None), "no AWS region is set");
    assert_failed(&status("AWS_REGION", Some("eu west")), "`eu west` is not an AWS region");
    for (code, hint) in [("ExpiredToken", "aws sso login"), ("InvalidClientTokenId", "AWS_PROFILE")] {
        account.proxy.set_luck(Luck::Refused { action: "GetCallerIdentity", code });
        let run = account.run(&["status"]);
        assert_failed(&run, "cannot ask AWS whose credentials these are");
        assert!(run.stderr.lines().last().is_some_and(|line| line.contains(hint)), "{run}");
    }
    account.proxy.set_luck(Luck::Good);
    assert_failed(&account.run(&["deploy", "--yes", "--bucket", "not-there"]), "there is no bucket `not-there`");
    account.make_bucket("elsewhere", "eu-central-1");
    let run = account.run(&["deploy", "--yes", "--bucket", "elsewhere"]);
    assert_failed(&run, "the bucket `elsewhere` is in eu-central-1, and the function is to be in eu-west-1");
}

fn assert_failed(run: &Run, sentence: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run}");
    assert!(last_error(run).starts_with(&format!("error: {sentence}")), "`{sentence}` is said: {run}");
    assert!(run.stderr.lines().last().is_some_and(|line| line.starts_with("hint: ")), "{run}");
}

/// What a command ends with; a few lines for some.
fn last_error(run: &Run) -> &str {
    run.stderr.rfind("error: ").and_then(|start| run.stderr.get(start..)).unwrap_or_default()
}
