//! What is somebody else's is not touched.

use crate::account::{Account, Run};

/// Every command that would change a stack.
const CHANGING: [&[&str]; 3] = [&["deploy", "--yes"], &["rollback", "--yes"], &["destroy", "--yes"]];

#[test]
fn foreign_stack_of_the_same_name_is_touched_by_no_command() {
    let Some(account) = Account::open() else { return };
    let _ = account.run_script("foreign_stack.py", &["hello"]);
    let before = account.inventory();
    for command in CHANGING {
        let run = account.run(command);
        assert_refused(&run, "the stack `hello` was not created by mcp-cloud for this app");
        assert_only_reads(&account, &run);
        assert_eq!(account.inventory(), before, "{run}");
    }
}

#[test]
fn other_account_than_the_pinned_one_is_refused_before_anything_is_asked_of_it() {
    let Some(account) = Account::open() else { return };
    account.write_app("[aws]\naccount = \"111122223333\"");
    for command in CHANGING {
        account.proxy.take_calls();
        let run = account.run(command);
        assert_refused(&run, "the credentials are of account 000000000000, and only 111122223333 may be touched");
        let calls = account.proxy.take_calls();
        assert!(calls.len() == 1 && calls[0].is("GetCallerIdentity"), "{calls:?}: {run}");
    }
}

#[test]
fn deployment_in_which_nothing_changed_takes_a_dozen_calls_at_most() {
    let Some(account) = Account::open() else { return };
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    account.proxy.take_calls();
    let run = account.run(&["deploy", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"unchanged".into()), "{run}");
    let calls = account.proxy.take_calls();
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).collect();
    assert!(writes.is_empty(), "{writes:?}: {run}");
    assert!((1..=12).contains(&calls.len()), "{} calls: {calls:?}", calls.len());
}

fn assert_refused(run: &Run, sentence: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run}");
    assert!(run.stderr.contains(&format!("error: {sentence}")), "`{sentence}` is said: {run}");
    assert!(run.stderr.lines().last().is_some_and(|line| line.starts_with("hint: ")), "{run}");
}

fn assert_only_reads(account: &Account, run: &Run) {
    let calls = account.proxy.take_calls();
    assert!(!calls.is_empty(), "the calls were seen: {run}");
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).collect();
    assert!(writes.is_empty(), "{writes:?}: {run}");
}
