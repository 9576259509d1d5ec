//! `mcp-cloud emit` as a program, and what it emits before the checkers of the platform.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checkers;
mod command;

use std::path::{Path, PathBuf};

use mcp_cloud_tests::workspace_root;

/// The template of the repository itself: the one of `examples/hello`.
fn own_template() -> PathBuf {
    workspace_root().join("template.yaml")
}

/// Every template that is committed.
fn templates() -> Vec<PathBuf> {
    let golden = workspace_root().join("crates/mcp-cloud-app/tests/golden");
    let mut templates: Vec<_> = std::fs::read_dir(golden)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    assert!(templates.len() > 8, "the golden templates are there");
    templates.push(own_template());
    templates.sort();
    templates
}

fn name(template: &Path) -> String {
    template.file_name().unwrap().to_string_lossy().trim_end_matches(".sam.yaml").to_owned()
}
