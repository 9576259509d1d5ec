//! Requests that were sent to a client, and who waits for the responses.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Deserialize;

use crate::json;

/// The requests sent to one client. Their ids are counted here, so that no two that are under way share one, whoever
/// sent them.
pub(crate) struct Asked<W> {
    inner: Mutex<Inner<W>>,
}

struct Inner<W> {
    last: i64,
    waiting: HashMap<i64, W>,
}

impl<W> Default for Asked<W> {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { last: 0, waiting: HashMap::new() }) }
    }
}

impl<W> Asked<W> {
    /// An id for a request, and who waits for its response.
    pub(crate) fn register(&self, waiting: W) -> i64 {
        let mut inner = self.lock();
        inner.last += 1;
        let id = inner.last;
        inner.waiting.insert(id, waiting);
        id
    }

    /// Who waits for the response with this id.
    pub(crate) fn take(&self, id: i64) -> Option<W> {
        self.lock().waiting.remove(&id)
    }

    /// Whether somebody still waits for the response with this id.
    #[cfg(feature = "rmcp")]
    pub(crate) fn waits(&self, id: i64) -> bool {
        self.lock().waiting.contains_key(&id)
    }

    /// Forgets those that `keep` does not want.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&W) -> bool) {
        self.lock().waiting.retain(|_, waiting| keep(waiting));
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of a client's response, if it is one that [`Asked`] gave out. Some clients send a number back as a string.
pub(crate) fn id_of(response: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Head {
        id: Id,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(i64),
        Text(String),
    }
    match json::read::<Head>(response).ok()?.id {
        Id::Number(id) => Some(id),
        Id::Text(id) => id.parse().ok(),
    }
}
