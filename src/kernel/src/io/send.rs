//! Sending: encode, sign, hand to libzmq. A subscriber that is full makes IOPub
//! wait, and nothing else.
//!
//! What leaves together is encoded first and handed over then. libzmq's thread
//! sends what it finds: given one message after the other, slowly, it wakes for
//! each and makes a system call of its own for each.

use super::{Io, RETRY};
use crate::outbox::{Outbound, Outgoing};
use crate::parent::Arrived;
use crate::polled::Polled;
use crate::protocol::{Channel, ExecutionState, MessageType, RawJson};
use crate::request::Aborted;
use crate::wire::{self, Parts};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// A subscriber that takes nothing for so long while the backlog is full is
/// given up on: a cell must not wait for it for ever.
const GIVE_UP_FULL: Duration = Duration::from_secs(10);
/// The same while there is room: the other subscribers must not wait for ever.
const GIVE_UP: Duration = Duration::from_secs(60);

/// How many messages are encoded before they are handed over.
const TOGETHER: usize = 64;
/// Frames up to this size are copied into memory of libzmq's, which takes one
/// allocation, or none; to lend it ours takes two.
const COPIED: usize = 4096;

/// A message IOPub did not take.
pub(super) struct Blocked {
    frames: Vec<Bytes>,
    counted: usize,
}

/// A message that is ready for libzmq.
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
                let frames = self.encode(&[topic], message);
                self.hold(Encoded::Publish(Blocked { frames, counted }));
            }
            Outgoing::Reply { channel, message } => self.reply(channel, message),
            Outgoing::Input { message } => {
                // Answers to earlier questions must not be taken for its own.
                self.receive_stdin(usize::MAX);
                self.shared.stdin.asked(message.msg_id.as_deref());
                let addresses = addresses(&message);
                let frames = self.encode(&addresses, message);
                self.hand_over();
                send_frames(&self.sockets.stdin, frames.into_iter());
            }
            Outgoing::ReplyAborting {
                channel,
                message,
                queue,
            } => {
                // What lies in the socket was sent before its sender could know
                // of the error. The socket is read empty, then the reply goes.
                self.open_gate();
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

    /// Answers one that is not tried, because another failed or the kernel ends.
    pub(super) fn answer_aborted(&mut self, arrived: &Arrived) {
        let reply = Aborted::new(&self.shared.ident).reply(arrived);
        self.answer_with(arrived, reply);
    }

    /// The same for many, which have written nothing: past the outbox, since a
    /// run of all cells can leave thousands.
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

    fn reply(&mut self, channel: Channel, message: Outbound) {
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

    /// Gives libzmq what is encoded.
    pub(super) fn hand_over(&mut self) {
        let published = |message: &Encoded| matches!(message, Encoded::Publish(_));
        if self.encoded.iter().any(published) {
            // A subscription takes effect when libzmq is next called, and the first
            // that a subscriber gets is to be its welcome.
            self.welcome();
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        for message in encoded.drain(..) {
            match message {
                Encoded::Publish(message) => self.publish(message),
                Encoded::Reply(Channel::Shell, frames) => {
                    send_frames(&self.sockets.shell, frames.into_iter());
                }
                Encoded::Reply(Channel::Control, frames) => {
                    send_frames(&self.sockets.control, frames.into_iter());
                }
            }
        }
        self.encoded = encoded;
    }

    /// Publishes past the outbox what has no order to keep, or comes first.
    pub(super) fn publish_now(&mut self, topic: Bytes, kind: MessageType, content: RawJson) {
        let frames = self.encode(&[topic], Outbound::new(kind, content, None));
        self.publish(Blocked { frames, counted: 0 });
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
        if !self.blocked.is_empty() {
            self.blocked.push_back(message);
        } else if let Err(message) = self.try_publish(message) {
            self.blocked.push_back(message);
            self.blocked_since = Some(Instant::now());
        }
    }

    fn try_publish(&mut self, message: Blocked) -> Result<(), Blocked> {
        let topic = message.frames.first().map_or(&[][..], |topic| topic);
        match self.sockets.iopub.send(topic, true) {
            Err(zmq::Error::EAGAIN) => return Err(message),
            Err(error) => self.shared.log.say(format_args!("cannot publish: {error}")),
            // libzmq looks for room at the first frame only.
            Ok(()) => {
                let mut frames = message.frames.into_iter();
                frames.next();
                send_frames(&self.sockets.iopub, frames);
            }
        }
        self.shared.outbox.subtract_backlog(message.counted);
        Ok(())
    }

    /// Tries again to publish what IOPub did not take.
    pub(super) fn retry_blocked(&mut self, now: Instant) {
        while let Some(message) = self.blocked.pop_front() {
            if let Err(message) = self.try_publish(message) {
                self.blocked.push_front(message);
                break;
            }
            self.blocked_since = Some(now);
        }
        if self.blocked.is_empty() {
            self.blocked_since = None;
            return;
        }
        let full = self.shared.outbox.is_full();
        let patience = if full { GIVE_UP_FULL } else { GIVE_UP };
        if self
            .blocked_since
            .is_some_and(|since| now >= since + patience + RETRY)
        {
            let seconds = patience.as_secs();
            self.shared.log.say(format_args!(
                "a subscriber took no output for {seconds} s; it loses some until it reads again"
            ));
            // One message that may be lost takes every full subscriber out of
            // libzmq's list, until it reads again; the others get it, and all
            // that follow.
            self.sockets.set_lossless(false);
            if let Some(message) = self.blocked.pop_front()
                && let Err(message) = self.try_publish(message)
            {
                self.blocked.push_front(message);
            }
            self.sockets.set_lossless(true);
            self.blocked_since = Some(now);
        }
    }
}

/// A reply goes where its request came from.
fn addresses(message: &Outbound) -> Vec<Bytes> {
    message
        .parent
        .as_ref()
        .map_or_else(Vec::new, |parent| parent.message.identities.clone())
}

/// Hands frames to libzmq, long ones without a copy where we alone hold them. A
/// client that has gone is not an error.
pub(super) fn send_frames(socket: &Polled, mut frames: impl ExactSizeIterator<Item = Bytes>) {
    while let Some(frame) = frames.next() {
        let more = frames.len() > 0;
        let message = if frame.len() <= COPIED {
            zmq::Message::from(&frame[..])
        } else {
            zmq::Message::from(Vec::from(frame))
        };
        if socket.send(message, more).is_err() {
            return;
        }
    }
}
