//! How the process ends: when it is asked to, when its parent ends, and when
//! the language does not come to an end by itself.

use crate::process::exit_now;
use std::time::{Duration, Instant};

/// Ends the process and its children after this time, whatever its other threads do. To
/// be called when everything is on its way out: finalisers of libraries can hang.
pub fn exit_after(grace: Duration, status: i32) {
    let thread = std::thread::Builder::new().name("ipyrust-exit".to_owned());
    let spawned = thread.spawn(move || {
        crate::process::block_signals();
        std::thread::sleep(grace);
        crate::children::end(Duration::ZERO);
        exit_now(status)
    });
    // Without a thread to spare nothing watches the end, which most often comes.
    drop(spawned);
}

/// Counts from the first wish to end to the end by force.
#[derive(Default)]
pub(crate) struct Shutdown {
    deadline: Option<Instant>,
}

impl Shutdown {
    /// A wish; whether it is the first.
    pub(crate) fn wish(&mut self, grace: Duration) -> bool {
        let first = self.deadline.is_none();
        if first {
            self.deadline = Instant::now().checked_add(grace);
        }
        first
    }

    /// When the process ends by force.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
