//! markdownlint-cli and markdownlint-cli2
//! (<https://github.com/igorshubovych/markdownlint-cli>, <https://github.com/DavidAnson/markdownlint-cli2>).
//!
//! ```text
//! README.md:3 MD012/no-multiple-blanks Multiple consecutive blank lines [Expected: 1; Actual: 2]
//! README.md:5:81 error MD013/line-length Line length [Expected: 80; Actual: 99]
//! Summary: 2 error(s)
//! ```

use super::super::location::number;
use super::common::code_length;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;
use memchr::memmem::find;

pub(super) static SPEC: Spec = Spec {
    name: "markdownlint",
    markers: &[" MD0", " MD1"],
    recognises: |sample: &Sample| sample.lines().any(|line| split(line).is_some()),
    start: || Box::new(Markdownlint),
};

struct Markdownlint;

impl Dialect for Markdownlint {
    fn report(&self) -> Report {
        Report::new("markdownlint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some((file, row, column, text, severity)) = split(line) {
            let names = text.split(' ').next().unwrap_or(text);
            let (code, rule) = names.split_once('/').unwrap_or((names, ""));
            let message = text[names.len()..].trim_start();
            if severity == Severity::Error {
                report.quote(text);
            }
            let rule = rule.split('/').next().unwrap_or_default();
            report.problem(&Problem {
                severity,
                code,
                rule,
                message,
                file,
                line: row,
                column,
                ..Problem::ERROR
            });
        } else if let Some((count, rest)) = line.strip_prefix("Summary: ").and_then(number)
            && rest.starts_with(" error(s)")
            && count > 0
        {
            report.stated = Some(u64::from(count));
        }
    }
}

type Found<'t> = (&'t str, u32, u32, &'t str, Severity);

fn split(line: &str) -> Option<Found<'_>> {
    let at = find(line.as_bytes(), b" MD")?;
    let text = &line[at + 1..];
    code_length(text, 2, 3).filter(|length| *length == 5)?;
    let head = &line[..at];
    let (place, severity) = match head.strip_suffix(" warning") {
        Some(place) => (place, Severity::Warning),
        None => (head.strip_suffix(" error").unwrap_or(head), Severity::Error),
    };
    let place = place.strip_suffix(':').unwrap_or(place);
    let (rest, last) = place.rsplit_once(':')?;
    let last = last.parse().ok()?;
    match rest.rsplit_once(':').map(|(file, row)| (file, row.parse())) {
        Some((file, Ok(row))) => Some((file, row, last, text, severity)),
        _ => Some((rest, last, 0, text, severity)),
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn places_with_and_without_column_are_read() {
        let text = "docs/a.md:2 MD041/first-line-heading/first-line-h1 First line in a file should be a top-level heading\ndocs/a.md:5:81 error MD013/line-length Line length [Expected: 80; Actual: 99]\nSummary: 2 error(s)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("markdownlint", Some(2)));
        assert_eq!(found.details.affected_files, ["docs/a.md"]);
        assert!(found.summary.contains("1x MD041 (first-line-heading)"));
    }
}
