//! Tests under Gradle (<https://docs.gradle.org/current/userguide/java_testing.html>,
//! `TestEventLogger`), and JUnit's own console launcher
//! (<https://junit.org/junit5/docs/current/user-guide/#running-tests-console-launcher>).
//!
//! ```text
//! CalcTest > adds() FAILED
//!     org.opentest4j.AssertionFailedError at CalcTest.java:12
//!
//! 5 tests completed, 2 failed
//! ```
//! ```text
//! Failures (2):
//!   JUnit Jupiter:CalcTest:adds()
//!     => org.opentest4j.AssertionFailedError: expected: <3> but was: <2>
//! [         2 tests failed          ]
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "gradle test",
    markers: &[" completed, ", " FAILED\n    ", " tests failed ", "Failures ("],
    recognises,
    start: || Box::new(GradleTest::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut heading = false;
    sample.lines().any(|line| {
        // The exception stands below the test that failed.
        if heading && line.starts_with("    ") && exception(line.trim_start()) {
            return true;
        }
        heading = failed_test(line).is_some();
        completed(line).is_some() || launcher_total(line).is_some()
    })
}

#[derive(Default)]
struct GradleTest {
    failures: Failures,
    listed: Failures,
    cause: Cause,
    /// In the launcher's list.
    listing: bool,
    /// The failed test's own class, whose frame tells the file.
    unplaced: bool,
}

impl Dialect for GradleTest {
    fn report(&self) -> Report {
        Report::new("JUnit", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b' ' => self.indented(line, report),
            b'0'..=b'9' => {
                if let Some(count) = completed(line) {
                    self.stated(count, report);
                }
            }
            b'[' => {
                if let Some(count) = launcher_total(line) {
                    self.stated(count, report);
                }
            }
            b'F' if line.starts_with("Failures (") && line.ends_with("):") => self.listing = true,
            b'T' if line.starts_with("Test run finished") => self.listing = false,
            _ => {
                self.unplaced = false;
                if line.ends_with(" FAILED")
                    && let Some(name) = failed_test(line)
                {
                    self.failures.add(name, "", report);
                    self.cause.begin(name, report);
                    self.unplaced = true;
                } else {
                    self.cause.close();
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        Failures::tell_best(&[&self.failures, &self.listed], report);
        self.cause.tell(report);
        settle(report);
    }
}

impl GradleTest {
    fn stated(&mut self, count: u64, report: &mut Report) {
        state(report, count);
        if count > 0 {
            report.failed = true;
            seen(report);
        }
    }

    fn indented(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        if self.listing {
            let indent = line.len() - text.len();
            if indent == 2 && text.starts_with("JUnit ") {
                let name = text.split_once(':').map_or(text, |(_, name)| name);
                self.listed.add(name, "", report);
                self.cause.begin(name, report);
                self.unplaced = true;
                return;
            }
            if let Some(message) = text.strip_prefix("=> ") {
                if self.cause.is_open() && self.cause.is_bare() {
                    self.cause.piece(message);
                }
                return;
            }
        } else if self.cause.is_open() && self.cause.is_bare() {
            self.cause.piece(text);
        }
        if self.unplaced {
            self.place(text, report);
        }
    }

    /// `… at CalcTest.java:12`, or the first frame whose file is named like a test's class.
    fn place(&mut self, text: &str, report: &mut Report) {
        let place = match text.rsplit_once(" at ") {
            Some((_, place)) if !text.starts_with("at ") => place,
            _ if text.starts_with("at ") => {
                text.rsplit_once('(').map_or("", |(_, place)| place.trim_end_matches(')'))
            }
            _ => return,
        };
        let Some((file, _)) = place.split_once(':') else { return };
        let source = [".java", ".kt", ".groovy", ".scala"].iter().any(|end| file.ends_with(end));
        let library = text.contains("org.junit")
            || text.contains("java.base/")
            || text.contains("org.opentest4j.A") && text.starts_with("at ");
        if source && (!library || !text.starts_with("at ")) {
            report.file(file);
            self.unplaced = false;
        }
    }
}

/// `CalcTest > adds()` of `CalcTest > adds() FAILED`; tasks begin with `>`.
fn failed_test(line: &str) -> Option<&str> {
    let name = line.strip_suffix(" FAILED")?;
    (!name.starts_with(['>', ' ']) && name.contains(" > ")).then_some(name)
}

/// `org.opentest4j.AssertionFailedError at CalcTest.java:12`, with its message where that is wanted.
fn exception(text: &str) -> bool {
    text.contains(" at ") && text.contains(':')
        || text.split([':', ' ']).next().is_some_and(|name| {
            name.ends_with("Error") || name.ends_with("Exception") || name.contains("Failed")
        })
}

/// `2` of `5 tests completed, 2 failed, 1 skipped`.
fn completed(line: &str) -> Option<u64> {
    let at = memchr::memmem::find(line.as_bytes(), b" completed, ")?;
    let head = &line[..at];
    (head.ends_with(" tests") || head.ends_with(" test"))
        .then(|| number_before(line, " failed"))
        .flatten()
}

/// `2` of `[         2 tests failed          ]`.
fn launcher_total(line: &str) -> Option<u64> {
    let words = line.strip_prefix('[')?.strip_suffix(']')?.trim();
    let (count, what) = words.split_once(' ')?;
    (what == "tests failed" || what == "containers failed").then(|| count.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_are_told_with_their_exception() {
        let found = analyze(
            "> Task :test FAILED\n\nCalcTest > adds() FAILED\n    org.opentest4j.AssertionFailedError at CalcTest.java:12\n\n3 tests completed, 1 failed\n\nFAILURE: Build failed with an exception.\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["CalcTest.java"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("CalcTest > adds() - org.opentest4j.AssertionFailedError at CalcTest.java:12")
        );
    }
}
