//! What content is called by: its SHA-256.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// The name of some content, as `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(String);

const ALGORITHM: &str = "sha256:";

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(content);
        hasher.finish()
    }

    /// Reads a digest as it is written in manifests and references.
    ///
    /// # Errors
    ///
    /// [`Error::NotADigest`] for anything but SHA-256 in lower-case hexadecimal, which everything uses
    /// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests>).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let hexadecimal = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
        match text.strip_prefix(ALGORITHM) {
            Some(digits) if digits.len() == 64 && digits.bytes().all(hexadecimal) => Ok(Self(text.to_owned())),
            _ => Err(Error::NotADigest { text: text.to_owned() }),
        }
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, which also name the file in an OCI layout.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.strip_prefix(ALGORITHM).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

/// Makes a digest of content that comes in pieces.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(crate) fn finish(self) -> Digest {
        let digits = self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Digest(format!("{ALGORITHM}{digits}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_content_as_everybody_does() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        assert_eq!(Digest::parse(empty).unwrap().digits(), &empty[7..]);
    }

    #[test]
    fn refuses_what_could_lead_out_of_a_folder() {
        for text in ["", "sha256:", "sha256:../../etc/passwd", "sha512:00", &format!("sha256:{}", "A".repeat(64))] {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }
}
