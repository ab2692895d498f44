//! The I/O thread: what it waits for, and for how long.

#[cfg(target_os = "linux")]
use super::Idle;
use super::{Io, send_in_its_place};
#[cfg(target_os = "linux")]
use crate::lent::Lent;
use crate::lock::lock;
use crate::polled::Polled;
use crate::process::block_signals;
use crate::shared::Shared;
use crate::sockets::SHELL;
use crate::wake::NAP;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{BorrowedFd, RawFd};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Waits until there is something to do, and does it.
pub(crate) struct IoThread {
    io: Arc<Mutex<Option<Io>>>,
    shared: Arc<Shared>,
    /// In the order of `Sockets::all`.
    sockets: [RawFd; 5],
    #[cfg(target_os = "linux")]
    shell: Arc<Lent>,
    refusals: Vec<RawFd>,
}

/// What a poll found.
#[derive(Default)]
pub(super) struct Ready {
    /// In the order of `Sockets::all`.
    pub(super) sockets: [bool; 5],
    pub(super) refused: bool,
    pub(super) termination: bool,
    pub(super) parent: bool,
    pub(super) descriptors: bool,
    wake: bool,
    alarm: bool,
}

/// What to wait for, beside the sockets.
struct Sleep {
    deadline: Option<Instant>,
    /// By the order of the sockets.
    awaited: [bool; 5],
    parent: Option<RawFd>,
    descriptors: Option<[RawFd; 2]>,
}

impl IoThread {
    pub(crate) fn new(io: Io) -> std::io::Result<IoThread> {
        #[cfg_attr(not(target_os = "linux"), expect(unused_mut))]
        let mut sockets = io.sockets.all().map(Polled::fd);
        #[cfg(target_os = "linux")]
        let shell = Arc::new(Lent::new(io.sockets.shell.fd())?);
        #[cfg(target_os = "linux")]
        {
            sockets[SHELL] = shell.fd();
        }
        let refusals = io.sockets.refusals.descriptors();
        let shared = Arc::clone(&io.shared);
        let io = Arc::new(Mutex::new(Some(io)));
        let in_its_place = Arc::downgrade(&io);
        shared.outbox.set_sender(move || {
            in_its_place
                .upgrade()
                .is_some_and(|io| send_in_its_place(&io))
        });
        Ok(IoThread {
            io,
            shared,
            sockets,
            #[cfg(target_os = "linux")]
            shell,
            refusals,
        })
    }

    /// For a thread of the language that waits, too.
    #[cfg(target_os = "linux")]
    pub(crate) fn idle(&self) -> Idle {
        Idle::new(&self.io, Arc::clone(&self.shell), Arc::clone(&self.shared))
    }

    /// Until the kernel is closed.
    pub(crate) fn run(self) {
        block_signals();
        let mut batch = Vec::new();
        // libzmq tells nobody who has never asked.
        let mut ready = Ready {
            refused: true,
            ..Ready::default()
        };
        let wake = &self.shared.outbox.wake;
        loop {
            wake.take_urgent();
            let mut guard = lock(&self.io);
            let Some(io) = guard.as_mut() else { return };
            let active = io.turn(&ready, &mut batch);
            if io.is_closing() {
                if let Some(io) = guard.take() {
                    io.finish(&mut batch);
                }
                return;
            }
            wake.going_to_sleep(active);
            let sleep = io.sleep(active);
            drop(guard);
            ready = self.poll(&sleep);
            wake.woke(ready.wake, ready.alarm);
        }
    }

    fn poll(&self, sleep: &Sleep) -> Ready {
        let shared = &self.shared;
        let awaited = self.sockets.iter().zip(sleep.awaited);
        let awaited = awaited.filter(|(_, awaited)| *awaited);
        let mut descriptors: Vec<RawFd> = awaited.map(|(descriptor, _)| *descriptor).collect();
        descriptors.extend([shared.outbox.wake.fd(), shared.termination.fd()]);
        descriptors.extend(shared.outbox.wake.alarm_fd());
        descriptors.extend(&self.refusals);
        descriptors.extend(sleep.parent);
        descriptors.extend(sleep.descriptors.iter().flatten());
        let mut items: Vec<PollFd<'_>> = descriptors
            .iter()
            .map(|descriptor| {
                // SAFETY: all of them are closed by this thread alone, when it has
                // left its loop, or by the owner of what `shared` holds.
                let descriptor = unsafe { BorrowedFd::borrow_raw(*descriptor) };
                PollFd::from_borrowed_fd(descriptor, PollFlags::IN)
            })
            .collect();
        let left = sleep.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            Timespec::try_from(left).unwrap_or_default()
        });
        // It fails for signals, which are blocked, and for a lack of memory.
        if poll(&mut items, left.as_ref()).is_err() {
            return Ready::default();
        }
        let mut states = items.iter().map(|item| !item.revents().is_empty());
        let mut next = || states.next().unwrap_or(false);
        Ready {
            sockets: sleep.awaited.map(|awaited| awaited && next()),
            wake: next(),
            termination: next(),
            alarm: shared.outbox.wake.alarm_fd().is_some() && next(),
            refused: (0..self.refusals.len()).fold(false, |any, _| next() || any),
            parent: sleep.parent.is_some() && next(),
            descriptors: next() | next(),
        }
    }
}

impl Io {
    /// What to wait for now. The thread has said that it is going to sleep: work
    /// that came before it did has not woken it, and is seen here.
    fn sleep(&mut self, active: bool) -> Sleep {
        let now = Instant::now();
        let shell_can_wait = std::mem::take(&mut self.shell_can_wait);
        let active = active || shell_can_wait;
        let sockets = self.sockets.all();
        let mut awaited = [true; 5];
        awaited[SHELL] = !shell_can_wait;
        let outbox = &self.shared.outbox;
        let mut awaited_sockets = sockets.iter().zip(awaited);
        let hurry = awaited_sockets.any(|(socket, awaited)| awaited && socket.is_unsettled())
            || self.is_closing()
            || if active {
                outbox.wake.is_urgent()
            } else {
                !outbox.is_empty()
            };
        let deadline = if hurry {
            Some(now)
        } else {
            // Who is active naps before it sleeps.
            let nap = active.then(|| now + NAP);
            [self.deadline(now), nap].into_iter().flatten().min()
        };
        // While the backlog is full the pipes fill up, and who writes waits.
        let full = outbox.is_full();
        Sleep {
            deadline,
            awaited,
            parent: self.watch.as_ref().and_then(|watch| watch.fd()),
            descriptors: self.shared.iopub.descriptors().filter(|_| !full),
        }
    }
}
