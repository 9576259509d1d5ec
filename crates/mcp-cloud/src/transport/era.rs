//! Which era of the protocol a request belongs to. It is chosen for each request: by the version its `_meta` names
//! (2026-07-28 and later), or by not naming one (2025-11-25 and earlier).

use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{envelope::Envelope, headers};
use crate::{handler::ErrorObject, names};

const MODERN: &[&str] = &["2026-07-28"];
const LEGACY: &[&str] = &["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// An era of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2026-07-28: each request carries its own metadata.
    Modern,
    /// 2025-11-25 and before: `initialize` first.
    Legacy,
}

/// Which eras a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Eras {
    /// Whichever a request belongs to.
    #[default]
    Both,
    /// 2026-07-28 alone. Clients of the legacy era are told so.
    Modern,
    /// 2025-11-25 and before. Clients of the modern era are told so, and fall back where they can.
    Legacy,
}

impl Eras {
    fn includes(self, era: Era) -> bool {
        match self {
            Self::Both => true,
            Self::Modern => era == Era::Modern,
            Self::Legacy => era == Era::Legacy,
        }
    }

    fn versions(self) -> impl Iterator<Item = &'static str> {
        let modern = MODERN.iter().filter(move |_| self.includes(Era::Modern));
        modern.chain(LEGACY.iter().filter(move |_| self.includes(Era::Legacy))).copied()
    }
}

/// Whether a version removed batches: the first to do so was 2025-06-18, and the first to have them 2025-03-26, which
/// is also what a client speaks that names none.
pub(super) fn has_batches(version: Option<&str>) -> bool {
    version.is_none_or(|version| version < "2025-06-18")
}

/// Whether a version is of the modern era.
pub(super) fn is_modern(version: &str) -> bool {
    MODERN.contains(&version)
}

/// A request that did not pass a gate.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: ErrorObject,
}

impl Refusal {
    #[cold]
    pub(super) fn bad_request(code: i64, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: ErrorObject::new(code, message) }
    }
}

/// Chooses the era, and refuses what belongs to none that this server speaks.
///
/// # Errors
///
/// 400 with `-32020` where header and body disagree, `-32022` for a version this server does not speak, `-32602` where
/// a modern request lacks the metadata it must carry; 404 with `-32601` for a handshake that this server does not have.
pub(super) fn choose(eras: Eras, headers: &HeaderMap, envelope: &Envelope<'_>) -> Result<Era, Refusal> {
    let header = headers::single(headers, &names::MCP_PROTOCOL_VERSION)?;
    let Some(declared) = envelope.head.protocol_version.as_deref() else { return undeclared(eras, header, envelope) };
    match header {
        None => Err(Refusal::bad_request(
            ErrorObject::HEADER_MISMATCH,
            format!("the request's _meta names version {declared}, so the MCP-Protocol-Version header must too"),
        )),
        Some(version) if version != declared => Err(Refusal::bad_request(
            ErrorObject::HEADER_MISMATCH,
            format!("the MCP-Protocol-Version header says {version}, but the request's _meta says {declared}"),
        )),
        Some(version) if !is_modern(version) || !eras.includes(Era::Modern) => Err(unsupported(eras, version)),
        Some(_) if !envelope.head.has_client_capabilities => Err(metadata_missing()),
        Some(_) => Ok(Era::Modern),
    }
}

/// Refuses a request whose header names a version that this server does not speak.
///
/// # Errors
///
/// 400 with `-32022`, or with `-32020` where the header is repeated.
pub(super) fn check_version(eras: Eras, headers: &HeaderMap) -> Result<(), Refusal> {
    match headers::single(headers, &names::MCP_PROTOCOL_VERSION)? {
        Some(version) if !eras.versions().any(|spoken| spoken == version) => Err(unsupported(eras, version)),
        _ => Ok(()),
    }
}

/// The era of a message whose `_meta` names no version: the legacy one, unless something else says otherwise.
fn undeclared(eras: Eras, header: Option<&str>, envelope: &Envelope<'_>) -> Result<Era, Refusal> {
    let method = envelope.method();
    match header {
        Some(version) if !eras.versions().any(|spoken| spoken == version) => Err(unsupported(eras, version)),
        Some(version) if is_modern(version) && method.is_some() => Err(metadata_missing()),
        Some(version) if is_modern(version) => Ok(Era::Modern),
        _ if method == Some("server/discover") && eras.includes(Era::Modern) => Err(metadata_missing()),
        _ if eras.includes(Era::Legacy) => Ok(Era::Legacy),
        _ if method == Some("initialize") => Err(no_handshake(eras)),
        _ => Err(Refusal::bad_request(
            ErrorObject::HEADER_MISMATCH,
            "the MCP-Protocol-Version header is missing, and this server speaks 2026-07-28 alone",
        )),
    }
}

/// Chooses the era of a message that no headers come with.
///
/// # Errors
///
/// As [`choose`], without what concerns headers.
pub(super) fn of_message(eras: Eras, envelope: &Envelope<'_>) -> Result<Era, ErrorObject> {
    let head = &envelope.head;
    let chosen = match head.protocol_version.as_deref() {
        Some(version) if !is_modern(version) || !eras.includes(Era::Modern) => Err(unsupported(eras, version)),
        Some(_) if !head.has_client_capabilities => Err(metadata_missing()),
        Some(_) => Ok(Era::Modern),
        None if envelope.method() == Some("server/discover") && eras.includes(Era::Modern) => Err(metadata_missing()),
        None if eras.includes(Era::Legacy) || envelope.method().is_none() => Ok(Era::Legacy),
        None if envelope.method() == Some("initialize") => Err(no_handshake(eras)),
        None => Err(metadata_missing()),
    };
    chosen.map_err(|refusal| refusal.error)
}

#[cold]
fn metadata_missing() -> Refusal {
    Refusal::bad_request(
        ErrorObject::INVALID_PARAMS,
        "a 2026-07-28 request carries io.modelcontextprotocol/protocolVersion and \
         io.modelcontextprotocol/clientCapabilities in params._meta",
    )
}

#[cold]
fn unsupported(eras: Eras, version: &str) -> Refusal {
    let error = ErrorObject::new(ErrorObject::UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version")
        .with_data(json!({ "supported": eras.versions().collect::<Vec<_>>(), "requested": version }));
    Refusal { status: StatusCode::BAD_REQUEST, error }
}

/// A modern server names its versions where a legacy client knocks (MCP 2026-07-28, basic/versioning).
#[cold]
fn no_handshake(eras: Eras) -> Refusal {
    let message = "this server speaks 2026-07-28, which has no initialize";
    let error = ErrorObject::new(ErrorObject::METHOD_NOT_FOUND, message)
        .with_data(json!({ "supported": eras.versions().collect::<Vec<_>>() }));
    Refusal { status: StatusCode::NOT_FOUND, error }
}
