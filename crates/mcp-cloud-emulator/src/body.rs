//! The body every response of the emulator has, and the small bodies it is made of.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use tokio::time::{Instant, Sleep, sleep_until};

/// The body of a response the emulator sends, or of a request it passes on.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The peer's connection failed while the body was read.
    #[error("cannot read the rest of the body from its sender")]
    Read(#[source] hyper::Error),
    /// The body is larger than the trigger carries.
    #[error("the body is larger than the {limit} bytes this trigger carries")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The platform's time for the request is over.
    #[error("the response took longer than the platform allows")]
    Deadline,
    /// Nothing came for longer than the gateway waits.
    #[error("nothing was written for {} s, longer than the gateway waits", limit.as_secs_f32())]
    Idle {
        /// How long it waits.
        limit: Duration,
    },
    /// The function's response stream broke.
    #[error("the function's response stream ended early")]
    Stream(#[from] crate::runtime_api::StreamError),
}

/// How much of a request's body a [`RequestRecord`](crate::RequestRecord) keeps.
const CAPTURED_BYTES: usize = 64 * 1024;

/// A request that is too large is read on to its end, up to this many bytes, so that its sender can read the refusal.
const DRAINED_BYTES: usize = 64 * 1024 * 1024;

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut bytes = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else if length > DRAINED_BYTES {
            break;
        }
    }
    if length > limit {
        return Err(BodyError::TooLarge { limit });
    }
    Ok(bytes.freeze())
}

/// What passed through a [`Tee`], as much of it as is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<BytesMut>>);

impl Captured {
    pub(crate) fn bytes(&self) -> Bytes {
        let captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::copy_from_slice(&captured)
    }

    fn add(&self, data: &[u8]) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = CAPTURED_BYTES.saturating_sub(captured.len());
        captured.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
    }
}

/// A request's body on its way in, its beginning copied aside.
#[derive(Debug)]
pub(crate) struct Tee {
    inner: hyper::body::Incoming,
    captured: Captured,
}

impl Tee {
    pub(crate) fn new(inner: hyper::body::Incoming, captured: Captured) -> Self {
        Self { inner, captured }
    }
}

impl http_body::Body for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.captured.add(data);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Read)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that fails once more than `limit` bytes have passed.
#[derive(Debug)]
pub(crate) struct Limited {
    inner: Body,
    limit: usize,
    passed: usize,
}

impl Limited {
    pub(crate) fn new(inner: Body, limit: usize) -> Self {
        Self { inner, limit, passed: 0 }
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.passed = self.passed.saturating_add(data.len());
            if self.passed > self.limit {
                let limit = self.limit;
                return Poll::Ready(Some(Err(BodyError::TooLarge { limit })));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that fails at `deadline`.
#[derive(Debug)]
pub(crate) struct Expiring {
    inner: Body,
    deadline: Pin<Box<Sleep>>,
}

impl Expiring {
    pub(crate) fn new(inner: Body, deadline: Instant) -> Self {
        Self { inner, deadline: Box::pin(sleep_until(deadline)) }
    }
}

impl http_body::Body for Expiring {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(Some(Err(BodyError::Deadline)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
