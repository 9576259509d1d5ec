//! Which era of the protocol a request belongs to. It is chosen for each request: by the version its `_meta` names
//! (2026-07-28 and later), or by not naming one (2025-11-25 and earlier).

use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{envelope::Envelope, headers};
use crate::handler::ErrorObject;

/// The header that names the protocol version.
pub(super) const PROTOCOL_VERSION: &str = "mcp-protocol-version";

const MODERN: &[&str] = &["2026-07-28"];
const LEGACY: &[&str] = &["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// An era of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2026-07-28: each request carries its own metadata.
    Modern,
    /// 2025-11-25 and before: `initialize` first.
    Legacy,
}

/// A request that did not pass a gate.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: ErrorObject,
}

impl Refusal {
    pub(super) fn bad_request(code: i64, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: ErrorObject::new(code, message) }
    }
}

/// Chooses the era, and refuses what belongs to neither.
///
/// # Errors
///
/// 400 with `-32020` where header and body disagree, `-32022` for a version this server does not speak, `-32602` where
/// a modern request lacks the metadata it must carry.
pub(crate) fn choose(headers: &HeaderMap, envelope: &Envelope<'_>) -> Result<Era, Refusal> {
    let header = headers::single(headers, PROTOCOL_VERSION)?;
    let declared = envelope.head.protocol_version.as_deref();
    let Some(declared) = declared else {
        return match header {
            _ if envelope.method() == Some("server/discover") => Err(metadata_missing()),
            Some(version) if MODERN.contains(&version) && envelope.method().is_some() => Err(metadata_missing()),
            Some(version) if !MODERN.contains(&version) && !LEGACY.contains(&version) => Err(unsupported(version)),
            _ => Ok(Era::Legacy),
        };
    };
    match header {
        None => Err(Refusal::bad_request(
            ErrorObject::HEADER_MISMATCH,
            format!("the request's _meta names version {declared}, so the MCP-Protocol-Version header must too"),
        )),
        Some(version) if version != declared => Err(Refusal::bad_request(
            ErrorObject::HEADER_MISMATCH,
            format!("the MCP-Protocol-Version header says {version}, but the request's _meta says {declared}"),
        )),
        Some(version) if !MODERN.contains(&version) => Err(unsupported(version)),
        Some(_) if !envelope.head.has_client_capabilities => Err(metadata_missing()),
        Some(_) => Ok(Era::Modern),
    }
}

fn metadata_missing() -> Refusal {
    Refusal::bad_request(
        ErrorObject::INVALID_PARAMS,
        "a 2026-07-28 request carries io.modelcontextprotocol/protocolVersion and \
         io.modelcontextprotocol/clientCapabilities in params._meta",
    )
}

fn unsupported(version: &str) -> Refusal {
    let supported: Vec<_> = MODERN.iter().chain(LEGACY).collect();
    let error = ErrorObject::new(ErrorObject::UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version")
        .with_data(json!({ "supported": supported, "requested": version }));
    Refusal { status: StatusCode::BAD_REQUEST, error }
}
