//! `mcp-cloud check`: says for each target what will not work, and what to do about it.

use std::cmp::Reverse;

use mcp_cloud_app::{App, Diagnostic, LoadError, Severity, Target};
use serde::Serialize;

use crate::{
    app::{self, Source},
    commands::emit::{self, Targets},
    failure::Failure,
    printer::Printer,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// What to check for; errors fail the command. Without it every target is looked at, and only a file that can be used
    /// for none fails
    #[arg(long, value_name = "NAME", value_parser = emit::targets(), value_delimiter = ',')]
    target: Vec<Targets>,
}

/// What was found for one target in one environment.
#[derive(Debug, Serialize)]
struct Verdict {
    target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    /// Whether it can be deployed.
    works: bool,
    diagnostics: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    severity: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    shown: String,
    /// Whether it is said about the file, whatever the target.
    #[serde(skip)]
    common: bool,
}

impl Finding {
    fn new(diagnostic: Diagnostic, common: bool) -> Self {
        let shown = diagnostic.to_string();
        Self {
            severity: if diagnostic.severity == Severity::Error { "error" } else { "warning" },
            path: diagnostic.path.display().to_string(),
            line: diagnostic.position.map(|position| position.line),
            column: diagnostic.position.map(|position| position.column),
            message: diagnostic.message,
            hint: diagnostic.hint,
            shown,
            common,
        }
    }
}

/// Looks at the file as it is, and unless one was asked for, at each of its environments.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let targets = if args.target.is_empty() { Target::ALL.to_vec() } else { emit::chosen(&args.target) };
    let mut verdicts = verdicts(&args.source, &targets, printer)?;
    if args.source.environment.is_none() {
        for environment in App::environments(&args.source.directory) {
            let source = Source { directory: args.source.directory.clone(), environment: Some(environment) };
            verdicts.extend(self::verdicts(&source, &targets, printer)?);
        }
    }
    if printer.json() {
        printer.data(serde_json::json!({ "targets": verdicts }));
    } else {
        for (index, verdict) in verdicts.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| verdicts.get(before));
            if before.is_none_or(|before| before.environment != verdict.environment) {
                print("every target", verdict, true, printer);
            }
            print(verdict.target, verdict, false, printer);
        }
    }
    let broken = verdicts.iter().filter(|verdict| !verdict.works).count();
    if broken == 0 || (args.target.is_empty() && broken < verdicts.len()) {
        return Ok(());
    }
    let what = if args.target.is_empty() { "no target takes the server as it is" } else { "it will not work" };
    Err(Failure::new(what).exit_code(Failure::USAGE))
}

fn verdicts(source: &Source, targets: &[Target], printer: &Printer) -> Result<Vec<Verdict>, Failure> {
    let app = match source.read() {
        Ok(app) => app,
        // What is wrong with the file itself is wrong for every target, and said once.
        Err(LoadError::Invalid { diagnostics }) if printer.json() => {
            let diagnostics: Vec<_> = diagnostics.into_iter().map(|found| Finding::new(found, true)).collect();
            printer.data(serde_json::json!({ "targets": [], "diagnostics": diagnostics }));
            return Err(Failure::new("the server's file cannot be used").exit_code(Failure::USAGE));
        }
        Err(error) => return Err(app::unusable(error, printer)),
    };
    let verdict = |target: &Target| {
        let common = app.warnings.iter().map(|found| (found.clone(), true));
        let mut found: Vec<_> = common.chain(target.check(&app).into_iter().map(|found| (found, false))).collect();
        // What stops the work comes first.
        found.sort_by_key(|(diagnostic, _)| (Reverse(diagnostic.severity), diagnostic.position));
        Verdict {
            target: target.as_str(),
            environment: source.environment.clone(),
            works: found.iter().all(|(diagnostic, _)| diagnostic.severity < Severity::Error),
            diagnostics: found.into_iter().map(|(found, common)| Finding::new(found, common)).collect(),
        }
    };
    Ok(targets.iter().map(verdict).collect())
}

/// Prints what is said about a target, or what is said about the file and so about every target.
fn print(about: &str, verdict: &Verdict, common: bool, printer: &Printer) {
    let findings: Vec<_> = verdict.diagnostics.iter().filter(|finding| finding.common == common).collect();
    let word = match (verdict.works || common, findings.is_empty()) {
        (true, true) if common => return,
        (true, true) => "works",
        (true, false) if common => "worth knowing",
        (true, false) => "works, but",
        (false, _) => "does not work",
    };
    let environment = verdict.environment.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    printer.data(format_args!("{about}{environment}: {word}"));
    for finding in findings {
        printer.data(format_args!("  {}: {}", finding.severity, finding.shown));
        if let Some(hint) = &finding.hint {
            printer.data(format_args!("    hint: {hint}"));
        }
    }
}
