//! Where we say what a user or an administrator should know: one line on the
//! stderr we were started with, which is the terminal or the server's log.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};

/// Our line to the log.
pub(crate) struct Log(OwnedFd);

impl Log {
    pub(crate) fn new(stderr: OwnedFd) -> Log {
        Log(stderr)
    }

    /// Says one line, unless the reader of the log has stopped: the I/O thread
    /// would rather lose a line of log than wait. A pipe that is writable takes
    /// 512 bytes without waiting, by POSIX.
    pub(crate) fn say(&self, message: impl std::fmt::Display) {
        let mut line = format!("[ipyrust] {message}\n");
        if line.len() > 500 {
            let end = (0..=496)
                .rev()
                .find(|&end| line.is_char_boundary(end))
                .unwrap_or(0);
            line.truncate(end);
            line.push_str("...\n");
        }
        let mut fds = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::OUT)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        if poll(&mut fds, Some(&now)) == Ok(1) && fds[0].revents().contains(PollFlags::OUT) {
            let _ = rustix::io::write(&self.0, line.as_bytes());
        }
    }
}
