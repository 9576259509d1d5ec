//! Decides, as late as possible, how a reply goes out: as one JSON document where the answer comes alone, as an event
//! stream where something was sent before it.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tokio::time::Sleep;

use super::{
    era::Era,
    stream::{EventStream, write_event},
};
use crate::{
    body::Body,
    handler::{Answer, Conversation, ErrorObject, Event},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// What is left for the error, between the moment a handler is given up and the moment the platform cuts the line.
const DEADLINE_MARGIN: Duration = Duration::from_millis(250);

/// A request on its way through the handler.
pub(super) struct Exchange {
    pub(super) id: Bytes,
    pub(super) era: Era,
    pub(super) streams: bool,
    pub(super) accepts_events: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) conversation: Conversation,
}

impl Exchange {
    pub(super) async fn reply(self) -> http::Response<Body> {
        let Self { id, era, streams, accepts_events, deadline, conversation } = self;
        let mut attended = Attended { id, deadline, conversation, alarm: None };
        let mut events = Vec::new();
        loop {
            match poll_fn(|context| attended.poll_next(context)).await {
                Event::Answer(answer) if events.is_empty() => return json(era, answer),
                Event::Answer(answer) => {
                    write_event(&mut events, &answer.into_message());
                    return event_stream(Body::from(Bytes::from(events)));
                }
                // A client that takes only JSON gets the answer, and nothing of what came before it.
                Event::Message(_) if !accepts_events => {}
                Event::Message(message) => {
                    write_event(&mut events, &message);
                    if streams {
                        return event_stream(Body::stream(EventStream::new(attended, era, events.into())));
                    }
                }
            }
        }
    }
}

/// A conversation that always comes to an end: an error stands in for an answer where the handler panics or is still
/// at it when the platform is about to cut the line.
pub(super) struct Attended {
    id: Bytes,
    deadline: Option<Instant>,
    conversation: Conversation,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Attended {
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let conversation = self.conversation.as_mut();
        match catch_unwind(AssertUnwindSafe(|| conversation.poll_next(context))) {
            Ok(Poll::Ready(event)) => return Poll::Ready(event),
            Ok(Poll::Pending) => {}
            Err(_) => {
                let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, "the server failed while it was answering");
                return Poll::Ready(Event::Answer(Answer::error(Some(&self.id), &error)));
            }
        }
        // The alarm is set only for a handler that has to wait: most answer at once.
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let alarm = self.alarm.get_or_insert_with(|| {
            let last = deadline.checked_sub(DEADLINE_MARGIN).unwrap_or(deadline);
            Box::pin(tokio::time::sleep_until(last.into()))
        });
        if alarm.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let message = "the server had not answered when the platform's time limit for this request was reached";
        let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, message);
        Poll::Ready(Event::Answer(Answer::error(Some(&self.id), &error)))
    }
}

/// A reply that is one JSON document.
fn json(era: Era, answer: Answer) -> http::Response<Body> {
    let status = match (era, answer.error_code()) {
        // What is not JSON is no request of either era.
        (_, Some(ErrorObject::PARSE_ERROR)) => StatusCode::BAD_REQUEST,
        (Era::Modern, Some(code)) => status(code),
        _ => StatusCode::OK,
    };
    document(status, answer)
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
pub(crate) fn rejection(status: StatusCode, id: Option<&[u8]>, error: &ErrorObject) -> http::Response<Body> {
    document(status, Answer::error(id, error))
}

fn document(status: StatusCode, answer: Answer) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(answer.into_message()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn event_stream(body: Body) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENTS);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks proxies not to hold events back (MCP 2026-07-28, basic/transports/streamable-http).
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
