//! What can be emitted: one folder a target, with the same file names in each.

pub mod sam;
mod yaml;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Component, Path, PathBuf},
};

use crate::{app::App, diagnostic::Diagnostic};

/// What the first line of every emitted file contains.
const EMITTED_BY: &str = "mcp-cloud emit";

/// A kind of files that some platform's own tools understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// An AWS SAM template: [`sam`].
    Sam,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 1] = [Self::Sam];

    /// As the command line spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sam => "sam",
        }
    }

    /// Finds a target by the name the command line uses.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.as_str() == name)
    }

    /// Holds an app against the target's limits.
    ///
    /// An app with an error among its diagnostics is not to be deployed: the platform would refuse it.
    #[must_use]
    pub fn check(self, app: &App) -> Vec<Diagnostic> {
        match self {
            Self::Sam => sam::check(app),
        }
    }

    /// Lowers an app to the target's files.
    #[must_use]
    pub fn emit(self, app: &App, code: &Code) -> Bundle {
        match self {
            Self::Sam => sam::emit(app, code),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the emitted files say the server's program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// Sources on this machine, which the target's own tool builds.
    Local {
        /// Directory of the cargo package, relative to the emitted file, with `/` between its parts.
        directory: String,
    },
    /// A zip archive in an S3 bucket, with the program in it as `bootstrap`.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
    },
}

impl Code {
    /// Names the sources of an app as seen from the absolute directory the files are emitted into.
    #[must_use]
    pub fn local(app: &App, output_directory: &Path) -> Self {
        Self::Local { directory: relative(output_directory, &app.package_directory) }
    }
}

/// The files of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Contents by path, relative to the directory the files are emitted into.
    pub files: BTreeMap<PathBuf, String>,
}

impl Bundle {
    /// Whether a file that is there already was emitted, and so may be written over. Every emitted file says so in its
    /// first line.
    #[must_use]
    pub fn is_emitted(contents: &str) -> bool {
        contents.lines().next().is_some_and(|first| first.contains(EMITTED_BY))
    }
}

/// How `to` is written in a file that lies in `from`; both absolute. With nothing in common (two drives), `to` itself.
fn relative(from: &Path, to: &Path) -> String {
    let (mut from, mut to_parts) = (from.components().peekable(), to.components().peekable());
    let mut common = false;
    while let (Some(one), Some(other)) = (from.peek(), to_parts.peek())
        && one == other
    {
        common = true;
        from.next();
        to_parts.next();
    }
    if !common {
        return to.display().to_string();
    }
    let up = from.map(|_| "..".to_owned());
    let down = to_parts.filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let parts: Vec<_> = up.chain(down).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_path_climbs_no_further_than_needed() {
        let relative = |from: &str, to: &str| super::relative(Path::new(from), Path::new(to));
        assert_eq!(relative("/a/b", "/a/b"), ".");
        assert_eq!(relative("/a", "/a/b/c"), "b/c");
        assert_eq!(relative("/a/x/y", "/a/b"), "../../b");
    }

    #[test]
    fn every_target_is_found_by_its_name() {
        for target in Target::ALL {
            assert_eq!(Target::from_name(target.as_str()), Some(target));
        }
        assert_eq!(Target::from_name("SAM "), None);
    }
}
