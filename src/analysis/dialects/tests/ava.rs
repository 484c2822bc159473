//! AVA (<https://github.com/avajs/ava>, `lib/reporters/default.js`).
//!
//! ```text
//!   ✘ [fail]: adds                       several files: `✘ [fail]: a › adds`
//!   ─
//!
//!   adds
//!
//!   av/a.mjs:2
//!
//!   Difference (- actual, + expected):
//!   ─
//!
//!   2 tests failed
//! ```

use super::failures::{Cause, Failures, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "ava",
    markers: &["✘ [fail]: ", "✖ [fail]: ", "✖ No tests found in", "✘ No tests found in"],
    recognises: |_: &Sample| true,
    start: || Box::new(Ava::default()),
};

#[derive(Default)]
struct Ava {
    failures: Failures,
    cause: Cause,
}

impl Dialect for Ava {
    fn report(&self) -> Report {
        Report::new("ava", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let Some(first) = text.bytes().next() else { return };
        match first {
            0xe2 => {
                let Some(rest) = text.strip_prefix("✘ ").or_else(|| text.strip_prefix("✖ "))
                else {
                    return;
                };
                if let Some(name) = rest.strip_prefix("[fail]: ") {
                    self.failures.add(name, "", report);
                    if self.cause.is_empty() {
                        self.cause.begin(name, report);
                    }
                } else if rest.starts_with("No tests found in") {
                    report.failed = true;
                    report.quote(rest);
                }
            }
            b'0'..=b'9' => total(text, report),
            b'D' if text.starts_with("Difference (") => self.cause.close(),
            _ => {
                if !self.cause.is_empty() {
                    self.detail(text, report);
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

impl Ava {
    fn detail(&mut self, text: &str, report: &mut Report) {
        // `av/a.mjs:2` alone on a line.
        if let Some((file, row)) = text.rsplit_once(':')
            && !row.is_empty()
            && row.bytes().all(|byte| byte.is_ascii_digit())
            && !file.contains([' ', '(', ':'])
            && file.contains('.')
        {
            report.file(file);
        } else if self.cause.is_open()
            && self.cause.is_bare()
            && text.split(':').next().is_some_and(|name| {
                name.ends_with("Error") && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
        {
            self.cause.piece(text);
        }
    }
}

/// `2 tests failed`, `1 uncaught exception`, `1 unhandled rejection`.
fn total(text: &str, report: &mut Report) {
    let Some((count, rest)) = number(text) else { return };
    if matches!(
        rest,
        " test failed"
            | " tests failed"
            | " uncaught exception"
            | " uncaught exceptions"
            | " unhandled rejection"
            | " unhandled rejections"
    ) {
        state(report, u64::from(count));
        seen(report);
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_have_names_and_files() {
        let found = analyze(
            "\n  ✔ ok\n  ✘ [fail]: sum › adds\n  ─\n\n  sum › adds\n\n  test/sum.js:4\n\n   3: test(\n\n  Difference (- actual, + expected):\n\n  - 2\n  + 3\n\n  ─\n\n  1 test failed\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["test/sum.js"]);
        assert_eq!(found.details.failed_tests, ["sum › adds"]);
    }
}
