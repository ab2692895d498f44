//! Receiving: which sockets to read, and how much of each at once.

use super::Io;
use crate::protocol::{Channel, ExecutionState, IopubWelcome, MessageType, RawJson};

/// How many messages are taken from a socket before the others get their turn.
pub(super) const TURN: usize = 100;

impl Io {
    /// Takes a turn's worth out of each socket; whether anything came.
    pub(super) fn receive(&mut self) -> bool {
        // Control goes before shell: an interrupt must not wait behind cells. And who
        // subscribes before it asks is to see what comes of it.
        let mut any = self.receive_control(TURN);
        self.echo();
        any |= self.welcome();
        any |= self.receive_stdin(TURN);
        self.receive_shell(TURN) || any
    }

    /// Reads the shell socket, at most so many messages; whether any came.
    pub(super) fn receive_shell(&mut self, limit: usize) -> bool {
        let mut count = 0;
        while count < limit
            && let Some(frames) = self.sockets.shell.receive()
        {
            self.arrived(Channel::Shell, frames);
            count += 1;
        }
        let any = count > 0;
        self.shell_can_wait = any && self.shared.shell.waiting().is_backed_up();
        any
    }

    fn receive_control(&mut self, limit: usize) -> bool {
        for count in 0..limit {
            let Some(frames) = self.sockets.control.receive() else {
                return count > 0;
            };
            self.arrived(Channel::Control, frames);
        }
        true
    }

    /// The same of the stdin socket.
    pub(super) fn receive_stdin(&mut self, limit: usize) -> bool {
        for count in 0..limit {
            let Some(frames) = self.sockets.stdin.receive() else {
                return count > 0;
            };
            self.answered(frames);
        }
        true
    }

    fn echo(&mut self) {
        for _ in 0..TURN {
            let Some(frames) = self.sockets.heartbeat.receive() else {
                break;
            };
            self.sockets.heartbeat.echo(frames);
        }
        self.sockets.heartbeat.socket.flush();
    }

    /// New subscriptions are welcomed (JEP 65), so that clients know that they
    /// will miss nothing from here on.
    pub(super) fn welcome(&mut self) -> bool {
        for count in 0..TURN {
            let Some(topic) = self.sockets.iopub.receive() else {
                return count > 0;
            };
            let subscription = String::from_utf8_lossy(&topic).into_owned();
            let content = RawJson::encode(&IopubWelcome { subscription });
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
        true
    }
}
