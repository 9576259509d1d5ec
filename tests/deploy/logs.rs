//! `mcp-cloud logs`: what is shown, and what comes while it follows.

use std::{process::Stdio, time::Duration};

use mcp_cloud_tests::{Finished, Program, Signal, cli_binary};

use crate::account::Account;

const LIMIT: Duration = Duration::from_secs(60);
const GROUP: &str = "/aws/lambda/hello";
const ACCESS: &str = "/aws/vendedlogs/apis/hello";
const ID: &str = "8c1f2f4e-0000-4000-8000-000000000001";
const OTHER_ID: &str = "8c1f2f4e-0000-4000-8000-000000000002";

#[test]
fn logs_are_followed_from_before_there_are_any() {
    let Some(account) = Account::open() else { return };
    let run = account.run(&["logs"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run}");
    assert!(run.stderr.contains(&format!("there is no log group `{GROUP}`")), "{run}");
    assert!(run.stderr.lines().last().is_some_and(|line| line.starts_with("hint: ")), "{run}");

    let program = Program::start(account.command(cli_binary()).args(["logs", "-f"]).arg(account.app()));
    let _ = program.stderr_line(LIMIT, |line| line.contains(&format!("wait for the log group {GROUP}")));
    let _ = account.run_script("put_log.py", &[GROUP, "one", "0", "first line"]);
    let _ = program.stdout_line(LIMIT, |line| line.ends_with("first line"));
    // It happened before what was shown already, and comes later.
    let _ = account.run_script("put_log.py", &[GROUP, "two", "20", "late line"]);
    let _ = program.stdout_line(LIMIT, |line| line.ends_with("late line"));
    let _ =
        account.run_script("put_log.py", &[GROUP, "one", "0", "{\"level\":\"ERROR\",\"message\":\"last\",\"n\":1}"]);
    let shown = program.stdout_line(LIMIT, |line| line.contains("last"));
    assert!(shown.contains(" ERROR last n=1"), "{shown}");
    program.signal_group(Signal::INT);
    let Finished { code, stdout, stderr } = program.finish(LIMIT);
    assert_eq!(code, Some(0), "who follows ends it so: {stderr}");
    assert_eq!(stdout.lines().count(), 3, "each line is shown once:\n{stdout}");
}

#[test]
fn logs_are_read_in_the_order_of_time_and_narrowed_down() {
    let Some(account) = Account::open() else { return };
    account.write_app("trigger = \"http-api\"");
    let report = |id: &str| {
        format!("REPORT RequestId: {id}\tDuration: 12.34 ms\tMax Memory Used: 64 MB\tInit Duration: 90.2 ms\t")
    };
    let _ = account.run_script(
        "put_log.py",
        &[GROUP, "one", "300", "old", &report(ID), "{\"level\":\"INFO\",\"msg\":\"\\u001b[31mred\"}"],
    );
    let _ = account
        .run_script("put_log.py", &[GROUP, "two", "200", &report(OTHER_ID), &format!("END RequestId: {OTHER_ID}")]);
    let access = "{\"requestId\":\"J\",\"route\":\"POST /mcp\",\"status\":\"200\",\"ip\":\"192.0.2.1\"}";
    let _ = account.run_script("put_log.py", &[ACCESS, "three", "250", access]);
    let said = |arguments: &[&str]| {
        let run = account.run(&[&["logs"], arguments].concat());
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
        run.stdout.lines().map(|line| line.get(25..).unwrap_or_default().trim_start().to_owned()).collect::<Vec<_>>()
    };
    let measured = "8c1f2f4e duration 12 ms, 64 MB, cold start 90 ms";
    assert_eq!(said(&[]), ["old", measured, "INFO  red", measured]);
    assert_eq!(said(&["--access"]), ["old", measured, "INFO  red", "J POST /mcp 200 ip=192.0.2.1", measured]);
    assert_eq!(said(&["--since", "220s"]), [measured]);
    assert_eq!(said(&["--until", "220s", "--limit", "1"]), ["INFO  red"]);
    assert_eq!(said(&["--request", OTHER_ID]), [measured]);
    assert_eq!(said(&["--filter", "old"]), ["old"]);
    assert_eq!(said(&["--filter", &format!("\"REPORT\" \"{OTHER_ID}\"")]), [measured]);

    let run = account.run(&["logs", "--output", "json"]);
    let events: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!(events.len(), 5, "nothing is left out: {run}");
    assert_eq!((&events[0]["message"], &events[2]["message"]["level"]), (&"old".into(), &"INFO".into()), "{run}");
    assert!(!run.stdout.contains('\u{1b}'), "{run}");

    let run = account.run(&["logs", "--since", "yesterday"]);
    assert!(run.code == Some(2) && run.stderr.contains("`yesterday` is no time"), "{run}");
    account.write_app("");
    let run = account.run(&["logs", "--access"]);
    assert!(run.code == Some(2) && run.stderr.contains("the trigger is `function-url`"), "{run}");
}

#[test]
fn following_ends_when_nobody_reads() {
    let Some(account) = Account::open() else { return };
    let _ = account.run_script("put_log.py", &[GROUP, "one", "0", "line"]);
    let mut command = account.command(cli_binary());
    let mut program =
        command.args(["logs", "-f"]).arg(account.app()).stdout(Stdio::piped()).spawn().expect("it starts");
    drop(program.stdout.take());
    assert_eq!(program.wait().expect("it ends").code(), Some(0));
}
