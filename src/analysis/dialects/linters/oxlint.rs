//! Oxlint's default format, which is miette's (<https://oxc.rs/docs/guide/usage/linter/output-formats.html>,
//! <https://docs.rs/miette/latest/miette/struct.GraphicalReportHandler.html>), in Unicode or ASCII.
//!
//! ```text
//!   × eslint(no-dupe-keys): Duplicate key 'a'
//!    ╭─[src/a.js:1:17]
//!   x eslint(no-dupe-keys): Duplicate key 'a'
//!    ,-[src/a.js:1:17]
//! Found 0 warnings and 5 errors.
//! ```

use super::super::location::number;
use super::common::{FirstWarning, is_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "oxlint",
    markers: &[",-[", "\u{256d}\u{2500}["],
    recognises,
    start: || Box::new(Oxlint::default()),
};

fn recognises(sample: &Sample) -> bool {
    let ruled = |line: &str| header(line).is_some_and(|(_, text)| split_rule(text).is_some());
    sample.lines().any(|line| {
        ruled(line) || (line.starts_with("Finished in ") && line.contains(" rules using "))
    })
}

#[derive(Default)]
struct Oxlint {
    /// The message whose place comes next, and its severity.
    pending: Option<(Severity, String)>,
    warning: FirstWarning,
    stated: Option<(u64, u64)>,
}

impl Dialect for Oxlint {
    fn report(&self) -> Report {
        Report::new("oxlint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.is_empty() {
            self.flush("", report);
        } else if let Some(rest) = line.strip_prefix("Found ") {
            self.total(rest);
        } else if !line.starts_with(' ') {
            // Sources at the margin, totals, other tools.
        } else if let Some((severity, text)) = header(line) {
            self.flush("", report);
            self.pending = Some((severity, text.to_owned()));
        } else if let Some((_, text)) = &mut self.pending {
            if let Some(place) = place(line) {
                self.flush(place, report);
            } else if let Some(more) = line.trim_ascii_start().strip_prefix(['\u{2502}', '|'])
                && text.len() < 1000
            {
                // Long messages go on in further lines.
                text.push(' ');
                text.push_str(more.trim());
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.flush("", report);
        self.warning.quote(report);
        if let Some((warnings, errors)) = self.stated {
            report.warnings = report.warnings.max(warnings);
            report.errors = report.errors.max(errors);
        }
    }
}

impl Oxlint {
    /// Counts the pending diagnostic; one without rule and place is none of a source.
    fn flush(&mut self, place: &str, report: &mut Report) {
        let Some((severity, text)) = self.pending.take() else { return };
        let (code, message) = match split_rule(&text) {
            Some(found) => found,
            None if place.is_empty() => return,
            None => ("", text.as_str()),
        };
        let (file, row, column) = split_place(place);
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        report.problem(&Problem {
            severity,
            code,
            message,
            file,
            line: row,
            column,
            ..Problem::ERROR
        });
    }

    /// `0 warnings and 5 errors.`
    fn total(&mut self, rest: &str) {
        let Some((warnings, rest)) = number(rest) else { return };
        let Some((_, rest)) = rest.split_once(" and ") else { return };
        let Some((errors, rest)) = number(rest) else { return };
        if rest.starts_with(" error") {
            let (w, e) = self.stated.unwrap_or_default();
            self.stated = Some((w + u64::from(warnings), e + u64::from(errors)));
        }
    }
}

/// `  × text`, `  x text`, `  ⚠ text`, `  ! text`.
fn header(line: &str) -> Option<(Severity, &str)> {
    let mut characters = line.strip_prefix("  ")?.chars();
    let severity = match characters.next()? {
        '\u{d7}' | 'x' => Severity::Error,
        '\u{26a0}' | '!' => Severity::Warning,
        _ => return None,
    };
    let text = characters.as_str().strip_prefix(' ')?;
    (!text.is_empty() && !text.starts_with(' ')).then_some((severity, text))
}

/// `plugin(rule): message`.
fn split_rule(text: &str) -> Option<(&str, &str)> {
    let (code, message) = text.split_once("): ")?;
    let (plugin, rule) = code.split_once('(')?;
    (is_rule(plugin) && is_rule(rule)).then(|| (&text[..=code.len()], message.trim()))
}

/// `   ╭─[src/a.js:1:17]`.
fn place(line: &str) -> Option<&str> {
    let line = line.trim_ascii_start();
    line.strip_prefix(",-[").or_else(|| line.strip_prefix("\u{256d}\u{2500}["))?.strip_suffix(']')
}

fn split_place(place: &str) -> (&str, u32, u32) {
    let mut parts = place.rsplitn(3, ':');
    let (column, row, file) = (parts.next(), parts.next(), parts.next());
    match (file, row.and_then(|row| row.parse().ok()), column.and_then(|at| at.parse().ok())) {
        (Some(file), Some(row), Some(column)) => (file, row, column),
        _ => (place, 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn unicode_and_wrapped_messages_are_read() {
        let text = "\n  \u{26a0} eslint(no-unused-vars): Variable 'q' is declared but never used. Unused\n  \u{2502} variables should start with a '_'.\n   \
                    \u{256d}\u{2500}[lib/q.ts:3:7]\n 3 \u{2502} let q\n   \u{2570}\u{2500}\u{2500}\u{2500}\u{2500}\n\n  \u{d7} Expected `;` but found `let`\n   \u{256d}\u{2500}[lib/r.ts:1:2]\n   \u{2570}\u{2500}\n\nFound 1 warning and 1 error.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("oxlint", Some(2)));
        assert_eq!(found.details.warning_count, Some(1));
        assert_eq!(found.details.first_error.as_deref(), Some("Expected `;` but found `let`"));
        assert_eq!(found.details.affected_files, ["lib/q.ts", "lib/r.ts"]);
    }
}
