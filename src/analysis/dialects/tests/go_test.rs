//! `go test`, plain and `-v`, with panics and timeouts, and gotestsum
//! (<https://pkg.go.dev/cmd/go#hdr-Test_packages>, `src/testing/testing.go`). Packages that do not build
//! are the compiler's words, not a test's. Under `-json` each line printed is in an event of its own:
//! `{"Action":"output","Package":"example.com/a","Output":"--- FAIL: TestA (0.00s)\n"}`.
//!
//! ```text
//! --- FAIL: TestPer (0.00s)
//!     --- FAIL: TestPer/case#01 (0.00s)
//!         rate_test.go:9: Per(5,2) = 2, want 3          under `-v` before the heading
//! FAIL
//! FAIL    example.com/t/rate    0.002s
//! ```

use super::failures::{Cause, Failures, seen, settle, without_duration};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{colons, whole};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "go test",
    markers: &[
        "--- FAIL: ",
        "FAIL\t",
        "=== FAIL: ",
        "panic: test timed out after ",
        "\"Action\":\"fail\"",
    ],
    recognises,
    start: || Box::new(GoTest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("panic: test timed out after ")
        || sample.lines().any(|line| {
            line.trim_start().starts_with("--- FAIL: ")
                || line.starts_with("=== FAIL: ")
                || line.starts_with('{') && line.contains("\"Action\":\"fail\"")
                || package(line).is_some()
        })
}

#[derive(Default)]
struct GoTest {
    failures: Failures,
    cause: Cause,
    /// What the running test printed last, with its place.
    printed: String,
    /// Failures of the package before its total.
    of_package: u64,
    /// The files of the package being read, whose directory comes with its total.
    panic: String,
    /// The next line of testify's block is the message.
    testify: bool,
}

impl Dialect for GoTest {
    fn report(&self) -> Report {
        Report::new("go test", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b'\t' if !self.panic.is_empty() && self.frame(line.trim_start(), report) => {}
            b' ' | b'\t' => self.indented(line.trim_start(), report),
            b'-' => {
                if let Some(name) = line.strip_prefix("--- FAIL: ") {
                    self.failed(name, report);
                } else if line.starts_with("--- ") {
                    self.printed.clear();
                }
            }
            b'=' => {
                if let Some(name) = line.strip_prefix("=== FAIL: ") {
                    self.failed(name, report);
                } else if line.starts_with("=== RUN") {
                    self.printed.clear();
                    self.cause.close();
                }
            }
            b'F' => {
                if let Some(name) = package(line) {
                    self.package(name, report);
                }
            }
            b'p' if line.starts_with("panic: ") && self.panic.is_empty() => {
                self.panic = without_recovery(line).to_owned();
                if self.cause.is_open() && self.cause.is_bare() {
                    self.cause.piece(&self.panic);
                    self.cause.close();
                } else if self.panic.starts_with("panic: test timed out after ") {
                    self.cause.begin(&self.panic, report);
                }
            }
            b'o' if line.starts_with("ok  \t") => self.next_package(),
            b'{' => {
                if let Some(text) = output(line) {
                    self.line(text.trim_end(), report);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        self.cause.tell(report);
        if !self.panic.is_empty() && report.first.is_none() && report.is_failure() {
            report.quote(&self.panic);
        }
        settle(report);
    }
}

impl GoTest {
    /// Of a panic's stack, the first place in a test: `/app/p/p_test.go:5 +0x2e`.
    fn frame(&mut self, text: &str, report: &mut Report) -> bool {
        let Some((place, _)) = text.rsplit_once(" +0x") else { return false };
        if let Some(found) = whole(place)
            && found.file.ends_with("_test.go")
            && report.files().is_empty()
        {
            report.file(found.file);
        }
        true
    }

    /// A test of a package, not a part of one.
    fn failed(&mut self, name: &str, report: &mut Report) {
        let name = without_duration(name);
        let name = name.rsplit(' ').next().unwrap_or(name);
        self.of_package += 1;
        self.failures.add(name, "", report);
        self.cause.begin(&format!("--- FAIL: {name}"), report);
        self.take_printed(report);
    }

    /// What was printed before the heading is the test's under `-v`.
    fn take_printed(&mut self, report: &mut Report) {
        if self.printed.is_empty() {
            return;
        }
        let printed = std::mem::take(&mut self.printed);
        if let Some(place) = colons(&printed) {
            report.file(place.file);
        }
        if self.cause.is_open() && self.cause.is_bare() {
            self.cause.piece(&printed);
            self.cause.close();
        }
    }

    fn indented(&mut self, text: &str, report: &mut Report) {
        if text.starts_with("--- ") {
            if text.starts_with("--- FAIL: ") {
                self.take_printed(report);
            }
            return;
        }
        if self.testify {
            if let Some(message) =
                text.strip_prefix("Error:").filter(|rest| rest.starts_with([' ', '\t']))
            {
                self.cause.piece(message);
                self.testify = false;
            } else if text.starts_with("Test:") {
                self.testify = false;
            }
            return;
        }
        let Some(at) = memchr::memchr(b':', text.as_bytes()) else { return };
        if !text[..at].ends_with(".go") {
            return;
        }
        let Some(place) = colons(text) else { return };
        if place.file.contains('/') || place.file.contains(' ') {
            // Frames of a panic have whole paths.
            return;
        }
        if self.cause.is_open() && self.cause.is_bare() {
            report.file(place.file);
            self.cause.piece(text);
            self.testify = place.rest.is_empty();
            if !self.testify {
                self.cause.close();
            }
        } else if self.of_package > 0 {
            report.file(place.file);
        }
        text.clone_into(&mut self.printed);
    }

    /// `FAIL    example.com/t/rate    0.002s`: a package that failed, with or without tests that did.
    fn package(&mut self, name: &str, report: &mut Report) {
        report.failed = true;
        if self.of_package == 0 {
            self.failures.add(name, "", report);
            let head =
                if self.panic.is_empty() { format!("FAIL {name}") } else { self.panic.clone() };
            self.cause.begin(&head, report);
            self.take_printed(report);
        }
        seen(report);
        self.next_package();
    }

    fn next_package(&mut self) {
        self.of_package = 0;
        self.printed.clear();
        self.panic.clear();
        self.testify = false;
        self.cause.close();
    }
}

/// The line within an event of `-json`.
fn output(line: &str) -> Option<String> {
    let at = memchr::memmem::find(line.as_bytes(), b"\"Output\":\"")?;
    let text = line.get(at + "\"Output\":".len()..)?.strip_suffix('}')?;
    let text: String = serde_json::from_str(text).ok()?;
    // Not an event within an event.
    (!text.starts_with('{')).then_some(text)
}

/// The package of `FAIL    example.com/t/rate    0.002s`; those that do not build have no time.
fn package(line: &str) -> Option<&str> {
    let (name, time) = line.strip_prefix("FAIL\t")?.split_once('\t')?;
    time.strip_suffix('s')
        .is_some_and(|time| time.starts_with(|first: char| first.is_ascii_digit()))
        .then_some(name)
}

/// `panic: x [recovered]` is told again without.
fn without_recovery(line: &str) -> &str {
    line.strip_suffix(" [recovered]").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use crate::analysis::kind::Kind;
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn tests_are_counted_and_their_parts_are_not() {
        let found = analyze(
            "=== RUN   TestA\n=== RUN   TestA/x\n    a_test.go:9: got 2, want 3\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/x (0.00s)\nFAIL\nFAIL\texample.com/a\t0.004s\nFAIL\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["a_test.go"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("--- FAIL: TestA - a_test.go:9: got 2, want 3")
        );
    }

    #[test]
    fn events_hold_the_lines() {
        let found = analyze(
            "{\"Action\":\"output\",\"Package\":\"a\",\"Test\":\"TestA\",\"Output\":\"=== RUN   TestA\\n\"}\n{\"Action\":\"output\",\"Package\":\"a\",\"Test\":\"TestA\",\"Output\":\"    a_test.go:9: no\\n\"}\n{\"Action\":\"output\",\"Package\":\"a\",\"Test\":\"TestA\",\"Output\":\"--- FAIL: TestA (0.00s)\\n\"}\n{\"Action\":\"fail\",\"Package\":\"a\",\"Test\":\"TestA\",\"Elapsed\":0}\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.first_error.as_deref(), Some("--- FAIL: TestA - a_test.go:9: no"));
    }

    #[test]
    fn a_package_that_does_not_build_is_no_failed_test() {
        let found =
            analyze("FAIL\texample.com/a [build failed]\nFAIL\n", &Status::default(), None, 0);
        assert_ne!(found.kind, Kind::TestFailure);
    }
}
