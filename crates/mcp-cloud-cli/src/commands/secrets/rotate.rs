//! `mcp-cloud secrets rotate`: gives a secret a new value.

use clap::ValueEnum;
use mcp_cloud_deploy::secrets::{self, SecretReference, SecretValue};

use super::{Place, report, variable};
use crate::{execution::failed, failure::Failure, printer::Printer, secret_input};

/// Give a secret a new value that is made up, or one of your own
///
/// The value before stays readable as AWSPREVIOUS until the next rotation. Where mcp-cloud.toml names a `key`, that member
/// of the secret's JSON is replaced, and the others stay. A value that is made up is shown to nobody: what it opens has to
/// read it from Secrets Manager, too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The variable that brings the secret
    #[arg(value_parser = variable)]
    name: String,
    #[command(flatten)]
    place: Place,
    /// Take a value of your own, as `set` does, instead of making one up
    #[arg(long, conflicts_with_all = ["length", "characters"])]
    given: bool,
    /// How many characters the value has
    #[arg(long, value_name = "NUMBER", default_value_t = 48, value_parser = clap::value_parser!(u16).range(16..=4096))]
    length: u16,
    /// What it consists of
    #[arg(long, value_enum, default_value_t)]
    characters: Characters,
}

/// What a value that is made up consists of.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Characters {
    /// Letters and digits
    #[default]
    LettersAndDigits,
    /// Digits and the letters a to f
    Hexadecimal,
    /// Letters, digits and signs, but for quotes, backslash, `$` and space
    WithSigns,
}

impl From<Characters> for secrets::Characters {
    fn from(characters: Characters) -> Self {
        match characters {
            Characters::LettersAndDigits => Self::LettersAndDigits,
            Characters::Hexadecimal => Self::Hexadecimal,
            Characters::WithSigns => Self::WithSigns,
        }
    }
}

/// Succeeds when the secret has a value that it did not have before.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (app, deployer) = args.place.open(printer).await?;
    let reference = SecretReference::of(&app, &args.name);
    let value = if args.given {
        secret_input::read(&args.name, printer).await?
    } else {
        SecretValue::generate(args.length.into(), args.characters.into()).map_err(|error| failed(error.into()))?
    };
    let written = deployer.rotate_secret(&app, &reference, value).await.map_err(failed)?;
    report(&app, &reference, &written, printer);
    Ok(())
}
