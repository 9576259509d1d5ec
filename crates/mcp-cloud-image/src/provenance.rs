//! Where an image comes from: a statement of SLSA's provenance 1 (<https://slsa.dev/spec/v1.1/provenance>) in an in-toto
//! statement. It is not signed, and so says no more than whoever pushes says; without times, so that it is the same each time.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Attachment, Digest, Error, Image};

/// Its media type, and how lists of referrers say which predicate it has.
const MEDIA_TYPE: &str = "application/vnd.in-toto+json";
const PREDICATE_ANNOTATION: &str = "in-toto.io/predicate-type";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What the parameters mean.
const BUILD_TYPE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/image/v1");

/// What an image was made from, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Who ran the build, as a URI: the workflow of a pipeline. `None` for this program on somebody's machine.
    pub builder: Option<String>,
    /// Where the sources come from, without user name and password; `None` if nothing says so.
    pub repository: Option<String>,
    /// The commit's full hash.
    pub commit: Option<String>,
    /// What was asked for: the app's name, the target, the package. No secrets: everybody who may pull the image reads it.
    pub parameters: BTreeMap<String, String>,
    /// The base images, by reference and digest.
    pub bases: BTreeMap<String, Digest>,
}

impl Image {
    /// Attaches a statement of where the image comes from.
    ///
    /// # Errors
    ///
    /// [`Error::NotJson`], which only a fault of this crate could cause.
    pub fn with_provenance(self, provenance: &Provenance) -> Result<Self, Error> {
        let statement = provenance.statement(&self);
        let document =
            serde_json::to_vec(&statement).map_err(|source| Error::NotJson { what: MEDIA_TYPE.to_owned(), source })?;
        let annotations = BTreeMap::from([(PREDICATE_ANNOTATION.to_owned(), PREDICATE.to_owned())]);
        let attachment = Attachment::new(&self, MEDIA_TYPE, document, annotations)?;
        Ok(self.with(attachment))
    }
}

impl Provenance {
    fn statement<'a>(&'a self, image: &'a Image) -> Statement<'a> {
        let index = Subject::of("index", image.digest());
        let variants =
            image.variants.iter().map(|variant| Subject::of("manifest", &variant.manifest.descriptor.digest));
        let sources = self.commit.as_ref().map(|commit| Material {
            uri: self.repository.as_ref().map(|repository| format!("git+{repository}")),
            digest: BTreeMap::from([("gitCommit", commit.as_str())]),
        });
        let bases = self
            .bases
            .iter()
            .map(|(reference, digest)| Material { uri: Some(format!("oci://{reference}")), digest: sha256(digest) });
        Statement {
            kind: STATEMENT,
            subject: std::iter::once(index).chain(variants).collect(),
            predicate_type: PREDICATE,
            predicate: Predicate {
                build_definition: BuildDefinition {
                    build_type: BUILD_TYPE,
                    external_parameters: &self.parameters,
                    resolved_dependencies: sources.into_iter().chain(bases).collect(),
                },
                run_details: RunDetails {
                    builder: Builder {
                        id: self.builder.as_deref().unwrap_or(env!("CARGO_PKG_REPOSITORY")),
                        version: BTreeMap::from([("mcp-cloud", env!("CARGO_PKG_VERSION"))]),
                    },
                },
            },
        }
    }
}

fn sha256(digest: &Digest) -> BTreeMap<&'static str, &str> {
    BTreeMap::from([("sha256", digest.digits())])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: Vec<Subject<'a>>,
    predicate_type: &'static str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Subject<'a> {
    name: &'static str,
    digest: BTreeMap<&'static str, &'a str>,
}

impl<'a> Subject<'a> {
    fn of(name: &'static str, digest: &'a Digest) -> Self {
        Self { name, digest: sha256(digest) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    build_definition: BuildDefinition<'a>,
    run_details: RunDetails<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    build_type: &'static str,
    external_parameters: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resolved_dependencies: Vec<Material<'a>>,
}

#[derive(Serialize)]
struct Material<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    digest: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct RunDetails<'a> {
    builder: Builder<'a>,
}

#[derive(Serialize)]
struct Builder<'a> {
    id: &'a str,
    version: BTreeMap<&'static str, &'static str>,
}
