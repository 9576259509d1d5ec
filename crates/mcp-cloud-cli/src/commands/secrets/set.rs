//! `mcp-cloud secrets set`: creates a secret, or gives it another value.

use mcp_cloud_deploy::secrets::SecretReference;

use super::{Place, report, variable};
use crate::{
    execution::{Consent, agree, failed},
    failure::Failure,
    printer::Printer,
    secret_input,
};

/// Create a secret, or give it another value
///
/// The value is asked for, or read from standard input where that is no terminal; one line's end after it is left out, and
/// an empty one is refused. Where mcp-cloud.toml names a `key`, that member of the secret's JSON is set, and the others
/// stay. A value that the secret has already is not written again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The variable that brings the secret
    #[arg(value_parser = variable)]
    name: String,
    #[command(flatten)]
    place: Place,
    /// Restore a secret that is scheduled for deletion without asking; needed where nobody can be asked
    #[arg(long)]
    yes: bool,
}

/// Succeeds when the secret has the value, whatever it took.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (app, deployer) = args.place.open(printer).await?;
    let reference = SecretReference::of(&app, &args.name);
    let found = deployer.find_secret(&reference).await.map_err(failed)?;
    if let Some((record, date)) = found.as_ref().and_then(|record| Some((record, record.leaves.as_ref()?))) {
        printer.talk(format_args!("the secret {} is to be deleted on {date}, and will be restored", record.name));
        agree(Consent::from_flag(args.yes), printer).await?;
    }
    let value = secret_input::read(&args.name, printer).await?;
    let written = deployer.set_secret(&app, &reference, found.as_ref(), value).await.map_err(failed)?;
    report(&app, &reference, &written, printer);
    Ok(())
}
