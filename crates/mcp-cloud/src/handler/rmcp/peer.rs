//! The peers that requests borrow: what a handler sends through one goes into that request's conversation alone.

use std::{
    fmt::{self, Write},
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
#[expect(deprecated, reason = "deprecated in the protocol, which still has it")]
use rmcp::model::LoggingLevel;
use rmcp::{
    Peer, RoleServer, ServerHandler, Service,
    model::{
        ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, InitializeRequestParams, JsonRpcMessage,
        JsonRpcRequest, RequestId, ServerConfig, ServerJsonRpcMessage, ServerNotification, ServerRequest,
    },
    service::{NotificationContext, RequestContext, RunningService, serve_directly},
};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::ReusableBoxFuture;

use super::{connection::Connection, parse::Asked};
use crate::{
    handler::{Answer, Client, Unreachable},
    json::{self, Raw},
    tasks::spawn,
};

/// A running rmcp service that a request borrows for its peer, and the room its handler works in.
pub(super) struct Lent {
    /// The handler at work. What it needs is a few kilobytes, the same for every request.
    pub(super) work: ReusableBoxFuture<'static, Answer>,
    service: RunningService<RoleServer, PeerService>,
    pub(super) outgoing: mpsc::UnboundedReceiver<Bytes>,
    rules: Arc<Rules>,
    /// How many handles of the peer there are when nobody but this has one.
    own_handles: Option<usize>,
}

impl Lent {
    pub(super) fn new(connection: &Arc<Connection>, info: Option<InitializeRequestParams>) -> Self {
        let (sender, outgoing) = mpsc::unbounded_channel();
        let rules = Arc::new(Rules::default());
        let transport = Outgoing::new(Sink::Request(sender), Arc::downgrade(connection), Arc::clone(&rules));
        let service = serve_directly(PeerService(None), transport, info);
        let own_handles = handles(service.peer());
        Self { work: ReusableBoxFuture::new(std::future::pending()), service, outgoing, rules, own_handles }
    }

    pub(super) fn peer(&self) -> &Peer<RoleServer> {
        self.service.peer()
    }

    /// Sets what may be sent until it is lent to another request.
    pub(super) fn allow(&self, can_ask: bool, logging: Logging) {
        self.rules.allow_asking(can_ask);
        self.rules.logging.store(logging.0, Ordering::Relaxed);
    }

    /// Whether the handler kept a handle of the peer, through which it could speak later. Where that cannot be told,
    /// it did.
    pub(super) fn is_kept(&self) -> bool {
        self.own_handles.is_none() || handles(self.service.peer()) != self.own_handles
    }

    /// What the responses to its requests are told apart by.
    pub(super) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Passes on what a handler that kept its peer says after the request is over, to the client's own stream, until
    /// the client is gone or the handler has let go of the peer.
    pub(super) fn outlive(mut self: Box<Self>, client: Client) {
        self.allow(client.can_ask(), Logging::ALL);
        spawn(async move {
            loop {
                match tokio::time::timeout(KEPT_CHECK, self.outgoing.recv()).await {
                    Ok(Some(message)) => {
                        if client.send(message).is_err() {
                            return;
                        }
                    }
                    Ok(None) => return,
                    Err(_) if !self.is_kept() || client.is_gone() => return,
                    Err(_) => {}
                }
            }
        });
    }
}

/// How often a kept peer is looked after.
const KEPT_CHECK: Duration = Duration::from_secs(30);

/// How many handles a peer has. rmcp does not tell, but the channel inside says it where it is written for debugging;
/// where it does not say it any more, nothing is known, and no peer is lent twice.
fn handles(peer: &Peer<RoleServer>) -> Option<usize> {
    let mut finder = Finder::default();
    // It stops the writing as soon as it has found the number, which is reported as an error.
    let _ = write!(finder, "{peer:?}");
    finder.found.then_some(finder.number)
}

/// Finds the number behind a name in text that is written piece by piece.
#[derive(Default)]
struct Finder {
    named: bool,
    found: bool,
    number: usize,
}

impl Write for Finder {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if piece == "tx_count" {
            self.named = true;
        } else if self.named && piece.starts_with(|first: char| first.is_ascii_digit()) {
            self.number = piece.parse().map_err(|_| fmt::Error)?;
            self.found = true;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

/// What may be sent through a peer.
#[derive(Debug, Default)]
pub(super) struct Rules {
    can_ask: AtomicBool,
    logging: AtomicU8,
}

impl Rules {
    pub(super) fn allow_asking(&self, can_ask: bool) {
        self.can_ask.store(can_ask, Ordering::Relaxed);
    }
}

/// Which log messages may be sent: all, none, or those from a level on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logging(u8);

impl Logging {
    /// In the legacy era the handler decides, by `logging/setLevel`.
    pub(super) const ALL: Self = Self(0);

    /// Those a modern request asks for (MCP 2026-07-28, server/utilities/logging): none unless its `_meta` names a
    /// level.
    #[expect(deprecated, reason = "deprecated in the protocol, which still has it")]
    pub(super) fn from_level(level: Option<LoggingLevel>) -> Self {
        Self(level.map_or(u8::MAX, |level| level as u8))
    }

    #[expect(deprecated, reason = "deprecated in the protocol, which still has it")]
    fn admits(self, level: LoggingLevel) -> bool {
        level as u8 >= self.0
    }
}

/// Whom a service hands notifications to. One kind of service for all handlers, because rmcp's loop around it is made anew
/// for each kind, and is large.
pub(super) trait Notify: Send + Sync {
    fn notify(&self, notification: ClientNotification, context: NotificationContext<RoleServer>) -> Notified<'_>;
}

type Notified<'a> = Pin<Box<dyn Future<Output = Result<(), ErrorData>> + Send + 'a>>;

impl<H: ServerHandler> Notify for H {
    fn notify(&self, notification: ClientNotification, context: NotificationContext<RoleServer>) -> Notified<'_> {
        Box::pin(Service::handle_notification(self, notification, context))
    }
}

/// The service behind a peer. No request comes through its transport; notifications do where it has somebody to hand
/// them to.
pub(super) struct PeerService(pub(super) Option<Arc<dyn Notify>>);

impl Service<RoleServer> for PeerService {
    async fn handle_request(
        &self,
        _: ClientRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<rmcp::model::ServerResult, ErrorData> {
        Err(ErrorData::internal_error("this peer takes no requests", None))
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        match &self.0 {
            Some(handler) => handler.notify(notification, context).await,
            None => Ok(()),
        }
    }

    fn get_info(&self) -> ServerConfig {
        // Asked of a client alone.
        ServerConfig::default()
    }
}

/// Where what is sent through a peer goes.
pub(super) enum Sink {
    /// Into one request's conversation.
    Request(mpsc::UnboundedSender<Bytes>),
    /// To a client that stays.
    Client(Client),
    /// Nowhere: the client does not stay, and this belongs to none of its requests.
    Nowhere,
}

/// The transport of a service: reads the responses to its own requests (and, for a connection's main service, the
/// client's notifications), writes into a sink.
pub(super) struct Outgoing {
    sink: Sink,
    connection: Weak<Connection>,
    rules: Arc<Rules>,
    inbox: mpsc::UnboundedReceiver<ClientJsonRpcMessage>,
    /// Kept, so that the inbox never ends: its end would end the service.
    pub(super) address: mpsc::UnboundedSender<ClientJsonRpcMessage>,
}

/// Who waits for a client's response.
pub(super) struct Waiting {
    inbox: mpsc::UnboundedSender<ClientJsonRpcMessage>,
    /// The id the service gave its request.
    id: RequestId,
    /// What it asked for.
    asked: Asked,
    pub(super) rules: Arc<Rules>,
}

impl Waiting {
    /// Hands a response to the service that waits for it.
    pub(super) fn deliver(self, response: &[u8]) {
        #[derive(Deserialize)]
        struct Response<'a> {
            #[serde(borrow)]
            result: Option<Raw<'a>>,
            error: Option<ErrorData>,
        }
        let message = match json::read(response) {
            Ok(Response { error: Some(error), .. }) => Err(error),
            Ok(Response { result: Some(result), .. }) => self.asked.result(result.get().as_bytes()).map_err(|error| {
                ErrorData::internal_error(format!("the client's response is not what it should be: {error}"), None)
            }),
            _ => Err(ErrorData::internal_error("the client's response has neither a result nor an error", None)),
        };
        let message = match message {
            Ok(result) => JsonRpcMessage::response(result, self.id),
            Err(error) => JsonRpcMessage::error(error, Some(self.id)),
        };
        // Nobody waits any more where the service has ended.
        let _ = self.inbox.send(message);
    }

    fn fail(self, why: Unreachable) {
        let error = ErrorData::internal_error(why.to_string(), None);
        let _ = self.inbox.send(JsonRpcMessage::error(error, Some(self.id)));
    }
}

impl Outgoing {
    pub(super) fn new(sink: Sink, connection: Weak<Connection>, rules: Arc<Rules>) -> Self {
        let (address, inbox) = mpsc::unbounded_channel();
        Self { sink, connection, rules, inbox, address }
    }

    #[expect(deprecated, reason = "deprecated in the protocol, which still has it")]
    fn pass_on(&self, message: ServerJsonRpcMessage) -> io::Result<()> {
        // Each kind is written by itself: the code that could write a message of any kind would be large.
        let mut json = Vec::new();
        let written = match message {
            JsonRpcMessage::Request(request) => json::write(&mut json, &self.ask(request)?),
            JsonRpcMessage::Notification(notification) => {
                if let ServerNotification::LoggingMessageNotification(log) = &notification.notification
                    && !Logging(self.rules.logging.load(Ordering::Relaxed)).admits(log.params.level)
                {
                    return Ok(());
                }
                json::write(&mut json, &notification)
            }
            // A service that is sent no requests answers none.
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => return Ok(()),
        };
        written.map_err(io::Error::other)?;
        let message = Bytes::from(json);
        match &self.sink {
            Sink::Request(sender) => sender.send(message).map_err(|_| io::Error::other(Unreachable::Gone)),
            Sink::Client(client) => client.send(message).map_err(io::Error::other),
            Sink::Nowhere => Err(io::Error::other(Unreachable::Gone)),
        }
    }

    /// Gives a request to the client an id that no other request to this client has.
    fn ask(&self, mut request: JsonRpcRequest<ServerRequest>) -> io::Result<JsonRpcRequest<ServerRequest>> {
        let can_ask = self.rules.can_ask.load(Ordering::Relaxed);
        let Some(connection) = self.connection.upgrade().filter(|_| can_ask) else {
            return Err(io::Error::other(Unreachable::CannotAnswer));
        };
        let waiting = Waiting {
            inbox: self.address.clone(),
            id: request.id.clone(),
            asked: Asked::by(&request.request),
            rules: Arc::clone(&self.rules),
        };
        let id = connection.asked.register(waiting);
        request.id = RequestId::Number(id);
        if let Sink::Client(client) = &self.sink {
            spawn(give_up_on(client.clone(), self.connection.clone(), id));
        }
        Ok(request)
    }
}

/// A client that was asked on a stream of its own, and by and by does not read one, will not answer.
async fn give_up_on(client: Client, connection: Weak<Connection>, id: i64) {
    while client.can_ask() {
        tokio::time::sleep(ASKED_CHECK).await;
        if !connection.upgrade().is_some_and(|connection| connection.asked.waits(id)) {
            return;
        }
    }
    let waiting = connection.upgrade().and_then(|connection| connection.asked.take(id));
    if let Some(waiting) = waiting {
        waiting.fail(Unreachable::Gone);
    }
}

/// How often it is seen whether a client that was asked is still there.
const ASKED_CHECK: Duration = Duration::from_secs(1);

impl rmcp::transport::Transport<RoleServer> for Outgoing {
    type Error = io::Error;

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = io::Result<()>> + Send + 'static {
        std::future::ready(self.pass_on(message))
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.inbox.recv().await
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_peer_that_somebody_kept_is_seen() {
        let connection = Arc::new(Connection::new(None));
        let lent = Lent::new(&connection, None);
        assert!(lent.own_handles.is_some(), "tokio no longer says how many handles a channel has");
        assert!(!lent.is_kept());
        let kept = lent.peer().clone();
        assert!(lent.is_kept());
        drop(kept);
        assert!(!lent.is_kept());
    }
}
