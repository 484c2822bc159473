//! Checkstyle's own lines, and how its Maven plugin prints them (<https://checkstyle.org/cmdline.html>,
//! <https://maven.apache.org/plugins/maven-checkstyle-plugin/check-mojo.html>).
//!
//! ```text
//! [ERROR] /app/A.java:3:5: Missing a Javadoc comment. [MissingJavadocMethod]
//! [ERROR] src/main/java/A.java:[3,5] (javadoc) MissingJavadocMethod: Missing a Javadoc comment.
//! ```

use super::super::location::{colons, number};
use super::common::{FirstWarning, in_brackets};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "checkstyle-lines",
    markers: &["[ERROR] ", "[WARN] ", "[WARNING] "],
    recognises: |sample: &Sample| sample.lines().any(|line| found(line).is_some()),
    start: || Box::new(Lines::default()),
};

#[derive(Default)]
struct Lines {
    warning: FirstWarning,
}

impl Dialect for Lines {
    fn report(&self) -> Report {
        // Maven says after it that the build failed for it.
        Report::new("checkstyle", Kind::Linter, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !line.starts_with('[') {
            return;
        }
        let Some(problem) = found(line) else { return };
        if problem.severity == Severity::Warning {
            self.warning.note(problem.message, report);
        }
        report.problem(&problem);
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

fn found(line: &str) -> Option<Problem<'_>> {
    let (severity, rest) = if let Some(rest) = line.strip_prefix("[ERROR] ") {
        (Severity::Error, rest)
    } else {
        (
            Severity::Warning,
            line.strip_prefix("[WARN] ").or_else(|| line.strip_prefix("[WARNING] "))?,
        )
    };
    let at = memchr::memmem::find(rest.as_bytes(), b".java:")?;
    if let Some(place) = rest.get(at + 6..)?.strip_prefix('[') {
        let (line, place) = number(place)?;
        let (column, place) = place.strip_prefix(',').and_then(number).unwrap_or((0, place));
        let (_, said) = place.strip_prefix("] (")?.split_once(") ")?;
        let (code, message) = said.split_once(": ").filter(|(code, _)| is_check(code))?;
        let file = rest.get(..at + 5)?;
        return Some(Problem { severity, code, message, file, line, column, ..Problem::ERROR });
    }
    let place = colons(rest)?;
    let (message, code) = in_brackets(place.rest, is_check)?;
    let (file, line, column) = (place.file, place.line, place.column);
    Some(Problem { severity, code, message, file, line, column, ..Problem::ERROR })
}

/// The name of a check: one word that begins with a capital.
fn is_check(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.len() > 3
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn both_forms_are_read() {
        for text in [
            "[ERROR] /w/A.java:3:5: Missing comment. [MissingJavadoc]\n",
            "[ERROR] /w/A.java:[3,5] (javadoc) MissingJavadoc: Missing comment.\n[INFO] BUILD FAILURE\n[ERROR] Failed to execute goal org.x:y:1:check (default-cli) on project w: You have 1 Checkstyle violation. -> [Help 1]\n",
        ] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.tool, found.details.error_count), ("checkstyle", Some(1)), "{text}");
            assert_eq!(found.details.errors_by_type["MissingJavadoc"], 1);
            assert_eq!(found.details.affected_files, ["/w/A.java"]);
        }
    }
}
