//! Requests wait here until a thread of the language takes them.
//!
//! A queue has a descriptor for loops that poll, and a `next` for threads that
//! wait. What comes out is busy already.

use crate::event::{Event, Waited};
use crate::iopub::IoPub;
use crate::outbox::lock;
use crate::process::forked;
use crate::protocol::MessageType;
use crate::request::{Arrived, Request};
use rustix::fd::RawFd;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A queue of requests.
#[derive(Clone)]
pub struct RequestQueue(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Readable while a request can be taken, or the queue is closed.
    ready: Event,
    /// Readable while a message of a comm can be taken, or the queue is closed.
    comms: Event,
    iopub: IoPub,
    ident: String,
    main_shell: bool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arrived>,
    comms_waiting: usize,
    closed: bool,
    /// Between an aborting reply and the moment its victims are known.
    paused: bool,
    /// The victims, until the request that aborted them is idle.
    aborted: Vec<Arrived>,
    ready_raised: bool,
    comms_raised: bool,
}

/// What came out of [`RequestQueue::next`].
#[derive(Debug)]
pub enum Next {
    /// A request.
    Request(Request),
    /// The queue is closed; nothing will come.
    Closed,
    /// Nothing came in this time.
    Timeout,
    /// A signal came; run its handler, then ask again.
    Interrupted,
}

impl RequestQueue {
    pub(crate) fn new(iopub: IoPub, ident: &str, main_shell: bool) -> std::io::Result<Self> {
        Ok(RequestQueue(Arc::new(Inner {
            state: Mutex::new(State::default()),
            ready: Event::new()?,
            comms: Event::new()?,
            iopub,
            ident: ident.to_owned(),
            main_shell,
        })))
    }

    /// The descriptor that is readable while a request waits or the queue is closed.
    pub fn fd(&self) -> RawFd {
        self.0.ready.fd()
    }

    /// The descriptor that is readable while a message of a comm waits: what a
    /// cell that awaits may serve.
    pub fn comm_fd(&self) -> RawFd {
        self.0.comms.fd()
    }

    /// The request that waits longest, if any.
    pub fn try_next(&self) -> Option<Request> {
        self.take(|_| true)
    }

    /// The message of a comm that waits longest, past the requests before it.
    pub fn try_next_comm(&self) -> Option<Request> {
        self.take(|arrived| arrived.parent.message.message_type.is_comm())
    }

    /// A completion, inspection or completeness check that has waited so long:
    /// one that can be answered beside a running cell.
    pub fn try_next_overdue(&self, age: Duration) -> Option<Request> {
        let now = Instant::now();
        self.take(|arrived| {
            now.saturating_duration_since(arrived.at) >= age
                && matches!(
                    arrived.parent.message.message_type,
                    MessageType::CompleteRequest
                        | MessageType::InspectRequest
                        | MessageType::IsCompleteRequest
                )
        })
    }

    /// Waits for a request, for ever if no time is given. A signal ends the wait.
    pub fn next(&self, timeout: Option<Duration>) -> Next {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(request) = self.try_next() {
                return Next::Request(request);
            }
            if self.is_closed() {
                return Next::Closed;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match self.0.ready.wait(left) {
                Waited::Raised => {}
                Waited::Timeout => return Next::Timeout,
                Waited::Interrupted => return Next::Interrupted,
            }
        }
    }

    /// Whether it is closed. In a child of fork it always is.
    pub fn is_closed(&self) -> bool {
        forked() || lock(&self.0.state).closed
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        if forked() {
            0
        } else {
            lock(&self.0.state).waiting.len()
        }
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the queue. Those who wait for a request learn it; requests that
    /// still wait are answered when the kernel closes.
    pub fn close(&self) {
        if forked() {
            return;
        }
        let mut state = lock(&self.0.state);
        state.closed = true;
        self.settle(&mut state);
    }

    pub(crate) fn is_main_shell(&self) -> bool {
        self.0.main_shell
    }

    pub(crate) fn ident(&self) -> &str {
        &self.0.ident
    }

    fn take(&self, wanted: impl Fn(&Arrived) -> bool) -> Option<Request> {
        if forked() {
            return None;
        }
        let arrived = {
            let mut state = lock(&self.0.state);
            if state.paused || state.closed {
                return None;
            }
            let place = state.waiting.iter().position(wanted)?;
            let arrived = state.waiting.remove(place)?;
            if arrived.parent.message.message_type.is_comm() {
                state.comms_waiting -= 1;
            }
            self.settle(&mut state);
            arrived
        };
        Some(Request::begin(arrived, self.clone(), self.0.iopub.clone()))
    }

    /// Adds a request; gives it back if the queue is closed.
    pub(crate) fn push(&self, arrived: Arrived) -> Result<(), Arrived> {
        let mut state = lock(&self.0.state);
        if state.closed {
            return Err(arrived);
        }
        if arrived.parent.message.message_type.is_comm() {
            state.comms_waiting += 1;
        }
        state.waiting.push_back(arrived);
        self.settle(&mut state);
        Ok(())
    }

    /// Lets nothing out until [`RequestQueue::resume`].
    pub(crate) fn pause(&self) {
        let mut state = lock(&self.0.state);
        state.paused = true;
        self.settle(&mut state);
    }

    /// Sets the execute requests that wait aside.
    pub(crate) fn sweep(&self) {
        let mut state = lock(&self.0.state);
        let (swept, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|a| a.parent.message.message_type == MessageType::ExecuteRequest);
        state.waiting = kept.into();
        state.aborted.extend(swept);
    }

    /// Lets requests out again.
    pub(crate) fn resume(&self) {
        let mut state = lock(&self.0.state);
        state.paused = false;
        self.settle(&mut state);
    }

    /// What was set aside.
    pub(crate) fn take_aborted(&self) -> Vec<Arrived> {
        std::mem::take(&mut lock(&self.0.state).aborted)
    }

    /// Everything that waits, because nobody will take it any more.
    pub(crate) fn take_all(&self) -> Vec<Arrived> {
        let mut state = lock(&self.0.state);
        state.comms_waiting = 0;
        let mut all = std::mem::take(&mut state.aborted);
        all.extend(std::mem::take(&mut state.waiting));
        self.settle(&mut state);
        all
    }

    /// Makes the descriptors say what is so.
    fn settle(&self, state: &mut State) {
        let open = !state.paused;
        let ready = state.closed || open && !state.waiting.is_empty();
        let comms = state.closed || open && state.comms_waiting > 0;
        set(&self.0.ready, &mut state.ready_raised, ready);
        set(&self.0.comms, &mut state.comms_raised, comms);
    }
}

fn set(event: &Event, raised: &mut bool, wanted: bool) {
    if wanted && !*raised {
        event.raise();
    } else if !wanted && *raised {
        event.lower();
    }
    *raised = wanted;
}
