//! Who started us: when that process ends, so do we.

use crate::process::forked;
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::process::{Pid, getppid};
use std::time::{Duration, Instant};

/// Where the system cannot tell us, we look this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches the process that started us. `JPY_PARENT_PID` says that we should;
/// which one it is we see ourselves, for its number may be one of another
/// container.
pub(crate) struct ParentWatch {
    parent: Pid,
    descriptor: Option<OwnedFd>,
    next_look: Instant,
}

impl ParentWatch {
    /// Nothing to watch for an orphan: it is one on purpose.
    pub(crate) fn start() -> Option<ParentWatch> {
        let parent = getppid().filter(|parent| !parent.is_init())?;
        #[cfg(target_os = "linux")]
        let descriptor =
            rustix::process::pidfd_open(parent, rustix::process::PidfdFlags::empty()).ok();
        #[cfg(not(target_os = "linux"))]
        let descriptor = None;
        Some(ParentWatch {
            parent,
            descriptor,
            next_look: Instant::now() + LOOK_EVERY,
        })
    }

    /// Readable when the parent has ended.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        self.descriptor.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// When to look, where there is no descriptor.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.descriptor.is_none().then_some(self.next_look)
    }

    /// Whether the parent has ended; asked when the descriptor is readable or
    /// the time has come.
    pub(crate) fn ended(&mut self, readable: bool, now: Instant) -> bool {
        if readable {
            return true;
        }
        if self.descriptor.is_some() || now < self.next_look || forked() {
            return false;
        }
        self.next_look = now + LOOK_EVERY;
        getppid() != Some(self.parent)
    }
}
