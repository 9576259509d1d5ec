//! Loads the app a command is about, and says what is wrong or odd about it.

use std::path::Path;

use mcp_cloud_app::{App, Diagnostic, LoadError, Severity, Target};

use crate::{failure::Failure, printer::Printer};

/// Loads the app of a directory and holds it against the limits of a target. Warnings are printed, and so are errors
/// but for the last, which is the failure.
pub(crate) fn load(directory: &Path, target: Target, printer: &Printer) -> Result<App, Failure> {
    load_and_check(directory, |app| target.check(app), printer)
}

/// Loads the app of a directory for a command that concerns no target.
pub(crate) fn load_untargeted(directory: &Path, printer: &Printer) -> Result<App, Failure> {
    load_and_check(directory, |_| Vec::new(), printer)
}

fn load_and_check(
    directory: &Path,
    check: impl FnOnce(&App) -> Vec<Diagnostic>,
    printer: &Printer,
) -> Result<App, Failure> {
    match App::load(directory) {
        Ok(app) => {
            let mut diagnostics = app.warnings.clone();
            diagnostics.extend(check(&app));
            diagnostics.sort_by_key(|diagnostic| diagnostic.position);
            report(diagnostics, printer).map_or(Ok(app), Err)
        }
        Err(LoadError::Invalid { diagnostics }) => Err(report(diagnostics, printer)
            .unwrap_or_else(|| Failure::new("the server's file cannot be used").exit_code(Failure::USAGE))),
        Err(error) => {
            let hint = error.hint();
            let failure = Failure::new(error).exit_code(Failure::USAGE);
            Err(match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}

fn report(diagnostics: Vec<Diagnostic>, printer: &Printer) -> Option<Failure> {
    let mut last: Option<Failure> = None;
    for diagnostic in diagnostics {
        if diagnostic.severity == Severity::Warning {
            printer.warning(&diagnostic);
            if let Some(hint) = &diagnostic.hint {
                printer.hint(hint);
            }
            continue;
        }
        let failure = Failure::new(diagnostic.to_string()).exit_code(Failure::USAGE);
        let failure = match diagnostic.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        };
        if let Some(earlier) = last.replace(failure) {
            printer.failure(&earlier);
        }
    }
    last
}
