//! Wakes the I/O thread, at the least cost that does it.
//!
//! Who publishes does so thousands of times per second; a system call for each
//! would be most of the work. An awake thread needs none, for it looks again
//! before it sleeps; a napping one gathers for a millisecond unless it is urgent.
//! One that sleeps gets a nap's alarm set: by then who has pushed may have sent,
//! too, as a thread that has answered a small request does.

#[cfg(target_os = "linux")]
use crate::alarm::Alarm;
use crate::event::Event;
use rustix::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

/// How long what is not urgent is gathered.
pub(crate) const NAP: Duration = Duration::from_millis(1);

const AWAKE: u8 = 0;
const NAPPING: u8 = 1;
const ASLEEP: u8 = 2;

/// The I/O thread's alarm clock.
pub(crate) struct Wake {
    state: AtomicU8,
    urgent: AtomicBool,
    event: Event,
    #[cfg(target_os = "linux")]
    alarm: Alarm,
}

impl Wake {
    pub(crate) fn new() -> std::io::Result<Wake> {
        let event = Event::new()?;
        Ok(Wake {
            state: AtomicU8::new(AWAKE),
            urgent: AtomicBool::new(false),
            event,
            #[cfg(target_os = "linux")]
            alarm: Alarm::new()?,
        })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.event.fd()
    }

    /// To be polled as well, where there is one.
    pub(crate) fn alarm_fd(&self) -> Option<RawFd> {
        #[cfg(target_os = "linux")]
        return Some(self.alarm.fd());
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// To be called after the work was put where the thread looks for it.
    pub(crate) fn notify(&self, urgent: bool) {
        if urgent {
            self.urgent.store(true, Ordering::SeqCst);
        }
        match self.state.load(Ordering::SeqCst) {
            AWAKE => {}
            NAPPING if !urgent => {}
            ASLEEP if !urgent && self.nap() => {}
            // Of several that come here at once, one writes.
            _ => {
                if self.state.swap(AWAKE, Ordering::SeqCst) != AWAKE {
                    self.event.raise();
                }
            }
        }
    }

    /// Has the thread that sleeps nap from now on; whether it can be done. Should
    /// it wake before, the alarm wakes it once for nothing.
    fn nap(&self) -> bool {
        #[cfg(target_os = "linux")]
        return match self.state.compare_exchange(
            ASLEEP,
            NAPPING,
            Ordering::SeqCst,
            Ordering::SeqCst,
        ) {
            Ok(_) => self.alarm.set(NAP),
            // Somebody else was here first.
            Err(_) => true,
        };
        #[cfg(not(target_os = "linux"))]
        false
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
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables))]
    pub(crate) fn woke(&self, raised: bool, rang: bool) {
        self.state.store(AWAKE, Ordering::SeqCst);
        if raised {
            self.event.lower();
        }
        #[cfg(target_os = "linux")]
        if rang {
            self.alarm.lower();
        }
    }
}
