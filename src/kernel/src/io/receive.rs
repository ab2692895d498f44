//! Receiving: which sockets to read, and how much of each at once.

use super::Io;
use super::send::send_frames;
use crate::polled::Polled;
use crate::protocol::{Channel, ExecutionState, IopubWelcome, MessageType, RawJson};
use bytes::Bytes;

/// How many messages are taken from a socket before the others get their turn.
pub(super) const TURN: usize = 100;

impl Io {
    /// Takes a turn's worth out of each socket; whether anything came.
    pub(super) fn receive(&mut self) -> bool {
        let mut any = false;
        // Control goes before shell: an interrupt must not wait behind cells.
        if self.sockets.control.is_unsettled() {
            any |= self.receive_control(TURN);
        }
        if self.sockets.heartbeat.is_unsettled() {
            self.echo();
        }
        if self.sockets.iopub.is_unsettled() {
            any |= self.welcome();
        }
        if self.sockets.stdin.is_unsettled() {
            any |= self.receive_stdin(TURN);
        }
        if self.sockets.shell.is_unsettled() {
            any |= self.receive_shell(TURN);
        }
        any
    }

    /// Reads the shell socket, at most so many messages; whether any came.
    pub(super) fn receive_shell(&mut self, limit: usize) -> bool {
        let mut count = 0;
        while count < limit
            && let Some(frames) = receive(&self.sockets.shell)
        {
            self.arrived(Channel::Shell, frames);
            count += 1;
        }
        self.shell_can_wait = self.shared.shell.waiting().is_backed_up();
        count > 0
    }

    fn receive_control(&mut self, limit: usize) -> bool {
        for count in 0..limit {
            let Some(frames) = receive(&self.sockets.control) else {
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
                return count > 0;
            };
            self.answered(frames);
        }
        true
    }

    fn echo(&mut self) {
        for _ in 0..TURN {
            let Some(frames) = receive(&self.sockets.heartbeat) else {
                return;
            };
            send_frames(&self.sockets.heartbeat, frames.into_iter());
        }
    }

    /// New subscriptions are welcomed (JEP 65), so that clients know that they
    /// will miss nothing from here on.
    pub(super) fn welcome(&mut self) -> bool {
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
                // Past the outbox: a status may be about to be handed over, and this is the first.
                let topic = self.shared.iopub.status_topic();
                let starting = ExecutionState::Starting.content();
                self.publish_now(topic, MessageType::Status, starting);
            }
            self.open_gate();
        }
        any
    }
}

/// One message, if one is there. Long frames are not copied.
fn receive(socket: &Polled) -> Option<Vec<Bytes>> {
    struct Frame(zmq::Message);
    impl AsRef<[u8]> for Frame {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let mut frames = Vec::with_capacity(8);
    loop {
        // Frames of a message arrive together, so only the first can be missing.
        let frame = socket.receive()?;
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
