//! Joins what is written to stdout and stderr into few messages.
//!
//! Text is kept in the order of the writes per parent: adjacent writes to one
//! stream join, a write to the other stream starts a new piece. The first write
//! of a burst leaves at once, what follows leaves at a bounded rate.
//!
//! Nothing here knows of clocks, locks or sockets: time is an argument.

use crate::parent::Parent;
use crate::protocol::StreamName;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two flushes of a flood: thirty a second look live, and stay far
/// under the thousand messages a second at which Jupyter Server starts to drop.
const FLUSH_EVERY: Duration = Duration::from_millis(33);
/// Between two flushes that are asked for by name.
const FLUSH_ASKED_EVERY: Duration = Duration::from_millis(5);
/// How long a line may wait for its end: `print` writes its text and its end
/// apart, and they belong in one message.
const PARTIAL_LINE: Duration = Duration::from_millis(20);
/// The size at which a piece leaves without waiting for its time.
const PIECE: usize = 128 << 10;
/// A partial line longer than this is not held back.
const LONG_LINE: usize = 4 << 10;

/// Text that waits.
pub(crate) struct Piece {
    pub(crate) parent: Option<Arc<Parent>>,
    pub(crate) name: StreamName,
    pub(crate) text: String,
    /// The line at its end.
    line: Line,
}

/// How a text ends.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    /// With the end of a line.
    Ended,
    /// With a line that was begun, nobody has looked when.
    Begun,
    /// With a line that was begun then, or not before.
    BegunAt(Instant),
}

impl Piece {
    /// By the id of the message: libraries make a parent anew out of its header
    /// (ipywidgets' `Output` does), and that is the same parent.
    fn belongs_to(&self, parent: Option<&Arc<Parent>>) -> bool {
        match (&self.parent, parent) {
            (Some(a), Some(b)) => {
                Arc::ptr_eq(a, b) || a.message.header.msg_id == b.message.header.msg_id
            }
            (None, None) => true,
            _ => false,
        }
    }
}

/// All text that waits.
#[derive(Default)]
pub(crate) struct Streams {
    pieces: Vec<Piece>,
    /// The bytes in them.
    length: usize,
    last_flush: Option<Instant>,
    deadline: Option<Instant>,
    forced: bool,
}

impl Streams {
    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// When text is to leave, if any waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Adds a write. Most writes of a flood need not know the time, which is not
    /// free.
    pub(crate) fn append(
        &mut self,
        name: StreamName,
        text: &str,
        parent: Option<&Arc<Parent>>,
        now: impl Fn() -> Instant,
    ) {
        if text.is_empty() {
            return;
        }
        let last = self
            .pieces
            .iter_mut()
            .rev()
            .find(|piece| piece.belongs_to(parent));
        let piece = match last {
            Some(piece) if piece.name == name && piece.text.len() + text.len() <= PIECE => piece,
            _ => {
                self.pieces.push(Piece {
                    parent: parent.cloned(),
                    name,
                    text: String::new(),
                    line: Line::Ended,
                });
                // It was pushed in the line above.
                let Some(piece) = self.pieces.last_mut() else {
                    return;
                };
                piece
            }
        };
        piece.text.push_str(text);
        self.length += text.len();
        if text.ends_with('\n') {
            piece.line = Line::Ended;
        } else if piece.line == Line::Ended || text.contains('\n') {
            piece.line = Line::Begun;
        }
        if piece.text.len() < PIECE / 2
            && let (Some(deadline), Some(last)) = (self.deadline, self.last_flush)
            && deadline <= last + FLUSH_EVERY
        {
            return; // Whatever the time is, it leaves with what is due already.
        }
        let now = now();
        if piece.line == Line::Begun {
            piece.line = Line::BegunAt(now);
        }
        let paced = self
            .last_flush
            .map_or(now, |last| now.max(last + FLUSH_EVERY));
        let due = if piece.text.len() >= PIECE / 2 {
            now
        } else if let Line::BegunAt(since) = piece.line
            && piece.text.len() <= LONG_LINE
            && self.deadline.is_none()
        {
            paced.max(since + PARTIAL_LINE)
        } else {
            paced
        };
        self.deadline = Some(self.deadline.map_or(due, |deadline| deadline.min(due)));
    }

    /// Has what waits leave soon, also lines without an end.
    pub(crate) fn flush(&mut self, now: Instant) {
        if self.pieces.is_empty() {
            return;
        }
        let due = self
            .last_flush
            .map_or(now, |last| now.max(last + FLUSH_ASKED_EVERY));
        self.forced = true;
        self.deadline = Some(self.deadline.map_or(due, |deadline| deadline.min(due)));
    }

    /// What is due, in order. Lines that were begun just now stay for their end.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Piece> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        self.last_flush = Some(now);
        self.deadline = None;
        let pieces = self.take();
        if std::mem::take(&mut self.forced) {
            return pieces;
        }
        // A line is held back only where nothing of its parent follows it.
        let followed: Vec<bool> = (0..pieces.len())
            .map(|place| {
                let parent = pieces[place].parent.as_ref();
                pieces[place + 1..]
                    .iter()
                    .any(|later| later.belongs_to(parent))
            })
            .collect();
        let mut due = Vec::with_capacity(pieces.len());
        let mut kept = Vec::new();
        for (mut piece, followed) in pieces.into_iter().zip(followed) {
            let since = match piece.line {
                Line::BegunAt(since) => since,
                Line::Begun | Line::Ended => now,
            };
            if piece.line != Line::Ended && !followed && now < since + PARTIAL_LINE {
                let start = piece.text.rfind('\n').map_or(0, |end| end + 1);
                if piece.text.len() - start <= LONG_LINE {
                    let line = piece.text.split_off(start);
                    let deadline = since + PARTIAL_LINE;
                    self.deadline = Some(self.deadline.map_or(deadline, |old| old.min(deadline)));
                    kept.push(Piece {
                        parent: piece.parent.clone(),
                        name: piece.name,
                        text: line,
                        line: Line::BegunAt(since),
                    });
                }
            }
            if !piece.text.is_empty() {
                due.push(piece);
            }
        }
        self.put(kept);
        due
    }

    /// All text of a parent, because something else of it is to follow.
    pub(crate) fn take_of(&mut self, parent: Option<&Arc<Parent>>, now: Instant) -> Vec<Piece> {
        if self.pieces.is_empty() {
            return Vec::new();
        }
        let (taken, kept): (Vec<_>, Vec<_>) = self
            .take()
            .into_iter()
            .partition(|piece| piece.belongs_to(parent));
        self.put(kept);
        if self.pieces.is_empty() {
            self.deadline = None;
            self.forced = false;
        }
        if !taken.is_empty() {
            self.last_flush = Some(now);
        }
        taken
    }

    /// Everything, because the kernel ends.
    pub(crate) fn take_all(&mut self) -> Vec<Piece> {
        self.deadline = None;
        self.forced = false;
        self.take()
    }

    fn take(&mut self) -> Vec<Piece> {
        self.length = 0;
        std::mem::take(&mut self.pieces)
    }

    fn put(&mut self, pieces: Vec<Piece>) {
        self.length = pieces.iter().map(|piece| piece.text.len()).sum();
        self.pieces = pieces;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: StreamName = StreamName::Stdout;
    const MILLISECOND: Duration = Duration::from_millis(1);

    fn texts(pieces: &[Piece]) -> Vec<&str> {
        pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    #[test]
    fn the_first_line_of_a_burst_leaves_at_once_and_the_next_in_their_time() {
        let (mut streams, start) = (Streams::default(), Instant::now());
        streams.append(OUT, "a\n", None, || start);
        assert_eq!(streams.deadline(), Some(start));
        assert_eq!(texts(&streams.take_due(start)), ["a\n"]);
        streams.append(OUT, "b\n", None, || start + MILLISECOND);
        streams.append(OUT, "c\n", None, || start + MILLISECOND * 2);
        assert_eq!(streams.deadline(), Some(start + FLUSH_EVERY));
        assert!(streams.take_due(start + MILLISECOND * 3).is_empty());
        assert_eq!(texts(&streams.take_due(start + FLUSH_EVERY)), ["b\nc\n"]);
        assert_eq!(streams.deadline(), None);
    }

    #[test]
    fn a_line_waits_for_its_end_but_not_for_ever() {
        let (mut streams, start) = (Streams::default(), Instant::now());
        streams.append(OUT, "a\nb", None, || start);
        assert_eq!(streams.deadline(), Some(start + PARTIAL_LINE));
        streams.append(OUT, "\nc", None, || start + MILLISECOND);
        // Another line is due: the one that was just begun stays behind.
        streams.append(OUT, "d\ne", None, || start + MILLISECOND * 15);
        let due = streams.take_due(start + PARTIAL_LINE);
        assert_eq!(texts(&due), ["a\nb\ncd\n"]);
        let rest = start + MILLISECOND * 15 + PARTIAL_LINE;
        assert_eq!(streams.deadline(), Some(rest));
        assert_eq!(texts(&streams.take_due(rest)), ["e"]);
    }

    #[test]
    fn in_a_flood_a_line_waits_from_when_it_is_first_looked_at() {
        let (mut streams, start) = (Streams::default(), Instant::now());
        streams.append(OUT, "a\n", None, || start);
        streams.take_due(start);
        streams.append(OUT, "b\n", None, || start);
        streams.append(OUT, "c", None, || unreachable!("the clock is not free"));
        assert_eq!(streams.len(), 3);
        assert_eq!(texts(&streams.take_due(start + FLUSH_EVERY)), ["b\n"]);
        assert_eq!(streams.len(), 1);
        let end = start + FLUSH_EVERY + PARTIAL_LINE;
        assert_eq!(streams.deadline(), Some(end));
        assert_eq!(texts(&streams.take_due(end)), ["c"]);
        assert_eq!(streams.len(), 0);
    }

    #[test]
    fn a_line_is_not_held_back_where_another_stream_follows_it() {
        let (mut streams, start) = (Streams::default(), Instant::now());
        streams.append(OUT, "a", None, || start);
        streams.append(StreamName::Stderr, "b\n", None, || start);
        assert_eq!(texts(&streams.take_due(start)), ["a", "b\n"]);
    }

    #[test]
    fn a_flush_that_is_asked_for_is_soon_and_takes_lines_without_end() {
        let (mut streams, start) = (Streams::default(), Instant::now());
        streams.append(OUT, ".", None, || start);
        streams.flush(start);
        assert_eq!(texts(&streams.take_due(start)), ["."]);
        streams.append(OUT, ".", None, || start);
        streams.flush(start);
        assert_eq!(streams.deadline(), Some(start + FLUSH_ASKED_EVERY));
        streams.append(OUT, ".", None, || start + MILLISECOND);
        streams.flush(start + MILLISECOND);
        assert_eq!(texts(&streams.take_due(start + FLUSH_ASKED_EVERY)), [".."]);
    }

    #[test]
    fn a_large_piece_does_not_wait() {
        let (mut streams, start) = (Streams::default(), Instant::now());
        streams.append(OUT, "a\n", None, || start);
        streams.take_due(start);
        let large = "x".repeat(PIECE);
        streams.append(OUT, &large, None, || start + MILLISECOND);
        assert_eq!(streams.deadline(), Some(start + MILLISECOND));
        streams.append(OUT, &large, None, || start + MILLISECOND);
        assert_eq!(streams.take_due(start + MILLISECOND).len(), 2);
    }
}
