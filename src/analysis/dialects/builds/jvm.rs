//! Compilers for the JVM other than javac: kotlinc and scalac under sbt
//! (<https://kotlinlang.org/docs/compiler-reference.html>, <https://www.scala-sbt.org/1.x/docs/>).
//!
//! ```text
//! kotlinc   src/A.kt:3:5: error: unresolved reference: x
//! Gradle    e: file:///app/src/A.kt:3:5 Unresolved reference: x        e: /app/src/A.kt: (3, 5): …
//! sbt       [error] /app/src/A.scala:3:5: not found: value x
//!           [error] -- [E006] Not Found Error: /app/src/A.scala:3:5 ---
//!           [error] two errors found
//! ```

use super::super::location::colons;
use super::{conclude, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "jvm-compilers",
    markers: &[".kt:", ".kts:", ".scala:"],
    recognises,
    start: || Box::new(Jvm),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| diagnostic(line).is_some())
}

struct Jvm;

impl Dialect for Jvm {
    fn report(&self) -> Report {
        Report::new("kotlinc", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(problem) = diagnostic(line) else { return };
        if problem.file.ends_with(".scala") {
            report.tool = "scalac";
        }
        count(&problem, report);
    }

    fn finish(&mut self, report: &mut Report) {
        conclude(report);
    }
}

fn diagnostic(line: &str) -> Option<Problem<'_>> {
    let bytes = line.as_bytes();
    if bytes.first().is_none_or(|first| *first == b' ' || *first == b'\t') {
        return None;
    }
    if let Some(rest) = line.strip_prefix("e: ") {
        return kotlin_task(rest, Severity::Error);
    }
    if let Some(rest) = line.strip_prefix("w: ") {
        return kotlin_task(rest, Severity::Warning);
    }
    if let Some(rest) = line.strip_prefix("[error] ") {
        return scala(rest, Severity::Error);
    }
    if let Some(rest) = line.strip_prefix("[warn] ") {
        return scala(rest, Severity::Warning);
    }
    memchr::memmem::find(bytes, b".kt")?;
    let place = colons(line)?;
    if !place.file.ends_with(".kt") && !place.file.ends_with(".kts") {
        return None;
    }
    let (severity, message) =
        match (place.rest.strip_prefix("error: "), place.rest.strip_prefix("warning: ")) {
            (Some(message), _) => (Severity::Error, message),
            (None, Some(message)) => (Severity::Warning, message),
            (None, None) => return None,
        };
    Some(Problem {
        severity,
        message,
        file: place.file,
        line: place.line,
        column: place.column,
        ..Problem::ERROR
    })
}

fn kotlin_task(rest: &str, severity: Severity) -> Option<Problem<'_>> {
    let rest = rest.strip_prefix("file://").unwrap_or(rest);
    if let Some((file, rest)) = rest.split_once(": (") {
        let (place, message) = rest.split_once(')')?;
        let (line, column) = place.split_once(", ")?;
        let message = message.trim_start_matches([':', ' ']);
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        return Some(Problem { severity, message, file, line, column, ..Problem::ERROR });
    }
    let place = colons(rest)?;
    let kotlin = place.file.ends_with(".kt") || place.file.ends_with(".kts");
    kotlin.then_some(Problem {
        severity,
        message: place.rest,
        file: place.file,
        line: place.line,
        column: place.column,
        ..Problem::ERROR
    })
}

fn scala(rest: &str, severity: Severity) -> Option<Problem<'_>> {
    if let Some(rest) = rest.strip_prefix("-- ") {
        // Scala 3 draws a line behind the place.
        let rest = rest.trim_end_matches('-').trim_end();
        let (message, place) = rest.rsplit_once(": ")?;
        let place = colons(place)?;
        let scala = place.file.ends_with(".scala");
        let (file, line, column) = (place.file, place.line, place.column);
        return scala.then_some(Problem {
            severity,
            message,
            file,
            line,
            column,
            ..Problem::ERROR
        });
    }
    let place = colons(rest)?;
    (place.file.ends_with(".scala") && !place.rest.is_empty()).then_some(Problem {
        severity,
        message: place.rest,
        file: place.file,
        line: place.line,
        column: place.column,
        ..Problem::ERROR
    })
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn kotlin_under_gradle_is_quoted_before_the_task_that_failed() {
        let text = "> Task :compileKotlin FAILED\ne: file:///app/src/A.kt:3:5 Unresolved reference: x\n\n\
            FAILURE: Build failed with an exception.\n\n* What went wrong:\nExecution failed for task ':compileKotlin'.\n\
            > Compilation error. See log for more details\n\nBUILD FAILED in 2s\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.first_error.as_deref(), Some("Unresolved reference: x"));
        assert_eq!(found.details.affected_files, ["/app/src/A.kt"]);
    }
}
