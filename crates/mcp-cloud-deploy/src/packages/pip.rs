//! Packages of Python.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use mcp_cloud_app::app::CommandBuild;
use mcp_cloud_image::{APP, Mode, Platform, Sbom, Tree};
use tokio::process::Command;

use super::{PackageError, Packages, REQUIREMENTS, folder, read, remove, tool};

/// What runs pip.
const SCRIPT: &str = include_str!("pip.py");
/// What it says, among other things, about a package that would have to be built.
pub(super) const NO_WHEEL: &str = "it is no wheel, and building it would run its scripts";
/// Where the images of Python have it (<https://github.com/docker-library/python>).
const PREFIX: &str = "/usr/local";
/// The C library of the base images, Debian 12's, is 2.36; wheels for older ones run there too. The tags of wheels name the
/// oldest that they run with (<https://peps.python.org/pep-0600/>), and until 2.17 had other names, which pip knows.
const GLIBC: std::ops::RangeInclusive<u8> = 5..=36;
const OPTIONS: [&str; 10] = [
    "--implementation=cp",
    "--only-binary=:all:",
    // They are written by another version, perhaps, and have times in them.
    "--no-compile",
    "--no-user",
    "--no-input",
    "--no-warn-conflicts",
    "--no-warn-script-location",
    "--disable-pip-version-check",
    "--progress-bar=off",
    "--no-color",
];

pub(super) async fn install(
    server: &str,
    command: &CommandBuild,
    platform: Platform,
    version: &str,
    report: &(dyn Fn(&str) + Sync),
) -> Result<Packages, PackageError> {
    let version = released(version);
    let minor = minor(version)?;
    let folder = folder()?;
    let (packages, others) = (folder.path().join("packages"), folder.path().join("others"));
    for path in [&packages, &others] {
        fs::create_dir(path).map_err(|source| PackageError::File { path: path.clone(), source })?;
    }
    run(command, &packages, platform, version, &minor, report).await?;
    let bill = settle(server, &packages, &others)?;
    let tree = Tree::new()
        .with_files_of(&packages, &format!("{PREFIX}/lib/python{minor}/site-packages"))?
        .with_files_of(&others, PREFIX)?
        .with_file(&format!("{APP}/{REQUIREMENTS}"), read(&command.directory.join(REQUIREMENTS))?, Mode::Data)?;
    Ok(Packages { tree, bill, _folder: folder })
}

/// The numbers of a version, which one that is not out yet has more behind.
fn released(version: &str) -> &str {
    let end = version.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    version.get(..end.unwrap_or(version.len())).unwrap_or_default().trim_end_matches('.')
}

/// `3.13.5` → `3.13`.
fn minor(version: &str) -> Result<String, PackageError> {
    let mut parts = version.split('.');
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => Ok(format!("{major}.{minor}")),
        _ => Err(PackageError::Version { version: version.to_owned() }),
    }
}

async fn run(
    command: &CommandBuild,
    packages: &Path,
    platform: Platform,
    version: &str,
    minor: &str,
    report: &(dyn Fn(&str) + Sync),
) -> Result<(), PackageError> {
    let machine = match platform {
        Platform::Amd64 => "x86_64",
        Platform::Arm64 => "aarch64",
    };
    let tags = GLIBC.rev().map(|minor| format!("--platform=manylinux_2_{minor}_{machine}"));
    let mut pip = Command::new("python3");
    pip.args(["-c", SCRIPT, version, machine, &format!("{PREFIX}/bin/python{minor}"), "install"])
        .args(OPTIONS)
        .args(tags)
        .args([format!("--platform=manylinux2014_{machine}"), format!("--platform=linux_{machine}")])
        .args([&format!("--python-version={version}"), "--requirement", REQUIREMENTS, "--target"])
        .arg(packages)
        // As an option only newer ones know it.
        .env("PIP_ROOT_USER_ACTION", "ignore")
        // Files that the list names are named as seen from there.
        .current_dir(&command.directory);
    let start = |source| PackageError::Start { tool: "python3", list: REQUIREMENTS, source };
    let said = tool::run(&mut pip, report).await.map_err(start)?;
    if said.success {
        return Ok(());
    }
    let said = said.most(&[&|line| line.contains(NO_WHEEL), &|line| line.starts_with("ERROR: ")]);
    let said = said.trim_start_matches("ERROR: ").to_owned();
    Err(PackageError::Failed { tool: "pip install", list: REQUIREMENTS, platform, said })
}

/// Puts what is no package where it belongs, takes away where this machine had files from, and lists what is there.
///
/// With `--target`, pip keeps scripts and data beside the packages, and notes them down as if those were in `lib/python`.
fn settle(server: &str, packages: &Path, others: &Path) -> Result<Sbom, PackageError> {
    let mut requirements = String::new();
    for notes in notes(packages)? {
        let name = notes.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some((name, version)) = name.trim_end_matches(".dist-info").split_once('-') {
            requirements.push_str(&format!("{name}=={version}\n"));
        }
        let record = notes.join("RECORD");
        if record.is_file() {
            let (corrected, moved) = correct(&String::from_utf8_lossy(&read(&record)?));
            fs::write(&record, corrected).map_err(|source| PackageError::File { path: record, source })?;
            for path in moved {
                relocate(packages, others, &path)?;
            }
        }
        // It says which file of this machine a package came from.
        remove(&notes.join("direct_url.json"))?;
    }
    Ok(Sbom::of_requirements(server, &requirements))
}

/// The folders with what is known about packages, by name.
fn notes(packages: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let unreadable = |source| PackageError::File { path: packages.to_owned(), source };
    let entries = fs::read_dir(packages).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut notes = paths.map_err(unreadable)?;
    notes.retain(|path| path.extension().is_some_and(|extension| extension == "dist-info"));
    notes.sort();
    Ok(notes)
}

/// The list of a package's files (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>) as it is
/// right in the image, and the files in it that are not beside the packages there.
fn correct(record: &str) -> (String, Vec<String>) {
    let (mut corrected, mut moved) = (String::new(), Vec::new());
    for line in record.lines() {
        let (quote, rest) = if let Some(rest) = line.strip_prefix('"') { ("\"", rest) } else { ("", line) };
        if rest.split(',').next().is_some_and(|path| path.ends_with("/direct_url.json")) {
            continue;
        }
        match rest.strip_prefix("../../") {
            // In the image it is `lib/python3.13/site-packages`.
            Some(rest) => {
                let end = if quote.is_empty() { "," } else { "\"," };
                moved.push(rest.split(end).next().unwrap_or(rest).replace("\"\"", "\""));
                corrected.push_str(&format!("{quote}../../../{rest}\n"));
            }
            None => corrected.push_str(&format!("{line}\n")),
        }
    }
    (corrected, moved)
}

/// Moves a file from beside the packages; a folder that is empty then is not left there.
fn relocate(packages: &Path, others: &Path, path: &str) -> Result<(), PackageError> {
    let (from, to) = (packages.join(path), others.join(path));
    if path.split('/').any(|part| part == "..") || !from.is_file() {
        return Ok(());
    }
    let moved = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::rename(&from, &to));
    moved.map_err(|source| PackageError::File { path: from.clone(), source })?;
    for above in from.ancestors().skip(1).take_while(|above| *above != packages) {
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_outside_of_the_packages_are_recorded_where_they_are_in_the_image() {
        let record = "../../bin/tool,sha256=a,1\n\"../../share/a,b\",sha256=b,2\na/__init__.py,,0\n\
            a-1.dist-info/direct_url.json,sha256=c,3\na-1.dist-info/RECORD,,\n";
        let (corrected, moved) = correct(record);
        assert_eq!(
            corrected,
            "../../../bin/tool,sha256=a,1\n\"../../../share/a,b\",sha256=b,2\na/__init__.py,,0\na-1.dist-info/RECORD,,\n"
        );
        assert_eq!(moved, ["bin/tool", "share/a,b"]);
    }

    #[test]
    fn scripts_are_moved_and_leave_no_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (packages, others) = (folder.path().join("packages"), folder.path().join("others"));
        let notes = packages.join("a_b-1.0+c.dist-info");
        for path in [&packages.join("bin"), &notes, &others] {
            fs::create_dir_all(path).unwrap();
        }
        fs::write(packages.join("bin/tool"), "#!").unwrap();
        fs::write(notes.join("RECORD"), "../../bin/tool,,\n../../../etc/passwd,,\n").unwrap();
        fs::write(notes.join("direct_url.json"), "{}").unwrap();
        let bill = settle("server", &packages, &others).unwrap();
        assert_eq!(bill.parts().collect::<Vec<_>>(), ["pkg:pypi/a-b@1.0%2Bc"]);
        assert!(others.join("bin/tool").is_file() && !packages.join("bin").exists());
        assert!(!notes.join("direct_url.json").exists());
    }

    #[test]
    fn packages_belong_to_a_minor_version() {
        assert_eq!(minor("3.13.5").unwrap(), "3.13");
        assert_eq!((released("3.14.0rc2"), released("3.13")), ("3.14.0", "3.13"));
        assert!(minor("3").is_err());
    }

    #[test]
    fn the_script_says_what_is_looked_for() {
        assert!(SCRIPT.contains(NO_WHEEL));
    }
}
