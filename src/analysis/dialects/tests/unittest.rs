//! Python's unittest, and Django's runner, which prints alike
//! (<https://docs.python.org/3/library/unittest.html>, `Lib/unittest/runner.py`).
//!
//! ```text
//! ======================================================================
//! ERROR: test_div (tests.test_money.MoneyTest.test_div)
//! ----------------------------------------------------------------------
//! Traceback (most recent call last):
//!   File "/app/tests/test_money.py", line 10, in test_div
//! decimal.DivisionByZero: [<class 'decimal.DivisionByZero'>]
//!
//! Ran 4 tests in 0.001s
//!
//! FAILED (failures=3, errors=1)
//! ```

use super::failures::{Cause, Failures, number_after, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "unittest",
    markers: &["\nFAIL: ", "\nERROR: ", "FAILED (", "NO TESTS RAN"],
    recognises,
    start: || Box::new(Unittest::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut ruled = false;
    sample.lines().any(|line| {
        let heading = ruled && (line.starts_with("FAIL: ") || line.starts_with("ERROR: "));
        ruled = is_rule(line, b'=');
        heading || total(line).is_some() || line.starts_with("NO TESTS RAN")
    })
}

#[derive(Default)]
struct Unittest {
    /// A rule of `=` was read.
    ruled: bool,
    failures: Failures,
    cause: Cause,
    /// In the traceback of a failure whose file is not known yet.
    unplaced: bool,
    /// The innermost frame of the project in the traceback being read.
    raised: Option<(String, u32)>,
    /// In a traceback of the first failure.
    traced: bool,
}

impl Dialect for Unittest {
    fn report(&self) -> Report {
        Report::new("unittest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        let ruled = std::mem::take(&mut self.ruled);
        match first {
            b'=' if is_rule(line, b'=') => self.ruled = true,
            b'F' | b'E' if ruled && (line.starts_with("FAIL: ") || line.starts_with("ERROR: ")) => {
                let name = line.split_once(": ").map_or(line, |(_, name)| name);
                self.failures.add(name, "", report);
                self.cause.begin(line, report);
                self.unplaced = true;
                self.raised = None;
                self.traced = false;
            }
            b'F' if total(line).is_some() => {
                let count = total(line).unwrap_or(0);
                state(report, count);
                report.failed = true;
                seen(report);
            }
            b'N' if line == "NO TESTS RAN" || line.starts_with("NO TESTS RAN (") => {
                report.failed = true;
                state(report, 0);
                report.quote(line);
            }
            b' ' if line.starts_with("  File \"") => self.frame(line, report),
            b'T' if line.starts_with("Traceback (most recent call last):") => self.traced = true,
            b' ' => {}
            // Of chained exceptions the last failed the test.
            b'T' | b'D' if self.failures.count() == 1 && is_link(line) => {
                self.traced = false;
                self.cause.retell();
            }
            _ => {
                if let Some((file, row)) = self.raised.take() {
                    let place = Problem { message: line, file: &file, line: row, ..Problem::ERROR };
                    report.place(&place);
                }
                if self.traced && self.cause.is_open() && !is_rule(line, b'-') {
                    self.cause.piece(line);
                    self.cause.close();
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Unittest {
    /// `  File "/app/tests/test_money.py", line 10, in test_div`: the first that is not the library's.
    fn frame(&mut self, line: &str, report: &mut Report) {
        let Some(file) = line.strip_prefix("  File \"").and_then(|rest| rest.split('"').next())
        else {
            return;
        };
        let library = ["/unittest/", "/importlib/", "\\unittest\\", "\\importlib\\", "<frozen "];
        if library.iter().any(|part| file.contains(part)) {
            return;
        }
        if std::mem::take(&mut self.unplaced) {
            report.file(file);
        }
        let row = line.split_once("\", line ").and_then(|(_, rest)| number(rest));
        self.raised = row.map(|(row, _)| (file.to_owned(), row));
    }
}

/// The words between two exceptions of a chain.
pub(super) fn is_link(line: &str) -> bool {
    line.starts_with("The above exception was the direct cause of the following exception")
        || line.starts_with("During handling of the above exception, another exception occurred")
}

/// A rule of 70 signs.
fn is_rule(line: &str, sign: u8) -> bool {
    line.len() == 70 && line.bytes().all(|byte| byte == sign)
}

/// Failures and errors of `FAILED (failures=3, errors=1, skipped=1)`. An unexpected success fails too.
fn total(line: &str) -> Option<u64> {
    let counts = line.strip_prefix("FAILED (")?;
    let counts = counts.strip_suffix(')')?;
    let of = |what| number_after(counts, what);
    let all = [of("failures="), of("errors="), of("unexpected successes=")];
    all.iter().any(Option::is_some).then(|| all.iter().flatten().sum())
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn the_exception_is_quoted_with_the_test() {
        let rule = "=".repeat(70);
        let line = "-".repeat(70);
        let text = format!(
            "E\n{rule}\nERROR: test_a (unittest.loader._FailedTest.test_a)\n{line}\nImportError: Failed to import test module: test_a\nTraceback (most recent call last):\n  File \"/usr/lib/python3.12/unittest/loader.py\", line 394, in _find_test_path\n    module = self._get_module_from_name(name)\n  File \"/app/test_a.py\", line 1, in <module>\n    import nope\nModuleNotFoundError: No module named 'nope'\n\n\n{line}\nRan 1 test in 0.000s\n\nFAILED (errors=1)\n"
        );
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/test_a.py"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some(
                "ERROR: test_a (unittest.loader._FailedTest.test_a) - ModuleNotFoundError: No module named 'nope'"
            )
        );
    }
}
