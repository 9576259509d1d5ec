//! The Runtime API loop: an event in, a reply out, one at a time.

use std::{future::poll_fn, io, pin::Pin};

use http::{Response, StatusCode, response::Parts};
use http_body::Body as _;
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    detect::{Gateway, Settings},
    request::{Decoded, Decoder, Encoding},
    response,
    runtime_api::{Invocation, Reply, RuntimeApi},
};
use crate::{
    McpService, RequestInfo, body::Body, handler::ErrorObject, platform::ServeError, spare, transport::rejection,
};

/// Serves invocations until the process is ended, or the Runtime API goes away.
pub(crate) async fn run(service: McpService, settings: Settings) -> Result<(), ServeError> {
    let Settings { runtime_api, gateway, concurrency } = settings;
    if concurrency == 1 {
        return Loop::connect(runtime_api, service, gateway)?.run().await;
    }
    // Each invocation is waited for on a connection and a thread of its own. Handlers run there too; what they spawn
    // runs on the runtime.
    let mut loops = JoinSet::new();
    let runtime = Handle::current();
    for _ in 0..concurrency {
        let one = Loop::connect(runtime_api.clone(), service.clone(), gateway)?;
        let runtime = runtime.clone();
        loops.spawn_blocking(move || runtime.block_on(one.run()));
    }
    match loops.join_next().await {
        Some(Ok(ended)) => ended,
        Some(Err(error)) => Err(failed("serve invocations of", io::Error::other(error))),
        None => Ok(()),
    }
}

#[cold]
fn failed(attempt: &'static str, source: io::Error) -> ServeError {
    ServeError::RuntimeApi { attempt, source }
}

/// Serves one invocation at a time.
struct Loop {
    api: RuntimeApi,
    service: McpService,
    gateway: Gateway,
    decoder: Decoder,
    runtime: Handle,
    /// Kept from one invocation to the next for its capacity.
    document: Vec<u8>,
}

impl Loop {
    fn connect(runtime_api: String, service: McpService, gateway: Gateway) -> Result<Self, ServeError> {
        let api = RuntimeApi::connect(runtime_api).map_err(|source| failed("connect to", source))?;
        let (decoder, runtime) = (Decoder::new(gateway), Handle::current());
        Ok(Self { api, service, gateway, decoder, runtime, document: Vec::new() })
    }

    async fn run(mut self) -> Result<(), ServeError> {
        loop {
            self.once().await?;
        }
    }

    async fn once(&mut self) -> Result<(), ServeError> {
        let invocation = self.api.next().map_err(|source| failed("ask", source))?;
        self.catch_up().await;
        let Invocation { buffer, event, context, deadline } = invocation;
        let (decoded, whole) = self.decoder.decode(buffer, event);
        let sent = match decoded {
            Decoded::Request(mut request, encoding) => {
                if let Some(info) = request.extensions_mut().get_mut::<RequestInfo>() {
                    info.limit(deadline);
                    info.lambda = Some(context.read(&whole));
                }
                let reply = self.service.answer(request).await;
                // What the handler has left to tasks begins now, and not with the next request.
                self.catch_up().await;
                self.send(reply, encoding).await
            }
            Decoded::Completion => self.send_whole(b"{}"),
            Decoded::Rejected(message, encoding) => {
                let error = ErrorObject::new(ErrorObject::INVALID_REQUEST, message);
                self.send(rejection(StatusCode::BAD_REQUEST, None, &error), encoding).await
            }
        };
        self.api.restore(whole);
        sent.map_err(|source| failed("send a reply to", source))
    }

    /// Gives tasks a turn that would be left when the process is frozen: a handler that answers at once never yields to the
    /// runtime, and without this they would wait for one that does. Where nothing is frozen, they run by themselves.
    async fn catch_up(&self) {
        if self.gateway.managed || self.runtime.metrics().num_alive_tasks() <= RESTING {
            return;
        }
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }

    async fn send(&mut self, reply: Response<Body>, encoding: Encoding) -> io::Result<()> {
        let (parts, body) = reply.into_parts();
        let Some(full) = body.as_full() else { return self.stream(&parts, body).await };
        let sent = match encoding {
            Encoding::Stream => self.stream_at_once(&parts, full),
            _ => self.send_document(&parts, &body, encoding),
        };
        spare::leave_headers(parts.headers);
        spare::leave_bytes(body.into_written());
        sent
    }

    fn send_whole(&mut self, document: &[u8]) -> io::Result<()> {
        let mut reply = self.api.reply(document.len());
        reply.push(document)?;
        reply.finish()
    }

    /// Sends a reply as one JSON document. What is long and needs no escape, as Base64 does not, is sent from where it
    /// stands.
    fn send_document(&mut self, parts: &Parts, body: &Body, encoding: Encoding) -> io::Result<()> {
        let Self { api, document, .. } = self;
        let mut runs = Vec::new();
        document.clear();
        response::document(document, &mut runs, parts, body, encoding);
        let mut reply = api.reply(document.len() + runs.iter().map(|run| run.text.len()).sum::<usize>());
        reply.push_around(document, &runs)?;
        // One large reply must not hold its memory for the rest of the function's life.
        if document.capacity() > MAX_KEPT {
            *document = Vec::new();
        }
        reply.finish()
    }

    fn stream_at_once(&mut self, parts: &Parts, body: &[u8]) -> io::Result<()> {
        let mut reply = begin(&mut self.api, &mut self.document, parts)?;
        reply.push(if body.is_empty() { NOTHING } else { body })?;
        reply.finish()
    }

    async fn stream(&mut self, parts: &Parts, mut body: Body) -> io::Result<()> {
        let mut reply = begin(&mut self.api, &mut self.document, parts)?;
        let mut empty = true;
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let Ok(frame) = frame;
            let Ok(data) = frame.into_data() else { continue };
            empty &= data.is_empty();
            reply.push(&data)?;
            // The last piece goes out together with the end.
            if !body.is_end_stream() {
                reply.flush()?;
            }
        }
        if empty {
            reply.push(NOTHING)?;
        }
        reply.finish()
    }
}

/// Begins a streamed reply with its head.
fn begin<'a>(api: &'a mut RuntimeApi, document: &mut Vec<u8>, parts: &Parts) -> io::Result<Reply<'a>> {
    document.clear();
    response::prelude(document, parts);
    let mut reply = api.streamed_reply();
    reply.push(document)?;
    Ok(reply)
}

/// Tasks that have nothing to do between invocations: that of the idle rmcp service that one request after the other is
/// lent.
const RESTING: usize = 1;
/// How many turns the others get. A timer that has run out takes one, and what waits for it another.
const TURNS: usize = 3;

/// The memory of a document is given back above this size, in bytes.
const MAX_KEPT: usize = 1024 * 1024;

/// The body of a streamed reply that has none. A reply that ends with its head hangs in the gateway until the
/// function's timeout: one byte ends it at once.
const NOTHING: &[u8] = b"\n";
