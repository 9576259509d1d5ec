//! Shows how far something is that takes a while: redrawn on a terminal, one line after another elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mcp_cloud_deploy::ResourceEvent;

use crate::printer::Printer;

/// Quick enough to look alive.
const TICK: Duration = Duration::from_millis(120);

/// Something that is going on.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    bar: Option<ProgressBar>,
}

impl<'a> Progress<'a> {
    /// Begins to show something; `what` is a phrase without a capital and a period.
    pub(crate) fn start(printer: &'a Printer, what: &str) -> Self {
        if !printer.interactive() {
            printer.talk(what);
            return Self { printer, bar: None };
        }
        let style = ProgressStyle::with_template("{spinner} {prefix}, {elapsed}  {wide_msg:.dim}");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            .with_prefix(what.to_owned());
        bar.enable_steady_tick(TICK);
        Self { printer, bar: Some(bar) }
    }

    /// Shows what happened to a resource: what ended stays, what goes on is replaced by what comes next.
    pub(crate) fn event(&self, event: &ResourceEvent) {
        let line = line(event);
        match &self.bar {
            Some(bar) if event.status.ends_with("_IN_PROGRESS") => bar.set_message(line),
            Some(bar) => bar.suspend(|| self.printer.talk(format_args!("  {line}"))),
            None => self.printer.talk(format_args!("  {line}")),
        }
    }

    /// Says something beside it.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.talk(format_args!("  {text}"))),
            None => self.printer.talk(format_args!("  {text}")),
        }
    }
}

/// On a terminal, nothing stays of it but the lines of what ended.
impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(event: &ResourceEvent) -> String {
    let ResourceEvent { logical_id, resource_type, status, reason, .. } = event;
    let reason = reason.as_ref().filter(|_| status.ends_with("_FAILED")).map(|reason| format!(": {reason}"));
    format!("{status:<20} {logical_id} ({resource_type}){}", reason.unwrap_or_default())
}
