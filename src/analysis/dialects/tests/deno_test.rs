//! `deno test` (<https://docs.deno.com/runtime/fundamentals/testing/>, `cli/tools/test/reporters`).
//!
//! ```text
//! running 3 tests from ./a_test.ts
//! adds ... FAILED (1ms)
//!
//!  ERRORS
//!
//! adds => ./a_test.ts:1:6
//! error: AssertionError: Values are not equal.
//!
//!  FAILURES
//!
//! adds => ./a_test.ts:1:6
//!
//! FAILED | 1 passed | 2 failed (12ms)
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::colons;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "deno test",
    markers: &["FAILED | ", " => ./", " ERRORS\n", "error: No test modules found"],
    recognises,
    start: || Box::new(DenoTest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("error: No test modules found")
        || sample.lines().any(|line| total(line).is_some())
        || sample.has_line_starting(" ERRORS\n") && sample.has(" => ./")
}

/// In which part of the output a line stands.
#[derive(Default, PartialEq, Eq)]
enum Part {
    #[default]
    Run,
    Errors,
    Failures,
}

#[derive(Default)]
struct DenoTest {
    part: Part,
    detailed: Failures,
    listed: Failures,
    cause: Cause,
}

impl Dialect for DenoTest {
    fn report(&self) -> Report {
        Report::new("deno test", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line {
            "" => return,
            " ERRORS" => {
                self.part = Part::Errors;
                return;
            }
            " FAILURES" => {
                self.part = Part::Failures;
                return;
            }
            _ => {}
        }
        if let Some(count) = total(line) {
            state(report, count);
            report.failed = true;
            seen(report);
            self.part = Part::Run;
        } else if line.starts_with("error: No test modules found") {
            report.failed = true;
            report.quote(line);
        } else if self.part != Part::Run {
            if !line.starts_with([' ', '\t'])
                && let Some((name, place)) = line.split_once(" => ")
            {
                let file = colons(place).map_or("", |place| place.file);
                let part =
                    if self.part == Part::Errors { &mut self.detailed } else { &mut self.listed };
                part.add(name, file, report);
                self.cause.begin(name, report);
            } else if self.cause.is_open() && self.cause.is_bare() && line.starts_with("error: ") {
                self.cause.piece(line);
                self.cause.close();
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        Failures::tell_best(&[&self.listed, &self.detailed], report);
        self.cause.tell(report);
        settle(report);
    }
}

/// Failed tests of `FAILED | 1 passed | 2 failed (1 step) (12ms)`.
fn total(line: &str) -> Option<u64> {
    number_before(line.strip_prefix("FAILED | ")?, " failed")
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_told_twice_are_counted_once() {
        let found = analyze(
            "adds ... FAILED (1ms)\n\n ERRORS \n\nadds => ./a_test.ts:1:6\nerror: AssertionError: Values are not equal.\n\n FAILURES \n\nadds => ./a_test.ts:1:6\n\nFAILED | 1 passed | 1 failed (12ms)\n\nerror: Test failed\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["./a_test.ts"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("adds - error: AssertionError: Values are not equal.")
        );
    }
}
