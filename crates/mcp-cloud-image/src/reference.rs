//! Where an image is: registry, repository, and a tag or a digest.

use std::{fmt, str::FromStr};

use crate::{Digest, Error};

/// A reference as `docker pull` takes it: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`. Without a registry it is Docker Hub's,
/// without tag and digest it is the tag `latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(pub(crate) oci_client::Reference);

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    ///
    /// [`Error::NotAReference`] with what is wrong about it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = |problem: String| Error::NotAReference { text: text.to_owned(), problem };
        let reference = oci_client::Reference::from_str(text).map_err(|error| refused(error.to_string()))?;
        // Registries refuse it, and the parser does not.
        if reference.repository().chars().any(char::is_uppercase) {
            return Err(refused("the repository has capital letters".to_owned()));
        }
        if let Some(digest) = reference.digest() {
            Digest::parse(digest).map_err(|error| refused(error.to_string()))?;
        }
        Ok(Self(reference))
    }

    /// The registry's host, and its port if there is one.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The repository within the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    /// The digest; whoever pulls by it gets what it names or nothing.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.0.digest().and_then(|digest| Digest::parse(digest).ok())
    }

    /// The same repository, and in it what the digest names.
    #[must_use]
    pub fn with_digest(&self, digest: &Digest) -> Self {
        Self(oci_client::Reference::with_digest(
            self.registry().to_owned(),
            self.repository().to_owned(),
            digest.to_string(),
        ))
    }

    /// The same repository, and in it what the tag names.
    pub(crate) fn with_tag(&self, tag: &str) -> Self {
        Self(oci_client::Reference::with_tag(self.registry().to_owned(), self.repository().to_owned(), tag.to_owned()))
    }

    /// Whether the registry is this machine, which is talked to without TLS, as every client does.
    pub(crate) fn is_local(&self) -> bool {
        let registry = self.registry();
        let host = match registry.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => registry.split(':').next(),
        };
        let host = host.unwrap_or_default();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.whole())
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_out_is_docker_hubs() {
        let reference = Reference::parse("node:24-bookworm-slim").unwrap();
        assert_eq!((reference.registry(), reference.repository()), ("docker.io", "library/node"));
        assert_eq!(reference.tag(), Some("24-bookworm-slim"));
        assert_eq!(Reference::parse("ghcr.io/me/it").unwrap().tag(), Some("latest"));
    }

    #[test]
    fn only_this_machine_is_talked_to_without_tls() {
        for (text, local) in [
            ("127.0.0.1:5000/t/x:1", true),
            ("localhost:5000/x", true),
            ("localhost.example.com/x", false),
            ("127.0.0.1.example.com/x", false),
            ("10.0.0.1:5000/x", false),
        ] {
            assert_eq!(Reference::parse(text).unwrap().is_local(), local, "{text}");
        }
    }

    #[test]
    fn a_reference_that_is_none_is_refused_with_its_text() {
        for text in ["", "UPPER/case", "x@sha256:00", "a b"] {
            let refused = Reference::parse(text).unwrap_err().to_string();
            assert!(refused.contains(&format!("`{text}`")), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read_or_refused_without_a_panic(text in "[a-zA-Z0-9:@/._\\[\\] -]{0,80}|\\PC{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                let _ = (reference.is_local(), reference.digest(), reference.to_string());
            }
        }
    }
}
