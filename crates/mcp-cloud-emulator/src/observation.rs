//! Says what the emulator saw: one value for each request, line of output and life event of the program.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// What happened. Handed to the observer in the order it happened, from whichever task saw it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Observation {
    /// A request was answered, and its response has ended or its client has gone.
    Request(RequestRecord),
    /// The program was started.
    ServerStarted {
        /// Its process id, while it is known.
        process_id: Option<u32>,
    },
    /// The program wrote a line.
    ServerOutput {
        /// The line without its end, bytes that are not UTF-8 replaced. Lines are cut at 64 KiB.
        line: String,
        /// Where it wrote it.
        stream: OutputStream,
    },
    /// The program ended, by itself or because the emulator ended it as the platform would have.
    ServerExited {
        /// Its exit code; `None` if a signal ended it.
        code: Option<i32>,
        /// Why the emulator ended it; `None` if it ended by itself.
        reason: Option<&'static str>,
    },
    /// The function told the Runtime API that it cannot start.
    InitError {
        /// The value of `Lambda-Runtime-Function-Error-Type`.
        error_type: String,
    },
}

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Whether a request found its instance running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The request was the first of its instance.
    Cold,
    /// The instance had served before.
    Warm,
}

/// One request and how it was answered.
#[derive(Clone)]
pub struct RequestRecord {
    /// Method of the request.
    pub http_method: Method,
    /// Path of the request without its query, which may carry secrets.
    pub path: String,
    /// Headers of the request as the client sent them.
    pub request_headers: HeaderMap,
    /// Body of the request, at most its first 64 KiB, so that the caller can name the message in it.
    pub request_body: Bytes,
    /// Status the client got.
    pub status: StatusCode,
    /// Time from the request's head to the response's last byte.
    pub duration: Duration,
    /// Cold or warm. A request that reached no instance counts as warm.
    pub start: Start,
    /// What a person should know that the status does not say, such as "empty stream: hangs when deployed".
    pub note: Option<String>,
}

impl fmt::Debug for RequestRecord {
    // Headers and body may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RequestRecord")
            .field("http_method", &self.http_method)
            .field("path", &self.path)
            .field("status", &self.status)
            .field("duration", &self.duration)
            .field("start", &self.start)
            .field("note", &self.note)
            .finish_non_exhaustive()
    }
}

/// The caller's observer, shared by every task.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(Observation) + Send + Sync>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(Observation) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    pub(crate) fn observe(&self, observation: Observation) {
        (self.0)(observation);
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}
