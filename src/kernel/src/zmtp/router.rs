//! A socket that hears who speaks, and answers whom it names (ROUTER, RFC 28).

use super::connection::{Connection, Incoming};
use super::listener::Listener;
use super::multipart::Multipart;
use super::socket::{Kind, Socket};
use crate::encryption::Keys;
use bytes::Bytes;
use std::sync::Arc;

const ROUTER: Kind = Kind {
    name: "ROUTER",
    accepts: &["DEALER", "REQ", "ROUTER"],
};

/// See the module. What waits for a peer is never dropped, however slowly it reads.
pub(crate) struct Router {
    pub(crate) socket: Socket,
    nameless: u32,
}

impl Router {
    pub(crate) fn new(listener: Listener, keys: Option<Arc<Keys>>) -> Router {
        let socket = Socket::new(ROUTER, listener, keys);
        let nameless = 0;
        Router { socket, nameless }
    }

    /// A message, if one is there: the identity of its sender, then its frames.
    pub(crate) fn receive(&mut self) -> Option<Vec<Bytes>> {
        loop {
            match self.socket.receive()? {
                (place, Incoming::Ready) => self.name(place),
                (place, Incoming::Message(mut frames)) => {
                    let connection = self.socket.connections().get(place)?;
                    frames.insert(0, connection.identity.clone());
                    return Some(frames);
                }
                // Nobody subscribes here.
                (_, Incoming::Subscribe(_) | Incoming::Cancel(_)) => {}
            }
        }
    }

    /// Sends frames back, unless the peer does not read what it gets.
    pub(crate) fn echo(&mut self, frames: Vec<Bytes>) {
        let sender = frames.first().cloned().unwrap_or_default();
        let reads =
            |connection: &Connection| connection.identity == sender && !connection.is_full();
        if self.socket.connections().iter().any(reads) {
            self.send(frames);
        }
    }

    /// Sends frames to the peer that the first of them names. It may have gone: that is
    /// no error.
    pub(crate) fn send(&mut self, frames: Vec<Bytes>) {
        let mut frames = frames.into_iter();
        let Some(identity) = frames.next() else {
            return;
        };
        let named = |connection: &&mut Connection| {
            connection.takes_messages() && connection.identity == identity
        };
        if let Some(connection) = self.socket.connections().iter_mut().find(named) {
            connection.send(&Multipart::new(frames.collect()));
        }
    }

    /// A new connection has its own name, or gets one. A client that comes back under
    /// its name gets what is addressed to it from then on.
    fn name(&mut self, place: usize) {
        let connections = self.socket.connections();
        let Some(connection) = connections.get_mut(place) else {
            return;
        };
        if connection.identity.is_empty() {
            self.nameless += 1;
            let mut name = vec![0];
            name.extend_from_slice(&self.nameless.to_be_bytes());
            connection.identity = name.into();
            return;
        }
        let name = connection.identity.clone();
        for (other, connection) in connections.iter_mut().enumerate() {
            // It keeps the name: what it has asked is answered to the one that follows it.
            if other != place && connection.identity == name && connection.takes_messages() {
                connection.leave();
            }
        }
    }
}
