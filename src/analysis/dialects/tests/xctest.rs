//! XCTest, `swift test` and `xcodebuild test`
//! (<https://github.com/swiftlang/swift-corelibs-xctest>, `Sources/XCTest/Public/XCTestObservation.swift`).
//!
//! ```text
//! /app/Tests/CalcTests.swift:12: error: CalcTests.testAdd : XCTAssertEqual failed: ("1") is not equal to ("2")
//! Test Case 'CalcTests.testAdd' failed (0.01 seconds)
//! Executed 3 tests, with 1 failure (0 unexpected) in 0.012 (0.012) seconds
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{colons, number};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "xctest",
    markers: &["Test Case '", " tests, with ", "1 test, with "],
    recognises: |sample: &Sample| {
        sample.has_line_starting("Test Case '") || sample.lines().any(|line| total(line).is_some())
    },
    start: || Box::new(XcTest::default()),
};

#[derive(Default)]
struct XcTest {
    failures: Failures,
    cause: Cause,
    /// Suites within suites state their totals; the outermost is last and largest.
    stated: Option<u64>,
}

impl Dialect for XcTest {
    fn report(&self) -> Report {
        Report::new("xctest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(rest) = line.strip_prefix("Test Case '") {
            if let Some((name, how)) = rest.split_once('\'')
                && how.starts_with(" failed")
            {
                self.failures.add(name, "", report);
                if self.cause.is_empty() {
                    self.cause.begin(name, report);
                }
            }
        } else if let Some(count) = total(line) {
            self.stated = Some(self.stated.unwrap_or(0).max(count));
            if count > 0 {
                seen(report);
            }
        } else if line.contains(".swift:")
            && let Some(place) = colons(line)
            && let Some(message) = place.rest.strip_prefix("error: ")
            && message.contains(" : ")
        {
            report.file(place.file);
            self.cause.begin(message, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        // Totals are of assertions; tests are what is counted.
        if self.failures.count() == 0 {
            report.stated = self.stated;
        }
        self.failures.tell(report);
        if report.is_failure() || report.stated.is_some_and(|stated| stated > 0) {
            self.cause.tell(report);
        }
        settle(report);
    }
}

/// Failures of `Executed 3 tests, with 1 failure (0 unexpected) in 0.012 (0.012) seconds`.
fn total(line: &str) -> Option<u64> {
    let (_, rest) = number(line.trim_start().strip_prefix("Executed ")?)?;
    rest.contains(", with ").then(|| number_before(rest, " failure")).flatten()
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn totals_of_nested_suites_are_not_added() {
        let found = analyze(
            "/app/Tests/CalcTests.swift:12: error: CalcTests.testAdd : XCTAssertEqual failed: (\"1\") is not equal to (\"2\")\nTest Case 'CalcTests.testAdd' failed (0.01 seconds)\n\t Executed 3 tests, with 1 failure (0 unexpected) in 0.012 (0.012) seconds\n\t Executed 3 tests, with 1 failure (0 unexpected) in 0.012 (0.012) seconds\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/Tests/CalcTests.swift"]);
    }
}
