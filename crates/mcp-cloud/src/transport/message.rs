//! The way in: a body becomes messages, and each goes through the gates in the order of MCP 2026-07-28,
//! basic/transports/streamable-http. What does not pass is answered at once.

use std::{borrow::Cow, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{StatusCode, request::Parts};

use super::{
    Reply, Shared, Signal, accepted,
    attended::Attended,
    batch::Batch,
    envelope::{self, Envelope, Message},
    era::{self, Era, Refusal},
    find,
    headers::{self, Accepts},
    refused, rejection,
    reply::Exchange,
    result::Finish,
    session::{Busy, Session, Sessions},
};
use crate::{
    byte_str::ByteStr,
    capabilities::Capabilities,
    handler::{Answer, ErrorObject, Handler, Incoming, Request},
    names,
    reconnect::Reconnect,
    request_info::RequestInfo,
    transport::TraceParent,
};

const LISTEN: &str = "subscriptions/listen";

/// What holds for every message of one HTTP request.
struct Context<'a> {
    shared: &'a Shared,
    accepts: Accepts,
    session: Option<Arc<Session>>,
    capabilities: Capabilities,
    deadline: Option<Instant>,
    /// Whether somebody knows who the caller is.
    is_known: bool,
    trace: Option<TraceParent>,
}

/// The session a message belongs to, and where it is kept if this very message opened it.
struct Belonging {
    session: Option<Arc<Session>>,
    opened_in: Option<Arc<Sessions>>,
}

impl Shared {
    /// Takes a body in.
    ///
    /// # Errors
    ///
    /// The reply, where there is nothing to wait for.
    pub(super) fn post(&self, parts: Parts, body: Bytes) -> Result<Exchange, Box<Reply>> {
        if envelope::is_batch(&body) {
            return self.batch(&parts, &body);
        }
        let envelope = Envelope::parse(&body).map_err(|error| bad_request(None, &error))?;
        let era = era::choose(self.settings.eras, &parts.headers, &envelope)
            .map_err(|refusal| refused(&refusal, envelope.id()))?;
        let Belonging { session, opened_in } = self.session(&parts, era, &envelope)?;
        let context = Context::new(self, &parts, session);
        let accepts = context.accepts;
        match envelope.message {
            Message::Request { .. } => {
                context.admit(era, &parts, &envelope).map_err(|refusal| refused(&refusal, envelope.id()))?;
                let attended = context.attend(era, &body, &envelope, parts);
                // What is a stream whatever the client takes cannot be answered in another form.
                let accepts = if attended.is_subscription { Accepts { events: true, ..accepts } } else { accepts };
                let session = context.session;
                let busy = session.as_ref().map(Busy::new);
                Ok(Exchange { era, accepts, attended, session, opened_in, busy })
            }
            Message::Notification { .. } => {
                context.notify(era, &body, &envelope, parts);
                Err(Box::new(accepted()))
            }
            Message::Response if era == Era::Modern => {
                let message = "a 2026-07-28 client sends no responses; what a server asks is part of a result";
                Err(bad_request(None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message)))
            }
            Message::Response => {
                if let Some(session) = &context.session {
                    session.handler.receive(Incoming::Response(body));
                }
                // Without a session it answers a request that was never sent.
                Err(Box::new(accepted()))
            }
        }
    }

    /// The session a legacy message belongs to. An `initialize` opens one.
    fn session(&self, parts: &Parts, era: Era, envelope: &Envelope<'_>) -> Result<Belonging, Box<Reply>> {
        let none = Belonging { session: None, opened_in: None };
        let Some(sessions) = self.sessions.as_ref().filter(|_| era == Era::Legacy) else { return Ok(none) };
        if envelope.method() == Some("initialize") {
            let capabilities = RequestInfo::capabilities_of(&parts.extensions);
            let session = sessions.open(&*self.handler, capabilities);
            let opened_in = session.as_ref().map(|_| Arc::clone(sessions));
            return Ok(Belonging { session, opened_in });
        }
        // A client without a session is served all the same, without what needs one.
        if !parts.headers.contains_key(&names::MCP_SESSION_ID) {
            return Ok(none);
        }
        let session = find(sessions, parts, envelope.id())?;
        Ok(Belonging { session: Some(session), opened_in: None })
    }

    /// Takes a batch in: every message as if it had come alone, and all answers together.
    fn batch(&self, parts: &Parts, body: &Bytes) -> Result<Exchange, Box<Reply>> {
        let messages = envelope::batch(body).map_err(|error| bad_request(None, &error))?;
        let version =
            headers::single(&parts.headers, &names::MCP_PROTOCOL_VERSION).map_err(|refusal| refused(&refusal, None))?;
        let session = match &self.sessions {
            Some(sessions) if parts.headers.contains_key(&names::MCP_SESSION_ID) => Some(find(sessions, parts, None)?),
            _ => None,
        };
        let agreed = session.as_ref().and_then(|session| session.version().map(str::to_owned));
        if !era::has_batches(version.or(agreed.as_deref())) || self.settings.eras == super::Eras::Modern {
            let message = "this protocol version has no batches; send one message in each request";
            return Err(bad_request(None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message)));
        }
        let context = Context::new(self, parts, session);
        let accepts = context.accepts;
        let (mut running, mut answers) = (Vec::new(), Vec::new());
        for message in messages {
            match context.one_of_many(parts, body, message.get()) {
                Ok(Some(attended)) => running.push(attended),
                Ok(None) => {}
                Err(answer) => answers.push(answer),
            }
        }
        if running.is_empty() && answers.is_empty() {
            return Err(Box::new(accepted()));
        }
        let batch = Batch::new(running, answers);
        let mut attended = context.attended(Era::Legacy, "", Bytes::new());
        // Each of its requests has its own deadline, and goes on by itself.
        attended.deadline = None;
        attended.conversation = Some(Box::pin(batch));
        let session = context.session;
        let busy = session.as_ref().map(Busy::new);
        Ok(Exchange { era: Era::Legacy, accepts, attended, session, opened_in: None, busy })
    }
}

impl<'a> Context<'a> {
    fn new(shared: &'a Shared, parts: &Parts, session: Option<Arc<Session>>) -> Self {
        let info = RequestInfo::of(&parts.extensions);
        Self {
            shared,
            accepts: Accepts::of(&parts.headers),
            session,
            capabilities: info.map_or(Capabilities::SOCKET, |info| info.capabilities),
            deadline: info.and_then(|info| info.deadline),
            is_known: parts.headers.contains_key(&names::AUTHORIZATION)
                || info.is_some_and(|info| info.authorizer.is_some()),
            trace: TraceParent::of(&parts.headers),
        }
    }

    /// One message of a batch.
    fn one_of_many(&self, parts: &Parts, body: &Bytes, message: &str) -> Result<Option<Attended>, Answer> {
        let message = body.slice_ref(message.as_bytes());
        let envelope = Envelope::parse(&message).map_err(|error| Answer::error(None, &error))?;
        let refused = |error: &ErrorObject| Answer::error(envelope.id(), error);
        if envelope.head.protocol_version.is_some() || envelope.method() == Some("initialize") {
            let message =
                "a batch holds messages of an initialized session, and neither initialize nor modern requests";
            return Err(refused(&ErrorObject::new(ErrorObject::INVALID_REQUEST, message)));
        }
        match envelope.message {
            Message::Request { .. } => {
                self.admit(Era::Legacy, parts, &envelope).map_err(|refusal| refused(&refusal.error))?;
                let mut attended = self.attend(Era::Legacy, &message, &envelope, parts.clone());
                attended.silence = None;
                Ok(Some(attended))
            }
            Message::Notification { .. } => {
                self.notify(Era::Legacy, &message, &envelope, parts.clone());
                Ok(None)
            }
            Message::Response => {
                if let Some(session) = &self.session {
                    session.handler.receive(Incoming::Response(message));
                }
                Ok(None)
            }
        }
    }

    /// The gates behind the choice of the era.
    fn admit(&self, era: Era, parts: &Parts, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let method = envelope.method().unwrap_or_default();
        if era == Era::Modern {
            headers::check(&parts.headers, method, &envelope.head)?;
            headers::check_method_exists(method)?;
        }
        if method == LISTEN && !self.capabilities.streams {
            let message = "subscriptions/listen needs a stream, and this trigger sends every reply in one piece";
            let error = ErrorObject::new(ErrorObject::METHOD_NOT_FOUND, message);
            return Err(Refusal { status: StatusCode::NOT_FOUND, error });
        }
        Ok(())
    }

    /// The session's own handler, or everybody's.
    fn handler(&self) -> &dyn Handler {
        self.session.as_ref().map_or(&*self.shared.handler, |session| &*session.handler)
    }

    /// The message as a handler gets it.
    fn request(&self, era: Era, body: &Bytes, envelope: &Envelope<'_>, http: Parts) -> Request {
        let (id, method, params) = match &envelope.message {
            Message::Request { id, method, params } => (Some(*id), method, *params),
            Message::Notification { method, params } => (None, method, *params),
            Message::Response => (None, &Cow::Borrowed(""), None),
        };
        let method = match method {
            Cow::Borrowed(method) => ByteStr::new(body.slice_ref(method.as_bytes())),
            Cow::Owned(method) => ByteStr::from(&**method),
        };
        Request {
            message: body.clone(),
            id: id.map(|id| body.slice_ref(id.as_bytes())),
            method,
            params: params.map(|params| body.slice_ref(params.as_bytes())),
            era,
            can_ask: self.session.is_some() && self.accepts.events && self.capabilities.can_ask(),
            trace: self.trace,
            http,
        }
    }

    fn notify(&self, era: Era, body: &Bytes, envelope: &Envelope<'_>, http: Parts) {
        let Message::Notification { method, params } = &envelope.message else { return };
        if let (Some(session), "notifications/cancelled", Some(params)) = (&self.session, &**method, params)
            && let Some(id) = envelope::cancelled_id(params)
        {
            session.cancel(id.as_bytes());
        }
        self.handler().receive(Incoming::Notification(Box::new(self.request(era, body, envelope, http))));
    }

    /// Starts to answer a request.
    fn attend(&self, era: Era, body: &Bytes, envelope: &Envelope<'_>, http: Parts) -> Attended {
        let mut request = self.request(era, body, envelope, http);
        let mut attended = self.attended(era, &request.method, request.id.clone().unwrap_or_default());
        if let Some(session) = &self.session {
            let (running, cancelled) = session.run(attended.id.clone());
            attended.running = Some(running);
            attended.cancelled = Some(cancelled);
            let reconnect = Signal::default();
            request.http.extensions.insert(Reconnect::new(reconnect.clone()));
            attended.reconnect = Some(reconnect);
        }
        attended.span = tracing::info_span!(
            "mcp",
            rpc.method = &*request.method,
            traceparent = request.trace.as_ref().map(TraceParent::as_str)
        );
        attended.conversation = Some(self.handler().call(request));
        attended
    }

    /// A conversation that has not begun.
    fn attended(&self, era: Era, method: &str, id: Bytes) -> Attended {
        let capabilities = self.capabilities;
        let is_subscription = method == LISTEN;
        let notifies = match era {
            Era::Modern => capabilities.streams,
            Era::Legacy => self.session.is_some() && capabilities.can_ask(),
        };
        let speaks = self.accepts.events || is_subscription;
        let finish = Finish::new(method, era, self.shared.settings.server_info.clone(), self.is_known, notifies);
        let mut attended = Attended::new(id, finish, capabilities);
        attended.deadline = self.deadline.filter(|_| capabilities.is_cut || !is_subscription);
        attended.silence = capabilities.keep_alive().filter(|_| speaks);
        attended.runs_on = era == Era::Legacy && !capabilities.freezes;
        attended.is_subscription = is_subscription;
        // Where one request at a time reaches the process, it is ended between two of them.
        attended.stage = capabilities.concurrent.then(|| self.shared.stage.subscribe());
        attended
    }
}

#[cold]
fn bad_request(id: Option<&[u8]>, error: &ErrorObject) -> Box<Reply> {
    Box::new(rejection(StatusCode::BAD_REQUEST, id, error))
}
