//! What concerns the whole process: forks, signal masks, pipes, plain writes.
//!
//! The only unsafe calls of this crate beside those to libraries and `doorbell`
//! stand here.

use crate::protocol::StreamName;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::fs::File;
use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process was made by fork from one that had a kernel. Such a
/// process has no I/O thread, and locks that nobody will release.
pub fn forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

extern "C" fn in_child() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Has every child made by fork know that it is one.
pub(crate) fn watch_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler is a function that lives as long as the process
        // and only stores to an atomic, which a child of fork may do.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// Blocks every signal in the calling thread: signals belong to the language's
/// threads, and a thread that never runs its handlers must not swallow them.
pub(crate) fn block_signals() {
    // SAFETY: the set is initialised by sigfillset before it is read, and
    // pthread_sigmask changes nothing but the calling thread's mask.
    unsafe {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(set.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
    }
}

/// Runs `start` with all signals blocked, so that the threads it starts are born
/// with them blocked.
pub(crate) fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: as in block_signals; the mask that is restored is the one that
    // pthread_sigmask has just written.
    unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        let blocked =
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr()) == 0;
        let result = start();
        if blocked {
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        }
        result
    }
}

/// Ends the process now, without destructors.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: _exit takes any status and does not return.
    unsafe { libc::_exit(status) }
}

/// Opens those of the descriptors 0, 1 and 2 that are closed. What is opened first
/// would get their numbers: a socket, which is then captured as the output.
pub(crate) fn open_standard_descriptors() {
    // Where there is no such file nothing can be done.
    while let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        if null.as_raw_fd() > 2
            || rustix::io::fcntl_setfd(&null, rustix::io::FdFlags::empty()).is_err()
        {
            return;
        }
        // It stays open.
        let _ = null.into_raw_fd();
    }
}

/// A pipe whose ends are not inherited by programs that are started.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?);
    #[cfg(not(target_os = "linux"))]
    {
        let (read, write) = rustix::pipe::pipe()?;
        rustix::io::fcntl_setfd(&read, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::fcntl_setfd(&write, rustix::io::FdFlags::CLOEXEC)?;
        Ok((read, write))
    }
}

/// Writes text to descriptor 1 or 2 as a program without a kernel would.
pub(crate) fn write_plainly(name: StreamName, text: &str) {
    let stdout = rustix::stdio::stdout();
    let stderr = rustix::stdio::stderr();
    let fd = match name {
        StreamName::Stdout => stdout.as_fd(),
        StreamName::Stderr => stderr.as_fd(),
    };
    write_all(fd, text.as_bytes());
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            // Nobody is left to tell.
            Err(_) => return,
        }
    }
}
