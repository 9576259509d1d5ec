//! Images of a repository.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Repository, find, no_repository};
use crate::aws::{
    clock::Time,
    state::State,
    wire::{Asked, Fault, Reply},
};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A manifest: of an image, of an index of images, or of something that belongs to one.
#[derive(Debug, Clone)]
pub(in super::super) struct Image {
    pub(super) manifest: Bytes,
    pub(super) media_type: String,
    pushed: Time,
}

impl Image {
    pub(super) fn new(manifest: Bytes, media_type: &str, pushed: Time) -> Self {
        Self { manifest, media_type: media_type.to_owned(), pushed }
    }

    pub(super) fn content(&self) -> Value {
        serde_json::from_slice(&self.manifest).unwrap_or_default()
    }

    /// Descriptors of what it is made of: its configuration and its layers.
    pub(super) fn parts(&self) -> Vec<Value> {
        let content = self.content();
        let layers = content.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
        content.get("config").cloned().into_iter().chain(layers).collect()
    }

    /// Digests of the images of an index.
    pub(super) fn children(&self) -> Vec<String> {
        let content = self.content();
        let children = content.get("manifests").and_then(Value::as_array).into_iter().flatten();
        children.filter_map(|child| child.get("digest")?.as_str().map(str::to_owned)).collect()
    }

    /// The digest of what it belongs to.
    pub(super) fn subject(&self) -> Option<String> {
        self.content().get("subject")?.get("digest")?.as_str().map(str::to_owned)
    }

    fn size(&self) -> u64 {
        self.parts().iter().filter_map(|part| part.get("size")?.as_u64()).sum()
    }
}

/// The tag or the digest of an image's id.
fn reference(id: &Value) -> Option<&str> {
    id.get("imageDigest").or_else(|| id.get("imageTag"))?.as_str()
}

fn ids(asked: &Asked) -> Vec<Value> {
    asked.parameters.get("imageIds").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn described(state: &State, name: &str, repository: &Repository, digest: &str, image: &Image) -> Value {
    let tags = repository.tags_of(digest);
    let mut described = json!({
        "registryId": state.account_id,
        "repositoryName": name,
        "imageDigest": digest,
        "imageSizeInBytes": image.size(),
        "imagePushedAt": image.pushed.seconds(),
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    });
    if let Some(members) = described.as_object_mut() {
        if !tags.is_empty() {
            members.insert("imageTags".to_owned(), json!(tags));
        }
        if let Some(kind) = image.content().get("config").and_then(|config| config.get("mediaType")) {
            members.insert("artifactMediaType".to_owned(), kind.clone());
        }
        if let Some(subject) = image.subject() {
            members.insert("subjectManifestDigest".to_owned(), subject.into());
        }
    }
    described
}

pub(super) fn describe(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("repositoryName")?;
    let repository = find(state, name)?;
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let ids = ids(asked);
    for id in &ids {
        let (digest, tag) = (id.get("imageDigest").unwrap_or(&Value::Null), id.get("imageTag").unwrap_or(&Value::Null));
        let missing = || {
            let said = |value: &Value| value.as_str().map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
            let message = format!(
                "The image with imageId {{imageDigest:{}, imageTag:{}}} does not exist within the repository with name \
                 '{name}' in the registry with id '{}'",
                said(digest),
                said(tag),
                state.account_id
            );
            Fault::new(400, "ImageNotFoundException", message)
        };
        let (digest, _) = reference(id).and_then(|reference| repository.find(reference)).ok_or_else(missing)?;
        wanted.insert(digest);
    }
    let status = asked.parameters.get("filter").and_then(|filter| filter.get("tagStatus")?.as_str());
    let fits = |digest: &str| match status {
        Some("TAGGED") => !repository.tags_of(digest).is_empty(),
        Some("UNTAGGED") => repository.tags_of(digest).is_empty(),
        _ => true,
    };
    let found = repository.images.iter().filter(|(digest, _)| ids.is_empty() || wanted.contains(digest.as_str()));
    let found: Vec<Value> = found
        .filter(|(digest, _)| fits(digest))
        .map(|(digest, image)| described(state, name, repository, digest, image))
        .collect();
    Ok(Reply::of(json!({ "imageDetails": found })))
}

pub(super) fn list(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let repository = find(state, asked.required("repositoryName")?)?;
    let mut found = Vec::new();
    for digest in repository.images.keys() {
        let tags = repository.tags_of(digest);
        found.extend(tags.iter().map(|tag| json!({ "imageDigest": digest, "imageTag": tag })));
        if tags.is_empty() {
            found.push(json!({ "imageDigest": digest }));
        }
    }
    Ok(Reply::of(json!({ "imageIds": found })))
}

fn not_found(id: &Value) -> Value {
    json!({ "imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found" })
}

pub(super) fn get(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("repositoryName")?;
    let repository = find(state, name)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in ids(asked) {
        let Some((digest, image)) = reference(&id).and_then(|reference| repository.find(reference)) else {
            failures.push(not_found(&id));
            continue;
        };
        let mut found = json!({ "imageDigest": digest });
        if let (Some(tag), Some(members)) = (id.get("imageTag"), found.as_object_mut()) {
            members.insert("imageTag".to_owned(), tag.clone());
        }
        images.push(json!({
            "registryId": state.account_id,
            "repositoryName": name,
            "imageId": found,
            "imageManifest": String::from_utf8_lossy(&image.manifest),
            "imageManifestMediaType": image.media_type,
        }));
    }
    Ok(Reply::of(json!({ "images": images, "failures": failures })))
}

/// By tag, the tag goes, and the image with its last one; by digest, the image goes with its tags. What an index is made of
/// stays for as long as the index does.
pub(super) fn delete(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("repositoryName")?.to_owned();
    let missing = no_repository(state, &name);
    let repository = state.ecr.repositories.get_mut(&name).ok_or(missing)?;
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for id in ids(asked) {
        let Some(digest) = reference(&id).and_then(|of| repository.find(of)).map(|(digest, _)| digest.to_owned())
        else {
            failures.push(not_found(&id));
            continue;
        };
        let tag = id.get("imageTag").and_then(Value::as_str).filter(|_| id.get("imageDigest").is_none());
        let is_last = tag.is_none() || repository.tags_of(&digest).len() <= 1;
        let mut indexes = repository.images.iter().filter(|(_, image)| image.children().contains(&digest));
        if let (true, Some((index, _))) = (is_last, indexes.next()) {
            failures.push(json!({
                "imageId": id,
                "failureCode": "ImageReferencedByManifestList",
                "failureReason": format!("Requested image referenced by manifest list: [{index}]"),
            }));
            continue;
        }
        for tag in repository.tags_of(&digest).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            if id.get("imageTag").is_none_or(|only| only == &json!(tag)) {
                repository.tags.remove(&tag);
                gone.push(json!({ "imageDigest": digest, "imageTag": tag }));
            }
        }
        if is_last {
            repository.images.remove(&digest);
            if !gone.iter().any(|of| of.get("imageDigest") == Some(&json!(digest))) {
                gone.push(json!({ "imageDigest": digest }));
            }
        }
    }
    Ok(Reply::of(json!({ "imageIds": gone, "failures": failures })))
}
