//! Whether `mcp-cloud.toml` says what a deployment needs.

use mcp_cloud_app::{App, Diagnostic, LoadError, Severity, Target};

use super::{Finding, Group};

const QUESTION: &str = "`mcp-cloud.toml`";

/// Holds the app against the limits of where it is to run.
pub(super) fn findings(app: &App, target: Target) -> Vec<Finding> {
    let diagnostics: Vec<_> = app.warnings.iter().cloned().chain(target.check(app)).collect();
    let errors: Vec<_> = diagnostics.iter().filter(|found| found.severity == Severity::Error).map(wrong).collect();
    if !errors.is_empty() {
        return errors;
    }
    let environment = app.environment_name.as_ref().map(|name| format!(", environment `{name}`")).unwrap_or_default();
    let warnings = match diagnostics.len() {
        0 => String::new(),
        1 => ", and something in it is odd: see `mcp-cloud check`".to_owned(),
        several => format!(", and {several} things in it are odd: see `mcp-cloud check`"),
    };
    vec![Group::File.ask(QUESTION).ok(format!("`{}` can be deployed{environment}{warnings}", app.name))]
}

/// Tells why there is no app.
pub(super) fn unusable(error: &LoadError) -> Vec<Finding> {
    match error {
        LoadError::Invalid { diagnostics } => {
            diagnostics.iter().filter(|found| found.severity == Severity::Error).map(wrong).collect()
        }
        error => vec![Group::File.ask(QUESTION).ng(super::chain(error), error.hint())],
    }
}

fn wrong(diagnostic: &Diagnostic) -> Finding {
    Group::File.ask(QUESTION).ng(diagnostic.to_string(), diagnostic.hint.clone())
}
