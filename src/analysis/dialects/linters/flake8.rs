//! Flake8's default format, which pycodestyle shares, with `--statistics` and `--count`
//! (<https://flake8.pycqa.org/en/latest/user/options.html#cmdoption-flake8-format>), and pyflakes' own,
//! which has no codes.
//!
//! ```text
//! ./a/b.py:2:1: F401 'os' imported but unused
//! 5     E302 expected 2 blank lines, found 1
//! 29
//! ```

use super::super::location::colons;
use super::common::code_length;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "flake8",
    markers: &[": E", ": W", ": F", ": C9", ": B", ": D", ": N8", ": S"],
    recognises,
    start: || Box::new(Flake8),
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

struct Flake8;

impl Dialect for Flake8 {
    fn report(&self) -> Report {
        Report::new("flake8", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
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
}

type Found<'t> = (super::super::location::Place<'t>, &'t str, &'t str);

/// `path:2:1: F401 message`. Codes are one to three capitals and one to four digits
/// (<https://flake8.pycqa.org/en/latest/glossary.html>).
fn split(line: &str) -> Option<Found<'_>> {
    if line.as_bytes().first().is_none_or(|first| *first == b' ') {
        return None;
    }
    let place = colons(line)?;
    let length = code_length(place.rest, 4, 4)?;
    let (code, message) = place.rest.split_at(length);
    let message = message.strip_prefix(' ')?;
    (place.column > 0 && code.len() > 2).then(|| (place, code, message.trim_start()))
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
}
