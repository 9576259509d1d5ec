//! `mcp-cloud doctor`: looks at everything that a deployment stands on, and says what is not as it should be.

use std::sync::Mutex;

use anstyle::{AnsiColor, Style};
use mcp_cloud_app::Target;
use mcp_cloud_deploy::{
    Deployer,
    doctor::{Examination, Finding, Group, Verdict, without_file},
};
use serde_json::json;

use crate::{
    app::Source,
    failure::Failure,
    hosting::Hosting,
    interrupt::{self, Interrupt},
    printer::Printer,
    remote, server,
};

const OK: Style = AnsiColor::Green.on_default();
const NG: Style = AnsiColor::Red.on_default().bold();
const SKIP: Style = Style::new().dimmed();

#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing is changed, and no value of a secret is read. The exit code is 1 if anything is NG.")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
    /// Where the server is to run [default: where it is deployed, else sam]
    #[arg(long, value_enum, value_name = "TARGET")]
    target: Option<Hosting>,
    /// URL of the MCP endpoint to ask [default: the one that is deployed]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// The tree goes to standard output as it grows; as JSON, all of it at the end.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let tree = Tree { printer, group: Mutex::new(None) };
    let target = args.target.map(Hosting::target);
    let findings = match args.source.read() {
        Ok(app) => {
            let connecting = Deployer::connect(args.account.place(&app));
            let examination = Examination::new(app).with_target(target);
            let examination = examination.with_endpoint(args.url).with_token(server::token()?);
            let report = |finding: &Finding| tree.add(finding);
            tokio::select! {
                findings = examination.run(connecting, &report) => findings,
                () = interrupt.wait() => return Err(Failure::new("interrupted").exit_code(interrupt::exit_code())),
            }
        }
        Err(error) => {
            let findings = without_file(&error, target.unwrap_or(Target::Sam));
            findings.iter().for_each(|finding| tree.add(finding));
            findings
        }
    };
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (ok, ng, skip) = (count(Verdict::Ok), count(Verdict::Ng), count(Verdict::Skip));
    if printer.json() {
        printer.data(json!({ "ok": ok, "ng": ng, "skip": skip, "findings": findings }));
    }
    match ng {
        0 => Ok(()),
        1 => Err(Failure::new("one thing is not as it should be")),
        several => Err(Failure::new(format!("{several} things are not as they should be"))),
    }
}

/// The findings as a tree: a line for each group, and below it what was asked.
struct Tree<'a> {
    printer: &'a Printer,
    group: Mutex<Option<Group>>,
}

impl Tree<'_> {
    fn add(&self, finding: &Finding) {
        if self.printer.json() {
            return;
        }
        let mut group = self.group.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if group.replace(finding.group) != Some(finding.group) {
            self.printer.data(finding.group.as_str());
        }
        let style = match finding.verdict {
            Verdict::Ok => OK,
            Verdict::Ng => NG,
            Verdict::Skip => SKIP,
        };
        let (verdict, question) = (finding.verdict.as_str(), &finding.question);
        // An answer of AWS may have several lines, and a tree has one for each question.
        let answer = finding.answer.replace('\n', " ");
        self.printer.data(format_args!("  {style}{verdict:<4}{style:#} {question}: {answer}"));
        if let Some(hint) = &finding.hint {
            self.printer.data(format_args!("       hint: {hint}"));
        }
    }
}
