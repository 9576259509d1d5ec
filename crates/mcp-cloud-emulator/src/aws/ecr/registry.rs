//! The registry of ECR, in the protocol of registries
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Image, Repository, digest, host};
use crate::aws::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The most that a manifest may be, in bytes.
const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;

pub(in super::super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    check_token(state, asked)?;
    if asked.action == "Ping" {
        return Ok(bytes(200, Bytes::from_static(b"{}\n")).with_header("content-type", "application/json"));
    }
    let name = asked.required("repositoryName")?.to_owned();
    if !state.ecr.repositories.contains_key(&name) {
        let account = &state.account_id;
        let message = format!("The repository with name '{name}' does not exist in the registry with id '{account}'");
        return Err(Fault::new(404, "NAME_UNKNOWN", message));
    }
    match asked.action.as_str() {
        "BatchCheckLayerAvailability" => blob(state, &name, asked, Body::Left),
        "GetDownloadUrlForLayer" => blob(state, &name, asked, Body::Sent),
        "InitiateLayerUpload" => begin(state, &name, asked),
        "UploadLayerPart" => go_on(state, &name, asked),
        "CompleteLayerUpload" => complete(state, &name, asked),
        "DescribeLayerUpload" => progress(state, &name, asked),
        "CancelLayerUpload" => cancel(state, &name, asked),
        "BatchGetImage" => manifest(state, &name, asked),
        "PutImage" => put(state, &name, asked),
        "ListImages" => tags(state, &name),
        "ListImageReferrers" => referrers(state, &name, asked),
        _ => Err(unknown(asked)),
    }
}

/// Whether a body is sent, or only told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Sent,
    Left,
}

fn bytes(status: u16, body: Bytes) -> Reply {
    Reply { status, raw: Some(body), ..Reply::default() }
}

fn check_token(state: &State, asked: &Asked) -> Result<(), Fault> {
    let given = asked.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let given = given.and_then(|encoded| BASE64_STANDARD.decode(encoded.trim()).ok());
    let given = given.and_then(|decoded| String::from_utf8(decoded).ok());
    let password = given.as_deref().and_then(|given| given.strip_prefix("AWS:"));
    let end = password.and_then(|password| state.ecr.tokens.get(&digest(password.as_bytes())));
    match end {
        Some(end) if *end >= state.clock => Ok(()),
        Some(_) => {
            let message = "Your authorization token has expired. Reauthenticate and try again.";
            Err(Fault::new(403, "DENIED", message))
        }
        None => {
            let challenge = format!("Basic realm=\"https://{}/\",service=\"ecr.amazonaws.com\"", host(state));
            Err(Fault::new(401, "UNAUTHORIZED", "Not Authorized").with_header("www-authenticate", challenge))
        }
    }
}

fn repository<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Repository, Fault> {
    let missing = || Fault::new(404, "NAME_UNKNOWN", format!("The repository with name '{name}' does not exist"));
    state.ecr.repositories.get_mut(name).ok_or_else(missing)
}

fn blob(state: &mut State, name: &str, asked: &Asked, body: Body) -> Result<Reply, Fault> {
    let wanted = asked.text("digest").unwrap_or_default();
    let missing = || Fault::new(404, "BLOB_UNKNOWN", "blob unknown to registry");
    let found = repository(state, name)?.blobs.get(wanted).ok_or_else(missing)?;
    let length = found.len().to_string();
    let sent = if body == Body::Sent { found.clone() } else { Bytes::new() };
    Ok(bytes(200, sent)
        .with_header("content-type", "application/octet-stream")
        .with_header("content-length", length)
        .with_header("docker-content-digest", wanted))
}

fn location(name: &str, rest: &str) -> String {
    format!("/v2/{name}/{rest}")
}

/// Where a blob's upload goes on. The end of the range counts itself, which is why nothing looks like one byte.
fn accepted(name: &str, id: &str, length: usize) -> Reply {
    bytes(202, Bytes::new())
        .with_header("location", location(name, &format!("blobs/uploads/{id}")))
        .with_header("range", format!("0-{}", length.saturating_sub(1)))
        .with_header("docker-upload-uuid", id)
}

fn created(name: &str, of: &str) -> Reply {
    bytes(201, Bytes::new())
        .with_header("location", location(name, &format!("blobs/{of}")))
        .with_header("docker-content-digest", of)
}

fn begin(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    if let (Some(mounted), Some(from)) = (asked.text("mount"), asked.text("from")) {
        let found = state.ecr.repositories.get(from).and_then(|other| other.blobs.get(mounted)).cloned();
        if let Some(found) = found {
            repository(state, name)?.blobs.insert(mounted.to_owned(), found);
            return Ok(created(name, mounted));
        }
    }
    if let Some(wanted) = asked.text("digest") {
        return keep(state, name, wanted, asked.body.clone());
    }
    let id = state.uuid();
    state.ecr.uploads.insert(id.clone(), (name.to_owned(), Vec::new()));
    Ok(accepted(name, &id, 0))
}

fn upload<'a>(state: &'a mut State, name: &str, asked: &Asked) -> Result<(String, &'a mut Vec<u8>), Fault> {
    let id = asked.text("uploadId").unwrap_or_default().to_owned();
    let missing = || Fault::new(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    let (of, received) = state.ecr.uploads.get_mut(&id).ok_or_else(missing)?;
    if of == name { Ok((id, received)) } else { Err(missing()) }
}

/// A part has to begin where the one before it ended.
fn check_range(asked: &Asked, received: usize) -> Result<(), Fault> {
    let Some(range) = asked.header("content-range") else { return Ok(()) };
    let start = range.trim_start_matches("bytes ").split('-').next().and_then(|start| start.parse().ok());
    let out_of_order = || Fault::new(416, "BLOB_UPLOAD_INVALID", format!("the next byte is {received}"));
    if start == Some(received) { Ok(()) } else { Err(out_of_order()) }
}

fn go_on(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    let (id, received) = upload(state, name, asked)?;
    check_range(asked, received.len())?;
    received.extend_from_slice(&asked.body);
    Ok(accepted(name, &id, received.len()))
}

fn complete(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    let (id, received) = upload(state, name, asked)?;
    if !asked.body.is_empty() {
        check_range(asked, received.len())?;
    }
    let mut all = std::mem::take(received);
    all.extend_from_slice(&asked.body);
    state.ecr.uploads.remove(&id);
    keep(state, name, asked.text("digest").unwrap_or_default(), all.into())
}

fn keep(state: &mut State, name: &str, wanted: &str, blob: Bytes) -> Result<Reply, Fault> {
    if digest(&blob) != wanted {
        let message = "provided digest did not match uploaded content";
        return Err(Fault::new(400, "DIGEST_INVALID", message));
    }
    repository(state, name)?.blobs.insert(wanted.to_owned(), blob);
    Ok(created(name, wanted))
}

fn progress(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    let (id, received) = upload(state, name, asked)?;
    Ok(accepted(name, &id, received.len()).with_status(204))
}

fn cancel(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    let (id, _) = upload(state, name, asked)?;
    state.ecr.uploads.remove(&id);
    Ok(bytes(204, Bytes::new()))
}

fn manifest(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    let reference = asked.text("reference").unwrap_or_default();
    let missing = || Fault::new(404, "MANIFEST_UNKNOWN", "Requested image not found");
    let (of, image) = repository(state, name)?.find(reference).ok_or_else(missing)?;
    let sent = if asked.is_on("isHead") { Bytes::new() } else { image.manifest.clone() };
    Ok(bytes(200, sent)
        .with_header("content-type", image.media_type.clone())
        .with_header("content-length", image.manifest.len().to_string())
        .with_header("docker-content-digest", of))
}

fn put(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    let now = state.clock;
    let reference = asked.text("reference").unwrap_or_default().to_owned();
    if asked.body.len() > MANIFEST_LIMIT {
        return Err(Fault::new(413, "SIZE_INVALID", format!("a manifest has {MANIFEST_LIMIT} bytes at most")));
    }
    let content: Option<Value> = serde_json::from_slice(&asked.body).ok().filter(Value::is_object);
    let content = content.ok_or_else(|| Fault::new(400, "MANIFEST_INVALID", "manifest invalid"))?;
    let said = asked.header("content-type").or_else(|| content.get("mediaType")?.as_str());
    let image = Image::new(asked.body.clone(), said.unwrap_or(super::image::MANIFEST), now);
    let of = digest(&asked.body);
    let is_digest = reference.starts_with("sha256:");
    if is_digest && reference != of {
        return Err(Fault::new(400, "DIGEST_INVALID", "provided digest did not match uploaded content"));
    }
    let repository = repository(state, name)?;
    check_parts(repository, &image)?;
    if !is_digest {
        let there = repository.tags.get(&reference).filter(|there| **there != of);
        if there.is_some() && repository.is_immutable() {
            let message = format!(
                "The image tag '{reference}' already exists in the '{name}' repository and cannot be overwritten because \
                 the tag is immutable."
            );
            return Err(Fault::new(400, "TAG_INVALID", message));
        }
        repository.tags.insert(reference.clone(), of.clone());
    }
    let subject = image.subject();
    // What is there already was pushed when it was pushed first.
    repository.images.entry(of.clone()).or_insert(image);
    let reply = bytes(201, Bytes::new())
        .with_header("location", location(name, &format!("manifests/{of}")))
        .with_header("docker-content-digest", of);
    Ok(match subject {
        Some(subject) => reply.with_header("oci-subject", subject),
        None => reply,
    })
}

/// What a manifest names has to be there before it.
fn check_parts(repository: &Repository, image: &Image) -> Result<(), Fault> {
    for part in image.parts() {
        let of = part.get("digest").and_then(Value::as_str).unwrap_or_default();
        if !repository.blobs.contains_key(of) {
            let message =
                format!("Layers with digests '[{of}]' required for pushing image into repository do not exist");
            return Err(Fault::new(400, "MANIFEST_BLOB_UNKNOWN", message));
        }
    }
    match image.children().into_iter().find(|child| !repository.images.contains_key(child)) {
        Some(child) => {
            let message =
                format!("Images with digests '[{child}]' required for pushing image into repository do not exist");
            Err(Fault::new(400, "MANIFEST_BLOB_UNKNOWN", message))
        }
        None => Ok(()),
    }
}

fn tags(state: &mut State, name: &str) -> Result<Reply, Fault> {
    let tags: Vec<String> = repository(state, name)?.tags.keys().cloned().collect();
    let body = json!({ "name": name, "tags": tags }).to_string();
    Ok(bytes(200, body.into()).with_header("content-type", "application/json"))
}

fn referrers(state: &mut State, name: &str, asked: &Asked) -> Result<Reply, Fault> {
    let subject = asked.text("digest").unwrap_or_default();
    let wanted = asked.text("artifactType");
    let repository = repository(state, name)?;
    let belonging = repository.images.iter().filter(|(_, image)| image.subject().as_deref() == Some(subject));
    let descriptor = |(of, image): (&String, &Image)| {
        let content = image.content();
        let config = content.get("config").and_then(|config| config.get("mediaType"));
        let kind = content.get("artifactType").or(config).cloned();
        if wanted.is_some() && kind.as_ref().and_then(Value::as_str) != wanted {
            return None;
        }
        let mut found = json!({
            "mediaType": image.media_type, "digest": of, "size": image.manifest.len(), "artifactType": kind,
        });
        if let (Some(annotations), Some(members)) = (content.get("annotations"), found.as_object_mut()) {
            members.insert("annotations".to_owned(), annotations.clone());
        }
        Some(found)
    };
    let found: Vec<Value> = belonging.filter_map(descriptor).collect();
    let body = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": found }).to_string();
    Ok(bytes(200, body.into()).with_header("content-type", INDEX))
}
