//! What a target has to say about an app, as its `limits` find it.

use crate::{
    app::App,
    diagnostic::{Diagnostic, Severity},
};

/// An app, and what has been found about it so far.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) app: &'a App,
    pub(super) found: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(app: &'a App) -> Self {
        Self { app, found: Vec::new() }
    }

    /// Reports what the platform would refuse, or what is not safe; an empty hint is none.
    pub(super) fn error(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.report(Severity::Error, key, message.into(), hint.into());
    }

    /// Reports what is worth knowing; an empty hint is none.
    pub(super) fn warning(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.report(Severity::Warning, key, message.into(), hint.into());
    }

    fn report(&mut self, severity: Severity, key: &str, message: String, hint: String) {
        let hint = (!hint.is_empty()).then_some(hint);
        self.found.push(Diagnostic { hint, ..self.app.diagnostic(severity, key, message) });
    }

    /// The key that says something: the target's own, or the one it completes.
    pub(super) fn said<'k>(&self, own: &'k str, common: &'k str) -> &'k str {
        if self.app.says(own) || !self.app.says(common) { own } else { common }
    }
}
