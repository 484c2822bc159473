//! esbuild, by itself and within tsup and other tools (<https://esbuild.github.io/api/#log-level>,
//! `internal/logger/logger.go`).
//!
//! ```text
//! ✘ [ERROR] Could not resolve "./x"        (X on terminals without Unicode; ▲ [WARNING])
//!
//!     src/a.js:3:18:
//!       3 │ import x from './x';
//! src/a.js:3:18: ERROR: Could not resolve "./x"         (to those who call it as a library)
//! 2 errors          1 warning and 2 errors          6 of 20 errors shown (disable the message limit …)
//! ```
//! The order of the errors is that of its threads. A fault within a file is quoted before an import that
//! does not resolve.

use super::super::location::{Place, colons, number};
use super::{Missing, Seen, between, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "esbuild",
    markers: &["✘ [ERROR] ", "X [ERROR] ", ": ERROR: "],
    recognises,
    start: || Box::new(Esbuild::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| header(line).is_some() || library(line).is_some())
}

/// Lines after a header within which its place comes.
const PLACE_WITHIN: u64 = 3;

#[derive(Default)]
struct Esbuild {
    /// A header whose place comes next, and the line it was in.
    pending: Option<(Severity, String, u64)>,
    missing: Missing,
    seen: Seen,
    /// The first error that is no unresolved import.
    fault: Option<String>,
    stated: Option<u64>,
}

impl Dialect for Esbuild {
    fn report(&self) -> Report {
        Report::new("esbuild", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b' ') => {
                if let Some((_, _, at)) = &self.pending
                    && report.line_number() <= at + PLACE_WITHIN
                    && let Some(text) =
                        line.strip_prefix("    ").and_then(|text| text.strip_suffix(':'))
                    && let Some(place) = colons(text)
                {
                    // Columns count from 0 here.
                    self.place(place.file, place.line, place.column.saturating_add(1), report);
                }
            }
            Some(b'X' | 0xe2) => {
                if let Some((severity, message)) = header(line) {
                    self.settle(report);
                    self.pending = Some((severity, message.to_owned(), report.line_number()));
                }
            }
            Some(first) => {
                if first.is_ascii_digit()
                    && let Some(total) = total(line)
                {
                    self.settle(report);
                    self.stated = Some(total);
                } else if let Some((place, message)) = library(line) {
                    self.settle(report);
                    self.pending = Some((Severity::Error, message.to_owned(), 0));
                    self.place(place.file, place.line, place.column.saturating_add(1), report);
                }
            }
            None => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle(report);
        if let Some(fault) = &self.fault {
            report.requote(fault);
        }
        if let Some(stated) = self.stated
            && stated > report.errors
        {
            report.stated = Some(stated);
        } else {
            report.fix = self.missing.fix();
        }
    }
}

impl Esbuild {
    fn settle(&mut self, report: &mut Report) {
        if self.pending.is_some() {
            self.place("", 0, 0, report);
        }
    }

    fn place(&mut self, file: &str, line: u32, column: u32, report: &mut Report) {
        let Some((severity, message, _)) = self.pending.take() else { return };
        let message = message.as_str();
        // What calls it as a library prints it once more.
        if !file.is_empty() && !self.seen.is_new(&format!("{file}:{line}:{column} {message}")) {
            return;
        }
        if severity == Severity::Error {
            let import = between(message, "Could not resolve \"", '"');
            self.missing.note(import);
            if import.is_none() && self.fault.is_none() {
                self.fault = Some(message.to_owned());
            }
        }
        // Angular's compiler puts TypeScript's code in front.
        let code = message.split_once(": ").map_or("", |(code, _)| code);
        let typescript = code.strip_prefix("TS").or_else(|| code.strip_prefix("NG"));
        let numbered = typescript.is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        });
        let code = if numbered { code } else { "" };
        count(&Problem { severity, code, message, file, line, column, ..Problem::ERROR }, report);
    }
}

/// `src/a.js:3:18: ERROR: said`
fn library(line: &str) -> Option<(Place<'_>, &str)> {
    memchr::memmem::find(line.as_bytes(), b": ERROR: ")?;
    let place = colons(line)?;
    let message = place.rest.strip_prefix("ERROR: ")?;
    (place.column > 0).then_some((place, message))
}

fn header(line: &str) -> Option<(Severity, &str)> {
    for (start, severity) in [
        ("✘ [ERROR] ", Severity::Error),
        ("X [ERROR] ", Severity::Error),
        ("▲ [WARNING] ", Severity::Warning),
    ] {
        if let Some(message) = line.strip_prefix(start) {
            return Some((severity, message));
        }
    }
    None
}

/// `2 errors`, `1 warning and 2 errors`, `6 of 20 errors shown (…)`: the errors.
fn total(line: &str) -> Option<u64> {
    let text = line.split_once(" and ").map_or(line, |(_, rest)| rest);
    let (count, rest) = number(text)?;
    let (count, rest) = match rest.strip_prefix(" of ") {
        Some(rest) => number(rest)?,
        None => (count, rest),
    };
    (rest == " error" || rest == " errors" || rest.starts_with(" errors shown"))
        .then_some(u64::from(count))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_fault_in_a_file_is_quoted_before_an_import_that_does_not_resolve() {
        let text = "X [ERROR] Could not resolve \"react\"\n\n    src/a.js:1:7:\n      1 | import 'react'\n\n\
            X [ERROR] Expected \")\" but found \"}\"\n\n    src/b.js:4:0:\n      4 | }\n\n2 errors\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.first_error.as_deref(), Some("Expected \")\" but found \"}\""));
        assert_eq!(found.details.affected_files, ["src/a.js", "src/b.js"]);
        assert!(found.fix.is_none());
    }

    #[test]
    fn a_missing_package_alone_can_be_installed() {
        let text = "✘ [ERROR] Could not resolve \"@scope/pkg/sub\"\n\n    src/a.js:1:7:\n      1 │ import x\n\n1 error\n";
        let found = analyze(text, &Status::default(), None, 0);
        let fix = found.fix.map(|fix| fix.command);
        assert_eq!(fix.as_deref(), Some("npm install @scope/pkg"));
    }
}
