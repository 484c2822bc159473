//! RuboCop's `progress`, `clang` and `emacs` formats
//! (<https://docs.rubocop.org/rubocop/formatters.html>).
//!
//! ```text
//! app/a.rb:1:1: C: [Correctable] Style/FrozenStringLiteralComment: Missing frozen string literal comment.
//! 3 files inspected, 12 offenses detected, 8 offenses autocorrectable
//! ```

use super::super::location::{Place, colons, number};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "rubocop",
    markers: &[": C: ", ": W: ", ": E: ", ": F: ", ": R: ", ": I: "],
    recognises: |sample: &Sample| sample.lines().any(|line| split(line).is_some()),
    start: || Box::new(Rubocop),
};

struct Rubocop;

impl Dialect for Rubocop {
    fn report(&self) -> Report {
        Report::new("rubocop", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if first.is_ascii_digit() && line.contains(" inspected, ") {
            return totals(line, report);
        }
        let Some(Offense { place, letter, cop, message, fixable }) = split(line) else { return };
        let severity = if letter == 'I' { Severity::Warning } else { Severity::Error };
        if report.first.is_none() && severity == Severity::Error {
            report.quote(&format!("{cop}: {message}"));
        }
        report.problem(&Problem {
            severity,
            code: cop,
            rule: "",
            message,
            file: place.file,
            line: place.line,
            column: place.column,
            fixable,
        });
    }

    fn finish(&mut self, report: &mut Report) {
        if report.total_fixable().is_some_and(|count| count > 0) {
            let title = "Apply RuboCop's safe corrections".to_owned();
            report.fix = Some(Fix { command: "rubocop -a".to_owned(), title });
        }
    }
}

/// `3 files inspected, 12 offenses detected, 8 offenses autocorrectable`
fn totals(line: &str, report: &mut Report) {
    for part in line.split(", ").skip(1) {
        let Some((count, rest)) = number(part) else { continue };
        if !rest.starts_with(" offense") {
            continue;
        }
        if rest.ends_with(" detected") && count > 0 {
            report.stated = Some(u64::from(count));
            report.failed = true;
        } else if rest.contains("correctable") {
            report.stated_fixable = Some(u64::from(count));
        }
    }
}

struct Offense<'t> {
    place: Place<'t>,
    letter: char,
    cop: &'t str,
    message: &'t str,
    fixable: bool,
}

fn split(line: &str) -> Option<Offense<'_>> {
    if line.starts_with([' ', '=']) {
        return None;
    }
    let place = colons(line)?;
    let mut characters = place.rest.chars();
    let letter = characters.next().filter(|letter| "CWEFRI".contains(*letter))?;
    let text = characters.as_str().strip_prefix(": ")?;
    let plain = text
        .strip_prefix("[Correctable] ")
        .or_else(|| text.strip_prefix("[Corrected] "))
        .unwrap_or(text);
    let (cop, message) = plain.split_once(": ")?;
    let named = cop.contains('/')
        && cop.starts_with(|first: char| first.is_ascii_uppercase())
        && cop.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/');
    let fixable = text.starts_with("[Correctable]");
    named.then_some(Offense { place, letter, cop, message, fixable })
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn offenses_are_counted_by_cop_and_the_correctable_are_corrected() {
        let text = "Inspecting 2 files\nCW\n\nOffenses:\n\nlib/a.rb:3:5: W: Lint/UselessAssignment: Useless assignment to variable - x.\n    x = 1\n    ^\nlib/b.rb:1:9: C: [Correctable] Style/StringLiterals: Prefer single-quoted strings.\n\n2 files inspected, 2 offenses detected, 1 offense autocorrectable\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("rubocop", Some(2)));
        assert_eq!(found.suggestion, "Run: rubocop -a (1/2 auto-fixable)");
    }
}
