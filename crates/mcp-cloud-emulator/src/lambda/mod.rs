//! A Lambda function behind one of its triggers: requests in, events through an instance, responses out.

mod function;
mod instance;
mod managed;
mod streamed;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_LENGTH};
use tokio::time::timeout;

use crate::{
    body::{self, Body, BodyError},
    front_door::{Notes, plain},
    observation::Start,
    runtime_api::{FunctionError, Outcome, PAYLOAD_BYTES, Streamed},
    trigger::{Facts, Failure, Malformed, Settings, Trigger, alb, function_url, http_api, rest_api},
};

pub(crate) use function::{Function, FunctionSettings};

/// A function and the gateway in front of it.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) trigger: Trigger,
    pub(crate) settings: Settings,
    pub(crate) function: Function,
}

/// A response, and a note for whoever watches.
type Made = Result<(Response<Body>, Option<String>), (Failure, String)>;

impl Backend {
    pub(crate) async fn handle(&self, request: Request<Body>, facts: &Facts, notes: &Notes) -> (Start, Response<Body>) {
        let (head, body) = request.into_parts();
        let body = match body::read(body, self.request_bytes()).await {
            Ok(body) => body,
            Err(BodyError::TooLarge { limit }) => {
                notes.add(format!("the request's body is larger than {limit} bytes"));
                return (Start::Warm, self.failure(Failure::RequestTooLarge));
            }
            Err(_) => {
                notes.add("the client went away before its request was complete");
                return (Start::Warm, plain(StatusCode::BAD_REQUEST, "Bad Request"));
            }
        };
        let request = Request::from_parts(head, body);
        let event = Bytes::from(self.event(&request, facts).to_string());
        if event.len() > PAYLOAD_BYTES {
            notes.add("the event is larger than the 6 MB that Lambda takes");
            return (Start::Warm, self.failure(Failure::RequestTooLarge));
        }
        let (mut response, start) = self.invoke(event, request.headers(), notes).await;
        if let Ok(id) = facts.request_id.parse() {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        (start, response)
    }

    async fn invoke(&self, event: Bytes, request_headers: &HeaderMap, notes: &Notes) -> (Response<Body>, Start) {
        let (start, outcome) = self.function.invoke(event);
        let answered = timeout(self.gateway_timeout(), async {
            // The task that carries an invocation always ends with an outcome, unless the emulator is stopping.
            let outcome = outcome.await.unwrap_or(Outcome::Disconnected);
            self.respond(outcome, request_headers, notes).await
        });
        let made = answered.await.unwrap_or_else(|_| {
            Err((Failure::GatewayTimeout, "the gateway waits no longer; the function goes on".to_owned()))
        });
        let response = match made {
            Ok((response, note)) => {
                if let Some(note) = note {
                    notes.add(note);
                }
                response
            }
            Err((failure, note)) => {
                notes.add(note);
                self.failure(failure)
            }
        };
        (response, start.get())
    }

    fn event(&self, request: &Request<Bytes>, facts: &Facts) -> serde_json::Value {
        match self.trigger {
            Trigger::RestApi | Trigger::RestApiStream => rest_api::event(request, &self.settings, facts),
            Trigger::HttpApi => http_api::event(request, &self.settings, facts),
            Trigger::Alb => alb::event(request, &self.settings, facts),
            _ => function_url::event(request, facts),
        }
    }

    async fn respond(&self, outcome: Outcome, request_headers: &HeaderMap, notes: &Notes) -> Made {
        match outcome {
            Outcome::Buffered { body, content_type } => self.buffered(&body, content_type.as_deref(), request_headers),
            Outcome::Streamed(streamed) if self.trigger.streams() => self.streamed(streamed, notes).await,
            Outcome::Streamed(streamed) => {
                // A synchronous invocation collects the stream, and its bytes are the reply.
                let collected = streamed.collect().await;
                if let Some(error) = collected.error {
                    return Err((Failure::FunctionError, error.to_string()));
                }
                // It is still one payload, with the limit of one
                // (<https://docs.aws.amazon.com/lambda/latest/dg/config-rs-invoke-furls.html>).
                if collected.bytes.len() > PAYLOAD_BYTES {
                    let note = "the function streamed more than the 6 MB of a trigger that does not stream";
                    return Err((Failure::FunctionError, note.to_owned()));
                }
                self.buffered(&collected.bytes, None, request_headers).map(|(response, _)| (response, None)).map_err(
                    |(failure, why)| {
                        let note = "streamed reply to a trigger that does not stream";
                        (failure, format!("{note}: {why}"))
                    },
                )
            }
            Outcome::FunctionError(error) => Err((Failure::FunctionError, describe(&error))),
            Outcome::InitError(error) => {
                Err((Failure::FunctionError, format!("the function could not start: {}", describe(&error))))
            }
            Outcome::Timeout => {
                Err((Failure::FunctionTimeout, "the function did not reply before its deadline".to_owned()))
            }
            Outcome::Disconnected => {
                Err((Failure::FunctionError, "the function's process ended before it replied".to_owned()))
            }
        }
    }

    fn buffered(&self, reply: &[u8], content_type: Option<&str>, request_headers: &HeaderMap) -> Made {
        let response = match self.trigger {
            Trigger::RestApi => rest_api::response(reply, request_headers, &self.settings),
            Trigger::HttpApi => http_api::response(reply),
            Trigger::Alb => alb::response(reply, &self.settings),
            Trigger::RestApiStream => Err(Malformed { reason: "it is buffered, and this trigger streams".to_owned() }),
            Trigger::FunctionUrl => {
                // Lambda streams a buffered reply as it is: the client gets the document itself.
                let mut response = Response::new(Bytes::copy_from_slice(reply));
                let content_type = content_type.unwrap_or("application/json");
                if let Ok(content_type) = content_type.parse() {
                    response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
                }
                let note = "buffered reply to a trigger that streams: the client gets the raw document";
                return Ok((response.map(body::full), Some(note.to_owned())));
            }
            _ => function_url::response(reply),
        };
        match response {
            Ok(response) => Ok((without_length(response).map(body::full), None)),
            Err(malformed) => Err((Failure::MalformedReply, malformed.to_string())),
        }
    }

    async fn streamed(&self, mut streamed: Streamed, notes: &Notes) -> Made {
        let is_rest_api = self.trigger == Trigger::RestApiStream;
        // A function URL has no such limit of its own.
        let idle_timeout = is_rest_api.then_some(self.settings.rest_api_idle_timeout);
        let has_prelude = is_rest_api || streamed.content_type() == Some(function_url::PRELUDE_TYPE);
        let head = if has_prelude {
            let limit = if is_rest_api { rest_api::PRELUDE_BYTES } else { function_url::PRELUDE_BYTES };
            let reading = timeout(idle_timeout.unwrap_or(Duration::MAX), streamed.prelude(limit));
            let prelude = match reading.await {
                Ok(Ok(prelude)) => prelude,
                Ok(Err(error)) => return Err((Failure::MalformedReply, error.to_string())),
                Err(_) => {
                    let note = "the stream's metadata did not come for longer than the gateway waits";
                    return Err((Failure::GatewayTimeout, note.to_owned()));
                }
            };
            let head =
                if is_rest_api { rest_api::streamed_head(&prelude) } else { function_url::streamed_head(&prelude) };
            head.map_err(|malformed| (Failure::MalformedReply, malformed.to_string()))?
        } else {
            raw_head(streamed.content_type())
        };
        streamed::response(head, streamed, idle_timeout, notes.clone()).await
    }

    fn failure(&self, failure: Failure) -> Response<Body> {
        let response = match self.trigger {
            Trigger::RestApi | Trigger::RestApiStream => rest_api::failure(failure),
            Trigger::HttpApi => http_api::failure(failure),
            Trigger::Alb => alb::failure(failure),
            _ => function_url::failure(failure),
        };
        response.map(body::full)
    }

    fn request_bytes(&self) -> usize {
        match self.trigger {
            Trigger::RestApi | Trigger::RestApiStream => rest_api::REQUEST_BYTES,
            Trigger::HttpApi => http_api::REQUEST_BYTES,
            Trigger::Alb => alb::REQUEST_BYTES,
            _ => function_url::REQUEST_BYTES,
        }
    }

    /// How long the gateway waits for a response's head.
    fn gateway_timeout(&self) -> Duration {
        match self.trigger {
            Trigger::RestApi => rest_api::TIMEOUT,
            Trigger::HttpApi => http_api::TIMEOUT,
            // The function's own timeout ends the others; this is Lambda's longest.
            _ => rest_api::STREAM_TIMEOUT,
        }
    }
}

/// A stream without prelude is the body of a `200`.
fn raw_head(content_type: Option<&str>) -> http::response::Parts {
    let mut response = Response::new(());
    let content_type = content_type.unwrap_or("application/octet-stream");
    if let Ok(content_type) = content_type.parse() {
        response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    }
    response.into_parts().0
}

/// The gateway counts the body itself.
fn without_length(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().remove(CONTENT_LENGTH);
    response
}

fn describe(error: &FunctionError) -> String {
    format!("the function failed with `{}`", error.error_type)
}
