//! Loads the app a command is about, and says what is wrong or odd about it.

use std::path::{Path, PathBuf};

use mcp_cloud_app::{App, Diagnostic, LoadError, Severity, Target};

use crate::{failure::Failure, printer::Printer};

/// Which server a command is about.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// Directory of the server
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
    /// Environment: what stands under `[env.NAME]` in mcp-cloud.toml takes the place of the rest
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) environment: Option<String>,
}

impl Source {
    /// Loads the app, and holds it against the limits of targets. Warnings are printed, and so are errors but for the
    /// last, which is the failure. A command that concerns no target names none.
    pub(crate) fn load(&self, targets: &[Target], printer: &Printer) -> Result<App, Failure> {
        self.checked(printer, |app| targets.iter().flat_map(|target| target.check(app)).collect())
    }

    /// The same for a command that deploys to a target by itself, without the files that are emitted for it.
    pub(crate) fn load_to_deploy(&self, target: Target, printer: &Printer) -> Result<App, Failure> {
        self.checked(printer, |app| target.check_to_deploy(app))
    }

    fn checked(&self, printer: &Printer, check: impl Fn(&App) -> Vec<Diagnostic>) -> Result<App, Failure> {
        let app = match self.read() {
            Ok(app) => app,
            Err(error) => return Err(unusable(error, printer)),
        };
        let mut diagnostics = app.warnings.clone();
        diagnostics.extend(check(&app));
        diagnostics.sort_by_key(|diagnostic| diagnostic.position);
        diagnostics.dedup();
        report(diagnostics, printer).map_or(Ok(app), Err)
    }

    /// Loads the app and nothing else.
    pub(crate) fn read(&self) -> Result<App, LoadError> {
        match &self.environment {
            Some(environment) => App::load_environment(&self.directory, environment),
            None => App::load(&self.directory),
        }
    }
}

/// Loads the app of a directory for a command that concerns no target and no environment.
pub(crate) fn load(directory: &Path, printer: &Printer) -> Result<App, Failure> {
    Source { directory: directory.to_owned(), environment: None }.load(&[], printer)
}

/// The failure of a command that builds a server itself, about one that is no cargo package.
pub(crate) fn not_cargo(command: &str) -> Failure {
    Failure::new(format!("`mcp-cloud {command}` builds cargo packages, and this server is none"))
        .hint("`mcp-cloud emit` writes files that the target's own tools deploy it with")
        .exit_code(Failure::USAGE)
}

/// Turns what is wrong with a file into the failure of a command; all but the last error is printed.
pub(crate) fn unusable(error: LoadError, printer: &Printer) -> Failure {
    match error {
        LoadError::Invalid { diagnostics } => report(diagnostics, printer)
            .unwrap_or_else(|| Failure::new("the server's file cannot be used").exit_code(Failure::USAGE)),
        error => {
            let hint = error.hint();
            Failure::new(error).exit_code(Failure::USAGE).perhaps_hint(hint)
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
        let failure = Failure::new(diagnostic.to_string()).exit_code(Failure::USAGE).perhaps_hint(diagnostic.hint);
        if let Some(earlier) = last.replace(failure) {
            printer.failure(&earlier);
        }
    }
    last
}
