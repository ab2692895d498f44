//! Wakes the I/O thread, at the least cost that does it.
//!
//! Who publishes does so thousands of times per second; a system call for each
//! would be most of the work. An awake thread needs none, for it looks again
//! before it sleeps; a napping one gathers for a millisecond unless it is urgent.

use crate::event::Event;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const AWAKE: u8 = 0;
const NAPPING: u8 = 1;
const ASLEEP: u8 = 2;

/// The I/O thread's alarm clock.
pub(crate) struct Wake {
    state: AtomicU8,
    urgent: AtomicBool,
    event: Event,
}

impl Wake {
    pub(crate) fn new() -> std::io::Result<Wake> {
        let event = Event::new()?;
        Ok(Wake {
            state: AtomicU8::new(AWAKE),
            urgent: AtomicBool::new(false),
            event,
        })
    }

    pub(crate) fn fd(&self) -> std::os::fd::RawFd {
        self.event.fd()
    }

    /// To be called after the work was put where the thread looks for it.
    pub(crate) fn notify(&self, urgent: bool) {
        if urgent {
            self.urgent.store(true, Ordering::SeqCst);
        }
        match self.state.load(Ordering::SeqCst) {
            AWAKE => {}
            NAPPING if !urgent => {}
            // Of several that come here at once, one writes.
            _ => {
                if self.state.swap(AWAKE, Ordering::SeqCst) != AWAKE {
                    self.event.raise();
                }
            }
        }
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

    /// The thread has polled.
    pub(crate) fn woke(&self, raised: bool) {
        self.state.store(AWAKE, Ordering::SeqCst);
        if raised {
            self.event.lower();
        }
    }
}
