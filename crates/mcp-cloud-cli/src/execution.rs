//! Shows a plan, asks, and executes exactly that plan.

use std::io::{IsTerminal, stdin};

use mcp_cloud_deploy::{Application, Error, Plan, Step, StepOutcome, apply::Change};
use tokio::sync::oneshot;

use crate::{failure::Failure, printer::Printer, progress::Progress};

/// Whether somebody is asked before something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Ask,
    Given,
}

impl Consent {
    pub(crate) fn from_flag(yes: bool) -> Self {
        if yes { Self::Given } else { Self::Ask }
    }
}

/// The steps as a numbered list.
pub(crate) fn list(plan: &Plan) -> impl Iterator<Item = String> + '_ {
    plan.steps.iter().enumerate().map(|(index, step)| format!("  {}. {step}", index + 1))
}

/// Executes the plan, which has been shown. Asks before the first step that touches something, and again when changes
/// have been computed that nobody has seen yet. Returns the changes that were made to the stack.
pub(crate) async fn execute(
    mut application: Application<'_>,
    plan: &Plan,
    consent: Consent,
    printer: &Printer,
) -> Result<Vec<Change>, Failure> {
    if consent == Consent::Ask && plan.needs_consent() && !stdin().is_terminal() {
        return Err(Failure::new("nobody can be asked whether to go on, because standard input is no terminal")
            .hint("read the plan above, and pass `--yes` to have it executed"));
    }
    let mut agreed = consent == Consent::Given;
    let mut changes = Some(Vec::new());
    let mut touched = false;
    for (index, step) in plan.steps.iter().enumerate() {
        if changes.is_none() && matches!(step, Step::ExecuteChangeSet { .. }) {
            continue;
        }
        if step.needs_consent() && !agreed {
            if !ask(printer).await {
                application.abandon().await.map_err(failed)?;
                return Err(Failure::new(if touched {
                    "stopped half-way"
                } else {
                    "stopped, and nothing was changed"
                }));
            }
            agreed = true;
        }
        touched |= step.needs_consent();
        let progress = Progress::start(printer, &format!("[{}/{}] {step}", index + 1, plan.steps.len()));
        let outcome = application.step(step, &|event| progress.event(event)).await;
        drop(progress);
        match outcome.map_err(failed)? {
            StepOutcome::Done => {}
            StepOutcome::Skipped(reason) => printer.talk(format_args!("  left out: {reason}")),
            StepOutcome::NoChanges => {
                printer.talk("  nothing changes in the stack");
                changes = None;
            }
            StepOutcome::Changes(computed) => {
                for change in &computed {
                    printer.talk(format_args!("  {}", Line(change)));
                }
                changes = Some(computed);
                agreed = consent == Consent::Given;
            }
        }
    }
    Ok(changes.unwrap_or_default())
}

/// Reads on a thread of its own: a read of standard input cannot be taken back, and must not keep the command from
/// ending when it is interrupted.
async fn ask(printer: &Printer) -> bool {
    printer.prompt("go on? [y/N] ");
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = stdin().read_line(&mut line).is_ok();
        // Nobody waits for it any more once the command was interrupted.
        let _ = sender.send(read && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"));
    });
    answer.await.unwrap_or_default()
}

/// A change as one line of a list.
struct Line<'a>(&'a Change);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Change { action, logical_id, resource_type, replacement, properties } = self.0;
        let sign = match action.as_str() {
            "Add" => "+",
            "Remove" => "-",
            "Modify" => "~",
            _ => "?",
        };
        write!(f, "{sign} {action:<6} {logical_id} ({resource_type})")?;
        if !properties.is_empty() {
            write!(f, ": {}", properties.join(", "))?;
        }
        match replacement.as_deref() {
            Some("True") => f.write_str(", replaced by a new one"),
            Some("Conditional") => f.write_str(", perhaps replaced by a new one"),
            _ => Ok(()),
        }
    }
}

/// A failure of the deployment library with its hint.
pub(crate) fn failed(error: Error) -> Failure {
    let hint = error.hint();
    Failure::new(error).perhaps_hint(hint)
}
