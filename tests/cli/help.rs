//! What the command line says about itself, and about arguments that make no sense.

use mcp_cloud_emulator::Trigger;

use crate::package::{finish, mcp_cloud};

const COMMANDS: [&str; 14] = [
    "init",
    "check",
    "dev",
    "emit",
    "deploy",
    "rollback",
    "status",
    "destroy",
    "invoke",
    "client",
    "doctor",
    "wait",
    "completions",
    "man",
];

#[test]
fn help_is_data_and_names_every_command() {
    let help = finish(&mut mcp_cloud(&["--help"]));
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for command in COMMANDS {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "`{command}` is missing in:\n{}", help.stdout);
    }
}

#[test]
fn help_of_dev_names_every_trigger_and_option() {
    let help = finish(&mut mcp_cloud(&["dev", "--help"]));
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    let triggers = Trigger::ALL.map(Trigger::name);
    for word in triggers.into_iter().chain([
        "--trigger",
        "--concurrency",
        "--port",
        "--package",
        "--bin",
        "--release",
        "--output",
    ]) {
        assert!(help.stdout.contains(word), "`{word}` is missing in:\n{}", help.stdout);
    }
}

#[test]
fn help_of_every_command_starts_with_a_sentence() {
    for command in COMMANDS {
        let help = finish(&mut mcp_cloud(&[command, "--help"]));
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "`{command} --help`");
        let first = help.stdout.lines().next().unwrap_or_default();
        assert!(first.contains(' ') && !first.starts_with("Usage"), "`{command} --help` starts with `{first}`");
    }
}

#[test]
fn version_is_the_packages() {
    let version = finish(&mut mcp_cloud(&["--version"]));
    let expected = format!("mcp-cloud {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.code, version.stdout.as_str(), version.stderr.as_str()), (Some(0), expected.as_str(), ""));
}

#[test]
fn no_command_is_a_usage_error_on_standard_error() {
    let nothing = finish(&mut mcp_cloud(&[]));
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(2), ""));
    assert!(nothing.stderr.contains("Usage: mcp-cloud"), "{}", nothing.stderr);
}

/// Whoever asks for them takes 2 for changes that are to be made.
#[test]
fn detailed_exit_codes_keep_two_for_changes() {
    let refused = finish(&mut mcp_cloud(&["deploy", "--dry-run", "--detailed-exitcode", "--no-such-option"]));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    let refused = finish(&mut mcp_cloud(&["deploy", "--dry-run", "--no-such-option"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

/// `mcp-cloud check | head -1` and the like.
#[test]
fn closed_pipe_is_no_error() {
    for arguments in [&["--help"][..], &["completions", "bash"], &["man"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let run = mcp_cloud(arguments).stdout(writer).output().expect("it starts");
        assert_eq!((run.status.code(), run.stderr.as_slice()), (Some(0), &[][..]), "{arguments:?}");
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let run = |name: &str, value: &str| finish(mcp_cloud(&["status"]).arg(folder.path()).env(name, value)).stderr;
    assert!(run("CLICOLOR_FORCE", "1").starts_with('\u{1b}'), "the test would see colours");
    for (name, value) in [("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb")] {
        let stderr = run(name, value);
        assert!(stderr.starts_with("error: there is no `") && !stderr.contains('\u{1b}'), "{name}: {stderr:?}");
    }
}

#[test]
fn unknown_trigger_is_refused_with_the_list_and_the_nearest() {
    let refused = finish(&mut mcp_cloud(&["dev", "--trigger", "function-ur1"]));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.starts_with("error: invalid value 'function-ur1' for '--trigger <NAME>'"),
        "{}",
        refused.stderr
    );
    for trigger in Trigger::ALL {
        assert!(refused.stderr.contains(trigger.name()), "`{trigger}` is missing in:\n{}", refused.stderr);
    }
    assert!(refused.stderr.contains("similar value exists: 'function-url'"), "{}", refused.stderr);
}

#[test]
fn concurrency_is_refused_where_there_is_no_function() {
    for trigger in Trigger::ALL.into_iter().filter(|trigger| !trigger.is_lambda()) {
        let refused = finish(&mut mcp_cloud(&["dev", "--concurrency", "2", "--trigger", trigger.name()]));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{trigger}");
        let error =
            format!("error: `--concurrency` is for functions on Lambda, and behind `{trigger}` there is none\n");
        assert!(refused.stderr.starts_with(&format!("{error}hint: ")), "{}", refused.stderr);
    }
}

#[test]
fn concurrency_is_at_least_one_and_what_aws_takes() {
    for wrong in ["0", "1601"] {
        let refused = finish(&mut mcp_cloud(&["dev", "--concurrency", wrong]));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
        assert!(refused.stderr.contains("is not in 1..=1600"), "{}", refused.stderr);
    }
}

#[test]
fn port_out_of_range_is_refused() {
    let refused = finish(&mut mcp_cloud(&["dev", "--port", "65536"]));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(refused.stderr.contains("65536 is not in 0..=65535"), "{}", refused.stderr);
}
