//! Says whether either of two pipes holds something, which is asked before every
//! line that Python prints.
//!
//! One `epoll_wait` takes half of a `poll` of both. Who asks often, and in vain,
//! gets a [`Doorbell`], and asks no more until it rings.

#[cfg(target_os = "linux")]
use crate::doorbell::Doorbell;
use rustix::event::Timespec;
use rustix::fd::{AsFd, OwnedFd};
use std::io;

/// So often in a row nothing was there: worth a doorbell, which takes as long to
/// make and to destroy as hundreds of questions.
#[cfg(target_os = "linux")]
const IN_VAIN: u32 = 1_000;

#[cfg(target_os = "linux")]
pub(crate) struct Watch {
    epoll: OwnedFd,
    in_vain: u32,
    bell: Bell,
}

/// What makes the asking cheap, if there is such a thing. Giving it up takes a
/// while: not to be done under a lock.
#[cfg(target_os = "linux")]
pub(crate) enum Bell {
    None,
    /// Hanging, or rung and not hung again yet.
    Some(Doorbell),
    /// This system has none.
    Never,
}

#[cfg(target_os = "linux")]
impl Watch {
    pub(crate) fn new(pipes: [&OwnedFd; 2]) -> io::Result<Watch> {
        use rustix::event::epoll;
        let watch = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for pipe in pipes {
            epoll::add(
                &watch,
                pipe,
                epoll::EventData::new_u64(0),
                epoll::EventFlags::IN,
            )?;
        }
        Ok(Watch {
            epoll: watch,
            in_vain: 0,
            bell: Bell::None,
        })
    }

    /// Whether either holds something; they are those of the beginning.
    pub(crate) fn any(&mut self, pipes: [&OwnedFd; 2]) -> bool {
        if self.in_vain >= IN_VAIN
            && let Bell::Some(bell) = &self.bell
            && !bell.has_rung()
        {
            return false;
        }
        self.ask(pipes)
    }

    #[inline(never)]
    fn ask(&mut self, pipes: [&OwnedFd; 2]) -> bool {
        // It has rung, or there was none: from here on it takes many questions again.
        if self.in_vain >= IN_VAIN {
            self.in_vain = 0;
        }
        if self.holds_something() {
            self.in_vain = 0;
            return true;
        }
        self.in_vain += 1;
        if self.in_vain < IN_VAIN || !self.hang(pipes) {
            return false;
        }
        // Of what came while it was being hung it may not know in time.
        self.holds_something()
    }

    fn hang(&mut self, pipes: [&OwnedFd; 2]) -> bool {
        if let Bell::None = self.bell {
            self.bell = Doorbell::new().map_or(Bell::Never, Bell::Some);
        }
        let Bell::Some(bell) = &mut self.bell else {
            return false;
        };
        let hung = bell.hang(pipes.map(AsFd::as_fd)).is_ok();
        if !hung {
            self.bell = Bell::Never;
        }
        hung
    }

    fn holds_something(&self) -> bool {
        use rustix::event::epoll;
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }];
        epoll::wait(&self.epoll, &mut events, Some(&Timespec::default()))
            .is_ok_and(|count| count > 0)
    }

    /// Nobody is going to ask often for a while. A process that ends with a
    /// doorbell takes tens of milliseconds longer.
    pub(crate) fn rest(&mut self) -> Option<Bell> {
        // What is asked from now on is asked by others.
        self.in_vain = 0;
        let Bell::Some(_) = self.bell else {
            return None;
        };
        Some(std::mem::replace(&mut self.bell, Bell::None))
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) struct Watch;

#[cfg(not(target_os = "linux"))]
pub(crate) enum Bell {}

#[cfg(not(target_os = "linux"))]
impl Watch {
    pub(crate) fn new(_pipes: [&OwnedFd; 2]) -> io::Result<Watch> {
        Ok(Watch)
    }

    pub(crate) fn any(&mut self, pipes: [&OwnedFd; 2]) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};
        let mut fds = pipes.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|count| count > 0)
    }

    pub(crate) fn rest(&mut self) -> Option<Bell> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::pipe;

    /// More often than it takes for a doorbell to be hung.
    const OFTEN: usize = 2_500;

    #[test]
    fn what_is_written_is_noticed_at_once_however_often_nothing_was() {
        let [(a, to_a), (b, to_b)] = [pipe().unwrap(), pipe().unwrap()];
        let pipes = [&a, &b];
        let mut watch = Watch::new(pipes).unwrap();
        for times in [0, 1, 999, 1_000, 1_001, OFTEN] {
            for (end, writer) in [(&a, &to_a), (&b, &to_b)] {
                assert!((0..times).all(|_| !watch.any(pipes)));
                rustix::io::write(writer, b"x").unwrap();
                assert!(watch.any(pipes) && watch.any(pipes));
                rustix::io::read(end, &mut [0; 8]).unwrap();
                assert!(!watch.any(pipes));
            }
        }
    }

    #[test]
    fn what_another_process_writes_is_noticed_when_it_has_ended() {
        let [(a, _to_a), (b, to_b)] = [pipe().unwrap(), pipe().unwrap()];
        let pipes = [&a, &b];
        let mut watch = Watch::new(pipes).unwrap();
        assert!((0..OFTEN).all(|_| !watch.any(pipes)));
        let child = std::process::Command::new("echo").stdout(to_b).status();
        assert!(child.unwrap().success());
        assert!(watch.any(pipes));
    }

    #[test]
    fn after_a_rest_it_is_as_it_was() {
        let [(a, to_a), (b, _to_b)] = [pipe().unwrap(), pipe().unwrap()];
        let pipes = [&a, &b];
        let mut watch = Watch::new(pipes).unwrap();
        for _ in 0..3 {
            assert!((0..OFTEN).all(|_| !watch.any(pipes)));
            watch.rest();
            rustix::io::write(&to_a, b"x").unwrap();
            assert!(watch.any(pipes));
            rustix::io::read(&a, &mut [0; 8]).unwrap();
        }
    }
}
