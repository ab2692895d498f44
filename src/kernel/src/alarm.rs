//! A descriptor that becomes readable some time after it was set, for which no
//! thread has to wake up before.

use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::time::Duration;

/// See the module.
pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    pub(crate) fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Alarm(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Has it ring once after this time, and at no other; whether it will.
    pub(crate) fn set(&self, after: Duration) -> bool {
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: never,
            it_value: Timespec::try_from(after).unwrap_or(never),
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once).is_ok()
    }

    /// Makes it unreadable.
    pub(crate) fn lower(&self) {
        // Nothing to read is as good as read.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}
