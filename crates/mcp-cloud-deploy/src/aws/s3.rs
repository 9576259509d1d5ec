//! S3 in the words of this crate. Every call names the account the bucket must belong to.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tag, Tagging,
};

use super::{Deployer, rfc3339};
use crate::{
    deployment::TAG_BUCKET_OURS,
    error::{AwsError, AwsFault, Error},
    observe::BucketContents,
};

/// The one region that must not be named when a bucket is created there.
const FIRST_REGION: &str = "us-east-1";
/// What one call deletes at most.
const DELETE_BATCH: usize = 1000;

/// An object as it was read.
pub(crate) struct Object {
    /// What S3 calls this content of it.
    pub(crate) tag: String,
    /// When it was written, in RFC 3339.
    pub(crate) modified: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Whether a write that had a condition was done.
pub(crate) enum Written {
    /// With the tag that the object has now.
    Done(String),
    /// Something else is there, or nothing any more.
    Refused,
}

impl Deployer {
    /// Reads a bucket's tags and the keys that start with `prefix`; `None` when there is no such bucket.
    pub(crate) async fn bucket_contents(&self, bucket: &str, prefix: &str) -> Result<Option<BucketContents>, Error> {
        let head = self.s3.head_bucket().bucket(bucket).expected_bucket_owner(self.account()).send().await;
        // Another region refuses the call, and names the bucket's own region beside it.
        let region = match &head {
            Ok(head) => head.bucket_region(),
            Err(error) => error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region")),
        };
        if let Some(actual) = region.filter(|actual| *actual != self.region()) {
            let (bucket, actual, expected) = (bucket.to_owned(), actual.to_owned(), self.region().to_owned());
            return Err(Error::BucketElsewhere { bucket, actual, expected });
        }
        match head.map_err(|error| AwsError::new(format!("look for the bucket `{bucket}`"), error)) {
            Ok(_) => {}
            Err(error) if error.is("NotFound") || error.is("NoSuchBucket") || error.is("HTTP 404") => return Ok(None),
            Err(error) if error.is("AccessDenied") || error.is("Forbidden") => {
                return Err(Error::BucketNotOurs { bucket: bucket.to_owned(), account: self.account().to_owned() });
            }
            Err(error) => {
                // The answer to a HEAD request has no body to say why; that of the next call has.
                let told = self.bucket_tags(bucket).await.err().filter(|told| told.fault != AwsFault::Other);
                return Err(told.unwrap_or(error).into());
            }
        }
        let tags = self.bucket_tags(bucket).await?;
        Ok(Some(BucketContents { tags, keys: self.keys(bucket, prefix).await? }))
    }

    async fn bucket_tags(&self, bucket: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let found = self.s3.get_bucket_tagging().bucket(bucket).expected_bucket_owner(self.account()).send().await;
        match found.map_err(|error| AwsError::new(format!("read the tags of the bucket `{bucket}`"), error)) {
            Ok(found) => Ok(found.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()),
            Err(error) if error.is("NoSuchTagSet") => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    async fn keys(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        let mut keys = Vec::new();
        let list = self.s3.list_objects_v2().bucket(bucket).prefix(prefix).expected_bucket_owner(self.account());
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new(format!("list the bucket `{bucket}`"), error))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        Ok(keys)
    }

    /// Creates our bucket and makes it private. The tag that says it is ours comes last, so that a run that is
    /// interrupted in between is taken up again.
    pub(crate) async fn create_bucket(&self, bucket: &str) -> Result<(), AwsError> {
        let location = (self.region() != FIRST_REGION).then(|| {
            let region = BucketLocationConstraint::from(self.region());
            CreateBucketConfiguration::builder().location_constraint(region).build()
        });
        let created = self.s3.create_bucket().bucket(bucket).set_create_bucket_configuration(location).send().await;
        match created.map_err(|error| AwsError::new(format!("create the bucket `{bucket}`"), error)) {
            Err(error) if !error.is("BucketAlreadyOwnedByYou") => return Err(error),
            _ => {}
        }
        let private = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        self.s3
            .put_public_access_block()
            .bucket(bucket)
            .expected_bucket_owner(self.account())
            .public_access_block_configuration(private)
            .send()
            .await
            .map_err(|error| AwsError::new(format!("block public access to the bucket `{bucket}`"), error))?;
        self.encrypt_bucket(bucket).await?;
        self.tag_bucket(bucket).await
    }

    async fn encrypt_bucket(&self, bucket: &str) -> Result<(), AwsError> {
        let attempt = || format!("encrypt the bucket `{bucket}`");
        let invalid = |error| AwsError::local(attempt(), error);
        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::Aes256)
            .build()
            .map_err(invalid)?;
        let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default).build();
        let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(invalid)?;
        self.s3
            .put_bucket_encryption()
            .bucket(bucket)
            .expected_bucket_owner(self.account())
            .server_side_encryption_configuration(encryption)
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsError::new(attempt(), error))
    }

    async fn tag_bucket(&self, bucket: &str) -> Result<(), AwsError> {
        let attempt = || format!("tag the bucket `{bucket}`");
        let invalid = |error| AwsError::local(attempt(), error);
        let tag = Tag::builder().key(TAG_BUCKET_OURS).value("true").build().map_err(invalid)?;
        let tagging = Tagging::builder().tag_set(tag).build().map_err(invalid)?;
        self.s3
            .put_bucket_tagging()
            .bucket(bucket)
            .expected_bucket_owner(self.account())
            .tagging(tagging)
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsError::new(attempt(), error))
    }

    pub(crate) async fn upload(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), AwsError> {
        self.s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .expected_bucket_owner(self.account())
            .content_type("application/zip")
            .body(bytes.into())
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsError::new(format!("upload `{key}` to the bucket `{bucket}`"), error))
    }

    /// Reads a small object; `None` when it is not there.
    pub(crate) async fn object(&self, bucket: &str, key: &str) -> Result<Option<Object>, AwsError> {
        let attempt = || format!("read `{key}` of the bucket `{bucket}`");
        let found = self.s3.get_object().bucket(bucket).key(key).expected_bucket_owner(self.account()).send().await;
        let found = match found.map_err(|error| AwsError::new(attempt(), error)) {
            Ok(found) => found,
            Err(error) if error.is("NoSuchKey") => return Ok(None),
            Err(error) => return Err(error),
        };
        let tag = found.e_tag().unwrap_or_default().to_owned();
        let modified = found.last_modified().and_then(rfc3339);
        let body = found.body.collect().await.map_err(|error| AwsError::local(attempt(), error))?.to_vec();
        Ok(Some(Object { tag, modified, body }))
    }

    /// Writes a small object where none is, or over the one that has this tag.
    pub(crate) async fn put_object_if(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        over: Option<&str>,
    ) -> Result<Written, AwsError> {
        let put = self.s3.put_object().bucket(bucket).key(key).expected_bucket_owner(self.account());
        let put = match over {
            Some(tag) => put.if_match(tag),
            None => put.if_none_match("*"),
        };
        let written = put.content_type("application/json").body(body.into()).send().await;
        match written.map_err(|error| AwsError::new(format!("write `{key}` to the bucket `{bucket}`"), error)) {
            Ok(written) => Ok(Written::Done(written.e_tag().unwrap_or_default().to_owned())),
            // The second is what the loser of two writes at the same moment hears, the third that it is gone.
            Err(error)
                if ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"]
                    .iter()
                    .any(|code| error.is(code)) =>
            {
                Ok(Written::Refused)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes an object if it still has this tag; one that is gone, or is another's, is no error.
    pub(crate) async fn delete_object_if(&self, bucket: &str, key: &str, tag: &str) -> Result<(), AwsError> {
        let delete = self.s3.delete_object().bucket(bucket).key(key).expected_bucket_owner(self.account());
        match delete
            .if_match(tag)
            .send()
            .await
            .map_err(|error| AwsError::new(format!("delete `{key}` of the bucket `{bucket}`"), error))
        {
            Err(error) if !["PreconditionFailed", "NoSuchKey", "NoSuchBucket"].iter().any(|code| error.is(code)) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    pub(crate) async fn delete_objects(&self, bucket: &str, keys: &[String]) -> Result<(), AwsError> {
        let attempt = || format!("delete {} objects of the bucket `{bucket}`", keys.len());
        for batch in keys.chunks(DELETE_BATCH) {
            let objects: Result<Vec<_>, _> =
                batch.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect();
            let delete = objects
                .and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build())
                .map_err(|error| AwsError::local(attempt(), error))?;
            let deleted = self
                .s3
                .delete_objects()
                .bucket(bucket)
                .expected_bucket_owner(self.account())
                .delete(delete)
                .send()
                .await
                .map_err(|error| AwsError::new(attempt(), error))?;
            if let Some(error) = deleted.errors().first() {
                return Err(AwsError::refused(attempt(), error.code(), error.message()));
            }
        }
        Ok(())
    }

    /// Deletes our bucket; `false` when something else is in it.
    pub(crate) async fn delete_bucket(&self, bucket: &str) -> Result<bool, AwsError> {
        let deleted = self.s3.delete_bucket().bucket(bucket).expected_bucket_owner(self.account()).send().await;
        match deleted.map_err(|error| AwsError::new(format!("delete the bucket `{bucket}`"), error)) {
            Ok(_) => Ok(true),
            Err(error) if error.is("BucketNotEmpty") => Ok(false),
            Err(error) if error.is("NoSuchBucket") => Ok(true),
            Err(error) => Err(error),
        }
    }
}
