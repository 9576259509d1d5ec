//! `[build]`: what the server is made of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Findings, choice};
use crate::{
    app::{
        load,
        sections::{Build, CargoBuild, CommandBuild},
        words::{Builder, Runtime},
    },
    config::{Cargo, FILE_NAME, Table, plain},
    diagnostic::Severity,
};

/// The longest supported of those that Lambda has, too
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>).
const NODE_VERSION: &str = "22";
const PYTHON_VERSION: &str = "3.13";

pub(super) fn build(config: &Table, manifest_directory: &Path, findings: &mut Findings<'_>) -> Option<Build> {
    let build = config.table("build");
    let directory = manifest_directory.join(build.text("directory").unwrap_or("."));
    let command = build.texts("command");
    if let Some(image) = build.text("image") {
        let others = ["command", "binary", "builder", "runtime", "files", "directory"];
        only_with(build, &others, "an image, which is built already", findings);
        return image_reference(image, findings).map(Build::Image);
    }
    if build.get("command").is_some() {
        only_with(build, &["binary", "builder"], "a command, which no cargo package is built for", findings);
        return command_build(build, directory, command, findings).map(Build::Command);
    }
    only_with(build, &["runtime", "runtime-version", "files"], "a cargo package: they belong to a `command`", findings);
    cargo_build(build, &directory, findings).map(Build::Cargo)
}

/// Reports keys that say nothing beside others.
fn only_with(build: &Table, keys: &[&str], what: &str, findings: &mut Findings<'_>) {
    for key in keys.iter().filter(|key| build.get(key).is_some()) {
        findings.error(&format!("build.{key}"), format!("{key} says nothing about {what}"), None);
    }
}

fn image_reference(image: &str, findings: &mut Findings<'_>) -> Option<String> {
    let tagged = image.rsplit_once('/').map_or(image, |(_, last)| last).contains([':', '@']);
    if !tagged || image.ends_with(":latest") {
        let message = format!("image is `{}`, which means another image tomorrow", plain(image));
        findings.error("build.image", message, Some("name it by a version, or better by digest: `…@sha256:…`"));
        return None;
    }
    Some(image.to_owned())
}

fn command_build(
    build: &Table,
    directory: PathBuf,
    command: Vec<String>,
    findings: &mut Findings<'_>,
) -> Option<CommandBuild> {
    let Some(program) = command.first() else {
        findings.error("build.command", "command is empty, and should begin with a program", None);
        return None;
    };
    let message = "the command stands behind `mcp-bridge`, which this version does not bring yet";
    let hint = "what is emitted names it by where it will be; put a bridge of your own there, or wait for it";
    findings.report(Severity::Warning, "build.command", message.to_owned(), Some(hint));
    let runtime = choice(build, "runtime", Runtime::from_word).unwrap_or_else(|| runtime_of(program));
    let default_version = match runtime {
        Runtime::Node => NODE_VERSION,
        Runtime::Python => PYTHON_VERSION,
        Runtime::None => "",
    };
    let files = build.texts("files");
    if files.is_empty() && runtime == Runtime::None {
        let message = format!("the program `{}` has to come from somewhere, and no `files` are named", plain(program));
        findings.error("build.command", message, Some("name it under `[build]`: `files = [\"…\"]`"));
    }
    for file in &files {
        if file.split('/').any(|part| part == "..") {
            let message = format!("the file `{}` lies outside of the directory of the build", plain(file));
            findings.error("build.files", message, Some("set `directory` to one that holds all files"));
        } else if fs::symlink_metadata(directory.join(file)).is_err() {
            let shown = build.text("directory").map_or_else(|| file.clone(), |directory| format!("{directory}/{file}"));
            findings.error("build.files", format!("there is no file `{}`", plain(&shown)), None);
        }
    }
    let directory = fs::canonicalize(&directory).unwrap_or(directory);
    let runtime_version = build.text("runtime-version").unwrap_or(default_version).to_owned();
    Some(CommandBuild { directory, command, runtime, runtime_version, files })
}

/// What starts a program, by its name.
fn runtime_of(program: &str) -> Runtime {
    match program {
        "node" | "npx" | "npm" => Runtime::Node,
        "python" | "python3" | "uvx" | "uv" => Runtime::Python,
        _ => Runtime::None,
    }
}

fn cargo_build(build: &Table, directory: &Path, findings: &mut Findings<'_>) -> Option<CargoBuild> {
    let (package_directory, cargo) = match load::package(directory) {
        Ok(found) => found,
        Err(problem) => {
            let shown = Path::new(build.text("directory").unwrap_or(".")).join("Cargo.toml");
            let message = format!("there is no package to build: `{}` {problem}", plain(&shown.display().to_string()));
            let hint = format!(
                "put `{FILE_NAME}` beside the `Cargo.toml` of the server, or say where that is: `directory = \"…\"` \
                 under `[build]`; a server in another language is a `command`"
            );
            findings.error("build.directory", message, Some(&hint));
            return None;
        }
    };
    match choose_binary(build.text("binary"), &cargo) {
        Ok(binary) => {
            let workspace_directory = load::workspace(&package_directory);
            let builder = choice(build, "builder", Builder::from_word).unwrap_or(Builder::Cargo);
            Some(CargoBuild { package_directory, workspace_directory, package: cargo.package, binary, builder })
        }
        Err((message, hint)) => {
            findings.error("build.binary", message, hint);
            None
        }
    }
}

/// The binary the file names, or the one `cargo run` would run. The error is a message and perhaps a hint.
fn choose_binary(named: Option<&str>, cargo: &Cargo) -> Result<String, (String, Option<&'static str>)> {
    let package = &cargo.package;
    let listed = || cargo.binaries.iter().map(|binary| format!("`{binary}`")).collect::<Vec<_>>().join(", ");
    if let Some(binary) = named {
        if cargo.binaries.iter().any(|known| known == binary) {
            return Ok(binary.to_owned());
        }
        let message = if cargo.binaries.is_empty() {
            format!("binary is `{}`, but the package `{package}` has no binary", plain(binary))
        } else {
            format!("binary is `{}`, but the package `{package}` has {}", plain(binary), listed())
        };
        return Err((message, None));
    }
    let default = cargo.default_run.as_ref().unwrap_or(package);
    match cargo.binaries.as_slice() {
        [] => Err((format!("the package `{package}` has no binary to deploy, and a server is one"), None)),
        [only] => Ok(only.clone()),
        several if several.contains(default) => Ok(default.clone()),
        _ => Err((
            format!("the package `{package}` has several binaries ({}), and none is named as the server", listed()),
            Some("say which one to deploy: `binary = \"…\"` under `[build]`"),
        )),
    }
}
