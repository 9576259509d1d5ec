//! Estimates as a person reads them, and as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use mcp_cloud_app::{
    App, Target,
    cost::{self, Assumption, Estimate, Footprint, FreeTier, Kind, Line, Usage},
};
use serde_json::{Value, json};

/// Prices older than this are worth a warning.
pub(crate) const YEAR_DAYS: u64 = 365;
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What an app costs on several targets.
#[derive(Debug)]
pub(crate) struct Costs<'a> {
    app: &'a App,
    /// Nothing where the table has no prices of a target.
    estimates: Vec<(Target, Option<Estimate>)>,
    assumptions: Vec<Assumption>,
    region: String,
    free_tier: FreeTier,
    /// How old the table of prices is.
    pub(crate) age_days: u64,
}

impl<'a> Costs<'a> {
    pub(crate) fn of(app: &'a App, targets: &[Target], usage: Usage, region: String, free_tier: FreeTier) -> Self {
        let estimate = |target: &Target| {
            let footprint = Footprint::of(app, *target)?;
            Some(cost::estimate(&footprint, &usage, &region, free_tier))
        };
        let estimates = targets.iter().map(|target| (*target, estimate(target))).collect();
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY_SECONDS;
        let age_days = cost::age_in_days(today);
        Self { app, estimates, assumptions: cost::assumptions(&usage), region, free_tier, age_days }
    }

    /// The first target line by line, the others as a sum, and what all of it rests on.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let first = self.estimates.iter().find_map(|(target, estimate)| Some((target, estimate.as_ref()?)));
        if let Some((target, estimate)) = first {
            lines.push(format!("{} on {target} in {}, US dollars a month", self.app.name, self.region));
            lines.extend(estimate.lines.iter().map(|line| row(line, estimate)));
            lines.extend(sums(estimate));
        }
        if self.estimates.len() > 1 || first.is_none() {
            lines.push(String::new());
            lines.push("target by target".to_owned());
            lines.extend(self.estimates.iter().map(|(target, estimate)| {
                let name = target.as_str();
                match estimate {
                    Some(estimate) => format!(
                        "  {name:<16} {:>10}, of that {} without any request",
                        estimate.total().to_string(),
                        estimate.fixed()
                    ),
                    None => format!("  {name:<16} not covered: there are no prices in the table"),
                }
            }));
        }
        lines.push(String::new());
        lines.push("assumed".to_owned());
        lines.extend(self.assumptions.iter().map(|Assumption { name, value, unit, meaning }| {
            format!("  {name:<16} {:>10}  {meaning}", format!("{value} {unit}"))
        }));
        lines.push(String::new());
        lines.push(self.provenance(first.map(|(_, estimate)| estimate)));
        lines
    }

    /// Where the prices are from, and what the free tier has to do with them.
    fn provenance(&self, estimate: Option<&Estimate>) -> String {
        let days = match self.age_days {
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        let mut text = format!("prices of {} ({days} old), without tax", cost::date());
        if let Some(oldest) = estimate.and_then(Estimate::oldest_figure) {
            text.push_str(&format!(", the oldest figure of {oldest}"));
        }
        text.push_str(match self.free_tier {
            FreeTier::Ignored => "; the free tier is not taken off",
            FreeTier::Counted => "; the free tier is taken off as if nothing else ran in the account",
        });
        text
    }

    pub(crate) fn json(&self) -> Value {
        let targets: Vec<_> = self
            .estimates
            .iter()
            .map(|(target, estimate)| match estimate {
                Some(estimate) => json!({
                    "target": target.as_str(),
                    "covered": true,
                    "monthly_usd": estimate.total(),
                    "fixed_usd": estimate.fixed(),
                    "variable_usd": estimate.variable(),
                    "per_million_requests_usd": estimate.per_million_requests(),
                    "lines": estimate.lines,
                    "not_counted": estimate.not_counted,
                }),
                None => json!({ "target": target.as_str(), "covered": false }),
            })
            .collect();
        let assumption = |assumption: &Assumption| {
            json!({
                "name": assumption.name, "value": assumption.value, "unit": assumption.unit, "meaning": assumption.meaning,
            })
        };
        json!({
            "app": self.app.name,
            "region": self.region,
            "free_tier": self.free_tier == FreeTier::Counted,
            "prices": { "date": cost::date(), "age_days": self.age_days },
            "assumptions": self.assumptions.iter().map(assumption).collect::<Vec<_>>(),
            "targets": targets,
        })
    }
}

fn row(line: &Line, estimate: &Estimate) -> String {
    let price = if line.per == 1 {
        format!("{} each", line.usd.exact())
    } else {
        format!("{} per {}", line.usd.exact(), line.per)
    };
    let quantity = format!("{} {}", line.quantity, line.unit);
    let other = if line.region == estimate.region { String::new() } else { format!("  price of {}", line.region) };
    let kind = if line.kind == Kind::Fixed { "fixed" } else { "" };
    let text = format!("  {:<30} {quantity:>28} {price:>20} {kind:>6} {:>10}{other}", line.what, line.monthly_usd);
    text.trim_end().to_owned()
}

fn sums(estimate: &Estimate) -> Vec<String> {
    let mut lines = vec![
        format!("  {:<30} {:>67}", "together", estimate.total()),
        format!(
            "  of that {} without any request; {} for each million requests",
            estimate.fixed(),
            estimate.per_million_requests()
        ),
    ];
    if !estimate.not_counted.is_empty() {
        lines.push(format!("  not counted: {}", estimate.not_counted.join(", ")));
    }
    lines
}
