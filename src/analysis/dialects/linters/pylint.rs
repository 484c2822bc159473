//! Pylint's `text`, `parseable` and `msvs` formats
//! (<https://pylint.readthedocs.io/en/stable/user_guide/usage/output.html>).
//!
//! ```text
//! ************* Module a.b
//! a/b.py:1:0: C0114: Missing module docstring (missing-module-docstring)
//! a/b.py:1: [C0114(missing-module-docstring), f] Missing module docstring
//! a/b.py(1): [C0114(missing-module-docstring)f] Missing module docstring
//!
//! Your code has been rated at 1.86/10
//! ```

use super::super::location::{Place, colons, parentheses};
use super::common::{code_length, in_parentheses, is_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "pylint",
    markers: &[
        "************* Module ",
        ": C0",
        ": R0",
        ": W0",
        ": E0",
        ": E1",
        ": F0",
        ": [",
        ": R1",
        ": W1",
        ": C",
        ": I0",
    ],
    recognises,
    start: || Box::new(Pylint),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| split(line).is_some())
}

struct Pylint;

impl Dialect for Pylint {
    fn report(&self) -> Report {
        Report::new("pylint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(Message { place, code, text, rule }) = split(line) else { return };
        if report.first.is_none() {
            report.quote(&format!("{code}: {text}"));
        }
        report.problem(&Problem {
            code,
            rule,
            message: text,
            file: place.file,
            line: place.line,
            column: place.column,
            ..Problem::ERROR
        });
    }
}

struct Message<'t> {
    place: Place<'t>,
    code: &'t str,
    text: &'t str,
    rule: &'t str,
}

fn split(line: &str) -> Option<Message<'_>> {
    if line.as_bytes().first().is_none_or(|first| matches!(first, b' ' | b'*')) {
        return None;
    }
    let place = match line.starts_with(':') {
        true => return None,
        false => colons(line).or_else(|| parentheses(line))?,
    };
    if let Some(rest) = place.rest.strip_prefix('[') {
        let (head, text) = rest.split_once(']')?;
        let text = text.trim_start();
        let length = length_of_code(head)?;
        let (code, rest) = head.split_at(length);
        let rule = rest.strip_prefix('(')?.split(')').next()?;
        return Some(Message { place, code, text, rule });
    }
    let length = length_of_code(place.rest)?;
    let (code, rest) = place.rest.split_at(length);
    let text = rest.strip_prefix(": ")?.trim();
    // Similar lines (R0801) are told over several lines, the rule behind the last.
    let (text, rule) = in_parentheses(text, is_rule).unwrap_or((text, ""));
    Some(Message { place, code, text, rule })
}

/// One letter for the category and four or five digits.
fn length_of_code(text: &str) -> Option<usize> {
    let length = code_length(text, 1, 5)?;
    (length >= 5 && text.starts_with(['C', 'R', 'W', 'E', 'F', 'I'])).then_some(length)
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn messages_are_counted_by_their_ids_and_named_by_their_symbols() {
        let text = "************* Module p.q\np/q.py:7:4: E1101: Instance of 'A' has no 'b' member (no-member)\n\
                    p/q.py:8:4: W0613: Unused argument 'c' (unused-argument)\n\n-----\nYour code has been rated at 4.00/10\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.tool, "pylint");
        assert_eq!(
            found.summary,
            "2 linting errors: 1x E1101 (no-member), 1x W0613 (unused-argument)"
        );
        let first = found.details.first_error.unwrap();
        assert_eq!(first, "E1101: Instance of 'A' has no 'b' member");
    }

    #[test]
    fn the_parseable_format_is_read() {
        let text = "p/q.py:3: [W0611(unused-import), ] Unused import os\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.errors_by_type["W0611"], 1);
    }
}
