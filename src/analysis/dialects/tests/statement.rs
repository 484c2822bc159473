//! Failed tests in the fewest words, whoever ran them: what is left when a runner's own output was cut,
//! or somebody else repeats it. Any runner's dialect that understands the text comes before it.
//!
//! ```text
//! FAIL src/cart.test.ts           ✕ adds up (5 ms)             Tests: 2 failed, 3 passed, 5 total
//! FAILED cart                     ✗ subtracts                  2 failing          3 tests failed
//! Test failed: expected 1 to be 2                              npm ERR! Test failed.
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "test-statement",
    markers: &[
        "FAIL ",
        "✕ ",
        "✗ ",
        "× ",
        " failing",
        " tests failed",
        " test failed",
        "est failed",
        "ests failed",
        "Tests: ",
    ],
    recognises,
    start: || Box::new(Statement::default()),
};

/// What a line says.
enum Said<'t> {
    /// A test failed: its name.
    Test(&'t str),
    /// A file has failures.
    File(&'t str),
    /// So many failed.
    Total(u64),
    /// Some failed, and why.
    Some(&'t str),
}

fn recognises(sample: &Sample) -> bool {
    // A mark alone may be a list of anything; a total or a file is about tests.
    sample
        .lines()
        .any(|line| matches!(said(line), Some(Said::Total(1..) | Said::File(_) | Said::Some(_))))
}

#[derive(Default)]
struct Statement {
    tests: u64,
    files: u64,
    total: Option<u64>,
    said: bool,
}

impl Dialect for Statement {
    fn report(&self) -> Report {
        Report::new("", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.is_empty() {
            return;
        }
        match said(line) {
            Some(Said::Test(name)) => {
                self.tests += 1;
                report.failed_test(name, "");
                report.quote(name);
            }
            Some(Said::File(file)) => {
                self.files += 1;
                report.file(file);
            }
            Some(Said::Total(count)) => self.total = self.total.max(Some(count)),
            Some(Said::Some(why)) => {
                self.said = true;
                report.quote(why);
            }
            None => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        let count = self.total.unwrap_or(self.tests.max(self.files).max(u64::from(self.said)));
        if count == 0 {
            *report = Report::new("", Kind::TestFailure, Rank::Wrapper);
            return;
        }
        report.errors = count;
        let file = report.files().first().cloned();
        report.quote(&file.unwrap_or_else(|| format!("{count} failed")));
        // Whoever knows more comes first; a build's or a linter's own words do not.
        report.first_line = u64::MAX;
    }
}

fn said(line: &str) -> Option<Said<'_>> {
    let text = line.trim_start();
    let first = *text.as_bytes().first()?;
    match first {
        b'F' => {
            let rest =
                text.strip_prefix("FAIL ").or_else(|| text.strip_prefix("FAILED "))?.trim_start();
            let file = rest.split([' ', '\t']).next()?;
            let path = file.contains(['/', '\\']) || file.contains('.') && !file.ends_with('.');
            (line.len() == text.len() && path).then_some(Said::File(file))
        }
        b'T' => {
            if let Some(rest) = text.strip_prefix("Tests:") {
                return failed_of(rest).map(Said::Total);
            }
            let rest =
                text.strip_prefix("Test failed").or_else(|| text.strip_prefix("Tests failed"))?;
            statement(rest, text)
        }
        b'n' => {
            let rest =
                text.strip_prefix("npm ERR! ").or_else(|| text.strip_prefix("npm error "))?;
            rest.strip_prefix("Test failed").and_then(|after| statement(after, rest))
        }
        b'0'..=b'9' => {
            let (count, rest) = number(text)?;
            let rest = rest.strip_prefix(' ')?;
            let ends = |words: &str| {
                rest == words
                    || rest
                        .strip_prefix(words)
                        .is_some_and(|rest| rest.starts_with([',', '.', ':', ' ', ';']))
            };
            let known = [
                "failing",
                "tests failed",
                "test failed",
                "specs failed",
                "spec failed",
                "failed tests",
            ];
            known.into_iter().any(ends).then_some(Said::Total(u64::from(count)))
        }
        0xe2 | 0xc3 => {
            let name = ["✕ ", "✗ ", "× "].iter().find_map(|mark| text.strip_prefix(mark))?.trim();
            (!name.is_empty() && name.len() < 300).then_some(Said::Test(without_time(name)))
        }
        _ => None,
    }
}

fn statement<'t>(after: &str, whole: &'t str) -> Option<Said<'t>> {
    (after.is_empty() || after.starts_with([':', '.', '!', ' '])).then_some(Said::Some(whole))
}

/// `2` of ` 2 failed, 3 passed, 5 total`.
fn failed_of(text: &str) -> Option<u64> {
    text.split(',').find_map(|part| {
        let (count, rest) = number(part.trim())?;
        (rest.trim() == "failed").then_some(u64::from(count))
    })
}

/// `adds up` of `adds up (5 ms)`.
fn without_time(name: &str) -> &str {
    match name.rsplit_once(" (") {
        Some((head, time))
            if time.ends_with("ms)")
                || time.ends_with("s)") && time.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            head
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status, verdict::Analysis};

    fn read(text: &str) -> Analysis {
        analyze(text, &Status::default(), None, 0)
    }

    #[test]
    fn the_fewest_words_are_understood() {
        let found =
            read("FAIL src/cart.test.ts\n  ✕ adds up (5 ms)\n\nTests: 1 failed, 2 passed, 3 total");
        assert_eq!(
            (found.summary.as_str(), found.suggestion.as_str()),
            ("1 test failed", "Fix test: adds up")
        );
        let found = read("  ✗ a\n  ✗ b\n3 tests failed");
        assert_eq!(found.summary, "3 tests failed: a, b, +1 more");
        assert_eq!(
            read("Test failed: expected 1 to be 2").suggestion,
            "Fix test: Test failed: expected 1 to be 2"
        );
        assert_eq!(
            read("npm ERR! Test failed.  See above for more details.").kind.name(),
            "test_failure"
        );
    }

    #[test]
    fn marks_and_words_elsewhere_are_no_tests() {
        for text in [
            "✕ close\n✕ remove\n",
            "Tests: 0 failed, 3 passed",
            "we learnt that 3 tests failed last year",
            "FAIL safe defaults",
            "0 failing",
        ] {
            assert_ne!(read(text).kind.name(), "test_failure", "{text}");
        }
    }
}
