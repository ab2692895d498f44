//! What waits in a queue of requests, and what an abort sets aside.
//!
//! Threads of the language take from here through a `RequestQueue`; the I/O
//! thread puts in, and aborts.

use crate::event::{Event, Waited};
use crate::lock::lock;
use crate::parent::Arrived;
use crate::protocol::MessageType;
use rustix::fd::RawFd;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

/// Requests that nobody has taken.
pub(crate) struct Waiting {
    state: Mutex<State>,
    /// Readable while a request can be taken, or the queue is closed.
    ready: Event,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arrived>,
    /// How many have been taken and are not answered yet.
    taken: usize,
    closed: bool,
    /// Between an aborting reply and the moment its victims are answered.
    paused: bool,
    /// The victims, until the request that aborted them is idle.
    aborted: Vec<Arrived>,
    ready_raised: bool,
}

impl Waiting {
    pub(crate) fn new() -> std::io::Result<Waiting> {
        Ok(Waiting {
            state: Mutex::default(),
            ready: Event::new()?,
        })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.ready.fd()
    }

    /// Waits until the descriptor is readable.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Waited {
        self.ready.wait(timeout)
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// Nobody will take anything any more.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        self.settle(&mut state);
    }

    /// The first that is wanted, if anything may be taken now.
    pub(crate) fn take(&self, wanted: impl Fn(&Arrived) -> bool) -> Option<Arrived> {
        let mut state = lock(&self.state);
        if state.paused || state.closed {
            return None;
        }
        let place = state.waiting.iter().position(wanted)?;
        let arrived = state.waiting.remove(place)?;
        state.taken += 1;
        self.settle(&mut state);
        Some(arrived)
    }

    /// One that was taken has been answered.
    pub(crate) fn finished(&self) {
        let mut state = lock(&self.state);
        state.taken = state.taken.saturating_sub(1);
    }

    /// Whether nothing waits and nothing is being answered.
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = lock(&self.state);
        state.taken == 0 && state.waiting.is_empty()
    }

    /// Whether another request waits behind one that is being answered.
    pub(crate) fn is_backed_up(&self) -> bool {
        let state = lock(&self.state);
        state.taken > 0 && !state.waiting.is_empty()
    }

    /// Adds a request; gives it back if the queue is closed.
    pub(crate) fn push(&self, arrived: Arrived) -> Result<(), Arrived> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(arrived);
        }
        state.waiting.push_back(arrived);
        self.settle(&mut state);
        Ok(())
    }

    /// Lets nothing out until [`Waiting::resume`].
    pub(crate) fn pause(&self) {
        let mut state = lock(&self.state);
        state.paused = true;
        self.settle(&mut state);
    }

    /// Sets the execute requests that wait aside.
    pub(crate) fn sweep(&self) {
        let mut state = lock(&self.state);
        let (swept, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|a| a.parent.message.message_type == MessageType::ExecuteRequest);
        state.waiting = kept.into();
        state.aborted.extend(swept);
    }

    /// Lets requests out again.
    pub(crate) fn resume(&self) {
        let mut state = lock(&self.state);
        state.paused = false;
        self.settle(&mut state);
    }

    /// What was set aside.
    pub(crate) fn take_aborted(&self) -> Vec<Arrived> {
        std::mem::take(&mut lock(&self.state).aborted)
    }

    /// Everything that waits, because nobody will take it any more.
    pub(crate) fn take_all(&self) -> Vec<Arrived> {
        let mut state = lock(&self.state);
        let mut all = std::mem::take(&mut state.aborted);
        all.extend(std::mem::take(&mut state.waiting));
        self.settle(&mut state);
        all
    }

    /// Makes the descriptor say what is so.
    fn settle(&self, state: &mut State) {
        let ready = state.closed || !state.paused && !state.waiting.is_empty();
        if ready && !state.ready_raised {
            self.ready.raise();
        } else if !ready && state.ready_raised {
            self.ready.lower();
        }
        state.ready_raised = ready;
    }
}
