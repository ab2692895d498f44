//! Receiving: which sockets to read, and how much of each at once.

use super::Io;
use super::send::send_frames;
use super::thread::Ready;
use crate::protocol::{Channel, IopubWelcome, MessageType, RawJson};
use bytes::Bytes;
use zmq::Socket;

/// How many messages are taken from a socket before the others get their turn.
const TURN: usize = 100;

/// The sockets that may hold messages.
///
/// libzmq tells of messages once, through a descriptor, and any other call on the
/// socket may take that notice. So a socket is read until it is empty, and looked
/// at again after something was sent on it.
pub(super) struct Unread {
    pub(super) control: bool,
    pub(super) shell: bool,
    pub(super) stdin: bool,
    pub(super) heartbeat: bool,
    pub(super) iopub: bool,
    refused: bool,
}

impl Default for Unread {
    /// What came before anybody looked.
    fn default() -> Unread {
        Unread {
            control: true,
            shell: true,
            stdin: true,
            heartbeat: true,
            iopub: true,
            refused: true,
        }
    }
}

impl Unread {
    /// What a poll found.
    pub(super) fn add(&mut self, ready: &Ready) {
        self.control |= ready.control;
        self.shell |= ready.shell;
        self.stdin |= ready.stdin;
        self.heartbeat |= ready.heartbeat;
        self.iopub |= ready.iopub;
        self.refused |= ready.refused;
    }

    /// Whether any is to be read.
    pub(super) fn any(&self) -> bool {
        self.control || self.shell || self.stdin || self.heartbeat || self.iopub || self.refused
    }
}

impl Io {
    /// Takes a turn's worth out of each socket; whether anything came.
    pub(super) fn receive(&mut self) -> bool {
        let mut any = false;
        // Control goes before shell: an interrupt must not wait behind cells.
        if self.unread.control {
            any |= self.receive_control(TURN);
        }
        if self.unread.heartbeat {
            self.echo();
        }
        if self.unread.iopub {
            any |= self.welcome();
        }
        if self.unread.stdin {
            any |= self.receive_stdin(TURN);
        }
        if self.unread.shell {
            any |= self.receive_shell(TURN);
        }
        if self.unread.refused {
            self.sockets.refusals.report(&self.shared.log);
            self.unread.refused = false;
        }
        any
    }

    /// Whether nothing has come on the sockets that were sent on.
    pub(super) fn nothing_unread(&mut self) -> bool {
        let sockets = &self.sockets;
        let unread = &mut self.unread;
        for (socket, unread) in [
            (&sockets.control, &mut unread.control),
            (&sockets.shell, &mut unread.shell),
            (&sockets.stdin, &mut unread.stdin),
            (&sockets.iopub, &mut unread.iopub),
        ] {
            // What cannot be asked is left to the I/O thread.
            *unread = *unread
                && socket
                    .get_events()
                    .map_or(true, |events| events.contains(zmq::POLLIN));
        }
        !unread.any()
    }

    /// Reads the shell socket, at most so many messages; whether any came.
    pub(super) fn receive_shell(&mut self, limit: usize) -> bool {
        for count in 0..limit {
            let Some(frames) = receive(&self.sockets.shell) else {
                self.unread.shell = false;
                return count > 0;
            };
            self.arrived(Channel::Shell, frames);
        }
        true
    }

    fn receive_control(&mut self, limit: usize) -> bool {
        for count in 0..limit {
            let Some(frames) = receive(&self.sockets.control) else {
                self.unread.control = false;
                return count > 0;
            };
            self.arrived(Channel::Control, frames);
        }
        true
    }

    /// The same of the stdin socket.
    pub(super) fn receive_stdin(&mut self, limit: usize) -> bool {
        for count in 0..limit {
            let Some(frames) = receive(&self.sockets.stdin) else {
                self.unread.stdin = false;
                return count > 0;
            };
            self.answered(frames);
        }
        true
    }

    fn echo(&mut self) {
        for _ in 0..TURN {
            let Some(frames) = receive(&self.sockets.heartbeat) else {
                self.unread.heartbeat = false;
                return;
            };
            send_frames(&self.sockets.heartbeat, frames);
        }
    }

    /// New subscriptions are welcomed (JEP 65), so that clients know that they
    /// will miss nothing from here on.
    fn welcome(&mut self) -> bool {
        let mut any = false;
        while let Some(frames) = receive(&self.sockets.iopub) {
            any = true;
            let Some((1, topic)) = frames.first().and_then(|frame| frame.split_first()) else {
                continue;
            };
            let subscription = String::from_utf8_lossy(topic).into_owned();
            let content = RawJson::encode(&IopubWelcome { subscription });
            let topic = Bytes::copy_from_slice(topic);
            self.publish_now(topic, MessageType::IopubWelcome, content);
            if !self.started {
                self.started = true;
                self.shared.iopub.starting();
            }
            self.open_gate();
        }
        self.unread.iopub = false;
        any
    }
}

/// One message, if one is there. Long frames are not copied.
fn receive(socket: &Socket) -> Option<Vec<Bytes>> {
    struct Frame(zmq::Message);
    impl AsRef<[u8]> for Frame {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let mut frames = Vec::with_capacity(8);
    loop {
        // Frames of a message arrive together, so only the first can be missing.
        let frame = socket.recv_msg(zmq::DONTWAIT).ok()?;
        let more = frame.get_more();
        frames.push(if frame.len() < 4096 {
            Bytes::copy_from_slice(&frame)
        } else {
            Bytes::from_owner(Frame(frame))
        });
        if !more {
            return Some(frames);
        }
    }
}
