//! golangci-lint's default format, and staticcheck's (<https://staticcheck.dev/docs/>), which is alike (<https://golangci-lint.run/docs/configuration/file/#output-configuration>).
//!
//! ```text
//! main.go:10:2: Error return value of `f` is not checked (errcheck)
//!     f()
//!     ^
//! 3 issues:
//! * errcheck: 2
//! ```

use super::super::location::{Place, colons, number};
use super::common::{code_length, in_parentheses};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "golangci-lint",
    markers: &[".go:"],
    recognises: |sample: &Sample| sample.lines().any(|line| split(line).is_some()),
    start: || Box::new(Golangci),
};

struct Golangci;

impl Dialect for Golangci {
    fn report(&self) -> Report {
        Report::new("golangci-lint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.ends_with(':') {
            if report.errors > 0
                && let Some((count, " issues:" | " issue:")) = number(line)
            {
                report.stated = Some(u64::from(count).max(report.errors));
            }
            return;
        }
        let Some((place, message, code)) = split(line) else { return };
        if code.starts_with(|first: char| first.is_ascii_uppercase()) {
            report.tool = "staticcheck";
        }
        report.quote(place.rest);
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

fn split(line: &str) -> Option<(Place<'_>, &str, &str)> {
    if !line.ends_with(')') || line.starts_with([' ', '\t']) {
        return None;
    }
    let place = colons(line).filter(|place| place.file.ends_with(".go"))?;
    let (message, linter) = in_parentheses(place.rest, is_linter)?;
    Some((place, message, linter))
}

/// Linters are named in one word of small letters and digits; staticcheck itself gives its codes.
fn is_linter(text: &str) -> bool {
    if let Some(length) = code_length(text, 2, 4) {
        return length == text.len() && text.starts_with(['S', 'Q', 'U']) && length >= 5;
    }
    (2..=30).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        // `… (untyped int constant)` and `declared (type)` are the compiler's.
        && !matches!(text, "type" | "value" | "variable" | "constant" | "nil" | "cached" | "missing")
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn issues_are_counted_by_linter() {
        let text = "cmd/a.go:4:1: exported func Run should have comment or be unexported (revive)\nfunc Run() {\n^\ncmd/a.go:9:12: Error return value of `w.Close` is not checked (errcheck)\n\tw.Close()\n\t       ^\n2 issues:\n* errcheck: 1\n* revive: 1\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("golangci-lint", Some(2)));
        assert_eq!(found.details.errors_by_type["revive"], 1);
    }
}
