//! Reads the files an app is made of, once, and gives them to the parts that understand text.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{App, resolve};
use crate::{
    config::{self, Cargo, FILE_NAME, plain},
    diagnostic::{Diagnostic, Severity},
};

/// No file of this kind is nearly as long; a longer one is something else.
const MAX_BYTES: u64 = 1024 * 1024;

/// Why there is no [`App`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no file of that name.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file has no such environment.
    #[error("`{}` has no environment `{}`", path.display(), plain(name))]
    NoEnvironment {
        /// The file.
        path: PathBuf,
        /// The environment that was asked for.
        name: String,
        /// The environments that it has.
        known: Vec<String>,
    },
    /// The file does not say what it should. The text is one line for each diagnostic.
    #[error("{}", lines(diagnostics))]
    Invalid {
        /// What is wrong, in the order of the file; at least one of them an error.
        diagnostics: Vec<Diagnostic>,
    },
}

impl LoadError {
    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { path } if path.ends_with(FILE_NAME) => Some(format!(
                "name the directory of a server, or write its `{FILE_NAME}`; one line is enough: `name = \"my-server\"`"
            )),
            Self::Missing { .. } | Self::Unreadable { .. } => None,
            Self::NoEnvironment { known, name, .. } if known.is_empty() => {
                Some(format!("an environment begins with `[env.{}]` in the file", plain(name)))
            }
            Self::NoEnvironment { known, .. } => Some(format!("it has `{}`", known.join("`, `"))),
            Self::Invalid { diagnostics } => diagnostics.iter().find_map(|diagnostic| diagnostic.hint.clone()),
        }
    }
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub(super) fn load(path: &Path, environment: Option<&str>) -> Result<App, LoadError> {
    let manifest = manifest(path);
    let text = read(&manifest)?;
    let (config, diagnostics) = config::parse(&manifest, &text, environment);
    let Some(config) = config else { return Err(LoadError::Invalid { diagnostics }) };
    if let Some(name) = environment.filter(|name| !config.environments.iter().any(|known| known == name)) {
        return Err(LoadError::NoEnvironment { path: manifest, name: name.to_owned(), known: config.environments });
    }
    let manifest_directory = absolute_parent(&manifest)?;
    let (app, mut diagnostics) = resolve::resolve(&config, &manifest, &manifest_directory, environment, diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.position);
    match app {
        Some(app) if diagnostics.iter().all(|diagnostic| diagnostic.severity < Severity::Error) => {
            Ok(App { warnings: diagnostics, ..app })
        }
        _ => Err(LoadError::Invalid { diagnostics }),
    }
}

pub(super) fn environments(path: &Path) -> Vec<String> {
    let manifest = manifest(path);
    let config = read(&manifest).ok().and_then(|text| config::parse(&manifest, &text, None).0);
    config.map(|config| config.environments).unwrap_or_default()
}

/// The file that is meant by itself, or by the directory it is in.
fn manifest(path: &Path) -> PathBuf {
    match path {
        // Not `./mcp-cloud.toml`: the path is shown.
        path if path == Path::new(".") => PathBuf::from(FILE_NAME),
        path if path.is_dir() => path.join(FILE_NAME),
        path => path.to_owned(),
    }
}

/// Reads the `Cargo.toml` of a directory, whose absolute path comes with it. The error completes a sentence that
/// begins with the name of the file.
pub(super) fn package(directory: &Path) -> Result<(PathBuf, Cargo), String> {
    let missing = |error: LoadError| match error {
        LoadError::Unreadable { source, .. } => format!("cannot be read: {source}"),
        _ => "does not exist".to_owned(),
    };
    let text = read(&directory.join("Cargo.toml")).map_err(missing)?;
    let cargo = Cargo::parse(&String::from_utf8_lossy(&text), &binary_sources(directory))?;
    let directory = fs::canonicalize(directory).map_err(|error| format!("cannot be found: {error}"))?;
    Ok((directory, cargo))
}

/// The files cargo makes binaries of by itself, as [`Cargo::parse`] wants them.
fn binary_sources(directory: &Path) -> Vec<String> {
    let mut sources = Vec::new();
    if directory.join("src/main.rs").is_file() {
        sources.push("src/main.rs".to_owned());
    }
    for entry in fs::read_dir(directory.join("src/bin")).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.ends_with(".rs") && path.is_file() {
            sources.push(format!("src/bin/{name}"));
        } else if path.join("main.rs").is_file() {
            sources.push(format!("src/bin/{name}/main.rs"));
        }
    }
    sources
}

/// The directory of the workspace that a package belongs to: the nearest above it whose `Cargo.toml` has one
/// (<https://doc.rust-lang.org/cargo/reference/workspaces.html>). A package may be kept out of a workspace that is above
/// it; then the larger directory is named, which holds all that is needed, too.
pub(super) fn workspace(package_directory: &Path) -> PathBuf {
    let has_workspace = |directory: &&Path| {
        let manifest = read(&directory.join("Cargo.toml")).ok();
        manifest.is_some_and(|text| Cargo::is_workspace(&String::from_utf8_lossy(&text)))
    };
    package_directory.ancestors().find(has_workspace).unwrap_or(package_directory).to_owned()
}

fn absolute_parent(manifest: &Path) -> Result<PathBuf, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: manifest.to_owned(), source };
    let manifest = fs::canonicalize(manifest).map_err(unreadable)?;
    Ok(manifest.parent().map(Path::to_owned).unwrap_or_default())
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LoadError::Missing { path: path.to_owned() },
        _ => LoadError::Unreadable { path: path.to_owned(), source },
    };
    // Anything but a plain file (a pipe, a device) might never end, or never begin.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a file")));
    }
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MB")));
    }
    Ok(bytes)
}
