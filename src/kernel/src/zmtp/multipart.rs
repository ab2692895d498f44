//! Messages on their way out, in the form in which they leave.

use super::frame::{MORE, put_header};
use bytes::Bytes;
use std::cell::OnceCell;

/// Frames up to this length are copied into one piece of memory.
const COPIED: usize = 4 << 10;

/// A message that is sent to one peer or to many.
pub(crate) struct Multipart {
    frames: Vec<Bytes>,
    /// As it goes over connections that are not encrypted.
    plain: OnceCell<Vec<Bytes>>,
}

impl Multipart {
    pub(crate) fn new(frames: Vec<Bytes>) -> Multipart {
        let plain = OnceCell::new();
        Multipart { frames, plain }
    }

    /// The first frame.
    pub(crate) fn first(&self) -> &[u8] {
        self.frames.first().map_or(&[], |frame| frame)
    }

    /// Each frame, and whether more follow.
    pub(super) fn with_flags(&self) -> impl Iterator<Item = (u8, &Bytes)> {
        let last = self.frames.len().saturating_sub(1);
        let flags = move |place| if place < last { MORE } else { 0 };
        let frames = self.frames.iter().enumerate();
        frames.map(move |(place, frame)| (flags(place), frame))
    }

    /// The pieces of memory that a connection is given which is not encrypted.
    pub(super) fn plain(&self) -> &[Bytes] {
        self.plain.get_or_init(|| {
            let mut pieces = Vec::new();
            let mut piece = Vec::with_capacity(1024);
            for (flags, body) in self.with_flags() {
                put_header(&mut piece, flags, body.len());
                if body.len() <= COPIED {
                    piece.extend_from_slice(body);
                } else {
                    pieces.push(std::mem::take(&mut piece).into());
                    pieces.push(body.clone());
                }
            }
            if !piece.is_empty() {
                pieces.push(piece.into());
            }
            pieces
        })
    }
}
