//! What `mcp-cloud wait` waits for, and how it ends.

use std::{net::TcpListener, process::Command, time::Duration};

use mcp_cloud_tests::{Profile, Program, Signal, cli_binary, hello_binary};

use crate::account::{Account, Run};

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn wait_ends_with_what_was_waited_for() {
    let Some(account) = Account::open() else { return };
    let run = account.run(&["wait", "--for", "gone"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "nothing was there: {run}");
    let run = account.run(&["wait"]);
    assert_eq!(run.code, Some(1), "nothing would ever come: {run}");
    assert!(run.stderr.contains("error: there is no stack `hello`\nhint: "), "{run}");

    account.run_script("stack.py", &["create", "hello"]);
    let run = account.run(&["wait", "--timeout", "1s"]);
    assert_eq!(run.code, Some(124), "{run}");
    assert!(run.stderr.contains("error: it is not deployed after 1 s\nhint: "), "{run}");
    let run = account.run(&["wait"]);
    assert_eq!(run.code, Some(1), "{run}");
    let reason = "error: the stack `hello` ended in ROLLBACK_COMPLETE: `Never` (AWS::CloudFormation::WaitCondition) ";
    assert!(run.stderr.contains(reason), "whoever comes late is told why, too: {run}");

    let run = account.run(&["wait", "--for", "gone", "--timeout", "1s"]);
    assert_eq!(run.code, Some(124), "{run}");
    account.run_script("stack.py", &["delete", "hello"]);
    let run = account.run(&["wait", "--for", "gone", "--output", "json"]);
    assert_eq!((run.code, &run.json()["reached"]), (Some(0), &"gone".into()), "{run}");
    assert!(account.proxy.take_calls().iter().all(|call| !call.is_write()), "{run}");
}

#[test]
fn wait_for_serving_ends_when_the_server_answers_and_doctor_finds_it_well() {
    let Some(account) = Account::open() else { return };
    let hello = hello_binary(Profile::Dev);
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port();
    let url = format!("http://127.0.0.1:{port}/mcp");
    account.run_script("furnish.py", &["hello", &url]);
    let run = account.run(&["wait", "--for", "serving", "--timeout", "3s"]);
    assert_eq!(run.code, Some(124), "nobody listens: {run}");

    let mut command = account.command(cli_binary());
    let program = Program::start(command.args(["wait", "--for", "serving"]).arg(account.app()));
    let _ = program.stderr_line(LIMIT, |line| line.contains("wait until hello is serving"));
    let _hello = Program::start(Command::new(hello).env_clear().env("PORT", port.to_string()));
    let finished = program.finish(LIMIT);
    assert_eq!((finished.code, finished.stdout.trim_end()), (Some(0), url.as_str()), "{}", finished.stderr);

    let run = account.run(&["doctor", "--url", &url]);
    for line in [
        "  OK   the endpoint answers: ",
        "  OK   it speaks 2026-07-28: ",
        "  OK   it shakes hands with clients of before 2026-07-28: ",
        "  OK   it lists the same tools in both eras: ",
        "  OK   a page of another site is refused: ",
    ] {
        assert!(run.stdout.lines().any(|shown| shown.starts_with(line)), "`{line}` is shown: {run}");
    }
}

#[test]
fn exit_code_tells_which_signal_ended_a_command() {
    let Some(account) = Account::open() else { return };
    account.run_script("stack.py", &["create", "hello"]);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut command = account.command(cli_binary());
        let program = Program::start(command.args(["wait", "--for", "gone"]).arg(account.app()));
        let _ = program.stderr_line(LIMIT, |line| line.contains("wait until hello is gone"));
        program.signal(signal);
        let finished = program.finish(LIMIT);
        let run = Run { code: finished.code, stdout: finished.stdout, stderr: finished.stderr };
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{run}");
    }
}
