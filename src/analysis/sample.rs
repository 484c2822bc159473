//! The sample: the bounded part of a text from which the dialects worth reading it with are chosen.
//!
//! Of a part of up to [`MAX_PART`](super::engine::MAX_PART) bytes it holds the beginning and the end
//! ([`EDGE`] bytes each) and windows evenly between, [`MAX_SAMPLE`] bytes in all, as whole cleaned lines.

use super::clean::{Cleaner, MAX_LINE, has_controls};

/// Bytes at either end that are always in it.
pub const EDGE: usize = 32 << 10;
/// Bytes of one window between.
pub const WINDOW: usize = 2 << 10;
/// Windows between.
pub const WINDOWS: usize = 16;
/// Bytes up to which a part is its own sample; the lines at the edges of windows may add as many again.
pub const MAX_SAMPLE: usize = 2 * EDGE + WINDOWS * WINDOW;
/// By how much edges and windows are smaller in parts that neither begin nor end a text: what goes on for
/// megabytes repeats itself.
pub const FURTHER: usize = 4;

/// Cleaned lines of a text, or of parts of it.
#[derive(Debug, Default)]
pub struct Sample {
    text: String,
    /// Where its lines begin and end: recognisers ask for them again and again.
    lines: Vec<(u32, u32)>,
}

impl Sample {
    /// Of one part of a text; `outer` when the text begins or ends there.
    #[must_use]
    pub fn of(part: &str, cleaner: &Cleaner, outer: bool) -> Sample {
        let by = if outer { 1 } else { FURTHER };
        let (edge, window) = (EDGE / by, WINDOW / by);
        let mut sample = Sample::default();
        if part.len() <= MAX_SAMPLE / by {
            sample.add(part, cleaner, 2 * MAX_SAMPLE);
            return sample;
        }
        let head = end_of_line(part, edge);
        sample.add(&part[..head], cleaner, 2 * edge);
        let tail = start_of_line(part, part.len() - edge).max(head);
        let stride = (tail - head) / WINDOWS;
        let mut done = head;
        for number in 0..WINDOWS {
            let start = start_of_line(part, head + number * stride).max(done);
            let end = end_of_line(part, (start + window).min(tail)).min(tail);
            if start < end {
                sample.add(&part[start..end], cleaner, 2 * window);
                done = end;
            }
        }
        sample.add(&part[tail..], cleaner, 2 * edge);
        sample
    }

    fn add(&mut self, text: &str, cleaner: &Cleaner, most: usize) {
        let clean = cleaner.is_plain() && !has_controls(text.as_bytes());
        let most = self.text.len() + most;
        for line in text.split_terminator('\n') {
            if self.text.len() > most {
                return;
            }
            if clean && line.len() <= MAX_LINE && !line.starts_with("##[") {
                self.push(line.trim_ascii_end());
            } else {
                self.push(cleaner.clean(line).trim_end());
            }
        }
    }

    fn push(&mut self, line: &str) {
        let start = self.text.len() as u32;
        self.text.push_str(line);
        self.lines.push((start, self.text.len() as u32));
        self.text.push('\n');
    }

    /// The sample as one text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its lines, cleaned, without trailing blanks.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(|(start, end)| &self.text[*start as usize..*end as usize])
    }

    /// Whether a line begins like this.
    #[must_use]
    pub fn has_line_starting(&self, start: &str) -> bool {
        self.text.starts_with(start)
            || memchr::memmem::find_iter(self.text.as_bytes(), start)
                .any(|at| at > 0 && self.text.as_bytes()[at - 1] == b'\n')
    }

    /// Whether this is anywhere in it.
    #[must_use]
    pub fn has(&self, what: &str) -> bool {
        memchr::memmem::find(self.text.as_bytes(), what.as_bytes()).is_some()
    }
}

fn end_of_line(text: &str, at: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |found| at + found + 1)
}

fn start_of_line(text: &str, at: usize) -> usize {
    memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |found| found + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_large_text_is_sampled_at_its_ends_and_between() {
        let text: String = (0..60_000).map(|n| format!("line number {n}\n")).collect();
        let sample = Sample::of(&text, &Cleaner::default(), true);
        assert!(sample.text().len() < 2 * MAX_SAMPLE, "{}", sample.text().len());
        assert!(sample.has_line_starting("line number 0\n"));
        assert!(sample.has_line_starting("line number 59999"));
        let middle = sample.lines().filter(|line| line.starts_with("line number 3")).count();
        assert!(middle > 100, "{middle}");
        assert!(!sample.has_line_starting("number"));
    }

    proptest! {
        #[test]
        fn every_line_of_it_is_a_line_of_the_text(lengths in proptest::collection::vec(0usize..3000, 50..400), outer: bool) {
            let text: String = lengths.iter().enumerate().map(|(n, length)| format!("{n} {}\n", "é".repeat(*length))).collect();
            let lines: std::collections::HashSet<&str> = text.lines().collect();
            let sample = Sample::of(&text, &Cleaner::default(), outer);
            for line in sample.lines().filter(|line| !line.is_empty()) {
                prop_assert!(lines.iter().any(|own| own.trim_end() == line || own.starts_with(line)));
            }
        }
    }
}
