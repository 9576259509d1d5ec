//! The way to function URLs and gateways of an AWS that is somewhere else.
//!
//! Whoever sets `AWS_ENDPOINT_URL` means an emulator. It answers for every host name of AWS at that address, and no name
//! server knows those names, so the request goes there with the name in its `Host` header.

use aws_sdk_sts::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
    },
    orchestrator::HttpRequest,
};
use http::Uri;

/// What names of AWS's end in that clients of a server see.
const NAMES: [&str; 3] = [".on.aws", ".amazonaws.com", ".amazonaws.com.cn"];

/// Sends what is meant for names of AWS to an emulator.
pub(super) fn client(inner: SharedHttpClient, endpoint: &str) -> SharedHttpClient {
    let Ok(endpoint) = endpoint.parse::<Uri>() else { return inner };
    http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
        let inner = inner.http_connector(settings, components);
        SharedHttpConnector::new(Rerouted { inner, endpoint: endpoint.clone() })
    })
}

#[derive(Debug)]
struct Rerouted {
    inner: SharedHttpConnector,
    endpoint: Uri,
}

impl HttpConnector for Rerouted {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if let Some((host, uri)) = reroute(request.uri(), &self.endpoint) {
            // What cannot be set is sent as it was, and fails as it would have.
            if request.set_uri(uri).is_ok() {
                request.headers_mut().insert("host", host);
            }
        }
        self.inner.call(request)
    }
}

/// The name that is asked for, and where to ask instead.
fn reroute(uri: &str, endpoint: &Uri) -> Option<(String, Uri)> {
    let uri: Uri = uri.parse().ok()?;
    let host = uri.host()?;
    if !NAMES.iter().any(|name| host.ends_with(name)) {
        return None;
    }
    let mut parts = endpoint.clone().into_parts();
    parts.path_and_query = uri.path_and_query().cloned();
    Some((uri.authority()?.to_string(), Uri::from_parts(parts).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_aws_are_asked_for_at_the_emulator_and_others_are_not() {
        let endpoint: Uri = "http://127.0.0.1:4566".parse().unwrap();
        let (host, uri) = reroute("https://abc.lambda-url.eu-west-1.on.aws/mcp?x=1", &endpoint).unwrap();
        assert_eq!(
            (host.as_str(), uri.to_string().as_str()),
            ("abc.lambda-url.eu-west-1.on.aws", "http://127.0.0.1:4566/mcp?x=1")
        );
        assert_eq!(reroute("https://example.com/mcp", &endpoint), None);
        assert_eq!(reroute("http://127.0.0.1:4566/", &endpoint), None);
    }
}
