//! Telling clients that something changed.
//!
//! From 2026-07-28 on a client opens one request, `subscriptions/listen`, and hears of changes for as long as it stays
//! open. Which requests are open is known to this process only: a client that listens to another instance does not hear
//! of a change made here. What a client subscribed to before, with `resources/subscribe`, it would hear on the stream of
//! its session, which is the transport's: this example takes the subscription and has nothing to tell.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    model::SubscriptionFilter,
    service::{SubscriptionContext, SubscriptionSink},
    tool, tool_router,
};

use crate::{Everything, resources};

/// The subscriptions that are open.
#[derive(Default)]
pub(crate) struct Subscriptions(Mutex<Open>);

#[derive(Default)]
struct Open {
    sinks: BTreeMap<u64, SubscriptionSink>,
    next: u64,
}

#[tool_router(router = subscription_tools, vis = "pub(crate)")]
impl Everything {
    /// Tells who listens that the list of tools changed
    #[tool]
    async fn test_trigger_tool_change(&self) -> String {
        for sink in self.subscriptions.sinks() {
            // The sink refuses what its client does not listen for.
            let _ = sink.notify_tool_list_changed().await;
        }
        "Tool list change triggered".to_owned()
    }

    /// Tells who listens that the list of prompts changed
    #[tool]
    async fn test_trigger_prompt_change(&self) -> String {
        for sink in self.subscriptions.sinks() {
            // The sink refuses what its client does not listen for.
            let _ = sink.notify_prompt_list_changed().await;
        }
        "Prompt list change triggered".to_owned()
    }

    /// Tells who listens that the watched resource changed
    #[tool]
    async fn test_trigger_resource_change(&self) -> String {
        for sink in self.subscriptions.sinks() {
            // The sink refuses what its client does not listen for.
            let _ = sink.notify_resource_updated(resources::WATCHED).await;
        }
        "Resource change triggered".to_owned()
    }
}

/// What of a filter is accepted: everything, but of the resources only those that exist.
pub(crate) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let mut accepted = requested.clone();
    if let Some(uris) = &mut accepted.resource_subscriptions {
        uris.retain(|uri| resources::read(uri).is_ok());
    }
    accepted
}

impl Subscriptions {
    /// Keeps a subscription open until its client closes it.
    pub(crate) async fn serve(&self, context: SubscriptionContext) {
        let _registration = self.register(context.sink().clone());
        context.cancelled().await;
    }

    fn register(&self, sink: SubscriptionSink) -> Registration<'_> {
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.sinks.insert(number, sink);
        Registration { subscriptions: self, number }
    }

    fn sinks(&self) -> Vec<SubscriptionSink> {
        self.open().sinks.values().cloned().collect()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a subscription when it is dropped: a transport may drop the request instead of cancelling it.
struct Registration<'a> {
    subscriptions: &'a Subscriptions,
    number: u64,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.subscriptions.open().sinks.remove(&self.number);
    }
}
