//! The only owner of our sockets: the I/O thread, and whoever sends in its place.
//!
//! It decodes what arrives, hands it to the queue it belongs to (see `route`),
//! and sends what the outbox holds, in order (see `send`). It never runs the
//! language and never waits for it, nor for the network. `thread` says when.
//!
//! All of it stands behind one lock. A thread of the language that has ended a
//! small request finds the sockets free most of the time and sends by itself,
//! and one that waits reads requests itself (see `idle`): the I/O thread need not
//! wake up for that.

mod header;
#[cfg(target_os = "linux")]
mod idle;
mod receive;
mod route;
mod send;
mod thread;

pub(crate) use header::Headers;
#[cfg(target_os = "linux")]
pub use idle::Idle;
pub(crate) use thread::IoThread;

use crate::lifecycle::Shutdown;
use crate::lock::lock;
use crate::outbox::Outgoing;
use crate::parent::Arrived;
use crate::parent_process::ParentWatch;
use crate::process::exit_now;
use crate::session::Session;
use crate::shared::Shared;
use crate::sockets::Sockets;
use crate::usage::Usage;
use send::{Blocked, Encoded};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thread::Ready;

/// How long replies that nobody reads can delay the end of the process.
const LINGER: Duration = Duration::from_secs(1);
/// Between two looks at who takes what is left at the end. A poll would tell too late that one
/// that reads slowly does read: Linux calls a TCP socket writable when a third of its buffer is free.
const LOOK: Duration = Duration::from_millis(1);
/// How long first requests wait for a subscriber: clients that connect IOPub
/// after shell would miss the output of their first cell.
const SUBSCRIBER_PATIENCE: Duration = Duration::from_secs(1);

/// The sockets, and all that belongs to them.
pub(crate) struct Io {
    shared: Arc<Shared>,
    sockets: Sockets,
    session: Session,
    headers: Headers,
    watch: Option<ParentWatch>,
    usage: Usage,
    shutdown: Shutdown,
    /// What comes on shell is not waited for in the next nap: cells wait already,
    /// and a run of all cells should not wake the I/O thread for each.
    shell_can_wait: bool,
    /// What is to be handed to the sockets together.
    encoded: Vec<Encoded>,
    /// What IOPub did not take.
    blocked: VecDeque<Blocked>,
    /// Requests that wait for the first subscriber; `None` once there was one.
    gate: Option<Gate>,
    started: bool,
}

#[derive(Default)]
struct Gate {
    held: Vec<Arrived>,
    deadline: Option<Instant>,
}

impl Io {
    pub(crate) fn new(
        shared: Arc<Shared>,
        sockets: Sockets,
        session: Session,
        headers: Headers,
        watch: Option<ParentWatch>,
    ) -> Io {
        Io {
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
            gate: Some(Gate::default()),
            started: false,
        }
    }

    /// What there is to do now; whether there was anything.
    fn turn(&mut self, ready: &Ready, batch: &mut Vec<Outgoing>) -> bool {
        let now = Instant::now();
        for (name, token, readable, writable) in &ready.sockets {
            self.sockets.told(*name, *token, *readable, *writable);
        }
        if ready.termination && self.shared.termination.lower() {
            self.shutdown.wish(self.shared.shutdown_grace);
        }
        if ready.parent {
            self.parent_ended();
        }
        let mut active = self.receive();
        self.shared.iopub.service(now, ready.descriptors);
        active |= self.send_batch(batch);
        self.retry_blocked();
        self.timers(now);
        self.sockets.tidy(now, &self.shared.log);
        self.sockets.flush();
        active
    }

    fn is_closing(&self) -> bool {
        lock(&self.shared.closing).is_some()
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

    /// When there is something to do although nothing comes.
    fn deadline(&self) -> Option<Instant> {
        [
            self.shared.iopub.deadline(),
            self.give_up_at(),
            self.sockets.deadline(),
            self.gate.as_ref().and_then(|gate| gate.deadline),
            self.watch.as_ref().and_then(ParentWatch::deadline),
            self.shutdown.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
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
        self.linger();
        exit_now(1)
    }

    /// The kernel is closed: what is left is answered and sent.
    fn finish(mut self, batch: &mut Vec<Outgoing>) {
        self.send_batch(batch);
        self.drain();
        self.linger();
        self.shared.stopped.store(true, Ordering::Release);
    }

    /// Waits for who has to take what was sent last, and closes the sockets.
    fn linger(&mut self) {
        let deadline = Instant::now() + LINGER;
        self.sockets.flush();
        while self.sockets.has_output() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
            self.sockets.retry();
        }
        self.sockets.close();
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
            self.retry_blocked();
            if !any && (self.blocked.is_empty() || Instant::now() >= deadline) {
                break;
            }
            if !self.blocked.is_empty() {
                std::thread::sleep(LOOK);
                self.sockets.retry();
            }
        }
        // Who takes it now gets it all the same.
        for message in std::mem::take(&mut self.blocked) {
            self.publish_at_last(&message);
        }
    }
}

/// Sends what waits, unless somebody else is at the sockets; whether nothing is
/// left to do for the I/O thread. For threads of the language.
fn send_in_its_place(io: &Mutex<Option<Io>>) -> bool {
    // Also `Err` where a thread has panicked at the sockets.
    let Ok(mut io) = io.try_lock() else {
        return false;
    };
    let Some(io) = io.as_mut() else {
        return false;
    };
    io.send_batch(&mut Vec::new());
    let outbox = &io.shared.outbox;
    outbox.wake.clear_alarm();
    outbox.is_empty() && io.shared.iopub.deadline().is_none() && is_settled(io)
}

/// Whether nothing is left to do but to wait for the descriptors that are polled. Who
/// leaves the sockets otherwise has to wake the I/O thread.
fn is_settled(io: &Io) -> bool {
    io.blocked.is_empty() && io.sockets.is_settled()
}
