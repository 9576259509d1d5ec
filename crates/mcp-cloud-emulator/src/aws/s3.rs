//! S3: buckets and objects, with the conditions of writes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    clock::Time,
    state::{State, hex, unknown},
    wire::{Asked, Fault, Reply},
};

/// The most keys of one page.
const PAGE: usize = 1000;

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) region: String,
    pub(super) owner: String,
    /// What was said of it, by the name of the part.
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) objects: BTreeMap<String, Object>,
}

/// An object. No versions are kept.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) etag: String,
    modified: Time,
    /// Headers that come back as they were given.
    headers: Vec<(&'static str, String)>,
}

pub(super) fn make(state: &mut State, name: &str, region: &str, owner: &str) {
    let bucket = Bucket {
        region: region.to_owned(),
        owner: owner.to_owned(),
        settings: BTreeMap::new(),
        objects: BTreeMap::new(),
    };
    state.buckets.insert(name.to_owned(), bucket);
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "ListBuckets" => return Ok(buckets(state)),
        "CreateBucket" => return create(state, asked),
        _ => {}
    }
    let now = state.clock;
    let reachable = reach(state, asked)?;
    match asked.action.as_str() {
        "HeadBucket" => Ok(Reply::empty().with_header("x-amz-bucket-region", reachable.region.clone())),
        "GetBucketLocation" => {
            let region = Some(&reachable.region).filter(|region| *region != "us-east-1");
            Ok(Reply::of(json!({ "LocationConstraint": region })))
        }
        "ListObjectsV2" => Ok(list(reachable, asked)),
        "ListObjectVersions" => Ok(versions(reachable, asked)),
        "PutObject" => put(reachable, asked, now),
        "GetObject" => object(reachable, asked).map(|object| with_headers(object, Reply::empty(), true)),
        "HeadObject" => object(reachable, asked).map(|object| with_headers(object, Reply::empty(), false)),
        "DeleteObject" => delete(reachable, asked),
        "DeleteObjects" => Ok(delete_all(reachable, asked)),
        "DeleteBucket" => delete_bucket(state, asked),
        action => settings(reachable, asked, action),
    }
}

fn bucket_name(asked: &Asked) -> &str {
    asked.text("Bucket").unwrap_or_default()
}

/// The bucket, if whoever asks may see it from where they ask.
fn reach<'a>(state: &'a mut State, asked: &Asked) -> Result<&'a mut Bucket, Fault> {
    let account = state.account_id.clone();
    let missing = || Fault::new(404, "NoSuchBucket", "The specified bucket does not exist");
    let bucket = state.buckets.get_mut(bucket_name(asked)).ok_or_else(missing)?;
    let foreign = bucket.owner != account
        || asked.header("x-amz-expected-bucket-owner").is_some_and(|expected| expected != bucket.owner);
    if foreign {
        return Err(Fault::new(403, "AccessDenied", "Access Denied"));
    }
    if bucket.region != asked.region && asked.action != "GetBucketLocation" {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                       send all future requests to this endpoint.";
        return Err(
            Fault::new(301, "PermanentRedirect", message).with_header("x-amz-bucket-region", bucket.region.clone())
        );
    }
    Ok(bucket)
}

fn buckets(state: &State) -> Reply {
    let ours = state.buckets.iter().filter(|(_, bucket)| bucket.owner == state.account_id);
    let ours: Vec<_> = ours
        .map(|(name, bucket)| json!({ "Name": name, "CreationDate": state.clock.iso(), "BucketRegion": bucket.region }))
        .collect();
    Reply::of(json!({ "ListAllMyBucketsResult": { "Buckets": { "Bucket": ours } } }))
}

fn create(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = bucket_name(asked).to_owned();
    let wanted = asked.parameters.get("Body").and_then(|body| body.get("LocationConstraint")).and_then(Value::as_str);
    if asked.region != wanted.unwrap_or("us-east-1") {
        let message = "The unspecified location constraint is incompatible for the region specific endpoint this \
                       request was sent to.";
        return Err(Fault::new(400, "IllegalLocationConstraintException", message));
    }
    if let Some(bucket) = state.buckets.get(&name) {
        return Err(if bucket.owner == state.account_id {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            Fault::new(409, "BucketAlreadyOwnedByYou", message)
        } else {
            let message = "The requested bucket name is not available. The bucket namespace is shared by all users of \
                           the system. Please select a different name and try again.";
            Fault::new(409, "BucketAlreadyExists", message)
        });
    }
    let owner = state.account_id.clone();
    make(state, &name, &asked.region, &owner);
    Ok(Reply::empty().with_header("location", format!("/{name}")))
}

fn list(bucket: &Bucket, asked: &Asked) -> Reply {
    let prefix = asked.text("prefix").unwrap_or_default();
    let after = asked.text("continuation-token").or(asked.text("start-after")).unwrap_or_default();
    let most = asked.number("max-keys").and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE).min(PAGE);
    let mut found = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
    let page: Vec<_> = found.by_ref().take(most).collect();
    let next = found.next().and(page.last()).map(|(key, _)| (*key).clone());
    let contents: Vec<_> = page
        .iter()
        .map(|(key, object)| {
            json!({
                "Key": key, "LastModified": object.modified.iso(), "ETag": object.etag, "Size": object.bytes.len(),
                "StorageClass": "STANDARD",
            })
        })
        .collect();
    Reply::of(json!({ "ListBucketResult": {
        "Name": bucket_name(asked), "Prefix": prefix, "KeyCount": contents.len(), "MaxKeys": most,
        "IsTruncated": next.is_some(), "NextContinuationToken": next, "Contents": contents,
    } }))
}

/// Each object is its only version, as in a bucket that never kept any.
fn versions(bucket: &Bucket, asked: &Asked) -> Reply {
    let prefix = asked.text("prefix").unwrap_or_default();
    let found = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix));
    let found: Vec<_> = found
        .map(|(key, object)| {
            json!({
                "Key": key, "VersionId": "null", "IsLatest": true, "LastModified": object.modified.iso(),
                "ETag": object.etag, "Size": object.bytes.len(),
            })
        })
        .collect();
    Reply::of(json!({ "ListVersionsResult": {
        "Name": bucket_name(asked), "Prefix": prefix, "IsTruncated": false, "Version": found,
    } }))
}

fn precondition_failed() -> Fault {
    Fault::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

fn no_such_key() -> Fault {
    Fault::new(404, "NoSuchKey", "The specified key does not exist.")
}

/// Holds the conditions of a write against what is there
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
fn check_conditions(there: Option<&Object>, asked: &Asked) -> Result<(), Fault> {
    if asked.header("if-none-match") == Some("*") && there.is_some() {
        return Err(precondition_failed());
    }
    match (asked.header("if-match"), there) {
        (Some(_), None) => Err(no_such_key()),
        (Some(expected), Some(object)) if expected != "*" && quoted(expected) != object.etag => {
            Err(precondition_failed())
        }
        _ => Ok(()),
    }
}

fn quoted(etag: &str) -> String {
    format!("\"{}\"", etag.trim_matches('"'))
}

fn key(asked: &Asked) -> &str {
    asked.text("Key").unwrap_or_default()
}

fn put(bucket: &mut Bucket, asked: &Asked, now: Time) -> Result<Reply, Fault> {
    check_conditions(bucket.objects.get(key(asked)), asked)?;
    let digest = hex(&Sha256::digest(&asked.body));
    let etag = quoted(digest.get(..32).unwrap_or_default());
    let mut headers = Vec::new();
    for name in ["content-type", "content-encoding", "cache-control"] {
        if let Some(value) = asked.header(name).filter(|value| *value != "aws-chunked") {
            headers.push((name, value.to_owned()));
        }
    }
    let object = Object { bytes: asked.body.clone(), etag: etag.clone(), modified: now, headers };
    bucket.objects.insert(key(asked).to_owned(), object);
    Ok(Reply::empty().with_header("etag", etag).with_header("x-amz-server-side-encryption", "AES256"))
}

fn object<'a>(bucket: &'a Bucket, asked: &Asked) -> Result<&'a Object, Fault> {
    let object = bucket.objects.get(key(asked)).ok_or_else(no_such_key)?;
    if asked.header("if-match").is_some_and(|expected| quoted(expected) != object.etag) {
        return Err(precondition_failed());
    }
    if asked.header("if-none-match").is_some_and(|known| quoted(known) == object.etag) {
        return Err(Fault::new(304, "NotModified", "Not Modified"));
    }
    Ok(object)
}

fn with_headers(object: &Object, mut reply: Reply, with_body: bool) -> Reply {
    reply.headers.extend(object.headers.iter().cloned());
    reply.headers.push(("etag", object.etag.clone()));
    reply.headers.push(("last-modified", object.modified.http()));
    reply.headers.push(("content-length", object.bytes.len().to_string()));
    reply.raw = with_body.then(|| object.bytes.clone());
    reply
}

fn delete(bucket: &mut Bucket, asked: &Asked) -> Result<Reply, Fault> {
    check_conditions(bucket.objects.get(key(asked)), asked)?;
    bucket.objects.remove(key(asked));
    Ok(Reply::empty().with_status(204))
}

/// One item or several.
fn several(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(item) => vec![item],
        None => Vec::new(),
    }
}

fn delete_all(bucket: &mut Bucket, asked: &Asked) -> Reply {
    let body = asked.parameters.get("Body");
    let keys = several(body.and_then(|body| body.get("Object")));
    let keys: Vec<&str> = keys.iter().filter_map(|object| object.get("Key")?.as_str()).collect();
    for key in &keys {
        bucket.objects.remove(*key);
    }
    let quiet = body.and_then(|body| body.get("Quiet")?.as_str()) == Some("true");
    let deleted: Vec<_> = if quiet { Vec::new() } else { keys.iter().map(|key| json!({ "Key": key })).collect() };
    Reply::of(json!({ "DeleteResult": { "Deleted": deleted } }))
}

fn delete_bucket(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    if !reach(state, asked)?.objects.is_empty() {
        return Err(Fault::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"));
    }
    state.buckets.remove(bucket_name(asked));
    Ok(Reply::empty().with_status(204))
}

/// What the parts of a bucket are called, in calls and in XML, and how AWS says that there is none.
const SETTINGS: &[(&str, &str, &str, &str)] = &[
    ("BucketTagging", "Tagging", "NoSuchTagSet", "The TagSet does not exist"),
    (
        "BucketEncryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ),
    (
        "PublicAccessBlock",
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ),
    ("BucketVersioning", "VersioningConfiguration", "", ""),
    (
        "BucketLifecycleConfiguration",
        "LifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    ),
    (
        "BucketOwnershipControls",
        "OwnershipControls",
        "OwnershipControlsNotFoundError",
        "The bucket ownership controls were not found",
    ),
];

fn settings(bucket: &mut Bucket, asked: &Asked, action: &str) -> Result<Reply, Fault> {
    let found = SETTINGS.iter().find_map(|setting| {
        let verb = action.strip_suffix(setting.0)?;
        ["Put", "Get", "Delete"].contains(&verb).then_some((verb, setting))
    });
    let Some((verb, (name, root, code, message))) = found else { return Err(unknown(asked)) };
    match verb {
        "Put" => {
            bucket.settings.insert((*name).to_owned(), asked.parameters.get("Body").cloned().unwrap_or_default());
            Ok(Reply::empty().with_status(if *name == "BucketTagging" { 204 } else { 200 }))
        }
        "Delete" => {
            bucket.settings.remove(*name);
            Ok(Reply::empty().with_status(204))
        }
        _ => match bucket.settings.get(*name) {
            Some(value) => Ok(Reply::of(Value::Object(Map::from_iter([((*root).to_owned(), value.clone())])))),
            None if code.is_empty() => Ok(Reply::of(json!({ *root: {} }))),
            None => Err(Fault::new(404, *code, *message)),
        },
    }
}
