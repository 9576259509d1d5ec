//! Anything that exchanges JSON-RPC messages over a stream and a sink as a handler: a child process, a socket, another
//! SDK's transport.
//!
//! Many requests share one duplex, from clients that know nothing of each other and may use the same ids. So every
//! request gets an id and a progress token of its own on the way in, and gets its own back on the way out. What the
//! other end says that belongs to no request goes to a client that stays, and nowhere if there is none: it could be
//! anybody's.
//!
//! What a client of the legacy era has said in its `initialize` may have reached another instance, or another end that is
//! gone by now. So the other end is introduced to by this handler, before the first legacy request of a connection: for
//! everybody who does not stay as a client that can do nothing, and for one that stays again as it introduced itself.
//!
//! `examples/duplex.rs` puts a child process there, and `docs/handlers.md` tells more.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    Answer, Client, Conversation, Converse, Era, ErrorObject, Event, Handler, Incoming, Request, Unreachable,
    outlet::Outlet,
    rewrite::{self, SUBSCRIPTION_ID},
};
use crate::{
    byte_str::ByteStr,
    json::{Raw, read},
    tasks::spawn,
};

/// Both directions of a duplex.
type Halves = (Pin<Box<dyn Sink<Bytes, Error = io::Error> + Send>>, Pin<Box<dyn Stream<Item = Bytes> + Send>>);
type Connecting = Pin<Box<dyn Future<Output = io::Result<Halves>> + Send>>;
type Connector = dyn Fn() -> Connecting + Send + Sync;

/// The version that the other end is asked for when no client has named one. It answers with another if it must.
const VERSION: &str = "2025-11-25";

/// Serves what `connect` connects to: once for everybody who does not stay, and once for each client that does.
pub(crate) struct DuplexHandler {
    link: Arc<Link>,
}

impl DuplexHandler {
    pub(crate) fn new<C, F, S, R>(connect: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<(S, R)>> + Send + 'static,
        S: Sink<Bytes, Error = io::Error> + Send + 'static,
        R: Stream<Item = Bytes> + Send + 'static,
    {
        let connector: Arc<Connector> = Arc::new(move || {
            let connecting = connect();
            Box::pin(async move {
                let (sink, stream) = connecting.await?;
                Ok((Box::pin(sink) as _, Box::pin(stream) as _))
            })
        });
        Self { link: Link::new(connector, None) }
    }
}

impl Handler for DuplexHandler {
    fn call(&self, request: Request) -> Conversation {
        let (outlet, link) = (Arc::new(Outlet::default()), Arc::clone(&self.link));
        Box::pin(Call { outlet, link, state: Progress::New(Box::new(request)) })
    }

    fn receive(&self, message: Incoming) {
        match message {
            Incoming::Response(response) => {
                // Whoever asked is gone if nothing is connected.
                if let Some(sender) = &self.link.lock().sender {
                    let _ = sender.send(response);
                }
            }
            Incoming::Notification(notification) => match &*notification.method {
                // The conversation it cancels has been dropped, and has said so under the id that is known there.
                "notifications/cancelled" => {}
                // This handler has introduced itself.
                "notifications/initialized" if self.link.client.is_none() => {}
                _ => {
                    let mut state = self.link.lock();
                    if self.link.connect(&mut state).is_some() {
                        let Request { message, era, .. } = *notification;
                        state.deliver(0, message, era, VERSION);
                    }
                }
            },
        }
    }

    fn connect(&self, client: Client) -> Arc<dyn Handler> {
        Arc::new(Self { link: Link::new(Arc::clone(&self.link.connector), Some(client)) })
    }
}

impl Drop for DuplexHandler {
    fn drop(&mut self) {
        let mut state = self.link.lock();
        state.closed = true;
        // The carrier ends with its last sender.
        state.sender = None;
    }
}

/// One duplex, and who waits for what from it.
struct Link {
    connector: Arc<Connector>,
    client: Option<Client>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last number that was given to a request.
    last: u64,
    /// How often it has been connected.
    connection: u64,
    sender: Option<mpsc::UnboundedSender<Bytes>>,
    /// Whether the handler is gone, so that nothing is connected any more.
    closed: bool,
    routes: HashMap<u64, Route>,
    /// What a client that stays has introduced itself with, as raw JSON.
    introduction: Option<Bytes>,
    /// Whether the client introduces itself and is not introduced by this handler.
    stays: bool,
    handshake: Handshake,
}

/// How far a connection is with the `initialize` of the legacy era.
#[derive(Default)]
enum Handshake {
    #[default]
    None,
    /// Sent under this number. Requests wait for its end, with what is to be sent then; an `initialize` waits for the
    /// result alone.
    UnderWay { number: u64, waiting: Vec<(u64, Option<Bytes>)> },
    /// Over, with this result.
    Over(ByteStr),
}

/// A request under way.
struct Route {
    connection: u64,
    outlet: Arc<Outlet>,
    /// The id the client gave it, as raw JSON.
    id: Bytes,
    /// The progress token the client gave it, as raw JSON.
    token: Option<Bytes>,
    can_ask: bool,
}

impl State {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Sends to the other end. It ends all that is under way if it has ended itself, so a failure need not be told.
    fn send(&self, message: Bytes) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(message);
        }
    }

    /// Sends a message as soon as the other end is ready for it.
    fn deliver(&mut self, number: u64, message: Bytes, era: Era, version: &str) {
        if era == Era::Legacy
            && let Some(waiting) = self.shake_hands(version)
        {
            return waiting.push((number, Some(message)));
        }
        self.send(message);
    }

    /// Answers a client's `initialize` with what the other end has said in answer to this handler's.
    fn introduce(&mut self, number: u64, version: &str) {
        if let Some(waiting) = self.shake_hands(version) {
            return waiting.push((number, None));
        }
        if let (Handshake::Over(result), Some(route)) = (&self.handshake, self.routes.remove(&number)) {
            let _ = route.outlet.push(Event::Answer(Answer::raw_result(&route.id, result)));
        }
    }

    /// Introduces this handler to the other end if that is still to be done, and says where to wait until it is.
    fn shake_hands(&mut self, version: &str) -> Option<&mut Vec<(u64, Option<Bytes>)>> {
        // A client that stays and has not said who it is does without.
        if matches!(self.handshake, Handshake::None) && (!self.stays || self.introduction.is_some()) {
            let number = self.number();
            let introduction = self.introduction.as_deref().map(String::from_utf8_lossy);
            let introduction = introduction.unwrap_or_else(|| {
                let client = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
                let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
                params.to_string().into()
            });
            self.send(rewrite::request(number, "initialize", &introduction));
            self.handshake = Handshake::UnderWay { number, waiting: Vec::new() };
        }
        match &mut self.handshake {
            Handshake::UnderWay { waiting, .. } => Some(waiting),
            Handshake::None | Handshake::Over(_) => None,
        }
    }

    /// Takes the end of the handshake, and lets go what has waited for it. Returns whether it was that.
    fn shaken_hands(&mut self, number: u64, said: &Said<'_>) -> bool {
        let Handshake::UnderWay { number: under_way, waiting } = &mut self.handshake else { return false };
        if *under_way != number {
            return false;
        }
        let waiting = std::mem::take(waiting);
        if let Some(error) = &said.error {
            self.handshake = Handshake::None;
            for route in waiting.iter().filter_map(|(number, _)| self.routes.remove(number)) {
                let _ = route.outlet.push(Event::Answer(Answer::error(Some(&route.id), error)));
            }
            return true;
        }
        let result = ByteStr::from(said.result.map_or("{}", Raw::get));
        self.handshake = Handshake::Over(result.clone());
        self.send(rewrite::notification("notifications/initialized", "{}"));
        for (number, message) in waiting {
            match message {
                // A request that was cancelled meanwhile need not be sent; a notification has no route.
                Some(message) if number == 0 || self.routes.contains_key(&number) => self.send(message),
                Some(_) => {}
                None => {
                    if let Some(route) = self.routes.remove(&number) {
                        let _ = route.outlet.push(Event::Answer(Answer::raw_result(&route.id, &result)));
                    }
                }
            }
        }
        true
    }
}

/// A message from the other end.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    id: Option<Raw<'a>>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<Raw<'a>>,
    #[serde(borrow)]
    result: Option<Raw<'a>>,
    error: Option<ErrorObject>,
}

impl Link {
    fn new(connector: Arc<Connector>, client: Option<Client>) -> Arc<Self> {
        let state = State { stays: client.is_some(), ..State::default() };
        Arc::new(Self { connector, client, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects when nothing is connected. Returns the number of the connection, unless there is none any more.
    fn connect(self: &Arc<Self>, state: &mut State) -> Option<u64> {
        if state.closed {
            return None;
        }
        if state.sender.as_ref().is_none_or(mpsc::UnboundedSender::is_closed) {
            let (sender, outgoing) = mpsc::unbounded_channel();
            state.sender = Some(sender);
            state.connection += 1;
            state.handshake = Handshake::None;
            spawn(carry((self.connector)(), outgoing, Arc::clone(self), state.connection));
        }
        Some(state.connection)
    }

    /// Starts a request. Returns its number.
    fn start(self: &Arc<Self>, request: &Request, outlet: &Arc<Outlet>) -> u64 {
        let id = request.id.clone().unwrap_or_default();
        let mut state = self.lock();
        let number = state.number();
        let Some(connection) = self.connect(&mut state) else {
            let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, Unreachable::Gone.to_string());
            let _ = outlet.push(Event::Answer(Answer::error(Some(&id), &error)));
            return number;
        };
        let params = request.params.as_deref().unwrap_or_default();
        let (rewritten, token) = rewrite::params(params, number, request.trace.as_ref());
        let route = Route { connection, outlet: Arc::clone(outlet), id, token, can_ask: request.can_ask };
        state.routes.insert(number, route);
        let message = rewrite::request(number, &request.method, &rewritten);
        if &*request.method != "initialize" {
            state.deliver(number, message, request.era, &version(request));
        } else if self.client.is_none() {
            state.introduce(number, &version(request));
        } else {
            // Its client knows what it has said, and when to go on.
            state.introduction = request.params.clone();
            state.handshake = Handshake::Over(ByteStr::default());
            state.send(message);
        }
        number
    }

    /// Brings a message of the other end to whom it belongs to. What it returns goes back to the other end.
    fn route(&self, message: Bytes) -> Option<Bytes> {
        let Ok(said) = read::<Said<'_>>(&message) else {
            tracing::debug!("the other end of a duplex sent something that is no JSON-RPC message");
            return None;
        };
        match (&said.method, said.id) {
            (None, Some(id)) => self.answer(id, &said),
            (Some(method), None) => self.notification(method, said.params, &message),
            (Some(method), Some(id)) => return self.request(method, id, message.clone()),
            (None, None) => tracing::debug!("the other end of a duplex sent an error without an id"),
        }
        None
    }

    fn answer(&self, id: Raw<'_>, said: &Said<'_>) {
        let Ok(number) = id.get().parse() else { return };
        let mut state = self.lock();
        if state.shaken_hands(number, said) {
            return;
        }
        let Some(route) = state.routes.remove(&number) else { return };
        let answer = match (&said.error, said.result) {
            (Some(error), _) => Answer::error(Some(&route.id), error),
            (None, result) => {
                let result = result.map_or("{}", Raw::get);
                let restored = rewrite::restore(result, SUBSCRIPTION_ID, &route.id);
                Answer::raw_result(&route.id, restored.as_deref().unwrap_or(result))
            }
        };
        // Nobody polls a conversation that was cancelled.
        let _ = route.outlet.push(Event::Answer(answer));
    }

    fn notification(&self, method: &str, params: Option<Raw<'_>>, message: &Bytes) {
        let params = params.map_or("{}", Raw::get);
        let state = self.lock();
        let owner = rewrite::owner(params).and_then(|number| state.routes.get(&number));
        if let Some(route) = owner {
            let (name, value) = match &route.token {
                Some(token) if method == "notifications/progress" => (rewrite::PROGRESS_TOKEN, token),
                _ => (SUBSCRIPTION_ID, &route.id),
            };
            let restored = rewrite::restore(params, name, value);
            let message = rewrite::notification(method, restored.as_deref().unwrap_or(params));
            let _ = route.outlet.push(Event::Message(message));
            return;
        }
        drop(state);
        self.to_client(message.clone());
    }

    /// What belongs to no request of its own account goes along with the only request there is, or to the client.
    fn to_client(&self, message: Bytes) {
        let Some(client) = &self.client else { return };
        let state = self.lock();
        let mut routes = state.routes.values();
        if let (Some(only), None) = (routes.next(), routes.next())
            && only.outlet.push(Event::Message(message.clone())).is_ok()
        {
            return;
        }
        drop(state);
        let _ = client.send(message);
    }

    fn request(&self, method: &str, id: Raw<'_>, message: Bytes) -> Option<Bytes> {
        if method == "ping" {
            return Some(Answer::raw_result(id.get().as_bytes(), "{}").into_message());
        }
        if let Some(client) = &self.client {
            let state = self.lock();
            let mut routes = state.routes.values();
            // On the stream of the only request there is, if its client listens there and can answer.
            if let (Some(only), None) = (routes.next(), routes.next())
                && only.can_ask
                && only.outlet.push(Event::Message(message.clone())).is_ok()
            {
                return None;
            }
            drop(state);
            if client.can_ask() && client.send(message).is_ok() {
                return None;
            }
        }
        let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, format!("{method}: {}", Unreachable::CannotAnswer));
        Some(Answer::error(Some(id.get().as_bytes()), &error).into_message())
    }

    /// A connection has ended: nobody will answer what is under way there. By now there may be another one.
    fn end(&self, connection: u64, reason: &str) {
        let mut state = self.lock();
        for (_, route) in state.routes.extract_if(|_, route| route.connection == connection) {
            let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, format!("the server behind this one {reason}"));
            let _ = route.outlet.push(Event::Answer(Answer::error(Some(&route.id), &error)));
        }
    }
}

/// The version of the legacy era that a request names, in its `initialize` or in a header.
fn version(request: &Request) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        protocol_version: String,
    }
    if &*request.method == "initialize"
        && let Ok(params) = request.parse_params::<Params>()
    {
        return params.protocol_version;
    }
    let header = request.http.headers.get("mcp-protocol-version").and_then(|version| version.to_str().ok());
    header.unwrap_or(VERSION).to_owned()
}

/// Connects, then carries messages both ways until one side ends.
async fn carry(connecting: Connecting, mut outgoing: mpsc::UnboundedReceiver<Bytes>, link: Arc<Link>, connection: u64) {
    let (mut sink, mut stream) = match connecting.await {
        Ok(halves) => halves,
        Err(error) => {
            tracing::warn!(%error, "the server behind this one cannot be reached");
            outgoing.close();
            return link.end(connection, "cannot be reached");
        }
    };
    // Each way has a loop of its own: whoever stops reading while it waits to be read waits for ever, if the other end
    // does the same.
    let (back, mut replies) = mpsc::unbounded_channel();
    let reading = async {
        while let Some(message) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            if let Some(reply) = link.route(message) {
                let _ = back.send(reply);
            }
        }
    };
    let writing = async {
        loop {
            let message = tokio::select! {
                Some(reply) = replies.recv() => reply,
                message = outgoing.recv() => match message {
                    Some(message) => message,
                    None => break,
                },
            };
            if let Err(error) = send(sink.as_mut(), message).await {
                tracing::debug!(%error, "the server behind this one takes nothing any more");
                break;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
    outgoing.close();
    link.end(connection, "has ended its connection");
    let _ = poll_fn(|context| sink.as_mut().poll_close(context)).await;
}

async fn send(mut sink: Pin<&mut (dyn Sink<Bytes, Error = io::Error> + Send)>, message: Bytes) -> io::Result<()> {
    poll_fn(|context| sink.as_mut().poll_ready(context)).await?;
    sink.as_mut().start_send(message)?;
    poll_fn(|context| sink.as_mut().poll_flush(context)).await
}

/// A request that the other end is at work on.
struct Call {
    outlet: Arc<Outlet>,
    link: Arc<Link>,
    state: Progress,
}

enum Progress {
    /// Nothing has been sent.
    New(Box<Request>),
    /// It has been sent under this number.
    Sent(u64),
}

impl Converse for Call {
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event> {
        if let Progress::New(request) = &self.state {
            let number = self.link.start(request, &self.outlet);
            self.state = Progress::Sent(number);
        }
        self.outlet.poll(context)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.outlet.close();
        let Progress::Sent(number) = self.state else { return };
        let mut state = self.link.lock();
        let Some(route) = state.routes.remove(&number) else { return };
        // What waits has not been sent, and is left out.
        let waits = match &state.handshake {
            Handshake::UnderWay { waiting, .. } => waiting.iter().any(|(waiting, _)| *waiting == number),
            Handshake::None | Handshake::Over(_) => false,
        };
        if !waits && route.connection == state.connection {
            let cancelled = format!(r#"{{"requestId":{number}}}"#);
            state.send(rewrite::notification("notifications/cancelled", &cancelled));
        }
    }
}
