//! PHP_CodeSniffer's `full` report (<https://github.com/PHPCSStandards/PHP_CodeSniffer/wiki/Reporting>).
//!
//! ```text
//! FILE: /app/a.php
//! ----------------------------------------------------------------------
//! FOUND 2 ERRORS AND 1 WARNING AFFECTING 3 LINES
//! ----------------------------------------------------------------------
//!  2 | ERROR   | [ ] Missing file doc comment
//!  9 | ERROR   | [x] Expected 1 space after FUNCTION keyword; 0 found (Squiz.Functions.X)
//! PHPCBF CAN FIX THE 1 MARKED SNIFF VIOLATIONS AUTOMATICALLY
//! ```

use super::super::location::number;
use super::common::FirstWarning;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "phpcs",
    markers: &[" | ERROR ", " | WARNING "],
    recognises: |sample: &Sample| {
        sample.has_line_starting("FILE: ") && sample.lines().any(|line| row(line).is_some())
    },
    start: || Box::new(Phpcs::default()),
};

#[derive(Default)]
struct Phpcs {
    file: String,
    warning: FirstWarning,
}

impl Dialect for Phpcs {
    fn report(&self) -> Report {
        Report::new("phpcs", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(file) = line.strip_prefix("FILE: ") {
            file.trim().clone_into(&mut self.file);
        } else if line.contains(" | ")
            && let Some(Row { line, severity, message, code, fixable }) = row(line)
        {
            if severity == Severity::Warning {
                self.warning.note(message, report);
            }
            let file = &self.file;
            report.problem(&Problem {
                severity,
                code,
                message,
                file,
                line,
                fixable,
                ..Problem::ERROR
            });
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
        if report.fixable > 0 {
            let title = "Apply PHP_CodeSniffer's fixes".to_owned();
            report.fix = Some(Fix { command: "vendor/bin/phpcbf".to_owned(), title });
        }
    }
}

struct Row<'t> {
    line: u32,
    severity: Severity,
    message: &'t str,
    code: &'t str,
    fixable: bool,
}

fn row(line: &str) -> Option<Row<'_>> {
    let (at, rest) = number(line.trim_ascii_start())?;
    let (word, text) = rest.trim_ascii_start().strip_prefix("| ")?.split_once('|')?;
    let severity = match word.trim() {
        "ERROR" => Severity::Error,
        "WARNING" => Severity::Warning,
        _ => return None,
    };
    let text = text.trim();
    let fixable = text.starts_with("[x] ");
    let text = text.strip_prefix("[x] ").or_else(|| text.strip_prefix("[ ] ")).unwrap_or(text);
    // With `-s` the sniff stands behind the message, named in three or four parts.
    let sniff = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    let (message, code) = sniff
        .filter(|(_, code)| code.matches('.').count() >= 2 && !code.contains(' '))
        .unwrap_or((text, ""));
    Some(Row { line: at, severity, message, code, fixable })
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn rows_are_counted_and_marked_ones_can_be_fixed() {
        let text = "FILE: /w/a.php\n-----\nFOUND 1 ERROR AND 1 WARNING AFFECTING 2 LINES\n-----\n  3 | ERROR   | [x] Opening brace on same line (PSR2.Classes.ClassDeclaration.OpenBraceNewLine)\n 12 | WARNING | [ ] Line exceeds 120 characters\n-----\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("phpcs", Some(2)));
        assert_eq!(found.details.fixable_count, Some(1));
        assert_eq!(found.details.affected_files, ["/w/a.php"]);
    }
}
