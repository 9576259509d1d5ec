//! STUB

use super::{Bundle, Code};
use crate::{app::App, diagnostic::Diagnostic};

/// Holds an app against the target's limits.
#[must_use]
pub fn check(_app: &App) -> Vec<Diagnostic> {
    Vec::new()
}

/// Lowers an app to the target's files.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    super::container::files(&mut bundle, app, code);
    bundle
}
