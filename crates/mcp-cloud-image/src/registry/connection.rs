//! One repository of one registry: authentication, repetition, and errors that say whose fault it was.

use std::{error::Error as StdError, future::Future, time::Duration};

use bytes::Bytes;
use oci_client::{
    Client, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    secrets::RegistryAuth,
};
use tokio::io::AsyncWrite;

use super::{Credentials, Waiting};
use crate::{
    Blob, Digest, Error, Fault, Reference, RegistryError,
    blob::media_type::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST},
};

/// How often a question is put; all of them may be repeated.
pub(super) const ATTEMPTS: u32 = 4;
/// The wait before the second attempt; it doubles with each.
pub(super) const PAUSE: Duration = Duration::from_millis(300);
/// How long nothing may happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// This machine, as lists of what needs no proxy have it.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// What a connection is for; registries give other tokens for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Pull,
    Push,
}

/// An authenticated client for one repository.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) client: Client,
    auth: RegistryAuth,
    pub(super) reference: Reference,
    pub(super) waiting: Waiting,
}

impl Connection {
    pub(crate) async fn open(
        reference: &Reference,
        credentials: &Credentials,
        purpose: Purpose,
        waiting: &Waiting,
    ) -> Result<Self, Error> {
        // The process has one provider of cryptography for clients that name none; one that is set already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let local = reference.is_local().then(|| reference.registry().to_owned());
        let no_proxy = local.is_some().then(|| LOOPBACK.to_owned());
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(local.into_iter().collect()),
            // One request for each piece of content, as other clients do; ECR wants chunks of 5 MB and more.
            use_monolithic_push: true,
            connect_timeout: Some(Duration::from_secs(10)),
            user_agent: concat!("mcp-cloud/", env!("CARGO_PKG_VERSION")),
            // The environment's proxies are for what is elsewhere. The client leaves them aside for one of its own, which
            // nothing is sent to.
            http_proxy: no_proxy.is_some().then(|| "http://localhost".to_owned()),
            no_proxy,
            ..ClientConfig::default()
        };
        let failed = |error: OciDistributionError| registry_error(reference, "prepare a connection", fault(&error));
        let client = Client::try_from(config).map_err(failed)?;
        let auth = credentials.to_auth();
        let connection = Self { client, auth, reference: reference.clone(), waiting: waiting.clone() };
        let operation = match purpose {
            Purpose::Pull => RegistryOperation::Pull,
            Purpose::Push => RegistryOperation::Push,
        };
        // The client would hide why it got no token, and go on without one.
        let attempted = format!("log in for `{}`", reference.repository());
        connection.ask(&attempted, |client| client.auth(&reference.0, &connection.auth, operation)).await?;
        Ok(connection)
    }

    /// Puts a question, again if the registry is overloaded or gone for a moment.
    pub(super) async fn ask<'a, T, F>(&'a self, attempted: &str, question: impl Fn(&'a Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, OciDistributionError>>,
    {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let fault = match tokio::time::timeout(PATIENCE, question(&self.client)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => fault(&error),
                Err(_) => Fault::Stalled,
            };
            if attempt >= ATTEMPTS || !passes(&fault) {
                return Err(registry_error(&self.reference, attempted, fault));
            }
            self.waiting.pass(pause).await;
            pause *= 2;
        }
        Err(Error::Interrupted)
    }

    /// Which manifest there is under a tag or a digest.
    pub(super) async fn manifest_digest(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let attempted = format!("look for `{reference}`");
        let digest = self.ask(&attempted, |client| client.fetch_manifest_digest(&reference.0, &self.auth)).await;
        match digest {
            Ok(digest) => Digest::parse(&digest).map(Some),
            Err(Error::Registry(RegistryError { fault: Fault::NotFound(_), .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The manifest under a tag or a digest, held against the digest.
    pub(crate) async fn manifest(&self, reference: &Reference) -> Result<(Bytes, Digest), Error> {
        let attempted = format!("get the manifest of `{reference}`");
        let accepted = [INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST];
        let (content, _) =
            self.ask(&attempted, |client| client.pull_manifest_raw(&reference.0, &self.auth, &accepted)).await?;
        let digest = Digest::of(&content);
        if reference.digest().is_some_and(|wanted| wanted != digest) {
            return Err(Error::Altered { what: format!("the manifest from {}", reference.registry()), digest });
        }
        Ok((content, digest))
    }

    /// Writes the content to `out` as it comes. One attempt: what is written cannot be taken back.
    pub(crate) async fn pull(&self, digest: &Digest, out: impl AsyncWrite) -> Result<(), Error> {
        let pulled = self.client.pull_blob(&self.reference.0, digest.as_str(), out).await;
        let attempted = format!("pull the content {digest} of `{}`", self.reference.repository());
        pulled.map_err(|error| registry_error(&self.reference, &attempted, fault(&error)))
    }

    /// Puts a manifest under this tag, or under its digest.
    pub(super) async fn put_manifest(&self, manifest: &Blob, tag: Option<&str>) -> Result<(), Error> {
        let digest = manifest.descriptor.digest.as_str();
        // Not a reference with a digest: for a registry that does not say where it put a manifest (ECR is one), the client
        // cuts the tag off its own address, and panics where that does not end with one. The address is the same.
        let reference = self.reference.with_tag(tag.unwrap_or(digest));
        let attempted = match tag {
            Some(tag) => format!("push the manifest {digest} as `{}:{tag}`", reference.repository()),
            None => format!("push the manifest {digest} to `{}`", reference.repository()),
        };
        let content = manifest.read()?;
        let kind = manifest.descriptor.media_type.parse::<http::HeaderValue>();
        let kind = kind.map_err(|_| registry_error(&reference, &attempted, Fault::Nonsense(String::new())))?;
        self.ask(&attempted, |client| client.push_manifest_raw(&reference.0, content.clone(), kind.clone())).await?;
        Ok(())
    }
}

pub(super) fn registry_error(reference: &Reference, attempted: &str, fault: Fault) -> Error {
    let registry = reference.registry().to_owned();
    RegistryError { registry, attempted: attempted.to_owned(), fault }.into()
}

/// Whether it may be gone by itself.
pub(super) fn passes(fault: &Fault) -> bool {
    matches!(fault, Fault::Unreachable(_) | Fault::Overloaded(_) | Fault::Stalled)
}

/// Whose fault an error is. Addresses are left out: those of uploads carry what lets anybody write to them.
pub(super) fn fault(error: &OciDistributionError) -> Fault {
    use OciDistributionError as E;
    match error {
        E::AuthenticationFailure(why) => Fault::Credentials(words(why)),
        E::UnauthorizedError { .. } => Fault::Credentials(String::new()),
        E::ImageManifestNotFoundError(_) => Fault::NotFound(String::new()),
        E::RegistryError { envelope, .. } => match envelope.errors.first() {
            Some(first) => by_code(&first.code, &first.message),
            None => Fault::Nonsense(String::new()),
        },
        E::ServerError { code, message, .. } => by_status(*code, message),
        E::RequestError(error) => match error.status() {
            Some(status) => by_status(status.as_u16(), ""),
            None => Fault::Unreachable(innermost(error)),
        },
        E::DigestError(error) => Fault::Nonsense(error.to_string()),
        E::IoError(error) => Fault::Unreachable(error.to_string()),
        other => Fault::Nonsense(other.to_string()),
    }
}

fn by_code(code: &OciErrorCode, message: &str) -> Fault {
    let message = message.to_owned();
    match code {
        OciErrorCode::Unauthorized => Fault::Credentials(message),
        OciErrorCode::Denied if is_over(&message) => Fault::Credentials(message),
        OciErrorCode::Denied => Fault::Forbidden(message),
        OciErrorCode::ManifestUnknown
        | OciErrorCode::NameUnknown
        | OciErrorCode::NotFound
        | OciErrorCode::BlobUnknown => Fault::NotFound(message),
        OciErrorCode::Toomanyrequests => Fault::Overloaded(429),
        OciErrorCode::TagInvalid => Fault::TagTaken(message),
        _ => Fault::Refused(400, message),
    }
}

fn by_status(status: u16, body: &str) -> Fault {
    let envelope = serde_json::from_str::<oci_client::errors::OciEnvelope>(body).ok();
    let first = envelope.and_then(|envelope| envelope.errors.into_iter().next());
    let message = first.as_ref().map(|error| error.message.clone()).unwrap_or_default();
    match (status, first.map(|error| error.code)) {
        (429 | 500.., _) => Fault::Overloaded(status),
        // ECR's answer to another image under a tag of an immutable repository.
        (_, Some(OciErrorCode::TagInvalid)) => Fault::TagTaken(message),
        (401, _) => Fault::Credentials(message),
        (403, _) if is_over(&message) => Fault::Credentials(message),
        (403, _) => Fault::Forbidden(message),
        (404, _) => Fault::NotFound(message),
        _ => Fault::Refused(status, message),
    }
}

/// Whether credentials were good once: ECR says so with the status of what is forbidden.
fn is_over(message: &str) -> bool {
    message.contains("token has expired")
}

/// A token service's answer is often a document like a registry's own; without one, it is not repeated.
fn words(body: &str) -> String {
    match by_status(401, body) {
        Fault::Credentials(message) => message,
        _ => String::new(),
    }
}

/// What the lowest layer says; those above it say that something below failed.
fn innermost(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
