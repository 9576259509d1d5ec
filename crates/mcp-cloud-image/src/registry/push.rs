//! Sends an image: what is missing, and nothing else.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::TryStreamExt as _;
use oci_client::errors::OciDistributionError;
use tokio::{
    io::AsyncRead,
    sync::{
        Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    task::JoinSet,
};
use tokio_util::io::{InspectReader, ReaderStream};

use super::{Connection, Credentials, Event, Progress, Purpose, Waiting, connection};
use crate::{Blob, Digest, Error, Fault, Image, Reference, blob::Content};

/// How many pieces of content are on their way at once; registries count connections.
const AT_ONCE: usize = 6;
/// How much is handed to the connection at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where the image is, by digest: what a task definition names.
    pub reference: Reference,
    /// The image's name.
    pub digest: Digest,
    /// How many bytes of content and manifests were sent; zero if all of it was there.
    pub sent_bytes: u64,
    /// How many pieces of content were sent.
    pub sent_blobs: usize,
    /// How many manifests were written.
    pub sent_manifests: usize,
    /// How many pieces of content the registry took over from another of its repositories.
    pub mounted_blobs: usize,
}

/// Sends an image and what is attached to it to a repository, and puts it under the reference's tag.
///
/// Asks first what is there: a second push of the same image sends nothing. Layers of a base image from the same registry
/// are not sent either. Overload and lost connections are waited out, for a few seconds; after an error, the next push goes on.
///
/// # Errors
///
/// [`Error::Registry`], and [`Error::Read`] for a layer of a base image that is no longer in the cache.
pub async fn push(
    image: &Image,
    reference: &Reference,
    credentials: &Credentials,
    progress: &mut dyn Progress,
) -> Result<Pushed, Error> {
    push_waiting(image, reference, credentials, progress, &Waiting::default()).await
}

/// The same, and between attempts it is waited in this way.
///
/// # Errors
///
/// As [`push()`].
pub async fn push_waiting(
    image: &Image,
    reference: &Reference,
    credentials: &Credentials,
    progress: &mut dyn Progress,
    waiting: &Waiting,
) -> Result<Pushed, Error> {
    let connection = Connection::open(reference, credentials, Purpose::Push, waiting).await?;
    let mut pusher = Pusher::new(connection, image.digest(), progress);
    let digest = image.digest();
    let tag = reference.tag();
    let wanted = tag.map_or_else(|| reference.with_digest(digest), |tag| reference.with_tag(tag));
    let there = pusher.connection.manifest_digest(&wanted).await?;
    if there.as_ref() != Some(digest) {
        pusher.push_variants(image).await?;
        pusher.put(&image.index, tag).await?;
    }
    pusher.push_attachments(image).await?;
    Ok(pusher.pushed)
}

/// A push under way.
pub(super) struct Pusher<'a> {
    pub(super) connection: Connection,
    progress: &'a mut dyn Progress,
    pub(super) pushed: Pushed,
}

/// How a piece of content came to be there.
enum Arrival {
    Present,
    Mounted,
    Sent,
}

impl<'a> Pusher<'a> {
    pub(super) fn new(connection: Connection, digest: &Digest, progress: &'a mut dyn Progress) -> Self {
        let pushed = Pushed {
            reference: connection.reference.with_digest(digest),
            digest: digest.clone(),
            sent_bytes: 0,
            sent_blobs: 0,
            sent_manifests: 0,
            mounted_blobs: 0,
        };
        Self { connection, progress, pushed }
    }

    async fn push_variants(&mut self, image: &Image) -> Result<(), Error> {
        let mut manifests = Vec::new();
        let mut blobs = BTreeMap::new();
        for variant in &image.variants {
            let by_digest = self.connection.reference.with_digest(&variant.manifest.descriptor.digest);
            // A registry takes no manifest before all that it refers to.
            if self.connection.manifest_digest(&by_digest).await?.is_some() {
                continue;
            }
            manifests.push(&variant.manifest);
            for blob in variant.layers.iter().chain([&variant.config]) {
                blobs.insert(blob.descriptor.digest.clone(), (blob.clone(), variant.base.clone()));
            }
        }
        self.send_all(blobs.into_values().collect()).await?;
        for manifest in manifests {
            self.put(manifest, None).await?;
        }
        Ok(())
    }

    pub(super) async fn put(&mut self, manifest: &Blob, tag: Option<&str>) -> Result<(), Error> {
        self.connection.put_manifest(manifest, tag).await?;
        self.pushed.sent_manifests += 1;
        self.pushed.sent_bytes += manifest.descriptor.size;
        Ok(())
    }

    /// Sends what is missing of these. With each goes where the registry may have it, too.
    pub(super) async fn send_all(&mut self, blobs: Vec<(Blob, Option<Reference>)>) -> Result<(), Error> {
        let (events, mut heard) = unbounded_channel();
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut uploads = JoinSet::new();
        for (blob, elsewhere) in blobs {
            let upload = Upload { connection: self.connection.clone(), blob, elsewhere, events: events.clone() };
            let slots = Arc::clone(&slots);
            uploads.spawn(async move {
                let _slot = slots.acquire_owned().await.map_err(|_| Error::Interrupted)?;
                upload.run().await.map(|arrival| (arrival, upload.blob.descriptor.size))
            });
        }
        drop(events);
        loop {
            tokio::select! {
                Some(event) = heard.recv() => self.progress.event(event),
                ended = uploads.join_next() => match ended {
                    None => break,
                    Some(ended) => {
                        let (arrival, size) = ended.map_err(|_| Error::Interrupted)??;
                        self.count(&arrival, size);
                    }
                },
            }
        }
        hear_out(heard, self.progress);
        Ok(())
    }

    fn count(&mut self, arrival: &Arrival, size: u64) {
        match arrival {
            Arrival::Present => {}
            Arrival::Mounted => self.pushed.mounted_blobs += 1,
            Arrival::Sent => {
                self.pushed.sent_blobs += 1;
                self.pushed.sent_bytes += size;
            }
        }
    }
}

fn hear_out(mut heard: UnboundedReceiver<Event>, progress: &mut dyn Progress) {
    while let Ok(event) = heard.try_recv() {
        progress.event(event);
    }
}

/// One piece of content on its way.
struct Upload {
    connection: Connection,
    blob: Blob,
    elsewhere: Option<Reference>,
    events: UnboundedSender<Event>,
}

impl Upload {
    async fn run(&self) -> Result<Arrival, Error> {
        let descriptor = &self.blob.descriptor;
        let (digest, size) = (&descriptor.digest, descriptor.size);
        let reference = &self.connection.reference;
        let attempted = format!("look for the content {digest}");
        if self.connection.ask(&attempted, |client| client.blob_exists(&reference.0, digest.as_str())).await? {
            self.say(Event::Present { digest: digest.clone(), size });
            return Ok(Arrival::Present);
        }
        if self.mounted().await {
            self.say(Event::Present { digest: digest.clone(), size });
            return Ok(Arrival::Mounted);
        }
        let attempted = format!("push the content {digest} ({size} bytes)");
        let mut pause = connection::PAUSE;
        for attempt in 1.. {
            self.say(Event::Started { digest: digest.clone(), size });
            let fault = match self.send().await? {
                Ok(()) => break,
                Err(fault) => fault,
            };
            if attempt >= connection::ATTEMPTS || !connection::passes(&fault) {
                return Err(connection::registry_error(reference, &attempted, fault));
            }
            self.connection.waiting.pass(pause).await;
            pause *= 2;
        }
        self.say(Event::Finished { digest: digest.clone() });
        Ok(Arrival::Sent)
    }

    /// Asks the registry to take the content over from another of its repositories. Any other answer than yes means that
    /// it has to be sent.
    async fn mounted(&self) -> bool {
        let target = &self.connection.reference;
        let Some(source) = self.elsewhere.as_ref().filter(|source| source.registry() == target.registry()) else {
            return false;
        };
        let digest = self.blob.descriptor.digest.as_str();
        self.connection.client.mount_blob(&target.0, &source.0, digest).await.is_ok()
    }

    /// Sends the content once. The outer error is this machine's.
    async fn send(&self) -> Result<Result<(), Fault>, Error> {
        let descriptor = &self.blob.descriptor;
        let content: Box<dyn AsyncRead + Send + Unpin> = match &self.blob.content {
            Content::Bytes(bytes) => Box::new(std::io::Cursor::new(bytes.clone())),
            Content::File(path) => Box::new(
                tokio::fs::File::open(path).await.map_err(|source| Error::Read { path: path.clone(), source })?,
            ),
        };
        let moved = Arc::new(AtomicU64::new(0));
        let (counter, events, digest) = (Arc::clone(&moved), self.events.clone(), descriptor.digest.clone());
        let counted = InspectReader::new(content, move |piece: &[u8]| {
            let bytes = piece.len() as u64;
            counter.fetch_add(bytes, Ordering::Relaxed);
            let _ = events.send(Event::Moved { digest: digest.clone(), bytes });
        });
        let stream = ReaderStream::with_capacity(counted, PIECE).map_err(OciDistributionError::from);
        let (reference, digest) = (&self.connection.reference.0, descriptor.digest.as_str());
        let mut upload =
            pin!(self.connection.client.push_blob_stream(reference, stream, digest, Some(descriptor.size)));
        let mut seen = 0;
        loop {
            tokio::select! {
                sent = &mut upload => return Ok(sent.map(drop).map_err(|error| connection::fault(&error))),
                () = tokio::time::sleep(connection::PATIENCE) => {
                    let now = moved.load(Ordering::Relaxed);
                    if now == seen {
                        return Ok(Err(Fault::Stalled));
                    }
                    seen = now;
                }
            }
        }
    }

    fn say(&self, event: Event) {
        let _ = self.events.send(event);
    }
}
