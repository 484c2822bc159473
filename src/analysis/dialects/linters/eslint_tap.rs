//! ESLint's `tap` format: a test is a file, its data are the problems
//! (<https://github.com/eslint/eslint/blob/v8.57.0/lib/cli-engine/formatters/tap.js>).
//!
//! ```text
//! not ok 1 - /app/a.js
//!   ---
//!   message: Missing semicolon.
//!   severity: error
//!   data:
//!     line: 4
//!     column: 7
//!     ruleId: semi
//!   messages:
//!     - message: '''x'' is not defined.'
//!       severity: error
//! ```

use super::common::FirstWarning;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "eslint-tap",
    markers: &[" ruleId: "],
    recognises: |sample: &Sample| sample.has("not ok ") && sample.has("  message: "),
    start: || Box::new(Tap::default()),
};

#[derive(Default)]
struct Tap {
    file: String,
    message: String,
    warns: bool,
    line: u32,
    column: u32,
    warning: FirstWarning,
}

impl Dialect for Tap {
    fn report(&self) -> Report {
        Report::new("eslint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(rest) = line.strip_prefix("not ok ") {
            if let Some((_, file)) = rest.split_once(" - ") {
                file.clone_into(&mut self.file);
            }
            return;
        }
        if !line.starts_with(' ') {
            return;
        }
        let text = line.trim_ascii_start();
        let text = text.strip_prefix("- ").unwrap_or(text);
        let Some((key, value)) = text.split_once(": ") else { return };
        match key {
            "message" => self.message = unquoted(value),
            "severity" => self.warns = value == "warning",
            "line" => self.line = value.parse().unwrap_or(0),
            "column" => self.column = value.parse().unwrap_or(0),
            // The last of each.
            "ruleId" => {
                let severity = if self.warns { Severity::Warning } else { Severity::Error };
                if self.warns {
                    self.warning.note(&self.message, report);
                }
                let code = unquoted(value);
                report.problem(&Problem {
                    severity,
                    code: if code == "null" { "" } else { &code },
                    message: &self.message,
                    file: &self.file,
                    line: self.line,
                    column: self.column,
                    ..Problem::ERROR
                });
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

/// YAML doubles a quotation mark within quotation marks.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn problems_are_counted_by_rule_and_not_as_tests() {
        let text = "TAP version 13\n1..2\nok 1 - /w/b.js\nnot ok 2 - /w/a.js\n  ---\n  message: '''x'' is not defined.'\n  severity: error\n  data:\n    line: 4\n    column: 7\n    ruleId: no-undef\n  messages:\n    - message: Missing semicolon.\n      severity: error\n      data:\n        line: 5\n        column: 1\n        ruleId: semi\n  ...\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.kind.name(), found.details.error_count), ("linter", Some(2)));
        assert_eq!(found.details.first_error.as_deref(), Some("'x' is not defined."));
        assert_eq!(found.details.affected_files, ["/w/a.js"]);
    }
}
