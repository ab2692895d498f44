//! What was written to a stream from some moment on, for who asks for it later.

/// Such as what a cell has written.
///
/// A cell that prints in a loop for days must not fill the memory for its sake:
/// of a long text the end is kept. Pieces that are data more than text are left out.
#[derive(Default)]
pub(crate) struct Record(String);

impl Record {
    /// Longer pieces are data.
    const LONGEST_PIECE: usize = 4 << 10;
    /// So much of the end is kept at least; cut at twice that, so that the
    /// cutting costs next to nothing.
    const KEPT: usize = 256 << 10;

    pub(crate) fn add(&mut self, text: &str) {
        if text.len() > Record::LONGEST_PIECE {
            return;
        }
        self.0.push_str(text);
        if self.0.len() > 2 * Record::KEPT {
            self.cut();
        }
    }

    #[cold]
    fn cut(&mut self) {
        let mut start = self.0.len().saturating_sub(Record::KEPT);
        while !self.0.is_char_boundary(start) {
            start += 1;
        }
        // From the beginning of a line, if there is one.
        start = self.0[start..]
            .find('\n')
            .map_or(start, |end| start + end + 1);
        self.0.drain(..start);
    }

    pub(crate) fn into_text(mut self) -> String {
        if self.0.len() > Record::KEPT {
            self.cut();
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_the_last_lines_are_kept() {
        let mut record = Record::default();
        for number in 0..200_000 {
            record.add(&format!("line {number} \u{20ac}"));
            record.add("\n");
        }
        let text = record.into_text();
        assert!(text.starts_with("line ") && text.ends_with("line 199999 \u{20ac}\n"));
        assert!(text.len() <= Record::KEPT && text.len() > Record::KEPT - 100);
    }

    #[test]
    fn a_long_text_without_lines_is_cut_between_characters() {
        let mut record = Record::default();
        for _ in 0..3 * Record::KEPT {
            record.add("\u{20ac}");
        }
        let text = record.into_text();
        assert!(text.len() <= Record::KEPT && text.chars().all(|each| each == '\u{20ac}'));
    }

    #[test]
    fn pieces_that_are_data_are_left_out() {
        let mut record = Record::default();
        record.add("a");
        record.add(&"x".repeat(Record::LONGEST_PIECE + 1));
        record.add("b");
        assert_eq!(record.into_text(), "ab");
    }
}
