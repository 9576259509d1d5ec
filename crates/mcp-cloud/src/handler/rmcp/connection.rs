//! What the rmcp handler keeps for one client that stays, or for everybody who does not.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rmcp::{
    RoleServer,
    model::{ClientJsonRpcMessage, InitializeRequestParams},
    service::{RunningService, serve_directly},
};
use tokio::sync::mpsc;

use super::peer::{Lent, Notify, Outgoing, PeerService, Rules, Sink, Waiting};
use crate::handler::{Client, asked::Asked};

/// How many idle services are kept for the requests to come.
const MAX_IDLE: usize = 64;

/// The peers of one client, or of everybody who does not stay.
pub(super) struct Connection {
    /// The client, if it stays.
    pub(super) client: Option<Client>,
    /// What the client said of itself.
    pub(super) info: OnceLock<InitializeRequestParams>,
    pub(super) asked: Asked<Waiting>,
    /// Boxed, because they are moved from request to request.
    #[expect(clippy::vec_box, reason = "a request takes the box with it")]
    idle: Mutex<Vec<Box<Lent>>>,
}

impl Connection {
    pub(super) fn new(client: Option<Client>) -> Self {
        Self { client, info: OnceLock::new(), asked: Asked::default(), idle: Mutex::default() }
    }

    pub(super) fn lend(self: &Arc<Self>) -> Box<Lent> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Box::new(Lent::new(self, self.info.get().cloned())))
    }

    /// Takes a service back whose request is over, unless the handler could still speak through it.
    pub(super) fn take_back(&self, lent: Box<Lent>) {
        if lent.is_kept() {
            if let Some(client) = &self.client {
                lent.outlive(client.clone());
            }
            return;
        }
        self.forget(&lent);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(lent);
        }
    }

    /// Lets go of a service whose request was given up.
    pub(super) fn discard(&self, lent: &Lent) {
        self.forget(lent);
    }

    /// Nobody waits any more for responses to what was sent through it.
    fn forget(&self, lent: &Lent) {
        self.asked.retain(|waiting| !Arc::ptr_eq(&waiting.rules, lent.rules()));
    }
}

/// The service that hands a client's notifications to the handler, which rmcp lets nobody else do. Its peer is the one
/// that a handler gets with a notification.
pub(super) struct Main {
    _service: RunningService<RoleServer, PeerService>,
    inbox: mpsc::UnboundedSender<ClientJsonRpcMessage>,
}

impl Main {
    pub(super) fn start(handler: Arc<dyn Notify>, connection: &Arc<Connection>) -> Self {
        let rules = Arc::new(Rules::default());
        let sink = connection.client.clone().map_or(Sink::Nowhere, Sink::Client);
        rules.allow_asking(connection.client.as_ref().is_some_and(Client::can_ask));
        let transport = Outgoing::new(sink, Arc::downgrade(connection), rules);
        let inbox = transport.address.clone();
        let service = serve_directly(PeerService(Some(handler)), transport, connection.info.get().cloned());
        Self { _service: service, inbox }
    }

    pub(super) fn hand_over(&self, message: ClientJsonRpcMessage) {
        // It only ends together with this.
        let _ = self.inbox.send(message);
    }
}
