//! Words: a [`Report`] in at most [`MAX_SUMMARY`] characters, and what to do about it.
//!
//! The texts of linters, type checkers, tests and builds are fixed by the contract; suites compare them.

use super::kind::Kind;
use super::report::{Group, Report, clip};
use std::fmt::Write;

/// Characters of a summary, `(seen 12345678x)` included.
pub const MAX_SUMMARY: usize = 500;
/// Characters for what a summary says before that.
pub const MAX_WORDS: usize = 470;
/// Characters of a suggestion.
pub const MAX_SUGGESTION: usize = 500;
/// Codes named in a linter's summary.
const CODES_NAMED: usize = 4;
/// Codes named in a type checker's summary.
const TYPE_CODES_NAMED: usize = 2;
/// Files named in a suggestion.
const FILES_NAMED: usize = 2;
/// Failed tests named in a summary.
const TESTS_NAMED: usize = 3;
/// Characters of a test's name in a summary.
const TEST_NAME: usize = 80;

/// The summary of a report.
#[must_use]
pub fn summarise(report: &Report) -> String {
    let words = match (&report.summary, report.kind) {
        (Some(summary), _) => summary.clone(),
        (None, Kind::Linter) => linter(report),
        (None, Kind::Typecheck) => typecheck(report),
        (None, Kind::TestFailure) => tests(report),
        (None, Kind::BuildFailure) => "Build failed".to_owned(),
        (None, Kind::Formatting) => formatting(report),
        (None, kind) => match &report.first {
            Some(first) => format!("{}: {first}", kind.label()),
            None => format!("{} ({})", kind.label(), report.tool),
        },
    };
    clip(&words, MAX_WORDS)
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Codes by how often they are there, the first seen first among equals.
fn by_count(report: &Report) -> Vec<&Group> {
    let mut groups: Vec<&Group> = report.groups().iter().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

fn linter(report: &Report) -> String {
    let total = report.total();
    let noun =
        if report.errors == 0 && report.warnings > 0 { "linting warning" } else { "linting error" };
    let mut words = plural(total, noun);
    let groups = by_count(report);
    for (index, group) in groups.iter().take(CODES_NAMED).enumerate() {
        let separator = if index == 0 { ": " } else { ", " };
        // Writing to a string cannot fail.
        write!(words, "{separator}{}x {}", group.count, clip(&group.code, 60)).ok();
        if !group.rule.is_empty() {
            write!(words, " ({})", clip(&group.rule, 40)).ok();
        }
    }
    more(&mut words, groups.len(), CODES_NAMED);
    words
}

fn typecheck(report: &Report) -> String {
    let mut words = plural(report.errors, "type error");
    let codes: Vec<String> = report.groups().iter().map(|group| clip(&group.code, 60)).collect();
    if !codes.is_empty() {
        write!(words, ": {}", codes[..codes.len().min(TYPE_CODES_NAMED)].join(", ")).ok();
        more(&mut words, codes.len(), TYPE_CODES_NAMED);
    }
    words
}

fn tests(report: &Report) -> String {
    let total = report.stated.unwrap_or(report.errors);
    match total {
        0 => match &report.first {
            Some(first) => format!("Tests did not run: {first}"),
            None => "Tests did not run".to_owned(),
        },
        1 => "1 test failed".to_owned(),
        _ => {
            let mut words = format!("{total} tests failed");
            let names: Vec<String> = report
                .failures()
                .iter()
                .take(TESTS_NAMED)
                .map(|name| clip(name, TEST_NAME))
                .collect();
            if !names.is_empty() {
                write!(words, ": {}", names.join(", ")).ok();
                more(&mut words, total as usize, names.len());
            }
            words
        }
    }
}

fn formatting(report: &Report) -> String {
    let count = report.total().max(report.files().len() as u64);
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb} not formatted ({})", plural(count, "file"), report.tool)
}

fn more(words: &mut String, all: usize, named: usize) {
    if all > named {
        write!(words, ", +{} more", all - named).ok();
    }
}

/// What to do about it.
#[must_use]
pub fn suggest(report: &Report) -> String {
    let words = match (&report.suggestion, report.kind) {
        (Some(suggestion), _) => suggestion.clone(),
        (None, Kind::Linter) => match (&report.fix, report.total_fixable()) {
            (Some(fix), Some(fixable)) if fixable > 0 => {
                format!(
                    "Run: {} ({fixable}/{} auto-fixable)",
                    suggested_command(report.tool, &fix.command),
                    report.total()
                )
            }
            _ => match &report.first {
                Some(first) => format!("Manual fixes needed, first: {first}"),
                None => "Manual fixes needed".to_owned(),
            },
        },
        (None, Kind::Typecheck) => match &report.fix {
            Some(fix) => format!(
                "Run: {}{}",
                fix.command,
                files_after(report, ", then fix type errors in: ")
            ),
            None => format!("Fix type errors{}", files_after(report, " in: ")),
        },
        (None, Kind::TestFailure) => match report.failures().first().or(report.first.as_ref()) {
            Some(failure) => format!("Fix test: {failure}"),
            None => "Look at why the tests did not run".to_owned(),
        },
        (None, Kind::BuildFailure) => match (&report.first, &report.fix) {
            (Some(first), Some(fix)) => format!("First error: {first}. Run: {}", fix.command),
            (Some(first), None) => format!("First error: {first}"),
            (None, _) => "First error: not in the text".to_owned(),
        },
        (None, kind) => match &report.fix {
            Some(fix) => format!("Run: {}", fix.command),
            None => general(kind).to_owned(),
        },
    };
    clip(&words, MAX_SUGGESTION)
}

/// The command as the contract words it: suites compare ruff's.
fn suggested_command<'a>(tool: &str, command: &'a str) -> &'a str {
    if tool == "ruff" && command.starts_with("ruff check --fix") { "ruff --fix" } else { command }
}

fn files_after(report: &Report, words: &str) -> String {
    let files = report.files();
    if files.is_empty() {
        return String::new();
    }
    let mut text = format!("{words}{}", files[..files.len().min(FILES_NAMED)].join(", "));
    more(&mut text, files.len(), FILES_NAMED);
    text
}

/// What is worth doing about a kind when nothing more is known.
pub(super) fn general(kind: Kind) -> &'static str {
    match kind {
        Kind::NetworkError => {
            "Check that the peer runs and can be reached, then try again with a growing pause"
        }
        Kind::Dependency => "Install or correct the package that is named, then run it again",
        Kind::Formatting => "Run the formatter on the files",
        Kind::ResourceExhaustion => "Free or raise the resource that is named before trying again",
        Kind::Timeout => "Allow more time, or find out what it waits for",
        Kind::Permission => "Give access to what is named, or run it as a user that has it",
        Kind::RateLimit => "Wait before the next request, and send fewer",
        Kind::Auth => "Renew or correct the credentials; trying again will not help",
        Kind::Vcs => "Resolve what version control names, then run it again",
        Kind::Cancelled => "Nothing to fix: it was ended from outside",
        _ => "Look at the first error",
    }
}

/// Whether somebody or something can act on it without guessing.
#[must_use]
pub fn is_actionable(report: &Report) -> bool {
    match report.kind {
        Kind::Linter => {
            report.fix.is_some() && report.total_fixable().is_some_and(|count| count > 0)
        }
        Kind::Unknown | Kind::Cancelled => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::{Fix, Problem, Rank, Severity};
    use super::*;

    fn linted(fixable: bool) -> Report {
        let mut report = Report::new("ruff", Kind::Linter, Rank::Diagnostics);
        for _ in 0..8 {
            report.problem(&Problem { code: "F841", file: "a.py", ..Problem::ERROR });
        }
        for _ in 0..40 {
            report.problem(&Problem { code: "F401", fixable, file: "b.py", ..Problem::ERROR });
        }
        report.stated = Some(53);
        report.fix = Some(Fix { command: "ruff check --fix".to_owned(), title: String::new() });
        report
    }

    #[test]
    fn a_linter_s_texts_are_the_contract_s() {
        let report = linted(true);
        assert_eq!(summarise(&report), "53 linting errors: 40x F401, 8x F841");
        assert_eq!(suggest(&report), "Run: ruff --fix (40/53 auto-fixable)");
        assert!(is_actionable(&report));
        let report = linted(false);
        assert!(suggest(&report).starts_with("Manual fixes needed"));
        assert!(!is_actionable(&report));
    }

    #[test]
    fn a_type_checker_s_texts_are_the_contract_s() {
        let mut report = Report::new("tsc", Kind::Typecheck, Rank::Diagnostics);
        for (code, file) in
            [("TS2304", "a.ts"), ("TS2339", "b.ts"), ("TS1", "c.ts"), ("TS2", "a.ts")]
        {
            report.problem(&Problem { code, file, ..Problem::ERROR });
        }
        assert_eq!(summarise(&report), "4 type errors: TS2304, TS2339, +2 more");
        assert_eq!(suggest(&report), "Fix type errors in: a.ts, b.ts, +1 more");
    }

    #[test]
    fn tests_texts_are_the_contract_s() {
        let mut report = Report::new("jest", Kind::TestFailure, Rank::Diagnostics);
        report.failed_test("adds", "");
        assert_eq!(summarise(&report), "1 test failed");
        assert_eq!(suggest(&report), "Fix test: adds");
        report.failed_test("subtracts", "");
        report.failed_test("divides", "");
        assert_eq!(summarise(&report), "3 tests failed: adds, subtracts, divides");
        report.stated = Some(9);
        assert_eq!(summarise(&report), "9 tests failed: adds, subtracts, divides, +6 more");
    }

    #[test]
    fn builds_texts_are_the_contract_s() {
        let mut report = Report::new("vite", Kind::BuildFailure, Rank::Build);
        report.quote("Could not resolve");
        assert_eq!(summarise(&report), "Build failed");
        assert_eq!(suggest(&report), "First error: Could not resolve");
    }

    #[test]
    fn warnings_are_not_called_errors() {
        let mut report = Report::new("eslint", Kind::Linter, Rank::Diagnostics);
        report.problem(&Problem { severity: Severity::Warning, code: "eqeqeq", ..Problem::ERROR });
        assert_eq!(summarise(&report), "1 linting warning: 1x eqeqeq");
    }

    #[test]
    fn nothing_is_longer_than_it_may_be() {
        let mut report = Report::new("x", Kind::RuntimeError, Rank::Runtime);
        report.summary = Some("漢".repeat(10_000));
        report.suggestion = Some("漢".repeat(10_000));
        assert_eq!(summarise(&report).chars().count(), MAX_WORDS);
        assert_eq!(suggest(&report).chars().count(), MAX_SUGGESTION);
    }
}
