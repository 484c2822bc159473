//! javac (<https://docs.oracle.com/en/java/javase/21/docs/specs/man/javac.html>), by itself, under Gradle
//! and under Ant, which puts `[javac]` in front.
//!
//! ```text
//! src/app/Main.java:8: error: incompatible types: int cannot be converted to String
//!         xs.add(5);
//!                ^
//! error: file not found: Nope.java
//! 4 errors          1 warning          100 errors, only showing the first 100 of 240
//! ```

use super::super::location::{colons, number};
use super::{conclude, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "javac",
    markers: &[
        ".java:",
        "error: file not found: ",
        "error: invalid flag: ",
        "error: release version ",
    ],
    recognises,
    start: || Box::new(Javac::default()),
};

/// What javac says of its arguments.
const ARGUMENTS: [&str; 5] = [
    "error: file not found: ",
    "error: invalid flag: ",
    "error: release version ",
    "error: no source files",
    "error: warnings found and -Werror specified",
];

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| diagnostic(unprefixed(line)).is_some() || argument(line))
}

#[derive(Default)]
struct Javac {
    stated: u64,
}

impl Dialect for Javac {
    fn report(&self) -> Report {
        Report::new("javac", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let line = unprefixed(line);
        let Some(first) = line.as_bytes().first() else { return };
        if *first == b' ' || *first == b'\t' {
            return;
        }
        if first.is_ascii_digit() {
            self.total(line);
        }
        if let Some((problem, said)) = diagnostic(line) {
            if problem.severity == Severity::Error {
                report.quote(said);
            }
            count(&problem, report);
        } else if argument(line) {
            report.problem(&Problem { message: line, ..Problem::ERROR });
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.stated > report.errors && report.errors > 0 {
            report.stated = Some(self.stated);
        }
        conclude(report);
    }
}

impl Javac {
    fn total(&mut self, line: &str) {
        let Some((total, rest)) = number(line) else { return };
        if rest == " error" || rest == " errors" || rest.starts_with(" errors, only showing") {
            self.stated += u64::from(total);
        }
    }
}

fn unprefixed(line: &str) -> &str {
    // Ant indents the name of its task.
    match line.trim_start().strip_prefix("[javac] ") {
        Some(rest) => rest,
        None => line,
    }
}

fn argument(line: &str) -> bool {
    line.starts_with("error: ") && ARGUMENTS.iter().any(|start| line.starts_with(start))
}

fn diagnostic(line: &str) -> Option<(Problem<'_>, &str)> {
    memchr::memmem::find(line.as_bytes(), b".java:")?;
    let place = colons(line)?;
    if !place.file.ends_with(".java") || place.file.starts_with([' ', '\t']) {
        return None;
    }
    let (severity, message) =
        match (place.rest.strip_prefix("error: "), place.rest.strip_prefix("warning: ")) {
            (Some(message), _) => (Severity::Error, message),
            (None, Some(message)) => (Severity::Warning, message),
            (None, None) => return None,
        };
    let (file, line, column) = (place.file, place.line, place.column);
    Some((Problem { severity, message, file, line, column, ..Problem::ERROR }, place.rest))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_total_wins_over_a_cut_text() {
        let text = "> Task :compileJava FAILED\n/app/A.java:3: error: ';' expected\n    int a\n         ^\n\
            /app/B.java:7: warning: [removal] stop() in Thread has been deprecated\n[…]\n12 errors\n1 warning\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!((found.details.error_count, found.details.warning_count), (Some(12), Some(1)));
        assert_eq!(found.details.affected_files, ["/app/A.java"]);
        assert_eq!(found.details.first_error.as_deref(), Some("error: ';' expected"));
    }
}
