//! `mcp-cloud emit`: writes the files a target needs, or says which are stale.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mcp_cloud_app::{Bundle, Code, Target};
use serde::Serialize;

use crate::{app::Source, failure::Failure, printer::Printer};

/// Lines of a difference that are shown of either side.
const DIFFERENCE_LINES: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// What to write files for; several are separated by commas, and `all` is every target
    #[arg(long, value_name = "NAME", value_parser = targets(), value_delimiter = ',', required = true)]
    target: Vec<Targets>,
    /// Directory to write to [default: the server's]
    #[arg(long, value_name = "DIRECTORY")]
    into: Option<PathBuf>,
    /// Image to deploy, by digest, in files that name one [default: what the files' own tools build]
    #[arg(long, value_name = "REFERENCE")]
    image: Option<String>,
    /// Write nothing, and fail when a file is missing or differs
    #[arg(long)]
    check: bool,
    /// Write over files that were not emitted
    #[arg(long, conflicts_with = "check")]
    force: bool,
}

/// A target, or every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Targets {
    One(Target),
    All,
}

/// The word for every target.
const ALL: &str = "all";

pub(crate) fn targets() -> impl TypedValueParser<Value = Targets> {
    let words = Target::ALL.iter().map(|target| target.as_str()).chain([ALL]);
    PossibleValuesParser::new(words).try_map(|name| match Target::from_name(&name) {
        Some(target) => Ok(Targets::One(target)),
        None if name == ALL => Ok(Targets::All),
        None => Err("unknown target"),
    })
}

/// The targets that were named, each once, in the order of [`Target::ALL`].
pub(crate) fn chosen(named: &[Targets]) -> Vec<Target> {
    let is_chosen = |target: &Target| named.contains(&Targets::All) || named.contains(&Targets::One(*target));
    Target::ALL.into_iter().filter(is_chosen).collect()
}

/// What is on disk, compared with what is emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Current,
    Stale,
    Missing,
}

/// An emitted file and the place it has on disk.
#[derive(Debug, Serialize)]
struct File {
    path: PathBuf,
    /// Before anything is written.
    state: State,
    #[serde(skip)]
    contents: String,
    #[serde(skip)]
    on_disk: String,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    targets: Vec<&'a str>,
    files: &'a [File],
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let targets = chosen(&args.target);
    let app = args.source.load(&targets, printer)?;
    let directory = args.into.as_deref().unwrap_or_else(|| server_directory(&args.source.directory)).to_owned();
    let output_directory = absolute(&directory).map_err(|error| failed("cannot find", &directory, error))?;
    let code = match &args.image {
        Some(reference) => Code::Image { output_directory, reference: reference.clone() },
        None => Code::Local { output_directory },
    };
    let mut bundle = Bundle::default();
    for target in &targets {
        bundle.files.extend(target.emit(&app, &code).files);
    }
    let files = compare(bundle, &directory)?;
    if args.check { check(&args, &files, printer) } else { write(&args, &files, printer) }
}

/// The directory of a server that was named by it or by its file; as it was named, for paths are printed.
fn server_directory(named: &Path) -> &Path {
    match named.parent() {
        Some(parent) if named.is_file() && !parent.as_os_str().is_empty() => parent,
        Some(_) if named.is_file() => Path::new("."),
        _ => named,
    }
}

/// Names the directory independently of where the command runs. One that is not there yet has no links to follow.
fn absolute(directory: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (Some(parent), Some(name)) = (directory.parent(), directory.file_name()) else { return Err(error) };
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Ok(absolute(parent)?.join(name))
        }
        outcome => outcome,
    }
}

fn compare(bundle: Bundle, directory: &Path) -> Result<Vec<File>, Failure> {
    let files = bundle.files.into_iter().map(|(path, contents)| {
        let path = if directory == Path::new(".") { path } else { directory.join(path) };
        let (state, on_disk) = match fs::read(&path) {
            Ok(bytes) if bytes == contents.as_bytes() => (State::Current, contents.clone()),
            Ok(bytes) => (State::Stale, String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (State::Missing, String::new()),
            Err(error) => return Err(failed("cannot read", &path, error)),
        };
        Ok(File { path, state, contents, on_disk })
    });
    files.collect()
}

fn write(args: &Args, files: &[File], printer: &Printer) -> Result<(), Failure> {
    // Looked at before anything is written: all or nothing.
    if let Some(foreign) =
        files.iter().find(|file| file.state == State::Stale && !args.force && is_foreign(file, files))
    {
        return Err(Failure::new(format!("`{}` is there already, and was not emitted", foreign.path.display()))
            .hint("move it away, choose another directory with `--into`, or write over it with `--force`"));
    }
    for file in files.iter().filter(|file| file.state != State::Current) {
        let parent = file.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or(Ok(()), fs::create_dir_all).map_err(|error| failed("cannot write", &file.path, error))?;
        fs::write(&file.path, &file.contents).map_err(|error| failed("cannot write", &file.path, error))?;
    }
    report(args, files, printer);
    Ok(())
}

/// Whether somebody else wrote a file. JSON cannot say who did: it is ours where what lies beside it is.
fn is_foreign(file: &File, files: &[File]) -> bool {
    let is_json = |file: &File| file.path.extension().is_some_and(|extension| extension == "json");
    if is_json(file) {
        !files.iter().any(|other| !is_json(other) && Bundle::is_emitted(&other.on_disk))
    } else {
        !Bundle::is_emitted(&file.on_disk)
    }
}

fn check(args: &Args, files: &[File], printer: &Printer) -> Result<(), Failure> {
    report(args, files, printer);
    let wrong: Vec<_> = files.iter().filter(|file| file.state != State::Current).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    for file in wrong.iter().filter(|file| file.state == State::Stale) {
        difference(file, printer);
    }
    let path = first.path.display();
    let message = match first.state {
        State::Missing => format!("`{path}` is missing"),
        _ => format!("`{path}` is not what `mcp-cloud.toml` says"),
    };
    let into = args.into.as_ref().map(|into| format!(" --into {}", into.display())).unwrap_or_default();
    let environment = args.source.environment.as_ref().map(|name| format!(" --env {name}")).unwrap_or_default();
    let directory = args.source.directory.display();
    Err(Failure::new(message)
        .hint(format!("run `mcp-cloud emit {directory} --target {}{environment}{into}`", names(args).join(","))))
}

fn names(args: &Args) -> Vec<&'static str> {
    chosen(&args.target).into_iter().map(Target::as_str).collect()
}

fn report(args: &Args, files: &[File], printer: &Printer) {
    if printer.json() {
        let report = Report { targets: names(args), files };
        printer.data(serde_json::json!(report));
    } else if !args.check {
        for file in files {
            printer.data(file.path.display());
        }
    }
}

/// Shows the lines between what both sides begin and end with.
fn difference(file: &File, printer: &Printer) {
    let (old, new): (Vec<_>, Vec<_>) = (file.on_disk.lines().collect(), file.contents.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.get(same..).unwrap_or_default(), new.get(same..).unwrap_or_default());
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    printer.talk(format_args!("{}:{}", file.path.display(), same + 1));
    for (sign, side) in [('-', old), ('+', new)] {
        let changed = side.len() - tail;
        for line in side.iter().take(changed.min(DIFFERENCE_LINES)) {
            printer.talk(format_args!("{sign} {line}"));
        }
        if changed > DIFFERENCE_LINES {
            printer.talk(format_args!("{sign} … {} more", changed - DIFFERENCE_LINES));
        }
    }
}

fn failed(attempt: &str, path: &Path, error: io::Error) -> Failure {
    Failure::new(error).context(format!("{attempt} `{}`", path.display()))
}
