//! JSON (RFC 8259), read in place: where each value stands, and nothing built. Events and messages are read once this way;
//! what a handler needs of them is read into its type over the same scanner. And text into JSON strings, which results are
//! made of.

mod escape;
mod plain;
mod read;
mod scan;
mod write;

pub(crate) use escape::{NoText, PlainRun, Run, escape, escape_around, escaped_length_around, unescape};
#[cfg(feature = "rmcp")]
pub(crate) use read::Unread;
pub(crate) use read::{Raw, read};
pub(crate) use scan::{Malformed, Quoted, Scanner, Span};
pub(crate) use write::write;

/// Whether bytes are UTF-8. Most texts are ASCII, which is seen at a glance.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}
