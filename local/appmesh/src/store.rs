//! The handle that the API and a data plane share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::Snapshot;
use crate::state::State;

/// A handle to the resources; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    generation: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    state: State,
    /// The state as of its generation.
    snapshot: Arc<Snapshot>,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All resources as they are now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.held().snapshot.clone()
    }

    /// The generation, which increases with each change of a resource; tags do not count.
    ///
    /// When it is seen to change, [`Store::snapshot`] has that generation or a later one.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.generation.subscribe()
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.held().state)
    }

    /// Changes the state and publishes the change.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut held = self.held();
        let before = held.state.generation();
        let result = change(&mut held.state);
        let generation = held.state.generation();
        if generation != before {
            held.snapshot = Arc::new(held.state.snapshot());
            // Inside the lock, so that generations are seen in order.
            self.inner.generation.send_replace(generation);
        }
        result
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // No change leaves the state half done, so a panic elsewhere does not spoil it.
        let held = self.inner.held.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }
}
