//! The registry of container images in the words of this crate.

use std::fmt;

use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier};
use aws_smithy_types::base64;

use super::Deployer;
use crate::error::AwsError;

const NO_REPOSITORY: &str = "RepositoryNotFoundException";
const NO_IMAGE: &str = "ImageNotFoundException";
/// What `BatchDeleteImage` takes at a time.
const AT_A_TIME: usize = 100;

/// Who a registry lets push and pull for the next twelve hours.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The registry's name, such as `123456789012.dkr.ecr.eu-central-1.amazonaws.com`.
    pub registry: String,
    /// Who, for basic authentication.
    pub user: String,
    /// The password. It is a secret.
    pub password: String,
}

impl fmt::Debug for RegistryLogin {
    /// The password stays out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryLogin")
            .field("registry", &self.registry)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A repository of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its ARN.
    pub arn: String,
    /// What images in it are named by, without a tag.
    pub uri: String,
    /// Whether a tag can be moved from one image to another.
    pub mutable_tags: bool,
}

/// An image of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// `sha256:` and its digits.
    pub digest: String,
    /// Its tags; none is left where all were moved.
    pub tags: Vec<String>,
    /// When it was pushed, in seconds since 1970.
    pub pushed: Option<i64>,
    /// What it takes, in bytes; absent for an index of several.
    pub bytes: Option<u64>,
}

impl Deployer {
    /// Gets a password for the account's own registry; it is good for twelve hours.
    ///
    /// # Errors
    ///
    /// When the call fails, or AWS answers with what is no password.
    pub async fn registry_login(&self) -> Result<RegistryLogin, AwsError> {
        let attempt = "log in to the registry";
        let answered = self.ecr.get_authorization_token().send().await;
        let answered = answered.map_err(|error| AwsError::new(attempt, error))?;
        let data = answered.authorization_data().first();
        let token = data.and_then(|data| data.authorization_token()).and_then(|token| base64::decode(token).ok());
        let token = token.and_then(|token| String::from_utf8(token).ok());
        let login = token.as_deref().and_then(|token| token.split_once(':'));
        let (Some((user, password)), Some(data)) = (login, data) else {
            return Err(AwsError::refused(attempt.to_owned(), None, Some("the answer holds no password")));
        };
        let endpoint = data.proxy_endpoint().unwrap_or_default();
        let registry = endpoint.split_once("://").map_or(endpoint, |(_, host)| host).trim_end_matches('/').to_owned();
        Ok(RegistryLogin { registry, user: user.to_owned(), password: password.to_owned() })
    }

    /// Looks at a repository; `None` when there is none of that name.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn repository(&self, name: &str) -> Result<Option<Repository>, AwsError> {
        let found = self.ecr.describe_repositories().repository_names(name).send().await;
        match found.map_err(|error| AwsError::new(format!("look at the repository `{name}`"), error)) {
            Ok(found) => Ok(found.repositories().first().map(|found| Repository {
                arn: found.repository_arn().unwrap_or_default().to_owned(),
                uri: found.repository_uri().unwrap_or_default().to_owned(),
                mutable_tags: found.image_tag_mutability().is_none_or(|one| !one.as_str().starts_with("IMMUTABLE")),
            })),
            Err(error) if error.is(NO_REPOSITORY) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the images of a repository, newest first; none where there is no repository.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub async fn images(&self, repository: &str) -> Result<Vec<StoredImage>, AwsError> {
        let mut images = Vec::new();
        let mut pages = self.ecr.describe_images().repository_name(repository).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new(format!("list the images of `{repository}`"), error));
            let page = match page {
                Err(error) if error.is(NO_REPOSITORY) => return Ok(Vec::new()),
                page => page?,
            };
            images.extend(page.image_details().iter().map(|image| StoredImage {
                digest: image.image_digest().unwrap_or_default().to_owned(),
                tags: image.image_tags().to_vec(),
                pushed: image.image_pushed_at().map(aws_sdk_ecr::primitives::DateTime::secs),
                bytes: image.image_size_in_bytes().and_then(|bytes| bytes.try_into().ok()),
            }));
        }
        images.sort_by(|one, other| (other.pushed, &other.digest).cmp(&(one.pushed, &one.digest)));
        Ok(images)
    }

    /// Reads the manifest of an image, by its digest or a tag; `None` when there is no such image.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn image_manifest(&self, repository: &str, reference: &str) -> Result<Option<String>, AwsError> {
        let attempt = || format!("read the image `{reference}` of `{repository}`");
        let found =
            self.ecr.batch_get_image().repository_name(repository).image_ids(identifier(reference)).send().await;
        let found = match found.map_err(|error| AwsError::new(attempt(), error)) {
            Err(error) if error.is(NO_REPOSITORY) || error.is(NO_IMAGE) => return Ok(None),
            found => found?,
        };
        if let Some(image) = found.images().first() {
            return Ok(image.image_manifest().map(str::to_owned));
        }
        match found.failures().first() {
            Some(failure) if failure.failure_code() != Some(&ImageFailureCode::ImageNotFound) => {
                let code = failure.failure_code().map(ImageFailureCode::as_str);
                Err(AwsError::refused(attempt(), code, failure.failure_reason()))
            }
            _ => Ok(None),
        }
    }

    /// Removes images by their digests; those that are gone are no error, nor are those that an index still names.
    ///
    /// # Errors
    ///
    /// When a call fails, or an image cannot be removed.
    pub async fn remove_images(&self, repository: &str, digests: &[String]) -> Result<(), AwsError> {
        let attempt = || format!("remove images of `{repository}`");
        for digests in digests.chunks(AT_A_TIME) {
            let ids = digests.iter().map(|digest| identifier(digest)).collect();
            let removed =
                self.ecr.batch_delete_image().repository_name(repository).set_image_ids(Some(ids)).send().await;
            let removed = match removed.map_err(|error| AwsError::new(attempt(), error)) {
                Err(error) if error.is(NO_REPOSITORY) => return Ok(()),
                removed => removed?,
            };
            let passed = [ImageFailureCode::ImageNotFound, ImageFailureCode::ImageReferencedByManifestList];
            let failure = removed
                .failures()
                .iter()
                .find(|failure| failure.failure_code().is_none_or(|code| !passed.contains(code)));
            if let Some(failure) = failure {
                let code = failure.failure_code().map(ImageFailureCode::as_str);
                return Err(AwsError::refused(attempt(), code, failure.failure_reason()));
            }
        }
        Ok(())
    }
}

/// A digest has a colon, and a tag cannot.
fn identifier(reference: &str) -> ImageIdentifier {
    let identifier = ImageIdentifier::builder();
    match reference.contains(':') {
        true => identifier.image_digest(reference).build(),
        false => identifier.image_tag(reference).build(),
    }
}
