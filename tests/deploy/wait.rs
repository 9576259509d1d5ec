//! What `mcp-cloud wait` waits for, and how it ends.

use std::time::Duration;

use mcp_cloud_tests::{Program, Signal, cli_binary};

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
