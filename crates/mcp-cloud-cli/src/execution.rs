//! Shows a plan, asks, and has exactly that plan executed.

use std::{
    future::Future,
    io::{IsTerminal, stdin},
    pin::Pin,
    sync::Mutex,
    time::Duration,
};

use mcp_cloud_deploy::{
    Application, Error, Plan, ResourceEvent, Step, StepOutcome,
    apply::{Applied, Change, Reporter},
    logs::LogEvent,
    mcp::{Outcome, Question},
};
use tokio::{sync::oneshot, time::timeout};

use crate::{failure::Failure, interrupt::Interrupt, log_line, printer::Printer, progress::Progress, remote};

/// How long a command that was interrupted may take to let the next one begin.
const LET_GO: Duration = Duration::from_secs(4);

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

/// What happens when CloudFormation would do what the plan did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// Somebody is asked, if there is somebody.
    Ask,
    /// It is done.
    Accepted,
    /// It is not done.
    Refused,
}

impl Beyond {
    /// Whoever agrees to everything beforehand agrees to what is shown, unless they say more.
    pub(crate) fn of(consent: Consent, accepted: bool) -> Self {
        match (consent, accepted) {
            (_, true) => Self::Accepted,
            (Consent::Given, false) => Self::Refused,
            (Consent::Ask, false) => Self::Ask,
        }
    }
}

/// The steps as a numbered list.
pub(crate) fn list(plan: &Plan) -> impl Iterator<Item = String> + '_ {
    plan.steps.iter().enumerate().map(|(index, step)| format!("  {}. {step}", index + 1))
}

/// Asks whether the plan, which has been shown, is to be executed; `name` is what has to be typed where `y` is too
/// quick.
pub(crate) async fn consent(
    plan: &Plan,
    consent: Consent,
    name: Option<&str>,
    printer: &Printer,
) -> Result<(), Failure> {
    if consent == Consent::Given || !plan.needs_consent() {
        return Ok(());
    }
    if !stdin().is_terminal() {
        return Err(Failure::new("nobody can be asked whether to go on, because standard input is no terminal")
            .hint("read the plan above, and pass `--yes` to have it executed")
            .exit_code(Failure::NO_CONSENT));
    }
    let agreed = match name {
        Some(name) => read_line(printer, &format!("type `{name}` to go on: ")).await.is_some_and(|line| line == name),
        None => ask(printer).await,
    };
    if agreed {
        return Ok(());
    }
    Err(Failure::new("stopped, and nothing was changed").exit_code(Failure::NO_CONSENT))
}

/// Executes the plan, which somebody has agreed to. A signal ends the waiting, and lets the next run begin.
pub(crate) async fn execute(
    mut application: Application<'_>,
    plan: &Plan,
    beyond: Beyond,
    interrupt: &mut Interrupt,
    printer: &Printer,
) -> Result<Applied, Failure> {
    let teller = Teller { printer, beyond, progress: Mutex::new(None) };
    let outcome = tokio::select! {
        outcome = application.run(plan, &teller) => Some(outcome),
        () = interrupt.wait() => None,
    };
    teller.finish();
    match outcome {
        Some(outcome) => outcome.map_err(failed),
        None => {
            // What cannot be taken back now, the next run takes back.
            let _ = timeout(LET_GO, application.let_go()).await;
            Err(remote::interrupted())
        }
    }
}

/// Tells whoever started the command what happens.
struct Teller<'a> {
    printer: &'a Printer,
    beyond: Beyond,
    progress: Mutex<Option<Progress<'a>>>,
}

impl<'a> Teller<'a> {
    fn show(&self, progress: Option<Progress<'a>>) {
        if let Ok(mut shown) = self.progress.lock() {
            // The one before is cleared away first.
            drop(shown.take());
            *shown = progress;
        }
    }

    fn finish(&self) {
        self.show(None);
    }

    fn with_progress(&self, tell: impl FnOnce(&Progress<'a>)) -> bool {
        match self.progress.lock() {
            Ok(shown) => shown.as_ref().map(tell).is_some(),
            Err(_) => false,
        }
    }
}

impl Reporter for Teller<'_> {
    fn begin(&self, number: usize, of: usize, step: &Step) {
        self.finish();
        self.show(Some(Progress::start(self.printer, &format!("[{number}/{of}] {step}"))));
    }

    fn resource(&self, event: &ResourceEvent) {
        self.with_progress(|progress| progress.event(event));
    }

    fn question(&self, question: &Question) {
        let sign = match question.outcome {
            Outcome::Passed { .. } => "OK",
            Outcome::Failed { .. } => "NG",
            Outcome::Skipped { .. } => "SKIP",
        };
        self.with_progress(|progress| progress.note(&format!("{sign:<4} {question}")));
    }

    fn log(&self, event: &LogEvent) {
        if let Some(line) = log_line::line(event) {
            self.note(&line);
        }
    }

    fn note(&self, text: &str) {
        if !self.with_progress(|progress| progress.note(text)) {
            self.printer.talk(text);
        }
    }

    fn end(&self, outcome: Option<&StepOutcome>) {
        self.finish();
        match outcome {
            None | Some(StepOutcome::Done) => {}
            Some(StepOutcome::Skipped(reason)) => self.printer.talk(format_args!("  left out: {reason}")),
            Some(StepOutcome::NoChanges) => self.printer.talk("  nothing changes in the stack"),
            Some(StepOutcome::Changes(changes)) => {
                for change in changes {
                    self.printer.talk(format_args!("  {}", Line(change)));
                }
            }
        }
    }

    fn agree<'a>(&'a self, beyond: &'a [String]) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move {
            match self.beyond {
                Beyond::Accepted => return true,
                Beyond::Refused => return false,
                Beyond::Ask if !stdin().is_terminal() => return false,
                Beyond::Ask => {}
            }
            self.finish();
            self.printer.warning("CloudFormation would do more than the plan says:");
            for line in beyond {
                self.printer.talk(format_args!("  {line}"));
            }
            ask(self.printer).await
        })
    }
}

async fn ask(printer: &Printer) -> bool {
    let answer = read_line(printer, "go on? [y/N] ").await.unwrap_or_default();
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Asks whether to go on with what was just said, unless consent was given with the command.
pub(crate) async fn agree(consent: Consent, printer: &Printer) -> Result<(), Failure> {
    if consent == Consent::Given {
        return Ok(());
    }
    if !stdin().is_terminal() {
        return Err(Failure::new("nobody can be asked whether to go on, because standard input is no terminal")
            .hint("pass `--yes` to have it done")
            .exit_code(Failure::NO_CONSENT));
    }
    if ask(printer).await {
        return Ok(());
    }
    Err(Failure::new("stopped, and nothing was changed").exit_code(Failure::NO_CONSENT))
}

/// Reads on a thread of its own: a read of standard input cannot be taken back, and must not keep the command from
/// ending when it is interrupted.
async fn read_line(printer: &Printer, question: &str) -> Option<String> {
    printer.prompt(question);
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = stdin().read_line(&mut line).is_ok();
        // Nobody waits for it any more once the command was interrupted.
        let _ = sender.send(read.then(|| line.trim().to_owned()));
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
