//! Finds the binary of a server and builds it with cargo.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Which binary to build, as far as it was said.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// The package; the one whose `Cargo.toml` lies in the directory unless said.
    pub(crate) package: Option<String>,
    /// The binary; the package's only or default one unless said.
    pub(crate) binary: Option<String>,
    /// Whether to optimise.
    pub(crate) release: bool,
}

/// Why there is no server to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("there is no `Cargo.toml` in `{}`", .0.display())]
    NoManifest(PathBuf),
    #[error("cannot start `cargo`")]
    Start(#[source] io::Error),
    #[error("cannot read what `cargo` says")]
    Read(#[source] io::Error),
    #[error("cargo cannot read `{}`", .0.display())]
    Manifest(PathBuf),
    #[error("cannot understand what `cargo metadata` says of `{}`", .0.display())]
    Metadata(PathBuf, #[source] serde_json::Error),
    #[error("`{}` has no package `{wanted}`", manifest.display())]
    NoPackage { manifest: PathBuf, wanted: String, present: Vec<String> },
    #[error("`{}` has no binary `{wanted}`", manifest.display())]
    NoSuchBinary { manifest: PathBuf, wanted: String, present: Vec<String> },
    #[error("`{}` builds no binary", .0.display())]
    NoBinary(PathBuf),
    #[error("`{}` builds several binaries: {}", .0.display(), .1.join(", "))]
    SeveralBinaries(PathBuf, Vec<String>),
    #[error("the server `{0}` does not build")]
    DoesNotBuild(String),
    #[error("cargo built `{0}` and did not say where it is")]
    NoExecutable(String),
}

impl BuildError {
    /// What to do about it, where something can be done.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoManifest(_) => Self::NAME_A_DIRECTORY,
            Self::Start(_) => "install Rust, so that `cargo` can be found",
            Self::Manifest(_) | Self::DoesNotBuild(_) => "what cargo found wrong stands above",
            Self::NoBinary(_) => "choose the package that holds the server with `--package`",
            Self::SeveralBinaries(..) => "choose one with `--bin`",
            Self::NoPackage { present, .. } => return Some(format!("it has {}", listed(present))),
            Self::NoSuchBinary { present, .. } => return Some(format!("it builds {}", listed(present))),
            Self::Read(_) | Self::Metadata(..) | Self::NoExecutable(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// The hint for a directory that holds no server.
    pub(crate) const NAME_A_DIRECTORY: &str =
        "name the directory of the server's package, as in `mcp-cloud dev path/to/server`";

    /// Whether the request makes no sense, as opposed to a server that cannot be built.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoManifest(_)
                | Self::Manifest(_)
                | Self::NoPackage { .. }
                | Self::NoSuchBinary { .. }
                | Self::NoBinary(_)
                | Self::SeveralBinaries(..)
        )
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A binary of a package, found and not yet built.
#[derive(Debug)]
pub(crate) struct Binary {
    /// Name of the binary.
    pub(crate) name: String,
    package: String,
    manifest: PathBuf,
    release: bool,
}

impl Binary {
    /// Finds the one binary that `directory` and `selection` mean. Builds nothing.
    pub(crate) async fn find(directory: &Path, selection: &Selection) -> Result<Self, BuildError> {
        let manifest = directory.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(BuildError::NoManifest(directory.to_owned()));
        }
        let metadata = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(&manifest)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(BuildError::Start)?
            .wait_with_output()
            .await
            .map_err(BuildError::Read)?;
        if !metadata.status.success() {
            return Err(BuildError::Manifest(manifest));
        }
        match serde_json::from_slice::<Metadata>(&metadata.stdout) {
            Ok(metadata) => metadata.select(manifest, selection),
            Err(error) => Err(BuildError::Metadata(manifest, error)),
        }
    }

    /// Builds the server and returns the executable. Cargo's own progress and diagnostics go to standard error; when
    /// the future is dropped, cargo and every compiler it started end.
    pub(crate) async fn build(&self) -> Result<PathBuf, BuildError> {
        let mut command = cargo();
        command.args(["build", "--message-format", "json-render-diagnostics", "--manifest-path"]).arg(&self.manifest);
        command.args(["--package", &self.package, "--bin", &self.name]);
        if self.release {
            command.arg("--release");
        }
        let mut build = Group::spawn(command.stdout(Stdio::piped())).map_err(BuildError::Start)?;
        let mut executable = None;
        if let Some(stdout) = build.0.stdout.take() {
            let mut messages = BufReader::new(stdout).lines();
            while let Some(message) = messages.next_line().await.map_err(BuildError::Read)? {
                if let Ok(Artifact { target, executable: Some(path) }) = serde_json::from_str(&message)
                    && target.name == self.name
                    && target.is_binary()
                {
                    executable = Some(path);
                }
            }
        }
        if !build.0.wait().await.map_err(BuildError::Read)?.success() {
            return Err(BuildError::DoesNotBuild(self.name.clone()));
        }
        executable.ok_or_else(|| BuildError::NoExecutable(self.name.clone()))
    }
}

/// The part of `cargo metadata` that is read
/// (<https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>).
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    default_run: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The part of a `compiler-artifact` message that is read
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>).
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

impl Target {
    fn is_binary(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }
}

impl Package {
    fn binaries(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter(|target| target.is_binary()).map(|target| target.name.as_str())
    }
}

impl Metadata {
    fn select(&self, manifest: PathBuf, selection: &Selection) -> Result<Binary, BuildError> {
        let packages = self.candidates(&manifest, selection)?;
        let binaries: Vec<(&Package, &str)> =
            packages.iter().flat_map(|package| package.binaries().map(|binary| (*package, binary))).collect();
        let chosen: Vec<_> = match &selection.binary {
            Some(wanted) => binaries.iter().filter(|(_, binary)| binary == wanted).collect(),
            None if binaries.len() == 1 => binaries.iter().collect(),
            None => {
                binaries.iter().filter(|(package, binary)| package.default_run.as_deref() == Some(*binary)).collect()
            }
        };
        let names = |binaries: &[(&Package, &str)]| binaries.iter().map(|(_, binary)| (*binary).to_owned()).collect();
        match (chosen.as_slice(), &selection.binary) {
            ([(package, binary)], _) => Ok(Binary {
                name: (*binary).to_owned(),
                package: package.name.clone(),
                manifest,
                release: selection.release,
            }),
            _ if binaries.is_empty() => Err(BuildError::NoBinary(manifest)),
            ([], Some(wanted)) => {
                Err(BuildError::NoSuchBinary { manifest, wanted: wanted.clone(), present: names(&binaries) })
            }
            _ => Err(BuildError::SeveralBinaries(manifest, names(&binaries))),
        }
    }

    /// The packages whose binaries may be meant: the one named, else the directory's own, else (in a workspace without
    /// a root package) all of them.
    fn candidates(&self, manifest: &Path, selection: &Selection) -> Result<Vec<&Package>, BuildError> {
        if let Some(wanted) = &selection.package {
            return match self.packages.iter().find(|package| package.name == *wanted) {
                Some(package) => Ok(vec![package]),
                None => Err(BuildError::NoPackage {
                    manifest: manifest.to_owned(),
                    wanted: wanted.clone(),
                    present: self.packages.iter().map(|package| package.name.clone()).collect(),
                }),
            };
        }
        match self.packages.iter().find(|package| package.manifest_path == manifest) {
            Some(package) => Ok(vec![package]),
            None => Ok(self.packages.iter().collect()),
        }
    }
}

/// The cargo that runs this program, if one does, else the one on the path. It reads nothing from the terminal, and
/// ends when it is dropped.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A child with everything it starts; all of it ends when this is dropped before the child has.
#[derive(Debug)]
struct Group(Child);

impl Group {
    fn spawn(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A child that was waited for has no id any more, and what it started ended with it.
        let leader = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(leader) = leader {
            // The group is gone already if this fails, which is what is wanted.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}
