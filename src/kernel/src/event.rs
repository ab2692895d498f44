//! A descriptor that is readable while something is so: an eventfd where there
//! is one, a pipe elsewhere. Poll loops of every kind can wait on it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::io;
use std::time::{Duration, Instant};

/// A level that can be raised and lowered.
pub(crate) struct Event {
    read: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The event was raised.
    Raised,
    /// Time is over.
    Timeout,
    /// A signal came; its handler should get its turn.
    Interrupted,
}

impl Event {
    pub(crate) fn new() -> io::Result<Event> {
        #[cfg(target_os = "linux")]
        {
            use rustix::event::{EventfdFlags, eventfd};
            let read = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            Ok(Event { read })
        }
        #[cfg(not(target_os = "linux"))]
        {
            let (read, write) = crate::process::pipe()?;
            rustix::io::ioctl_fionbio(&read, true)?;
            rustix::io::ioctl_fionbio(&write, true)?;
            Ok(Event { read, write })
        }
    }

    fn writable(&self) -> BorrowedFd<'_> {
        #[cfg(target_os = "linux")]
        return self.read.as_fd();
        #[cfg(not(target_os = "linux"))]
        return self.write.as_fd();
    }

    /// What a poll loop waits for.
    pub(crate) fn fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Where eight bytes, a 1 in the machine's order, raise the event: a write
    /// is all a signal handler may do.
    pub(crate) fn write_fd(&self) -> RawFd {
        self.writable().as_raw_fd()
    }

    /// Makes it readable.
    pub(crate) fn raise(&self) {
        // A full pipe or counter is readable already.
        let _ = rustix::io::write(self.writable(), &1_u64.to_ne_bytes());
    }

    /// Makes it unreadable; whether it was readable.
    pub(crate) fn lower(&self) -> bool {
        let mut buffer = [0; 64];
        let mut raised = false;
        // An eventfd is empty after one read, a pipe when less than asked came.
        while let Ok(count) = rustix::io::read(&self.read, &mut buffer) {
            raised |= count > 0;
            if count < buffer.len() {
                break;
            }
        }
        raised
    }

    /// Waits until it is readable. A signal ends the wait: who waits may have
    /// handlers of a language to run.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Waited {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let timespec = deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            Timespec::try_from(left).unwrap_or(Timespec {
                tv_sec: i64::from(i32::MAX),
                tv_nsec: 0,
            })
        });
        let mut fds = [PollFd::new(&self.read, PollFlags::IN)];
        match poll(&mut fds, timespec.as_ref()) {
            Ok(0) => Waited::Timeout,
            Ok(_) => Waited::Raised,
            Err(rustix::io::Errno::INTR) => Waited::Interrupted,
            // No memory for a poll: as good as a signal, the caller comes back.
            Err(_) => Waited::Interrupted,
        }
    }
}
