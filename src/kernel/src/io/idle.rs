//! A thread of the language that waits for requests reads the shell socket
//! itself: to have the I/O thread read first would wake two threads for each.
//!
//! It does so while it waits and at no other time; whatever keeps it busy, the
//! I/O thread reads.

use super::receive::TURN;
use super::{Io, is_settled};
use crate::lent::{Lent, lent, marked};
use crate::lock::lock;
use crate::process::forked;
use crate::shared::Shared;
use crate::sockets::Name;
use crate::zmtp::Token;
use rustix::event::{Timespec, epoll};
use rustix::fd::{BorrowedFd, RawFd};
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// How many descriptors one wait tells of at most.
const EVENTS: usize = 64;

/// How often requests are read before who waits gets its turn.
const ROUNDS: usize = 1000;

/// Where a thread of the language waits, by an epoll of its own, for requests
/// and for whatever else that epoll watches.
#[derive(Clone)]
pub struct Idle {
    io: Weak<Mutex<Option<Io>>>,
    shell: Arc<Lent>,
    shared: Arc<Shared>,
}

impl Idle {
    pub(super) fn new(io: &Arc<Mutex<Option<Io>>>, shell: Arc<Lent>, shared: Arc<Shared>) -> Idle {
        let io = Arc::downgrade(io);
        Idle { io, shell, shared }
    }

    /// Has the epoll watch for requests, too; fails where the system does not
    /// know `EPOLLEXCLUSIVE`. The epoll is to have one thread that waits, and to leave
    /// before it is closed.
    pub fn join(&self, epoll: BorrowedFd<'_>) -> io::Result<()> {
        self.shell.lend(epoll)
    }

    /// Ends that.
    pub fn leave(&self, epoll: BorrowedFd<'_>) {
        // A child that was forked has the epoll in common with us.
        if !forked() {
            self.shell.take_back(epoll);
        }
    }

    /// Waits until the epoll tells of something else than the shell socket, or
    /// the time is over; for ever if no time is given. Gives descriptors and what
    /// epoll tells of each. A signal is an error, `ErrorKind::Interrupted`: who
    /// waits may have handlers to run.
    pub fn wait(
        &self,
        epoll: BorrowedFd<'_>,
        timeout: Option<Duration>,
    ) -> io::Result<Vec<(RawFd, u32)>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut buffer = [MaybeUninit::uninit(); EVENTS];
        for _ in 0..ROUNDS {
            let left = deadline.map(milliseconds_until);
            let (told, _) = epoll::wait(epoll, &mut buffer, left.as_ref())?;
            let mut requests = Vec::new();
            let mut events = Vec::new();
            for &epoll::Event { flags, data, .. } in told.iter() {
                match lent(data) {
                    Some(descriptor) => requests.push(descriptor),
                    None => events.push((marked(data), flags.bits())),
                }
            }
            let over = || deadline.is_some_and(|deadline| deadline <= Instant::now());
            // What was read may be for a queue that this epoll watches.
            let read = !requests.is_empty() && self.read(&requests);
            if !(read && events.is_empty()) || over() {
                return Ok(events);
            }
        }
        // Requests that never cease: who waits may have signals to look at.
        Ok(Vec::new())
    }

    /// Reads these connections of the shell socket and answers what needs no language;
    /// whether there is a kernel to do it for.
    fn read(&self, requests: &[RawFd]) -> bool {
        if forked() {
            return false;
        }
        let Some(io) = self.io.upgrade() else {
            return false;
        };
        let mut io = lock(&io);
        let Some(io) = io.as_mut() else {
            return false;
        };
        for descriptor in requests {
            let token = Token::Connection(*descriptor);
            io.sockets.told(Name::Shell, token, true, false);
        }
        io.receive_shell(TURN);
        io.send_batch(&mut Vec::new());
        // The I/O thread has to know until when requests are held back.
        if !is_settled(io) || io.gate.is_some() {
            self.shared.outbox.wake.notify(true);
        }
        true
    }
}

/// Rounded up, for a wait that ends early is asked again at once; and no more
/// than every Linux takes, 24 days.
fn milliseconds_until(deadline: Instant) -> Timespec {
    let left = deadline.saturating_duration_since(Instant::now());
    let milliseconds = i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
    Timespec {
        tv_sec: i64::from(milliseconds / 1000),
        tv_nsec: i64::from(milliseconds % 1000 * 1_000_000),
    }
}
