//! Who asked: what a request is before anybody takes it, and what everything
//! that is published on its behalf names.

use crate::protocol::Channel;
use crate::wire::Message;
use std::sync::Arc;
use std::time::Instant;

/// What is published is published for somebody: the message that asked for it.
pub struct Parent {
    /// The message.
    pub message: Message,
}

impl Parent {
    /// A parent that did not come out of a queue, such as one kept by a library.
    pub fn new(message: Message) -> Parent {
        Parent { message }
    }
}

impl std::fmt::Debug for Parent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.message.fmt(formatter)
    }
}

/// A request that waits.
pub(crate) struct Arrived {
    pub(crate) parent: Arc<Parent>,
    pub(crate) channel: Channel,
    pub(crate) at: Instant,
}
