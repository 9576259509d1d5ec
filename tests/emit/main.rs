//! `mcp-cloud emit` as a program, and what it emits before the checkers of the platform.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checkers;
mod command;
mod golden;
mod judges;

use std::path::{Path, PathBuf};

use mcp_cloud_tests::workspace_root;

/// The template of the repository itself: the one of `examples/hello`.
fn own_template() -> PathBuf {
    workspace_root().join("template.yaml")
}

/// The directories of `infra`: the example on every target, and behind other gateways.
fn infra() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace_root().join("infra")).unwrap();
    let directories: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert!(!directories.is_empty(), "`infra` has directories");
    directories
}

/// Every SAM template that is committed.
fn templates() -> Vec<PathBuf> {
    let mut templates: Vec<_> =
        golden::apps().into_iter().map(|app| app.join("sam/template.yaml")).filter(|path| path.is_file()).collect();
    assert!(templates.len() > 8, "the golden templates are there");
    templates.push(own_template());
    templates.extend(infra().into_iter().map(|folder| folder.join("template.yaml")).filter(|path| path.is_file()));
    templates.sort();
    templates
}

/// What a template is called: a golden file by its app's name, the others by their directory's.
fn name(template: &Path) -> String {
    let folder = template.parent().unwrap();
    let name = |folder: &Path| folder.file_name().unwrap().to_string_lossy().into_owned();
    if folder.ends_with("sam") { name(folder.parent().unwrap()) } else { format!("template-of-{}", name(folder)) }
}
