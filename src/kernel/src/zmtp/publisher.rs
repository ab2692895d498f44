//! A socket that publishes to those who have subscribed (XPUB, RFC 29).

use super::connection::{Connection, Incoming, Multipart};
use super::listener::Listener;
use super::socket::{Kind, Socket};
use crate::encryption::Keys;
use bytes::Bytes;
use std::sync::Arc;

const XPUB: Kind = Kind {
    name: "XPUB",
    accepts: &["SUB", "XSUB"],
};

/// See the module.
pub(crate) struct Publisher {
    pub(crate) socket: Socket,
}

impl Publisher {
    pub(crate) fn new(listener: Listener, keys: Option<Arc<Keys>>) -> Publisher {
        let socket = Socket::new(XPUB, listener, keys);
        Publisher { socket }
    }

    /// The next subscription, if somebody has subscribed: what topics begin with.
    pub(crate) fn receive(&mut self) -> Option<Bytes> {
        loop {
            let (place, incoming) = self.socket.receive()?;
            let connection = self.socket.connections().get_mut(place)?;
            let (wanted, topic) = match incoming {
                Incoming::Subscribe(topic) => (true, topic),
                Incoming::Cancel(topic) => (false, topic),
                // So until ZMTP 3.1: a message of one frame, which begins with 1 or 0.
                Incoming::Message(frames) => match &frames[..] {
                    [frame] if frame.first() == Some(&1) => (true, frame.slice(1..)),
                    [frame] if frame.first() == Some(&0) => (false, frame.slice(1..)),
                    _ => continue,
                },
                Incoming::Ready => continue,
            };
            let topics = &mut connection.topics;
            topics.retain(|known| *known != topic);
            if wanted {
                topics.push(topic.clone());
                return Some(topic);
            }
        }
    }

    /// Sends a message to all whose subscriptions its first frame begins with; whether it
    /// did. It does not if one of them is full: nobody is to miss anything. Unless who is
    /// full is to be passed over: until it has taken something it gets nothing any more.
    pub(crate) fn publish(&mut self, message: &Multipart, pass_over: bool) -> bool {
        let connections = self.socket.connections();
        let wants = |connection: &&mut Connection| connection.wants(message.first());
        for connection in connections.iter_mut().filter(wants) {
            if connection.is_full() {
                connection.flush();
            }
            if connection.is_full() {
                if !pass_over {
                    return false;
                }
                connection.skipped = true;
            }
        }
        for connection in connections.iter_mut().filter(wants) {
            connection.send(message);
        }
        true
    }
}

impl Connection {
    /// Whether it is to get what has this topic.
    fn wants(&self, topic: &[u8]) -> bool {
        let subscribed = |wanted: &Bytes| topic.starts_with(wanted);
        self.is_ready() && !self.skipped && self.topics.iter().any(subscribed)
    }
}
