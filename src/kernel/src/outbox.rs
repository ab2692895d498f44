//! Everything that leaves the kernel goes through one queue, so that the order
//! of messages is the order of calls.
//!
//! Putting something in costs an append. Encoding, signing and sending are the
//! I/O thread's work, or that of a thread which has just ended a small request:
//! it sends by itself, for to wake another thread would cost it as much.

use crate::lock::lock;
use crate::parent::{Arrived, Parent};
use crate::protocol::{Channel, MessageType, RawJson};
use crate::waiting::Waiting;
use crate::wake::Wake;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Unsent bytes on IOPub above which writers wait.
const BACKLOG_LIMIT: usize = 12 << 20;
/// Above so many they wait while bytes are leaving: whoever writes faster than
/// they leave is done no sooner for running ahead, and needs the memory.
const AHEAD: usize = 512 << 10;
/// When none have left for so long a subscriber pauses, and writers go on up to
/// the limit: a cell does not wait for a moment's pause.
const PAUSE: Duration = Duration::from_millis(20);

/// More messages or bytes than these leave beside the language, not on its thread.
const SMALL: (usize, usize) = (64, 64 << 10);

/// A message of ours, not encoded yet.
pub(crate) struct Outbound {
    pub(crate) message_type: MessageType,
    pub(crate) content: RawJson,
    pub(crate) metadata: RawJson,
    pub(crate) buffers: Vec<Bytes>,
    pub(crate) parent: Option<Arc<Parent>>,
    pub(crate) date: SystemTime,
    /// Set where somebody will ask for it again, as stdin does.
    pub(crate) msg_id: Option<String>,
}

impl Outbound {
    pub(crate) fn new(
        message_type: MessageType,
        content: RawJson,
        parent: Option<&Arc<Parent>>,
    ) -> Outbound {
        Outbound {
            message_type,
            content,
            metadata: RawJson::empty(),
            buffers: Vec::new(),
            parent: parent.cloned(),
            date: SystemTime::now(),
            msg_id: None,
        }
    }

    fn size(&self) -> usize {
        let buffers: usize = self.buffers.iter().map(Bytes::len).sum();
        self.content.len() + self.metadata.len() + buffers
    }
}

/// What the I/O thread is to do, in order.
pub(crate) enum Outgoing {
    /// To everybody who subscribed to the topic.
    Publish {
        topic: Bytes,
        message: Outbound,
        counted: usize,
    },
    /// To the one who asked.
    Reply { channel: Channel, message: Outbound },
    /// A question to the one who asked.
    Input { message: Outbound },
    /// A reply after which the requests that wait in this queue are aborted.
    ReplyAborting {
        channel: Channel,
        message: Outbound,
        queue: Arc<Waiting>,
    },
    /// The answers to the aborted ones.
    Aborted(Arc<Waiting>),
    /// Requests that were routed to a queue which is closed.
    Refused {
        requests: Vec<Arrived>,
        ename: &'static str,
        evalue: String,
    },
}

impl Outgoing {
    /// The size of what is only to be sent; what is more than that has none.
    fn size(&self) -> Option<usize> {
        match self {
            Outgoing::Publish { counted, .. } => Some(*counted),
            Outgoing::Reply { message, .. } | Outgoing::Input { message } => Some(message.size()),
            Outgoing::ReplyAborting { .. } | Outgoing::Aborted(_) | Outgoing::Refused { .. } => {
                None
            }
        }
    }
}

/// Sends all that waits, if the sockets are free; whether nothing is left to do.
type Sender = Box<dyn Fn() -> bool + Send + Sync>;

/// The queue of what leaves.
pub(crate) struct Outbox {
    queue: Mutex<Vec<Outgoing>>,
    sender: OnceLock<Sender>,
    pub(crate) wake: Wake,
    /// Bytes of messages for IOPub that the socket has not taken.
    backlog: AtomicUsize,
    /// Bytes of text that are not in a message yet. They are changed under the
    /// lock of the text alone, with every write: a number that is only stored.
    gathered: AtomicUsize,
    /// How many messages have been sent.
    sent: AtomicUsize,
    /// Whether none has for a while.
    paused: AtomicBool,
    room: (Mutex<()>, Condvar),
}

impl Outbox {
    pub(crate) fn new() -> std::io::Result<Outbox> {
        Ok(Outbox {
            queue: Mutex::new(Vec::new()),
            sender: OnceLock::new(),
            wake: Wake::new()?,
            backlog: AtomicUsize::new(0),
            gathered: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            room: (Mutex::new(()), Condvar::new()),
        })
    }

    /// Says who sends, once there is somebody.
    pub(crate) fn set_sender(&self, sender: impl Fn() -> bool + Send + Sync + 'static) {
        // The first one stays; there is one I/O to a kernel.
        let _ = self.sender.set(Box::new(sender));
    }

    /// Puts it at the end. The caller tells who sends, once it has let go of the
    /// locks that they are going to want.
    pub(crate) fn push(&self, outgoing: Outgoing) {
        lock(&self.queue).push(outgoing);
    }

    /// Pushes what is to be published; its bytes count as backlog until they are sent.
    pub(crate) fn publish(&self, topic: Bytes, message: Outbound) {
        let counted = message.size();
        self.backlog.fetch_add(counted, Ordering::Relaxed);
        self.push(Outgoing::Publish {
            topic,
            message,
            counted,
        });
    }

    /// Has what waits leave at once. To be called without any lock.
    pub(crate) fn hurry(&self) {
        let sent = self.is_small() && self.sender.get().is_some_and(|send| send());
        if !sent {
            self.wake.notify(true);
        }
    }

    fn is_small(&self) -> bool {
        let (messages, bytes) = SMALL;
        let queue = lock(&self.queue);
        let add =
            |sum, outgoing: &Outgoing| Some(outgoing.size()? + sum).filter(|sum| *sum <= bytes);
        queue.len() <= messages && queue.iter().try_fold(0, add).is_some()
    }

    /// Takes everything; `into` must be empty and lends its memory.
    pub(crate) fn take(&self, into: &mut Vec<Outgoing>) {
        std::mem::swap(&mut *lock(&self.queue), into);
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.queue).is_empty()
    }

    /// So much text waits to become messages.
    pub(crate) fn set_gathered(&self, bytes: usize) {
        self.gathered.store(bytes, Ordering::Relaxed);
    }

    /// The bytes have been sent, or given up.
    pub(crate) fn subtract_backlog(&self, bytes: usize) {
        let messages = self.backlog.fetch_sub(bytes, Ordering::Relaxed);
        let before = messages + self.gathered.load(Ordering::Relaxed);
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.paused.store(false, Ordering::Relaxed);
        // Room is told at three quarters, so that writers do not start and stop
        // at every message.
        let low = AHEAD / 4 * 3;
        if before > low && before - bytes.min(before) <= low {
            self.room.1.notify_all();
        }
    }

    pub(crate) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed) + self.gathered.load(Ordering::Relaxed)
    }

    /// Whether as much waits as may.
    pub(crate) fn is_full(&self) -> bool {
        self.backlog() > BACKLOG_LIMIT
    }

    /// Whether who writes should wait.
    pub(crate) fn must_wait(&self) -> bool {
        let backlog = self.backlog();
        backlog > AHEAD && (backlog > BACKLOG_LIMIT || !self.paused.load(Ordering::Relaxed))
    }

    /// Waits until there is room again, at most this long; whether there is.
    pub(crate) fn wait_for_room(&self, slice: Duration) -> bool {
        let mut now = Instant::now();
        let deadline = now + slice;
        let sent = || self.sent.load(Ordering::Relaxed);
        let mut seen = (sent(), now);
        let mut guard = lock(&self.room.0);
        while self.must_wait() && now < deadline {
            // A notice between the check and the wait can be missed, because
            // the backlog is not under this lock: look again now and then.
            let step = (deadline - now).min(Duration::from_millis(5));
            guard = self
                .room
                .1
                .wait_timeout(guard, step)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            now = Instant::now();
            if seen.0 != sent() {
                seen = (sent(), now);
            } else if now - seen.1 >= PAUSE {
                self.paused.store(true, Ordering::Relaxed);
            }
        }
        drop(guard);
        !self.must_wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(1);

    /// A message that counts so many bytes: a text in quotes, and empty metadata.
    fn publish(outbox: &Outbox, bytes: usize) {
        let content = RawJson::from_encoder(format!("\"{}\"", "x".repeat(bytes - 4)));
        let message = Outbound::new(MessageType::Stream, content, None);
        outbox.publish(Bytes::from_static(b"stream"), message);
    }

    #[test]
    fn a_writer_runs_a_little_ahead_of_who_reads() {
        let outbox = Outbox::new().unwrap();
        outbox.set_gathered(AHEAD);
        assert!(!outbox.must_wait());
        publish(&outbox, 100);
        assert!(outbox.must_wait() && !outbox.is_full());
        assert!(!outbox.wait_for_room(SHORT));
        outbox.subtract_backlog(100);
        assert!(outbox.wait_for_room(SHORT));
    }

    #[test]
    fn a_writer_goes_on_to_the_limit_while_nobody_reads() {
        let outbox = Outbox::new().unwrap();
        publish(&outbox, 100);
        outbox.set_gathered(AHEAD);
        assert!(outbox.wait_for_room(LONG));
        outbox.set_gathered(BACKLOG_LIMIT - 1000);
        assert!(!outbox.must_wait());
        outbox.set_gathered(BACKLOG_LIMIT);
        assert!(outbox.must_wait() && outbox.is_full());
        assert!(!outbox.wait_for_room(PAUSE * 2));
        // Somebody reads again: from here on it is their pace.
        outbox.set_gathered(AHEAD);
        outbox.subtract_backlog(10);
        assert!(outbox.must_wait());
    }

    #[test]
    fn who_waits_is_told_of_room() {
        let outbox = Outbox::new().unwrap();
        publish(&outbox, 2 * AHEAD);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| outbox.wait_for_room(LONG));
            outbox.subtract_backlog(2 * AHEAD);
            assert!(waiter.join().unwrap());
        });
        assert!(!outbox.must_wait());
    }
}
