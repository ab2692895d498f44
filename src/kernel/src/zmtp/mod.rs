//! ZeroMQ's transport protocol, ZMTP 3.0 (RFC 23), as far as a kernel needs it:
//! the side that binds, with sockets that route (ROUTER) or publish (XPUB), over
//! TCP and Unix sockets, plain or encrypted (CURVE, RFC 26).
//!
//! There is no thread in it and nothing waits: whoever holds a socket reads what
//! has arrived and writes what the peer takes. A library of its own would have a
//! thread between us and the network, and each message would wake that, too.

mod client;
mod connection;
mod curve;
mod frame;
mod greeting;
mod listener;
mod multipart;
mod publisher;
mod router;
mod socket;

pub(crate) use client::Client;
#[cfg(test)]
pub(crate) use connection::{Connection, Incoming};
pub(crate) use listener::Listener;
pub(crate) use multipart::Multipart;
pub(crate) use publisher::Publisher;
pub(crate) use router::Router;
pub(crate) use socket::{Interest, Socket, Token};
