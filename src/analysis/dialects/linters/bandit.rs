//! Bandit's screen and text formats (<https://bandit.readthedocs.io/en/latest/formatters/text.html>).
//!
//! ```text
//! >> Issue: [B301:blacklist] Pickle library appears to be in use, possible security issue.
//!    Severity: Medium   Confidence: High
//!    Location: examples/a.py:15:0
//! ```

use super::super::location::whole;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "bandit",
    markers: &[">> Issue: ["],
    recognises: |sample: &Sample| sample.has(">> Issue: ["),
    start: || Box::new(Bandit::default()),
};

#[derive(Default)]
struct Bandit {
    /// Test, its name and the message; the place comes later.
    pending: Option<(String, String, String)>,
}

impl Dialect for Bandit {
    fn report(&self) -> Report {
        Report::new("bandit", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'>') => {
                if let Some((test, message)) =
                    line.strip_prefix(">> Issue: [").and_then(|rest| rest.split_once("] "))
                {
                    self.tell("", report);
                    let (code, rule) = test.split_once(':').unwrap_or((test, ""));
                    self.pending = Some((code.to_owned(), rule.to_owned(), message.to_owned()));
                    if report.first_line == 0 {
                        report.first_line = report.line_number();
                    }
                }
            }
            Some(b' ') if self.pending.is_some() => {
                if let Some(place) = line.trim_ascii_start().strip_prefix("Location: ") {
                    self.tell(place, report);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.tell("", report);
    }
}

impl Bandit {
    fn tell(&mut self, place: &str, report: &mut Report) {
        let Some((code, rule, message)) = self.pending.take() else { return };
        let found = whole(place);
        report.problem(&Problem {
            code: &code,
            rule: &rule,
            message: &message,
            file: found.map_or(place, |found| found.file),
            line: found.map_or(0, |found| found.line),
            column: found.map_or(0, |found| found.column),
            ..Problem::ERROR
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn issues_are_counted_by_test_with_their_files() {
        let text = "Test results:\n>> Issue: [B301:blacklist] Pickle in use.\n   Severity: Medium   Confidence: High\n   CWE: CWE-502 (https://x)\n   Location: app/a.py:15:4\n14\timport x\n\n--------\n>> Issue: [B602:shell] Shell.\n   Location: app/b.py:2\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("bandit", Some(2)));
        assert_eq!(found.details.affected_files, ["app/a.py", "app/b.py"]);
        assert_eq!(found.details.errors_by_type["B301"], 1);
        assert_eq!(found.details.first_error.as_deref(), Some("Pickle in use."));
    }
}
