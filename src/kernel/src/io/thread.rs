//! The I/O thread: what it waits for, and for how long.

#[cfg(target_os = "linux")]
use super::Idle;
use super::{Io, send_in_its_place};
#[cfg(target_os = "linux")]
use crate::lent::Lent;
use crate::lock::lock;
use crate::process::block_signals;
use crate::shared::Shared;
use crate::sockets::Name;
use crate::wake::NAP;
use crate::zmtp::{Interest, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{BorrowedFd, RawFd};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Waits until there is something to do, and does it.
pub(crate) struct IoThread {
    io: Arc<Mutex<Option<Io>>>,
    shared: Arc<Shared>,
    /// Where clients of the shell socket are waited for by the language, too.
    #[cfg(target_os = "linux")]
    shell: Arc<Lent>,
}

/// What a poll found.
#[derive(Default)]
pub(super) struct Ready {
    /// Which may be read, and which may be written.
    pub(super) sockets: Vec<(Name, Token, bool, bool)>,
    pub(super) termination: bool,
    pub(super) parent: bool,
    pub(super) descriptors: bool,
    wake: bool,
    alarm: bool,
}

/// What to wait for, beside the sockets.
struct Sleep {
    deadline: Option<Instant>,
    interests: Vec<(Name, Interest)>,
    /// Whether to look at what is lent.
    lent: bool,
    parent: Option<RawFd>,
    descriptors: Option<[RawFd; 2]>,
}

impl IoThread {
    #[cfg_attr(not(target_os = "linux"), expect(unused_mut))]
    pub(crate) fn new(mut io: Io) -> std::io::Result<IoThread> {
        #[cfg(target_os = "linux")]
        let shell = Arc::new(Lent::new()?);
        #[cfg(target_os = "linux")]
        io.sockets.shell.socket.lend(Arc::clone(&shell));
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
            #[cfg(target_os = "linux")]
            shell,
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
        let mut ready = Ready::default();
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
        let wake = &shared.outbox.wake;
        let mut descriptors = vec![wake.fd(), shared.termination.fd()];
        descriptors.extend(wake.alarm_fd());
        descriptors.extend(sleep.parent);
        descriptors.extend(sleep.descriptors.iter().flatten());
        descriptors.extend(self.lent_fd().filter(|_| sleep.lent));
        let others = descriptors.iter().map(|fd| (*fd, PollFlags::IN));
        let sockets = sleep.interests.iter().map(|(_, interest)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, interest.read);
            flags.set(PollFlags::OUT, interest.write);
            (interest.descriptor, flags)
        });
        let mut items: Vec<PollFd<'_>> = others
            .chain(sockets)
            .map(|(descriptor, flags)| {
                // SAFETY: all of them are closed by this thread alone, when it has
                // left this function, or by the owner of what `shared` holds.
                let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
                PollFd::from_borrowed_fd(descriptor, flags)
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
        let mut states = items.iter().map(PollFd::revents);
        let mut next = || states.next().is_some_and(|events| !events.is_empty());
        let (woken, termination) = (next(), next());
        let alarm = wake.alarm_fd().is_some() && next();
        let parent = sleep.parent.is_some() && next();
        let readable = sleep.descriptors.is_some() && (next() | next());
        let lent = self.lent_fd().is_some() && sleep.lent && next();
        let told = sleep.interests.iter().zip(states);
        let told = told.filter(|(_, events)| !events.is_empty());
        let mut sockets: Vec<_> = told
            .map(|((name, interest), events)| {
                // An error, or the end, is found by reading.
                let readable = !(events - PollFlags::OUT).is_empty();
                let writable = events.contains(PollFlags::OUT);
                (*name, interest.token, readable, writable)
            })
            .collect();
        if lent {
            sockets.extend(self.lent_told());
        }
        Ready {
            sockets,
            termination,
            parent,
            descriptors: readable,
            wake: woken,
            alarm,
        }
    }

    #[cfg(target_os = "linux")]
    fn lent_fd(&self) -> Option<RawFd> {
        Some(self.shell.fd())
    }

    #[cfg(target_os = "linux")]
    fn lent_told(&self) -> impl Iterator<Item = (Name, Token, bool, bool)> {
        let told = self.shell.told().into_iter();
        told.map(|descriptor| (Name::Shell, Token::Connection(descriptor), true, false))
    }

    #[cfg(not(target_os = "linux"))]
    fn lent_fd(&self) -> Option<RawFd> {
        None
    }

    #[cfg(not(target_os = "linux"))]
    fn lent_told(&self) -> impl Iterator<Item = (Name, Token, bool, bool)> {
        std::iter::empty()
    }
}

impl Io {
    /// What to wait for now. The thread has said that it is going to sleep: work
    /// that came before it did has not woken it, and is seen here.
    fn sleep(&mut self, active: bool) -> Sleep {
        let now = Instant::now();
        let shell_can_wait = std::mem::take(&mut self.shell_can_wait);
        let active = active || shell_can_wait;
        let outbox = &self.shared.outbox;
        let awaited = |name: &Name| *name != Name::Shell || !shell_can_wait;
        let mut unsettled = Name::ALL.iter().filter(|name| awaited(name));
        let hurry = unsettled.any(|name| self.sockets.get(*name).is_unsettled())
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
            [self.deadline(), nap].into_iter().flatten().min()
        };
        // While the backlog is full the pipes fill up, and who writes waits.
        let full = outbox.is_full();
        let mut interests = Vec::with_capacity(16);
        for name in Name::ALL {
            let of_socket = self.sockets.get(name).interests(now);
            interests.extend(of_socket.filter_map(|mut interest| {
                interest.read &= awaited(&name);
                (interest.read || interest.write).then_some((name, interest))
            }));
        }
        Sleep {
            deadline,
            interests,
            lent: !shell_can_wait,
            parent: self.watch.as_ref().and_then(|watch| watch.fd()),
            descriptors: self.shared.iopub.descriptors().filter(|_| !full),
        }
    }
}
