//! Wakes the I/O thread, at the least cost that does it.
//!
//! Who publishes does so thousands of times per second; a system call for each
//! would be most of the work. An awake thread needs none, for it looks again
//! before it sleeps; a napping one gathers for a millisecond unless it is urgent.
//! One that sleeps gets a nap's alarm set: by then who has pushed may have sent,
//! too, as a thread that has answered a small request does.

use crate::alarm::Alarm;
use crate::event::Event;
use crate::lock::lock;
use rustix::fd::RawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

/// How long what is not urgent is gathered.
pub(crate) const NAP: Duration = Duration::from_millis(1);

const AWAKE: u8 = 0;
const NAPPING: u8 = 1;
const ASLEEP: u8 = 2;
/// Asleep, and will be woken by the alarm.
const ALARMED: u8 = 3;

/// The I/O thread's alarm clock.
pub(crate) struct Wake {
    state: AtomicU8,
    urgent: AtomicBool,
    event: Event,
    alarm: Alarm,
    /// Held while the alarm is set or cleared together with the state.
    setting: Mutex<()>,
}

impl Wake {
    pub(crate) fn new() -> std::io::Result<Wake> {
        let event = Event::new()?;
        Ok(Wake {
            state: AtomicU8::new(AWAKE),
            urgent: AtomicBool::new(false),
            event,
            alarm: Alarm::new()?,
            setting: Mutex::new(()),
        })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.event.fd()
    }

    /// To be polled as well, where there is one.
    pub(crate) fn alarm_fd(&self) -> Option<RawFd> {
        self.alarm.fd()
    }

    /// To be called after the work was put where the thread looks for it.
    pub(crate) fn notify(&self, urgent: bool) {
        if urgent {
            self.urgent.store(true, Ordering::SeqCst);
        }
        match self.state.load(Ordering::SeqCst) {
            AWAKE => {}
            NAPPING | ALARMED if !urgent => {}
            ASLEEP if !urgent && self.set_alarm() => {}
            // Of several that come here at once, one writes.
            _ => {
                if self.state.swap(AWAKE, Ordering::SeqCst) != AWAKE {
                    self.event.raise();
                }
            }
        }
    }

    /// Has the alarm wake the thread; whether it will, or need not any more.
    fn set_alarm(&self) -> bool {
        let _setting = lock(&self.setting);
        !self.change(ASLEEP, ALARMED) || self.alarm.set(NAP)
    }

    /// What the alarm was set for has been done by somebody else. The caller must
    /// look for work once more after this: what came before has not set it anew.
    pub(crate) fn clear_alarm(&self) {
        if self.state.load(Ordering::SeqCst) == ALARMED {
            let _setting = lock(&self.setting);
            if self.change(ALARMED, ASLEEP) {
                self.alarm.clear();
            }
        }
    }

    fn change(&self, from: u8, to: u8) -> bool {
        let changed = self
            .state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        changed.is_ok()
    }

    /// The thread is going to poll. It must look for work once more after this
    /// and before it polls; work that comes later will wake it.
    pub(crate) fn going_to_sleep(&self, nap: bool) {
        self.state
            .store(if nap { NAPPING } else { ASLEEP }, Ordering::SeqCst);
    }

    /// Whether urgent work came since the last time it was asked.
    pub(crate) fn take_urgent(&self) -> bool {
        self.urgent.swap(false, Ordering::SeqCst)
    }

    /// Whether urgent work waits.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::SeqCst)
    }

    /// The thread has polled, and found the descriptors readable or not.
    pub(crate) fn woke(&self, raised: bool, rang: bool) {
        let alarmed = self.state.swap(AWAKE, Ordering::SeqCst) == ALARMED;
        if raised {
            self.event.lower();
        }
        if rang || alarmed {
            self.alarm.clear();
        }
    }
}
