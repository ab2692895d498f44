//! Frames: how ZMTP cuts a stream of bytes (RFC 23, "Framing").

use crate::spare;
use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Another frame of the message follows.
pub(crate) const MORE: u8 = 1;
/// The length has eight bytes.
const LONG: u8 = 2;
/// It is for the protocol, not a part of a message.
pub(crate) const COMMAND: u8 = 4;

/// How much is read at once, where it is not known that more belongs together.
const READ: usize = 16 << 10;
/// Frames from this length on are read into memory of their own, without a copy.
const OWN: usize = 8 << 10;
/// Memory is taken in advance for no more than this: a peer can announce any length.
const ANNOUNCED: usize = 1 << 20;

/// A frame that came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// `MORE` or `COMMAND`, or neither.
    pub(crate) flags: u8,
    pub(crate) body: Bytes,
}

/// What is no frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Cuts what arrives into frames.
#[derive(Default)]
pub(crate) struct Decoder {
    /// What was read, and from where on it is still to be cut.
    buffer: Vec<u8>,
    start: usize,
    /// A long frame of which a part is here.
    long: Option<Long>,
}

struct Long {
    flags: u8,
    body: Vec<u8>,
    length: usize,
}

impl Decoder {
    /// Reads once; how much came, and whether more may be there. Nothing is the end.
    pub(crate) fn read(&mut self, descriptor: BorrowedFd<'_>) -> Result<(usize, bool), Errno> {
        if let Some(long) = &mut self.long {
            let missing = long.length - long.body.len();
            long.body.reserve(missing.min(long.body.len().max(READ)));
            // Not what comes after it, for which there may be room.
            let room = missing.min(long.body.capacity() - long.body.len());
            let into = &mut long.body.spare_capacity_mut()[..room];
            let count = rustix::io::read(descriptor, into)?.0.len();
            // SAFETY: the system has written so many bytes behind those that are there.
            unsafe { long.body.set_len(long.body.len() + count) };
            return Ok((count, count == room));
        }
        self.buffer.drain(..std::mem::take(&mut self.start));
        self.buffer.reserve(READ);
        let room = self.buffer.capacity() - self.buffer.len();
        let count = rustix::io::read(descriptor, spare_capacity(&mut self.buffer))?;
        Ok((count, count == room))
    }

    /// So many bytes, as they stand, once they are here.
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.waiting().first_chunk()?;
        self.start += N;
        Some(taken)
    }

    /// What is here and not cut yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The next frame, once it is here; none may be longer than this.
    pub(crate) fn next(&mut self, longest: usize) -> Result<Option<Frame>, Malformed> {
        if let Some(long) = self.long.take_if(|long| long.body.len() == long.length) {
            let Long { flags, body, .. } = long;
            let body = spare::share(body);
            return Ok(Some(Frame { flags, body }));
        }
        if self.long.is_some() {
            return Ok(None);
        }
        let Some(Header {
            flags,
            length,
            rest,
        }) = Header::parse(self.waiting())?
        else {
            return Ok(None);
        };
        if length > longest {
            return Err(Malformed);
        }
        let start = self.buffer.len() - rest.len();
        if let Some(body) = rest.get(..length) {
            let body = Bytes::copy_from_slice(body);
            self.start = start + length;
            return Ok(Some(Frame { flags, body }));
        }
        if length >= OWN {
            let mut body = spare::with_room(length.min(ANNOUNCED));
            body.extend_from_slice(rest);
            self.start = self.buffer.len();
            self.long = Some(Long {
                flags,
                body,
                length,
            });
        }
        Ok(None)
    }
}

struct Header<'a> {
    flags: u8,
    /// Of the body.
    length: usize,
    /// What follows.
    rest: &'a [u8],
}

impl Header<'_> {
    /// The header these bytes begin with, once it is whole.
    fn parse(bytes: &[u8]) -> Result<Option<Header<'_>>, Malformed> {
        let Some((&flags, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        if flags & !(MORE | LONG | COMMAND) != 0 || flags & (MORE | COMMAND) == MORE | COMMAND {
            return Err(Malformed);
        }
        let (length, rest) = if flags & LONG == 0 {
            let Some((&length, rest)) = rest.split_first() else {
                return Ok(None);
            };
            (length.into(), rest)
        } else {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*length), rest)
        };
        // No memory is larger than that.
        let length = isize::try_from(length).map_err(|_| Malformed)?;
        Ok(Some(Header {
            flags: flags & !LONG,
            length: length.unsigned_abs(),
            rest,
        }))
    }
}

/// Appends the header of a frame.
pub(crate) fn put_header(out: &mut Vec<u8>, flags: u8, length: usize) {
    if let Ok(length) = u8::try_from(length) {
        out.extend_from_slice(&[flags, length]);
    } else {
        out.push(flags | LONG);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// Appends a frame.
pub(crate) fn put(out: &mut Vec<u8>, flags: u8, body: &[u8]) {
    put_header(out, flags, body.len());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// What is cut out of the bytes, given in pieces of this size.
    fn cut(bytes: &[u8], piece: usize) -> Result<Vec<Frame>, Malformed> {
        let (mut near, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in bytes.chunks(piece) {
            near.write_all(piece).unwrap();
            while decoder.read(far.as_fd()).is_ok() {
                while let Some(frame) = decoder.next(usize::MAX)? {
                    frames.push(frame);
                }
            }
        }
        Ok(frames)
    }

    fn frame(flags: u8, body: &[u8]) -> Frame {
        let body = Bytes::copy_from_slice(body);
        Frame { flags, body }
    }

    #[test]
    fn frames_of_every_length_come_out_as_they_went_in() {
        let lengths = [0, 1, 255, 256, OWN - 1, OWN, READ, 3 * READ + 7];
        let bodies: Vec<Vec<u8>> = lengths.iter().map(|length| vec![7; *length]).collect();
        let mut bytes = Vec::new();
        for body in &bodies {
            put(&mut bytes, MORE, body);
        }
        put(&mut bytes, 0, b"last");
        let mut expected: Vec<Frame> = bodies.iter().map(|body| frame(MORE, body)).collect();
        expected.push(frame(0, b"last"));
        for piece in [1, 2, 9, 1000, READ, 50_000] {
            assert_eq!(cut(&bytes, piece).unwrap(), expected, "{piece}");
        }
    }

    #[test]
    fn a_long_header_may_announce_a_short_frame() {
        let mut bytes = vec![LONG];
        bytes.extend(2_u64.to_be_bytes());
        bytes.extend(b"ab");
        assert_eq!(cut(&bytes, 3).unwrap(), [frame(0, b"ab")]);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let endless = [&[LONG][..], &u64::MAX.to_be_bytes()].concat();
        for bytes in [&[0x08, 0][..], &[0xff, 0], &[MORE | COMMAND, 0], &endless] {
            assert_eq!(cut(bytes, 100), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn an_announced_length_takes_no_memory_before_it_comes() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let mut bytes = vec![LONG];
        bytes.extend((1_u64 << 60).to_be_bytes());
        near.write_all(&bytes).unwrap();
        let mut decoder = Decoder::default();
        decoder.read(far.as_fd()).unwrap();
        assert_eq!(decoder.next(1 << 10), Err(Malformed));
        assert_eq!(decoder.next(usize::MAX), Ok(None));
        near.write_all(b"begins").unwrap();
        decoder.read(far.as_fd()).unwrap();
        assert!(decoder.long.unwrap().body.capacity() <= 2 * ANNOUNCED);
    }
}
