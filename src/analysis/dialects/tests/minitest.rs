//! Minitest and Rails' runner, and test-unit's totals
//! (<https://github.com/minitest/minitest>, `lib/minitest.rb`).
//!
//! ```text
//!   1) Failure:
//! TestCart#test_total [test/cart_test.rb:5]:       Rails has no number, and an empty line after `Failure:`
//! Expected: 2
//!   Actual: 1
//!
//! 3 runs, 3 assertions, 1 failures, 0 errors, 0 skips
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "minitest",
    markers: &[" assertions, "],
    recognises: |sample: &Sample| sample.lines().any(|line| total(line).is_some()),
    start: || Box::new(Minitest::default()),
};

#[derive(Default)]
struct Minitest {
    /// After `Failure:` or `Error:`, the name comes.
    named_next: bool,
    failures: Failures,
    cause: Cause,
}

impl Dialect for Minitest {
    fn report(&self) -> Report {
        Report::new("minitest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else {
            if !self.cause.is_bare() {
                self.cause.close();
            }
            return;
        };
        if std::mem::take(&mut self.named_next) && line.contains('#') {
            self.name(line, report);
        } else if first.is_ascii_digit()
            && let Some(count) = total(line)
        {
            state(report, count);
            if count > 0 {
                report.failed = true;
                seen(report);
            }
        } else if matches!(first, b' ' | b'F' | b'E') && is_heading(line) {
            self.named_next = true;
        } else if self.cause.is_open() {
            self.cause.piece(line);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Minitest {
    fn name(&mut self, line: &str, report: &mut Report) {
        let line = line.trim_end_matches(':');
        let (name, place) = match line.strip_suffix(']').and_then(|rest| rest.split_once(" [")) {
            Some((name, place)) => (name, place),
            None => (line, ""),
        };
        let file = place.rsplit_once(':').map_or("", |(file, _)| file);
        self.failures.add(name, file, report);
        self.cause.begin(name, report);
    }
}

/// `  1) Failure:`, `Error:`.
fn is_heading(line: &str) -> bool {
    let text = line.trim_start();
    let text = number(text).and_then(|(_, rest)| rest.strip_prefix(") ")).unwrap_or(text);
    text == "Failure:" || text == "Error:"
}

/// Failures and errors of `3 runs, 3 assertions, 1 failures, 0 errors, 0 skips` (test-unit: `3 tests, …`).
fn total(line: &str) -> Option<u64> {
    let (_, rest) = number(line)?;
    if !rest.starts_with(" runs, ") && !rest.starts_with(" tests, ") {
        return None;
    }
    number_before(rest, " assertions, ")?;
    Some(number_before(rest, " failures")? + number_before(rest, " errors")?)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_and_errors_are_added() {
        let found = analyze(
            "  1) Failure:\nTestCart#test_total [test/cart_test.rb:5]:\nExpected: 2\n  Actual: 1\n\n  2) Error:\nTestCart#test_x:\nNameError: y\n    test/cart_test.rb:9:in `x'\n\n3 runs, 3 assertions, 1 failures, 1 errors, 0 skips\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.affected_files, ["test/cart_test.rb"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("TestCart#test_total - Expected: 2, Actual: 1")
        );
    }
}
