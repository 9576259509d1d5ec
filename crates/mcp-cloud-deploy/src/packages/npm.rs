//! Packages of Node.js.

use std::{fs, path::Path};

use mcp_cloud_app::{app::CommandBuild, target::container};
use mcp_cloud_image::{APP, Platform, Sbom, Tree};
use serde_json::{Map, Value};
use tokio::process::Command;

use super::{PACKAGE_JSON, PACKAGE_LOCK, PackageError, Packages, folder, read, remove, tool};

/// npm as a program, which is a script on Windows.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
/// The first version that knows `--libc` as well as `--os` and `--cpu` (<https://github.com/npm/cli/pull/6914>). Others take no
/// notice of options that they do not know.
const OLDEST: (u32, u32) = (10, 4);
/// What npm notes down for itself: packages with their versions, and where they came from.
const NOTES: &str = "node_modules/.package-lock.json";

pub(super) async fn install(
    server: &str,
    command: &CommandBuild,
    platform: Platform,
    report: &(dyn Fn(&str) + Sync),
) -> Result<Packages, PackageError> {
    require_version().await?;
    let folder = folder()?;
    let mut tree = Tree::new();
    for name in container::installed_from(command) {
        let (from, to) = (command.directory.join(name), folder.path().join(name));
        fs::copy(&from, &to).map_err(|source| PackageError::File { path: from, source })?;
        tree = tree.with_files_of(&to, &format!("{APP}/{name}"))?;
    }
    run(command, folder.path(), platform, report).await?;
    let bill = bill(server, folder.path())?;
    // It may name the registry that this machine is configured with.
    remove(&folder.path().join(NOTES))?;
    let modules = folder.path().join("node_modules");
    if modules.is_dir() {
        tree = tree.with_files_of(&modules, &format!("{APP}/node_modules"))?;
    }
    Ok(Packages { tree, bill, _folder: folder })
}

/// Installs in a folder of its own, as the emitted Dockerfile does: what the project has installed is for another machine.
async fn run(
    command: &CommandBuild,
    folder: &Path,
    platform: Platform,
    report: &(dyn Fn(&str) + Sync),
) -> Result<(), PackageError> {
    let (tool, list, arguments): (_, _, &[&str]) = if command.has_file(PACKAGE_LOCK) {
        ("npm ci", PACKAGE_LOCK, &["ci"])
    } else {
        ("npm install", PACKAGE_JSON, &["install", "--no-package-lock"])
    };
    // As Node.js spells it: <https://nodejs.org/api/process.html#processarch>.
    let processor = match platform {
        Platform::Amd64 => "--cpu=x64",
        Platform::Arm64 => "--cpu=arm64",
    };
    let mut npm = Command::new(NPM);
    npm.args(arguments)
        .args(["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--no-progress"])
        .args(["--os=linux", processor, "--libc=glibc"])
        // What is packed from a repository may run scripts on the way. Versions that do not know this pass it over; the images
        // of Node.js have no git.
        .env("npm_config_allow_git", "none")
        .current_dir(folder);
    let said = tool::run(&mut npm, report).await.map_err(start)?;
    if said.success {
        return Ok(());
    }
    Err(PackageError::Failed { tool, list, platform, said: reason(&said.lines) })
}

/// Which version it is, because an older one would install this machine's packages without a word.
async fn require_version() -> Result<(), PackageError> {
    let said = tool::run(Command::new(NPM).arg("--version"), &|_| ()).await.map_err(start)?;
    let version = said.lines.into_iter().find(|line| number(line).is_some()).unwrap_or_default();
    if number(&version).is_some_and(|number| number >= OLDEST) { Ok(()) } else { Err(PackageError::TooOld { version }) }
}

fn start(source: std::io::Error) -> PackageError {
    PackageError::Start { tool: "npm", list: PACKAGE_JSON, source }
}

fn number(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.split_once('.')?;
    Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
}

/// The first line of the error that is a sentence: after it comes advice, and where a log is.
fn reason(lines: &[String]) -> String {
    let errors = || lines.iter().filter_map(|line| line.strip_prefix("npm error ")).map(str::trim);
    // `npm error code E404`, then `npm error 404 Not Found …`.
    let sentence = |line: &&str| !line.starts_with("code ") && line.contains(' ');
    let refused = || errors().find(|line| line.starts_with("Refusing "));
    let most = refused().or_else(|| errors().find(sentence)).or_else(|| errors().next());
    most.unwrap_or("it does not say why").to_owned()
}

/// What is installed, which is less than what is locked: packages for other platforms are left out. The server is called as
/// everywhere else; npm would call it after the folder.
fn bill(server: &str, folder: &Path) -> Result<Sbom, PackageError> {
    let notes = folder.join(NOTES);
    // Where there was nothing to install, nothing was noted down.
    let mut notes = if notes.is_file() { object(NOTES, &read(&notes)?)? } else { Map::new() };
    let package = object(PACKAGE_JSON, &read(&folder.join(PACKAGE_JSON))?)?;
    notes.entry("packages").or_insert_with(|| Value::Object(Map::new()));
    notes.insert("name".to_owned(), server.into());
    notes.insert("version".to_owned(), package.get("version").cloned().unwrap_or_else(|| "".into()));
    Ok(Sbom::of_package_lock(Value::Object(notes).to_string().as_bytes())?)
}

fn object(what: &str, content: &[u8]) -> Result<Map<String, Value>, PackageError> {
    let problem = |source| mcp_cloud_image::Error::NotJson { what: what.to_owned(), source };
    Ok(serde_json::from_slice(content).map_err(problem)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_as_numbers() {
        assert!(number("9.99.0").unwrap() < OLDEST && number("10.3.9").unwrap() < OLDEST);
        assert!(number("10.4.0").unwrap() >= OLDEST && number("11.19.1").unwrap() >= OLDEST);
        assert_eq!(number("npm warn Unknown user config"), None);
    }

    #[test]
    fn the_reason_is_the_sentence_and_not_the_code_or_the_log() {
        let lines =
            ["npm warn x", "npm error code E404", "npm error 404 Not Found - GET x", "npm error A complete log"];
        assert_eq!(reason(&lines.map(str::to_owned)), "404 Not Found - GET x");
        assert_eq!(reason(&["npm error code EUSAGE".to_owned(), "npm error".to_owned()]), "code EUSAGE");
        assert_eq!(reason(&[]), "it does not say why");
    }

    #[test]
    fn a_server_without_packages_has_a_bill_without_parts() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(PACKAGE_JSON), "{\"version\": \"1.2.3\"}").unwrap();
        let bill = bill("sums", folder.path()).unwrap();
        assert_eq!(bill.parts().count(), 0);
        let document: Value = serde_json::from_slice(&bill.to_json().unwrap()).unwrap();
        assert_eq!(document["metadata"]["component"]["purl"], "pkg:npm/sums@1.2.3");
        fs::write(folder.path().join(PACKAGE_JSON), "[]").unwrap();
        assert!(super::bill("sums", folder.path()).is_err());
    }
}
