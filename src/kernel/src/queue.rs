//! Requests wait here until a thread of the language takes them.
//!
//! A queue has a descriptor for loops that poll, and a `next` for threads that
//! wait. What comes out is busy already.

use crate::event::Waited;
use crate::iopub::IoPub;
use crate::parent::Arrived;
use crate::process::forked;
use crate::protocol::MessageType;
use crate::request::Request;
use crate::waiting::Waiting;
use rustix::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A queue of requests.
#[derive(Clone)]
pub struct RequestQueue(Arc<Inner>);

struct Inner {
    waiting: Arc<Waiting>,
    iopub: IoPub,
    engine: Arc<str>,
    main_shell: bool,
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
            waiting: Arc::new(Waiting::new()?),
            iopub,
            engine: Arc::from(ident),
            main_shell,
        })))
    }

    /// The descriptor that is readable while a request waits or the queue is closed.
    pub fn fd(&self) -> RawFd {
        self.0.waiting.fd()
    }

    /// The request that waits longest, if any.
    pub fn try_next(&self) -> Option<Request> {
        self.take(|_| true)
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
            match self.0.waiting.wait(left) {
                Waited::Raised => {}
                Waited::Timeout => return Next::Timeout,
                Waited::Interrupted => return Next::Interrupted,
            }
        }
    }

    /// Whether it is closed. In a child of fork it always is.
    pub fn is_closed(&self) -> bool {
        forked() || self.0.waiting.is_closed()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        if forked() { 0 } else { self.0.waiting.len() }
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the queue. Those who wait for a request learn it; requests that
    /// still wait are answered when the kernel closes.
    pub fn close(&self) {
        if !forked() {
            self.0.waiting.close();
        }
    }

    /// What the I/O thread puts requests into.
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.0.waiting
    }

    fn take(&self, wanted: impl Fn(&Arrived) -> bool) -> Option<Request> {
        if forked() {
            return None;
        }
        let inner = &self.0;
        let arrived = inner.waiting.take(wanted)?;
        Some(Request::begin(
            arrived,
            Arc::clone(&inner.waiting),
            inner.iopub.clone(),
            Arc::clone(&inner.engine),
            inner.main_shell,
        ))
    }
}
