//! PHPUnit, and Pest's totals (<https://docs.phpunit.de/en/11.5/textui.html>,
//! `src/TextUI/Output/Default/ResultPrinter.php`).
//!
//! ```text
//! There was 1 failure:
//!
//! 1) CalcTest::testAdd
//! Failed asserting that 3 matches expected 4.
//!
//! /app/tests/CalcTest.php:12
//!
//! FAILURES!
//! Tests: 3, Assertions: 3, Errors: 1, Failures: 1.
//! ```

use super::failures::{Cause, Failures, number_after, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "phpunit",
    markers: &[", Assertions: ", "PHPUnit ", "There was 1 ", "  Tests:    "],
    recognises,
    start: || Box::new(PhpUnit::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        line.starts_with("PHPUnit ") && line.contains(" by Sebastian Bergmann")
            || total(line).is_some()
            || list(line).is_some()
            || pest(line).is_some()
    })
}

#[derive(Default)]
struct PhpUnit {
    /// In a list of errors or failures, not of warnings or skipped tests.
    listing: bool,
    failures: Failures,
    cause: Cause,
    /// The failure being listed has its file.
    placed: bool,
}

impl Dialect for PhpUnit {
    fn report(&self) -> Report {
        Report::new("phpunit", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b'T' => {
                if let Some(fails) = list(line) {
                    self.listing = fails;
                    return;
                }
                if let Some(count) = total(line) {
                    stated(count, report);
                    self.listing = false;
                    return;
                }
            }
            b' ' => {
                if let Some(count) = pest(line) {
                    stated(count, report);
                    return;
                } else if let Some(name) = line.strip_prefix("   FAILED  ") {
                    let name = name.trim_start();
                    self.failures.add(name, "", report);
                    self.cause.begin(name, report);
                    return;
                }
            }
            b'N' if line == "No tests executed!" => {
                report.failed = true;
                state(report, 0);
                report.quote(line);
                return;
            }
            b'0'..=b'9' if self.listing => {
                if let Some((_, rest)) = number(line)
                    && let Some(name) = rest.strip_prefix(") ")
                {
                    self.failures.add(name, "", report);
                    self.cause.begin(name, report);
                    self.placed = false;
                    return;
                }
            }
            _ => {}
        }
        if self.cause.is_open() && self.cause.is_bare() {
            self.cause.piece(line);
            self.cause.close();
        }
        if self.listing && !self.placed {
            self.place(line, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl PhpUnit {
    /// `/app/tests/CalcTest.php:12`
    fn place(&mut self, line: &str, report: &mut Report) {
        if let Some((file, row)) = line.rsplit_once(':')
            && file.ends_with(".php")
            && !file.contains("/vendor/")
            && !row.is_empty()
            && row.bytes().all(|byte| byte.is_ascii_digit())
        {
            report.file(file);
            self.placed = true;
        }
    }
}

fn stated(count: u64, report: &mut Report) {
    state(report, count);
    if count > 0 {
        report.failed = true;
        seen(report);
    }
}

/// Whether a list that begins is of failures: `There was 1 failure:`, `There were 2 errors:`.
fn list(line: &str) -> Option<bool> {
    let rest = line.strip_prefix("There was ").or_else(|| line.strip_prefix("There were "))?;
    let (_, what) = number(rest)?;
    match what.trim_start().strip_suffix(':')? {
        "failure" | "failures" | "error" | "errors" => Some(true),
        "warning" | "warnings" | "skipped test" | "skipped tests" | "risky test"
        | "risky tests" | "incomplete test" | "incomplete tests" => Some(false),
        _ => None,
    }
}

/// Errors and failures of `Tests: 3, Assertions: 3, Errors: 1, Failures: 1.`
fn total(line: &str) -> Option<u64> {
    let counts = line.strip_prefix("Tests: ")?;
    number_after(counts, ", Assertions:")?;
    Some(
        number_after(counts, ", Failures:").unwrap_or(0)
            + number_after(counts, ", Errors:").unwrap_or(0),
    )
}

/// `  Tests:    1 failed, 2 passed (3 assertions)`.
fn pest(line: &str) -> Option<u64> {
    let counts = line.strip_prefix("  Tests:  ")?;
    counts.ends_with(" assertions)").then(|| number_before(counts, " failed").unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn errors_and_failures_are_added() {
        let found = analyze(
            "PHPUnit 11.5.0 by Sebastian Bergmann and contributors.\n\n.EF  3 / 3 (100%)\n\nThere was 1 error:\n\n1) CalcTest::testDiv\nDivisionByZeroError: Division by zero\n\n/app/tests/CalcTest.php:9\n\n--\n\nThere was 1 failure:\n\n1) CalcTest::testAdd\nFailed asserting that 3 matches expected 4.\n\n/app/tests/CalcTest.php:12\n\nERRORS!\nTests: 3, Assertions: 2, Errors: 1, Failures: 1.\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.affected_files, ["/app/tests/CalcTest.php"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("CalcTest::testDiv - DivisionByZeroError: Division by zero")
        );
    }
}
