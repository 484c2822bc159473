//! `deno lint` (<https://docs.deno.com/runtime/reference/cli/lint/>), which prints like a Rust compiler.
//!
//! ```text
//! error[no-unused-vars]: `x` is never used
//!  --> /app/a.ts:1:7
//!   |
//! Found 1 problem
//! ```

use super::super::location::{colons, number};
use super::common::is_rule;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "deno-lint",
    markers: &[
        "error[no-",
        "error[ban-",
        "error[prefer-",
        "error[require-",
        "error[verbatim-",
        "docs.deno.com/lint",
        "lint.deno.land",
    ],
    recognises: |sample: &Sample| sample.lines().any(|line| header(line).is_some()),
    start: || Box::new(Deno::default()),
};

#[derive(Default)]
struct Deno {
    /// Rule and message of the problem whose place comes next.
    pending: Option<(String, String)>,
}

impl Dialect for Deno {
    fn report(&self) -> Report {
        Report::new("deno lint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'e') => {
                if let Some((code, message)) = header(line) {
                    self.pending = Some((code.to_owned(), message.to_owned()));
                }
            }
            Some(b' ') if self.pending.is_some() => {
                let Some(place) = line.trim_ascii_start().strip_prefix("--> ") else { return };
                let Some((code, message)) = self.pending.take() else { return };
                let (file, line, column) =
                    colons(place).map_or((place, 0, 0), |at| (at.file, at.line, at.column));
                report.problem(&Problem {
                    code: &code,
                    message: &message,
                    file,
                    line,
                    column,
                    ..Problem::ERROR
                });
            }
            Some(b'F') => total(line, report),
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if report.stated_fixable.is_some_and(|count| count > 0) {
            let title = "Apply Deno's fixes".to_owned();
            report.fix = Some(Fix { command: "deno lint --fix".to_owned(), title });
        }
    }
}

/// `Found 3 problems (1 fixable via --fix)`
fn total(line: &str, report: &mut Report) {
    let Some((count, rest)) = line.strip_prefix("Found ").and_then(number) else { return };
    if report.errors == 0 || !rest.starts_with(" problem") {
        return;
    }
    report.stated = Some(u64::from(count));
    if let Some((fixable, rest)) = rest.split_once(" (").and_then(|(_, rest)| number(rest))
        && rest.starts_with(" fixable")
    {
        report.stated_fixable = Some(u64::from(fixable));
    }
}

fn header(line: &str) -> Option<(&str, &str)> {
    let (code, message) = line.strip_prefix("error[")?.split_once("]: ")?;
    (code.contains('-') && is_rule(code)).then_some((code, message))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn problems_are_counted_by_rule() {
        let text = "error[prefer-const]: `q` is never reassigned\n --> /w/q.ts:2:5\n  |\n2 | let q = 1;\n  |     ^\n  = hint: Use `const` instead\n\n  docs: https://docs.deno.com/lint/rules/prefer-const\n\n\nFound 1 problem (1 fixable via --fix)\nChecked 1 file\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("deno lint", Some(1)));
        assert_eq!(found.details.affected_files, ["/w/q.ts"]);
        assert_eq!(found.fix.unwrap().command, "deno lint --fix");
    }
}
