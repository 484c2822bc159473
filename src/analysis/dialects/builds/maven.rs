//! Maven (<https://maven.apache.org/guides/mini/guide-configuring-maven.html>,
//! `DefaultExceptionHandler`, maven-compiler-plugin's `AbstractCompilerMojo`).
//!
//! ```text
//! [ERROR] COMPILATION ERROR :
//! [ERROR] /app/src/main/java/A.java:[7,86] ';' expected             told again below the goal
//! [INFO] 1 error
//! [ERROR] [ERROR] Some problems were encountered while processing the POMs:
//! [FATAL] Non-parseable POM /app/pom.xml: … @ line 9, column 1
//! [ERROR] Failed to execute goal org.…:maven-compiler-plugin:3.10.1:compile (default) on project a: Compilation failure
//! ```
//! Where the goal is a run of tests, those tell more; where it could not get an artifact, it is a matter
//! of dependencies.

use super::super::location::number;
use super::Seen;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "maven",
    markers: &[
        "[INFO] BUILD FAILURE",
        "[ERROR] Failed to execute goal",
        "[ERROR] COMPILATION ERROR",
        "processing the POMs",
        "[ERROR] Plugin ",
        "[ERROR] The goal you specified",
        "[ERROR] No goals have been specified",
        "[ERROR] Unknown lifecycle phase",
        "[ERROR] The build could not read",
    ],
    recognises,
    start: || Box::new(Maven::default()),
};

/// What is said when an artifact could not be had.
const ARTIFACTS: [&str; 6] = [
    "Could not resolve dependencies",
    "Could not find artifact",
    "Could not transfer artifact",
    "could not be resolved",
    "Failed to collect dependencies",
    "Non-resolvable",
];

/// Plugins that run tests.
const TESTERS: [&str; 3] =
    [":maven-surefire-plugin:", ":maven-failsafe-plugin:", "There are test failures"];

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        line.starts_with("[ERROR] ")
            || line.starts_with("[INFO] BUILD FAILURE")
            || line.starts_with("[FATAL] ")
    })
}

#[derive(Default)]
struct Maven {
    seen: Seen,
    /// Sum of the compiler's own totals.
    stated: u64,
    /// The goal that failed, as the last lines tell it.
    goal: Option<String>,
    /// Whether problems of POMs are being told.
    poms: bool,
    pom_errors: u64,
    refused: bool,
}

impl Dialect for Maven {
    fn report(&self) -> Report {
        Report::new("maven", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.as_bytes().first() != Some(&b'[') {
            return;
        }
        if let Some(rest) = line.strip_prefix("[INFO] ") {
            if rest.starts_with(|first: char| first.is_ascii_digit()) {
                if let Some((total, rest)) = number(rest)
                    && (rest == " error" || rest == " errors")
                {
                    self.stated += u64::from(total);
                }
            } else if rest == "BUILD FAILURE" {
                self.refused = true;
            }
            return;
        }
        if let Some(rest) = line.strip_prefix("[FATAL] ") {
            self.poms = true;
            report.quote(rest);
            pom(rest, report);
        } else if let Some(rest) = line.strip_prefix("[ERROR] ") {
            self.error(rest.trim(), report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        let goal = self.goal.take();
        if report.errors > 0 {
            report.stated = (self.stated > report.errors).then_some(self.stated);
        } else if self.poms || self.pom_errors > 0 {
            report.errors = self.pom_errors.max(1);
        } else if let Some(goal) = &goal {
            report.errors = 1;
            report.quote(goal);
            if TESTERS.iter().any(|tester| goal.contains(tester)) {
                report.rank = Rank::Wrapper;
            }
        } else if self.refused {
            report.failed = true;
            report.quote("BUILD FAILURE");
        }
        let cause = report.first.as_deref().unwrap_or_default();
        if ARTIFACTS.iter().any(|words| cause.contains(words)) {
            report.kind = Kind::Dependency;
            report.rank = Rank::Tool;
        }
    }
}

impl Maven {
    fn error(&mut self, text: &str, report: &mut Report) {
        if let Some((file, line, column, message)) = compiler(text) {
            // Told once when it happens and once more at the end.
            if self.seen.is_new(text) {
                report.quote(text);
                report.problem(&Problem { message, file, line, column, ..Problem::ERROR });
            }
        } else if text
            .starts_with("[ERROR] Some problems were encountered while processing the POMs")
        {
            self.poms = true;
        } else if text.starts_with("Failed to execute goal ")
            || text.starts_with("Plugin ")
            || text.starts_with("The goal you specified requires")
            || text.starts_with("No goals have been specified")
            || text.starts_with("Unknown lifecycle phase")
        {
            if self.goal.is_none() {
                self.goal = Some(text.trim_end_matches(" -> [Help 1]").to_owned());
            }
        } else if let Some((rest, count)) =
            text.rsplit_once(" has ").and_then(|(rest, count)| Some((rest, number(count)?)))
            && count.1.starts_with(" error")
            && rest.ends_with(')')
        {
            self.poms = true;
            self.pom_errors += u64::from(count.0);
            pom(rest, report);
        } else if self.poms && text.contains(" @ ") {
            let text = text.strip_prefix("[ERROR] ").unwrap_or(text);
            report.quote(text);
        }
    }
}

/// `/app/A.java:[7,86] message`; a Kotlin file stands before `: (7, 86) message`.
fn compiler(text: &str) -> Option<(&str, u32, u32, &str)> {
    let text = text.strip_prefix("file://").unwrap_or(text);
    let (file, rest, close) = match text.split_once(":[") {
        Some((file, rest)) => (file, rest, ']'),
        None => {
            let (file, rest) = text.split_once(": (")?;
            (file, rest, ')')
        }
    };
    let (line, rest) = number(rest)?;
    let (column, rest) = number(rest.strip_prefix(',')?.trim_start())?;
    let message = rest.strip_prefix(close)?.trim_start_matches([':', ' ']);
    // Checkstyle names its module in parentheses.
    (!file.is_empty() && file.contains('.') && !message.starts_with('('))
        .then_some((file, line, column, message))
}

/// Remembers the POM that is named: `Non-parseable POM /app/pom.xml: …`, `The project a (/app/pom.xml)`.
fn pom(text: &str, report: &mut Report) {
    let named = text
        .split([' ', '(', ')'])
        .map(|word| word.trim_end_matches([':', ',']))
        .find(|word| word.ends_with("pom.xml") || word.ends_with(".pom"));
    if let Some(file) = named {
        report.file(file);
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn compile_errors_are_counted_once_though_told_twice() {
        let error =
            "[ERROR] /app/src/main/java/A.java:[7,8] cannot find symbol\n  symbol:   class Foo\n";
        let text = format!(
            "[INFO] Compiling 2 source files to /app/target/classes\n[ERROR] COMPILATION ERROR : \n{error}[INFO] 1 error\n\
             [INFO] BUILD FAILURE\n[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.11.0:compile (default-compile) on project a: Compilation failure\n{error}"
        );
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/src/main/java/A.java"]);
    }

    #[test]
    fn an_artifact_that_cannot_be_had_is_a_matter_of_dependencies() {
        let text = "[INFO] BUILD FAILURE\n[ERROR] Failed to execute goal on project a: Could not resolve dependencies for project o:a:jar:1: \
            Could not find artifact o:b:jar:2 in central (https://repo.example.test) -> [Help 1]\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::Dependency);
        assert!(found.details.first_error.unwrap_or_default().contains("o:b:jar:2"));
    }
}
