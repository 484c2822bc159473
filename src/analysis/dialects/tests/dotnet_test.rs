//! `dotnet test`: VSTest's console logger and the terminal logger of newer SDKs
//! (<https://learn.microsoft.com/dotnet/core/tools/dotnet-test>, `ConsoleLogger.cs`).
//!
//! ```text
//!   Failed Shop.CartTests.Adds [12 ms]
//!   Error Message:
//!    Assert.Equal() Failure: Values differ
//!   Stack Trace:
//!      at Shop.CartTests.Adds() in /app/tests/CartTests.cs:line 12
//! Failed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 20 ms - a.dll (net8.0)
//! Test summary: total: 3, failed: 1, succeeded: 2, skipped: 0, duration: 1.2s
//! ```

use super::failures::{Cause, Failures, number_after, seen, settle, state, without_duration};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "dotnet test",
    markers: &[
        "Failed!  - Failed:",
        "Passed!  - Failed:",
        "Test summary: total: ",
        "Test Run Failed.",
    ],
    recognises,
    start: || Box::new(DotnetTest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("Test Run Failed.") || sample.lines().any(|line| total(line).is_some())
}

#[derive(Default)]
struct DotnetTest {
    failures: Failures,
    cause: Cause,
    /// The next line is the message.
    message_follows: bool,
    /// The failure has no file yet.
    unplaced: bool,
    /// The terminal logger's total, which is of all projects.
    summary: Option<u64>,
}

impl Dialect for DotnetTest {
    fn report(&self) -> Report {
        Report::new("dotnet test", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let Some(first) = text.bytes().next() else { return };
        if std::mem::take(&mut self.message_follows) {
            self.cause.piece(text);
            self.cause.close();
            return;
        }
        match first {
            b'F' | b'P' | b'T' => {
                if text.starts_with("Test Run Failed") {
                    report.failed = true;
                    seen(report);
                } else if let Some((count, whole)) = total(line) {
                    if count > 0 {
                        report.failed = true;
                        seen(report);
                    }
                    if whole {
                        self.summary = Some(self.summary.unwrap_or(0) + count);
                    } else {
                        state(report, count);
                    }
                } else if line.starts_with("  Failed ")
                    && let Some(name) = text.strip_prefix("Failed ")
                {
                    self.failed(without_duration(name), report);
                } else if text.starts_with("Total tests: ") {
                    self.unplaced = false;
                }
            }
            b'f' if text.starts_with("failed ") && !line.starts_with(' ') => {
                self.failed(without_duration(text.get("failed ".len()..).unwrap_or(text)), report);
            }
            b'E' if text == "Error Message:" => {
                self.message_follows = self.cause.is_open() && self.cause.is_bare();
            }
            b'a' if self.unplaced => {
                if let Some((_, place)) = text.rsplit_once(" in ")
                    && let Some((file, _)) = place.split_once(":line ")
                {
                    report.file(file);
                    self.unplaced = false;
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.summary.is_some() {
            report.stated = self.summary;
        }
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl DotnetTest {
    fn failed(&mut self, name: &str, report: &mut Report) {
        self.failures.add(name, "", report);
        self.cause.begin(name, report);
        self.unplaced = true;
    }
}

/// Failed tests of a total, and whether it is of all projects.
fn total(line: &str) -> Option<(u64, bool)> {
    if let Some(counts) = line.strip_prefix("Test summary: total: ") {
        return Some((number_after(counts, " failed:")?, true));
    }
    let counts = line.strip_prefix("Failed!  - ").or_else(|| line.strip_prefix("Passed!  - "))?;
    Some((number_after(counts, "Failed:")?, false))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_have_their_message_and_file() {
        let found = analyze(
            "  Failed Shop.CartTests.Adds [12 ms]\n  Error Message:\n   Assert.Equal() Failure: Values differ\nExpected: 3\nActual:   2\n  Stack Trace:\n     at Shop.CartTests.Adds() in /app/tests/CartTests.cs:line 12\n\nFailed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 20 ms - a.dll (net8.0)\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/tests/CartTests.cs"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Shop.CartTests.Adds - Assert.Equal() Failure: Values differ")
        );
    }
}
