//! Flake8's default format, which pycodestyle shares, with `--statistics` and `--count`
//! (<https://flake8.pycqa.org/en/latest/user/options.html#cmdoption-flake8-format>), and pyflakes' own,
//! which has no codes.
//!
//! ```text
//! ./a/b.py:2:1: F401 'os' imported but unused
//! 5     E302 expected 2 blank lines, found 1
//! 29
//! a/b.py:2: [F401] 'os' imported but unused        (--format=pylint)
//! ```

use super::super::location::{Place, colons, number};
use super::common::code_length;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "flake8",
    markers: &[
        ": E", ": W", ": F", ": C9", ": B", ": D", ": N8", ": S", ": [", " E5", " E3", " W2",
        " F4", " F8",
    ],
    recognises,
    start: || Box::new(Flake8::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut found = false;
    for line in sample.lines() {
        let Some((code, message)) = split(line).map(|(_, code, message)| (code, message)) else {
            continue;
        };
        if is_own(code, message) {
            return true;
        }
        found = true;
    }
    if sample.lines().any(|line| tallied(line).is_some_and(|(_, code, text)| is_own(code, text))) {
        return true;
    }
    // Codes of plugins alone are flake8's when ruff's marks are absent.
    found
        && !sample.has("[*] ")
        && !sample.has_line_starting("Found ")
        && !sample.has("fixable with")
}

/// Whether pycodestyle or pyflakes worded it: they begin in lower case and quote with apostrophes,
/// where ruff begins in upper case and quotes with backticks.
pub(super) fn is_own(code: &str, message: &str) -> bool {
    let theirs = code.starts_with(['E', 'W', 'F']) || code == "C901";
    theirs
        && message.starts_with(|first: char| first.is_ascii_lowercase() || first == '\'')
        && !message.starts_with("f-string without")
}

/// Codes of a table of totals that are remembered.
const MAX_TALLIED: usize = 200;

#[derive(Default)]
struct Flake8 {
    /// Totals by code, which count when the problems themselves are not printed (`-qq`).
    tallied: Vec<(u32, String, String)>,
}

impl Dialect for Flake8 {
    fn report(&self) -> Report {
        Report::new("flake8", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && let Some((count, code, text)) = tallied(line)
        {
            if report.errors == 0 && self.tallied.len() < MAX_TALLIED {
                self.tallied.push((count, code.to_owned(), text.to_owned()));
            }
            return;
        }
        let Some((place, code, message)) = split(line) else { return };
        if report.first.is_none() {
            report.quote(&format!("{code} {message}"));
        }
        report.problem(&Problem {
            code,
            message,
            file: place.file,
            line: place.line,
            column: place.column,
            ..Problem::ERROR
        });
    }

    fn finish(&mut self, report: &mut Report) {
        if report.errors > 0 {
            return;
        }
        for (count, code, text) in &self.tallied {
            report.quote(&format!("{code} {text}"));
            let problem = Problem { code, message: text, ..Problem::ERROR };
            report.tally(&problem, u64::from(*count));
        }
    }
}

/// `5     E302 expected 2 blank lines, found 1`.
fn tallied(line: &str) -> Option<(u32, &str, &str)> {
    let (count, rest) = number(line)?;
    let rest = rest.strip_prefix(' ')?.trim_ascii_start();
    let length = code_length(rest, 4, 4).filter(|length| *length > 2)?;
    let (code, text) = rest.split_at(length);
    Some((count, code, text.strip_prefix(' ')?))
}

pub(super) type Found<'t> = (Place<'t>, &'t str, &'t str);

/// `path:2:1: F401 message`. Codes are one to three capitals and one to four digits
/// (<https://flake8.pycqa.org/en/latest/glossary.html>).
fn split(line: &str) -> Option<Found<'_>> {
    if line.as_bytes().first().is_none_or(|first| matches!(first, b' ' | b':')) {
        return None;
    }
    let place = colons(line)?;
    if place.column == 0 {
        return bracketed(place);
    }
    let length = code_length(place.rest, 4, 4)?;
    let (code, message) = place.rest.split_at(length);
    let message = message.strip_prefix(' ')?;
    let message = message.trim_start();
    let python = |file: &str| {
        let end = file.rsplit_once('.').map_or("", |(_, end)| end);
        matches!(end, "py" | "pyi" | "pyx" | "ipynb") || matches!(file, "stdin" | "-")
    };
    // Plugins choose codes of their own, which other tools' words may look like.
    (code.len() > 2 && (is_own(code, message) || python(place.file)))
        .then_some((place, code, message))
}

/// `path:2: [F401] message`, the format `pylint` of flake8 and of ruff.
pub(super) fn bracketed(place: Place<'_>) -> Option<Found<'_>> {
    let (code, message) = place.rest.strip_prefix('[')?.split_once("] ")?;
    let shaped = code_length(code, 7, 4).is_some_and(|length| length == code.len() && length > 2);
    (shaped || code == "invalid-syntax").then_some((place, code, message))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn problems_are_counted_once_beside_their_statistics() {
        let text = "./x/y.py:1:1: F401 'json' imported but unused\n./x/y.py:9:80: E501 line too long (99 > 79 characters)\n\
                    1     E501 line too long (99 > 79 characters)\n1     F401 'json' imported but unused\n2\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.tool, "flake8");
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.first_error.as_deref(), Some("F401 'json' imported but unused"));
        assert!(found.fix.is_none());
    }

    #[test]
    fn totals_alone_are_read() {
        let text = "4     E302 expected 2 blank lines, found 1\n2     W291 trailing whitespace\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("flake8", Some(6)));
        assert_eq!(found.details.errors_by_type["E302"], 4);
    }
}
