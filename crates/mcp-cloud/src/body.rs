//! The body of every reply: nothing, one piece, or a stream.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::json::{PlainRun, is_text};

/// The body of a reply. It never fails: what goes wrong after the head is out is said in the stream, as a JSON-RPC
/// error, because no client can read an error anywhere else.
pub struct Body(Kind);

enum Kind {
    Full(Bytes),
    /// JSON, or events that carry it, as it was written: making it shareable would take memory of its own, which not every
    /// platform needs.
    Written(Vec<u8>, PlainRun),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Infallible> + Send>>),
}

impl Body {
    /// A body without a byte.
    pub(crate) const fn empty() -> Self {
        Self(Kind::Full(Bytes::new()))
    }

    pub(crate) fn stream(body: impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static) -> Self {
        Self(Kind::Stream(Box::pin(body)))
    }

    /// JSON with a run that is known to need no escape where it is quoted.
    pub(crate) fn written(json: Vec<u8>, plain: PlainRun) -> Self {
        Self(Kind::Written(json, plain))
    }

    /// The run of a whole body that is known to need no escape where it is quoted.
    pub(crate) fn plain(&self) -> PlainRun {
        match self.0 {
            Kind::Written(_, plain) => plain,
            Kind::Full(_) | Kind::Stream(_) => PlainRun::default(),
        }
    }

    /// Whether the whole body is text.
    pub(crate) fn is_text(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => is_text(bytes),
            // JSON is, and a large one need not be looked through to know it.
            Kind::Written(..) => true,
            Kind::Stream(_) => false,
        }
    }

    /// The memory the body was written into; none, where others share it.
    pub(crate) fn into_written(self) -> Vec<u8> {
        match self.0 {
            Kind::Written(bytes, _) => bytes,
            Kind::Full(_) | Kind::Stream(_) => Vec::new(),
        }
    }

    /// The whole body, where it is known already.
    pub(crate) fn as_full(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Full(bytes) => Some(bytes),
            Kind::Written(bytes, _) => Some(bytes),
            Kind::Stream(_) => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Full(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::written(bytes, PlainRun::default())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_full() {
            Some(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            None => f.write_str("Body(stream)"),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.0 {
            Kind::Full(bytes) => std::mem::take(bytes),
            Kind::Written(bytes, _) => std::mem::take(bytes).into(),
            Kind::Stream(stream) => return stream.as_mut().poll_frame(context),
        };
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Written(bytes, _) => bytes.is_empty(),
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Written(bytes, _) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}
