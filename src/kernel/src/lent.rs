//! Descriptors that two threads wait for and one is woken by: a borrower if it
//! waits right now, else the owner.
//!
//! Linux does that for descriptors that are waited for exclusively (4.5 and
//! later): it wakes the first, in the order they came, that sleeps in
//! `epoll_wait`. Nothing but time depends on that order.

use crate::lock::lock;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::io;
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// How many descriptors are told at once.
const EVENTS: usize = 64;

/// See the module.
pub(crate) struct Lent {
    /// The owner polls this one. To poll an epoll is not to sleep in it, so the
    /// owner is told in any case once the line has come to it.
    owner: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    descriptors: Vec<RawFd>,
    borrower: Option<RawFd>,
}

impl Lent {
    pub(crate) fn new() -> io::Result<Lent> {
        let owner = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let state = Mutex::default();
        Ok(Lent { owner, state })
    }

    /// What the owner polls instead of the descriptors.
    pub(crate) fn fd(&self) -> RawFd {
        self.owner.as_raw_fd()
    }

    /// Which of them are readable. For the owner.
    pub(crate) fn told(&self) -> Vec<RawFd> {
        let mut buffer = [MaybeUninit::uninit(); EVENTS];
        // It fails for signals, which are blocked: who polls comes again.
        let Ok((events, _)) = epoll::wait(&self.owner, &mut buffer, Some(&Timespec::default()))
        else {
            return Vec::new();
        };
        let lent = events.iter().filter_map(|event| lent(event.data));
        lent.collect()
    }

    /// From now on this one, too, until it is removed; whether that is so.
    pub(crate) fn add(&self, descriptor: RawFd) -> bool {
        let mut state = lock(&self.state);
        if let Some(borrower) = state.borrower {
            // Without it the owner alone is told.
            let _ = add(&borrowed(borrower), descriptor);
        }
        let added = add(&self.owner, descriptor).is_ok();
        if added {
            state.descriptors.push(descriptor);
        }
        added
    }

    /// To be called before it is closed.
    pub(crate) fn remove(&self, descriptor: RawFd) {
        let mut state = lock(&self.state);
        state.descriptors.retain(|known| *known != descriptor);
        if let Some(borrower) = state.borrower {
            let _ = epoll::delete(borrowed(borrower), borrowed(descriptor));
        }
        let _ = epoll::delete(&self.owner, borrowed(descriptor));
    }

    /// From now on this epoll is told first, until it is taken back, which has to be
    /// before it is closed.
    pub(crate) fn lend(&self, borrower: BorrowedFd<'_>) -> io::Result<()> {
        // Whether the system can do it at all is told before anybody has come: by a
        // descriptor that leaves the epoll again when it is closed.
        add(&borrower, eventfd(0, EventfdFlags::CLOEXEC)?.as_raw_fd())?;
        let mut state = lock(&self.state);
        state.borrower = Some(borrower.as_raw_fd());
        let mut descriptors = state.descriptors.iter();
        let lent = descriptors.try_for_each(|descriptor| {
            add(&borrower, *descriptor)?;
            // The owner goes to the end of the line. Who is added is told of what is
            // there already, so nothing is missed meanwhile.
            epoll::delete(&self.owner, borrowed(*descriptor))?;
            add(&self.owner, *descriptor)
        });
        if lent.is_err() {
            state.end(borrower);
        }
        Ok(lent?)
    }

    /// This epoll is not told any more.
    pub(crate) fn take_back(&self, borrower: BorrowedFd<'_>) {
        lock(&self.state).end(borrower);
    }
}

impl State {
    fn end(&mut self, borrower: BorrowedFd<'_>) {
        self.borrower = None;
        for descriptor in &self.descriptors {
            let _ = epoll::delete(borrower, borrowed(*descriptor));
        }
    }
}

fn add(epoll: &impl AsFd, descriptor: RawFd) -> rustix::io::Result<()> {
    let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
    epoll::add(epoll, borrowed(descriptor), mark(descriptor), flags)
}

fn borrowed<'a>(descriptor: RawFd) -> BorrowedFd<'a> {
    // SAFETY: of a connection, which leaves its epolls before it is closed, or the borrower's.
    // To name one that is closed to an epoll is an error, and no more.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

/// How an epoll tells which descriptor it means: `int fd` of the system's union, as
/// everybody who does not need the rest of it does (Python's `select` too). The
/// complement is no descriptor of anybody's.
fn mark(descriptor: RawFd) -> EventData {
    let mut data = [0; 8];
    data[..4].copy_from_slice(&(!descriptor).to_ne_bytes());
    EventData::new_u64(u64::from_ne_bytes(data))
}

/// What was marked, whoever did.
pub(crate) fn marked(data: EventData) -> RawFd {
    let [a, b, c, d, ..] = data.u64().to_ne_bytes();
    RawFd::from_ne_bytes([a, b, c, d])
}

/// The descriptor that was lent, if it is one.
pub(crate) fn lent(data: EventData) -> Option<RawFd> {
    let complement = marked(data);
    (complement < 0).then_some(!complement)
}
