//! commitlint (<https://commitlint.js.org/guides/getting-started.html>, `@commitlint/format`).
//!
//! ```text
//! ⧗   input: foo
//! ✖   subject may not be empty [subject-empty]
//! ⚠   body must have leading blank line [body-leading-blank]
//!
//! ✖   found 1 problems, 1 warnings
//! ```

use super::super::location::number;
use super::common::{FirstWarning, in_brackets, is_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "commitlint",
    markers: &["   input: ", "   found "],
    recognises: |sample: &Sample| sample.lines().any(|line| split(line).is_some()),
    start: || Box::new(Commitlint::default()),
};

#[derive(Default)]
struct Commitlint {
    warning: FirstWarning,
}

impl Dialect for Commitlint {
    fn report(&self) -> Report {
        Report::new("commitlint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.as_bytes().first() != Some(&0xe2) {
            return;
        }
        if let Some((severity, message, code)) = split(line) {
            if severity == Severity::Warning {
                self.warning.note(message, report);
            }
            report.problem(&Problem { severity, code, message, ..Problem::ERROR });
        } else if let Some(rest) = line.strip_prefix("\u{2716}   found ")
            && let Some((errors, rest)) = number(rest)
            && let Some((warnings, _)) = rest.split_once(", ").and_then(|(_, rest)| number(rest))
        {
            report.errors = report.errors.max(u64::from(errors));
            report.warnings = report.warnings.max(u64::from(warnings));
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

fn split(line: &str) -> Option<(Severity, &str, &str)> {
    let (severity, text) = match line.strip_prefix("\u{2716}   ") {
        Some(text) => (Severity::Error, text),
        None => (Severity::Warning, line.strip_prefix("\u{26a0}   ")?),
    };
    let (message, rule) = in_brackets(text, |rule| rule.contains('-') && is_rule(rule))?;
    Some((severity, message, rule))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn rules_of_messages_are_counted() {
        let text = "\u{29d7}   input: wip\n\u{2716}   subject may not be empty [subject-empty]\n\u{2716}   type may not be empty [type-empty]\n\n\u{2716}   found 2 problems, 0 warnings\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("commitlint", Some(2)));
        assert_eq!(found.details.first_error.as_deref(), Some("subject may not be empty"));
    }
}
