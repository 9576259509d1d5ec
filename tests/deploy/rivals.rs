//! Two runs for the same app at once: never do both of them change it.

use std::{sync::mpsc::channel, time::Duration};

use mcp_cloud_tests::{Program, Signal, cli_binary, python, workspace_root};

use crate::{
    account::Account,
    interruption::{objects, records},
    proxy::{Call, Calls, Luck, Moment, Trap},
};

/// How long a command may take, the build of the server included.
const LIMIT: Duration = Duration::from_secs(900);
const BUCKET: &str = "mcp-cloud-000000000000-eu-west-1";

#[test]
fn one_of_two_runs_at_once_deploys_and_the_other_changes_nothing() {
    let Some(account) = Account::open() else { return };
    let start = || Program::start(account.command(cli_binary()).args(["deploy", "--yes"]).arg(account.app()));
    let (one, other) = (start(), start());
    let finished = [one.finish(LIMIT), other.finish(LIMIT)];
    assert!(finished.iter().any(|run| run.code == Some(0)), "one of them gets there: {finished:?}");
    for run in finished.iter().filter(|run| run.code != Some(0)) {
        let refused =
            ["another run is changing `hello`", "`hello` was changed by somebody else after the plan was made"];
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(refused.iter().any(|sentence| run.stderr.contains(&format!("error: {sentence}"))), "{}", run.stderr);
    }
    let calls = account.proxy.take_calls();
    assert_eq!(calls.iter().filter(|call| call.is("ExecuteChangeSet")).count(), 1, "{calls:?}");
    assert_deployed(&account);
}

#[test]
fn run_beside_a_living_one_is_refused_and_a_dead_ones_lock_is_taken_over_at_once() {
    let Some(account) = Account::open() else { return };
    let one = Program::start(account.command(cli_binary()).args(["deploy", "--yes"]).arg(account.app()));
    // The bucket is made, the lock taken and the code uploaded by the first seven of its writes.
    let (sender, caught) = channel();
    let trap = Trap { calls: Calls::Writes, after: 6, moment: Moment::Unsent, caught: sender };
    account.proxy.set_luck(Luck::Caught(trap));
    let call = caught.recv_timeout(LIMIT).expect("it comes to this call");
    assert!(call.is("CreateChangeSet"), "{call:?}");
    account.proxy.set_luck(Luck::Good);

    account.proxy.take_calls();
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("error: another run is changing `hello`: arn:aws:"), "{run}");
    assert_only_the_lock_was_written(&account);

    one.signal_group(Signal::KILL);
    assert_eq!(one.finish(LIMIT).code, None);
    account.proxy.take_calls();
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    let looks = account.proxy.take_calls().iter().filter(|call| call.method == "GET" && is_lock(call)).count();
    assert_eq!(looks, 1, "nobody has to wait for a run of this machine that is dead: {run}");
    assert_deployed(&account);
}

#[test]
fn lock_of_a_run_elsewhere_is_respected_while_it_is_written_and_taken_over_afterwards() {
    let Some(account) = Account::open() else { return };
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    account.write_app("memory = 512");
    let script = workspace_root().join("tests/deploy/hold_lock.py");
    let python = python().expect("it was there before");
    let elsewhere = Program::start(account.command(&python).arg(script).args([BUCKET, "hello", "600"]));
    let _ = elsewhere.stdout_line(LIMIT, |line| line == "beat 0");
    account.proxy.take_calls();
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(1), "{run}");
    let sentence =
        "error: another run is changing `hello`: arn:aws:iam::000000000000:user/somebody on elsewhere-00000000";
    assert!(run.stderr.contains(sentence), "{run}");
    assert_only_the_lock_was_written(&account);

    // It goes away without a word, and nobody here can tell that from a slow one before its lease is over.
    drop(elsewhere);
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("looking on whether that run still lives"), "{run}");
    let run = account.run(&["deploy", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"unchanged".into()), "{run}");
}

fn assert_deployed(account: &Account) {
    let status = account.run(&["status", "--output", "json"]).json();
    assert_eq!((&status["status"], &status["settings_match"]), (&"CREATE_COMPLETE".into(), &true.into()), "{status}");
    let run = account.run(&["deploy", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"unchanged".into()), "{run}");
    let keys = objects(account);
    assert_eq!(records(&keys), 1, "{keys:?}");
    assert!(!keys.iter().any(|key| key.ends_with("/lock")), "{keys:?}");
}

/// Whoever looks for a lock tries to write it where there is none.
fn assert_only_the_lock_was_written(account: &Account) {
    let calls = account.proxy.take_calls();
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write() && !is_lock(call)).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

fn is_lock(call: &Call) -> bool {
    call.path.contains("/mcp-cloud/hello/lock")
}
