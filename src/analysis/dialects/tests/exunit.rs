//! ExUnit, `mix test` (<https://hexdocs.pm/ex_unit/ExUnit.CLIFormatter.html>).
//!
//! ```text
//!   1) test adds (CalcTest)
//!      test/calc_test.exs:5
//!      Assertion with == failed
//!      code:  assert 1 == 2
//!
//! 3 tests, 1 failure
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "exunit",
    markers: &[".exs:"],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| total(line).is_some() || heading(line).is_some())
    },
    start: || Box::new(ExUnit::default()),
};

#[derive(Default)]
struct ExUnit {
    failures: Failures,
    cause: Cause,
    /// The place of the failure comes.
    placed_next: bool,
}

impl Dialect for ExUnit {
    fn report(&self) -> Report {
        Report::new("exunit", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        if first != b' ' {
            if first.is_ascii_digit()
                && let Some(count) = total(line)
            {
                state(report, count);
                if count > 0 {
                    seen(report);
                }
            }
            return;
        }
        if let Some(name) = heading(line) {
            self.failures.add(name, "", report);
            self.cause.begin(name, report);
            self.placed_next = true;
            return;
        }
        let text = line.trim_start();
        if std::mem::take(&mut self.placed_next) {
            if let Some((file, _)) = text.rsplit_once(':') {
                report.file(file);
            }
        } else if self.cause.is_open() {
            if text.starts_with("stacktrace:") {
                self.cause.close();
            } else if self.cause.is_bare()
                || text.starts_with("code: ")
                || text.starts_with("left: ")
                || text.starts_with("right: ")
            {
                self.cause.piece(text);
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

/// `test adds (CalcTest)` of `  1) test adds (CalcTest)`.
fn heading(line: &str) -> Option<&str> {
    let (_, rest) = number(line.strip_prefix("  ")?.trim_start())?;
    let name = rest.strip_prefix(") ")?;
    let shaped = (name.starts_with("test ") || name.starts_with("doctest ")) && name.ends_with(')');
    shaped.then_some(name)
}

/// Failures of `1 doctest, 3 tests, 1 failure, 1 skipped`.
fn total(line: &str) -> Option<u64> {
    let (_, rest) = number(line)?;
    let kinds =
        [" tests, ", " test, ", " doctests, ", " doctest, ", " properties, ", " property, "];
    kinds
        .iter()
        .any(|kind| rest.starts_with(kind))
        .then(|| number_before(rest, " failure"))
        .flatten()
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_have_places() {
        let found = analyze(
            "\n  1) test adds (CalcTest)\n     test/calc_test.exs:5\n     Assertion with == failed\n     code:  assert 1 == 2\n     left:  1\n     right: 2\n     stacktrace:\n       test/calc_test.exs:6: (test)\n\n3 tests, 1 failure\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["test/calc_test.exs"]);
        assert!(found.details.first_error.is_some_and(|first| {
            first.starts_with(
                "test adds (CalcTest) - Assertion with == failed, code:  assert 1 == 2",
            )
        }));
    }
}
