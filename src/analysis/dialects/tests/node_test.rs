//! Node's own test runner, reporters spec and dot (<https://nodejs.org/api/test.html#test-reporters>,
//! `lib/internal/test_runner/reporter`). Its TAP is read with all other TAP.
//!
//! ```text
//! ✖ strict (6.469965ms)                    as it happens
//! ℹ fail 3
//!
//! ✖ failing tests:
//!
//! test at test/parse.test.js:4:1
//! ✖ strict (6.469965ms)
//!   AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:
//! ```

use super::failures::{Cause, Failures, number_after, seen, settle, state, without_duration};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "node:test",
    markers: &["ℹ fail ", "✖ failing tests:", "Failed tests:\n", "ℹ cancelled ", "✖ "],
    recognises,
    start: || Box::new(NodeTest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("ℹ fail ")
        || sample.has_line_starting("ℹ cancelled ")
        || sample.has_line_starting("✖ failing tests:")
        || sample.has_line_starting("Failed tests:\n\n✖ ")
        // Both list and totals were cut away.
        || sample.lines().any(|line| line.trim_start().starts_with("✖ ") && line.ends_with("ms)"))
}

#[derive(Default)]
struct NodeTest {
    /// In the list of failing tests.
    listing: bool,
    /// `test at` the file of the next failure.
    file: String,
    listed: Failures,
    told: Failures,
    cause: Cause,
    told_cause: Cause,
    cancelled: u64,
    /// The failure being listed has no file yet.
    unplaced: bool,
}

impl Dialect for NodeTest {
    fn report(&self) -> Report {
        Report::new("node:test", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let Some(first) = text.bytes().next() else { return };
        match first {
            0xe2 => self.sign(text, report),
            b't' if self.listing && text.starts_with("test at ") => {
                let place = text.get("test at ".len()..).unwrap_or_default();
                let file = place.rsplitn(3, ':').nth(2).unwrap_or(place);
                file.strip_prefix("file://").unwrap_or(file).clone_into(&mut self.file);
            }
            b'F' if line == "Failed tests:" => self.listing = true,
            // A suite fails for its tests alone.
            b'\''
                if self.listing
                    && (text.ends_with(" subtests failed'") || text == "'1 subtest failed'") =>
            {
                self.listed.drop_last();
            }
            _ => {
                // The dot reporter gives no place but the frames.
                if self.unplaced
                    && text.starts_with("at ")
                    && (text.contains("TestContext.") || text.contains("SuiteContext."))
                {
                    self.frame(text, report);
                }
                if self.cause.is_open() {
                    self.cause.piece(text);
                    self.cause.close();
                } else if self.told_cause.is_open() {
                    self.told_cause.piece(text);
                    self.told_cause.close();
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        Failures::tell_best(&[&self.listed, &self.told], report);
        if report.stated == Some(0) && self.cancelled > 0 {
            report.stated = Some(self.cancelled);
        }
        if report.errors > 0 || report.stated.is_some_and(|stated| stated > 0) {
            self.cause.tell(report);
            self.told_cause.tell(report);
        }
        settle(report);
    }
}

impl NodeTest {
    /// `at TestContext.<anonymous> (file:///app/test/a.mjs:2:48)`.
    fn frame(&mut self, text: &str, report: &mut Report) {
        let place = text.rsplit_once('(').map_or("", |(_, place)| place);
        let file = place.rsplitn(3, ':').nth(2).unwrap_or_default();
        if !file.starts_with("node:") {
            report.file(file.strip_prefix("file://").unwrap_or(file));
            self.unplaced = false;
        }
    }

    fn sign(&mut self, text: &str, report: &mut Report) {
        if let Some(name) = text.strip_prefix("✖ ") {
            self.failure(name, report);
        } else if let Some(total) = text.strip_prefix("ℹ ") {
            if let Some(count) = number_after(total, "fail ").filter(|_| total.starts_with("fail "))
            {
                state(report, count);
                if count > 0 {
                    seen(report);
                }
            } else if total.starts_with("cancelled ") {
                self.cancelled += number_after(total, "cancelled ").unwrap_or(0);
            } else if total.starts_with("tests ") {
                // The totals of a further run.
                self.listing = false;
            }
        }
    }

    fn failure(&mut self, name: &str, report: &mut Report) {
        if name == "failing tests:" {
            self.listing = true;
            self.told_cause.close();
            return;
        }
        if name.contains("# TODO") || name.contains("# SKIP") {
            return;
        }
        let name = without_duration(name);
        if self.listing {
            let file = std::mem::take(&mut self.file);
            self.unplaced = file.is_empty();
            self.listed.add(name, &file, report);
            self.cause.begin(name, report);
        } else {
            self.told.add(name, "", report);
            self.told_cause.begin(name, report);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn the_list_at_the_end_names_tests_and_files() {
        let found = analyze(
            "✖ opens (3.1ms)\n  Error: no\n\nℹ tests 3\nℹ pass 2\nℹ fail 1\nℹ cancelled 0\n\n✖ failing tests:\n\n\
             test at test/io.test.js:4:1\n✖ opens (3.1ms)\n  TypeError [Error]: fs.opn is not a function\n      at x\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["test/io.test.js"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("opens - TypeError [Error]: fs.opn is not a function")
        );
    }
}
