//! A descriptor that two threads wait for and one is woken by: a borrower if it
//! waits right now, else the owner.
//!
//! Linux does that for descriptors that are waited for exclusively (4.5 and
//! later): it wakes the first, in the order they came, that sleeps in
//! `epoll_wait`. Nothing but time depends on that order.

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::io;

/// See the module.
pub(crate) struct Lent {
    descriptor: RawFd,
    /// The owner polls this one. To poll an epoll is not to sleep in it, so the
    /// owner is told in any case once the line has come to it.
    owner: OwnedFd,
}

impl Lent {
    pub(crate) fn new(descriptor: RawFd) -> io::Result<Lent> {
        let owner = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let lent = Lent { descriptor, owner };
        lent.add(lent.owner.as_fd(), EventFlags::IN)?;
        Ok(lent)
    }

    /// What the owner polls instead of the descriptor.
    pub(crate) fn fd(&self) -> RawFd {
        self.owner.as_raw_fd()
    }

    /// From now on this epoll is told first.
    pub(crate) fn lend(&self, borrower: BorrowedFd<'_>) -> io::Result<()> {
        let exclusive = EventFlags::IN | EventFlags::EXCLUSIVE;
        self.add(borrower, exclusive)?;
        // The owner goes to the end of the line. Who is added is told of what is
        // there already, so nothing is missed meanwhile.
        self.take_back(self.owner.as_fd())?;
        self.add(self.owner.as_fd(), exclusive)
    }

    /// This epoll is not told any more.
    pub(crate) fn take_back(&self, borrower: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(borrower, self.borrow())?)
    }

    /// Whether this is what an epoll told of.
    pub(crate) fn is(&self, descriptor: RawFd) -> bool {
        self.descriptor == descriptor
    }

    fn add(&self, epoll: BorrowedFd<'_>, events: EventFlags) -> io::Result<()> {
        Ok(epoll::add(
            epoll,
            self.borrow(),
            mark(self.descriptor),
            events,
        )?)
    }

    fn borrow(&self) -> BorrowedFd<'_> {
        // SAFETY: it belongs to a socket, which is closed when the kernel is; to
        // name one that is closed to an epoll is an error, and no more.
        unsafe { BorrowedFd::borrow_raw(self.descriptor) }
    }
}

/// How an epoll tells which descriptor it means: `int fd` of the system's union,
/// as everybody who does not need the rest of it does (Python's `select` too).
fn mark(descriptor: RawFd) -> EventData {
    let mut data = [0; 8];
    data[..4].copy_from_slice(&descriptor.to_ne_bytes());
    EventData::new_u64(u64::from_ne_bytes(data))
}

/// The other way round.
pub(crate) fn marked(data: EventData) -> RawFd {
    let [a, b, c, d, ..] = data.u64().to_ne_bytes();
    RawFd::from_ne_bytes([a, b, c, d])
}
