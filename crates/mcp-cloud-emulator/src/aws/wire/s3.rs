//! S3's own way: buckets in host or path, and XML (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html>).

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::{Asked, Fault, Plus, Reply, decode, pairs, xml};

/// Parts of a bucket that have calls of their own, and what they are called there.
const PARTS: &[(&str, &str)] = &[
    ("tagging", "Tagging"),
    ("encryption", "Encryption"),
    ("versioning", "Versioning"),
    ("lifecycle", "LifecycleConfiguration"),
    ("policy", "Policy"),
    ("location", "Location"),
    ("ownershipControls", "OwnershipControls"),
];

pub(super) fn read(
    method: &Method,
    host: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(String, Map<String, Value>), Fault> {
    let (bucket, key) = place(host, path);
    let mut parameters: Map<String, Value> = pairs(query).map(|(name, value)| (name, Value::String(value))).collect();
    let action = action(method, &bucket, &key, &parameters, headers);
    if matches!(*method, Method::PUT | Method::POST) && key.is_empty() && !body.is_empty() {
        let document = plain_body(headers, body.clone());
        let malformed = "The XML you provided was not well-formed or did not validate against our published schema";
        let document = xml::read(&String::from_utf8_lossy(&document));
        parameters.insert("Body".to_owned(), document.ok_or_else(|| Fault::new(400, "MalformedXML", malformed))?);
    }
    for (name, value) in [("Bucket", bucket), ("Key", key)] {
        if !value.is_empty() {
            parameters.insert(name.to_owned(), Value::String(value));
        }
    }
    Ok((action, parameters))
}

/// The bucket is the first label of the host, or the first segment of the path where the host is the service alone.
fn place(host: &str, path: &str) -> (String, String) {
    let path = decode(path.trim_start_matches('/'), Plus::IsPlus);
    let of_host = host.split_once(".s3.").filter(|(_, rest)| rest.contains("amazonaws.com"));
    match of_host {
        Some((bucket, _)) => (bucket.to_owned(), path),
        None => path
            .split_once('/')
            .map_or_else(|| (path.clone(), String::new()), |(bucket, key)| (bucket.to_owned(), key.to_owned())),
    }
}

fn action(method: &Method, bucket: &str, key: &str, query: &Map<String, Value>, headers: &HeaderMap) -> String {
    if bucket.is_empty() {
        return "ListBuckets".to_owned();
    }
    if !key.is_empty() {
        let part = if query.contains_key("tagging") { "Tagging" } else { "" };
        let verb = match *method {
            Method::PUT if headers.contains_key("x-amz-copy-source") => "Copy",
            Method::PUT => "Put",
            Method::GET => "Get",
            Method::HEAD => "Head",
            Method::DELETE => "Delete",
            _ => "Post",
        };
        return format!("{verb}Object{part}");
    }
    let verb = match *method {
        Method::PUT => "Put",
        Method::DELETE => "Delete",
        _ => "Get",
    };
    if query.contains_key("publicAccessBlock") {
        return format!("{verb}PublicAccessBlock");
    }
    if let Some((_, part)) = PARTS.iter().find(|(part, _)| query.contains_key(*part)) {
        return format!("{verb}Bucket{part}");
    }
    let action = match *method {
        Method::PUT => "CreateBucket",
        Method::HEAD => "HeadBucket",
        Method::DELETE => "DeleteBucket",
        Method::POST if query.contains_key("delete") => "DeleteObjects",
        Method::GET if query.contains_key("versions") => "ListObjectVersions",
        Method::GET => "ListObjectsV2",
        _ => "Unknown",
    };
    action.to_owned()
}

/// Takes the chunks of a body that is sent in chunks which are signed or summed each
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>).
pub(super) fn plain_body(headers: &HeaderMap, body: Bytes) -> Bytes {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text("content-encoding").contains("aws-chunked") && !text("x-amz-content-sha256").starts_with("STREAMING-") {
        return body;
    }
    let mut plain = Vec::with_capacity(body.len());
    let mut rest: &[u8] = &body;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, after) = rest.split_at(end);
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let chunk = size.filter(|size| *size > 0).and_then(|size| after.get(2..2_usize.saturating_add(size)));
        let Some(chunk) = chunk else { break };
        plain.extend_from_slice(chunk);
        rest = after.get(chunk.len().saturating_add(4)..).unwrap_or_default();
    }
    plain.into()
}

pub(super) fn write(
    asked: &Asked,
    reply: Result<Reply, Fault>,
    request_id: &str,
) -> (u16, Vec<(&'static str, String)>, Bytes) {
    const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
    let is_head = asked.action.starts_with("Head");
    match reply {
        Ok(Reply { status, raw: Some(raw), headers, .. }) => {
            (status, headers, if is_head { Bytes::new() } else { raw })
        }
        Ok(Reply { status, members: Value::Object(members), mut headers, .. }) => {
            headers.push(("content-type", "application/xml".to_owned()));
            // The only member is the root.
            let (root, document) = members.into_iter().next().unwrap_or_default();
            (status, headers, xml::write(&root, Some(NAMESPACE), &document, xml::Lists::Flat).into())
        }
        Ok(Reply { status, headers, .. }) => (status, headers, Bytes::new()),
        Err(Fault { status, mut headers, .. }) if is_head || status == 304 => {
            headers.push(("content-type", "application/xml".to_owned()));
            (status, headers, Bytes::new())
        }
        Err(fault) => {
            let document = serde_json::json!({
                "Code": fault.code, "Message": fault.message, "RequestId": request_id,
                "BucketName": asked.text("Bucket"), "Key": asked.text("Key"),
            });
            let mut headers = fault.headers;
            headers.push(("content-type", "application/xml".to_owned()));
            (fault.status, headers, xml::write("Error", None, &document, xml::Lists::Flat).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_is_found_in_host_and_path() {
        let found = |host: &str, path: &str| place(host, path);
        let expected = ("my.bucket".to_owned(), "a/b c".to_owned());
        assert_eq!(found("my.bucket.s3.eu-west-1.amazonaws.com", "/a/b%20c"), expected);
        assert_eq!(found("s3.eu-west-1.amazonaws.com", "/my.bucket/a/b%20c"), expected);
        assert_eq!(found("127.0.0.1", "/my.bucket/a/b%20c"), expected);
        assert_eq!(found("127.0.0.1", "/b"), ("b".to_owned(), String::new()));
    }

    #[test]
    fn chunks_are_put_together() {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", "aws-chunked".parse().expect("it is one"));
        let body =
            Bytes::from_static(b"3;chunk-signature=ab\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n");
        assert_eq!(plain_body(&headers, body), Bytes::from_static(b"abcde"));
    }
}
