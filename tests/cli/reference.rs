//! `docs/command-line.md` says what `--help` says. `SNAPSHOTS=overwrite` makes its second half anew.

use std::{fmt::Write as _, fs};

use mcp_cloud_tests::workspace_root;

use crate::package::{finish, mcp_cloud};

/// What stands below it is made of `--help`.
const MARK: &str = "<!-- Below here made of `--help`; do not edit. To make it anew:
     SNAPSHOTS=overwrite cargo test -p mcp-cloud-tests --test cli -- reference -->\n";

#[test]
fn reference_of_the_command_line_is_what_help_says() {
    let path = workspace_root().join("docs/command-line.md");
    let committed = fs::read_to_string(&path).expect("the page is there");
    let (by_hand, _) = committed.split_once(MARK).expect("the page has the mark");
    let mut made = format!("{by_hand}{MARK}\n## Every option\n");
    for command in commands() {
        let help = finish(&mut mcp_cloud(&[&command, "--help"]));
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{command}");
        let text: Vec<_> = help.stdout.lines().map(str::trim_end).collect();
        let _ = write!(made, "\n### mcp-cloud {command}\n\n```text\n{}\n```\n", text.join("\n").trim_end());
        assert!(
            by_hand.contains(&format!("mcp-cloud {command}")),
            "docs/command-line.md shows by example what `{command}` is for"
        );
    }
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(&path, &made).expect("the page is written");
        return;
    }
    assert!(
        committed == made,
        "docs/command-line.md is stale: run with `SNAPSHOTS=overwrite` and look at the difference"
    );
}

#[test]
fn every_exit_code_is_in_the_table() {
    let source = fs::read_to_string(workspace_root().join("crates/mcp-cloud-cli/src/failure.rs")).expect("it is there");
    let page = fs::read_to_string(workspace_root().join("docs/command-line.md")).expect("the page is there");
    let codes: Vec<_> = source.lines().filter_map(|line| line.split_once(": u8 = ")).map(|(_, code)| code).collect();
    assert!(codes.len() > 5, "the codes are found: {codes:?}");
    for code in codes {
        let code = code.trim_end_matches(';');
        assert!(page.contains(&format!("\n| {code} | ")), "exit code {code} is in no table");
    }
}

/// The commands that `--help` lists, in its order.
fn commands() -> Vec<String> {
    let help = finish(&mut mcp_cloud(&["--help"]));
    let commands = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("    "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}
