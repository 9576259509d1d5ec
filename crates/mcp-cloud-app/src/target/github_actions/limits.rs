//! What GitHub, and what is deployed by the workflow, take.

use crate::{
    app::{App, Build, PipelineTarget},
    diagnostic::Diagnostic,
    target::findings::Findings,
};

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Findings::new(app);
    let pipeline = &app.github_actions;
    let target = pipeline.target.as_str();
    let on_aws = matches!(pipeline.target, PipelineTarget::Sam | PipelineTarget::Ecs);
    if let Build::Image(_) = &app.build
        && matches!(pipeline.target, PipelineTarget::Sam | PipelineTarget::AzureFunctions)
    {
        let message = format!("target is `{target}`, which takes a program, but there is an image");
        found.error("github-actions.target", message, "deploy images with `ecs` or `cloud-run`");
    }
    if let (Some(role), Some(account)) = (&pipeline.role, &app.aws.account)
        && role.split(':').nth(4) != Some(account.as_str())
    {
        let other = role.split(':').nth(4).unwrap_or_default();
        let message = format!("role is of the account {other}, but `aws.account` is {account}");
        found.error("github-actions.role", message, "");
    }
    if pipeline.role.is_some() && !on_aws {
        let message = format!("role says nothing while target is `{target}`; it is one of AWS");
        found.warning("github-actions.role", message, "");
    }
    if !is_branch(&pipeline.branch) {
        let message = format!("branch is `{}`, a name that git refuses", pipeline.branch);
        let hint = "see https://git-scm.com/docs/git-check-ref-format";
        found.error("github-actions.branch", message, hint);
    }
    found.found
}

/// Whether git takes a name that has the form of a branch already
/// (<https://git-scm.com/docs/git-check-ref-format>).
fn is_branch(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.split('/').all(is_part) && !name.contains("..") && !name.ends_with('.') && name != "HEAD"
}
