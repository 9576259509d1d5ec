//! `mcp-cloud emit` as a program, and what it emits before the checkers of the platform.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checkers;
mod command;
mod judges;

use std::path::{Path, PathBuf};

use mcp_cloud_tests::workspace_root;

/// The template of the repository itself: the one of `examples/hello`.
fn own_template() -> PathBuf {
    workspace_root().join("template.yaml")
}

/// The directories of `infra`: the example behind other gateways.
fn infra() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace_root().join("infra")).unwrap();
    let directories: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert!(!directories.is_empty(), "`infra` has directories");
    directories
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
    templates.extend(infra().into_iter().map(|directory| directory.join("template.yaml")));
    templates.sort();
    templates
}

/// What a template is called: a golden file by its own name, the others by their directory's.
fn name(template: &Path) -> String {
    let file = template.file_name().unwrap().to_string_lossy();
    match file.strip_suffix(".sam.yaml") {
        Some(golden) => golden.to_owned(),
        None => format!("template-of-{}", template.parent().unwrap().file_name().unwrap().to_string_lossy()),
    }
}
