//! Vitest 1 to 4, all reporters for people, with suites that failed to load, unhandled errors and
//! startup errors (<https://vitest.dev/guide/reporters>, `packages/vitest/src/node/reporters`).
//!
//! ```text
//!    × cart > totals 4ms                              as it happens
//!      → expected 7 to be 6 // Object.is equality
//! ⎯⎯⎯⎯⎯⎯⎯ Failed Tests 3 ⎯⎯⎯⎯⎯⎯⎯
//!  FAIL  cart.spec.js > cart > totals                 `|project| ` may stand before the path
//! AssertionError: expected 7 to be 6 // Object.is equality
//!  Test Files  2 failed (2)
//!       Tests  3 failed | 1 passed (4)
//!      Errors  1 error
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "vitest",
    markers: &[
        "⎯⎯ Failed ",
        "⎯⎯ Unhandled ",
        "⎯⎯ Startup Error",
        "Test Files  ",
        " FAIL  ",
        " RUN  v",
        "No test files found, exiting with code",
    ],
    recognises,
    start: || Box::new(Vitest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has("⎯⎯ Failed ")
        || sample.has("⎯⎯ Unhandled ")
        || sample.has("⎯⎯ Startup Error")
        || sample.has_line_starting("No test files found, exiting with code 1")
        || sample.lines().any(|line| {
            line.starts_with(" RUN  v")
                || line
                    .trim_start()
                    .strip_prefix("Test Files  ")
                    .is_some_and(|rest| rest.ends_with(')'))
                || line.strip_prefix(" FAIL  ").is_some_and(|rest| rest.contains(" > "))
        })
}

#[derive(Default)]
struct Vitest {
    /// From ` FAIL  ` headings.
    detailed: Failures,
    /// Suites that failed to load.
    suites: Failures,
    /// As it happened, for texts cut before the details.
    told: Failures,
    /// The file whose tests are being listed.
    file: String,
    cause: Cause,
    /// From the lines of tests as they failed.
    told_cause: Cause,
    tests_stated: Option<u64>,
    suites_stated: u64,
    errors_stated: u64,
}

impl Dialect for Vitest {
    fn report(&self) -> Report {
        Report::new("vitest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        if first == b' ' {
            if let Some(heading) = line.strip_prefix(" FAIL  ") {
                self.heading(heading, report);
            } else {
                self.indented(line, report);
            }
            return;
        }
        if self.cause.is_open() {
            self.cause.piece(line);
            self.cause.close();
        } else if first == 0xe2 && line.starts_with("⎯⎯") {
            self.rule(line.trim_matches('⎯').trim(), report);
        } else if first == b'N' && line.starts_with("No test files found, exiting with code 1")
            || first == b'E' && line.starts_with("ERROR: Coverage for ")
        {
            report.failed = true;
            report.quote(line);
            if first == b'E' {
                report.summary = Some(line.to_owned());
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.detailed.count() == 0 && self.tests_stated.is_none_or(|stated| stated == 0) {
            Failures::tell_best(&[&self.suites, &self.told], report);
        } else {
            Failures::tell_best(&[&self.detailed, &self.told], report);
        }
        self.cause.tell(report);
        if report.is_failure() {
            self.told_cause.tell(report);
        }
        let others = self.suites_stated + self.errors_stated;
        report.stated = match self.tests_stated {
            Some(0) | None if others > 0 => Some(self.suites_stated.max(self.errors_stated)),
            stated => stated,
        };
        if report.errors > 0 || report.stated.is_some_and(|stated| stated > 0) {
            report.summary = None;
        }
        settle(report);
    }
}

impl Vitest {
    /// `cart.spec.js > cart > totals`, `net.spec.js [ net.spec.js ]`, `|web| cart.spec.js > totals`.
    fn heading(&mut self, heading: &str, report: &mut Report) {
        let heading = match heading.strip_prefix('|').and_then(|rest| rest.split_once("| ")) {
            Some((_, rest)) => rest.trim_start(),
            None => heading,
        };
        report.failed = true;
        if let Some((file, name)) = heading.split_once(" > ") {
            report.file(file);
            self.detailed.add(name, file, report);
        } else {
            let file = heading.split_once(" [ ").map_or(heading, |(file, _)| file);
            report.file(file);
            self.suites.add(file, file, report);
        }
        // Tests that fail alike stand above one message.
        if !self.cause.is_open() {
            self.cause.begin(heading, report);
        }
    }

    fn indented(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let Some(first) = text.bytes().next() else { return };
        match first {
            0xc3 => {
                if let Some(name) = text.strip_prefix("× ") {
                    self.told(name, report);
                }
            }
            0xe2 => {
                if let Some(rest) = text.strip_prefix("❯ ") {
                    // `src/slug.test.ts (4 tests | 3 failed) 10ms`
                    if let Some((file, counts)) = rest.split_once(" (")
                        && counts.contains(" failed)")
                    {
                        let file = file.rsplit("| ").next().unwrap_or(file);
                        file.trim().clone_into(&mut self.file);
                    }
                } else if self.told_cause.is_open()
                    && let Some(message) = text.strip_prefix("→ ")
                {
                    self.told_cause.piece(message);
                    self.told_cause.close();
                }
            }
            b'T' if text.starts_with("Test Files  ") => {
                let failed = number_before(text, " failed").unwrap_or(0);
                self.suites_stated += failed;
                self.stated(failed, report);
            }
            b'T' if text.starts_with("Tests  ") => {
                let failed = number_before(text, " failed").unwrap_or(0);
                self.tests_stated = Some(self.tests_stated.unwrap_or(0) + failed);
                self.stated(failed, report);
            }
            b'E' if text.starts_with("Errors  ") => {
                let errors = number_before(text, " error").unwrap_or(0);
                self.errors_stated += errors;
                self.stated(errors, report);
            }
            _ => {}
        }
    }

    fn stated(&mut self, count: u64, report: &mut Report) {
        if count > 0 {
            report.failed = true;
            seen(report);
        }
    }

    /// `cart > totals 4ms`, verbose `cart.spec.js > cart > totals 4ms`.
    fn told(&mut self, name: &str, report: &mut Report) {
        let name = match name.rsplit_once(' ') {
            Some((head, time))
                if time.ends_with("ms")
                    || time.ends_with('s')
                        && time.starts_with(|first: char| first.is_ascii_digit()) =>
            {
                head
            }
            _ => name,
        };
        let file = std::mem::take(&mut self.file);
        self.told.add(name, &file, report);
        self.file = file;
        self.told_cause.begin(name, report);
    }

    /// Words within a rule of `⎯`.
    fn rule(&mut self, words: &str, report: &mut Report) {
        if words.starts_with("Unhandled ")
            || words.starts_with("Uncaught ")
            || words.starts_with("Startup Error")
        {
            report.failed = true;
            if words != "Unhandled Errors" {
                self.cause.begin(words, report);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn a_failed_test_is_quoted_with_its_message() {
        let found = analyze(
            "⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯\n\n FAIL  |web| src/a.test.ts > sum > adds\nAssertionError: expected 3 to be 4\n\n\
             \x20Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 8 passed (9)\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["src/a.test.ts"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("src/a.test.ts > sum > adds - AssertionError: expected 3 to be 4")
        );
    }

    #[test]
    fn an_unhandled_error_fails_a_run_whose_tests_pass() {
        let found = analyze(
            " RUN  v2.1.9 /app\n\n⎯⎯⎯⎯ Unhandled Errors ⎯⎯⎯⎯\n\nVitest caught 1 unhandled error during the test run.\n\
             ⎯⎯⎯⎯ Unhandled Rejection ⎯⎯⎯⎯⎯\nError: socket closed\n\n Test Files  1 passed (1)\n      Tests  3 passed (3)\n     Errors  1 error\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert!(found.details.first_error.is_some_and(|first| first.contains("socket closed")));
    }
}
