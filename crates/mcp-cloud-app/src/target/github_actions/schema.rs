//! The part of a GitHub workflow that is emitted, as types; fields are in the order in which they are printed.
//!
//! It is described at
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Workflow {
    pub(super) name: String,
    pub(super) on: Triggers,
    pub(super) permissions: Permissions,
    pub(super) concurrency: Concurrency,
    pub(super) defaults: Defaults,
    pub(super) jobs: Jobs,
}

#[derive(Debug, Serialize)]
pub(super) struct Triggers {
    pub(super) push: Branches,
    pub(super) pull_request: Branches,
}

#[derive(Debug, Serialize)]
pub(super) struct Branches {
    pub(super) branches: [String; 1],
}

/// What the token of the workflow may do: nothing but what is named.
pub(super) type Permissions = BTreeMap<&'static str, &'static str>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Concurrency {
    pub(super) group: String,
    pub(super) cancel_in_progress: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Defaults {
    pub(super) run: Run,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Run {
    /// With `pipefail`, unlike the shell that runs where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shell: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) working_directory: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Jobs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) test: Option<Job>,
    pub(super) emitted: Job,
    pub(super) deploy: Job,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Job {
    pub(super) name: &'static str,
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) needs: Vec<&'static str>,
    pub(super) runs_on: &'static str,
    pub(super) timeout_minutes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<String>,
    pub(super) permissions: Permissions,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) defaults: Option<Defaults>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Step {
    pub(super) name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uses: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) with: BTreeMap<&'static str, With>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) env: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum With {
    Switch(bool),
    Text(String),
}
