//! Anything that exchanges JSON-RPC messages over a stream and a sink as a handler: a child process, a socket, another
//! SDK's transport.
//!
//! Many requests share one duplex, from clients that know nothing of each other and may use the same ids. So every
//! request gets an id and a progress token of its own on the way in, and gets its own back on the way out. What the
//! other end says that belongs to no request goes to a client that stays, and nowhere if there is none: it could be
//! anybody's.

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
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    Answer, Answered, Client, Conversation, Converse, ErrorObject, Event, Handler, Incoming, Request, Unreachable,
    outlet::Outlet,
    rewrite::{self, SUBSCRIPTION_ID},
};

/// Both directions of a duplex.
type Halves = (Pin<Box<dyn Sink<Bytes, Error = io::Error> + Send>>, Pin<Box<dyn Stream<Item = Bytes> + Send>>);
type Connecting = Pin<Box<dyn Future<Output = io::Result<Halves>> + Send>>;
type Connector = dyn Fn() -> Connecting + Send + Sync;

/// Serves what `connect` connects to: once for everybody who does not stay, and once for each client that does.
pub(crate) struct DuplexHandler {
    connector: Arc<Connector>,
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
        Self { connector, link: Arc::new(Link::new(None)) }
    }

    /// Where to send messages; connects when nothing is connected.
    fn sender(&self) -> mpsc::UnboundedSender<Bytes> {
        let mut state = self.link.lock();
        if let Some(sender) = state.sender.as_ref().filter(|sender| !sender.is_closed()) {
            return sender.clone();
        }
        let (sender, outgoing) = mpsc::unbounded_channel();
        state.sender = Some(sender.clone());
        state.handshake = Handshake::default();
        tokio::spawn(carry((self.connector)(), outgoing, Arc::clone(&self.link)));
        sender
    }
}

impl Handler for DuplexHandler {
    fn call(&self, request: Request) -> Conversation {
        let id = request.id.clone().unwrap_or_default();
        let is_initialize = &*request.method == "initialize";
        if is_initialize
            && self.link.client.is_none()
            && let Some(result) = self.link.lock().handshake.result.clone()
        {
            // The other end is initialized once, and has told what there is to tell.
            return Answered::with(Answer::raw_result(&id, &result));
        }
        let outlet = Arc::new(Outlet::default());
        let (number, message) = {
            let mut state = self.link.lock();
            state.last += 1;
            let number = state.last;
            let params = request.params.as_deref().unwrap_or_default();
            let (params, token) = rewrite::params(params, number, request.trace.as_ref());
            let message = rewrite::request(number, &request.method, &params);
            let route = Route { outlet: Arc::clone(&outlet), id, token, can_ask: request.can_ask, is_initialize };
            state.routes.insert(number, route);
            (number, message)
        };
        let call = Call { outlet, number, link: Arc::clone(&self.link), sender: self.sender(), message: Some(message) };
        Box::pin(call)
    }

    fn receive(&self, message: Incoming) {
        match message {
            Incoming::Response(response) => drop(self.sender().send(response)),
            Incoming::Notification(notification) => match &*notification.method {
                // The conversation it cancels has been dropped, and has said so under the id that is known there.
                "notifications/cancelled" => {}
                "notifications/initialized" if self.link.client.is_none() => {
                    let sender = self.sender();
                    if !std::mem::replace(&mut self.link.lock().handshake.confirmed, true) {
                        let _ = sender.send(notification.message);
                    }
                }
                _ => drop(self.sender().send(notification.message)),
            },
        }
    }

    fn connect(&self, client: Client) -> Arc<dyn Handler> {
        Arc::new(Self { connector: Arc::clone(&self.connector), link: Arc::new(Link::new(Some(client))) })
    }
}

impl Drop for DuplexHandler {
    fn drop(&mut self) {
        // The carrier ends with its last sender.
        self.link.lock().sender = None;
    }
}

/// One duplex, and who waits for what from it.
struct Link {
    client: Option<Client>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    sender: Option<mpsc::UnboundedSender<Bytes>>,
    routes: HashMap<u64, Route>,
    handshake: Handshake,
}

/// What is kept of the `initialize` that everybody who does not stay shares.
#[derive(Default)]
struct Handshake {
    result: Option<Bytes>,
    confirmed: bool,
}

/// A request under way.
struct Route {
    outlet: Arc<Outlet>,
    /// The id the client gave it, as raw JSON.
    id: Bytes,
    /// The progress token the client gave it, as raw JSON.
    token: Option<Bytes>,
    can_ask: bool,
    is_initialize: bool,
}

/// A message from the other end.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<ErrorObject>,
}

impl Link {
    fn new(client: Option<Client>) -> Self {
        Self { client, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings a message of the other end to whom it belongs to. What it returns goes back to the other end.
    fn route(&self, message: Bytes) -> Option<Bytes> {
        let Ok(said) = serde_json::from_slice::<Said<'_>>(&message) else {
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

    fn answer(&self, id: &RawValue, said: &Said<'_>) {
        let mut state = self.lock();
        let Some(route) = id.get().parse().ok().and_then(|number: u64| state.routes.remove(&number)) else { return };
        let answer = match (&said.error, said.result) {
            (Some(error), _) => Answer::error(Some(&route.id), error),
            (None, result) => {
                let result = result.map_or("{}", RawValue::get);
                let restored = rewrite::restore(result, SUBSCRIPTION_ID, &route.id);
                if route.is_initialize && self.client.is_none() {
                    state.handshake.result = Some(Bytes::copy_from_slice(result.as_bytes()));
                }
                Answer::raw_result(&route.id, restored.as_deref().unwrap_or(result).as_bytes())
            }
        };
        // Nobody polls a conversation that was cancelled.
        let _ = route.outlet.push(Event::Answer(answer));
    }

    fn notification(&self, method: &str, params: Option<&RawValue>, message: &Bytes) {
        let params = params.map_or("{}", RawValue::get);
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

    fn request(&self, method: &str, id: &RawValue, message: Bytes) -> Option<Bytes> {
        if method == "ping" {
            return Some(Answer::raw_result(id.get().as_bytes(), b"{}").into_message());
        }
        let can_ask = self.client.as_ref().is_some_and(Client::can_ask)
            || self.client.is_some() && self.lock().routes.values().any(|route| route.can_ask);
        if can_ask {
            self.to_client(message);
            return None;
        }
        let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, format!("{method}: {}", Unreachable::CannotAnswer));
        Some(Answer::error(Some(id.get().as_bytes()), &error).into_message())
    }

    /// The duplex has ended: nobody will answer what is under way.
    fn end(&self, reason: &str) {
        let routes = std::mem::take(&mut self.lock().routes);
        for route in routes.into_values() {
            let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, format!("the server behind this one {reason}"));
            let _ = route.outlet.push(Event::Answer(Answer::error(Some(&route.id), &error)));
        }
    }
}

/// Connects, then carries messages both ways until one side ends.
async fn carry(connecting: Connecting, mut outgoing: mpsc::UnboundedReceiver<Bytes>, link: Arc<Link>) {
    let (mut sink, mut stream) = match connecting.await {
        Ok(halves) => halves,
        Err(error) => {
            tracing::warn!(%error, "the server behind this one cannot be reached");
            outgoing.close();
            return link.end("cannot be reached");
        }
    };
    loop {
        let back = tokio::select! {
            said = poll_fn(|context| stream.as_mut().poll_next(context)) => match said {
                Some(message) => link.route(message),
                None => break,
            },
            message = outgoing.recv() => match message {
                Some(message) => Some(message),
                None => break,
            },
        };
        if let Some(message) = back
            && let Err(error) = send(sink.as_mut(), message).await
        {
            tracing::debug!(%error, "the server behind this one takes nothing any more");
            break;
        }
    }
    outgoing.close();
    link.end("has ended its connection");
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
    number: u64,
    link: Arc<Link>,
    sender: mpsc::UnboundedSender<Bytes>,
    message: Option<Bytes>,
}

impl Converse for Call {
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event> {
        if let Some(message) = self.message.take()
            && self.sender.send(message).is_err()
        {
            self.link.end("has ended its connection");
        }
        self.outlet.poll(context)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.outlet.close();
        let under_way = self.link.lock().routes.remove(&self.number).is_some();
        if under_way && self.message.is_none() {
            let cancelled = format!(r#"{{"requestId":{}}}"#, self.number);
            let _ = self.sender.send(rewrite::notification("notifications/cancelled", &cancelled));
        }
    }
}
