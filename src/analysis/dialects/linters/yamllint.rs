//! Yamllint's `standard` and `parsable` formats
//! (<https://yamllint.readthedocs.io/en/stable/quickstart.html>, `yamllint/cli.py`).
//!
//! ```text
//! ci.yml
//!   7:5       error    wrong indentation: expected 6 but found 4  (indentation)
//!
//! ci.yml:7:5: [error] wrong indentation: expected 6 but found 4 (indentation)
//! ```

use super::super::location::colons;
use super::common::{FirstWarning, in_parentheses, is_rule};
use super::stylish::row;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "yamllint",
    markers: &["  error    ", "  warning  ", ": [error] ", ": [warning] "],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| table(line).is_some() || parsable(line).is_some())
    },
    start: || Box::new(Yamllint::default()),
};

#[derive(Default)]
struct Yamllint {
    file: String,
    warning: FirstWarning,
}

impl Dialect for Yamllint {
    fn report(&self) -> Report {
        Report::new("yamllint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if *first == b' ' {
            let Some((place, cells)) = table(line) else { return };
            let file = std::mem::take(&mut self.file);
            self.problem(&file, place, cells, report);
            self.file = file;
        } else if line.ends_with(')')
            && let Some((file, place, cells)) = parsable(line)
        {
            self.problem(file, place, cells, report);
        } else if line.len() <= 1024 {
            // Whatever is not indented may be the path of the rows that follow.
            line.clone_into(&mut self.file);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

type Cells<'t> = (Severity, &'t str, &'t str);

impl Yamllint {
    fn problem(
        &mut self,
        file: &str,
        (line, column): (u32, u32),
        (severity, message, code): Cells<'_>,
        report: &mut Report,
    ) {
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        report.problem(&Problem { severity, code, message, file, line, column, ..Problem::ERROR });
    }
}

fn table(line: &str) -> Option<((u32, u32), Cells<'_>)> {
    let text = line.strip_prefix("  ")?;
    if !line.ends_with(')') || !text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let row = row(text)?;
    let (severity, rest) = match row.rest.split_once("  ")? {
        ("error", rest) => (Severity::Error, rest),
        ("warning", rest) => (Severity::Warning, rest),
        _ => return None,
    };
    let (message, rule) = in_parentheses(rest.trim_ascii_start(), is_rule)?;
    Some((row.place(), (severity, message, rule)))
}

fn parsable(line: &str) -> Option<(&str, (u32, u32), Cells<'_>)> {
    let at = memchr::memmem::find(line.as_bytes(), b": [")?;
    let place = colons(line)?;
    let (severity, rest) = match place.rest.strip_prefix('[')?.split_once("] ")? {
        ("error", rest) => (Severity::Error, rest),
        ("warning", rest) => (Severity::Warning, rest),
        _ => return None,
    };
    let (message, rule) = in_parentheses(rest, is_rule)?;
    (at > 0).then_some((place.file, (place.line, place.column), (severity, message, rule)))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn both_formats_are_read() {
        let table = "k8s/a.yaml\n  3:1       error    syntax error: could not find expected ':' (syntax)\n  9:4       warning  missing starting space in comment  (comments)\n\n";
        let lines = "k8s/a.yaml:3:1: [error] syntax error: could not find expected ':' (syntax)\nk8s/a.yaml:9:4: [warning] missing starting space in comment (comments)\n";
        for text in [table, lines] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.tool, found.details.error_count), ("yamllint", Some(2)));
            assert_eq!(found.details.warning_count, Some(1));
            assert_eq!(found.details.affected_files, ["k8s/a.yaml"]);
        }
    }
}
