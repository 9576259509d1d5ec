//! `mcp-cloud secrets remove`: deletes a secret that was created by mcp-cloud for this app.

use mcp_cloud_deploy::{
    Error,
    secrets::{Removal, SecretError, SecretReference, check_removal},
};
use serde_json::json;

use super::Place;
use crate::{
    execution::{Consent, agree, failed},
    failure::Failure,
    printer::Printer,
};

/// Delete a secret that was created by mcp-cloud for this app
///
/// Until its days are over it can be restored, with `mcp-cloud secrets set`. One that what is deployed still refers to
/// stays, unless `--force` is given. A secret that several variables bring, each a member of its JSON, goes as a whole.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The variable that brings the secret, or its whole name as `list` shows it
    name: String,
    #[command(flatten)]
    place: Place,
    /// Days until it is gone
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u8).range(7..=30))]
    recovery: u8,
    /// Delete it at once and for good
    #[arg(long, conflicts_with = "recovery")]
    now: bool,
    /// Delete it although what is deployed refers to it
    #[arg(long)]
    force: bool,
    /// Do it without asking; needed where nobody can be asked
    #[arg(long)]
    yes: bool,
}

/// Succeeds when it is gone or going, and when there was none.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (app, deployer) = args.place.open(printer).await?;
    let reference = SecretReference::of(&app, &args.name);
    let removal = if args.now { Removal::Now } else { Removal::AfterDays(args.recovery) };
    let Some(record) = deployer.find_secret(&reference).await.map_err(failed)? else {
        if printer.json() {
            printer.data(json!({ "outcome": "absent", "name": reference.name }));
        }
        printer.talk(format_args!("there is no secret {}, so there is nothing to do", reference.name));
        return Ok(());
    };
    let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
    match check_removal(&app.name, &record, stack.as_ref()) {
        Err(SecretError::InUse { .. }) if args.force => {
            printer.warning(format_args!("what is deployed as {} refers to the secret {}", app.name, record.name));
        }
        checked => checked.map_err(|error| failed(Error::from(error)))?,
    }
    let what = match (removal, &record.leaves) {
        (Removal::AfterDays(_), Some(_)) => None,
        (Removal::AfterDays(days), None) => Some(format!("the secret {} will be gone in {days} days", record.name)),
        (Removal::Now, _) => Some(format!("the secret {} will be gone at once, and for good", record.name)),
    };
    if let Some(what) = what {
        printer.talk(what);
        agree(Consent::from_flag(args.yes), printer).await?;
    }
    let gone = deployer.remove_secret(&record, removal).await.map_err(failed)?;
    let outcome = if args.now { "removed" } else { "scheduled" };
    if printer.json() {
        printer.data(json!({ "outcome": outcome, "name": record.name, "arn": record.arn, "gone": gone }));
    }
    match gone.filter(|_| !args.now) {
        Some(gone) => printer.talk(format_args!("the secret {} is to be deleted on {gone}", record.name)),
        None => printer.talk(format_args!("the secret {} is gone", record.name)),
    }
    Ok(())
}
