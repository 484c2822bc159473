//! GoogleTest (<https://google.github.io/googletest/>, `googletest/src/gtest.cc`) and CTest
//! (<https://cmake.org/cmake/help/latest/manual/ctest.1.html>), which often runs it.
//!
//! ```text
//! a_test.cc:12: Failure
//! Expected equality of these values:
//! [  FAILED  ] Cart.Adds (0 ms)
//! [  FAILED  ] 1 test, listed below:
//! [  FAILED  ] Cart.Adds
//!  1 FAILED TEST
//! ```
//! ```text
//! 67% tests passed, 1 tests failed out of 3
//! The following tests FAILED:
//!       2 - cart (Failed)
//! ```

use super::failures::{Cause, Failures, fitting, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{colons, number};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "googletest",
    markers: &["[  FAILED  ] ", "The following tests FAILED:", "% tests passed, "],
    recognises: |_: &Sample| true,
    start: || Box::new(GoogleTest::default()),
};

#[derive(Default)]
struct GoogleTest {
    told: Failures,
    listed: Failures,
    cause: Cause,
    /// In the list of one or the other.
    listing: bool,
    /// What the running test printed of its first failure, and lines to take of it yet.
    failure: String,
    more: u8,
}

impl Dialect for GoogleTest {
    fn report(&self) -> Report {
        Report::new("googletest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b'[' => self.bracket(line, report),
            b'T' if line == "The following tests FAILED:" => self.listing = true,
            b'0'..=b'9' if line.contains("% tests passed, ") => {
                // GoogleTest's own totals are finer.
                if report.stated.is_none_or(|stated| stated == 0)
                    && let Some(count) = number_before(line, " tests failed out of ")
                {
                    state(report, count);
                }
            }
            b'\t' | b' ' if self.listing && self.more == 0 => self.ctest(line.trim_start(), report),
            _ => {
                if self.more > 0 {
                    self.failure.push(' ');
                    self.failure.push_str(fitting(line, 200).trim());
                    self.more -= 1;
                } else if line.ends_with(": Failure")
                    && let Some(place) = colons(line)
                {
                    report.file(place.file);
                    if self.failure.is_empty() && self.cause.is_empty() {
                        line.clone_into(&mut self.failure);
                        self.more = 3;
                    }
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        Failures::tell_best(&[&self.listed, &self.told], report);
        self.cause.tell(report);
        settle(report);
        if report.first.is_none()
            && let Some(name) = self.listed.first()
        {
            report.quote(name);
        }
    }
}

impl GoogleTest {
    fn bracket(&mut self, line: &str, report: &mut Report) {
        self.more = 0;
        let Some(rest) = line.strip_prefix("[  FAILED  ] ") else {
            if line.starts_with("[ RUN      ] ") {
                self.failure.clear();
            }
            return;
        };
        if let Some((count, what)) = number(rest)
            && (what.starts_with(" test, listed") || what.starts_with(" tests, listed"))
        {
            state(report, u64::from(count));
            seen(report);
            return;
        }
        let (name, timed) = match rest.rsplit_once(" (") {
            Some((name, time)) if time.ends_with(" ms)") => (name, true),
            _ => (rest, false),
        };
        let name = name.split_once(", where ").map_or(name, |(name, _)| name);
        if !timed {
            self.listed.add(name, "", report);
            return;
        }
        self.told.add(name, "", report);
        if self.cause.is_empty() {
            self.cause.begin(name, report);
            self.cause.piece(&self.failure);
            self.cause.close();
        }
        self.failure.clear();
    }

    /// `2 - cart (Failed)`.
    fn ctest(&mut self, text: &str, report: &mut Report) {
        let Some((_, rest)) = number(text) else { return };
        if let Some(name) = rest.strip_prefix(" - ") {
            let name = name.rsplit_once(" (").map_or(name, |(name, _)| name);
            if self.told.count() == 0 {
                self.told.add(name, "", report);
                self.cause.begin(text, report);
                self.cause.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn the_failure_before_a_test_s_name_is_its_own() {
        let found = analyze(
            "[ RUN      ] Cart.Adds\n/app/a_test.cc:12: Failure\nExpected equality of these values:\n  2\n  3\n[  FAILED  ] Cart.Adds (0 ms)\n[==========] 2 tests\n[  PASSED  ] 1 test.\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] Cart.Adds\n\n 1 FAILED TEST\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/a_test.cc"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Cart.Adds - /app/a_test.cc:12: Failure Expected equality of these values: 2 3")
        );
    }
}
