//! svelte-check, `human` and `machine` (<https://github.com/sveltejs/language-tools/tree/master/packages/svelte-check>),
//! and Pyre (<https://pyre-check.org/docs/errors/>), whose diagnostics are one line too.
//!
//! ```text
//! /app/src/App.svelte:3:5
//! Error: Type 'string' is not assignable to type 'number'. (ts)
//! 1590680326807 ERROR "src/App.svelte" 3:5 "Type 'string' …"          machine
//! svelte-check found 1 error and 0 warnings in 1 file
//! ```
//! ```text
//! src/a.py:3:4 Undefined name [10]: Global name `x` is not defined.
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{Place, colons, number};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "svelte-check",
    markers: &["svelte-check found ", "svelte-check in workspace", " COMPLETED "],
    recognises: |sample: &Sample| {
        sample.has_line_starting("svelte-check found ")
            || sample.has("svelte-check in workspace")
            || sample.lines().any(|line| machine(line).is_some())
    },
    start: || Box::new(SvelteCheck::default()),
};

pub(super) static PYRE: Spec = Spec {
    name: "pyre",
    markers: &[
        "[5]: ", "[6]: ", "[7]: ", "[8]: ", "[9]: ", "[10]: ", "[14]: ", "[15]: ", "[16]: ",
        "[21]: ",
    ],
    recognises: |sample: &Sample| sample.lines().any(|line| pyre(line).is_some()),
    start: || Box::new(Pyre),
};

#[derive(Default)]
struct SvelteCheck {
    /// The place whose message comes.
    place: Option<(String, u32, u32)>,
}

impl Dialect for SvelteCheck {
    fn report(&self) -> Report {
        Report::new("svelte-check", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let place = self.place.take();
        let Some(first) = line.bytes().next() else { return };
        if let Some((file, row, column)) = &place {
            let (severity, message) =
                match (line.strip_prefix("Error: "), line.strip_prefix("Warn: ")) {
                    (Some(message), _) => (Severity::Error, message),
                    (None, Some(message)) => (Severity::Warning, message),
                    (None, None) => return,
                };
            problem(severity, file, (*row, *column), message, report);
        } else if first.is_ascii_digit()
            && let Some((severity, file, place, message)) = machine(line)
        {
            problem(severity, file, place, message, report);
        } else if line.len() < 1000
            && line.ends_with(|last: char| last.is_ascii_digit())
            && let Some(place) = colons(line)
            && place.rest.is_empty()
            && place.column > 0
        {
            self.place = Some((place.file.to_owned(), place.line, place.column));
        }
    }

    fn finish(&mut self, report: &mut Report) {
        super::warnings_alone(report);
    }
}

fn problem(
    severity: Severity,
    file: &str,
    (line, column): (u32, u32),
    message: &str,
    report: &mut Report,
) {
    let file = if severity == Severity::Error { file } else { "" };
    report.problem(&Problem { severity, message, file, line, column, ..Problem::ERROR });
}

/// `1590680326807 ERROR "src/App.svelte" 3:5 "message"`.
fn machine(line: &str) -> Option<(Severity, &str, (u32, u32), &str)> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits < 10 {
        return None;
    }
    let rest = &line[digits..];
    let (severity, rest) = match (rest.strip_prefix(" ERROR \""), rest.strip_prefix(" WARNING \""))
    {
        (Some(rest), _) => (Severity::Error, rest),
        (None, Some(rest)) => (Severity::Warning, rest),
        (None, None) => return None,
    };
    let (file, rest) = rest.split_once("\" ")?;
    let (row, rest) = number(rest)?;
    let (column, rest) = number(rest.strip_prefix(':')?)?;
    let message = rest.trim_start().strip_prefix('"')?.trim_end_matches('"');
    Some((severity, file, (row, column), message))
}

struct Pyre;

impl Dialect for Pyre {
    fn report(&self) -> Report {
        Report::new("pyre", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some((place, rule, code, message)) = pyre(line) {
            report.quote(place.rest);
            let Place { file, line, column, .. } = place;
            report.problem(&Problem { code, rule, message, file, line, column, ..Problem::ERROR });
        }
    }
}

/// Place, rule, code and message of `src/a.py:3:4 Undefined name [10]: message`.
fn pyre(line: &str) -> Option<(Place<'_>, &str, &str, &str)> {
    let colon = memchr::memchr(b':', line.as_bytes())?;
    if !line[..colon].ends_with(".py") && !line[..colon].ends_with(".pyi") && colon > 1 {
        return None;
    }
    let place = colons(line)?;
    let (head, message) = place.rest.split_once("]: ")?;
    let (rule, code) = head.rsplit_once(" [")?;
    let shaped = (1..=3).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_digit())
        && rule.starts_with(|first: char| first.is_ascii_uppercase());
    shaped.then_some((place, rule, code, message))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn a_place_and_the_line_below_are_one_diagnostic() {
        let found = analyze(
            "Loading svelte-check in workspace: /app\n\n/app/src/App.svelte:3:5\nError: Type 'string' is not assignable to type 'number'. (ts)\n\n/app/src/B.svelte:1:1\nWarn: Unused CSS selector (css)\n\nsvelte-check found 1 error and 1 warning in 2 files\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!((found.details.error_count, found.details.warning_count), (Some(1), Some(1)));
        assert_eq!(found.details.affected_files, ["/app/src/App.svelte"]);
    }

    #[test]
    fn pyre_s_numbers_are_codes() {
        let found = analyze(
            "src/a.py:3:4 Undefined name [10]: Global name `x` is not defined.\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.errors_by_type.get("10"), Some(&1));
        assert_eq!(found.tool, "pyre");
    }
}
