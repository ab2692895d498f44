//! A socket, and when its descriptor is worth looking at.
//!
//! libzmq's own `zmq_poll` asks every socket twice for what it holds, with a
//! system call each; for five sockets that was most of what the I/O thread did.
//! The descriptor of a socket alone tells less: it is readable when something
//! has happened, and not any more once any call on the socket has noticed, also
//! one that sends. So after a message, in or out, the socket has to be asked;
//! after it was found empty the descriptor is enough.

use std::cell::Cell;
use std::os::fd::RawFd;
use zmq::{Message, Socket};

/// The socket, and whether it may hold what its descriptor does not tell.
pub(crate) struct Polled {
    socket: Socket,
    fd: RawFd,
    unsettled: Cell<bool>,
}

impl Polled {
    pub(crate) fn new(socket: Socket) -> zmq::Result<Polled> {
        let fd = socket.get_fd()?;
        Ok(Polled {
            socket,
            fd,
            unsettled: Cell::new(true),
        })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd
    }

    /// The descriptor was found readable.
    pub(crate) fn told(&self) {
        self.unsettled.set(true);
    }

    /// Whether a message may wait; it is to be received then, until none comes.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled.get()
    }

    /// Whether a message waits that the descriptor does not tell of. Only after
    /// a no may one wait for the descriptor.
    pub(crate) fn has_untold(&self) -> bool {
        if self.unsettled.get() {
            let events = self.socket.get_events();
            self.unsettled
                .set(events.is_ok_and(|events| events.contains(zmq::POLLIN)));
        }
        self.unsettled.get()
    }

    /// A frame, if one is there.
    pub(crate) fn receive(&self) -> Option<Message> {
        let frame = self.socket.recv_msg(zmq::DONTWAIT).ok();
        self.unsettled.set(frame.is_some());
        frame
    }

    /// Sends a frame, without waiting.
    pub(crate) fn send(&self, frame: impl Into<Message>, more: bool) -> zmq::Result<()> {
        self.unsettled.set(true);
        let more = if more { zmq::SNDMORE } else { 0 };
        self.socket.send(frame.into(), zmq::DONTWAIT | more)
    }

    /// For options.
    pub(crate) fn socket_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }
}
