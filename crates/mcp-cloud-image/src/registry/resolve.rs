//! Finds out what a reference names, without its content.

use super::{Connection, Credentials, Purpose, Waiting};
use crate::{
    Digest, Error, Platform, Reference,
    blob::parse,
    config::ImageConfig,
    image::{Index, Manifest},
};

/// Finds the image that a reference names, which has to be there for this platform, and returns its digest: that of the
/// index, if it is there for several.
///
/// # Errors
///
/// [`Error::OtherPlatform`] where it is for others alone; [`Error::Registry`]; [`Error::Altered`] if content is not what its
/// digest says.
pub async fn resolve(reference: &Reference, platform: Platform, credentials: &Credentials) -> Result<Digest, Error> {
    let connection = Connection::open(reference, credentials, Purpose::Pull, &Waiting::default()).await?;
    let (content, digest) = connection.manifest(reference).await?;
    let index: Index = parse("the manifest of the image", &content)?;
    let there: Vec<_> = if index.manifests.is_empty() {
        let config = config(&connection, parse("the manifest of the image", &content)?).await?;
        let fits = config.os == "linux" && config.architecture == platform.architecture();
        vec![(fits, format!("{}/{}", config.os, config.architecture))]
    } else {
        // What is attached to an image in its index is for no platform.
        let known = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
        known.map(|entry| (entry.is(platform), entry.to_string())).collect()
    };
    if there.iter().any(|(fits, _)| *fits) {
        return Ok(digest);
    }
    let there: Vec<_> = there.into_iter().map(|(_, name)| name).filter(|name| !name.contains("unknown")).collect();
    Err(Error::OtherPlatform { reference: reference.to_string(), platform, there: there.join(", ") })
}

async fn config(connection: &Connection, manifest: Manifest) -> Result<ImageConfig, Error> {
    let mut config = Vec::new();
    connection.pull(&manifest.config.digest, &mut config).await?;
    let digest = Digest::of(&config);
    if digest != manifest.config.digest {
        return Err(Error::Altered { what: "the configuration of the image".to_owned(), digest });
    }
    parse("the configuration of the image", &config)
}
