//! Memory that one reply after the other uses: a reply has few headers, and making room for them anew takes longer than
//! writing them.

use std::cell::Cell;

use http::HeaderMap;

thread_local! {
    static HEADERS: Cell<Option<HeaderMap>> = const { Cell::new(None) };
}

/// More headers than this are not kept for.
const MAX_KEPT: usize = 32;

/// No headers, with room for a few where a reply on this thread has left some.
pub(crate) fn headers() -> HeaderMap {
    HEADERS.take().unwrap_or_default()
}

/// Leaves the room for the next reply on this thread.
pub(crate) fn leave(mut headers: HeaderMap) {
    if headers.capacity() <= MAX_KEPT {
        headers.clear();
        HEADERS.set(Some(headers));
    }
}
