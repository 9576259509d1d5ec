//! What is killed at any of its calls, is taken up again by the next run.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use mcp_cloud_tests::{Program, Signal, cli_binary};
use serde_json::Value;

use crate::{
    account::{Account, Run},
    proxy::{Call, Calls, Luck, Moment, Trap},
};

/// How long a command may take, the build of the server included.
const LIMIT: Duration = Duration::from_secs(900);
/// How often is looked whether a command has ended.
const LOOK: Duration = Duration::from_millis(20);
/// A run that is killed before a call leaves what one leaves that was killed after the write before it, so that not each
/// of those is worth a case.
const SOME: usize = 3;

const DEPLOY: [&str; 2] = ["deploy", "--yes"];
const DESTROY: [&str; 2] = ["destroy", "--yes"];

#[test]
fn first_deployment_killed_at_any_call_is_brought_home_by_the_next() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();
    deploy(&account);
    destroy(&account, &empty);
    sweep(
        &account,
        "first deployment",
        &DEPLOY,
        |_| {},
        |place| {
            let keys = bring_home(&account, place);
            assert_eq!(records(&keys), 1, "{place}: {keys:?}");
            destroy(&account, &empty);
        },
    );
}

#[test]
fn update_killed_at_any_call_is_brought_home_by_the_next() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();
    deploy(&account);
    let change = |case: usize| account.write_app(&format!("memory = {}", 512 + case));
    sweep(&account, "update", &DEPLOY, change, |place| {
        bring_home(&account, place);
    });
    destroy(&account, &empty);
}

#[test]
fn removal_killed_at_any_call_is_finished_or_turned_back_by_the_next() {
    let Some(account) = Account::open() else { return };
    let empty = account.inventory();
    deploy(&account);
    let mut turned_back = true;
    sweep(
        &account,
        "removal",
        &DESTROY,
        |_| {},
        |place| {
            turned_back = !turned_back;
            if !turned_back {
                destroy(&account, &empty);
            }
            bring_home(&account, place);
        },
    );
    destroy(&account, &empty);
}

/// Kills the command at each of its calls in turn; `prepare` comes before each and `then` after.
#[expect(clippy::print_stderr, reason = "the number of cases belongs to the report of the test")]
fn sweep(account: &Account, what: &str, arguments: &[&str], prepare: impl Fn(usize), mut then: impl FnMut(&str)) {
    let start = Instant::now();
    let mut cases = 0;
    for (calls, moment, step) in [
        (Calls::Writes, Moment::Unanswered, 1),
        (Calls::Writes, Moment::Unsent, SOME),
        (Calls::Reads, Moment::Unsent, SOME),
    ] {
        for after in (0..).step_by(step) {
            prepare(cases);
            let killed = kill_at(account, arguments, calls, after, moment);
            let place = format!("{what}, killed at number {after} of its {calls:?}, {moment:?}: {killed:?}");
            eprintln!("after {} s: {place}", start.elapsed().as_secs());
            then(&place);
            // It came to its end before that many.
            if killed.is_none() {
                break;
            }
            cases += 1;
        }
    }
    mcp_cloud_tests::report(format_args!("{what}: {cases} cases in {} s", start.elapsed().as_secs()));
    assert!(cases > 8, "a command that changes something makes more calls than {cases}");
}

/// The call at which the command was killed; `None` when it made no such call and ended well.
fn kill_at(account: &Account, arguments: &[&str], calls: Calls, after: usize, moment: Moment) -> Option<Call> {
    let (sender, caught) = channel();
    account.proxy.take_calls();
    account.proxy.set_luck(Luck::Caught(Trap { calls, after, moment, caught: sender }));
    let mut program = Program::start(account.command(cli_binary()).args(arguments).arg(account.app()));
    let call = loop {
        match caught.recv_timeout(LOOK) {
            Ok(call) => break Some(call),
            Err(RecvTimeoutError::Timeout) if program.has_ended() => break caught.try_recv().ok(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("the trap is set until the next luck"),
        }
    };
    if call.is_some() {
        program.signal_group(Signal::KILL);
    }
    let finished = program.finish(LIMIT);
    let expected = if call.is_some() { None } else { Some(0) };
    assert_eq!(finished.code, expected, "{}", finished.stderr);
    account.proxy.set_luck(Luck::Good);
    call
}

fn deploy(account: &Account) -> Run {
    let run = account.run(&DEPLOY);
    assert_eq!(run.code, Some(0), "{run}");
    run
}

fn destroy(account: &Account, empty: &Value) {
    let run = account.run(&DESTROY);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(account.inventory(), *empty, "{run}");
}

/// Runs what comes next, after which everything is as it would be without the interruption.
/// Gives what the buckets hold then.
fn bring_home(account: &Account, place: &str) -> Vec<String> {
    let run = account.run(&["deploy", "--yes", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{place}: {run}");
    let outcome = &run.json()["outcome"];
    let keys = objects(account);
    // A run that finds everything done writes nothing, and leaves a lock that nobody holds to the next one that does.
    assert!(outcome == "unchanged" || !keys.iter().any(|key| key.ends_with("/lock")), "{place}: {keys:?}: {run}");
    let run = account.run(&["deploy", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"unchanged".into()), "{place}: {run}");
    keys
}

/// The keys of everything in all buckets.
pub(crate) fn objects(account: &Account) -> Vec<String> {
    let inventory = account.inventory();
    let keys = inventory["objects"].as_array().expect("objects are listed");
    keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect()
}

/// How many of them are records of revisions.
pub(crate) fn records(keys: &[String]) -> usize {
    keys.iter().filter(|key| key.contains("/revisions/")).count()
}
