//! Linters not known by name that print in the way of most: a place, a message and the rule in brackets
//! or parentheses. Among them are actionlint (<https://github.com/rhysd/actionlint/blob/main/docs/usage.md>),
//! clang-tidy, cppcheck, SwiftLint, ktlint and most that have a format for editors.
//!
//! ```text
//! .github/workflows/ci.yml:5:9: unexpected key "x" for "job" section [syntax-check]
//! Sources/a.swift:3:1: warning: Line Length Violation: … (line_length)
//! a.kt:3:1: Missing newline after "{" (standard:brace-style)
//! ```
//! It weighs less than any dialect that knows its tool.

use super::super::location::{Place, colons};
use super::common::{FirstWarning, in_brackets, in_parentheses};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "linter",
    // The end of a column, and what follows it.
    markers: &["0: ", "1: ", "2: ", "3: ", "4: ", "5: ", "6: ", "7: ", "8: ", "9: "],
    recognises: |sample: &Sample| sample.lines().any(|line| split(line).is_some()),
    start: || Box::new(Generic::default()),
};

#[derive(Default)]
struct Generic {
    warning: FirstWarning,
    /// All in sources of C and its kin: clang-tidy's, whose lines are a compiler's but for the rule.
    tidy: bool,
}

impl Dialect for Generic {
    fn report(&self) -> Report {
        Report::new("linter", Kind::Linter, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some((place, severity, message, code)) = split(line) else { return };
        let first = report.errors + report.warnings == 0;
        self.tidy = (first || self.tidy) && is_c(place.file) && code.contains('-');
        if place.file.contains(".github/workflows") {
            report.tool = "actionlint";
        }
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        report.problem(&Problem {
            severity,
            code,
            message,
            file: place.file,
            line: place.line,
            column: place.column,
            ..Problem::ERROR
        });
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
        if self.tidy {
            report.tool = "clang-tidy";
            report.rank = Rank::Build;
        }
    }
}

type Found<'t> = (Place<'t>, Severity, &'t str, &'t str);

fn split(line: &str) -> Option<Found<'_>> {
    let last = line.as_bytes().last()?;
    if !matches!(last, b']' | b')') || line.starts_with([' ', '\t', '[', '{', '(']) {
        return None;
    }
    let place = colons(line).filter(|place| place.column > 0 && is_source(place.file))?;
    let workflow = place.file.contains(".github/workflows");
    let (message, rule) = match last {
        // actionlint has rules of one word.
        b']' if workflow => in_brackets(place.rest, super::common::is_rule)?,
        b']' => in_brackets(place.rest, is_rule)?,
        _ => in_parentheses(place.rest, is_rule)?,
    };
    let (level, text) = message.split_once(": ").unwrap_or_default();
    let (severity, message) = match level {
        "error" => (Severity::Error, text),
        "warning" | "style" | "performance" | "portability" => (Severity::Warning, text),
        "note" | "info" | "hint" => return None,
        // Without a level it must be a rule beyond doubt.
        _ if !workflow && !rule.contains(['-', '_', '/']) => return None,
        _ => (Severity::Error, message),
    };
    Some((place, severity, message, rule))
}

fn is_c(file: &str) -> bool {
    let end = file.rsplit_once('.').map_or("", |(_, end)| end);
    matches!(end, "c" | "cc" | "cpp" | "cxx" | "h" | "hh" | "hpp" | "hxx" | "m" | "mm")
}

/// A path with an extension and no blanks.
fn is_source(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty()
            && (1..=10).contains(&end.len())
            && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && end.bytes().any(|byte| byte.is_ascii_alphabetic())
    }) && !file.contains([' ', '"', '\'', '(', '<'])
}

/// Names of two words and more, joined or in camel case: single words in brackets are too often something else. What begins
/// with a dash is a compiler's option.
fn is_rule(text: &str) -> bool {
    (4..=80).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first == '@')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/@:.".contains(&byte))
        && text.bytes().any(|byte| matches!(byte, b'-' | b'_' | b'/') || byte.is_ascii_uppercase())
        && !text.contains("//")
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn rules_in_brackets_and_parentheses_are_read() {
        let text = ".github/workflows/x.yml:8:9: property \"y\" is not defined in object type {} [syntax-check]\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("actionlint", Some(1)));
        let text = "App/v.swift:3:1: warning: Line Length Violation: too long (line_length)\nApp/v.swift:9:1: error: Force Cast Violation: no (force_cast)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind.name(), "linter");
        assert_eq!(found.details.errors_by_type["force_cast"], 1);
    }

    #[test]
    fn what_clang_tidy_finds_is_the_linter_s_and_not_the_compiler_s() {
        let text = "src/a.cpp:7:9: warning: use nullptr [modernize-use-nullptr]\n    7 |   p = 0;\n      |       ^\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.warning_count), ("clang-tidy", Some(1)));
    }

    #[test]
    fn words_that_are_no_rules_are_left_alone() {
        for text in [
            "server.js:10:5: started [main]\n",
            "server.js:10:5: started [mainThread]\n",
            "a.c:3:1: warning: unused variable [-Wunused-variable]\n",
            "12:30:01: job done [worker-1]\n",
        ] {
            assert_ne!(analyze(text, &Status::default(), None, 0).kind.name(), "linter", "{text}");
        }
    }
}
