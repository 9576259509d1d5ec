//! Runs the conformance suite against a server program behind emulated triggers, and prints what passed.

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use mcp_cloud_emulator::Trigger;
use mcp_cloud_tests::conformance::{
    Expectations, Instances, Plan, Report, RunError, Set, Status, Suite, run as run_suite,
};
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};

/// How much of a message the table shows; all of it is in the JSON.
const MESSAGE_CHARACTERS: usize = 400;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask conformance",
    bin_name = "cargo xtask conformance",
    // What is required, xtask gives.
    override_usage = "cargo xtask conformance [OPTIONS]",
    about = "Runs the MCP conformance suite against `examples/everything` behind every trigger\n\nThe exit code is 1 if a \
             check failed that `tests/conformance/expected-failures.yaml` does not list, or a run broke off."
)]
struct Arguments {
    /// Only behind this trigger; can be repeated
    #[arg(long, value_name = "TRIGGER")]
    trigger: Vec<Trigger>,
    /// What a revision requires: 2025-11-25 or 2026-07-28; can be repeated
    #[arg(long, value_name = "REVISION", value_parser = Set::of_revision)]
    requirements: Vec<Set>,
    /// One of the suite's suites: all, active, draft or pending; can be repeated
    #[arg(long, value_name = "SUITE", value_parser = Set::of_suite)]
    suite: Vec<Set>,
    /// Only this scenario, in each set it applies to
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Several instances of a function with one invocation each, frozen in between and without sessions
    #[arg(long)]
    classic: bool,
    /// How many sets run at once
    #[arg(long, default_value_t = 6)]
    jobs: usize,
    /// What is printed on standard output
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// The server program, instead of the one built from `examples/everything`
    #[arg(long, value_name = "PATH", overrides_with = "program")]
    program: PathBuf,
    /// Where everything that suite and server write is kept, instead of `target/conformance`
    #[arg(long, value_name = "PATH", overrides_with = "folder")]
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Table,
    Json,
}

/// A run that is over.
struct Outcome {
    plan: Plan,
    result: Result<Report, RunError>,
}

/// A check that failed.
struct Failure<'a> {
    scenario: &'a str,
    check: &'a str,
    message: &'a str,
    /// Why that is accepted.
    why: Option<&'a str>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {}", chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let expectations = Expectations::load()?;
    let plans = plans(arguments)?;
    let Some(suite) = Suite::installed() else { return Ok(ExitCode::FAILURE) };
    let outcomes = execute(suite, plans, arguments.jobs).await;
    if outcomes.is_empty() {
        return Err("no set that was asked for has that scenario".into());
    }
    let output = &mut io::stdout().lock();
    let printed = match arguments.output {
        Format::Table => table(&outcomes, &expectations, output),
        Format::Json => json(&outcomes, &expectations, output),
    };
    match printed {
        // Whoever reads it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    let complaints = complaints(&outcomes, &expectations);
    for complaint in &complaints {
        say(complaint);
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every trigger with every set that was asked for.
fn plans(arguments: &Arguments) -> Result<Vec<Plan>, Box<dyn Error>> {
    let instances = if arguments.classic { Instances::Classic } else { Instances::Managed };
    let mut triggers = arguments.trigger.clone();
    if triggers.is_empty() {
        triggers = Trigger::ALL.into_iter().filter(|trigger| !arguments.classic || trigger.is_lambda()).collect();
    }
    if let Some(trigger) = triggers.iter().find(|trigger| arguments.classic && !trigger.is_lambda()) {
        return Err(format!("`--classic` is about functions, and behind `{trigger}` there is none").into());
    }
    let mut sets = [arguments.requirements.as_slice(), &arguments.suite].concat();
    if sets.is_empty() {
        sets = Set::DEFAULT.to_vec();
    }
    let plan = |trigger: Trigger, set: Set| Plan {
        trigger,
        instances,
        set,
        scenario: arguments.scenario.clone(),
        program: arguments.program.clone(),
        folder: arguments.folder.join(trigger.name()).join(set.name()),
    };
    Ok(triggers.iter().flat_map(|trigger| sets.iter().map(|set| plan(*trigger, *set))).collect())
}

/// Runs the plans, some at once, and gives the outcomes back in the order of the plans.
async fn execute(suite: Suite, plans: Vec<Plan>, jobs: usize) -> Vec<Outcome> {
    let permits = Arc::new(Semaphore::new(jobs.max(1)));
    let mut runs = JoinSet::new();
    for (place, plan) in plans.into_iter().enumerate() {
        let (suite, permits) = (suite.clone(), Arc::clone(&permits));
        runs.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let result = run_suite(&suite, &plan).await;
            (place, Outcome { plan, result })
        });
    }
    let mut outcomes = Vec::new();
    while let Some(done) = runs.join_next().await {
        let Ok((place, Outcome { plan, result })) = done else { continue };
        let said = match &result {
            Ok(report) => format!("{} in {} s", report.totals(), report.duration.as_secs()),
            Err(error) => chain(error),
        };
        say(&format!("{} {}: {said}", plan.trigger, plan.set));
        if !matches!(result, Err(RunError::NotApplicable { .. })) {
            outcomes.push((place, Outcome { plan, result }));
        }
    }
    outcomes.sort_by_key(|(place, _)| *place);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What makes the exit code 1, a line each; the failures themselves stand in the output. The list of accepted failures
/// speaks of whole sets on instances that keep sessions; where it does not apply, every failure counts.
fn complaints(outcomes: &[Outcome], expectations: &Expectations) -> Vec<String> {
    let mut complaints = Vec::new();
    for Outcome { plan, result } in outcomes {
        let mut found = Vec::new();
        match result {
            Ok(report) => {
                let failures = failures(plan, report, expectations);
                let unlisted = failures.iter().filter(|failure| failure.why.is_none()).count();
                if unlisted > 0 {
                    found.push(format!("{unlisted} checks failed that are not listed"));
                }
                if is_judged(plan) {
                    found.extend(expectations.missed(plan.trigger, plan.set, report));
                }
            }
            Err(error) => found.push(chain(error)),
        }
        complaints.extend(found.iter().map(|found| format!("error: {} {}: {found}", plan.trigger, plan.set)));
    }
    complaints
}

fn is_judged(plan: &Plan) -> bool {
    plan.scenario.is_none() && plan.instances == Instances::Managed
}

fn failures<'a>(plan: &Plan, report: &'a Report, expectations: &'a Expectations) -> Vec<Failure<'a>> {
    let why = |scenario, check| match plan.instances {
        Instances::Managed => expectations.why(plan.trigger, plan.set, scenario, check),
        Instances::Classic => None,
    };
    let failed = report.checks(Status::Failure);
    failed
        .map(|(scenario, check)| Failure {
            scenario,
            check: &check.id,
            message: check.message(),
            why: why(scenario, &check.id),
        })
        .collect()
}

fn table(outcomes: &[Outcome], expectations: &Expectations, output: &mut impl Write) -> io::Result<()> {
    let row = |output: &mut dyn Write, cells: [&str; 6]| {
        let [trigger, set, passed, failed, warnings, seconds] = cells;
        writeln!(output, "{trigger:<22}{set:<12}{passed:>8}{failed:>8}{warnings:>10}{seconds:>9}")
    };
    row(output, ["trigger", "set", "passed", "failed", "warnings", "seconds"])?;
    for Outcome { plan, result } in outcomes {
        let (trigger, set) = (plan.trigger.name(), plan.set.name());
        match result {
            Ok(report) => {
                let count = |status| report.count(status).to_string();
                let counted = [Status::Success, Status::Failure, Status::Warning].map(count);
                let [passed, failed, warnings] = counted.each_ref().map(String::as_str);
                row(output, [trigger, set, passed, failed, warnings, &report.duration.as_secs().to_string()])?;
            }
            Err(_) => row(output, [trigger, set, "-", "broken", "-", "-"])?,
        }
    }
    for Outcome { plan, result } in outcomes {
        let Ok(report) = result else { continue };
        for Failure { scenario, check, message, why } in failures(plan, report, expectations) {
            writeln!(output, "\n{} {} {scenario}:{check}\n    {}", plan.trigger, plan.set, shortened(message))?;
            if let Some(why) = why {
                writeln!(output, "    expected: {why}")?;
            }
        }
    }
    output.flush()
}

fn json(outcomes: &[Outcome], expectations: &Expectations, output: &mut impl Write) -> io::Result<()> {
    let runs: Vec<_> = outcomes
        .iter()
        .map(|Outcome { plan, result }| {
            let mut run = json!({
                "trigger": plan.trigger.name(),
                "instances": match plan.instances { Instances::Managed => "managed", Instances::Classic => "classic" },
                "set": plan.set.name(),
            });
            match result {
                Ok(report) => {
                    for (name, status) in [
                        ("passed", Status::Success),
                        ("failed", Status::Failure),
                        ("warnings", Status::Warning),
                        ("skipped", Status::Skipped),
                    ] {
                        run[name] = report.count(status).into();
                    }
                    run["scenarios"] = report.scenarios.len().into();
                    run["seconds"] = report.duration.as_secs_f64().into();
                    let failures = failures(plan, report, expectations).into_iter().map(|failure| {
                        let Failure { scenario, check, message, why } = failure;
                        json!({ "scenario": scenario, "check": check, "message": message, "expected": why })
                    });
                    run["failures"] = failures.collect();
                }
                Err(error) => run["error"] = chain(error).into(),
            }
            run
        })
        .collect();
    serde_json::to_writer_pretty(&mut *output, &runs)?;
    writeln!(output)?;
    output.flush()
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARACTERS) {
        Some((end, _)) => format!("{} …", &message[..end]),
        None => message.to_owned(),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

/// Talk goes to standard error. That it cannot be written is no reason to stop.
fn say(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
