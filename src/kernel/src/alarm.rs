//! A descriptor that becomes readable some time after it was set, for which no
//! thread has to wake up before. Where the system has none, it cannot be set.

use rustix::fd::RawFd;
use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::{
    fd::{AsRawFd, OwnedFd},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

/// See the module.
pub(crate) struct Alarm(#[cfg(target_os = "linux")] OwnedFd);

#[cfg(target_os = "linux")]
impl Alarm {
    pub(crate) fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Alarm(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// What to poll.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        Some(self.0.as_raw_fd())
    }

    /// Has it ring once after this time, and at no other; whether it will.
    pub(crate) fn set(&self, after: Duration) -> bool {
        // To a timer, no time at all is never.
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

    /// Has it not ring, and makes it unreadable if it has.
    pub(crate) fn clear(&self) {
        self.set(Duration::ZERO);
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(crate) fn new() -> io::Result<Alarm> {
        Ok(Alarm())
    }

    /// Nothing.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        None
    }

    /// It cannot.
    pub(crate) fn set(&self, _after: Duration) -> bool {
        false
    }

    /// Nothing to do.
    pub(crate) fn clear(&self) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fd::AsFd;

    fn rings(alarm: &Alarm, within: Duration) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(alarm.0.as_fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::try_from(within).unwrap())).unwrap() > 0
    }

    #[test]
    fn it_rings_until_it_is_cleared() {
        let alarm = Alarm::new().unwrap();
        assert!(!rings(&alarm, Duration::ZERO));
        assert!(alarm.set(Duration::from_millis(1)));
        assert!(rings(&alarm, Duration::from_secs(60)));
        assert!(rings(&alarm, Duration::ZERO));
        alarm.clear();
        assert!(!rings(&alarm, Duration::ZERO));
    }

    #[test]
    fn what_is_cleared_before_does_not_ring() {
        let alarm = Alarm::new().unwrap();
        assert!(alarm.set(Duration::from_secs(60)));
        alarm.clear();
        assert!(!rings(&alarm, Duration::from_millis(1)));
    }
}
