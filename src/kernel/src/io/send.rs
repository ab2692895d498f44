//! Sending: encode, sign, hand to the sockets. A subscriber that is full makes
//! IOPub wait, and nothing else.
//!
//! What is encoded together leaves with one system call to each peer.

use super::Io;
use crate::outbox::{Outbound, Outgoing};
use crate::parent::Arrived;
use crate::protocol::{Channel, ExecutionState, MessageType, RawJson};
use crate::request::Aborted;
use crate::wire::{self, Parts};
use crate::zmtp::Multipart;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// A subscriber that takes nothing for so long while the backlog is full is
/// given up on: a cell must not wait for it for ever.
const GIVE_UP_FULL: Duration = Duration::from_secs(10);
/// The same while there is room: the other subscribers must not wait for ever.
const GIVE_UP: Duration = Duration::from_secs(60);

/// The same when the kernel ends: the others are to get the last of it in time.
const GIVE_UP_ENDING: Duration = Duration::from_millis(500);

/// How many messages are encoded before they are handed over.
const TOGETHER: usize = 64;

/// A message IOPub did not take.
pub(super) struct Blocked {
    message: Multipart,
    counted: usize,
}

/// A message that is ready for the sockets.
pub(super) enum Encoded {
    Publish(Blocked),
    Reply(Channel, Vec<Bytes>),
}

impl Io {
    /// Sends what waits in the outbox; whether anything did. `batch` is empty and
    /// lends its memory.
    pub(super) fn send_batch(&mut self, batch: &mut Vec<Outgoing>) -> bool {
        self.shared.outbox.take(batch);
        let any = !batch.is_empty();
        for outgoing in batch.drain(..) {
            self.send(outgoing);
        }
        self.hand_over();
        any
    }

    fn send(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Publish {
                topic,
                message,
                counted,
            } => {
                let message = Multipart::new(self.encode(&[topic], message));
                self.hold(Encoded::Publish(Blocked { message, counted }));
            }
            Outgoing::Reply { channel, message } => self.reply(channel, message),
            Outgoing::Input { message } => {
                // Answers to earlier questions must not be taken for its own.
                self.sockets.stdin.socket.suspect();
                self.receive_stdin(usize::MAX);
                self.shared.stdin.asked(message.msg_id.as_deref());
                let addresses = addresses(&message);
                let frames = self.encode(&addresses, message);
                self.hand_over();
                self.sockets.stdin.send(frames);
            }
            Outgoing::ReplyAborting {
                channel,
                message,
                queue,
            } => {
                // What lies in the socket was sent before its sender could know
                // of the error. The socket is read empty, then the reply goes.
                self.open_gate();
                self.sockets.shell.socket.suspect();
                self.receive_shell(usize::MAX);
                queue.sweep();
                self.reply(channel, message);
            }
            Outgoing::Aborted(queue) => {
                self.answer_all_aborted(&queue.take_aborted());
                // Only now: the status of what comes next must not mix with theirs.
                queue.resume();
            }
            Outgoing::Refused {
                requests,
                ename,
                evalue,
            } => {
                for arrived in requests {
                    self.answer_error(&arrived, ename, &evalue);
                }
            }
        }
    }

    /// Answers many that are not tried, because another failed. They have written
    /// nothing: past the outbox, since a run of all cells can leave thousands.
    fn answer_all_aborted(&mut self, waiting: &[Arrived]) {
        let iopub = self.shared.iopub.clone();
        let aborted = Aborted::new(&self.shared.ident);
        for arrived in waiting {
            self.send(iopub.status(ExecutionState::Busy, Some(&arrived.parent)));
            if let Some(message) = aborted.reply(arrived) {
                let channel = arrived.channel;
                self.send(Outgoing::Reply { channel, message });
            }
            self.send(iopub.status(ExecutionState::Idle, Some(&arrived.parent)));
        }
        // Another shell's cell may run, and is busy again.
        if !waiting.is_empty()
            && let Some(running) = iopub.running()
        {
            self.send(iopub.status(ExecutionState::Busy, Some(&running)));
        }
    }

    pub(super) fn reply(&mut self, channel: Channel, message: Outbound) {
        let addresses = addresses(&message);
        // A wish to shut down that came from a signal has no sender.
        if addresses.is_empty() {
            return;
        }
        let frames = self.encode(&addresses, message);
        self.hold(Encoded::Reply(channel, frames));
    }

    fn hold(&mut self, message: Encoded) {
        self.encoded.push(message);
        if self.encoded.len() >= TOGETHER {
            self.hand_over();
        }
    }

    /// Gives the sockets what is encoded.
    pub(super) fn hand_over(&mut self) {
        let published = |message: &Encoded| matches!(message, Encoded::Publish(_));
        if self.encoded.iter().any(published) {
            // Who has subscribed by now is to get it.
            self.sockets.iopub.socket.look();
            self.welcome();
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        for message in encoded.drain(..) {
            match message {
                Encoded::Publish(message) => self.publish(message),
                Encoded::Reply(Channel::Shell, frames) => self.sockets.shell.send(frames),
                Encoded::Reply(Channel::Control, frames) => self.sockets.control.send(frames),
            }
        }
        self.encoded = encoded;
        self.sockets.flush();
    }

    /// Publishes past the outbox what has no order to keep, or comes first.
    pub(super) fn publish_now(&mut self, topic: Bytes, kind: MessageType, content: RawJson) {
        let message = Multipart::new(self.encode(&[topic], Outbound::new(kind, content, None)));
        self.publish(Blocked {
            message,
            counted: 0,
        });
    }

    fn encode(&mut self, addresses: &[Bytes], message: Outbound) -> Vec<Bytes> {
        let Outbound {
            message_type,
            content,
            metadata,
            buffers,
            parent,
            date,
            msg_id,
        } = message;
        let header = self
            .headers
            .next(message_type.as_str(), date, msg_id.as_deref());
        let parent_header =
            parent.map_or_else(RawJson::empty, |parent| parent.message.header_json.clone());
        let parts = Parts {
            header,
            parent_header,
            metadata,
            content,
            buffers,
        };
        wire::encode(addresses, parts, &self.session)
    }

    fn publish(&mut self, message: Blocked) {
        // Behind a message that waits all wait, to keep their order.
        if !self.blocked.is_empty() || !self.try_publish(&message) {
            self.blocked.push_back(message);
        }
    }

    fn try_publish(&mut self, blocked: &Blocked) -> bool {
        let patience = self.patience();
        let published = self.sockets.iopub.publish(&blocked.message, patience);
        if published {
            self.shared.outbox.subtract_backlog(blocked.counted);
        }
        if self.sockets.iopub.take_passed_over() {
            let seconds = patience.as_secs_f32();
            self.shared.log.say(format_args!(
                "a subscriber took no output for {seconds} s; it loses some until it reads again"
            ));
        }
        published
    }

    /// Publishes it to those who have room, whoever else has none.
    pub(super) fn publish_at_last(&mut self, blocked: &Blocked) {
        self.sockets.iopub.publish(&blocked.message, Duration::ZERO);
    }

    /// Tries again to publish what IOPub did not take.
    pub(super) fn retry_blocked(&mut self) {
        while let Some(message) = self.blocked.pop_front() {
            if !self.try_publish(&message) {
                self.blocked.push_front(message);
                return;
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.is_closing() {
            GIVE_UP_ENDING
        } else if self.shared.outbox.is_full() {
            GIVE_UP_FULL
        } else {
            GIVE_UP
        }
    }

    /// When a subscriber that takes nothing is given up on, if one is waited for.
    pub(super) fn give_up_at(&self) -> Option<Instant> {
        if self.blocked.is_empty() {
            return None;
        }
        let silent_since = self.sockets.iopub.silent_since();
        silent_since.map(|since| since + self.patience())
    }
}

/// A reply goes where its request came from.
fn addresses(message: &Outbound) -> Vec<Bytes> {
    message
        .parent
        .as_ref()
        .map_or_else(Vec::new, |parent| parent.message.identities.clone())
}
