//! Runs the commands a task consists of, and shows each before it runs.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Why a task ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("`{0}` failed")]
    Failed(String),
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("there is no package and no area of `tests/` named `{0}`")]
    UnknownArea(String),
    #[error("valgrind is missing, and instructions cannot be counted without it")]
    NoValgrind,
    #[error("this machine's Debian mirror does not hand out `{0}` as it is pinned")]
    NoPackage(String),
}

impl TaskError {
    /// What can be done about it, if that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoValgrind => Some("install it before, with `apt-get install valgrind` or your system's own way"),
            Self::NoPackage(_) => Some("if Debian has another version now, pin that one in `tests/tools/debian`"),
            _ => None,
        }
    }
}

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The folder cargo builds into.
pub(crate) fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Cargo, in the workspace.
pub(crate) fn cargo() -> Command {
    in_root(std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from))
}

/// A program, in the workspace and without standard input.
pub(crate) fn in_root(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Shows the command, runs it, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<(), TaskError> {
    let shown = shown(command);
    say(format_args!("+ {shown}"));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(TaskError::Failed(shown)),
        Err(source) => Err(TaskError::Start { program: shown, source }),
    }
}

/// What the command prints, without its last line end; `None` if it cannot be started or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim_end().to_owned())
}

/// Reads a file, and says which one could not be read.
pub(crate) fn read(path: &Path) -> Result<String, TaskError> {
    fs::read_to_string(path).map_err(|source| TaskError::Read { path: path.to_owned(), source })
}

/// Writes a file, and says which one could not be written.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), TaskError> {
    fs::write(path, content).map_err(|source| TaskError::Write { path: path.to_owned(), source })
}

/// Writes a line to standard error; a closed pipe is not an error.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The command as a person would type it in the workspace.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut shown = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}
