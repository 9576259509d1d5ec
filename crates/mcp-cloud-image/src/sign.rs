//! Signs images as cosign does, so that `cosign verify --key` and what is built on it accept them:
//! <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>.
//!
//! A plain key (PKCS #8, ECDSA P-256) signs here. Cosign's own keys are encrypted, and others never leave a key service or a
//! token: for those the user's `cosign` signs the payload, which then asks for the password itself. Nothing else is left to it;
//! the signature goes to the registry as the image does.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde::Serialize;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::{Blob, Digest, Error, Reference};

/// The media type of what is signed, and the annotation that has the signature.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// What signs: the path of a key file, or the URI of a key as `cosign --key` takes it (`awskms://…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    name: String,
    cosign: PathBuf,
}

/// A signature of one image.
#[derive(Debug, Clone)]
pub struct Signature {
    payload: Bytes,
    signature: String,
}

/// What is signed: <https://github.com/containers/image/blob/main/docs/containers-signature.5.md#json-data-format>.
#[derive(Serialize)]
struct Payload<'a> {
    critical: Critical<'a>,
    optional: Option<()>,
}

#[derive(Serialize)]
struct Critical<'a> {
    identity: Identity<'a>,
    image: Signed<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Identity<'a> {
    docker_reference: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Signed<'a> {
    docker_manifest_digest: &'a Digest,
}

impl Key {
    /// Names a key. It is read when something is signed.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self { name: key.into(), cosign: "cosign".into() }
    }

    /// Names the program that signs where this one cannot; `cosign` on the path otherwise.
    #[must_use]
    pub fn with_cosign(self, cosign: impl Into<PathBuf>) -> Self {
        Self { cosign: cosign.into(), ..self }
    }

    /// Signs the image of this digest in the reference's repository.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] if the key cannot sign, or needs cosign and that is missing or fails.
    pub async fn sign(&self, reference: &Reference, digest: &Digest) -> Result<Signature, Error> {
        let name = format!("{}/{}", reference.registry(), reference.repository());
        let critical = Critical {
            identity: Identity { docker_reference: &name },
            image: Signed { docker_manifest_digest: digest },
            kind: "cosign container image signature",
        };
        let payload = serde_json::to_vec(&Payload { critical, optional: None })
            .map_err(|source| Error::NotJson { what: "the signature's payload".to_owned(), source })?;
        let signature = match self.plain()? {
            Some(key) => self.sign_here(&key, &payload)?,
            None => self.sign_with_cosign(&payload).await?,
        };
        Ok(Signature { payload: payload.into(), signature })
    }

    /// The key, if it is a file with a plain one.
    fn plain(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let path = Path::new(&self.name);
        if self.name.contains("://") {
            return Ok(None);
        }
        let file = std::fs::read(path).map(Zeroizing::new).map_err(|error| self.problem(error.to_string()))?;
        let encrypted = |line: &[u8]| line.starts_with(b"-----BEGIN ENCRYPTED ");
        if file.split(|byte| *byte == b'\n').any(encrypted) {
            return Ok(None);
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(&file).map_err(|_| {
            self.problem("it is not a private key in PKCS #8 (`-----BEGIN PRIVATE KEY-----`)".to_owned())
        })?;
        Ok(Some(Zeroizing::new(key.secret_pkcs8_der().to_vec())))
    }

    fn sign_here(&self, key: &[u8], payload: &[u8]) -> Result<String, Error> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key, &random)
            .map_err(|error| self.problem(format!("it is not an ECDSA key of the curve P-256 ({error})")))?;
        let signature = pair.sign(&random, payload).map_err(|_| self.problem("it does not sign".to_owned()))?;
        Ok(STANDARD.encode(signature))
    }

    /// The password is cosign's to ask for, or in `COSIGN_PASSWORD`. No transparency log: that would publish the image's
    /// name, which nobody asked for.
    async fn sign_with_cosign(&self, payload: &[u8]) -> Result<String, Error> {
        // In a file, because cosign would take standard input for the password.
        let mut file = tempfile::NamedTempFile::new().map_err(|error| self.problem(error.to_string()))?;
        file.write_all(payload).map_err(|error| self.problem(error.to_string()))?;
        let signed = Command::new(&self.cosign)
            .args([
                "sign-blob",
                "--yes",
                "--tlog-upload=false",
                "--use-signing-config=false",
                "--new-bundle-format=false",
            ])
            .args(["--key", &self.name])
            .arg(file.path())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output()
            .await;
        let program = self.cosign.display();
        let output =
            signed.map_err(|error| self.problem(format!("it takes `{program}`, which cannot be started ({error})")))?;
        let signature =
            String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap_or_default().to_owned();
        if !output.status.success() || STANDARD.decode(&signature).map_or(0, |bytes| bytes.len()) == 0 {
            return Err(self.problem(format!("`{program} sign-blob` failed")));
        }
        Ok(signature)
    }

    fn problem(&self, problem: String) -> Error {
        Error::Key { key: self.name.clone(), problem }
    }
}

impl Signature {
    /// The payload as the layer that cosign looks for.
    pub(crate) fn blob(&self) -> Blob {
        let mut blob = Blob::new(PAYLOAD, self.payload.clone());
        blob.descriptor.annotations = BTreeMap::from([(SIGNATURE.to_owned(), self.signature.clone())]);
        blob
    }
}
