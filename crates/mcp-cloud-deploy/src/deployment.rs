//! What is to be there after a deployment.

use std::{collections::BTreeMap, path::Path};

use mcp_cloud_app::{App, Code, Target, target::sam};

use crate::{
    artifact::{Archive, sha256},
    change::Blueprint,
    error::Error,
    observe::{CHANGE_SET_PREFIX, Stack},
    revision::Revision,
};

/// Stack tag that says which app of ours a stack is; without it nothing is touched.
pub const TAG_APP: &str = "mcp-cloud:app";
/// Stack tag that says where the code of the app was uploaded to.
pub const TAG_BUCKET: &str = "mcp-cloud:bucket";
/// Bucket tag that says a bucket was created for uploads and may be removed with the last of them.
pub const TAG_BUCKET_OURS: &str = "mcp-cloud:uploads";

/// What CloudFormation takes in a request
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
const TEMPLATE_LIMIT: usize = 51_200;

/// Where code is uploaded to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bucket {
    /// Ours, one for each account and region; created on demand.
    Ours(String),
    /// A bucket of the user's; only objects are put there and removed.
    Named(String),
}

impl Bucket {
    /// The bucket the user named, or ours for this account and region.
    #[must_use]
    pub fn choose(named: Option<String>, account: &str, region: &str) -> Self {
        let ours = format!("mcp-cloud-{account}-{region}");
        match named {
            Some(named) if named != ours => Self::Named(named),
            _ => Self::Ours(ours),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Ours(name) | Self::Named(name) => name,
        }
    }
}

/// The stack that is wanted, and the code it refers to.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The name of the stack: the app's.
    pub stack: String,
    /// Where the code goes.
    pub bucket: Bucket,
    /// The object that holds the code; named by its content.
    pub key: String,
    /// The code.
    pub archive: Archive,
    /// The SAM template, referring to the code.
    pub template: String,
    /// Tags of the stack and of everything in it.
    pub tags: BTreeMap<String, String>,
    /// How many revisions are kept to go back to, this one included.
    pub keep: usize,
}

impl Deployment {
    /// Lowers an app and its packed program to what CloudFormation and S3 take.
    ///
    /// # Errors
    ///
    /// [`Error::TemplateTooLong`] when the template exceeds what CloudFormation takes inline.
    pub fn new(app: &App, archive: Archive, bucket: Bucket) -> Result<Self, Error> {
        let key = key(&app.name, &archive.sha256);
        let template = template(app, &bucket, &key);
        if template.len() > TEMPLATE_LIMIT {
            return Err(Error::TemplateTooLong { bytes: template.len(), limit: TEMPLATE_LIMIT });
        }
        let mut tags = app.tags.clone();
        tags.insert(TAG_APP.to_owned(), app.name.clone());
        tags.insert(TAG_BUCKET.to_owned(), bucket.name().to_owned());
        let keep = app.lambda.keep_revisions as usize;
        Ok(Self { stack: app.name.clone(), bucket, key, archive, template, tags, keep })
    }

    /// What a revision was, from its record: its code is uploaded already.
    #[must_use]
    pub fn of_revision(app: &App, bucket: Bucket, revision: Revision) -> Self {
        Self {
            stack: app.name.clone(),
            bucket,
            key: key(&app.name, &revision.code_sha256),
            archive: Archive { bytes: Vec::new(), sha256: revision.code_sha256 },
            template: revision.template,
            tags: revision.tags,
            keep: app.lambda.keep_revisions as usize,
        }
    }

    /// Whether a stack is what is wanted, as far as its template and tags tell.
    #[must_use]
    pub fn matches(&self, stack: &Stack) -> bool {
        // CloudFormation may keep the template without its last newline.
        stack.template.as_deref().map(str::trim_end) == Some(self.template.trim_end()) && stack.tags == self.tags
    }

    /// Names what is wanted of the stack: the same for the same template and tags.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = self.template.clone();
        for (key, value) in &self.tags {
            text.push_str(&format!("\n{key}={value}"));
        }
        sha256(text.as_bytes()).get(..16).unwrap_or_default().to_owned()
    }

    pub(crate) fn blueprint(&self) -> Blueprint<'_> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        Blueprint { template: &self.template, parameters: &NONE, tags: &self.tags }
    }

    /// Names a change set of a run. Only a call that the run repeats asks for the same one.
    #[must_use]
    pub(crate) fn change_set_name(&self, run: &str) -> String {
        format!("{CHANGE_SET_PREFIX}{}-{run}", self.fingerprint())
    }
}

/// The SAM template of an app whose code is this object.
#[must_use]
pub fn template(app: &App, bucket: &Bucket, key: &str) -> String {
    let code = Code::S3 { bucket: bucket.name().to_owned(), key: key.to_owned() };
    let mut bundle = Target::Sam.emit(app, &code);
    bundle.files.remove(Path::new(sam::TEMPLATE)).unwrap_or_default()
}

/// What every upload of an app starts with.
#[must_use]
pub fn key_prefix(app: &str) -> String {
    format!("mcp-cloud/{app}/")
}

fn key(app: &str, sha256: &str) -> String {
    format!("{}{sha256}.zip", key_prefix(app))
}

/// Whether a key is an upload of an app whose hash starts like this.
#[must_use]
pub fn is_upload(app: &str, key: &str, code: &str) -> bool {
    let name = key.strip_prefix(&key_prefix(app)).and_then(|name| name.strip_suffix(".zip"));
    name.is_some_and(|hash| hash.len() == 64 && hash.starts_with(code))
}

/// Finds the hash of the code that a template refers to.
#[must_use]
pub fn code_hash<'a>(template: &'a str, app: &str) -> Option<&'a str> {
    let (_, after) = template.split_once(&key_prefix(app))?;
    let (hash, _) = after.split_once(".zip")?;
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_is_ours_unless_another_is_named() {
        assert_eq!(
            Bucket::choose(None, "123456789012", "eu-west-1"),
            Bucket::Ours("mcp-cloud-123456789012-eu-west-1".to_owned())
        );
        assert_eq!(
            Bucket::choose(Some("mine".to_owned()), "123456789012", "eu-west-1"),
            Bucket::Named("mine".to_owned())
        );
        let ours = "mcp-cloud-123456789012-eu-west-1".to_owned();
        assert_eq!(Bucket::choose(Some(ours.clone()), "123456789012", "eu-west-1"), Bucket::Ours(ours));
    }

    #[test]
    fn code_hash_is_found_in_a_template_and_nothing_else_is() {
        let hash = "0123456789abcdef".repeat(4);
        let template = format!("CodeUri:\n  Bucket: b\n  Key: {}\n", key("hello", &hash));
        assert_eq!(code_hash(&template, "hello"), Some(hash.as_str()));
        assert_eq!(code_hash(&template, "hell"), None);
        assert_eq!(code_hash("Key: mcp-cloud/hello/latest.zip", "hello"), None);
    }
}
