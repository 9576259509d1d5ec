//! `mcp-cloud image`: the image of the server, without Docker.

mod build;
mod push;

use mcp_cloud_deploy::image::{Contents, Platform};
use serde::Serialize;

use crate::{failure::Failure, printer::Printer};

/// Build the image of the server without Docker, and push it
///
/// The image holds the server and whom it trusts over TLS, and nothing else: no shell, no root. The same sources make the
/// same bytes. A list of what it is made of (CycloneDX) and a statement of where it comes from (SLSA) are attached to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Build the image, and write it into a folder
    Build(build::Args),
    /// Push the image to a registry, only what is not there yet
    Push(push::Args),
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        Command::Build(args) => build::run(args, printer).await,
        Command::Push(args) => push::run(args, printer).await,
    }
}

/// What the image is for.
#[derive(Debug, clap::Args)]
struct Platforms {
    /// What it is built for; several are separated by commas
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', default_values = ["linux/amd64", "linux/arm64"], value_parser = platform)]
    platform: Vec<Platform>,
}

fn platform(text: &str) -> Result<Platform, String> {
    text.parse().map_err(|error: mcp_cloud_deploy::image::Error| match error.hint() {
        Some(hint) => format!("{error}: {hint}"),
        None => error.to_string(),
    })
}

/// An image as pipelines read of it.
#[derive(Debug, Serialize)]
struct Shown {
    digest: String,
    platforms: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    digest: String,
    /// Of its layers, compressed.
    bytes: u64,
}

impl Shown {
    fn of(contents: &Contents) -> Self {
        let parts = contents.sizes().into_iter().map(|(digest, bytes)| Part { digest, bytes });
        Self { digest: contents.digest(), platforms: parts.collect() }
    }

    /// How large the image is, for people.
    fn sizes(&self) -> String {
        let sizes: Vec<_> = self.platforms.iter().map(|part| format!("{} kB", part.bytes.div_ceil(1000))).collect();
        sizes.join(" and ")
    }
}
