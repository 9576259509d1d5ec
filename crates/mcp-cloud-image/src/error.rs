//! What can go wrong with an image, whose fault it is, and what to do about it.

use std::{fmt, io, path::PathBuf};

use thiserror::Error as ThisError;

use crate::{Digest, Platform};

/// Why an image could not be assembled, written, read, pulled, pushed or signed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A program would not start in the image.
    #[error("the program for {platform} would not start: {problem}")]
    Unfit {
        /// Where it was to run.
        platform: Platform,
        /// Why it would not.
        problem: &'static str,
    },
    /// What was given names no platform.
    #[error("`{text}` is not a platform that images are built for")]
    NotAPlatform {
        /// What was given.
        text: String,
    },
    /// There is no platform to assemble for, or the same one twice.
    #[error("an image needs each of its platforms once, and at least one")]
    NoPlatform,
    /// What was given is no digest.
    #[error("`{text}` is not a SHA-256 digest")]
    NotADigest {
        /// What was given.
        text: String,
    },
    /// What was given is no reference.
    #[error("`{text}` does not refer to an image: {problem}")]
    NotAReference {
        /// What was given.
        text: String,
        /// What is wrong about it.
        problem: String,
    },
    /// A path cannot be one in an image.
    #[error("`{path}` cannot be a path in an image")]
    NotAPath {
        /// The path.
        path: String,
    },
    /// Something is in the way that no image could hold.
    #[error("`{}` is neither a file nor a directory nor a link", path.display())]
    NotAFile {
        /// Where it is.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A layer cannot be packed.
    #[error("cannot pack {what}")]
    Pack {
        /// What was to be packed.
        what: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A document is not what it should be.
    #[error("{what} is not a document of its kind")]
    NotJson {
        /// Which document.
        what: String,
        /// Where it is wrong.
        source: serde_json::Error,
    },
    /// `cargo metadata` knows no such package of the workspace.
    #[error("the workspace has no package `{package}`")]
    NoPackage {
        /// The package.
        package: String,
    },
    /// A folder is no OCI layout with one image.
    #[error("`{}` is not a folder with an image: {problem}", path.display())]
    NotALayout {
        /// The folder.
        path: PathBuf,
        /// What is wrong about it.
        problem: &'static str,
    },
    /// Content is not what its digest says.
    #[error("{what} is not the content {digest}: it was altered or cut short")]
    Altered {
        /// Where the content came from.
        what: String,
        /// Its name.
        digest: Digest,
    },
    /// A base image cannot be built upon.
    #[error("`{reference}` cannot be a base for {platform}: {problem}")]
    Base {
        /// The base image.
        reference: String,
        /// What was to be built.
        platform: Platform,
        /// Why it cannot.
        problem: String,
    },
    /// An image is there, but not for the platform that it is to run on.
    #[error("`{reference}` is not there for {platform}, but for {there}")]
    OtherPlatform {
        /// The image.
        reference: String,
        /// What was wanted.
        platform: Platform,
        /// What it is there for.
        there: String,
    },
    /// A registry did not do what it was asked.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A credentials file, or a program that it names, did not give credentials.
    #[error("cannot take the credentials of {registry} from {from}: {problem}")]
    Credentials {
        /// The registry they are for.
        registry: String,
        /// The file or the program.
        from: String,
        /// Why not; never what was found there.
        problem: String,
    },
    /// A key cannot sign.
    #[error("cannot sign with `{key}`: {problem}")]
    Key {
        /// What was given as the key: a file or the URI of a key service.
        key: String,
        /// Why not.
        problem: String,
    },
    /// Work in the background ended without an answer.
    #[error("the work was interrupted")]
    Interrupted,
}

impl Error {
    /// What can be done about it, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unfit { platform, .. } => {
                let target = match platform {
                    Platform::Amd64 => "x86_64-unknown-linux-musl",
                    Platform::Arm64 => "aarch64-unknown-linux-musl",
                };
                Some(format!("build it with `cargo build --release --target {target}`"))
            }
            Self::NotAPlatform { .. } => Some("write `linux/amd64` or `linux/arm64`".to_owned()),
            Self::NotAReference { .. } => {
                Some("write it as `REGISTRY/REPOSITORY:TAG`, in lower case but for the tag".to_owned())
            }
            Self::OtherPlatform { .. } => {
                Some("write the `architecture` that the image is for under `[resources]`, or build it for this one".to_owned())
            }
            Self::Registry(error) => error.hint(),
            Self::Credentials { registry, .. } => Some(format!("run `docker login {registry}`, or pass user and password")),
            Self::Key { .. } => Some(
                "make a key with `cosign generate-key-pair`, or a plain one with `openssl genpkey -algorithm EC -pkeyopt \
                 ec_paramgen_curve:P-256`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// What was tried at which registry, and why it was not done.
#[derive(Debug, ThisError)]
#[error("cannot {attempted} at the registry {registry}: {fault}")]
pub struct RegistryError {
    /// The registry's host.
    pub registry: String,
    /// What was tried, on what: "push the layer sha256:…".
    pub attempted: String,
    /// Whose fault it was.
    pub fault: Fault,
}

/// Whose fault it was that a registry did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody answers there.
    Unreachable(String),
    /// Nothing went over the connection for too long.
    Stalled,
    /// It does not know the credentials, or wants some.
    Credentials(String),
    /// Whoever the credentials belong to may not do this.
    Forbidden(String),
    /// It has no such repository, tag or content.
    NotFound(String),
    /// The tag is another image's, and tags of the repository cannot be moved.
    TagTaken(String),
    /// It asks to come back later, and did so repeatedly.
    Overloaded(u16),
    /// It refuses what was sent.
    Refused(u16, String),
    /// What it answers is not what the protocol says.
    Nonsense(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "it cannot be reached ({why})"),
            Self::Stalled => f.write_str("nothing came from it for two minutes"),
            Self::Credentials(why) => write!(f, "it does not accept the credentials{}", said(why)),
            Self::Forbidden(why) => write!(f, "the credentials do not allow that{}", said(why)),
            Self::NotFound(why) => write!(f, "it has no such thing{}", said(why)),
            Self::TagTaken(why) => write!(f, "the tag is another image's, and tags cannot be moved there{}", said(why)),
            Self::Overloaded(status) => write!(f, "it is overloaded (status {status})"),
            Self::Refused(status, why) => write!(f, "it refuses (status {status}){}", said(why)),
            Self::Nonsense(why) => write!(f, "its answer is not what the protocol says{}", said(why)),
        }
    }
}

/// A registry's own words; they may be anything, so there is an end to them.
fn said(why: &str) -> String {
    const LONGEST: usize = 300;
    let why: String = why
        .trim()
        .trim_end_matches('.')
        .chars()
        .take(LONGEST)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if why.is_empty() { why } else { format!(": {why}") }
}

impl RegistryError {
    fn hint(&self) -> Option<String> {
        let registry = &self.registry;
        match &self.fault {
            Fault::Unreachable(_) => {
                Some(format!("see that `{registry}` is spelled right and can be reached from here"))
            }
            Fault::Credentials(_) => Some(format!("run `docker login {registry}`, or pass user and password")),
            Fault::Forbidden(_) => Some("ask the owner of the repository for the right to push to it".to_owned()),
            Fault::NotFound(_) => {
                Some("see that the repository exists; many registries do not make one on a push".to_owned())
            }
            Fault::TagTaken(_) => Some("push under another tag".to_owned()),
            Fault::Stalled | Fault::Overloaded(_) => {
                Some("try again later; what is there already is not sent again".to_owned())
            }
            Fault::Refused(..) | Fault::Nonsense(_) => None,
        }
    }
}
