//! Puts signatures where cosign looks for them: <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Connection, Credentials, Purpose, Waiting, push::Pusher};
use crate::{
    Blob, Digest, Error, Fault, Pushed, Reference, RegistryError, Signature, Silent,
    blob::{media_type, parse},
    image::Manifest,
};

/// The configuration of a signature's manifest: the least that is one.
#[derive(Serialize)]
struct SignatureConfig {
    architecture: &'static str,
    os: &'static str,
    rootfs: RootFs,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<Digest>,
}

/// Adds a signature to the image of this digest in the reference's repository. Signatures of others stay.
///
/// # Errors
///
/// [`Error::Registry`].
pub async fn attach_signature(
    signature: &Signature,
    reference: &Reference,
    digest: &Digest,
    credentials: &Credentials,
) -> Result<Pushed, Error> {
    let connection = Connection::open(reference, credentials, Purpose::Push, &Waiting::default()).await?;
    let tag = format!("{}.sig", digest.as_str().replace(':', "-"));
    let mut layers = match connection.manifest(&reference.with_tag(&tag)).await {
        Ok((content, _)) => parse::<Manifest>("the manifest of the signatures", &content)?.layers,
        Err(Error::Registry(RegistryError { fault: Fault::NotFound(_), .. })) => Vec::new(),
        Err(error) => return Err(error),
    };
    let payload = signature.blob();
    layers.push(payload.descriptor.clone());
    let diff_ids = layers.iter().map(|layer| layer.digest.clone()).collect();
    let rootfs = RootFs { kind: "layers", diff_ids };
    let config = Blob::json(media_type::CONFIG, &SignatureConfig { architecture: "", os: "", rootfs })?;
    let manifest = Manifest::new(config.descriptor.clone(), layers, BTreeMap::new());
    let manifest = Blob::json(media_type::MANIFEST, &manifest)?;
    let mut silent = Silent;
    let mut pusher = Pusher::new(connection, &manifest.descriptor.digest, &mut silent);
    pusher.send_all(vec![(payload, None), (config, None)]).await?;
    pusher.put(&manifest, Some(&tag)).await?;
    Ok(pusher.pushed)
}
