//! What everybody sees: streams, displays, results, errors, and whether the
//! kernel is busy.
//!
//! Publishing never waits and never encodes; it appends under one lock, taken
//! before the outbox's, so that the order within a parent is the order of calls.

use crate::descriptors::Descriptors;
use crate::lock::lock;
use crate::outbox::{Outbound, Outbox, Outgoing};
use crate::parent::Parent;
use crate::process::{forked, write_plainly};
use crate::protocol::{ExecutionState, MessageType, RawJson, Stream, StreamName};
use crate::record::Record;
use crate::streams::{Piece, Streams};
use bytes::Bytes;
use rustix::fd::RawFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Publishes on IOPub.
#[derive(Clone)]
pub struct IoPub(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    outbox: Arc<Outbox>,
    /// `kernel.<ident>.`, before the type of the message.
    prefix: String,
    status_topic: Bytes,
}

#[derive(Default)]
struct State {
    streams: Streams,
    /// What is written to stdout and to stderr, for who wants to have it once more.
    records: [Option<Record>; 2],
    descriptors: Option<Descriptors>,
    /// Whose write was the last and did not end its line. (A line that C code
    /// has begun is no reason to wait: its end may be in the pipe.)
    in_line_of: Option<usize>,
    /// When the I/O thread will look at the streams by itself.
    planned: Option<Instant>,
    /// The requests the main shell is answering, the latest last.
    running: Vec<Arc<Parent>>,
    /// The last one that ended: what descriptors receive now is still its output.
    last: Option<Arc<Parent>>,
}

impl IoPub {
    pub(crate) fn new(outbox: Arc<Outbox>, ident: &str) -> IoPub {
        IoPub(Arc::new(Inner {
            state: Mutex::default(),
            outbox,
            prefix: format!("kernel.{ident}."),
            status_topic: Bytes::from(format!("kernel.{ident}.status")),
        }))
    }

    /// Has the I/O thread read these from now on.
    pub(crate) fn capture(&self, descriptors: Descriptors) {
        lock(&self.0.state).descriptors = Some(descriptors);
        self.0.outbox.wake.notify(true);
    }

    /// Publishes a message after all text its parent has written.
    pub fn publish(
        &self,
        message_type: &MessageType,
        content: RawJson,
        metadata: Option<RawJson>,
        buffers: Vec<Bytes>,
        parent: Option<&Arc<Parent>>,
    ) {
        let topic = self.topic(message_type.as_str());
        self.publish_on(topic, message_type, content, metadata, buffers, parent);
    }

    /// Publishes a message under a topic of the caller's.
    pub fn publish_on(
        &self,
        topic: Bytes,
        message_type: &MessageType,
        content: RawJson,
        metadata: Option<RawJson>,
        buffers: Vec<Bytes>,
        parent: Option<&Arc<Parent>>,
    ) {
        if forked() {
            return;
        }
        let mut message = Outbound::new(message_type.clone(), content, parent);
        message.metadata = metadata.unwrap_or_else(RawJson::empty);
        message.buffers = buffers;
        let mut state = lock(&self.0.state);
        self.flush_of(&mut state, parent);
        self.0.outbox.publish(topic, message);
        drop(state);
        self.0.outbox.wake.notify(false);
    }

    /// Writes text to a stream. It never waits; who writes without end should
    /// ask [`IoPub::is_full`] and [`IoPub::wait_for_room`].
    pub fn write(&self, name: StreamName, text: &str, parent: Option<&Arc<Parent>>) {
        self.write_text(name, text, parent, false);
    }

    /// As [`IoPub::write`], and the stream's record has it, too.
    pub fn write_recorded(&self, name: StreamName, text: &str, parent: Option<&Arc<Parent>>) {
        self.write_text(name, text, parent, true);
    }

    fn write_text(
        &self,
        name: StreamName,
        text: &str,
        parent: Option<&Arc<Parent>>,
        recorded: bool,
    ) {
        if forked() {
            write_plainly(name, text);
            return;
        }
        let mut state = lock(&self.0.state);
        if recorded && let Some(record) = &mut state.records[name as usize] {
            record.add(text);
        }
        // What C code or a child has printed comes before, but not between the
        // text and the end of a line, which `print` writes apart.
        let writer = parent.map_or(0, |parent| Arc::as_ptr(parent) as usize);
        if text != "\n" || state.in_line_of != Some(writer) {
            self.read_descriptors(&mut state);
        }
        self.append(&mut state, name, text, parent);
        state.in_line_of = (!text.ends_with('\n')).then_some(writer);
    }

    /// Keeps what is written to the stream from here on and wants to be recorded.
    pub fn begin_record(&self, name: StreamName) {
        if forked() {
            return;
        }
        lock(&self.0.state).records[name as usize] = Some(Record::default());
    }

    /// The text since [`IoPub::begin_record`], or the end of it if it was long.
    pub fn end_record(&self, name: StreamName) -> String {
        if forked() {
            return String::new();
        }
        let record = lock(&self.0.state).records[name as usize].take();
        record.map(Record::into_text).unwrap_or_default()
    }

    fn append(
        &self,
        state: &mut State,
        name: StreamName,
        text: &str,
        parent: Option<&Arc<Parent>>,
    ) {
        state.streams.append(name, text, parent, Instant::now);
        self.0.outbox.set_gathered(state.streams.len());
        self.plan(state);
    }

    /// Has the I/O thread come in time for the streams.
    fn plan(&self, state: &mut State) {
        if let Some(deadline) = state.streams.deadline()
            && state.planned.is_none_or(|planned| deadline < planned)
        {
            state.planned = Some(deadline);
            self.0.outbox.wake.notify(deadline <= Instant::now());
        }
    }

    /// Has pending text leave soon, also a line without its end.
    pub fn flush(&self) {
        if forked() {
            return;
        }
        let mut state = lock(&self.0.state);
        state.streams.flush(Instant::now());
        self.plan(&mut state);
    }

    /// Whether so much waits to be sent that writers should wait.
    pub fn is_full(&self) -> bool {
        !forked() && self.0.outbox.must_wait()
    }

    /// Waits for room, at most this long; whether there is room.
    pub fn wait_for_room(&self, slice: Duration) -> bool {
        forked() || self.0.outbox.wait_for_room(slice)
    }

    fn topic(&self, name: &str) -> Bytes {
        Bytes::from(format!("{}{name}", self.0.prefix))
    }

    /// A request begins to be answered: busy.
    pub(crate) fn begin(&self, parent: &Arc<Parent>, main_shell: bool) {
        let mut state = lock(&self.0.state);
        // What was printed until now belongs to what ran until now.
        self.read_descriptors(&mut state);
        if main_shell {
            state.running.push(Arc::clone(parent));
        }
        self.push_status(ExecutionState::Busy, parent);
        drop(state);
        self.0.outbox.wake.notify(false);
    }

    /// A request has been answered: its text, then idle. A cell that still runs
    /// is busy again, lest clients take the idle for its own.
    pub(crate) fn end(&self, parent: &Arc<Parent>, main_shell: bool, after: Option<Outgoing>) {
        let mut state = lock(&self.0.state);
        self.flush_of(&mut state, Some(parent));
        if main_shell {
            state
                .running
                .retain(|running| !Arc::ptr_eq(running, parent));
            state.last = Some(Arc::clone(parent));
        }
        self.push_status(ExecutionState::Idle, parent);
        if let Some(running) = state.running.last() {
            self.push_status(ExecutionState::Busy, running);
        }
        let idle = state.running.is_empty();
        let rested = state.descriptors.as_mut().filter(|_| idle);
        let rested = rested.and_then(Descriptors::rest);
        if let Some(after) = after {
            self.0.outbox.push(after);
        }
        drop(state);
        self.0.outbox.hurry();
        drop(rested);
    }

    /// Whether the main shell is answering a request.
    pub(crate) fn is_busy(&self) -> bool {
        self.running().is_some()
    }

    /// The request that the main shell answers.
    pub(crate) fn running(&self) -> Option<Arc<Parent>> {
        lock(&self.0.state).running.last().cloned()
    }

    fn push_status(&self, state: ExecutionState, parent: &Arc<Parent>) {
        self.0.outbox.push(self.status(state, Some(parent)));
    }

    /// A status, for who sends it past the outbox; too small to count.
    pub(crate) fn status(&self, state: ExecutionState, parent: Option<&Arc<Parent>>) -> Outgoing {
        Outgoing::Publish {
            topic: self.0.status_topic.clone(),
            message: Outbound::new(MessageType::Status, state.content(), parent),
            counted: 0,
        }
    }

    /// What statuses are published under.
    pub(crate) fn status_topic(&self) -> Bytes {
        self.0.status_topic.clone()
    }

    /// Pushes something of this parent's after all its text. What is not urgent
    /// may be taken along by what follows, or leaves by itself within a nap.
    pub(crate) fn push_after_text(&self, parent: &Arc<Parent>, outgoing: Outgoing, urgent: bool) {
        let mut state = lock(&self.0.state);
        self.flush_of(&mut state, Some(parent));
        self.0.outbox.push(outgoing);
        drop(state);
        if urgent {
            self.0.outbox.hurry();
        } else {
            self.0.outbox.wake.notify(false);
        }
    }

    /// Appends all pending text of a parent, and what the descriptors hold.
    fn flush_of(&self, state: &mut State, parent: Option<&Arc<Parent>>) {
        self.read_descriptors(state);
        let pieces = state.streams.take_of(parent, Instant::now());
        self.send_texts(state, pieces);
    }

    fn read_descriptors(&self, state: &mut State) {
        if state.descriptors.as_mut().is_some_and(Descriptors::any) {
            self.take_from_descriptors(state);
        }
    }

    fn take_from_descriptors(&self, state: &mut State) {
        let Some(descriptors) = &mut state.descriptors else {
            return;
        };
        let texts = descriptors.read();
        let parent = state.running.last().or(state.last.as_ref()).cloned();
        for (name, text) in texts {
            self.append(state, name, &text, parent.as_ref());
        }
    }

    fn send_texts(&self, state: &mut State, pieces: Vec<Piece>) {
        if pieces.is_empty() {
            return;
        }
        for piece in pieces {
            self.send_text(piece);
        }
        // Counted as text until now, as messages from now on.
        self.0.outbox.set_gathered(state.streams.len());
    }

    fn send_text(&self, piece: Piece) {
        let Piece {
            parent, name, text, ..
        } = piece;
        let content = RawJson::encode(&Stream { name, text: &text });
        let message = Outbound::new(MessageType::Stream, content, parent.as_ref());
        // As ipykernel: streams have a topic without the kernel's id.
        let topic = Bytes::from_static(match name {
            StreamName::Stdout => b"stream.stdout",
            StreamName::Stderr => b"stream.stderr",
        });
        self.0.outbox.publish(topic, message);
    }

    /// The I/O thread's turn: reads the descriptors if told they are readable,
    /// sends what is due, and learns when to come again.
    pub(crate) fn service(&self, now: Instant, readable: bool) -> Option<Instant> {
        let mut state = lock(&self.0.state);
        if readable {
            self.take_from_descriptors(&mut state);
        }
        let pieces = state.streams.take_due(now);
        self.send_texts(&mut state, pieces);
        state.planned = state.streams.deadline();
        state.planned
    }

    /// When the streams are due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let mut state = lock(&self.0.state);
        state.planned = state.streams.deadline();
        state.planned
    }

    /// The pipes to poll, if descriptors are captured.
    pub(crate) fn descriptors(&self) -> Option<[RawFd; 2]> {
        lock(&self.0.state)
            .descriptors
            .as_ref()
            .map(Descriptors::fds)
    }

    /// Sends all text of all parents, because the kernel ends.
    pub(crate) fn finish(&self) {
        let mut state = lock(&self.0.state);
        self.read_descriptors(&mut state);
        let pieces = state.streams.take_all();
        self.send_texts(&mut state, pieces);
    }
}
