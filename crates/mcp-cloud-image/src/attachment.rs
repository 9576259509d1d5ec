//! Documents about an image that are kept beside it: <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage>.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Blob, Descriptor, Error, Image, blob::media_type, image::Manifest};

/// A document that refers to an image. Registries list it among the image's referrers.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub(crate) manifest: Blob,
    pub(crate) config: Blob,
    pub(crate) document: Blob,
}

impl Attachment {
    /// Makes a document of this media type refer to the image.
    ///
    /// # Errors
    ///
    /// [`Error::NotJson`], which only a fault of this crate could cause.
    pub fn new(
        image: &Image,
        media_type: &str,
        document: impl Into<Bytes>,
        annotations: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let (config, document) = (Blob::new(media_type::EMPTY, "{}"), Blob::new(media_type, document));
        let subject = Descriptor { annotations: BTreeMap::new(), ..image.index.descriptor.clone() };
        let manifest = Manifest {
            artifact_type: Some(media_type.to_owned()),
            subject: Some(subject),
            ..Manifest::new(config.descriptor.clone(), vec![document.descriptor.clone()], annotations.clone())
        };
        let mut manifest = Blob::json(media_type::MANIFEST, &manifest)?;
        // A list of referrers says this of each (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>).
        manifest.descriptor.artifact_type = Some(media_type.to_owned());
        manifest.descriptor.annotations = annotations;
        Ok(Self { manifest, config, document })
    }
}
