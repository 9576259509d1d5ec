//! `mcp-cloud deploy`.

use crate::{failure::Failure, printer::Printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of the server
    #[arg(default_value = ".")]
    pub(crate) directory: std::path::PathBuf,
}

pub(crate) async fn run(_args: Args, _printer: &Printer) -> Result<(), Failure> {
    Ok(())
}
