//! Compiles a server for the cloud with the user's own cargo, and makes sure that what came out runs there.

use std::{
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use mcp_cloud_app::app::{Architecture, Builder, CargoBuild};
use mcp_cloud_image::Sbom;
use serde::Deserialize;
use thiserror::Error;
use tokio::process::Command;

/// The linker that ships with Rust. Links static binaries for any Linux, on any machine.
pub(crate) const LINKER: &str = "rust-lld";

/// Why there is no program to deploy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A tool that is needed cannot be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The tool.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file asks for `cargo lambda`, which is not there.
    #[error("the package is to be compiled by `cargo lambda build`, but cargo has no command `lambda`")]
    NoCargoLambda,
    /// Rust cannot compile for the function's processor yet.
    #[error("the Rust target `{target}` is not installed")]
    TargetMissing {
        /// The target.
        target: &'static str,
    },
    /// Cargo said why on standard error.
    #[error("the package `{package}` does not build for `{target}`")]
    Failed {
        /// The package.
        package: String,
        /// The target.
        target: &'static str,
    },
    /// Cargo succeeded and named no program.
    #[error("cargo built no binary `{binary}` in the package `{package}`")]
    NoBinary {
        /// The package.
        package: String,
        /// The binary.
        binary: String,
    },
    /// What was built cannot be read.
    #[error("cannot read the program `{}`", path.display())]
    Unreadable {
        /// The program.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Cargo does not say what the package depends on.
    #[error("cannot list what the package `{package}` consists of")]
    NoBill {
        /// The package.
        package: String,
        /// What is wrong with what cargo said.
        source: Box<mcp_cloud_image::Error>,
    },
    /// What was built would not start there.
    #[error("the program `{}` would not start in the cloud: {problem}", path.display())]
    Unfit {
        /// The program.
        path: PathBuf,
        /// Why.
        problem: &'static str,
    },
}

impl BuildError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. } => {
                Some("install Rust from <https://rustup.rs> and see that `cargo` is on the path".to_owned())
            }
            Self::NoCargoLambda => Some(
                "run `pip3 install cargo-lambda`, which brings Zig, too, or write `builder = \"cargo\"` under `[build]`; see \
                 <https://www.cargo-lambda.info/guide/installation.html>"
                    .to_owned(),
            ),
            Self::TargetMissing { target } => Some(format!("run `rustup target add {target}`")),
            Self::Failed { target, .. } => Some(format!(
                "cargo's own output above says why; with C dependencies, set a linker for `{target}` in `.cargo/config.toml`"
            )),
            Self::Unfit { .. } => {
                Some("look for `rustflags` or `CARGO_TARGET_…` settings that undo static linking".to_owned())
            }
            Self::NoBill { .. } => Some("cargo's own output above may say why; `Cargo.lock` has to be up to date".to_owned()),
            Self::NoBinary { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// Compiles a package's binary, optimised, static, for the function's processor; returns where it is.
///
/// Cargo's own output goes to standard error as it comes. With `cargo build` the program has none of this machine's
/// directories in it, so that the same sources become the same bytes wherever they are; flags of the user's own stay. What
/// C compilers write into objects is theirs to say, and what `cargo lambda build` passes to them is its own.
///
/// # Errors
///
/// Every [`BuildError`].
pub async fn build(package: &CargoBuild, architecture: Architecture) -> Result<PathBuf, BuildError> {
    let target = architecture.rust_target();
    require_target(package, target).await?;
    let target_directory = target_directory(package).await?;
    let mut cargo = cargo(package);
    match package.builder {
        Builder::Cargo => {
            cargo.arg("build");
            if needs_linker(package, target) {
                cargo.env(linker_variable(target), LINKER);
            }
            if let Some(target_directory) = &target_directory {
                reproducible::add_flags(&mut cargo, package, target, target_directory);
            }
        }
        Builder::CargoLambda => {
            require_cargo_lambda(package).await?;
            cargo.args(["lambda", "build"]);
            if let Some(target_directory) = &target_directory {
                cargo.arg("--lambda-dir").arg(lambda_directory(target_directory, target));
            }
        }
    }
    cargo
        .args(["--release", "--target", target, "--package", &package.package, "--bin", &package.binary])
        .args(["--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let built = cargo.output().await.map_err(|source| start("cargo", source))?;
    if !built.status.success() {
        return Err(BuildError::Failed { package: package.package.clone(), target });
    }
    let program = match (package.builder, &target_directory) {
        // It moves the program that cargo names.
        (Builder::CargoLambda, Some(directory)) => Some(program(package, target, directory)),
        _ => executable(&built.stdout, &package.binary),
    };
    let path = program
        .ok_or_else(|| BuildError::NoBinary { package: package.package.clone(), binary: package.binary.clone() })?;
    inspect(&path, architecture)?;
    Ok(path)
}

/// What a package consists of for these processors, by `Cargo.lock`.
///
/// # Errors
///
/// [`BuildError::Start`] when cargo cannot be started, [`BuildError::NoBill`] when it does not say.
pub async fn bill(package: &CargoBuild, architectures: &[Architecture]) -> Result<Sbom, BuildError> {
    let mut cargo = cargo(package);
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    for architecture in architectures {
        cargo.args(["--filter-platform", architecture.rust_target()]);
    }
    let found = cargo.stderr(Stdio::inherit()).output().await.map_err(|source| start("cargo", source))?;
    Sbom::of_cargo(&found.stdout, &package.package)
        .map_err(|source| BuildError::NoBill { package: package.package.clone(), source: Box::new(source) })
}

/// Finds the program that an earlier [`build`] left, whether or not the sources have changed since.
///
/// # Errors
///
/// [`BuildError::Start`] when cargo, which knows where it builds to, cannot be started.
pub async fn find(package: &CargoBuild, architecture: Architecture) -> Result<Option<PathBuf>, BuildError> {
    let directory = target_directory(package).await?;
    let program = directory.map(|directory| program(package, architecture.rust_target(), &directory));
    Ok(program.filter(|program| program.is_file()))
}

/// Where a build leaves the program.
fn program(package: &CargoBuild, target: &str, target_directory: &Path) -> PathBuf {
    match package.builder {
        Builder::Cargo => target_directory.join(target).join("release").join(&package.binary),
        Builder::CargoLambda => lambda_directory(target_directory, target).join(&package.binary).join("bootstrap"),
    }
}

/// Where `cargo lambda build` puts programs; its own choice does not tell processors apart.
fn lambda_directory(target_directory: &Path, target: &str) -> PathBuf {
    target_directory.join(target).join("lambda")
}

/// Where cargo builds to; `None` where it does not say, and will not build either.
async fn target_directory(package: &CargoBuild) -> Result<Option<PathBuf>, BuildError> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let found = cargo(package)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .stderr(Stdio::null())
        .output()
        .await
        .map_err(|source| start("cargo", source))?;
    Ok(serde_json::from_slice::<Metadata>(&found.stdout).ok().map(|metadata| metadata.target_directory))
}

/// Cargo would say only that it has no such command.
async fn require_cargo_lambda(package: &CargoBuild) -> Result<(), BuildError> {
    let found = cargo(package)
        .args(["lambda", "--version"])
        .stderr(Stdio::null())
        .output()
        .await
        .map_err(|source| start("cargo", source))?;
    if found.status.success() { Ok(()) } else { Err(BuildError::NoCargoLambda) }
}

/// The cargo that runs this program, if one does, else the one on the path.
fn cargo(package: &CargoBuild) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&package.package_directory).stdin(Stdio::null()).kill_on_drop(true);
    cargo
}

pub(crate) fn start(program: &str, source: io::Error) -> BuildError {
    BuildError::Start { program: program.to_owned(), source }
}

/// Cargo would say `can't find crate for core`, hundreds of times.
pub(crate) async fn require_target(package: &CargoBuild, target: &'static str) -> Result<(), BuildError> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let found = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        // A toolchain file there may choose another compiler.
        .current_dir(&package.package_directory)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await
        .map_err(|source| start("rustc", source))?;
    let directory = String::from_utf8_lossy(&found.stdout);
    if Path::new(directory.trim()).is_dir() { Ok(()) } else { Err(BuildError::TargetMissing { target }) }
}

/// Whether cargo would call this machine's linker for another machine's program, which fails.
pub(crate) fn needs_linker(package: &CargoBuild, target: &str) -> bool {
    let same_machine = cfg!(target_os = "linux") && target.starts_with(env::consts::ARCH);
    !same_machine && env::var_os(linker_variable(target)).is_none() && !configured(&package.package_directory, target)
}

/// `CARGO_TARGET_<TARGET>_LINKER` (<https://doc.rust-lang.org/cargo/reference/config.html#targettriplelinker>).
pub(crate) fn linker_variable(target: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", target.replace('-', "_").to_ascii_uppercase())
}

/// Whether a configuration file that cargo reads says anything about the target: then it is the user's to decide.
pub(crate) fn configured(directory: &Path, target: &str) -> bool {
    configurations(directory).any(|text| text.contains(target))
}

/// The configuration files that cargo reads.
fn configurations(directory: &Path) -> impl Iterator<Item = String> {
    let files = directory.ancestors().map(|directory| directory.join(".cargo")).chain(cargo_home());
    files
        .flat_map(|directory| [directory.join("config.toml"), directory.join("config")])
        .filter_map(|file| fs::read_to_string(file).ok())
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// Reads the messages cargo writes (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>).
fn executable(messages: &[u8], binary: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| message.target.name == binary)
        .find_map(|message| message.executable)
}

fn inspect(path: &Path, architecture: Architecture) -> Result<(), BuildError> {
    let unreadable = |source| BuildError::Unreadable { path: path.to_owned(), source };
    // Headers come first, and these are short.
    let mut head = Vec::new();
    fs::File::open(path).map_err(unreadable)?.take(4096).read_to_end(&mut head).map_err(unreadable)?;
    match problem(&head, architecture) {
        Some(problem) => Err(BuildError::Unfit { path: path.to_owned(), problem }),
        None => Ok(()),
    }
}

/// Reads the beginning of a 64-bit little-endian ELF file
/// (<https://gabi.xinuos.com/elf/02-eheader.html>, <https://gabi.xinuos.com/elf/07-pheader.html>).
fn problem(head: &[u8], architecture: Architecture) -> Option<&'static str> {
    const INTERPRETER: u32 = 3;
    let u16_at = |offset: usize| Some(u16::from_le_bytes(head.get(offset..offset + 2)?.try_into().ok()?));
    let u32_at = |offset: usize| Some(u32::from_le_bytes(head.get(offset..offset + 4)?.try_into().ok()?));
    let u64_at = |offset: usize| Some(u64::from_le_bytes(head.get(offset..offset + 8)?.try_into().ok()?));
    if head.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Some("it is not a 64-bit Linux program");
    }
    let machine = match architecture {
        Architecture::X86_64 => 62,
        Architecture::Arm64 => 183,
    };
    if u16_at(18) != Some(machine) {
        return Some("it is for another processor");
    }
    let (Some(table), Some(size), Some(count)) = (u64_at(32), u16_at(54), u16_at(56)) else {
        return Some("it is cut off");
    };
    let interpreted = (0..usize::from(count)).any(|index| {
        let offset = usize::try_from(table).ok().and_then(|table| table.checked_add(index * usize::from(size)));
        offset.filter(|offset| *offset < head.len()).and_then(u32_at) == Some(INTERPRETER)
    });
    interpreted
        .then_some("it is linked dynamically, and the C library there may be older than this machine's, or missing")
}

mod reproducible;

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header and one program header of this type.
    fn elf(machine: u16, segment: u32) -> Vec<u8> {
        let mut head = vec![0; 128];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[18..20].copy_from_slice(&machine.to_le_bytes());
        head[32..40].copy_from_slice(&64_u64.to_le_bytes());
        head[54..56].copy_from_slice(&56_u16.to_le_bytes());
        head[56..58].copy_from_slice(&1_u16.to_le_bytes());
        head[64..68].copy_from_slice(&segment.to_le_bytes());
        head
    }

    #[test]
    fn static_program_for_the_right_processor_is_fit() {
        assert_eq!(problem(&elf(62, 1), Architecture::X86_64), None);
        assert_eq!(problem(&elf(183, 1), Architecture::Arm64), None);
    }

    #[test]
    fn program_that_lambda_could_not_start_is_refused() {
        assert_eq!(problem(&elf(62, 1), Architecture::Arm64), Some("it is for another processor"));
        assert!(problem(&elf(62, 3), Architecture::X86_64).is_some_and(|problem| problem.contains("dynamically")));
        assert!(problem(b"#!/bin/sh\n", Architecture::X86_64).is_some());
        assert!(problem(&elf(62, 1)[..40], Architecture::X86_64).is_some());
    }

    #[test]
    fn hostile_header_does_not_panic() {
        let mut head = elf(62, 1);
        head[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        head[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
        assert_eq!(problem(&head, Architecture::X86_64), None);
        for length in 0..head.len() {
            problem(&head[..length], Architecture::X86_64);
        }
    }

    #[test]
    fn executable_is_the_one_of_the_binary_asked_for() {
        let messages = b"not json\n{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"other\"},\"executable\":\"/t/other\"}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"hello\"},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"hello\"},\"executable\":\"/t/hello\"}\n";
        assert_eq!(executable(messages, "hello"), Some(PathBuf::from("/t/hello")));
        assert_eq!(executable(messages, "missing"), None);
    }

    #[test]
    fn linker_variable_is_spelled_as_cargo_reads_it() {
        assert_eq!(linker_variable("aarch64-unknown-linux-musl"), "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER");
    }

    #[test]
    fn configuration_of_the_user_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("server");
        fs::create_dir_all(folder.path().join(".cargo")).unwrap();
        fs::create_dir(&package).unwrap();
        assert!(!configured(&package, "aarch64-unknown-linux-musl"));
        fs::write(folder.path().join(".cargo/config.toml"), "[target.aarch64-unknown-linux-musl]\nlinker = \"x\"\n")
            .unwrap();
        assert!(configured(&package, "aarch64-unknown-linux-musl"));
    }
}
