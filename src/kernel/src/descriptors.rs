//! Captures descriptors 1 and 2: what C code, child processes and `os.write`
//! print reaches the clients too.
//!
//! The pipes are read without waiting, by whoever needs their text next: the
//! I/O thread when some came, a publishing thread to keep its order.

use crate::protocol::StreamName;
use crate::watch::{Bell, Watch};
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use std::io;

/// How much is read in one go.
const READ: usize = 64 << 10;
/// How much a publishing thread reads before it goes on: the most a pipe holds.
const AT_ONCE: usize = 1 << 20;

/// The descriptors as they were before the capture.
pub(crate) struct Originals {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Originals {
    pub(crate) fn keep() -> io::Result<Originals> {
        // Above 2, so that a program that closes and opens its streams anew
        // does not get them, and not inherited.
        Ok(Originals {
            stdout: rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 10)?,
            stderr: rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 10)?,
        })
    }

    /// Ends the capture.
    pub(crate) fn restore(&self) {
        let _ = rustix::stdio::dup2_stdout(&self.stdout);
        let _ = rustix::stdio::dup2_stderr(&self.stderr);
    }
}

/// The reading ends of both pipes.
pub(crate) struct Descriptors {
    stdout: Reader,
    stderr: Reader,
    watch: Watch,
}

impl Descriptors {
    /// Puts pipes in the place of descriptors 1 and 2.
    pub(crate) fn capture() -> io::Result<Descriptors> {
        let stdout = Reader::new(StreamName::Stdout)?;
        let stderr = Reader::new(StreamName::Stderr)?;
        rustix::stdio::dup2_stdout(&stdout.end)?;
        rustix::stdio::dup2_stderr(&stderr.end)?;
        let watch = Watch::new([&stdout.pipe, &stderr.pipe])?;
        Ok(Descriptors {
            stdout,
            stderr,
            watch,
        })
    }

    pub(crate) fn fds(&self) -> [RawFd; 2] {
        [self.stdout.pipe.as_raw_fd(), self.stderr.pipe.as_raw_fd()]
    }

    /// Nobody is going to ask often for a while.
    pub(crate) fn rest(&mut self) -> Option<Bell> {
        self.watch.rest()
    }

    /// Whether something has been written and not read.
    pub(crate) fn any(&mut self) -> bool {
        self.watch.any([&self.stdout.pipe, &self.stderr.pipe])
    }

    /// What has been written and not read, without waiting.
    pub(crate) fn read(&mut self) -> Vec<(StreamName, String)> {
        let mut texts = Vec::new();
        for reader in [&mut self.stdout, &mut self.stderr] {
            let text = reader.read();
            if !text.is_empty() {
                texts.push((reader.name, text));
            }
        }
        texts
    }
}

struct Reader {
    name: StreamName,
    pipe: OwnedFd,
    /// Kept open: a pipe whose writers have all gone is readable for ever, and a
    /// cell may close descriptor 1.
    end: OwnedFd,
    /// The beginning of a character whose end has not come.
    begun: Vec<u8>,
}

impl Reader {
    fn new(name: StreamName) -> io::Result<Reader> {
        let (pipe, end) = crate::process::pipe()?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(Reader {
            name,
            pipe,
            end,
            begun: Vec::new(),
        })
    }

    fn read(&mut self) -> String {
        let mut text = String::new();
        let mut buffer = vec![0; READ];
        while text.len() < AT_ONCE {
            match rustix::io::read(&self.pipe, &mut buffer[..]) {
                Ok(0) => break,
                Ok(count) => {
                    decode(&mut self.begun, &buffer[..count], &mut text);
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        text
    }
}

/// Decodes UTF-8 that comes in pieces; what is not UTF-8 becomes U+FFFD.
fn decode(begun: &mut Vec<u8>, bytes: &[u8], text: &mut String) {
    let mut whole = std::mem::take(begun);
    whole.extend_from_slice(bytes);
    let mut rest = &whole[..];
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return;
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                // What was found valid is decoded without loss.
                text.push_str(&String::from_utf8_lossy(valid));
                match error.error_len() {
                    Some(length) => {
                        text.push('\u{fffd}');
                        rest = &after[length..];
                    }
                    None => {
                        *begun = after.to_vec();
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_cut_by_a_read_are_put_together() {
        let (mut begun, mut text) = (Vec::new(), String::new());
        for byte in "aä€😀".bytes() {
            decode(&mut begun, &[byte], &mut text);
        }
        assert_eq!((text.as_str(), begun.len()), ("aä€😀", 0));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_shown_as_such() {
        let (mut begun, mut text) = (Vec::new(), String::new());
        decode(&mut begun, b"a\xffb\xe2\x82", &mut text);
        assert_eq!(text, "a\u{fffd}b");
        decode(&mut begun, b"c", &mut text);
        assert_eq!(text, "a\u{fffd}b\u{fffd}c");
    }
}
