//! What is kept of each revision that answered: enough to go back to it, to compare the next one with it, and to say where
//! it came from. One object beside the app's uploads for each.

use std::collections::BTreeMap;

use mcp_cloud_app::target::ecs;
use serde::{Deserialize, Serialize};

use crate::{
    aws::{Deployer, s3::Written},
    deployment::key_prefix,
    error::{AwsError, Error},
    mcp::Surface,
    source::Source,
};

/// The version of the record's form.
const FORM: u32 = 1;

/// What is kept of a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// The version of this form.
    pub form: u32,
    /// Lambda's number of the version; for a service, the count of its revisions.
    pub version: String,
    /// SHA-256 of the code's archive, or of the image's manifest, in hexadecimal.
    pub code_sha256: String,
    /// The template, with which the stack becomes what it was.
    pub template: String,
    /// The tags of the stack.
    pub tags: BTreeMap<String, String>,
    /// The service beside the stack, if that is what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ecs::Service>,
    /// The commit it was built from, if there was one.
    #[serde(default)]
    pub source: Option<Source>,
    /// The version of mcp-cloud that deployed it.
    pub tool: String,
    /// The ARN of whoever deployed it.
    pub identity: String,
    /// What it offers to its clients, if that could be asked.
    #[serde(default)]
    pub surface: Option<Surface>,
    /// When the record was written, in RFC 3339, as S3 says it; absent until it is read.
    #[serde(skip)]
    pub deployed: Option<String>,
}

/// What the key of a record tells without reading it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RevisionKey {
    /// Lambda's number of the version.
    pub version: u64,
    /// [`Deployment::fingerprint`](crate::Deployment::fingerprint) of what was deployed.
    pub fingerprint: String,
    /// The first digits of the code's SHA-256.
    pub code: String,
}

/// How many digits of the code's hash stand in the key.
const CODE_DIGITS: usize = 12;

impl RevisionKey {
    /// Names the record of a version.
    #[must_use]
    pub fn new(version: u64, fingerprint: &str, code_sha256: &str) -> Self {
        let code = code_sha256.get(..CODE_DIGITS).unwrap_or(code_sha256).to_owned();
        Self { version, fingerprint: fingerprint.to_owned(), code }
    }

    /// Reads the key of an object; `None` when it is no record of this app.
    #[must_use]
    pub fn parse(app: &str, key: &str) -> Option<Self> {
        let name = key.strip_prefix(&prefix(app))?.strip_suffix(".json")?;
        let mut parts = name.split('-');
        let (version, fingerprint, code) = (parts.next()?, parts.next()?, parts.next()?);
        let complete = parts.next().is_none() && !fingerprint.is_empty() && !code.is_empty();
        complete.then_some(())?;
        Some(Self { version: version.parse().ok()?, fingerprint: fingerprint.to_owned(), code: code.to_owned() })
    }

    /// The key of the object. Sorted by it, records stand in the order of their versions.
    #[must_use]
    pub fn key(&self, app: &str) -> String {
        let Self { version, fingerprint, code } = self;
        format!("{}{version:06}-{fingerprint}-{code}.json", prefix(app))
    }
}

fn prefix(app: &str) -> String {
    format!("{}revisions/", key_prefix(app))
}

impl Revision {
    /// The number of the form that [`Deployer::keep`] writes.
    pub(crate) const FORM: u32 = FORM;
}

impl Deployer {
    /// Reads the record of a revision; `None` when it is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails, [`Error::Record`] when what is there is no record of a form that is known.
    pub async fn revision(&self, bucket: &str, app: &str, key: &RevisionKey) -> Result<Option<Revision>, Error> {
        let key = key.key(app);
        let Some(object) = self.object(bucket, &key).await? else { return Ok(None) };
        match serde_json::from_slice::<Revision>(&object.body) {
            Ok(revision) if revision.form == FORM => Ok(Some(Revision { deployed: object.modified, ..revision })),
            Ok(revision) => {
                Err(Error::Record { key, problem: format!("its form is {}, and {FORM} is known", revision.form) })
            }
            Err(error) => Err(Error::Record { key, problem: error.to_string() }),
        }
    }

    /// Keeps the record of a revision. One that is there already stays as it is.
    pub(crate) async fn keep(
        &self,
        bucket: &str,
        app: &str,
        key: &RevisionKey,
        revision: &Revision,
    ) -> Result<(), AwsError> {
        let body = serde_json::to_vec(revision)
            .map_err(|error| AwsError::local("write down the revision".to_owned(), error))?;
        match self.put_object_if(bucket, &key.key(app), body, None).await? {
            Written::Done(_) | Written::Refused => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_tells_what_it_was_made_of() {
        let key = RevisionKey::new(7, "0123456789abcdef", &"ab".repeat(32));
        assert_eq!(key.key("hello"), "mcp-cloud/hello/revisions/000007-0123456789abcdef-abababababab.json");
        assert_eq!(RevisionKey::parse("hello", &key.key("hello")), Some(key));
    }

    #[test]
    fn other_objects_are_no_records() {
        for key in [
            "mcp-cloud/hello/lock",
            "mcp-cloud/hello/revisions/x-y-z.json",
            "mcp-cloud/hello/revisions/000001-a.json",
            "",
        ] {
            assert_eq!(RevisionKey::parse("hello", key), None, "{key}");
        }
    }
}
