//! Completion scripts and manual pages, as a shell and `man` take them.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use mcp_cloud_tests::{python, require_tool, workspace_root};
use tempfile::TempDir;

use crate::package::{finish, mcp_cloud};

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

#[test]
fn completions_of_every_shell_name_every_command() {
    for shell in SHELLS {
        let script = finish(&mut mcp_cloud(&["completions", shell]));
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in ["init", "check", "dev", "emit", "deploy", "status", "destroy", "doctor", "wait", "man"] {
            assert!(script.stdout.contains(command), "`{command}` is missing for {shell}");
        }
    }
}

#[test]
fn shells_that_are_here_accept_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let Some(shell_program) = program(shell) else { continue };
        let script = completions(shell);
        let checked = Command::new(shell_program).arg("-n").arg(script.path().join("script")).output();
        let checked = checked.expect("the shell starts");
        assert!(checked.status.success() && checked.stderr.is_empty(), "{shell}: {checked:?}");
    }
}

#[test]
fn tab_completes_a_command_and_an_option_in_bash() {
    let (Some(_), Some(python)) = (program("bash"), python()) else { return };
    let script = completions("bash");
    for (line, completed) in [
        ("mcp-cloud dep", "mcp-cloud deploy"),
        ("mcp-cloud deploy --dr", "mcp-cloud deploy --dry-run"),
        ("mcp-cloud wait --for ser", "mcp-cloud wait --for serving"),
    ] {
        let typed = Command::new(&python)
            .arg(workspace_root().join("tests/cli/complete.py"))
            .arg(script.path().join("script"))
            .arg(line)
            .stdin(Stdio::null())
            .output()
            .expect("Python starts");
        assert_eq!(String::from_utf8_lossy(&typed.stdout).trim(), completed, "{typed:?}");
    }
}

#[test]
fn manual_pages_of_all_commands_are_written_and_formatted_without_a_warning() {
    let folder = TempDir::new().expect("a folder can be made");
    let pages = folder.path().join("man1");
    let written = finish(mcp_cloud(&["man", "--into"]).arg(&pages));
    assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""));
    let names: Vec<_> = written.stdout.lines().map(|line| line.rsplit('/').next().unwrap_or_default()).collect();
    for name in ["mcp-cloud.1", "mcp-cloud-deploy.1", "mcp-cloud-doctor.1", "mcp-cloud-wait.1"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    let groff = require_tool("groff", program("groff"));
    for path in written.stdout.lines() {
        assert!(fs::read_to_string(path).expect("it is there").starts_with(".ie "), "{path}");
        let Some(groff) = &groff else { continue };
        // Warnings about everything but the widths of this machine's terminal.
        let formatted = Command::new(groff).args(["-man", "-Tutf8", "-z", "-ww", "-rLL=200n"]).arg(path).output();
        let Output { status, stderr, .. } = formatted.expect("groff starts");
        assert!(status.success() && stderr.is_empty(), "{path}: {}", String::from_utf8_lossy(&stderr));
    }
}

#[test]
fn one_manual_page_goes_to_standard_output() {
    let page = finish(&mut mcp_cloud(&["man", "deploy"]));
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.contains(".TH mcp-cloud-deploy 1"), "{}", page.stdout);
    let unknown = finish(&mut mcp_cloud(&["man", "deplox"]));
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(unknown.stderr.starts_with("error: there is no command `deplox`\nhint: "), "{}", unknown.stderr);
}

fn completions(shell: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder can be made");
    let script = finish(&mut mcp_cloud(&["completions", shell]));
    fs::write(folder.path().join("script"), script.stdout).expect("the script is written");
    folder
}

/// A program of this machine.
fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
