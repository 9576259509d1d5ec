mod edits;
mod golden;
mod held_against;
mod random;
mod schemas;

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{Blueprint, Changes};

/// The folder of the golden files of every app.
fn golden() -> PathBuf {
    mcp_cloud_tests::workspace_root().join("tests/golden")
}

fn golden_template(path: &str) -> String {
    fs::read_to_string(golden().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn between(before: Option<&str>, after: Option<&str>) -> Changes {
    let none = BTreeMap::new();
    let blueprint = |template| Blueprint { template, parameters: &none, tags: &none };
    Changes::between(before.map(blueprint), after.map(blueprint))
}
