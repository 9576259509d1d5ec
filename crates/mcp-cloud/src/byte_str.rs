//! Text that shares the memory it was read into.

use std::{fmt, ops::Deref};

use bytes::Bytes;

use crate::json::is_text;

/// Text that shares the memory of the event or the message it came from. Cheap to clone; what is kept of an event keeps
/// all of its memory.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteStr(Bytes);

impl ByteStr {
    /// Of bytes that are UTF-8; others become the empty text.
    pub(crate) fn new(bytes: Bytes) -> Self {
        if is_text(&bytes) { Self(bytes) } else { Self::default() }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It was UTF-8 when it came in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Deref for ByteStr {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for ByteStr {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl fmt::Debug for ByteStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for ByteStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
