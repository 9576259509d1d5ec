//! Base images: pulled by digest, for one platform, into a cache.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::{io::AsyncWriteExt as _, sync::mpsc::unbounded_channel};
use tokio_util::io::InspectWriter;

use crate::{
    Blob, Credentials, Descriptor, Digest, Error, Event, Platform, Progress, Reference,
    blob::{media_type, parse},
    config::ImageConfig,
    image::{Index, Manifest},
    layout::{partial, replace, verify},
    registry::{Connection, Purpose, Waiting},
};

/// The image for one platform that another is built upon.
#[derive(Debug, Clone)]
pub struct Base {
    reference: Reference,
    /// Of the index, if the reference names one.
    digest: Digest,
    platform: Platform,
    config: ImageConfig,
    layers: Vec<Blob>,
}

impl Base {
    /// Gets the base image for this platform. A tag is resolved, and [`digest`](Self::digest) says to what; a reference with
    /// a digest is the same image each time. Content that the cache folder has is not pulled again, and with a digest and all
    /// of its content there, nobody is asked.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`]; [`Error::Altered`] if content is not what its digest says; [`Error::Base`] for an image that is
    /// not for this platform, or of a kind that cannot be built upon; [`Error::Write`] for the cache.
    pub async fn pull(
        reference: &Reference,
        platform: Platform,
        credentials: &Credentials,
        cache: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let mut puller = Puller { reference, platform, credentials, cache, progress, connection: None };
        fs::create_dir_all(cache).map_err(|source| Error::Write { path: cache.to_owned(), source })?;
        let (content, digest) = puller.manifest(reference).await?;
        let index: Index = parse("the manifest of the base image", &content)?;
        let manifest = if index.manifests.is_empty() { content } else { puller.of_index(index).await? };
        let manifest: Manifest = parse("the manifest of the base image", &manifest)?;
        let config =
            puller.content(Descriptor { media_type: media_type::CONFIG.to_owned(), ..manifest.config }).await?;
        let config: ImageConfig = config.parse()?;
        puller.require_platform(&config)?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(puller.unfit("its configuration does not name its layers".to_owned()));
        }
        let mut layers = Vec::new();
        for layer in manifest.layers {
            let layer = puller.layer(layer)?;
            layers.push(puller.content(layer).await?);
        }
        Ok(Self { reference: reference.clone(), digest, platform, config, layers })
    }

    /// What it is for.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// What the reference names, on every platform that it is there for: write it behind the reference, and the base stays
    /// what it is.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The value of a variable that it sets for what runs in it: images of runtimes say their version there.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.config.config.variable(name)
    }

    pub(crate) fn into_parts(self) -> (ImageConfig, Vec<Blob>, Reference) {
        (self.config, self.layers, self.reference)
    }
}

struct Puller<'a> {
    reference: &'a Reference,
    platform: Platform,
    credentials: &'a Credentials,
    cache: &'a Path,
    progress: &'a mut dyn Progress,
    /// Opened when something is missing in the cache.
    connection: Option<Connection>,
}

impl Puller<'_> {
    async fn connection(&mut self) -> Result<Connection, Error> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let opened = Connection::open(self.reference, self.credentials, Purpose::Pull, &Waiting::default()).await?;
        Ok(self.connection.insert(opened).clone())
    }

    /// A manifest of the cache, or of the registry.
    async fn manifest(&mut self, reference: &Reference) -> Result<(Bytes, Digest), Error> {
        if let Some(digest) = reference.digest()
            && let Ok(content) = fs::read(self.path(&digest))
            && Digest::of(&content) == digest
        {
            return Ok((content.into(), digest));
        }
        let (content, digest) = self.connection().await?.manifest(reference).await?;
        replace(&self.path(&digest), |partial| fs::write(partial, &content))?;
        Ok((content, digest))
    }

    async fn of_index(&mut self, index: Index) -> Result<Bytes, Error> {
        let fits = |entry: &Descriptor| entry.platform.as_ref().is_some_and(|platform| platform.is(self.platform));
        let Some(entry) = index.manifests.into_iter().find(fits) else {
            return Err(self.unfit("it is not there for that platform".to_owned()));
        };
        Ok(self.manifest(&self.reference.with_digest(&entry.digest)).await?.0)
    }

    fn require_platform(&self, config: &ImageConfig) -> Result<(), Error> {
        if config.os == "linux" && config.architecture == self.platform.architecture() {
            return Ok(());
        }
        Err(self.unfit(format!("it is for {}/{}", config.os, config.architecture)))
    }

    /// What our manifest says of the layer: the same bytes under the name of the kind that goes with our manifests.
    fn layer(&self, layer: Descriptor) -> Result<Descriptor, Error> {
        let kind = match layer.media_type.as_str() {
            "application/vnd.docker.image.rootfs.diff.tar.gzip" => media_type::LAYER,
            kind if kind.starts_with("application/vnd.oci.image.layer.v1.tar") => kind,
            kind => return Err(self.unfit(format!("it has a layer of the kind `{kind}`"))),
        };
        Ok(Descriptor { media_type: kind.to_owned(), annotations: std::collections::BTreeMap::new(), ..layer })
    }

    /// Content of the cache, or of the registry, held against its digest in both cases.
    async fn content(&mut self, descriptor: Descriptor) -> Result<Blob, Error> {
        let path = self.path(&descriptor.digest);
        let (digest, size) = (descriptor.digest.clone(), descriptor.size);
        if path.is_file() && verify(&path, &descriptor).is_ok() {
            self.progress.event(Event::Present { digest, size });
            return Ok(Blob::in_file(descriptor, &path));
        }
        let connection = self.connection().await?;
        self.progress.event(Event::Started { digest: digest.clone(), size });
        let partial = partial(&path);
        let pulled = self.pull(&connection, &digest, &partial).await.and_then(|()| verify(&partial, &descriptor));
        let kept = pulled
            .and_then(|()| fs::rename(&partial, &path).map_err(|source| Error::Write { path: path.clone(), source }));
        if kept.is_err() {
            let _ = fs::remove_file(&partial);
        }
        kept?;
        self.progress.event(Event::Finished { digest });
        Ok(Blob::in_file(descriptor, &path))
    }

    async fn pull(&mut self, connection: &Connection, digest: &Digest, path: &Path) -> Result<(), Error> {
        let written = |source| Error::Write { path: path.to_owned(), source };
        let mut file = tokio::fs::File::create(path).await.map_err(written)?;
        let (events, mut heard) = unbounded_channel();
        let moved = |piece: &[u8]| {
            let _ = events.send(Event::Moved { digest: digest.clone(), bytes: piece.len() as u64 });
        };
        {
            let mut pull = std::pin::pin!(connection.pull(digest, InspectWriter::new(&mut file, moved)));
            loop {
                tokio::select! {
                    pulled = &mut pull => break pulled?,
                    Some(event) = heard.recv() => self.progress.event(event),
                }
            }
        }
        while let Ok(event) = heard.try_recv() {
            self.progress.event(event);
        }
        file.flush().await.map_err(written)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.cache.join(digest.digits())
    }

    fn unfit(&self, problem: String) -> Error {
        Error::Base { reference: self.reference.to_string(), platform: self.platform, problem }
    }
}
