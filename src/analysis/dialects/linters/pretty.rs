//! `eslint-formatter-pretty`, which XO prints with
//! (<https://github.com/sindresorhus/eslint-formatter-pretty>).
//!
//! ```text
//!   src/a.js:1:1
//!   ✖  1:1   Unexpected var, use let or const instead.  no-var
//!   ⚠  7:4   Unexpected todo comment.                   no-warning-comments
//!
//!   1 warning
//!   1 error
//! ```

use super::super::location::whole;
use super::common::FirstWarning;
use super::stylish::{row, split_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "eslint-pretty",
    markers: &["\n  \u{2716}  ", "\n  \u{26a0}  "],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| {
            marked(line).is_some_and(|(_, text)| {
                row(text).is_some_and(|row| !split_rule(row.rest).1.is_empty())
            })
        }) && sample.lines().any(|line| heading(line).is_some())
    },
    start: || Box::new(Pretty::default()),
};

#[derive(Default)]
struct Pretty {
    file: String,
    warning: FirstWarning,
}

impl Dialect for Pretty {
    fn report(&self) -> Report {
        Report::new("eslint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some((severity, text)) = marked(line) else {
            if let Some(file) = heading(line) {
                file.clone_into(&mut self.file);
            }
            return;
        };
        let Some(row) = row(text) else { return };
        let (message, code) = split_rule(row.rest);
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        let (line, column) = row.place();
        let file = &self.file;
        report.problem(&Problem { severity, code, message, file, line, column, ..Problem::ERROR });
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

fn marked(line: &str) -> Option<(Severity, &str)> {
    let text = line.strip_prefix("  ")?;
    if let Some(text) = text.strip_prefix('\u{2716}') {
        return text.starts_with("  ").then(|| (Severity::Error, text.trim_start()));
    }
    let text = text.strip_prefix('\u{26a0}')?;
    text.starts_with("  ").then(|| (Severity::Warning, text.trim_start()))
}

/// The file of `  src/a.js:1:1`.
fn heading(line: &str) -> Option<&str> {
    let place =
        line.strip_prefix("  ").filter(|text| !text.starts_with(' ') && text.len() < 500)?;
    let found = whole(place).filter(|found| found.column > 0)?;
    found.file.contains('.').then_some(found.file)
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn rows_belong_to_the_file_above() {
        let text = "\n  src/a.js:4:1\n  \u{26a0}  2:9  Unexpected todo.  no-warning-comments\n  \u{2716}  4:1  Missing semicolon.  semi\n\n  1 warning\n  1 error\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("eslint", Some(2)));
        assert_eq!(found.details.affected_files, ["src/a.js"]);
        assert_eq!(found.details.first_error.as_deref(), Some("Missing semicolon."));
        assert_eq!(found.details.errors_by_type["semi"], 1);
    }
}
