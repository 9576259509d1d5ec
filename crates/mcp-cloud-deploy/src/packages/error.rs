//! Why packages could not be installed, and what to do about it.

use std::{io, path::PathBuf};

use mcp_cloud_image::Platform;
use thiserror::Error;

use super::pip::NO_WHEEL;

/// Why the packages of a command could not be installed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The tool that installs them cannot be started.
    #[error("cannot start `{tool}`, which installs what `{list}` lists")]
    Start {
        /// The tool.
        tool: &'static str,
        /// The file with the packages.
        list: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// It installs for no machine but its own, and would not say so.
    #[error("npm {version} installs packages for this machine alone")]
    TooOld {
        /// Its version.
        version: String,
    },
    /// The tool did not install them.
    #[error("`{tool}` cannot install what `{list}` lists for {platform}: {said}")]
    Failed {
        /// The tool, as it was called.
        tool: &'static str,
        /// The file with the packages.
        list: &'static str,
        /// Where they were to run.
        platform: Platform,
        /// The line of its output that says most.
        said: String,
    },
    /// Where packages belong cannot be told.
    #[error("`{version}` does not say which Python it is: packages belong to one as `3.13`")]
    Version {
        /// What was said.
        version: String,
    },
    /// A file cannot be read or written.
    #[error("cannot read or write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// What was installed cannot be in an image, or not in a bill of materials.
    #[error(transparent)]
    Image(Box<mcp_cloud_image::Error>),
}

impl From<mcp_cloud_image::Error> for PackageError {
    fn from(error: mcp_cloud_image::Error) -> Self {
        Self::Image(Box::new(error))
    }
}

impl PackageError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Start { tool: "npm", .. } => {
                Some("install Node.js, which brings npm, from <https://nodejs.org>".to_owned())
            }
            Self::Start { .. } => Some("install Python 3 with pip, and see that `python3` is on the path".to_owned()),
            Self::TooOld { .. } => Some("run `npm install --global npm@latest`".to_owned()),
            Self::Version { .. } => Some("write `runtime-version = \"3.13\"` under `[build]`".to_owned()),
            Self::Failed { said, list, platform, .. } => advice(said, list, *platform),
            Self::Image(error) => error.hint(),
            Self::File { .. } => None,
        }
    }
}

/// What can be done about what a tool said. It tells these apart in words only.
fn advice(said: &str, list: &str, platform: Platform) -> Option<String> {
    let advice = if said.contains("No module named 'pip'") {
        "run `python3 -m ensurepip`, or install your system's package `python3-pip`".to_owned()
    } else if said.contains("addaudithook") {
        "install Python 3.8 or newer".to_owned()
    } else if said.contains(NO_WHEEL) {
        format!("build a wheel of it yourself, put it beside `{list}`, and name that file there")
    } else if said.contains("No matching distribution") {
        format!(
            "see that this version exists and has a wheel for {platform}; packages that have none are not built, because that \
             would run their scripts"
        )
    } else if said.starts_with("Refusing to fetch") {
        "publish it to a registry of packages; what comes from a repository runs scripts to be packed".to_owned()
    } else if said.contains("in sync") {
        "run `npm install`, and keep the `package-lock.json` that it writes".to_owned()
    } else {
        return None;
    };
    Some(advice)
}
