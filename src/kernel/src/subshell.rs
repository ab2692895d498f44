//! Subshells: further queues of shell requests, each for a thread of its own.

use crate::lock::lock;
use crate::queue::RequestQueue;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A subshell: requests whose header names its id come out of its queue.
pub struct Subshell {
    /// Its id.
    pub id: String,
    /// Its requests.
    pub queue: RequestQueue,
}

/// The subshells there are.
#[derive(Default)]
pub(crate) struct Subshells(Mutex<BTreeMap<String, RequestQueue>>);

impl Subshells {
    pub(crate) fn add(&self, queue: RequestQueue) -> Subshell {
        let id = uuid::Uuid::new_v4().to_string();
        lock(&self.0).insert(id.clone(), queue.clone());
        Subshell { id, queue }
    }

    pub(crate) fn remove(&self, id: &str) -> Option<RequestQueue> {
        lock(&self.0).remove(id)
    }

    pub(crate) fn get(&self, id: &str) -> Option<RequestQueue> {
        lock(&self.0).get(id).cloned()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }

    pub(crate) fn queues(&self) -> Vec<RequestQueue> {
        lock(&self.0).values().cloned().collect()
    }
}
