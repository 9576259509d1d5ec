//! ECR: repositories and their images, which are pushed and pulled over the protocol of registries.
//!
//! - [`image`]: what is in a repository.
//! - [`registry`]: the protocol of registries.

mod image;
mod registry;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use self::image::Image;
pub(super) use self::registry::answer as answer_registry;
use super::{
    clock::Time,
    state::{State, hex, unknown},
    wire::{Asked, Fault, Reply},
};

/// For how long a token is good (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>).
const TOKEN: Duration = Duration::from_secs(12 * 3600);

/// Everything of ECR.
#[derive(Debug, Clone, Default)]
pub(super) struct Ecr {
    /// By name.
    pub(super) repositories: BTreeMap<String, Repository>,
    /// By the hash of the password: when it is over.
    tokens: BTreeMap<String, Time>,
    /// By id: what has come so far of a blob, and for which repository.
    uploads: BTreeMap<String, (String, Vec<u8>)>,
}

/// A repository.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    created: Time,
    /// In the shape of CloudFormation's properties.
    pub(super) properties: Map<String, Value>,
    /// By digest.
    pub(super) images: BTreeMap<String, Image>,
    /// Digests by tag.
    tags: BTreeMap<String, String>,
    /// By digest.
    blobs: BTreeMap<String, Bytes>,
}

impl Repository {
    fn is_immutable(&self) -> bool {
        self.properties.get("ImageTagMutability") == Some(&json!("IMMUTABLE"))
    }

    /// The tags of an image.
    pub(super) fn tags_of(&self, digest: &str) -> Vec<&str> {
        self.tags.iter().filter(|(_, of)| *of == digest).map(|(tag, _)| tag.as_str()).collect()
    }

    /// Finds an image by tag or digest.
    fn find<'a>(&'a self, reference: &'a str) -> Option<(&'a str, &'a Image)> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.images.get_key_value(digest).map(|(digest, image)| (digest.as_str(), image))
    }
}

/// The digest of something, as registries write it.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

pub(super) fn host(state: &State) -> String {
    format!("{}.dkr.ecr.{}.amazonaws.com", state.account_id, state.region)
}

/// Makes a repository; the reason why not where the name is taken.
pub(super) fn make(state: &mut State, name: &str, properties: &Map<String, Value>) -> Result<(), Fault> {
    let account = &state.account_id;
    if state.ecr.repositories.contains_key(name) {
        let message = format!("The repository with name '{name}' already exists in the registry with id '{account}'");
        return Err(Fault::new(400, "RepositoryAlreadyExistsException", message));
    }
    let repository = Repository {
        created: state.clock,
        properties: properties.clone(),
        images: BTreeMap::new(),
        tags: BTreeMap::new(),
        blobs: BTreeMap::new(),
    };
    state.ecr.repositories.insert(name.to_owned(), repository);
    Ok(())
}

/// Makes a repository whose tags can be moved or not; nothing happens when it is there.
pub(super) fn make_with(state: &mut State, name: &str, mutability: &str) {
    let properties = Map::from_iter([("ImageTagMutability".to_owned(), json!(mutability))]);
    let _ = make(state, name, &properties);
}

/// Puts a small image there under a tag, as a push would, and tells its digest.
pub(super) fn place(state: &mut State, name: &str, tag: &str) -> String {
    let now = state.clock;
    let config =
        Bytes::from(json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers" } }).to_string());
    let layer = Bytes::from(format!("{name}:{tag}"));
    let descriptor = |kind: &str, bytes: &Bytes| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
    };
    let manifest = Bytes::from(
        json!({
            "schemaVersion": 2,
            "mediaType": image::MANIFEST,
            "config": descriptor("config.v1+json", &config),
            "layers": [descriptor("layer.v1.tar+gzip", &layer)],
        })
        .to_string(),
    );
    let of_image = digest(&manifest);
    // It is there, or it is made.
    let _ = make(state, name, &Map::new());
    if let Some(repository) = state.ecr.repositories.get_mut(name) {
        for blob in [config, layer] {
            repository.blobs.insert(digest(&blob), blob);
        }
        repository.images.insert(of_image.clone(), Image::new(manifest, image::MANIFEST, now));
        repository.tags.insert(tag.to_owned(), of_image.clone());
    }
    of_image
}

/// Deletes a repository; one with images only where that is wanted.
pub(super) fn remove(state: &mut State, name: &str, with_images: WithImages) -> Result<(), Fault> {
    let repository = find(state, name)?;
    if with_images == WithImages::Refused && !repository.images.is_empty() {
        let account = &state.account_id;
        let message = format!(
            "The repository with name '{name}' in registry with id '{account}' cannot be deleted because it still \
             contains images"
        );
        return Err(Fault::new(400, "RepositoryNotEmptyException", message));
    }
    state.ecr.repositories.remove(name);
    Ok(())
}

/// Whether images go with their repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WithImages {
    Deleted,
    Refused,
}

/// Whether an image would have to be in a repository of this account and is not there.
pub(super) fn is_missing(state: &State, image: &str) -> bool {
    let Some(rest) = image.strip_prefix(&format!("{}/", host(state))) else { return false };
    let (name, reference) = match rest.split_once('@') {
        Some((name, digest)) => (name.split_once(':').map_or(name, |(name, _)| name), digest),
        None => rest.split_once(':').unwrap_or((rest, "latest")),
    };
    state.ecr.repositories.get(name).is_none_or(|repository| repository.find(reference).is_none())
}

fn no_repository(state: &State, name: &str) -> Fault {
    let account = &state.account_id;
    let message = format!("The repository with name '{name}' does not exist in the registry with id '{account}'");
    Fault::new(400, "RepositoryNotFoundException", message)
}

fn find<'a>(state: &'a State, name: &str) -> Result<&'a Repository, Fault> {
    state.ecr.repositories.get(name).ok_or_else(|| no_repository(state, name))
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "GetAuthorizationToken" => Ok(token(state)),
        "CreateRepository" => create(state, asked),
        "DeleteRepository" => delete(state, asked),
        "DescribeRepositories" => describe(state, asked),
        "DescribeImages" => image::describe(state, asked),
        "ListImages" => image::list(state, asked),
        "BatchGetImage" => image::get(state, asked),
        "BatchDeleteImage" => image::delete(state, asked),
        _ => Err(unknown(asked)),
    }
}

fn token(state: &mut State) -> Reply {
    let password = state.hex(64);
    let mut end = state.clock;
    end.pass(TOKEN);
    state.ecr.tokens.insert(digest(password.as_bytes()), end);
    Reply::of(json!({ "authorizationData": [{
        "authorizationToken": BASE64_STANDARD.encode(format!("AWS:{password}")),
        "expiresAt": end.seconds(),
        "proxyEndpoint": format!("https://{}", host(state)),
    }] }))
}

fn described(state: &State, name: &str, repository: &Repository) -> Value {
    let of = |name: &str| repository.properties.get(name);
    let scans = of("ImageScanningConfiguration").and_then(|scanning| scanning.get("ScanOnPush")).cloned();
    json!({
        "repositoryArn": state.arn("ecr", &format!("repository/{name}")),
        "registryId": state.account_id,
        "repositoryName": name,
        "repositoryUri": format!("{}/{name}", host(state)),
        "createdAt": repository.created.seconds(),
        "imageTagMutability": of("ImageTagMutability").cloned().unwrap_or(json!("MUTABLE")),
        "imageScanningConfiguration": { "scanOnPush": scans.unwrap_or(json!(false)) },
        "encryptionConfiguration": { "encryptionType": "AES256" },
    })
}

fn create(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("repositoryName")?.to_owned();
    let mutability = asked.text("imageTagMutability").unwrap_or("MUTABLE");
    let properties = Map::from_iter([("ImageTagMutability".to_owned(), json!(mutability))]);
    make(state, &name, &properties)?;
    let repository = find(state, &name)?;
    Ok(Reply::of(json!({ "repository": described(state, &name, repository) })))
}

fn delete(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("repositoryName")?.to_owned();
    let repository = described(state, &name, find(state, &name)?);
    let with_images = if asked.is_on("force") { WithImages::Deleted } else { WithImages::Refused };
    remove(state, &name, with_images)?;
    Ok(Reply::of(json!({ "repository": repository })))
}

fn describe(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let names = asked.list("repositoryNames");
    for name in &names {
        find(state, name)?;
    }
    let wanted = state.ecr.repositories.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let found: Vec<Value> = wanted.map(|(name, repository)| described(state, name, repository)).collect();
    Ok(Reply::of(json!({ "repositories": found })))
}
