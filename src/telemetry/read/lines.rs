//! From chunks of bytes to lines.

use memchr::memchr;
use std::ops::ControlFlow;

/// Bytes of a line that are kept together. What is longer comes in parts.
pub const LINE_BOUND: usize = 64 << 20;
/// A buffer that grew beyond this for a long line is given back after it.
const KEPT_BUFFER: usize = 1 << 20;

/// A line, or a part of one that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole line without its line feed; the last one of a file may lack it.
    Line {
        /// Its bytes.
        bytes: &'a [u8],
        /// Whether a line feed followed.
        ended: bool,
    },
    /// A part of a line longer than the bound.
    Part {
        /// The next bytes of it.
        bytes: &'a [u8],
        /// Whether these are its first bytes, a bound's worth.
        first: bool,
        /// Whether these are its last bytes, and a line feed followed.
        ended: bool,
    },
}

/// Splits chunks into lines.
#[derive(Debug)]
pub struct LineSplitter {
    bound: usize,
    buffer: Vec<u8>,
    inside_long: bool,
}

impl Default for LineSplitter {
    fn default() -> Self {
        LineSplitter::new(LINE_BOUND)
    }
}

impl LineSplitter {
    /// Keeps lines of up to `bound` bytes together.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        LineSplitter { bound, buffer: Vec::new(), inside_long: false }
    }

    /// Whether a line was begun and is not ended.
    #[must_use]
    pub fn is_inside_line(&self) -> bool {
        self.inside_long || !self.buffer.is_empty()
    }

    /// Takes a chunk, giving what it completes to `take`, which may break off; the rest of the chunk is
    /// lost then.
    pub fn push(
        &mut self,
        mut chunk: &[u8],
        mut take: impl FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some(end) = memchr(b'\n', chunk) {
            self.add(&chunk[..end], true, &mut take)?;
            chunk = &chunk[end + 1..];
        }
        if chunk.is_empty() { ControlFlow::Continue(()) } else { self.add(chunk, false, &mut take) }
    }

    /// Gives the unfinished line at the end of a file, if there is one.
    pub fn finish(
        &mut self,
        mut take: impl FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let flow = if self.inside_long || self.buffer.is_empty() {
            ControlFlow::Continue(())
        } else {
            take(Piece::Line { bytes: &self.buffer, ended: false })
        };
        self.inside_long = false;
        self.buffer.clear();
        flow
    }

    fn add(
        &mut self,
        bytes: &[u8],
        ended: bool,
        take: &mut impl FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.inside_long {
            self.inside_long = !ended;
            return take(Piece::Part { bytes, first: false, ended });
        }
        if self.buffer.len() + bytes.len() > self.bound {
            let (head, rest) = bytes.split_at(self.bound - self.buffer.len());
            self.buffer.extend_from_slice(head);
            let begun = take(Piece::Part { bytes: &self.buffer, first: true, ended: false });
            self.give_back();
            begun?;
            self.inside_long = !ended;
            return take(Piece::Part { bytes: rest, first: false, ended });
        }
        if !ended {
            self.buffer.extend_from_slice(bytes);
            return ControlFlow::Continue(());
        }
        if self.buffer.is_empty() {
            return take(Piece::Line { bytes, ended });
        }
        self.buffer.extend_from_slice(bytes);
        let flow = take(Piece::Line { bytes: &self.buffer, ended });
        self.give_back();
        flow
    }

    fn give_back(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]], bound: usize) -> Vec<String> {
        let mut splitter = LineSplitter::new(bound);
        let mut seen = Vec::new();
        let mut take = |piece: Piece<'_>| {
            seen.push(match piece {
                Piece::Line { bytes, ended } => {
                    format!("{}{}", String::from_utf8_lossy(bytes), if ended { "$" } else { "" })
                }
                Piece::Part { bytes, first, ended } => format!(
                    "{}{}{}",
                    if first { "<" } else { ">" },
                    String::from_utf8_lossy(bytes),
                    if ended { "$" } else { "" }
                ),
            });
            ControlFlow::Continue(())
        };
        for chunk in chunks {
            assert!(splitter.push(chunk, &mut take).is_continue());
        }
        assert!(splitter.finish(&mut take).is_continue());
        seen
    }

    #[test]
    fn lines_come_whole_wherever_the_chunks_end() {
        assert_eq!(split(&[b"a\nb", b"c", b"\n\nd"], 10), ["a$", "bc$", "$", "d"]);
        assert_eq!(split(&[], 10), Vec::<String>::new());
        assert_eq!(split(&[b"12345\n"], 5), ["12345$"]);
    }

    #[test]
    fn a_line_beyond_the_bound_comes_in_parts_and_the_next_one_whole() {
        assert_eq!(split(&[b"123", b"456", b"78\nab\n"], 5), ["<12345", ">6", ">78$", "ab$"]);
        assert_eq!(split(&[b"1234567"], 5), ["<12345", ">67"]);
    }

    #[test]
    fn breaking_off_stops_at_once() {
        let mut count = 0;
        let flow = LineSplitter::new(9).push(b"a\nb\nc\n", |_| {
            count += 1;
            if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(flow.is_break());
        assert_eq!(count, 2);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_added(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'x'), Just(b'y')], 0..60),
            size in 1_usize..9,
            bound in 1_usize..9,
        ) {
            let mut splitter = LineSplitter::new(bound);
            let mut out = Vec::new();
            let mut take = |piece: Piece<'_>| {
                let (bytes, ended) = match piece {
                    Piece::Line { bytes, ended } | Piece::Part { bytes, ended, .. } => (bytes, ended),
                };
                out.extend_from_slice(bytes);
                if ended {
                    out.push(b'\n');
                }
                ControlFlow::Continue(())
            };
            for chunk in text.chunks(size) {
                prop_assert!(splitter.push(chunk, &mut take).is_continue());
            }
            prop_assert!(splitter.finish(&mut take).is_continue());
            prop_assert_eq!(out, text);
        }
    }
}
