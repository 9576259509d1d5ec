//! What is attached to an image: in the registry's list of referrers, or where a registry keeps none under a tag
//! (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>).

use std::collections::BTreeMap;

use super::{Connection, push::Pusher};
use crate::{
    Blob, Descriptor, Digest, Error, Fault, Image, RegistryError,
    blob::{media_type, parse},
    image::Index,
};

impl Pusher<'_> {
    /// Sends the attachments that the registry does not list.
    pub(super) async fn push_attachments(&mut self, image: &Image) -> Result<(), Error> {
        if image.attachments.is_empty() {
            return Ok(());
        }
        let listed = self.connection.referrers(image.digest()).await?;
        let is_listed = |listed: &[Descriptor], digest: &Digest| listed.iter().any(|entry| entry.digest == *digest);
        let missing =
            image.attachments.iter().filter(|attachment| !is_listed(&listed, &attachment.manifest.descriptor.digest));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut blobs = BTreeMap::new();
        for blob in missing.iter().flat_map(|attachment| [&attachment.config, &attachment.document]) {
            blobs.insert(&blob.descriptor.digest, (blob.clone(), None));
        }
        self.send_all(blobs.into_values().collect()).await?;
        for attachment in &missing {
            self.put(&attachment.manifest, None).await?;
        }
        // A registry that keeps the list says so in an answer that the client does not hand on, so its list is asked.
        let mut listed = self.connection.referrers(image.digest()).await?;
        let unlisted = missing.iter().map(|attachment| &attachment.manifest.descriptor);
        let unlisted: Vec<_> = unlisted.filter(|manifest| !is_listed(&listed, &manifest.digest)).cloned().collect();
        if unlisted.is_empty() {
            return Ok(());
        }
        listed.extend(unlisted);
        let index = Blob::json(media_type::INDEX, &Index::new(listed, BTreeMap::new()))?;
        self.put(&index, Some(&tag(image.digest()))).await
    }
}

impl Connection {
    /// All that refers to the image of this digest, from the list or from the tag.
    async fn referrers(&self, digest: &Digest) -> Result<Vec<Descriptor>, Error> {
        let image = self.reference.with_digest(digest);
        let attempted = format!("list what is attached to {digest}");
        match self.ask(&attempted, |client| client.pull_referrers(&image.0, None)).await {
            // From its types into ours by way of the document, which both know.
            Ok(index) => match serde_json::to_value(&index.manifests).and_then(serde_json::from_value) {
                Ok(entries) => Ok(entries),
                Err(source) => {
                    Err(Error::NotJson { what: format!("the list of what is attached to {digest}"), source })
                }
            },
            // Registries without the list are to answer 404, and not all do.
            Err(Error::Registry(RegistryError {
                fault: Fault::Refused(..) | Fault::Nonsense(_) | Fault::NotFound(_),
                ..
            })) => self.tagged_referrers(digest).await,
            Err(error) => Err(error),
        }
    }

    async fn tagged_referrers(&self, digest: &Digest) -> Result<Vec<Descriptor>, Error> {
        match self.manifest(&self.reference.with_tag(&tag(digest))).await {
            Ok((content, _)) => Ok(parse::<Index>("the list of attachments", &content)?.manifests),
            Err(Error::Registry(RegistryError { fault: Fault::NotFound(_), .. })) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// The tag of the list of what is attached.
fn tag(digest: &Digest) -> String {
    digest.as_str().replace(':', "-")
}
