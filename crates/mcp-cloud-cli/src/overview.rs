//! What is deployed, as a person reads it.

use anstyle::{AnsiColor, Style};
use mcp_cloud_deploy::{
    mcp::Outcome,
    source::{Source, Worktree},
    status::{KeptRevision, Running, Status, Tasks},
};

use crate::{
    commands::status::{Details, Report},
    shown,
};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
/// As many digits of a hash as Git shows.
const COMMIT_DIGITS: usize = 12;

/// A line for each thing that is known.
pub(crate) fn lines(report: &Report<'_>) -> Vec<String> {
    let Report { stack, account, region, details, .. } = report;
    let Some(Details { status, code_sha256, built_sha256, settings_match }) = details else {
        return vec![format!("{stack} is not deployed in {region}, account {account}")];
    };
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<9} {value}"));
    line("stack", format!("{stack} in {region}, account {account}"));
    let reason = status.reason.as_deref().unwrap_or_default().replace('\n', " ");
    line("status", format!("{} {reason}", status.status).trim_end().to_owned());
    if status.locked {
        line("", "another run of mcp-cloud is changing it, or was ended while it did".to_owned());
    }
    line("url", status.url.clone().unwrap_or_else(|| "none".to_owned()));
    line("health", health(status));
    line("changed", status.changed.clone().unwrap_or_else(|| "unknown".to_owned()));
    line("runs", status.running.as_ref().map_or_else(|| "nothing".to_owned(), running));
    if let Some(tasks) = &status.service {
        line("tasks", self::tasks(tasks));
    }
    line("code", code(code_sha256.as_deref(), built_sha256.as_deref()));
    line("settings", if *settings_match { "as in mcp-cloud.toml" } else { "not as in mcp-cloud.toml" }.to_owned());
    if status.drift.is_empty() {
        line("drift", "none".to_owned());
    }
    if let Some(cost) = status.monthly_usd {
        line("cost", format!("about {cost} USD a month; `mcp-cloud cost` says how that comes about"));
    }
    lines.extend(shown::drift(&status.drift));
    lines.extend(alarms(status));
    lines.extend(revisions(status));
    lines
}

fn health(status: &Status) -> String {
    match status.health.as_ref().map(|question| &question.outcome) {
        None => "not asked".to_owned(),
        Some(Outcome::Passed { .. }) => format!("{GOOD}OK{GOOD:#}   it answers"),
        Some(Outcome::Failed { expected, got }) => format!("{BAD}NG{BAD:#}   expected {expected}, got {got}"),
        Some(Outcome::Skipped { why }) => format!("SKIP {why}"),
    }
}

fn running(running: &Running) -> String {
    let Running { version, shares, since, source, published } = running;
    let mut text = format!("version {version}");
    if !shares.is_empty() {
        let shares: Vec<_> =
            shares.iter().map(|(version, share)| format!("{:.0} % by version {version}", share * 100.0)).collect();
        text.push_str(&format!(", while traffic shifts: {}", shares.join(", ")));
    } else if let Some(published) = published.as_ref().filter(|published| *published != version) {
        text.push_str(&format!(", although the stack published {published} last"));
    }
    if let Some(since) = since {
        text.push_str(&format!(", since {since}"));
    }
    if let Some(source) = source {
        text.push_str(&format!(", {}", commit(source)));
    }
    text
}

fn tasks(tasks: &Tasks) -> String {
    let Tasks { desired, running, pending, rollout, task_definition, .. } = tasks;
    let revision = task_definition.rsplit(':').next().unwrap_or_default();
    let mut text = format!("{running} of {desired} run, of revision {revision}");
    if *pending > 0 {
        text.push_str(&format!(", {pending} start"));
    }
    match rollout.as_deref() {
        Some("IN_PROGRESS") => text.push_str(", while they replace others"),
        Some("FAILED") => text.push_str(", and the last deployment failed"),
        _ => {}
    }
    text
}

fn commit(source: &Source) -> String {
    let Source { commit, branch, worktree, .. } = source;
    let mut text = format!("commit {}", commit.get(..COMMIT_DIGITS).unwrap_or(commit));
    if let Some(branch) = branch {
        text.push_str(&format!(" of {branch}"));
    }
    if *worktree == Worktree::Changed {
        text.push_str(" with changes that are not committed");
    }
    text
}

fn code(deployed: Option<&str>, built: Option<&str>) -> String {
    let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
    match (deployed, built) {
        (None, _) => "none".to_owned(),
        (Some(code), None) => format!("{}, and none was built here", short(code)),
        (Some(code), Some(built)) if code == built => format!("{}, as built here", short(code)),
        (Some(code), Some(built)) => format!("{}, but {} was built here", short(code), short(built)),
    }
}

fn alarms(status: &Status) -> impl Iterator<Item = String> + '_ {
    status.alarms.iter().map(|alarm| {
        let style = match alarm.state.as_str() {
            "OK" => GOOD,
            "ALARM" => BAD,
            _ => Style::new(),
        };
        let since = alarm.since.as_deref().map(|since| format!(" since {since}")).unwrap_or_default();
        format!("alarm     {style}{}{style:#} {}{since}", alarm.state, alarm.name)
    })
}

fn revisions(status: &Status) -> impl Iterator<Item = String> + '_ {
    let runs = status.running.as_ref().map(|running| running.version.as_str());
    status.revisions.iter().enumerate().map(move |(index, KeptRevision { version, code, deployed, source })| {
        let name = if index == 0 { "revisions" } else { "" };
        let sign = if runs == Some(version.to_string().as_str()) { "*" } else { " " };
        let deployed = deployed.as_deref().unwrap_or("unknown");
        let source = source.as_ref().map(|source| format!(", {}", commit(source))).unwrap_or_default();
        format!("{name:<9} {sign} {version:>4}  {deployed}  code {code}{source}")
    })
}
