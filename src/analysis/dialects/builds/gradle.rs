//! Gradle (<https://docs.gradle.org/current/userguide/command_line_interface.html>,
//! `BuildExceptionReporter`).
//!
//! ```text
//! FAILURE: Build failed with an exception.            (FAILURE: Build completed with 2 failures.)
//!
//! * Where:
//! Build file '/app/build.gradle' line: 5
//!
//! * What went wrong:
//! Execution failed for task ':compileJava'.
//! > Compilation failed; see the compiler error output for details.
//!
//! BUILD FAILED in 3s
//! ```
//! Where the cause is tests, those tell more; where a module could not be resolved, it is a matter of
//! dependencies.

use super::super::location::number;
use super::join;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "gradle",
    markers: &["FAILURE: Build ", "* What went wrong:", "\nBUILD FAILED in "],
    recognises,
    start: || Box::new(Gradle::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("FAILURE: Build ")
        || sample.has_line_starting("* What went wrong:")
        || sample.has_line_starting("BUILD FAILED in ")
}

#[derive(Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    Where,
    Wrong,
}

#[derive(Default)]
struct Gradle {
    section: Section,
    /// What went wrong, with its causes, on one line.
    wrong: String,
    /// Failures that are only tests that failed.
    tests: u64,
    /// Failures to resolve modules.
    modules: u64,
    stated: Option<u64>,
    refused: bool,
}

impl Dialect for Gradle {
    fn report(&self) -> Report {
        Report::new("gradle", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'*') => {
                self.settle(report);
                self.section = match line {
                    "* Where:" => Section::Where,
                    "* What went wrong:" => Section::Wrong,
                    _ => Section::None,
                };
            }
            Some(b'F') if line.starts_with("FAILURE: Build ") => {
                self.refused = true;
                self.stated = line
                    .strip_prefix("FAILURE: Build completed with ")
                    .and_then(number)
                    .map(|(n, _)| n.into());
            }
            Some(b'B') if line.starts_with("BUILD FAILED") => {
                self.settle(report);
                self.refused = true;
            }
            None if self.section == Section::Wrong && self.wrong.is_empty() => {}
            // A paragraph may be followed by a list that belongs to it; it is enough without.
            None => self.settle(report),
            Some(_) => match self.section {
                Section::None => {}
                Section::Where => place(line, report),
                Section::Wrong => join(&mut self.wrong, line),
            },
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle(report);
        if report.errors == 0 {
            if self.refused {
                // Without its reason it says no more than that something before it failed.
                report.failed = true;
                report.rank = Rank::Wrapper;
                report.quote("BUILD FAILED");
            }
            return;
        }
        report.stated = self.stated.filter(|stated| *stated > report.errors);
        if self.tests == report.errors {
            report.rank = Rank::Wrapper;
        } else if self.modules > 0 && self.modules + self.tests == report.errors {
            report.kind = Kind::Dependency;
            report.rank = Rank::Tool;
        }
    }
}

impl Gradle {
    fn settle(&mut self, report: &mut Report) {
        if self.section == Section::Wrong && self.wrong.is_empty() {
            return;
        }
        self.section = Section::None;
        if self.wrong.is_empty() {
            return;
        }
        let wrong = std::mem::take(&mut self.wrong);
        let tests = wrong.contains("There were failing tests") || wrong.contains("Test failures");
        let modules = wrong.contains("Could not resolve all ")
            || wrong.contains("Could not determine the dependencies of ")
            || wrong.contains("was not found in any of the following sources");
        self.tests += u64::from(tests);
        self.modules += u64::from(modules && !tests);
        report.problem(&Problem { message: &wrong, ..Problem::ERROR });
    }
}

/// `Build file '/app/build.gradle' line: 5`
fn place(line: &str, report: &mut Report) {
    if let Some(file) = super::between(line, " '", '\'') {
        report.file(file);
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn what_went_wrong_is_quoted_with_its_cause() {
        let text = "\nFAILURE: Build failed with an exception.\n\n* Where:\nBuild file '/app/build.gradle' line: 5\n\n* What went wrong:\n\
            A problem occurred evaluating root project 'app'.\n> Could not get unknown property 'x' for root project 'app'.\n\n* Try:\n\
            > Run with --stacktrace option to get the stack trace.\n\nBUILD FAILED in 1s\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert!(found.details.first_error.unwrap_or_default().contains("unknown property 'x'"));
        assert_eq!(found.details.affected_files, ["/app/build.gradle"]);
    }

    #[test]
    fn a_module_that_cannot_be_found_is_a_matter_of_dependencies() {
        let text = "FAILURE: Build failed with an exception.\n\n* What went wrong:\nExecution failed for task ':compileJava'.\n\
            > Could not resolve all files for configuration ':compileClasspath'.\n   > Could not find org.x:y:1.0.\n\nBUILD FAILED in 1s\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Dependency);
    }
}
