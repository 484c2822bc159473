//! Pyright and basedpyright (<https://microsoft.github.io/pyright/#/command-line>,
//! `packages/pyright-internal/src/pyright.ts`).
//!
//! ```text
//! /app/inventory/cli.py
//!   /app/inventory/cli.py:10:36 - error: No parameter named "strict" (reportCallIssue)
//!   /app/inventory/cli.py:13:12 - error: Type "…" is not assignable to return type "int"
//!     "…" is not assignable to "int" (reportReturnType)
//! 9 errors, 0 warnings, 0 informations
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{Place, colons};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "pyright",
    markers: &[" - error: ", " - warning: ", "No source files found."],
    recognises,
    start: || Box::new(Pyright::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("No source files found.\n")
        || sample.lines().any(|line| diagnostic(line).is_some())
}

/// A diagnostic whose code may stand lines below.
struct Open {
    severity: Severity,
    file: String,
    line: u32,
    column: u32,
    message: String,
}

#[derive(Default)]
struct Pyright {
    open: Option<Open>,
}

impl Dialect for Pyright {
    fn report(&self) -> Report {
        Report::new("pyright", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.starts_with("  ") {
            if let Some((severity, place)) = diagnostic(line) {
                self.flush(report);
                self.begin(severity, place, report);
            } else if self.open.is_some()
                && let Some((_, code)) = coded(line)
                && let Some(open) = self.open.take()
            {
                open.tell(code, report);
            }
            return;
        }
        self.flush(report);
        if line == "No source files found." {
            report.failed = true;
            report.quote(line);
            report.summary = Some("pyright checked nothing: No source files found.".to_owned());
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.flush(report);
        super::warnings_alone(report);
    }
}

impl Pyright {
    fn begin(&mut self, severity: Severity, place: Place<'_>, report: &mut Report) {
        if let Some((message, code)) = coded(place.rest) {
            told(severity, place.file, (place.line, place.column), message, code, report);
            return;
        }
        self.open = Some(Open {
            severity,
            file: place.file.to_owned(),
            line: place.line,
            column: place.column,
            message: place.rest.to_owned(),
        });
    }

    /// Counts the diagnostic that is open: no code came, as for syntax errors.
    fn flush(&mut self, report: &mut Report) {
        if let Some(open) = self.open.take() {
            open.tell("", report);
        }
    }
}

impl Open {
    fn tell(&self, code: &str, report: &mut Report) {
        told(self.severity, &self.file, (self.line, self.column), &self.message, code, report);
    }
}

fn told(
    severity: Severity,
    file: &str,
    (line, column): (u32, u32),
    message: &str,
    code: &str,
    report: &mut Report,
) {
    if severity == Severity::Error {
        if report.first.is_none() {
            let quoted =
                if code.is_empty() { message.to_owned() } else { format!("{message} ({code})") };
            report.quote(&quoted);
        }
        report.problem(&Problem { code, message, file, line, column, ..Problem::ERROR });
    } else {
        // Codes and files are those of what fails the run.
        report.problem(&Problem { severity, message, ..Problem::ERROR });
    }
}

/// `  /app/a.py:10:36 - error: rest`.
fn diagnostic(line: &str) -> Option<(Severity, Place<'_>)> {
    let text = line.strip_prefix("  ")?;
    if text.starts_with(' ') {
        return None;
    }
    memchr::memmem::find(text.as_bytes(), b" - ")?;
    let place = colons(text)?;
    let rest = place.rest.strip_prefix("- ")?;
    let (severity, rest) = match (rest.strip_prefix("error: "), rest.strip_prefix("warning: ")) {
        (Some(rest), _) => (Severity::Error, rest),
        (None, Some(rest)) => (Severity::Warning, rest),
        (None, None) => return None,
    };
    Some((severity, Place { rest, ..place }))
}

/// Message and code of `message (reportCallIssue)`.
fn coded(text: &str) -> Option<(&str, &str)> {
    let (message, code) = text.strip_suffix(')')?.rsplit_once('(')?;
    let shaped = code.starts_with("report") && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    shaped.then_some((message.trim_end(), code))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn codes_on_later_lines_belong_to_the_diagnostic() {
        let found = analyze(
            "C:\\app\\a.py\n  C:\\app\\a.py:3:5 - error: Type \"int\" is not assignable to type \"str\"\n    \"int\" is not assignable to \"str\" (reportAssignmentType)\n\
             \x20 C:\\app\\a.py:9:5 - warning: Import \"x\" could not be resolved from source (reportMissingModuleSource)\n1 error, 1 warning, 0 informations\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.warning_count, Some(1));
        assert_eq!(found.details.errors_by_type.get("reportAssignmentType"), Some(&1));
        assert_eq!(found.details.affected_files, [r"C:\app\a.py"]);
    }

    #[test]
    fn warnings_alone_are_not_called_errors() {
        let found = analyze(
            "/a.py\n  /a.py:1:1 - warning: Stub file not found (reportMissingTypeStubs)\n0 errors, 1 warning, 0 informations\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.summary, "1 type warning, first: Stub file not found");
    }
}
