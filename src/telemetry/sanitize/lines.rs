//! The lines of a tool's output, and what tells them apart.

use memchr::memmem;
use regex::bytes::{Captures, Regex};
use std::sync::LazyLock;

/// A pattern that is compiled when it is first needed. It sees bytes: `\s`, `\S` and `.` mean ASCII.
pub(super) struct Pattern(pub(super) LazyLock<Option<Regex>>);

/// A [`Pattern`] of literals put together.
macro_rules! pattern {
    ($($part:expr),+ $(,)?) => {
        Pattern(std::sync::LazyLock::new(|| {
            regex::bytes::Regex::new(concat!("(?s-u)", $($part),+)).ok()
        }))
    };
}
pub(super) use pattern;

impl Pattern {
    pub(super) fn is_match(&self, line: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }

    pub(super) fn captures<'a>(&self, line: &'a [u8]) -> Option<Captures<'a>> {
        self.0.as_ref()?.captures(line)
    }

    /// The number that is the first group.
    pub(super) fn number(&self, line: &[u8]) -> Option<usize> {
        number(&self.captures(line)?, 1)
    }
}

/// The number that is the group `index`.
pub(super) fn number(found: &Captures<'_>, index: usize) -> Option<usize> {
    std::str::from_utf8(found.get(index)?.as_bytes()).ok()?.parse().ok()
}

static TIMESTAMP: Pattern = pattern!(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z ");

/// Lines of a stack trace, a test report or a compiler, which a count of something else would lose.
static FOREIGN: Pattern = pattern!(
    r"^\s+at \S.*:[0-9]|^Traceback \(most recent call last\)",
    r"|^\s*(?:FAIL|FAILED|\xE2\x9C\x95|\xE2\x9C\x97|not ok)\s|^(?:Tests|Test Suites):\s",
    r"|^\S+:[0-9]+(?::[0-9]+)?: (?:fatal )?error: |^error(?:\[E[0-9]+\])?: ",
    r"|^[A-Za-z0-9_.]*(?:Error|Exception)(?: \[[A-Z0-9_]+\])?: "
);

/// The lines of `text` that hold something, without line ends and a CI's timestamps.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &[u8]> {
    text.as_bytes()
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .map(without_timestamp)
        .filter(|line| !line.is_empty())
}

fn without_timestamp(line: &[u8]) -> &[u8] {
    if !line.first().is_some_and(u8::is_ascii_digit) {
        return line;
    }
    let end = TIMESTAMP.0.as_ref().and_then(|pattern| pattern.shortest_match(line));
    end.and_then(|end| line.get(end..)).unwrap_or(line)
}

/// Whether a line is of something that a count would lose.
pub(super) fn is_foreign(line: &[u8]) -> bool {
    FOREIGN.is_match(line) || memmem::find(line, b"panicked at ").is_some()
}
