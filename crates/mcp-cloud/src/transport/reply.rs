//! Decides, as late as possible, how a reply goes out: as one JSON document where the answer comes alone, as an event
//! stream where something was sent before it or it is long in coming.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::{
    accepted,
    attended::{Attended, Said, too_large},
    era::Era,
    headers::Accepts,
    session::{Busy, Session, Sessions},
    stream::{EventStream, KEEP_ALIVE, event, write_event},
};
use crate::{
    body::Body,
    handler::{Answer, ErrorObject},
    json::{PlainRun, read},
    names, spare,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// A request on its way through the handler.
pub(super) struct Exchange {
    pub(super) era: Era,
    pub(super) accepts: Accepts,
    pub(super) attended: Attended,
    /// The session it belongs to.
    pub(super) session: Option<Arc<Session>>,
    /// Where that session is kept, if this very request opened it.
    pub(super) opened_in: Option<Arc<Sessions>>,
    /// Somebody waits for the reply.
    pub(super) busy: Option<Busy>,
}

/// What a reply begins with.
enum Beginning {
    /// Its end.
    Last(Answer),
    /// A message, or a sign of life.
    Stream(Option<Bytes>),
    /// The end of its connection: the client comes back for the rest.
    Interrupted,
}

/// A reply in the making.
pub(crate) struct Replying {
    exchange: Option<Exchange>,
    events: Vec<u8>,
}

impl Replying {
    pub(super) fn new(exchange: Exchange) -> Self {
        Self { exchange: Some(exchange), events: Vec::new() }
    }
}

impl Future for Replying {
    type Output = http::Response<Body>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { exchange: under_way, events } = &mut *self;
        let Some(exchange) = under_way else { return Poll::Pending };
        let beginning = ready!(exchange.poll_beginning(context, events));
        let (Some(exchange), events) = (under_way.take(), std::mem::take(events)) else { return Poll::Pending };
        Poll::Ready(match beginning {
            Beginning::Last(answer) => exchange.last(answer, events),
            Beginning::Stream(said) => exchange.stream(said),
            Beginning::Interrupted => exchange.interrupted(),
        })
    }
}

impl Exchange {
    /// What the reply begins with; messages that an event stream in one piece will hold are put into `events`.
    fn poll_beginning(&mut self, context: &mut Context<'_>, events: &mut Vec<u8>) -> Poll<Beginning> {
        loop {
            let beginning = match ready!(self.attended.poll_next(context)) {
                Said::Answer(answer) => Beginning::Last(answer),
                Said::Message(message) if self.accepts.events => {
                    if !self.attended.capabilities.streams {
                        write_event(events, None, &message);
                        continue;
                    }
                    Beginning::Stream(Some(message))
                }
                // A client that takes only JSON gets the answer, and nothing of what came before it.
                Said::Message(_) => continue,
                Said::Nothing => Beginning::Stream(None),
                Said::Reconnect if self.can_come_back() => Beginning::Interrupted,
                Said::Reconnect => continue,
                Said::Cancelled => {
                    let error = ErrorObject::new(ErrorObject::REQUEST_CANCELLED, "the client cancelled this request");
                    Beginning::Last(Answer::error(self.attended.id(), &error))
                }
            };
            return Poll::Ready(beginning);
        }
    }

    /// Everything at once: the answer, and what was said before it.
    fn last(&self, answer: Answer, mut events: Vec<u8>) -> http::Response<Body> {
        if answer.is_empty() && events.is_empty() {
            return accepted();
        }
        if let Some(sessions) = &self.opened_in {
            self.settle(sessions, &answer);
        }
        // An error has a status of its own, which it shows best by itself.
        let is_error = answer.error_code().is_some();
        if events.is_empty() && (!self.accepts.prefers_events || is_error && self.accepts.json) {
            return self.with_session(json(self.era, answer));
        }
        let status = if events.is_empty() { status_of(self.era, &answer) } else { StatusCode::OK };
        write_event(&mut events, None, answer.as_message());
        if too_large(&events, PlainRun::default(), self.attended.capabilities).is_some() {
            // The answer alone fits, or is an error that says why it does not.
            if self.accepts.json {
                return self.with_session(json(self.era, answer));
            }
            events.clear();
            write_event(&mut events, None, answer.as_message());
        }
        let mut response = event_stream(Body::from(events));
        *response.status_mut() = status;
        self.with_session(response)
    }

    /// Begins to stream: with a message, or with a sign of life.
    fn stream(self, said: Option<Bytes>) -> http::Response<Body> {
        let Self { attended, session, opened_in, busy: _busy, .. } = self;
        let Some(session) = session else {
            let written = said.map_or_else(|| Bytes::from_static(KEEP_ALIVE), |message| event(None, &message));
            return event_stream(Body::stream(EventStream::new(attended, written)));
        };
        let response = event_stream(session.carry(attended, said));
        if opened_in.is_some() { with_session(response, &session) } else { response }
    }

    /// Begins to stream only to end the connection: the client comes back for the rest.
    fn interrupted(self) -> http::Response<Body> {
        if let Some(reconnect) = &self.attended.reconnect {
            // Once more, for whoever carries the conversation on.
            reconnect.raise();
        }
        self.stream(None)
    }

    /// Whether the client could read on where a connection ended: on a stream of its session, which it must take.
    fn can_come_back(&self) -> bool {
        self.session.is_some() && self.attended.capabilities.streams && self.accepts.events
    }

    /// A session begins when the handler agrees to a version, and is not begun by an error.
    fn settle(&self, sessions: &Sessions, answer: &Answer) {
        let Some(session) = &self.session else { return };
        match answer.result_json().and_then(agreed_version) {
            Some(version) => session.agree(&version),
            None => drop(sessions.end(&session.id)),
        }
    }

    fn with_session(&self, response: http::Response<Body>) -> http::Response<Body> {
        match (&self.session, &self.opened_in) {
            (Some(session), Some(_)) if session.version().is_some() => with_session(response, session),
            _ => response,
        }
    }
}

/// The protocol version that an `initialize` result names.
fn agreed_version(result: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Initialized {
        protocol_version: String,
    }
    read::<Initialized>(result).ok().map(|initialized| initialized.protocol_version)
}

/// Tells the client its session's id.
fn with_session(mut response: http::Response<Body>, session: &Session) -> http::Response<Body> {
    if let Ok(id) = HeaderValue::from_str(&session.id) {
        response.headers_mut().insert(&names::MCP_SESSION_ID, id);
    }
    response
}

/// A reply that is one JSON document.
fn json(era: Era, answer: Answer) -> http::Response<Body> {
    document(status_of(era, &answer), answer)
}

/// The status of a reply that is nothing but an answer.
fn status_of(era: Era, answer: &Answer) -> StatusCode {
    match (era, answer.error_code()) {
        // What is not JSON is no request of either era.
        (_, Some(ErrorObject::PARSE_ERROR)) => StatusCode::BAD_REQUEST,
        (Era::Modern, Some(code)) => status(code),
        _ => StatusCode::OK,
    }
}

/// The status of a modern error (MCP 2026-07-28, basic/transports/streamable-http): those not listed travel in a 200.
fn status(code: i64) -> StatusCode {
    match code {
        ErrorObject::HEADER_MISMATCH
        | ErrorObject::MISSING_CLIENT_CAPABILITY
        | ErrorObject::UNSUPPORTED_PROTOCOL_VERSION => StatusCode::BAD_REQUEST,
        ErrorObject::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    }
}

/// A reply that refuses a request before it reached the handler.
#[cold]
pub(crate) fn rejection(status: StatusCode, id: Option<&[u8]>, error: &ErrorObject) -> http::Response<Body> {
    document(status, Answer::error(id, error))
}

fn document(status: StatusCode, answer: Answer) -> http::Response<Body> {
    let mut response = http::Response::new(answer.into_body());
    *response.status_mut() = status;
    *response.headers_mut() = spare::headers();
    response.headers_mut().insert(&names::CONTENT_TYPE, JSON);
    response
}

pub(super) fn event_stream(body: Body) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    *response.headers_mut() = spare::headers();
    let headers = response.headers_mut();
    headers.insert(&names::CONTENT_TYPE, EVENTS);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks proxies not to hold events back (MCP 2026-07-28, basic/transports/streamable-http).
    headers.insert(&names::X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
