//! The engine: reads a text of any length once, in bounded memory.
//!
//! The text comes whole or in parts; it is read in parts of up to [`MAX_PART`] bytes. Each part is
//! sampled, dialects that recognise the sample join the reading from that part on (up to
//! [`MAX_ACTIVE`]), and every line is cleaned and given to each of them. What is held is one part, the
//! dialects' bounded reports and the bounded watch for lines that look like a cause
//! ([`Watch`](super::watch::Watch)).
//!
//! A line longer than [`MAX_LINE`](super::clean::MAX_LINE) is read to there; a part without any line
//! end is read as one line and the rest of that line left out.

use super::clean::{Cleaner, has_controls};
use super::dialect::{Dialect, Spec};
use super::dialects;
use super::patterns::{PatternSet, PatternWatch};
use super::report::{Report, floor_boundary};
use super::sample::Sample;
use super::watch::Watch;
use std::sync::Arc;

/// Bytes read at once.
pub const MAX_PART: usize = 1 << 20;
/// Dialects that read at the same time; the sample of a text that mixes more has the first of the
/// registry win.
pub const MAX_ACTIVE: usize = 12;

struct Active {
    spec: &'static Spec,
    dialect: Box<dyn Dialect>,
    report: Report,
}

/// What was found in a whole text.
pub struct Reading {
    /// One report for each dialect that read it.
    pub reports: Vec<Report>,
    /// Lines that look like a cause, for when no dialect understood it.
    pub watch: Watch,
    /// The first match of a custom pattern.
    pub matched: Option<super::patterns::Match>,
    /// Lines of the text.
    pub lines: u64,
    /// Whether a bound was reached: a dialect did not join for [`MAX_ACTIVE`], or a line was cut.
    pub truncated: bool,
}

/// A reading that is under way.
pub struct Engine {
    cleaner: Cleaner,
    active: Vec<Active>,
    truncated: bool,
    watch: Watch,
    patterns: Option<PatternWatch>,
    pending: String,
    skipping: bool,
    line_number: u64,
}

impl Engine {
    /// Begins one, with the custom patterns to look for.
    #[must_use]
    pub fn new(patterns: Option<&Arc<PatternSet>>) -> Engine {
        Engine {
            cleaner: Cleaner::default(),
            active: Vec::new(),
            truncated: false,
            watch: Watch::default(),
            patterns: patterns.filter(|set| !set.is_empty()).map(PatternWatch::new),
            pending: String::new(),
            skipping: false,
            line_number: 0,
        }
    }

    /// Reads on. Parts may be cut anywhere between characters.
    pub fn feed(&mut self, mut text: &str) {
        // What waits goes before what comes, and may leave the beginning of a line that waits again.
        while !self.pending.is_empty() {
            let take = floor_boundary(text, MAX_PART.saturating_sub(self.pending.len()));
            self.pending.push_str(&text[..take]);
            text = &text[take..];
            if self.pending.len() + 4 < MAX_PART {
                return;
            }
            // Lent out while it is read, and used again: fresh memory costs more than a copy.
            let mut pending = std::mem::take(&mut self.pending);
            let end = self.whole_lines(&pending);
            self.part(&pending[..end], false);
            pending.drain(..end);
            self.pending = pending;
            if text.is_empty() {
                return;
            }
        }
        while text.len() >= MAX_PART {
            let cut = &text[..floor_boundary(text, MAX_PART)];
            let end = self.whole_lines(cut);
            self.part(&text[..end], false);
            text = &text[end..];
        }
        self.pending.push_str(text);
    }

    /// Where the last whole line ends; the whole text, when it is but the beginning of one.
    fn whole_lines(&self, text: &str) -> usize {
        memchr::memrchr(b'\n', text.as_bytes()).map_or(text.len(), |at| at + 1)
    }

    /// Ends the reading.
    #[must_use]
    pub fn finish(mut self) -> Reading {
        let rest = std::mem::take(&mut self.pending);
        self.part(&rest, true);
        self.end()
    }

    /// Ends the reading with the rest of the text, which is not copied when nothing waits before it.
    #[must_use]
    pub fn finish_with(mut self, rest: &str) -> Reading {
        if self.pending.is_empty() && rest.len() < MAX_PART {
            self.part(rest, true);
            return self.end();
        }
        self.feed(rest);
        self.finish()
    }

    fn end(self) -> Reading {
        let reports = self
            .active
            .into_iter()
            .map(|mut active| {
                active.report.at_line(self.line_number);
                active.dialect.finish(&mut active.report);
                active.report
            })
            .collect();
        Reading {
            reports,
            watch: self.watch,
            matched: self.patterns.and_then(PatternWatch::finish),
            lines: self.line_number,
            truncated: self.truncated,
        }
    }

    fn part(&mut self, text: &str, last: bool) {
        let text = if self.skipping {
            // The rest of a line whose beginning was read.
            match memchr::memchr(b'\n', text.as_bytes()) {
                Some(at) => {
                    self.skipping = false;
                    &text[at + 1..]
                }
                None => return,
            }
        } else {
            text
        };
        if text.is_empty() {
            return;
        }
        self.skipping = text.len() >= MAX_PART - 4 && !text.ends_with('\n');
        self.cleaner.learn(text.lines());
        let sample = Sample::of(text, &self.cleaner, last || self.line_number == 0);
        self.watch.sample(&sample, self.line_number == 0);
        self.join(&sample);
        self.lines(text);
    }

    /// Lets every dialect join that recognises the sample and reads not yet.
    fn join(&mut self, sample: &Sample) {
        for spec in dialects::marked(sample.text()) {
            if self.active.iter().any(|active| std::ptr::eq(active.spec, spec))
                || !(spec.recognises)(sample)
            {
                continue;
            }
            if self.active.len() >= MAX_ACTIVE {
                self.truncated = true;
                continue;
            }
            let dialect = (spec.start)();
            let report = dialect.report();
            self.active.push(Active { spec, dialect, report });
        }
    }

    fn lines(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let plain = self.cleaner.is_plain() && !has_controls(bytes);
        let mut start = 0;
        let rest = (!bytes.ends_with(b"\n")).then_some(bytes.len());
        for end in memchr::memchr_iter(b'\n', bytes).chain(rest) {
            let line = &text[start..end];
            start = end + 1;
            self.line_number += 1;
            self.truncated |= line.len() > super::clean::MAX_LINE;
            if plain && line.len() <= super::clean::MAX_LINE && !line.starts_with("##[") {
                self.line(line.trim_ascii_end());
            } else {
                // The cleaner is lent out while the line is read.
                let cleaner = std::mem::take(&mut self.cleaner);
                self.line(cleaner.clean(line).trim_end());
                self.cleaner = cleaner;
            }
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(patterns) = &mut self.patterns {
            patterns.line(line);
        }
        for Active { dialect, report, .. } in &mut self.active {
            report.at_line(self.line_number);
            dialect.line(line, report);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parts: &[&str]) -> Reading {
        let mut engine = Engine::new(None);
        for part in parts {
            engine.feed(part);
        }
        engine.finish()
    }

    fn findings(reading: &Reading) -> Vec<(String, u64, Option<String>)> {
        reading
            .reports
            .iter()
            .map(|report| (report.tool.to_owned(), report.total(), report.first.clone()))
            .collect()
    }

    #[test]
    fn a_line_of_many_megabytes_is_one_line() {
        let long = "x".repeat(5 << 20);
        let text = format!("{long}\nsecond\n");
        assert_eq!(read(&[&text]).lines, 2);
        let parts: Vec<&str> = text
            .as_bytes()
            .chunks(100_000)
            .map(|part| std::str::from_utf8(part).unwrap())
            .collect();
        assert_eq!(read(&parts).lines, 2);
    }

    #[test]
    fn a_long_line_that_waits_is_read_on_however_often() {
        let long = "x".repeat(MAX_PART - 2);
        let text = format!("a\n{long}").repeat(4);
        for first in [1, 3, MAX_PART - 1, MAX_PART, MAX_PART + 1] {
            let (head, rest) = text.split_at(first);
            assert_eq!(read(&[head, rest]).lines, 5, "{first}");
        }
    }

    #[test]
    fn nothing_is_no_line() {
        assert_eq!(read(&[]).lines, 0);
        assert_eq!(read(&["", ""]).lines, 0);
        assert_eq!(read(&["\n"]).lines, 1);
    }

    proptest! {
        #[test]
        fn where_the_text_is_cut_makes_no_difference(cuts in proptest::collection::vec(0usize..400, 0..6)) {
            let text = "src/a.ts(1,2): error TS2304: Cannot find name 'é'.\n".repeat(8);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| floor_boundary(&text, at)).collect();
            cuts.sort_unstable();
            let mut parts = Vec::new();
            let mut start = 0;
            for cut in cuts {
                parts.push(&text[start..cut]);
                start = cut;
            }
            parts.push(&text[start..]);
            prop_assert_eq!(findings(&read(&parts)), findings(&read(&[&text])));
        }
    }
}
