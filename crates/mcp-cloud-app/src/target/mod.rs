//! What can be emitted: one folder a target, with the same file names in each.

mod aws;
pub mod azure_functions;
pub mod cloud_run;
pub mod compose;
pub mod container;
pub mod ecs;
pub mod ecs_express;
mod findings;
pub mod github_actions;
mod oauth;
pub mod sam;
mod variables;
mod yaml;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Component, Path, PathBuf},
};

use serde::Serialize;

use crate::{app::App, diagnostic::Diagnostic};

pub(crate) use self::variables::secrets as needed_secrets;

/// What the first line of every emitted file contains.
const EMITTED_BY: &str = "mcp-cloud emit";

/// A kind of files that some platform's own tools understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// An AWS SAM template: [`sam`].
    Sam,
    /// A task definition for ECS Fargate, and the stack around it: [`ecs`].
    Ecs,
    /// An ECS Express Mode service, which brings its own surroundings: [`ecs_express`].
    EcsExpress,
    /// A Cloud Run service: [`cloud_run`].
    CloudRun,
    /// An Azure Functions app: [`azure_functions`].
    AzureFunctions,
    /// Docker Compose: [`compose`].
    Compose,
    /// A GitHub Actions workflow that deploys another target: [`github_actions`].
    GithubActions,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 7] = [
        Self::Sam,
        Self::Ecs,
        Self::EcsExpress,
        Self::CloudRun,
        Self::AzureFunctions,
        Self::Compose,
        Self::GithubActions,
    ];

    /// As the command line spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sam => "sam",
            Self::Ecs => "ecs",
            Self::EcsExpress => "ecs-express",
            Self::CloudRun => "cloud-run",
            Self::AzureFunctions => "azure-functions",
            Self::Compose => "compose",
            Self::GithubActions => "github-actions",
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
        let mut found = match self {
            Self::Sam => sam::check(app),
            Self::Ecs => ecs::check(app),
            Self::EcsExpress => ecs_express::check(app),
            Self::CloudRun => cloud_run::check(app),
            Self::AzureFunctions => azure_functions::check(app),
            Self::Compose => compose::check(app),
            Self::GithubActions => github_actions::check(app),
        };
        found.sort_by_key(|diagnostic| diagnostic.position);
        found
    }

    /// Holds an app against what the platform itself takes: as [`check`](Self::check), without what is only left open in the
    /// files that are emitted. Whoever deploys without those files knows it.
    #[must_use]
    pub fn check_to_deploy(self, app: &App) -> Vec<Diagnostic> {
        let mut found = match self {
            Self::Ecs => ecs::check_to_deploy(app),
            _ => self.check(app),
        };
        found.sort_by_key(|diagnostic| diagnostic.position);
        found
    }

    /// Lowers an app to the target's files. It is total: an app that does not pass [`check`](Self::check) becomes files
    /// that the platform refuses.
    #[must_use]
    pub fn emit(self, app: &App, code: &Code) -> Bundle {
        match self {
            Self::Sam => sam::emit(app, code),
            Self::Ecs => ecs::emit(app, code),
            Self::EcsExpress => ecs_express::emit(app, code),
            Self::CloudRun => cloud_run::emit(app, code),
            Self::AzureFunctions => azure_functions::emit(app, code),
            Self::Compose => compose::emit(app, code),
            Self::GithubActions => github_actions::emit(app, code),
        }
    }

    /// The template that the target makes of an app, as JSON; nothing for a target that is no stack of CloudFormation.
    /// It is the one that [`emit`](Self::emit) writes down.
    #[must_use]
    pub fn template(self, app: &App, code: &Code) -> Option<serde_json::Value> {
        match self {
            Self::Sam => serde_json::to_value(sam::template(app, code)).ok(),
            Self::Ecs => serde_json::to_value(ecs::template(app, code)).ok(),
            Self::EcsExpress => serde_json::to_value(ecs_express::template(app, code)).ok(),
            Self::CloudRun | Self::AzureFunctions | Self::Compose | Self::GithubActions => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the emitted files lie, and what they say the server's program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// Sources on this machine, which the target's own tools build.
    Local {
        /// The absolute directory the files are emitted into; what they name is named as seen from there.
        output_directory: PathBuf,
    },
    /// A zip archive in an S3 bucket, with the program in it as `bootstrap`.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
    },
    /// An image in a registry.
    Image {
        /// As with [`Local`](Self::Local): recipes of images may be emitted all the same.
        output_directory: PathBuf,
        /// The image, by digest: what was pushed and nothing else is deployed.
        reference: String,
    },
}

impl Code {
    /// The directory the files are emitted into; the server's own where they are not meant to lie anywhere.
    pub(crate) fn directory<'a>(&'a self, app: &'a App) -> &'a Path {
        match self {
            Self::Local { output_directory } | Self::Image { output_directory, .. } => output_directory,
            Self::S3 { .. } => &app.manifest_directory,
        }
    }
}

/// The files of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Contents by path, relative to the directory the files are emitted into.
    pub files: BTreeMap<PathBuf, String>,
}

impl Bundle {
    /// Whether a file that is there already was emitted, and so may be written over. Every emitted file that can have a
    /// comment says so in its first line; JSON cannot.
    #[must_use]
    pub fn is_emitted(contents: &str) -> bool {
        contents.lines().next().is_some_and(|first| first.contains(EMITTED_BY))
    }

    /// Adds a file that can have comments; `comment` begins one there.
    pub(crate) fn text(&mut self, path: &str, target: Target, comment: &str, body: &str) {
        self.written_by(path, comment, &format!("{EMITTED_BY} --target {target}"), body);
    }

    /// Adds a file that several targets have in common, so that they can be emitted into one folder.
    pub(crate) fn shared(&mut self, path: &str, comment: &str, body: &str) {
        self.written_by(path, comment, EMITTED_BY, body);
    }

    fn written_by(&mut self, path: &str, comment: &str, command: &str, body: &str) {
        let header = format!("{comment} Written by `{command}` from mcp-cloud.toml: change that, and emit again.");
        self.files.insert(PathBuf::from(path), format!("{header}\n{body}"));
    }

    /// Adds a YAML document.
    pub(crate) fn yaml(&mut self, path: &str, target: Target, document: &impl Serialize) {
        self.text(path, target, "#", &yaml::to_string(document));
    }

    /// Adds a JSON document, which cannot say where it comes from.
    pub(crate) fn json(&mut self, path: &str, document: &impl Serialize) {
        self.files.insert(PathBuf::from(path), json(document));
    }
}

/// Prints a JSON document. Its maps have to have keys of text.
#[expect(clippy::expect_used, reason = "what has keys of text is always JSON")]
fn json(document: &impl Serialize) -> String {
    let body = serde_json::to_string_pretty(document).expect("the keys are text");
    format!("{body}\n")
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
