//! What a server says about who issues tokens for it, for clients that were refused.

use serde::Serialize;

use crate::app::App;

/// RFC 9728 §2; the names are the document's.
#[derive(Debug, Serialize)]
struct ResourceMetadata<'a> {
    resource: String,
    authorization_servers: [&'a str; 1],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
}

/// The protected resource metadata of a server as JSON; none where nobody asks for tokens, or without a domain, by which
/// alone the server can be named before it is deployed.
pub(super) fn resource_metadata(app: &App) -> Option<String> {
    let auth = &app.auth;
    let metadata = ResourceMetadata {
        resource: format!("https://{}{}", app.endpoint.domain.as_ref()?, app.endpoint.path),
        authorization_servers: [auth.issuer.as_deref()?],
        scopes_supported: &auth.scopes,
        bearer_methods_supported: ["header"],
    };
    serde_json::to_string(&metadata).ok()
}
