//! `mcp-cloud completions`: writes a script that completes this command line in a shell.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{cli::Cli, failure::Failure, printer::Printer};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcp-cloud completions bash > ~/.local/share/bash-completion/completions/mcp-cloud
  mcp-cloud completions zsh > ~/.zfunc/_mcp-cloud
  mcp-cloud completions fish > ~/.config/fish/completions/mcp-cloud.fish
  mcp-cloud completions powershell >> $PROFILE
  mcp-cloud completions elvish >> ~/.config/elvish/rc.elv")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The script knows the commands of this very version.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(args.shell, &mut command, &name, &mut script);
    if args.shell == Shell::Bash {
        script = with_one_spelling(&String::from_utf8_lossy(&script), &name).into_bytes();
    }
    printer.document(&script);
    Ok(())
}

/// The generator spells a program's hyphen in two ways, and options of commands are never completed
/// (<https://github.com/clap-rs/clap/issues/6421>). Where it is mended, this changes nothing.
fn with_one_spelling(script: &str, name: &str) -> String {
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}
