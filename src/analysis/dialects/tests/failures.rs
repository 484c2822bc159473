//! What the readers of test runners' output share: failed tests told in several ways, the first failure
//! put together from lines apart, and numbers in totals.

use crate::analysis::report::Report;

/// Failed tests remembered by name; further ones are counted.
const MAX_NAMES: usize = 100;
/// Bytes of a quotation that is being put together.
const MAX_CAUSE: usize = 1200;

/// Failed tests as one part of the output tells them. Runners tell each failure two or three times (as
/// it happens, with its details, in a list at the end); a dialect keeps one of these for each way and
/// gives the best of them to the report.
#[derive(Debug, Default)]
pub(super) struct Failures {
    names: Vec<(String, String)>,
    count: u64,
}

impl Failures {
    /// Remembers one, and that the failure is first told here.
    pub(super) fn add(&mut self, name: &str, file: &str, report: &mut Report) {
        self.count += 1;
        seen(report);
        report.file(file);
        if self.names.len() < MAX_NAMES {
            self.names.push((name.trim().to_owned(), file.to_owned()));
        }
    }

    /// Forgets the last, which turned out to be none of its own.
    pub(super) fn drop_last(&mut self) {
        if self.count > 0 {
            if self.names.len() as u64 == self.count {
                self.names.pop();
            }
            self.count -= 1;
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The name of the first.
    pub(super) fn first(&self) -> Option<&str> {
        self.names.first().map(|(name, _)| name.as_str())
    }

    /// Puts them into the report.
    pub(super) fn tell(&self, report: &mut Report) {
        for (name, file) in &self.names {
            report.failed_test(name, file);
        }
        report.errors += self.count - self.names.len() as u64;
    }

    /// Puts the first of these that is not empty into the report.
    pub(super) fn tell_best(ways: &[&Failures], report: &mut Report) {
        if let Some(best) = ways.iter().find(|way| way.count > 0) {
            best.tell(report);
        }
    }
}

/// The first failure, quoted as `name - message, more of it`.
#[derive(Debug, Default)]
pub(super) struct Cause {
    text: String,
    /// Bytes of its name.
    head: usize,
    pieces: u8,
    open: bool,
}

impl Cause {
    /// A failure begins. The first is taken; any further one ends it.
    pub(super) fn begin(&mut self, head: &str, report: &mut Report) {
        self.open = self.text.is_empty() && !head.trim().is_empty();
        if self.open {
            self.push(head.trim());
            self.head = self.text.len();
            seen(report);
        }
    }

    /// Whether what follows belongs to the first failure.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// What was said was not yet the failure: its message comes.
    pub(super) fn retell(&mut self) {
        self.text.truncate(self.head);
        self.pieces = 0;
        self.open = self.head > 0;
    }

    /// Whether nothing was said of it but its name.
    pub(super) fn is_bare(&self) -> bool {
        self.pieces == 0
    }

    /// Whether there is none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds a piece of its message.
    pub(super) fn piece(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.push(if self.pieces == 0 { " - " } else { ", " });
            self.push(text);
            self.pieces = self.pieces.saturating_add(1);
        }
    }

    /// Adds the rest of a piece.
    pub(super) fn rest_of_piece(&mut self, text: &str) {
        self.push(" ");
        self.push(text.trim());
    }

    /// Nothing more belongs to it.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    /// Quotes it, unless something is quoted already.
    pub(super) fn tell(&self, report: &mut Report) {
        report.quote(&self.text);
    }

    fn push(&mut self, text: &str) {
        let room = MAX_CAUSE.saturating_sub(self.text.len());
        self.text.push_str(fitting(text, room));
    }
}

/// As much of a text as has at most these bytes.
pub(super) fn fitting(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Remembers that the failure is first told in the line being read.
pub(super) fn seen(report: &mut Report) {
    if report.first_line == 0 {
        report.first_line = report.line_number();
    }
}

/// The number right before this text: `3` of `3 failed, 1 passed` before ` failed`.
pub(super) fn number_before(text: &str, what: &str) -> Option<u64> {
    let at = memchr::memmem::find(text.as_bytes(), what.as_bytes())?;
    let head = &text[..at];
    let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
    head[head.len() - digits..].parse().ok()
}

/// The number after this text, blanks between allowed: `3` of `Failures: 3, Errors: 0` after `Failures:`.
pub(super) fn number_after(text: &str, what: &str) -> Option<u64> {
    let at = memchr::memmem::find(text.as_bytes(), what.as_bytes())?;
    let rest = text[at + what.len()..].trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// Adds to a total that several runs in one text state.
pub(super) fn state(report: &mut Report, count: u64) {
    report.stated = Some(report.stated.unwrap_or(0).saturating_add(count));
}

/// Ends a reading whose total may be of a text without any failure: a total of none beside failures that
/// were seen is of another run.
pub(super) fn settle(report: &mut Report) {
    if report.stated == Some(0) && report.is_failure() && report.errors > 0 {
        report.stated = None;
    }
    if report.stated.is_some_and(|count| count > 0) {
        report.failed = true;
    }
}

/// Without ` (12.3 ms)` or ` [12.3ms]` at its end: how long it took is not part of a test's name.
pub(super) fn without_duration(name: &str) -> &str {
    let cut = match name.as_bytes().last() {
        Some(b')') => name.rfind(" ("),
        Some(b']') => name.rfind(" ["),
        _ => None,
    };
    match cut {
        Some(at) if is_duration(&name[at + 2..name.len() - 1]) => &name[..at],
        _ => name,
    }
}

fn is_duration(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(['s', 'm', 'h'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".,:nmsh ".contains(&byte) || !byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_totals() {
        assert_eq!(number_before("Tests:  3 failed, 12 passed", " passed"), Some(12));
        assert_eq!(number_before("all passed", " passed"), None);
        assert_eq!(number_after("Failures:   3, Errors: 0", "Failures:"), Some(3));
    }

    #[test]
    fn durations_are_no_part_of_names() {
        assert_eq!(without_duration("adds (12.3 ms)"), "adds");
        assert_eq!(without_duration("adds [0.5ms]"), "adds");
        assert_eq!(without_duration("adds (twice)"), "adds (twice)");
        assert_eq!(without_duration("adds (12)"), "adds (12)");
    }
}
