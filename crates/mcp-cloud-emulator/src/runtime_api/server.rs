//! Answers the runtime's calls.

use std::{convert::Infallible, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    FunctionError, Outcome, PAYLOAD_BYTES, STREAMED_BYTES, StreamError, Streamed,
    outcome::Piece,
    random,
    state::{Delivery, Refused, Shared},
};
use crate::body::{BodyError, read};

const ROOT: &str = "/2018-06-01/runtime/";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// Pieces of a streamed reply that may wait for a slow client before the function has to.
const WAITING_CHUNKS: usize = 64;

type Reply = Response<Full<Bytes>>;

/// Serves connections until aborted.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped, and with it every connection, when this task is aborted.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Nagle's algorithm would hold small frames back for as long as the peer delays its acknowledgement.
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(Arc::clone(&shared), request));
                    // A connection that breaks shows as the outcome of the event it carried.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let path = request.uri().path().to_owned();
    let Some(call) = path.strip_prefix(ROOT) else {
        return Ok(refusal(StatusCode::NOT_FOUND, "NotFound", "there is no such call"));
    };
    let reply = match (request.method(), call.split('/').collect::<Vec<_>>().as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&shared).await,
        (&Method::POST, ["invocation", id, "response"]) => response(&shared, id, request).await,
        (&Method::POST, ["invocation", id, "error"]) => error(&shared, id, request).await,
        (&Method::POST, ["init", "error"]) => init_error(&shared, request).await,
        _ => refusal(StatusCode::NOT_FOUND, "NotFound", "there is no such call"),
    };
    Ok(reply)
}

async fn next(shared: &Arc<Shared>) -> Reply {
    let delivery = match shared.ask() {
        Ok(delivery) => delivery,
        Err(refused) => return refuse(shared, refused),
    };
    let Ok(delivery) = delivery.await else {
        return invalid_state("asked for an event twice");
    };
    let Delivery { request_id, deadline_ms, function_arn, event } = delivery;
    let [first, second] = random();
    let trace_id = format!("Root=1-{:08x}-{:08x}{:016x};Sampled=0", deadline_ms / 1000, first & 0xffff_ffff, second);
    let mut reply = Response::new(Full::new(event));
    for (name, value) in [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", request_id.as_str()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string().as_str()),
        ("lambda-runtime-invoked-function-arn", function_arn.as_str()),
        ("lambda-runtime-trace-id", trace_id.as_str()),
    ] {
        // Only an ARN of the caller's can be no header value.
        if let Ok(value) = value.parse() {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

async fn response(shared: &Arc<Shared>, id: &str, request: Request<Incoming>) -> Reply {
    let (sender, deadline) = match shared.claim(id) {
        Ok(claimed) => claimed,
        Err(refused) => return refuse(shared, refused),
    };
    let (head, body) = request.into_parts();
    let content_type = text(&head.headers, CONTENT_TYPE.as_str());
    let streaming = text(&head.headers, "lambda-runtime-function-response-mode")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("streaming"));
    if streaming {
        let (pieces, received) = mpsc::channel(WAITING_CHUNKS);
        let _ = sender.send(Outcome::Streamed(Streamed::new(content_type, received)));
        let end = pump(body, &pieces, deadline).await;
        shared.replied(id);
        let is_overdue = matches!(end, Err(StreamError::Timeout));
        // Fails only if nobody reads any more.
        let _ = pieces.send(end).await;
        // A classic function is killed; nothing reaches it any more.
        return if is_overdue && shared.is_concurrent() { overdue() } else { accepted() };
    }
    // To its end even if it is too large: a sender whose connection is closed on it cannot read why.
    let body = timeout_at(deadline, payload(body)).await;
    shared.replied(id);
    match body {
        Ok(Ok(body)) => {
            let _ = sender.send(Outcome::Buffered { body, content_type });
            accepted()
        }
        Ok(Err(BodyError::TooLarge { .. })) => {
            let message =
                format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES} bytes).");
            let _ = sender.send(Outcome::FunctionError(FunctionError {
                error_type: "Function.ResponseSizeTooLarge".to_owned(),
                body: error_document("Function.ResponseSizeTooLarge", &message),
            }));
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
        Ok(Err(_)) => {
            let _ = sender.send(Outcome::Disconnected);
            refusal(StatusCode::BAD_REQUEST, "InvalidRequest", "cannot read the body")
        }
        Err(_) => {
            let _ = sender.send(Outcome::Timeout);
            refuse(shared, Refused::Overdue)
        }
    }
}

/// Hands a streamed reply on to whoever reads it, to its end whether anybody reads or not, and returns how it ended.
async fn pump(
    mut body: Incoming,
    pieces: &mpsc::Sender<Result<Piece, StreamError>>,
    deadline: Instant,
) -> Result<Piece, StreamError> {
    let mut length = 0_usize;
    let error = loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => break Some(StreamError::Disconnected),
            Ok(None) => break None,
            Err(_) => break Some(StreamError::Timeout),
        };
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                length = length.saturating_add(data.len());
                if length > STREAMED_BYTES {
                    break Some(StreamError::TooLarge);
                }
                match timeout_at(deadline, pieces.send(Ok(Piece::Data(data)))).await {
                    // A client that went away does not stop the function.
                    Ok(Ok(()) | Err(_)) => {}
                    Err(_) => break Some(StreamError::Timeout),
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers()
                    && let Some(error_type) = text(&trailers, ERROR_TYPE)
                {
                    let body =
                        text(&trailers, ERROR_BODY).and_then(|body| STANDARD.decode(body).ok()).unwrap_or_default();
                    break Some(StreamError::Function(FunctionError { error_type, body: body.into() }));
                }
            }
        }
    };
    error.map_or(Ok(Piece::End), Err)
}

async fn error(shared: &Arc<Shared>, id: &str, request: Request<Incoming>) -> Reply {
    let (sender, _) = match shared.claim(id) {
        Ok(claimed) => claimed,
        Err(refused) => return refuse(shared, refused),
    };
    let error = read_error(request).await;
    shared.replied(id);
    let _ = sender.send(Outcome::FunctionError(error));
    accepted()
}

async fn init_error(shared: &Arc<Shared>, request: Request<Incoming>) -> Reply {
    let error = read_error(request).await;
    shared.fail(error);
    accepted()
}

async fn read_error(request: Request<Incoming>) -> FunctionError {
    let (head, body) = request.into_parts();
    FunctionError {
        error_type: text(&head.headers, ERROR_TYPE).unwrap_or_else(|| "Unhandled".to_owned()),
        body: payload(body).await.unwrap_or_default(),
    }
}

async fn payload(body: Incoming) -> Result<Bytes, BodyError> {
    read(body.map_err(BodyError::Read).boxed_unsync(), PAYLOAD_BYTES).await
}

/// The answer to a call that is not taken. The Runtime API of Lambda Managed Instances forgets an event as soon as it is
/// replied to, and remembers one whose deadline has passed.
fn refuse(shared: &Shared, refused: Refused) -> Reply {
    match (refused, shared.is_concurrent()) {
        (Refused::Busy, _) => invalid_state("asked for an event before replying to the one before it"),
        (Refused::SecondReply, false) => invalid_state("replied twice to one event"),
        (Refused::UnknownId, _) | (Refused::SecondReply, true) => {
            refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "there is no event under way with this id")
        }
        (Refused::Overdue, false) => refusal(StatusCode::BAD_REQUEST, "InvalidRequest", "the deadline has passed"),
        (Refused::Overdue, true) => overdue(),
    }
}

fn overdue() -> Reply {
    refusal(StatusCode::GONE, "InvokeTimeout", "the deadline has passed")
}

fn accepted() -> Reply {
    json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

fn invalid_state(message: &str) -> Reply {
    refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", message)
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Reply {
    json(status, error_document(error_type, message))
}

fn error_document(error_type: &str, message: &str) -> Bytes {
    serde_json::json!({"errorMessage": message, "errorType": error_type}).to_string().into()
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    reply
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
