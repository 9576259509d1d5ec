//! Content with its name and its kind: layers, configurations and manifests.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Digest, Error, platform::PlatformEntry};

/// Media types of what images consist of: <https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md>.
pub(crate) mod media_type {
    pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// What registries still hand out for images that Docker pushed.
    pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
}

/// What refers to content: its kind, its name and its size in bytes
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What kind of content it is.
    pub media_type: String,
    /// Its name.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What an artifact is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<PlatformEntry>,
}

/// Content together with what refers to it.
#[derive(Clone)]
pub struct Blob {
    pub(crate) descriptor: Descriptor,
    pub(crate) content: Content,
}

/// Where content is.
#[derive(Clone)]
pub(crate) enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file that was held against the digest when it was written.
    File(PathBuf),
}

impl Blob {
    pub(crate) fn new(media_type: &str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let descriptor = Descriptor {
            media_type: media_type.to_owned(),
            digest: Digest::of(&content),
            size: content.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
        };
        Self { descriptor, content: Content::Bytes(content) }
    }

    /// A document as compact JSON, whose members stand in the order of the type's fields.
    pub(crate) fn json(media_type: &str, document: &impl Serialize) -> Result<Self, Error> {
        let content =
            serde_json::to_vec(document).map_err(|source| Error::NotJson { what: media_type.to_owned(), source })?;
        Ok(Self::new(media_type, content))
    }

    pub(crate) fn in_file(descriptor: Descriptor, path: &Path) -> Self {
        Self { descriptor, content: Content::File(path.to_owned()) }
    }

    /// What refers to it.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// All of it.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if it is in a file that cannot be read.
    pub fn read(&self) -> Result<Bytes, Error> {
        match &self.content {
            Content::Bytes(bytes) => Ok(bytes.clone()),
            Content::File(path) => {
                std::fs::read(path).map(Bytes::from).map_err(|source| Error::Read { path: path.clone(), source })
            }
        }
    }

    pub(crate) fn parse<T: for<'a> Deserialize<'a>>(&self) -> Result<T, Error> {
        parse(&self.descriptor.media_type, &self.read()?)
    }
}

/// Reads a document that somebody else may have written.
pub(crate) fn parse<T: for<'a> Deserialize<'a>>(what: &str, content: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(content).map_err(|source| Error::NotJson { what: what.to_owned(), source })
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blob").field(&self.descriptor).finish()
    }
}
