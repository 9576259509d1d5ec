//! What is to be there after a deployment.

use std::{collections::BTreeMap, path::Path};

use mcp_cloud_app::{
    App, Code, Target,
    target::{ecs, sam},
};
use serde_json::Value;

use crate::{
    artifact::{Archive, sha256},
    change::{self, Blueprint},
    error::Error,
    observe::{CHANGE_SET_PREFIX, Stack},
    revision::Revision,
    service::ServiceName,
};

/// Stack tag that says which app of ours a stack is; without it nothing is touched.
pub const TAG_APP: &str = "mcp-cloud:app";
/// Stack tag that says where the app runs, unless it is a function: `ecs`.
pub const TAG_TARGET: &str = "mcp-cloud:target";
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

/// The stack that is wanted, and what runs in it.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The name of the stack: the app's.
    pub stack: String,
    /// Where code and records go.
    pub bucket: Bucket,
    /// The template of the stack.
    pub template: String,
    /// Tags of the stack and of everything in it.
    pub tags: BTreeMap<String, String>,
    /// How many revisions are kept to go back to, this one included.
    pub keep: usize,
    /// What runs.
    pub workload: Workload,
}

/// What runs in a stack, or beside it.
#[derive(Debug, Clone)]
pub enum Workload {
    /// A Lambda function, which is in the stack.
    Function {
        /// The object that holds the code; named by its content.
        key: String,
        /// The code.
        archive: Archive,
    },
    /// A service on ECS, which is made with the ECS API in the surroundings that the stack is.
    Service(Box<ServiceWorkload>),
}

/// A service on ECS, and the image that its tasks run.
#[derive(Debug, Clone)]
pub struct ServiceWorkload {
    /// What ECS is asked for. Outputs of the stack stand in it by their names.
    pub service: ecs::Service,
    /// What is pushed first.
    pub image: Image,
}

impl ServiceWorkload {
    /// What the service is called.
    pub(crate) fn name(&self) -> ServiceName {
        ServiceName { cluster: self.service.cluster.clone(), service: self.service.name.clone() }
    }
}

/// An image by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its digest, `sha256:…`.
    pub digest: String,
    /// What has to be in the repository of the stack before a task can start.
    pub contents: Option<crate::image::Contents>,
}

impl Deployment {
    /// Lowers an app and its packed program to what CloudFormation and S3 take.
    ///
    /// # Errors
    ///
    /// [`Error::TemplateTooLong`] when the template exceeds what CloudFormation takes inline.
    pub fn new(app: &App, archive: Archive, bucket: Bucket) -> Result<Self, Error> {
        let key = key(&app.name, &archive.sha256);
        let template = checked(template(app, &bucket, &key))?;
        let tags = tags(app, &bucket);
        let keep = app.lambda.keep_revisions as usize;
        Ok(Self {
            stack: app.name.clone(),
            bucket,
            template,
            tags,
            keep,
            workload: Workload::Function { key, archive },
        })
    }

    /// Lowers an app and its image to what CloudFormation and ECS take in a region of an account. `repository` is where
    /// the image is when that is not the repository of the stack.
    ///
    /// # Errors
    ///
    /// [`Error::TemplateTooLong`] when the template exceeds what CloudFormation takes inline.
    pub fn of_service(
        app: &App,
        image: Image,
        repository: Option<&str>,
        (region, account): (&str, &str),
        bucket: Bucket,
    ) -> Result<Self, Error> {
        let template = checked(ecs::surroundings(app))?;
        let mut tags = tags(app, &bucket);
        tags.insert(TAG_TARGET.to_owned(), Target::Ecs.as_str().to_owned());
        let own = format!("${{{}}}", ecs::OUTPUT_REPOSITORY);
        let reference = format!("{}@{}", repository.unwrap_or(&own), image.digest);
        let known = [(ecs::IMAGE, reference.as_str()), (ecs::REGION, region), (ecs::ACCOUNT, account)];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let code = Code::Image { output_directory: app.manifest_directory.clone(), reference: reference.clone() };
        let mut service = ecs::Service::of(app, &code).with(&known);
        for document in [&mut service.task_definition, &mut service.service] {
            add_tags(document, &tags);
        }
        let workload = Workload::Service(Box::new(ServiceWorkload { service, image }));
        let keep = app.ecs.keep_revisions as usize;
        Ok(Self { stack: app.name.clone(), bucket, template, tags, keep, workload })
    }

    /// What a revision was, from its record: its code is uploaded already.
    #[must_use]
    pub fn of_revision(app: &App, bucket: Bucket, revision: Revision) -> Self {
        let (keep, workload) = match revision.service {
            Some(service) => {
                let image = Image { digest: format!("sha256:{}", revision.code_sha256), contents: None };
                (app.ecs.keep_revisions, Workload::Service(Box::new(ServiceWorkload { service, image })))
            }
            None => {
                let key = key(&app.name, &revision.code_sha256);
                let archive = Archive { bytes: Vec::new(), sha256: revision.code_sha256 };
                (app.lambda.keep_revisions, Workload::Function { key, archive })
            }
        };
        Self {
            stack: app.name.clone(),
            bucket,
            template: revision.template,
            tags: revision.tags,
            keep: keep as usize,
            workload,
        }
    }

    /// The SHA-256 of what runs, in hexadecimal: of the code's archive, or of the image's manifest.
    #[must_use]
    pub fn code_sha256(&self) -> &str {
        match &self.workload {
            Workload::Function { archive, .. } => &archive.sha256,
            Workload::Service(workload) => {
                let digest = workload.image.digest.as_str();
                digest.strip_prefix("sha256:").unwrap_or(digest)
            }
        }
    }

    /// Where it runs.
    #[must_use]
    pub fn target(&self) -> Target {
        match &self.workload {
            Workload::Function { .. } => Target::Sam,
            Workload::Service(_) => Target::Ecs,
        }
    }

    /// The object that has to be in the bucket before the stack can be as wanted.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match &self.workload {
            Workload::Function { key, .. } => Some(key),
            Workload::Service(_) => None,
        }
    }

    /// What whoever changes the stack has to acknowledge.
    pub(crate) fn capabilities(&self) -> &'static [&'static str] {
        match &self.workload {
            Workload::Function { .. } => &sam::CAPABILITIES,
            Workload::Service(_) => &ecs::CAPABILITIES,
        }
    }

    /// The service that runs in the stack, if it is one.
    pub(crate) fn service(&self) -> Option<&ServiceWorkload> {
        match &self.workload {
            Workload::Function { .. } => None,
            Workload::Service(workload) => Some(workload),
        }
    }

    /// Whether a stack is what is wanted, as far as its template and tags tell. What CloudFormation would not update a stack
    /// for is no difference.
    #[must_use]
    pub fn matches(&self, stack: &Stack) -> bool {
        let Some(template) = stack.template.as_deref() else { return false };
        // CloudFormation may keep the template without its last newline.
        let same = template.trim_end() == self.template.trim_end();
        stack.tags == self.tags && (same || is_updated_to_nothing(template, &self.template))
    }

    /// Names what is wanted: the same for the same template and tags, and the same service beside it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = self.template.clone();
        for (key, value) in &self.tags {
            text.push_str(&format!("\n{key}={value}"));
        }
        if let Some(workload) = self.service() {
            text.push_str(&serde_json::to_string(&workload.service).unwrap_or_default());
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

/// Whether templates differ in what changes only together with a resource
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-description-structure.html>, and the same for
/// outputs). A deployment of such a difference would be refused as nothing to do, every time.
fn is_updated_to_nothing(before: &str, after: &str) -> bool {
    let of_substance = |template: &str| {
        let mut template = change::parse(template).ok()?;
        let sections = template.as_object_mut()?;
        sections.retain(|section, _| !["Description", "Metadata", "Outputs"].contains(&section.as_str()));
        Some(template)
    };
    of_substance(before).is_some_and(|before| Some(before) == of_substance(after))
}

fn checked(template: String) -> Result<String, Error> {
    if template.len() > TEMPLATE_LIMIT {
        return Err(Error::TemplateTooLong { bytes: template.len(), limit: TEMPLATE_LIMIT });
    }
    Ok(template)
}

fn tags(app: &App, bucket: &Bucket) -> BTreeMap<String, String> {
    let mut tags = app.tags.clone();
    tags.insert(TAG_APP.to_owned(), app.name.clone());
    tags.insert(TAG_BUCKET.to_owned(), bucket.name().to_owned());
    tags
}

/// CloudFormation would put the tags of the stack on what is in it; what is beside it gets them here.
fn add_tags(document: &mut Value, tags: &BTreeMap<String, String>) {
    let Some(members) = document.as_object_mut() else { return };
    let tags = tags.iter().map(|(key, value)| serde_json::json!({ "key": key, "value": value }));
    members.insert("tags".to_owned(), tags.collect());
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
