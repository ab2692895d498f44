//! The I/O thread: the only owner of our sockets.
//!
//! It decodes what arrives, hands it to the queue it belongs to (see `route`),
//! and sends what the outbox holds, in order (see `send`). It never runs the
//! language and never waits for it, nor for the network.

mod header;
mod route;
mod send;

pub(crate) use header::Headers;

use crate::lifecycle::Shutdown;
use crate::lock::lock;
use crate::outbox::Outgoing;
use crate::parent::Arrived;
use crate::parent_process::ParentWatch;
use crate::polled::Polled;
use crate::process::{block_signals, exit_now};
use crate::protocol::{IopubWelcome, MessageType, RawJson};
use crate::session::Session;
use crate::shared::Shared;
use crate::sockets::Sockets;
use crate::usage::Usage;
use bytes::Bytes;
use send::{Blocked, Encoded};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zmq::PollItem;

/// How many messages are taken from a socket before the others get their turn.
const TURN: usize = 100;
/// After activity the thread gathers for so long before it sends what is not urgent.
const NAP: Duration = Duration::from_millis(1);
/// While a subscriber is full: libzmq does not tell when it is not.
const RETRY: Duration = Duration::from_millis(2);
/// How long first requests wait for a subscriber: clients that connect IOPub
/// after shell would miss the output of their first cell.
const SUBSCRIBER_PATIENCE: Duration = Duration::from_secs(1);

/// The I/O thread's belongings.
pub(crate) struct IoThread {
    shared: Arc<Shared>,
    sockets: Sockets,
    session: Session,
    headers: Headers,
    watch: Option<ParentWatch>,
    usage: Usage,
    shutdown: Shutdown,
    /// What comes on shell is not waited for in the next nap: cells wait already,
    /// and a run of all cells should not wake us for each.
    shell_can_wait: bool,
    /// What is to be handed to libzmq together.
    encoded: Vec<Encoded>,
    /// What IOPub did not take.
    blocked: VecDeque<Blocked>,
    blocked_since: Option<Instant>,
    /// Requests that wait for the first subscriber; `None` once there was one.
    gate: Option<Gate>,
    started: bool,
}

#[derive(Default)]
struct Gate {
    held: Vec<Arrived>,
    deadline: Option<Instant>,
}

/// What a poll found.
#[derive(Default)]
struct Ready {
    control: bool,
    shell: bool,
    stdin: bool,
    heartbeat: bool,
    iopub: bool,
    wake: bool,
    termination: bool,
    refused: bool,
    parent: bool,
    descriptors: bool,
}

impl IoThread {
    pub(crate) fn new(
        shared: Arc<Shared>,
        sockets: Sockets,
        session: Session,
        headers: Headers,
        watch: Option<ParentWatch>,
    ) -> IoThread {
        IoThread {
            shared,
            sockets,
            session,
            headers,
            watch,
            usage: Usage::default(),
            shutdown: Shutdown::default(),
            shell_can_wait: false,
            encoded: Vec::new(),
            blocked: VecDeque::new(),
            blocked_since: None,
            gate: Some(Gate::default()),
            started: false,
        }
    }

    /// Until the kernel is closed.
    pub(crate) fn run(mut self) {
        block_signals();
        let mut batch = Vec::new();
        let mut ready = Ready::default();
        loop {
            self.shared.outbox.wake.take_urgent();
            let now = Instant::now();
            self.shared.iopub.service(now, ready.descriptors);
            let mut active = self.send_batch(&mut batch);
            self.retry_blocked(now);
            self.timers(now);
            if self.is_closing() {
                break;
            }
            active |= ready.control || ready.shell || ready.stdin || ready.iopub;
            ready = self.sleep(active);
            self.receive(&ready);
        }
        self.finish(&mut batch);
    }

    fn is_closing(&self) -> bool {
        lock(&self.shared.closing).is_some()
    }

    fn send_batch(&mut self, batch: &mut Vec<Outgoing>) -> bool {
        self.shared.outbox.take(batch);
        let any = !batch.is_empty();
        for outgoing in batch.drain(..) {
            self.send(outgoing);
        }
        self.hand_over();
        any
    }

    /// What is to happen at a time.
    fn timers(&mut self, now: Instant) {
        if self
            .gate
            .as_ref()
            .and_then(|gate| gate.deadline)
            .is_some_and(|at| at <= now)
        {
            self.open_gate();
        }
        if self
            .watch
            .as_mut()
            .is_some_and(|watch| watch.ended(false, now))
        {
            self.parent_ended();
        }
        if self.shutdown.deadline().is_some_and(|at| at <= now) && !self.is_closing() {
            self.exit_by_force();
        }
    }

    /// Polls until something is ready or it is time for something.
    fn sleep(&mut self, active: bool) -> Ready {
        let shared = Arc::clone(&self.shared);
        let wake = &shared.outbox.wake;
        wake.going_to_sleep(active);
        // Work that came before the line above did not wake us.
        let hurry = if active {
            wake.is_urgent()
        } else {
            !shared.outbox.is_empty()
        } || self.is_closing();
        let now = Instant::now();
        let mut deadline = shared.iopub.deadline();
        let mut until = |other: Option<Instant>| {
            if let Some(other) = other {
                deadline = Some(deadline.map_or(other, |deadline| deadline.min(other)));
            }
        };
        until(hurry.then_some(now));
        until((active || self.shell_can_wait).then(|| now + NAP));
        until((!self.blocked.is_empty()).then(|| now + RETRY));
        until(self.gate.as_ref().and_then(|gate| gate.deadline));
        until(self.watch.as_ref().and_then(ParentWatch::deadline));
        until(self.shutdown.deadline());
        let timeout = deadline.map_or(-1, |deadline| {
            let left = deadline.saturating_duration_since(now);
            i64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i64::MAX)
        });
        let ready = self.poll(timeout);
        wake.woke(ready.wake);
        ready
    }

    fn poll(&mut self, timeout: i64) -> Ready {
        let shell_can_wait = std::mem::take(&mut self.shell_can_wait);
        let sockets = &self.sockets;
        let from_fd = |fd| PollItem::from_fd(fd, zmq::POLLIN);
        let polled = [
            (&sockets.control, true),
            (&sockets.shell, !shell_can_wait),
            (&sockets.stdin, true),
            (&sockets.heartbeat, true),
            (&sockets.iopub, true),
        ];
        let untold = polled.map(|(socket, awaited)| awaited && socket.has_untold());
        let timeout = if untold.contains(&true) { 0 } else { timeout };
        let mut items = Vec::with_capacity(16);
        items.extend(polled.map(|(socket, awaited)| match awaited {
            true => from_fd(socket.fd()),
            false => PollItem::from_fd(socket.fd(), zmq::PollEvents::empty()),
        }));
        items.extend([
            from_fd(self.shared.outbox.wake.fd()),
            from_fd(self.shared.termination.fd()),
        ]);
        let monitors = items.len();
        items.extend(
            sockets
                .refusals
                .sockets()
                .map(|monitor| monitor.as_poll_item(zmq::POLLIN)),
        );
        let monitors = items.len() - monitors;
        let parent = self.watch.as_ref().and_then(ParentWatch::fd);
        items.extend(parent.map(from_fd));
        // While the backlog is full the pipes fill up, and who writes waits.
        let full = self.shared.outbox.is_full();
        let descriptors = self.shared.iopub.descriptors().filter(|_| !full);
        items.extend(descriptors.into_iter().flatten().map(from_fd));
        // It fails for signals, which are blocked, and for a lack of memory.
        if zmq::poll(&mut items, timeout).is_err() {
            return Ready::default();
        }
        let mut states = items.iter().map(|item| !item.get_revents().is_empty());
        let mut next = || states.next().unwrap_or(false);
        let [control, shell, stdin, heartbeat, iopub] = untold.map(|untold| next() || untold);
        Ready {
            control,
            shell,
            stdin,
            heartbeat,
            iopub,
            wake: next(),
            termination: next(),
            refused: (0..monitors).fold(false, |any, _| next() || any),
            parent: parent.is_some() && next(),
            descriptors: next() | next(),
        }
    }

    fn receive(&mut self, ready: &Ready) {
        // Control goes before shell: an interrupt must not wait behind cells.
        if ready.control {
            self.receive_control(TURN);
        }
        if ready.heartbeat {
            self.echo();
        }
        if ready.iopub {
            self.welcome();
        }
        if ready.stdin {
            self.receive_stdin(TURN);
        }
        if ready.shell {
            self.receive_shell(TURN);
        }
        if ready.termination && self.shared.termination.lower() {
            self.shutdown.wish(self.shared.shutdown_grace);
        }
        if ready.refused {
            self.sockets.refusals.report(&self.shared.log);
        }
        if ready.parent {
            self.parent_ended();
        }
    }

    fn echo(&mut self) {
        for _ in 0..TURN {
            let Some(frames) = receive(&self.sockets.heartbeat) else {
                return;
            };
            send::send_frames(&self.sockets.heartbeat, frames.into_iter());
        }
    }

    /// New subscriptions are welcomed (JEP 65), so that clients know that they
    /// will miss nothing from here on.
    fn welcome(&mut self) {
        while let Some(frames) = receive(&self.sockets.iopub) {
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
    }

    fn open_gate(&mut self) {
        for arrived in self.gate.take().map(|gate| gate.held).unwrap_or_default() {
            self.enqueue(arrived);
        }
    }

    fn parent_ended(&mut self) {
        self.watch = None;
        self.shared
            .log
            .say("the process that started this kernel has ended; so does the kernel");
        self.wish_shutdown();
    }

    /// The language did not end in time: its thread may be in C code that holds
    /// its lock. What is left is answered, sent, and that is all.
    fn exit_by_force(&mut self) -> ! {
        self.shared
            .log
            .say("the kernel did not end in time; it is ended by force");
        if self.shared.captured.load(Ordering::Acquire) {
            self.shared.originals.restore();
        }
        *lock(&self.shared.closing) = Some(Instant::now() + Duration::from_secs(1));
        for queue in [&self.shared.shell, &self.shared.control] {
            queue.close();
        }
        crate::children::end(Duration::from_millis(100));
        self.drain();
        // The last messages are in libzmq's hands; its threads need a moment.
        std::thread::sleep(Duration::from_millis(100));
        exit_now(1)
    }

    /// The kernel is closed: what is left is answered and sent.
    fn finish(mut self, batch: &mut Vec<Outgoing>) {
        self.send_batch(batch);
        self.drain();
        self.shared.stopped.store(true, Ordering::Release);
        // Dropping the sockets sends what libzmq holds, for as long as it lingers.
    }

    /// Answers what waits and sends everything, until the time of closing is over.
    fn drain(&mut self) {
        let deadline = lock(&self.shared.closing).unwrap_or_else(Instant::now);
        self.open_gate();
        let mut queues = self.shared.subshells.queues();
        queues.extend([self.shared.shell.clone(), self.shared.control.clone()]);
        for queue in queues {
            let waiting = queue.waiting().take_all();
            self.answer_ending(waiting);
        }
        self.shared.iopub.finish();
        let mut batch = Vec::new();
        loop {
            let any = self.send_batch(&mut batch);
            self.retry_blocked(Instant::now());
            if !any && (self.blocked.is_empty() || Instant::now() >= deadline) {
                return;
            }
            if !self.blocked.is_empty() {
                std::thread::sleep(RETRY);
            }
        }
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
