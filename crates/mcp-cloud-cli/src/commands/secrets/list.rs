//! `mcp-cloud secrets list`: shows which secrets the server needs, and which are there.

use mcp_cloud_deploy::secrets::{Absence, ListedSecret};
use serde_json::json;

use super::Place;
use crate::{execution::failed, failure::Failure, printer::Printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
}

/// Succeeds whether or not one is missing; `--output json` tells which.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (app, deployer) = args.place.open(printer).await?;
    let secrets = deployer.list_secrets(&app).await.map_err(failed)?;
    if printer.json() {
        let (account, region) = (deployer.account(), deployer.region());
        printer.data(json!({ "app": app.name, "account": account, "region": region, "secrets": secrets }));
        return Ok(());
    }
    if secrets.is_empty() {
        printer.talk(format_args!("{} needs no secrets, and has none", app.name));
    }
    let rows: Vec<_> = secrets.iter().map(|secret| (variables(secret), name(secret), state(secret))).collect();
    let width = |of: fn(&(String, &str, String)) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (first, second) = (width(|row| row.0.len()), width(|row| row.1.len()));
    for (variables, name, state) in &rows {
        printer.data(format_args!("{variables:<first$}  {name:<second$}  {state}"));
    }
    Ok(())
}

fn variables(secret: &ListedSecret) -> String {
    if secret.variables.is_empty() { "-".to_owned() } else { secret.variables.join(",") }
}

fn name(secret: &ListedSecret) -> &str {
    secret.record.as_ref().map_or(&secret.secret, |record| &record.name)
}

fn state(secret: &ListedSecret) -> String {
    let Some(record) = &secret.record else {
        return if secret.missing.is_some() { "MISSING: there is none" } else { "of another account" }.to_owned();
    };
    let day = |time: &Option<String>| time.as_deref().and_then(|time| time.get(..10)).map(str::to_owned);
    let mut state = match &secret.missing {
        Some(Absence::NoValue) => "MISSING: it has no value".to_owned(),
        Some(_) => "MISSING: scheduled for deletion".to_owned(),
        None => format!("since {}", day(&record.created).unwrap_or_else(|| "?".to_owned())),
    };
    for (word, time) in [("changed", &record.changed), ("used", &record.used), ("gone on", &record.leaves)] {
        if let Some(day) = day(time) {
            state.push_str(&format!(", {word} {day}"));
        }
    }
    if record.used.is_none() {
        state.push_str(", never used");
    }
    if secret.variables.is_empty() {
        state.push_str(", not needed any more");
    }
    state
}
