//! `mcp-cloud man`: writes manual pages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::{cli::Cli, failure::Failure, printer::Printer};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcp-cloud man | man -l -
  mcp-cloud man deploy | man -l -
  mcp-cloud man --into ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// The command whose page is written [default: the page of mcp-cloud itself]
    #[arg(value_name = "COMMAND", conflicts_with = "into")]
    command: Option<String>,
    /// Directory for the pages of all commands; it is made if it is not there
    #[arg(long, value_name = "DIRECTORY")]
    into: Option<PathBuf>,
}

/// Pages that were written before are replaced.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut program = Cli::command();
    program.build();
    if let Some(directory) = &args.into {
        return write(&program, directory, printer);
    }
    let page = match &args.command {
        None => page(&program)?,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => page(command)?,
            None => {
                return Err(Failure::new(format!("there is no command `{name}`"))
                    .hint("`mcp-cloud --help` lists the commands")
                    .exit_code(Failure::USAGE));
            }
        },
    };
    printer.document(&page);
    Ok(())
}

fn write(program: &Command, directory: &Path, printer: &Printer) -> Result<(), Failure> {
    let cannot = |path: &Path| format!("cannot write `{}`", path.display());
    fs::create_dir_all(directory).map_err(|error| Failure::new(error).context(cannot(directory)))?;
    let mut written = Vec::new();
    let mut commands = vec![program];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().filter(|command| command.get_name() != "help"));
        let path = directory.join(Man::new(command.clone()).get_filename());
        fs::write(&path, page(command)?).map_err(|error| Failure::new(error).context(cannot(&path)))?;
        written.push(path.display().to_string());
    }
    written.sort();
    if printer.json() {
        printer.data(serde_json::json!({ "written": written }));
    } else {
        written.iter().for_each(|path| printer.data(path));
    }
    Ok(())
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Failure::new(error).context(format!("cannot write the page of `{}`", command.get_name())))?;
    Ok(page)
}
