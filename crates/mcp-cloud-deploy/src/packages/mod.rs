//! Installs what a command needs (`package.json`, `requirements.txt`) for the platform of its image, with this machine's own npm
//! and pip, which may be another platform's. Nothing that a package brings is run, neither here nor later.
//!
//! What comes out is the same each time, as far as the files say which versions are meant: paths of this machine, times
//! and what the tools note down for themselves are not in it.

mod error;
mod npm;
mod pip;
mod tool;

use std::{fs, path::Path};

use mcp_cloud_app::{
    app::{CommandBuild, Runtime},
    target::container,
};
use mcp_cloud_image::{Platform, Sbom, Tree};
use tempfile::TempDir;

pub use self::error::PackageError;

/// The file that lists the packages of a command, and says that there are some.
const PACKAGE_JSON: &str = "package.json";
/// Which versions of them, and of all that they need in turn.
const PACKAGE_LOCK: &str = "package-lock.json";
/// The same for Python.
const REQUIREMENTS: &str = "requirements.txt";

/// What was installed for one platform: in a folder of this machine that is there for as long as this.
#[derive(Debug)]
pub struct Packages {
    tree: Tree,
    bill: Sbom,
    /// What the tree's files are read from when they are packed.
    _folder: TempDir,
}

impl Packages {
    /// Installs the packages of a command; nothing for one that lists none. `version` is the runtime's in the image, such as
    /// `3.13.5`, `server` names the bill. What the tool says goes to `report`, line by line as it comes.
    ///
    /// # Errors
    ///
    /// [`PackageError`]: the tool is missing or too old, or did not find or install a package.
    pub async fn install(
        server: &str,
        command: &CommandBuild,
        platform: Platform,
        version: &str,
        report: &(dyn Fn(&str) + Sync),
    ) -> Result<Option<Self>, PackageError> {
        if container::installed_from(command).is_empty() {
            return Ok(None);
        }
        match command.runtime {
            Runtime::Node => npm::install(server, command, platform, report).await.map(Some),
            Runtime::Python => pip::install(server, command, platform, version, report).await.map(Some),
            Runtime::None => Ok(None),
        }
    }

    /// The files, where they are in the image: what is installed, and what it was installed from.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What was installed, by name and version.
    #[must_use]
    pub fn bill(&self) -> &Sbom {
        &self.bill
    }
}

/// An empty folder, which is gone when nobody needs it any more.
fn folder() -> Result<TempDir, PackageError> {
    tempfile::tempdir().map_err(|source| PackageError::File { path: std::env::temp_dir(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    fs::read(path).map_err(|source| PackageError::File { path: path.to_owned(), source })
}

/// Takes a file away, if it is there.
fn remove(path: &Path) -> Result<(), PackageError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(PackageError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
