//! `mcp-cloud init`: looks at a project and writes its `mcp-cloud.toml`.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use mcp_cloud_app::{App, init};
use serde_json::json;

use crate::{app, failure::Failure, printer::Printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of the server
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Print the file instead of writing it
    #[arg(long)]
    dry_run: bool,
}

/// Asks nothing: what a project does not say has a default, and stands in the file as a comment.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let draft = init::draft(&args.directory).map_err(|error| {
        let hint = error.hint();
        Failure::new(error).exit_code(Failure::USAGE).perhaps_hint(hint)
    })?;
    if args.dry_run {
        printer.data(draft.contents.trim_end());
        return Ok(());
    }
    let path = init::path(&args.directory);
    write(&path, &draft.contents)?;
    if printer.json() {
        printer.data(json!({ "path": path, "found": draft.found }));
    } else {
        printer.data(path.display());
        printer.talk(format_args!("found {}; next: `mcp-cloud check {}`", draft.found, args.directory.display()));
    }
    // What is wrong with the project is better known now than when it is deployed; the file is there all the same.
    App::load(&args.directory).map(drop).map_err(|error| app::unusable(error, printer))
}

/// Writes a file that is not there yet.
fn write(path: &PathBuf, contents: &str) -> Result<(), Failure> {
    let created = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = created.and_then(|mut file| file.write_all(contents.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(format!("`{}` is there already", path.display()))
            .hint("`mcp-cloud init --dry-run` prints what would be written, `mcp-cloud check` looks at what is there")
            .exit_code(Failure::USAGE),
        _ => Failure::new(error).context(format!("cannot write `{}`", path.display())),
    })
}
