//! What is killed at any of its calls, is taken up again by the next run.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
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

const DEPLOY: [&str; 2] = ["deploy", "--yes"];
const DESTROY: [&str; 2] = ["destroy", "--yes"];

#[test]
fn first_deployment_killed_at_any_call_is_brought_home_by_the_next() {
    let sweep = Sweep {
        what: "first deployment",
        arguments: &DEPLOY,
        // What compiles once compiles no more.
        begin: |account, empty| {
            deploy(account);
            destroy(account, empty);
        },
        prepare: |_, _| {},
        then: |account, empty, _, place| {
            let keys = bring_home(account, place);
            assert_eq!(records(&keys), 1, "{place}: {keys:?}");
            destroy(account, empty);
        },
    };
    sweep.run();
}

#[test]
fn update_killed_at_any_call_is_brought_home_by_the_next() {
    let sweep = Sweep {
        what: "update",
        arguments: &DEPLOY,
        begin: |account, _| drop(deploy(account)),
        prepare: |account, case| account.write_app(&format!("memory = {}", 512 + case)),
        then: |account, _, _, place| drop(bring_home(account, place)),
    };
    sweep.run();
}

#[test]
fn removal_killed_at_any_call_is_finished_or_turned_back_by_the_next() {
    let sweep = Sweep {
        what: "removal",
        arguments: &DESTROY,
        begin: |account, _| drop(deploy(account)),
        prepare: |_, _| {},
        then: |account, empty, case, place| {
            if case % 2 == 0 {
                destroy(account, empty);
            }
            bring_home(account, place);
        },
    };
    sweep.run();
}

/// A command that is killed at each of its calls in turn.
struct Sweep {
    what: &'static str,
    arguments: &'static [&'static str],
    /// What comes first of all, with what there is before that.
    begin: fn(&Account, &Value),
    /// What comes before each case, with its number.
    prepare: fn(&Account, usize),
    /// What comes after each case, with what there was before anything, the number of the case, and its name.
    then: fn(&Account, &Value, usize, &str),
}

impl Sweep {
    /// Kills it before and after each write, and before each read: each of the three on an account of its own, all at the
    /// same time, because most of a case is waiting.
    fn run(&self) {
        let start = Instant::now();
        let ways =
            [(Calls::Writes, Moment::Unanswered), (Calls::Writes, Moment::Unsent), (Calls::Reads, Moment::Unsent)];
        let cases: Option<Vec<usize>> = thread::scope(|scope| {
            let begun = ways.map(|(calls, moment)| scope.spawn(move || self.kill_at_each(calls, moment)));
            begun.into_iter().map(|sweep| sweep.join().expect("its panic is told above")).collect()
        });
        let Some(cases) = cases else { return };
        let (all, seconds) = (cases.iter().sum::<usize>(), start.elapsed().as_secs());
        mcp_cloud_tests::report(format_args!("{}: {all} cases in {seconds} s", self.what));
        assert!(cases.iter().all(|cases| *cases > 4), "a command that changes something makes more calls: {cases:?}");
    }

    /// The number of cases; `None` where there can be no account.
    #[expect(clippy::print_stderr, reason = "the number of cases belongs to the report of the test")]
    fn kill_at_each(&self, calls: Calls, moment: Moment) -> Option<usize> {
        let account = Account::open()?;
        let empty = account.inventory();
        (self.begin)(&account, &empty);
        let start = Instant::now();
        for case in 0.. {
            (self.prepare)(&account, case);
            let killed = kill_at(&account, self.arguments, calls, case, moment);
            let place = format!("{}, killed at number {case} of its {calls:?}, {moment:?}: {killed:?}", self.what);
            eprintln!("after {} s: {place}", start.elapsed().as_secs());
            (self.then)(&account, &empty, case, &place);
            // It came to its end before that many.
            if killed.is_none() {
                destroy(&account, &empty);
                return Some(case);
            }
        }
        None
    }
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
