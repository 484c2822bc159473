//! The Test Anything Protocol, versions 12 to 14, as node:test, tape, tap, bats, prove and many others
//! print it (<https://testanything.org/tap-version-14-specification.html>).
//!
//! ```text
//! TAP version 13
//! not ok 2 - strict
//!   ---
//!   location: '/app/test/parse.test.js:4:1'
//!   error: 'Missing expected rejection.'
//!   ...
//!     not ok 1 - nested                    subtests are indented, and stand before their parent
//! # fail 3                                 a total of node:test and tape
//! ```

use super::failures::{Cause, Failures, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "tap",
    markers: &["not ok ", "TAP version 1", "Bail out!"],
    recognises,
    start: || Box::new(Tap::default()),
};

fn recognises(sample: &Sample) -> bool {
    // ESLint prints its problems so: no tests.
    if sample.has(" ruleId: ") {
        return false;
    }
    let mut points = 0;
    for line in sample.lines() {
        if line.starts_with("TAP version 1") {
            return true;
        }
        let text = line.trim_start();
        if text.starts_with("not ok ") || text.starts_with("ok ") {
            points += u32::from(point(text).is_some());
        } else if plan(text) && points > 0 {
            return true;
        }
        if points > 0 && text == "---" {
            return true;
        }
    }
    points > 1
}

#[derive(Default)]
struct Tap {
    failures: Failures,
    cause: Cause,
    /// How far in the last failure stood.
    failed_at: Option<usize>,
    /// In the block of data of a failure.
    in_data: bool,
    /// The next line is the error's text.
    error_follows: bool,
    /// The data are YAML, between `---` and `...`.
    yaml: bool,
    /// Lines of that text to take yet.
    more: u8,
    /// The failure whose data comes has its file.
    placed: bool,
}

impl Dialect for Tap {
    fn report(&self) -> Report {
        Report::new("tap", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let Some(first) = text.bytes().next() else { return };
        match first {
            b'n' if text.starts_with("not ok ") => {
                self.failed(text, line.len() - text.len(), report);
                return;
            }
            b'o' if text.starts_with("ok ") => {
                self.in_data = false;
                self.cause.close();
                return;
            }
            // Subtests in braces end: what comes next is not their parent.
            b'}' if text == "}" => {
                self.failed_at = None;
                return;
            }
            b'B' if text.starts_with("Bail out!") => {
                report.failed = true;
                report.quote(text);
                return;
            }
            b'#' => {
                self.comment(line, text, report);
                return;
            }
            _ => {}
        }
        if self.in_data || self.cause.is_open() {
            self.data(text, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Tap {
    fn failed(&mut self, text: &str, indent: usize, report: &mut Report) {
        self.cause.close();
        let Some(name) = point(text) else { return };
        // Subtests in braces follow it.
        if name.ends_with(" {") {
            self.failed_at = None;
            return;
        }
        let name = name.split_once(" # time=").map_or(name, |(name, _)| name);
        if name.contains("# TODO") || name.contains("# SKIP") || name.contains("# todo") {
            return;
        }
        // The parent of a subtest that failed fails for it alone.
        let parent = self.failed_at.is_some_and(|below| below > indent);
        self.failed_at = Some(indent);
        if parent {
            return;
        }
        self.in_data = true;
        self.placed = false;
        self.error_follows = false;
        self.more = 0;
        self.yaml = false;
        self.failures.add(if name.is_empty() { text } else { name }, "", report);
        self.cause.begin(text.split_once(" # time=").map_or(text, |(text, _)| text), report);
    }

    /// `# fail 3` ends a run; bats says `# (in test file test/a.bats, line 5)`.
    fn comment(&mut self, line: &str, text: &str, report: &mut Report) {
        if let Some(rest) = line.strip_prefix("# fail ")
            && let Some((count, "")) = number(rest.trim_start())
        {
            state(report, u64::from(count));
            if count > 0 {
                seen(report);
            }
        } else if self.in_data && !self.placed {
            let file = text
                .split_once("in test file ")
                .map(|(_, rest)| rest)
                .and_then(|rest| rest.split(", line").next());
            if let Some(file) = file {
                report.file(file);
                self.placed = true;
            }
        } else if self.cause.is_open() && self.cause.is_bare() && self.placed {
            self.cause.piece(text.trim_start_matches(['#', ' ']));
        }
    }

    fn data(&mut self, text: &str, report: &mut Report) {
        match text {
            "..." => {
                self.in_data = false;
                self.cause.close();
                return;
            }
            "---" => self.yaml = true,
            // Mocha's is the message and the stack.
            _ if !self.yaml => {
                if self.cause.is_open() && self.cause.is_bare() {
                    self.cause.piece(text);
                    self.cause.close();
                } else if !self.placed && text.starts_with("at ") && text.contains("Context.") {
                    let place = text.rsplit_once('(').map_or("", |(_, place)| place);
                    let file = place.rsplitn(3, ':').nth(2).unwrap_or_default();
                    report.file(file.strip_prefix("file://").unwrap_or(file));
                    self.placed = true;
                }
                return;
            }
            _ => {}
        }
        if self.more > 0 && self.cause.is_open() {
            // What was compared comes after a blank line.
            if text.contains(": ") && text.split(':').next().is_some_and(is_key) {
                self.more = 0;
            } else {
                if self.error_follows {
                    self.cause.piece(text);
                    self.error_follows = false;
                } else {
                    self.cause.rest_of_piece(text);
                }
                self.more -= 1;
                return;
            }
        }
        let Some((key, value)) = text.split_once(':') else { return };
        if !is_key(key) {
            return;
        }
        let value = value.trim();
        match key {
            "location" | "at" | "file" | "fileName" | "filename" if !self.placed => {
                let value = unquoted(value);
                let place =
                    value.rsplit_once(" (").map_or(value, |(_, rest)| rest.trim_end_matches(')'));
                let file = place.strip_prefix("file://").unwrap_or(place);
                let file = file.split_once(":").map_or(file, |(head, tail)| {
                    // A drive letter is part of the path.
                    if head.len() == 1 {
                        let end = tail.find(':').map_or(file.len(), |at| at + 2);
                        &file[..end]
                    } else {
                        head
                    }
                });
                if !file.is_empty() && file.contains(['/', '\\', '.']) {
                    report.file(file);
                    self.placed = true;
                }
            }
            // Its subtests were cut away; it fails for them alone.
            "failureType" if value == "'subtestsFailed'" => {
                self.failures.drop_last();
                if self.cause.is_open() {
                    self.cause = Cause::default();
                }
            }
            "error" | "message" if self.cause.is_open() && self.cause.is_bare() => {
                if matches!(value, "|-" | "|" | ">-" | ">" | "|+") {
                    self.error_follows = true;
                    self.more = 3;
                } else {
                    self.cause.piece(unquoted(value));
                }
            }
            "expected" | "actual" | "found" | "wanted"
                if self.cause.is_open() && !value.is_empty() =>
            {
                self.cause.piece(text);
            }
            _ => {}
        }
    }
}

/// A test point's name: of `not ok 2 - strict` and `ok 2 strict`.
fn point(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("not ").unwrap_or(text).strip_prefix("ok ")?;
    let (_, rest) = number(rest)?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let rest = rest.trim_start();
    Some(rest.strip_prefix("- ").unwrap_or(rest))
}

/// `1..4`.
fn plan(text: &str) -> bool {
    text.strip_prefix("1..")
        .is_some_and(|count| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 20
        && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

fn unquoted(value: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn parents_of_failed_subtests_are_not_counted() {
        let found = analyze(
            "TAP version 14\n# Subtest: outer\n    not ok 1 - inner\n      ---\n      error: 'it broke'\n      location: '/app/t.js:3:1'\n      ...\n    1..1\nnot ok 1 - outer\nok 2 - fine\nnot ok 3 - known # TODO later\n1..3\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/t.js"]);
        assert_eq!(found.details.first_error.as_deref(), Some("not ok 1 - inner - it broke"));
    }
}
