//! Jasmine (<https://jasmine.github.io/>, `jasmine/lib/reporters/console_reporter.js`) and Karma
//! (<https://karma-runner.github.io/>, `lib/reporters/base.js`), which mostly runs it.
//!
//! ```text
//! Failures:
//! 1) Cart adds
//!   Message:
//!     Expected 1 to be 2.
//! 3 specs, 1 failure
//! ```
//! ```text
//! Chrome Headless 120.0.0.0 (Linux x86_64) Cart adds FAILED
//!     Error: Expected 1 to be 2.
//! Chrome Headless 120.0.0.0 (Linux x86_64): Executed 3 of 3 (1 FAILED) (0.1 secs / 0.05 secs)
//! TOTAL: 1 FAILED, 2 SUCCESS
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{number, whole};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "jasmine",
    markers: &[" specs, ", "1 spec, ", " FAILED) (", "TOTAL: "],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| specs(line).is_some() || executed(line).is_some())
    },
    start: || Box::new(Jasmine::default()),
};

#[derive(Default)]
struct Jasmine {
    failures: Failures,
    cause: Cause,
    /// The next line is the message.
    message_follows: bool,
    /// The failure being read has its file.
    placed: bool,
    /// What the last count of each browser's progress was: it is told again with every test.
    executed: Option<u64>,
}

impl Dialect for Jasmine {
    fn report(&self) -> Report {
        Report::new("jasmine", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        if std::mem::take(&mut self.message_follows) {
            self.cause.piece(line);
            self.cause.close();
            return;
        }
        match first {
            b' ' | b'\t' => {
                self.frame(line, report);
                if self.cause.is_open() && self.cause.is_bare() {
                    if line.trim_start() == "Message:" {
                        self.message_follows = true;
                    } else if first == b'\t' {
                        self.cause.piece(line);
                        self.cause.close();
                    }
                }
            }
            b'0'..=b'9' => {
                if let Some(count) = specs(line) {
                    state(report, count);
                    if count > 0 {
                        seen(report);
                    }
                } else if let Some((_, rest)) = number(line)
                    && let Some(name) = rest.strip_prefix(") ")
                {
                    self.failed(name, report);
                }
            }
            _ => {
                if line.ends_with(" FAILED")
                    && let Some((_, name)) = line.split_once(") ")
                {
                    self.failed(name.trim_end_matches(" FAILED"), report);
                } else if line.ends_with(')')
                    && let Some(count) = executed(line)
                {
                    self.executed = Some(self.executed.unwrap_or(0).max(count));
                    if count > 0 {
                        seen(report);
                    }
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if report.stated.is_none() {
            report.stated = self.executed;
        }
        if report.stated.is_some_and(|stated| stated > 0) {
            self.failures.tell(report);
            self.cause.tell(report);
        }
        settle(report);
    }
}

impl Jasmine {
    /// `at UserContext.<anonymous> (/app/spec/a.spec.js:1:56)`: tests run with a context of that name.
    fn frame(&mut self, line: &str, report: &mut Report) {
        if self.placed || memchr::memmem::find(line.as_bytes(), b"UserContext.").is_none() {
            return;
        }
        let Some((_, place)) = line.rsplit_once('(') else { return };
        let place = place.trim_end_matches(')');
        let place = place.strip_prefix("file://").unwrap_or(place);
        if let Some(found) = whole(place) {
            report.file(found.file);
            self.placed = true;
        }
    }

    fn failed(&mut self, name: &str, report: &mut Report) {
        self.placed = false;
        self.failures.add(name, "", report);
        self.cause.begin(name, report);
    }
}

/// Failures of `3 specs, 1 failure, 1 pending spec`.
fn specs(line: &str) -> Option<u64> {
    let (_, rest) = number(line)?;
    if !rest.starts_with(" specs, ") && !rest.starts_with(" spec, ") {
        return None;
    }
    number_before(rest, " failure")
}

/// Failures of `Chrome 120 (Linux): Executed 3 of 3 (1 FAILED) (0.1 secs / 0.05 secs)`.
fn executed(line: &str) -> Option<u64> {
    let (_, counts) = line.split_once(": Executed ")?;
    let (_, rest) = number(counts)?;
    rest.strip_prefix(" of ")?;
    Some(number_before(rest, " FAILED)").unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn jasmine_s_message_is_quoted() {
        let found = analyze(
            "Started\nF.\n\nFailures:\n1) Cart adds\n  Message:\n    Expected 1 to be 2.\n  Stack:\n        at x\n\n2 specs, 1 failure\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.first_error.as_deref(), Some("Cart adds - Expected 1 to be 2."));
    }

    #[test]
    fn karma_s_last_count_is_the_total() {
        let found = analyze(
            "Chrome 120.0 (Linux x86_64) Cart adds FAILED\n\tError: Expected 1 to be 2.\nChrome 120.0 (Linux x86_64): Executed 1 of 2 (1 FAILED) (0 secs / 0.05 secs)\nChrome 120.0 (Linux x86_64): Executed 2 of 2 (1 FAILED) (0.1 secs / 0.05 secs)\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Cart adds - Error: Expected 1 to be 2.")
        );
    }
}
