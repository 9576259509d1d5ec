//! What the crate promises, tried from outside: files become apps or diagnostics, apps become files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod azure_functions;
mod cloud_run;
mod compose;
mod container;
mod cost;
mod diagnostics;
mod ecs;
mod environments;
mod github_actions;
mod golden;
mod init;
mod properties;
mod refusals;
mod sam;
mod schema;

use std::{fs, path::Path};

use mcp_cloud_app::{App, LoadError};
use tempfile::TempDir;

/// A directory with a cargo package called `server`, and `mcp-cloud.toml`.
fn directory(manifest: impl AsRef<[u8]>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, contents: &[u8]| fs::write(directory.path().join(path), contents).unwrap();
    fs::create_dir(directory.path().join("src")).unwrap();
    write("Cargo.toml", b"[package]\nname = \"server\"\n");
    write("src/main.rs", b"fn main() {}\n");
    write("mcp-cloud.toml", manifest.as_ref());
    directory
}

fn load(manifest: impl AsRef<[u8]>) -> Result<App, LoadError> {
    App::load(directory(manifest).path())
}

/// What is wrong with a manifest: each finding as a person sees it, without the directory.
fn findings(manifest: impl AsRef<[u8]>) -> Vec<String> {
    let directory = directory(manifest);
    let diagnostics = match App::load(directory.path()) {
        Ok(app) => {
            let mut diagnostics = app.warnings.clone();
            diagnostics.extend(mcp_cloud_app::Target::Sam.check(&app));
            diagnostics
        }
        Err(LoadError::Invalid { diagnostics }) => diagnostics,
        Err(error) => panic!("{error}"),
    };
    let prefix = format!("{}/", directory.path().display());
    diagnostics.iter().map(|diagnostic| diagnostic.to_string().replace(&prefix, "")).collect()
}

fn golden_directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden"))
}
