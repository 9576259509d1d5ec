//! `mcp-cloud image build`: builds the image, and writes it into a folder.

use std::path::PathBuf;

use serde_json::json;

use super::{Platforms, Shown};
use crate::{
    app::Source,
    execution::failed,
    failure::Failure,
    images::{self, Building, Order},
    printer::Printer,
    tasks,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    platforms: Platforms,
    #[command(flatten)]
    building: Building,
    /// Folder to write it into, as an OCI layout, which skopeo, crane and `image push` read
    #[arg(long, value_name = "DIR")]
    oci_layout: PathBuf,
}

/// Prints the digest of the image. The same folder can be written to again.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let app = args.source.load(&[], printer)?;
    let order = Order {
        app: &app,
        directory: &args.source.directory,
        platforms: &args.platforms.platform,
        building: &args.building,
        command: "image build",
    };
    let built = tasks::interruptible(images::build(order, printer)).await?;
    built.contents.write(&args.oci_layout, &built.contents.tag()).map_err(failed)?;
    let shown = Shown::of(&built.contents);
    if printer.json() {
        printer.data(json!({ "image": shown, "oci_layout": args.oci_layout }));
    } else {
        printer.talk(format_args!("{}, in {}", shown.sizes(), args.oci_layout.display()));
        printer.data(&shown.digest);
    }
    Ok(())
}
