//! Memory that one reply after the other uses on a thread: where a process answers one request at a time, making room
//! anew takes longer than writing into it, and the pages of a large reply longer than everything else.

use std::cell::Cell;

use http::HeaderMap;

thread_local! {
    static HEADERS: Cell<Option<HeaderMap>> = const { Cell::new(None) };
    static BYTES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// More headers than this are not kept for.
const MAX_HEADERS: usize = 32;
/// Nor are more bytes. A buffered reply on Lambda has 6 MB at most, for which there may be room twice over.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// No headers, with room for a few where a reply on this thread has left some.
pub(crate) fn headers() -> HeaderMap {
    HEADERS.take().unwrap_or_default()
}

/// Room for at least so many bytes.
pub(crate) fn bytes(capacity: usize) -> Vec<u8> {
    let mut bytes = BYTES.take();
    bytes.reserve(capacity);
    bytes
}

/// Leaves the room that a body was written into for the next.
pub(crate) fn leave_bytes(mut bytes: Vec<u8>) {
    if (1..=MAX_BYTES).contains(&bytes.capacity()) {
        bytes.clear();
        BYTES.set(bytes);
    }
}

/// Leaves the room for the headers of the next reply.
pub(crate) fn leave_headers(mut headers: HeaderMap) {
    if headers.capacity() <= MAX_HEADERS {
        headers.clear();
        HEADERS.set(Some(headers));
    }
}
