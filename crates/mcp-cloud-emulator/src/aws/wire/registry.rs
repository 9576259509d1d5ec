//! The protocol of registries: paths, JSON for errors. Each request is called as the action that a policy names for it
//! (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html>).

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::{Fault, Plus, Reply, decode, pairs};

/// Whether a request is one to a registry, and not one to S3 whose bucket is called so.
pub(super) fn is_meant(path: &str, headers: &HeaderMap) -> bool {
    let signed = headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    !signed && (path == "/v2" || path.starts_with("/v2/"))
}

pub(super) fn read(method: &Method, path: &str, query: &str) -> (String, Map<String, Value>) {
    let path = decode(path, Plus::IsPlus);
    let rest = path.trim_start_matches("/v2").trim_start_matches('/');
    let mut parameters: Map<String, Value> = pairs(query).map(|(name, value)| (name, Value::String(value))).collect();
    let mut name_is = |name: &str, value: &str| drop(parameters.insert(name.to_owned(), value.into()));
    let action = if rest.is_empty() {
        "Ping"
    } else if let Some((name, id)) = rest.rsplit_once("/blobs/uploads/") {
        name_is("repositoryName", name);
        name_is("uploadId", id);
        match *method {
            Method::POST => "InitiateLayerUpload",
            Method::PATCH => "UploadLayerPart",
            Method::PUT => "CompleteLayerUpload",
            Method::DELETE => "CancelLayerUpload",
            _ => "DescribeLayerUpload",
        }
    } else if let Some((name, digest)) = rest.rsplit_once("/blobs/") {
        // Without its last slash it is where uploads begin, too.
        name_is("repositoryName", name);
        name_is("digest", digest);
        match *method {
            Method::HEAD => "BatchCheckLayerAvailability",
            Method::GET => "GetDownloadUrlForLayer",
            Method::POST if digest == "uploads" => "InitiateLayerUpload",
            _ => "Unsupported",
        }
    } else if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
        name_is("repositoryName", name);
        name_is("reference", reference);
        match *method {
            Method::HEAD => {
                name_is("isHead", "true");
                "BatchGetImage"
            }
            Method::GET => "BatchGetImage",
            Method::PUT => "PutImage",
            _ => "Unsupported",
        }
    } else if let Some(name) = rest.strip_suffix("/tags/list") {
        name_is("repositoryName", name);
        "ListImages"
    } else if let Some((name, digest)) = rest.rsplit_once("/referrers/") {
        name_is("repositoryName", name);
        name_is("digest", digest);
        "ListImageReferrers"
    } else {
        "Unsupported"
    };
    if action == "InitiateLayerUpload" && parameters.get("digest") == Some(&json!("uploads")) {
        parameters.remove("digest");
    }
    (action.to_owned(), parameters)
}

pub(super) fn write(reply: Result<Reply, Fault>) -> (u16, Vec<(&'static str, String)>, Bytes) {
    let (status, mut headers, body) = match reply {
        Ok(reply) => (reply.status, reply.headers, reply.raw.unwrap_or_default()),
        Err(fault) => {
            let document = json!({ "errors": [{ "code": fault.code, "message": fault.message }] });
            let mut headers = fault.headers;
            headers.push(("content-type", "application/json".to_owned()));
            (fault.status, headers, document.to_string().into())
        }
    };
    headers.push(("docker-distribution-api-version", "registry/2.0".to_owned()));
    (status, headers, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_called_as_policies_name_them() {
        let read = |method: Method, path: &str, query: &str| {
            let (action, parameters) = read(&method, path, query);
            (action, Value::Object(parameters))
        };
        assert_eq!(read(Method::GET, "/v2/", ""), ("Ping".to_owned(), json!({})));
        let expected = json!({ "repositoryName": "a/b", "reference": "1.0" });
        assert_eq!(read(Method::PUT, "/v2/a/b/manifests/1.0", ""), ("PutImage".to_owned(), expected));
        let expected = json!({ "repositoryName": "a/b", "uploadId": "" });
        assert_eq!(read(Method::POST, "/v2/a/b/blobs/uploads/", "").1, expected);
        let (action, parameters) = read(Method::PUT, "/v2/a/blobs/uploads/17", "digest=sha256%3Aab");
        assert_eq!(action, "CompleteLayerUpload");
        assert_eq!(parameters, json!({ "repositoryName": "a", "uploadId": "17", "digest": "sha256:ab" }));
    }
}
