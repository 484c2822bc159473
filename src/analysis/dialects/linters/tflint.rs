//! TFLint (<https://github.com/terraform-linters/tflint/blob/master/formatter/pretty.go>), whose issues look
//! like Terraform's errors.
//!
//! ```text
//! 2 issue(s) found:
//!
//! Error: "t9.micro" is an invalid value as instance_type (aws_instance_invalid_type)
//!
//!   on main.tf line 4:
//! ```

use super::super::location::number;
use super::common::{FirstWarning, in_parentheses};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "tflint",
    markers: &[" issue(s) found:"],
    recognises: |sample: &Sample| sample.lines().any(|line| issue(line).is_some()),
    start: || Box::new(Tflint::default()),
};

#[derive(Default)]
struct Tflint {
    pending: Option<(Severity, String, String)>,
    warning: FirstWarning,
}

impl Dialect for Tflint {
    fn report(&self) -> Report {
        Report::new("tflint", Kind::Linter, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some((severity, message, rule)) = issue(line) {
            self.tell("", report);
            self.pending = Some((severity, message.to_owned(), rule.to_owned()));
            if report.first_line == 0 {
                report.first_line = report.line_number();
            }
        } else if self.pending.is_some()
            && let Some(place) = line.strip_prefix("  on ")
        {
            self.tell(place, report);
        } else if let Some((count, " issue(s) found:")) = number(line) {
            report.stated = Some(u64::from(count));
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.tell("", report);
        self.warning.quote(report);
    }
}

impl Tflint {
    fn tell(&mut self, place: &str, report: &mut Report) {
        let Some((severity, message, code)) = self.pending.take() else { return };
        let (file, row) = place.split_once(" line ").unwrap_or((place, ""));
        if severity == Severity::Warning {
            self.warning.note(&message, report);
        }
        report.problem(&Problem {
            severity,
            code: &code,
            message: &message,
            file,
            line: number(row).map_or(0, |(row, _)| row),
            ..Problem::ERROR
        });
    }
}

fn issue(line: &str) -> Option<(Severity, &str, &str)> {
    let (severity, text) = if let Some(text) = line.strip_prefix("Error: ") {
        (Severity::Error, text)
    } else {
        let text = line.strip_prefix("Warning: ").or_else(|| line.strip_prefix("Notice: "))?;
        (Severity::Warning, text)
    };
    let text = text.strip_prefix("[Fixable] ").unwrap_or(text);
    let (message, rule) = in_parentheses(text, |rule| {
        rule.contains('_')
            && rule.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })?;
    Some((severity, message, rule))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn issues_are_a_linter_s() {
        let text = "1 issue(s) found:\n\nError: \"x\" is an invalid value (aws_instance_invalid_type)\n\n  on main.tf line 4:\n   4:   instance_type = \"x\"\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("tflint", Some(1)));
        assert_eq!(found.details.affected_files, ["main.tf"]);
    }
}
