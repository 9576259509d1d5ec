//! Shows what a plan means: what changes in the stack, what clients will see, what it costs, and the steps.

use std::{collections::BTreeMap, path::Path};

use anstyle::{AnsiColor, Style};
use mcp_cloud_app::cost::Difference;
use mcp_cloud_deploy::{
    Deployer, Deployment, Observed, Plan,
    change::{FieldChange, Sign},
    mcp::{Surface, local, surface::Differences},
    plan,
};
use serde::Serialize;

use crate::{execution, printer::Printer};

/// Where a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Standard output: it is what was asked for.
    Data,
    /// Standard error: something else will be.
    Talk,
}

/// What stands beside a plan.
#[derive(Debug, Serialize)]
pub(crate) struct Beside {
    pub(crate) tools: Tools,
    /// What the stack costs in a month, in US dollars.
    pub(crate) cost: Option<Difference>,
}

/// What clients will see of a change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tools {
    /// Nothing is deployed yet: these are the names.
    Offered(Vec<String>),
    /// What differs from what is deployed.
    Differences(Differences),
    /// Why nothing is known.
    Unknown(String),
    /// Nothing was asked, because the code stays as it is.
    Same,
}

impl Beside {
    /// What is known without changing anything: the program is asked on this machine, the deployed tools are those that
    /// were noted down when they were deployed.
    pub(crate) async fn of(
        plan: &Plan,
        app: &str,
        deployer: &Deployer,
        observed: &Observed,
        wanted: Option<&Deployment>,
        program: Option<(&Path, &BTreeMap<String, String>)>,
    ) -> Self {
        let tools = match program {
            Some((program, environment)) if !plan.is_empty() => match local::surface(program, environment).await {
                Ok(new) => compared(app, deployer, observed, new).await,
                Err(error) => Tools::Unknown(format!("the program was asked, and {error}")),
            },
            _ => Tools::Same,
        };
        let before = plan::template_before(observed);
        let after = wanted.map(|wanted| plan::template_after(wanted, observed));
        Self { tools, cost: plan::cost(before.as_deref(), after.as_deref(), deployer.region()) }
    }
}

async fn compared(app: &str, deployer: &Deployer, observed: &Observed, new: Surface) -> Tools {
    let revisions = observed.revisions(app);
    let Some(last) = revisions.last() else { return Tools::Offered(new.tools.into_keys().collect()) };
    match deployer.revision(observed.bucket.name(), app, last).await.map(|found| found.and_then(|found| found.surface))
    {
        Ok(Some(old)) => Tools::Differences(Surface::diff(&old, &new)),
        Ok(None) => Tools::Unknown("nobody noted down what is deployed".to_owned()),
        Err(error) => Tools::Unknown(error.to_string()),
    }
}

/// Shows a plan with what stands beside it. Warnings always go to standard error.
pub(crate) fn show(plan: &Plan, beside: &Beside, channel: Channel, printer: &Printer) {
    let line = |text: String| match channel {
        Channel::Data => printer.data(text),
        Channel::Talk => printer.talk(text),
    };
    for change in plan.changes.lines() {
        let style = change.sign.map_or(Style::new(), style);
        line(format!("  {style}{change}{style:#}"));
    }
    for difference in drift(&plan.drift) {
        line(difference);
    }
    match &beside.tools {
        Tools::Offered(names) if names.is_empty() => line("  the server offers no tools".to_owned()),
        Tools::Offered(names) => line(format!("  the server offers {} tools: {}", names.len(), names.join(", "))),
        Tools::Differences(differences) => {
            if differences.is_empty() {
                line("  the tools stay as they are".to_owned());
            }
            differences.iter().for_each(|difference| line(format!("  {difference}")));
        }
        Tools::Unknown(why) => line(format!("  what the server will offer is not known: {why}")),
        Tools::Same => {}
    }
    if let Some(cost) = beside.cost.as_ref().filter(|_| !plan.is_empty()) {
        line(format!(
            "  about {} USD a month before, {} after; `mcp-cloud cost` says how that comes about",
            cost.before, cost.after
        ));
    }
    execution::list(plan).for_each(line);
    for warning in &plan.changes.warnings {
        printer.warning(&warning.message);
        printer.hint(&warning.hint);
    }
    if let Tools::Differences(differences) = &beside.tools {
        let breaking = differences.breaking().count();
        if breaking > 0 {
            printer.warning(format_args!("{breaking} of these changes of tools may break clients that use them"));
        }
    }
}

/// What somebody changed by hand, a line each.
pub(crate) fn drift(drift: &[FieldChange]) -> impl Iterator<Item = String> + '_ {
    drift.iter().map(|FieldChange { path, before, after }| {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        format!("  ! the function was changed by hand: {path} is {}, and was deployed as {}", text(after), text(before))
    })
}

fn style(sign: Sign) -> Style {
    match sign {
        Sign::Add => AnsiColor::Green.on_default(),
        Sign::Modify => AnsiColor::Yellow.on_default(),
        Sign::Replace | Sign::Remove => AnsiColor::Red.on_default(),
    }
}
