//! Sending: encode, sign, hand to libzmq. A subscriber that is full makes IOPub
//! wait, and nothing else.

use super::{Io, RETRY};
use crate::outbox::{Outbound, Outgoing};
use crate::parent::Arrived;
use crate::protocol::{Channel, MessageType, RawJson};
use crate::request::aborted_reply;
use crate::wire::{self, Parts};
use bytes::Bytes;
use std::time::{Duration, Instant};
use zmq::Socket;

/// A subscriber that takes nothing for so long while the backlog is full is
/// given up on: a cell must not wait for it for ever.
const GIVE_UP_FULL: Duration = Duration::from_secs(10);
/// The same while there is room: the other subscribers must not wait for ever.
const GIVE_UP: Duration = Duration::from_secs(60);

/// A message IOPub did not take.
pub(super) struct Blocked {
    frames: Vec<Bytes>,
    counted: usize,
}

/// A message as it leaves.
enum Encoded {
    Publish(Blocked),
    Reply(Channel, Vec<Bytes>),
}

impl Io {
    /// Sends what waits in the outbox; whether anything did. `batch` is empty and
    /// lends its memory.
    ///
    /// All of it is encoded before the first is sent: messages that reach libzmq
    /// one right after the other wake its thread once, and leave in one packet.
    pub(super) fn send_batch(&mut self, batch: &mut Vec<Outgoing>) -> bool {
        self.shared.outbox.take(batch);
        let any = !batch.is_empty();
        let mut encoded = Vec::with_capacity(batch.len());
        for outgoing in batch.drain(..) {
            match outgoing {
                Outgoing::Publish {
                    topic,
                    message,
                    counted,
                } => {
                    let frames = self.encode(&[topic], message);
                    encoded.push(Encoded::Publish(Blocked { frames, counted }));
                }
                Outgoing::Reply { channel, message } => {
                    encoded.extend(self.encode_reply(channel, message));
                }
                // What is more than a message waits for those before it.
                Outgoing::Input { message } => {
                    self.send_encoded(&mut encoded);
                    self.ask(message);
                }
                Outgoing::ReplyAborting {
                    channel,
                    message,
                    queue,
                } => {
                    // What lies in the socket was sent before its sender could know
                    // of the error. The socket is read empty, then the reply goes.
                    self.send_encoded(&mut encoded);
                    self.open_gate();
                    self.receive_shell(usize::MAX);
                    queue.sweep();
                    encoded.extend(self.encode_reply(channel, message));
                }
                Outgoing::Aborted(queue) => {
                    for arrived in queue.take_aborted() {
                        self.answer_aborted(&arrived);
                    }
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
        self.send_encoded(&mut encoded);
        any
    }

    fn send_encoded(&mut self, encoded: &mut Vec<Encoded>) {
        for encoded in encoded.drain(..) {
            match encoded {
                Encoded::Publish(message) => self.publish(message),
                Encoded::Reply(channel, frames) => self.send_reply(channel, frames),
            }
        }
    }

    fn ask(&mut self, question: Outbound) {
        // Answers to earlier questions must not be taken for its own.
        self.receive_stdin(usize::MAX);
        self.shared.stdin.asked(question.msg_id.as_deref());
        let addresses = addresses(&question);
        let frames = self.encode(&addresses, question);
        send_frames(&self.sockets.stdin, frames);
        self.unread.stdin = true;
    }

    /// Answers one that is not tried, because another failed or the kernel ends.
    pub(super) fn answer_aborted(&mut self, arrived: &Arrived) {
        let reply = aborted_reply(arrived, &self.shared.ident);
        self.answer_with(arrived, reply);
    }

    fn encode_reply(&mut self, channel: Channel, message: Outbound) -> Option<Encoded> {
        let addresses = addresses(&message);
        // A wish to shut down that came from a signal has no sender.
        if addresses.is_empty() {
            return None;
        }
        Some(Encoded::Reply(channel, self.encode(&addresses, message)))
    }

    fn send_reply(&mut self, channel: Channel, frames: Vec<Bytes>) {
        let (socket, unread) = match channel {
            Channel::Shell => (&self.sockets.shell, &mut self.unread.shell),
            Channel::Control => (&self.sockets.control, &mut self.unread.control),
        };
        send_frames(socket, frames);
        *unread = true;
    }

    /// Publishes past the outbox what has no order to keep.
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

    fn try_publish(&mut self, mut message: Blocked) -> Result<(), Blocked> {
        let topic = message.frames.first().cloned().unwrap_or_default();
        let flags = zmq::SNDMORE | zmq::DONTWAIT;
        self.unread.iopub = true;
        match self.sockets.iopub.send(&topic[..], flags) {
            Err(zmq::Error::EAGAIN) => return Err(message),
            Err(error) => self.shared.log.say(format_args!("cannot publish: {error}")),
            // libzmq looks for room at the first frame only.
            Ok(()) => send_frames(&self.sockets.iopub, message.frames.split_off(1)),
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

/// Hands frames to libzmq, without a copy where we alone hold them. A client
/// that has gone is not an error.
pub(super) fn send_frames(socket: &Socket, frames: Vec<Bytes>) {
    let mut frames = frames.into_iter().peekable();
    while let Some(frame) = frames.next() {
        let more = if frames.peek().is_some() {
            zmq::SNDMORE
        } else {
            0
        };
        let frame = zmq::Message::from(Vec::from(frame));
        if socket.send(frame, more | zmq::DONTWAIT).is_err() {
            return;
        }
    }
}
