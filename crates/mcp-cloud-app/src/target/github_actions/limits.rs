//! What GitHub, and what is deployed by the workflow, take.

use crate::{
    app::{App, Build, PipelineTarget},
    diagnostic::{Diagnostic, Severity},
};

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let pipeline = &app.github_actions;
    let target = pipeline.target.as_str();
    let on_aws = matches!(pipeline.target, PipelineTarget::Sam | PipelineTarget::Ecs);
    let mut report = |severity, key: &str, message: String, hint: &str| {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        found.push(Diagnostic { hint, ..app.diagnostic(severity, key, message) });
    };
    if let Build::Image(_) = &app.build
        && matches!(pipeline.target, PipelineTarget::Sam | PipelineTarget::AzureFunctions)
    {
        let message = format!("target is `{target}`, which takes a program, but there is an image");
        report(Severity::Error, "github-actions.target", message, "deploy images with `ecs` or `cloud-run`");
    }
    if let (Some(role), Some(account)) = (&pipeline.role, &app.aws.account)
        && role.split(':').nth(4) != Some(account.as_str())
    {
        let other = role.split(':').nth(4).unwrap_or_default();
        let message = format!("role is of the account {other}, but `aws.account` is {account}");
        report(Severity::Error, "github-actions.role", message, "");
    }
    if pipeline.role.is_some() && !on_aws {
        let message = format!("role says nothing while target is `{target}`; it is one of AWS");
        report(Severity::Warning, "github-actions.role", message, "");
    }
    if !is_branch(&pipeline.branch) {
        let message = format!("branch is `{}`, a name that git refuses", pipeline.branch);
        let hint = "see https://git-scm.com/docs/git-check-ref-format";
        report(Severity::Error, "github-actions.branch", message, hint);
    }
    found
}

/// Whether git takes a name that has the form of a branch already
/// (<https://git-scm.com/docs/git-check-ref-format>).
fn is_branch(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.split('/').all(is_part) && !name.contains("..") && !name.ends_with('.') && name != "HEAD"
}
