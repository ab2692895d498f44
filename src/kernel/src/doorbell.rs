//! A bell in memory, for pipes: it rings within the write that fills one of them.
//!
//! Whether a pipe holds something takes a system call to find out, and one for
//! every line is half of what a flood of lines costs. Linux's asynchronous I/O
//! (`io_setup(2)`) tells its results in memory of ours, and when a poll of it
//! (`IOCB_CMD_POLL`) has a result, it is written by the thread or process that
//! writes to the pipe, before its system call returns. Whoever comes after that
//! write sees it by looking.

use crate::process::{pipe, with_signals_blocked};
use libc::{SYS_io_destroy, SYS_io_getevents, SYS_io_setup, SYS_io_submit, c_long, c_ulong};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

const IOCB_CMD_POLL: u16 = 5;
const RING_MAGIC: u32 = 0xa10a_10a1;

/// `struct iocb` of the system.
#[repr(C)]
#[derive(Default)]
struct ControlBlock {
    data: u64,
    key_and_flags: [u32; 2],
    opcode: u16,
    priority: i16,
    descriptor: u32,
    events: u64,
    unused: [u64; 3],
    flags: u32,
    event_descriptor: u32,
}

/// `struct io_event` of the system.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Completion {
    data: u64,
    control_block: u64,
    results: [i64; 2],
}

/// The head of the memory where the system tells its results (`struct aio_ring`).
#[repr(C)]
struct Ring {
    _id_and_capacity: [u32; 2],
    head: AtomicU32,
    tail: AtomicU32,
    magic: u32,
    _compatible: u32,
    incompatible: u32,
    _header_length: u32,
}

/// See the module. It can watch two pipes.
pub(crate) struct Doorbell {
    /// Its identifier is the address of its ring.
    context: c_ulong,
    /// At which of the pipes it hangs.
    hung: [bool; 2],
}

impl Doorbell {
    /// An error where the system has none, or one that rings too late.
    pub(crate) fn new() -> io::Result<Doorbell> {
        let mut context: c_ulong = 0;
        // SAFETY: the call writes an identifier into the place that is given.
        checked(unsafe { libc::syscall(SYS_io_setup, 2 as c_long, &raw mut context) })?;
        let mut bell = Doorbell {
            context,
            hung: [false; 2],
        };
        let ring = bell.ring();
        if (ring.magic, ring.incompatible) != (RING_MAGIC, 0) || !bell.rings_in_time()? {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(bell)
    }

    /// Tries it, with a pipe of its own: that it rings early enough is how Linux
    /// does it, not what it promises.
    fn rings_in_time(&mut self) -> io::Result<bool> {
        let (end, writer) = pipe()?;
        self.hang([end.as_fd()])?;
        let before = self.has_rung();
        rustix::io::write(&writer, b"x")?;
        let after = self.has_rung();
        self.take_down()?;
        Ok(!before && after && self.hung == [false; 2])
    }

    /// Hangs it at the pipes where it does not hang; if one holds something, it
    /// rings at once. They are the same pipes each time.
    pub(crate) fn hang<const COUNT: usize>(
        &mut self,
        pipes: [BorrowedFd<'_>; COUNT],
    ) -> io::Result<()> {
        self.take_down()?;
        for (place, pipe) in pipes.into_iter().enumerate() {
            let Some(hung) = self.hung.get_mut(place).filter(|hung| !**hung) else {
                continue;
            };
            let mut block = ControlBlock {
                data: place as u64,
                opcode: IOCB_CMD_POLL,
                descriptor: pipe.as_raw_fd().cast_unsigned(),
                events: libc::POLLIN as u64,
                ..ControlBlock::default()
            };
            let mut blocks = [&raw mut block];
            let blocks = blocks.as_mut_ptr();
            // SAFETY: the context lives, and the block is read during the call only;
            // no other memory of ours takes part in a poll.
            checked(unsafe { libc::syscall(SYS_io_submit, self.context, 1 as c_long, blocks) })?;
            *hung = true;
        }
        Ok(())
    }

    /// Takes it from the pipes at which it has rung.
    fn take_down(&mut self) -> io::Result<()> {
        let mut rung = [Completion::default(); 2];
        let places = rung.as_mut_ptr();
        let now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let (least, most): (c_long, c_long) = (0, 2);
        // SAFETY: the context lives, and there is room for as many as are asked for.
        let count = checked(unsafe {
            libc::syscall(
                SYS_io_getevents,
                self.context,
                least,
                most,
                places,
                &raw const now,
            )
        })?;
        for rung in rung.iter().take(count) {
            if let Some(hung) = self.hung.get_mut(rung.data as usize) {
                *hung = false;
            }
        }
        Ok(())
    }

    /// Whether something has been written since it was hung.
    pub(crate) fn has_rung(&self) -> bool {
        let ring = self.ring();
        ring.head.load(Ordering::Relaxed) != ring.tail.load(Ordering::Acquire)
    }

    fn ring(&self) -> &Ring {
        // SAFETY: the system has mapped the ring at this address, whole pages of it,
        // until the context is destroyed. What it changes there is atomic here.
        unsafe { &*ptr::with_exposed_provenance(self.context as usize) }
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        let context = self.context;
        // The system takes tens of milliseconds, which nobody should wait for.
        let destroy = move || {
            // SAFETY: nobody has the context any more, and it is destroyed once.
            unsafe { libc::syscall(SYS_io_destroy, context) };
        };
        let builder = thread::Builder::new().name("ipyrust-doorbell".to_owned());
        // Without a thread for it, it lasts until the process ends.
        let _ = with_signals_blocked(|| builder.spawn(destroy));
    }
}

/// The answer of a system call.
fn checked(answer: c_long) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::OwnedFd;

    fn bell() -> Option<Doorbell> {
        let bell = Doorbell::new();
        if let Err(error) = &bell {
            eprintln!("no doorbell here: {error}");
        }
        bell.ok()
    }

    fn read(pipe: &OwnedFd) {
        rustix::io::read(pipe, &mut [0; 8]).unwrap();
    }

    #[test]
    fn it_rings_within_a_write_to_either_pipe() {
        let Some(mut bell) = bell() else { return };
        let [(a, to_a), (b, to_b)] = [pipe().unwrap(), pipe().unwrap()];
        for (end, writer) in [(&a, &to_a), (&b, &to_b), (&b, &to_b), (&a, &to_a)] {
            bell.hang([a.as_fd(), b.as_fd()]).unwrap();
            assert!(!bell.has_rung());
            rustix::io::write(writer, b"x").unwrap();
            assert!(bell.has_rung());
            read(end);
        }
    }

    #[test]
    fn it_rings_at_once_where_something_waits() {
        let Some(mut bell) = bell() else { return };
        let [(a, to_a), (b, to_b)] = [pipe().unwrap(), pipe().unwrap()];
        rustix::io::write(&to_b, b"x").unwrap();
        bell.hang([a.as_fd(), b.as_fd()]).unwrap();
        assert!(bell.has_rung());
        // Rung at one, it still hangs at the other.
        read(&b);
        rustix::io::write(&to_a, b"x").unwrap();
        bell.hang([a.as_fd(), b.as_fd()]).unwrap();
        assert!(bell.has_rung());
    }

    #[test]
    fn no_write_is_missed_while_it_is_hung() {
        let Some(mut bell) = bell() else { return };
        let [(a, to_a), (b, to_b)] = [pipe().unwrap(), pipe().unwrap()];
        let writer = thread::spawn(move || {
            for _ in 0..20_000 {
                rustix::io::write(&to_a, b"x").unwrap();
                rustix::io::write(&to_b, b"x").unwrap();
            }
        });
        let (mut seen, mut buffer) = (0, [0; 64]);
        rustix::io::ioctl_fionbio(&a, true).unwrap();
        rustix::io::ioctl_fionbio(&b, true).unwrap();
        while seen < 40_000 {
            bell.hang([a.as_fd(), b.as_fd()]).unwrap();
            seen += rustix::io::read(&a, &mut buffer).unwrap_or(0);
            seen += rustix::io::read(&b, &mut buffer).unwrap_or(0);
            let late = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while !bell.has_rung() && seen < 40_000 {
                assert!(std::time::Instant::now() < late, "{seen} seen");
                thread::yield_now();
            }
        }
        writer.join().unwrap();
    }

    #[test]
    fn it_may_be_given_up_while_it_hangs() {
        let Some(mut bell) = bell() else { return };
        let (end, writer) = pipe().unwrap();
        bell.hang([end.as_fd()]).unwrap();
        drop(bell);
        rustix::io::write(&writer, b"x").unwrap();
        read(&end);
    }
}
