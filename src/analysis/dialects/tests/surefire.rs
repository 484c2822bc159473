//! JUnit and TestNG under Maven's Surefire and Failsafe, new and old
//! (<https://maven.apache.org/surefire/maven-surefire-plugin/>, `ConsoleReporter`,
//! `DefaultReporterFactory`).
//!
//! ```text
//! [ERROR] Tests run: 4, Failures: 2, Errors: 1, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! - in a.TaxTest
//! [ERROR] a.TaxTest.rounds  Time elapsed: 0.028 s  <<< FAILURE!
//! java.lang.AssertionError: expected:<3> but was:<2>
//!     at a.TaxTest.rounds(TaxTest.java:8)
//! [ERROR] Failures:
//! [ERROR]   TaxTest.rounds:8 expected:<3> but was:<2>
//! [ERROR] Errors:
//! [ERROR]   TaxTest.nulls:9 » NullPointer …
//! [ERROR] Tests run: 4, Failures: 2, Errors: 1, Skipped: 0        a module's total, without a time
//! ```
//! Before 2.20 the lines stood without `[ERROR]`, the lists under `Failed tests:` and `Tests in error:`.

use super::failures::{Cause, Failures, number_after, seen, settle};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "surefire",
    markers: &["Tests run: ", "<<< FAILURE!", "<<< ERROR!"],
    recognises,
    start: || Box::new(Surefire::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        let text = body(line);
        text.starts_with("Tests run: ") && counts(text).is_some()
            || text.ends_with("<<< FAILURE!")
            || text.ends_with("<<< ERROR!")
    })
}

#[derive(Default)]
struct Surefire {
    /// In a list of failures before a total.
    listing: bool,
    listed: Failures,
    told: Failures,
    cause: Cause,
    told_cause: Cause,
    /// The class whose frame tells the file.
    class: String,
    /// Totals of modules, and of classes for texts cut before those.
    modules: Option<u64>,
    classes: Option<u64>,
}

impl Dialect for Surefire {
    fn report(&self) -> Report {
        Report::new("JUnit", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b'\t' => {
                if !self.class.is_empty() {
                    self.frame(line.trim_start(), report);
                }
                return;
            }
            b'[' | b'T' | b'F' | b' ' => {}
            _ if line.ends_with("<<< FAILURE!") || line.ends_with("<<< ERROR!") => {}
            _ => {
                if self.told_cause.is_open() {
                    self.told_cause.piece(line);
                    self.told_cause.close();
                }
                return;
            }
        }
        let text = body(line);
        if text.starts_with("Tests run: ") {
            self.total(text, report);
        } else if text.ends_with("<<< FAILURE!") || text.ends_with("<<< ERROR!") {
            self.failure(text, report);
        } else if is_list(text) {
            self.listing = true;
        } else if self.listing {
            if let Some(entry) = text.strip_prefix("  ")
                && !entry.starts_with(' ')
            {
                self.entry(entry.trim(), report);
            } else if text.is_empty() {
                self.listing = !line.starts_with("[INFO]");
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        report.stated = self.modules.or(self.classes);
        if self.modules == Some(0) && self.listed.count() == 0 {
            // What failed passed when it was run again.
            report.failed = false;
            return;
        }
        Failures::tell_best(&[&self.listed, &self.told], report);
        self.cause.tell(report);
        self.told_cause.tell(report);
        settle(report);
    }
}

impl Surefire {
    fn total(&mut self, text: &str, report: &mut Report) {
        let Some(count) = counts(text) else { return };
        let timed = text.contains("Time elapsed");
        let total = if timed { &mut self.classes } else { &mut self.modules };
        *total = Some(total.unwrap_or(0) + count);
        if count > 0 {
            seen(report);
            report.failed = true;
        }
        self.listing = false;
    }

    /// `a.TaxTest.rounds  Time elapsed: …`, before 3.0 `rounds(a.TaxTest)  Time elapsed: …`.
    fn failure(&mut self, text: &str, report: &mut Report) {
        let name = text.split("Time elapsed:").next().unwrap_or(text);
        let name = name.trim_end_matches(['-', ' ']);
        let (class, short) = match name.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
            Some((method, class)) if class.contains('.') || !method.contains('.') => {
                (class, format!("{}.{method}", class.rsplit('.').next().unwrap_or(class)))
            }
            _ => {
                let class = name.rsplit_once('.').map_or(name, |(class, _)| class);
                let from = class.rfind('.').map_or(0, |at| at + 1);
                (class, name.get(from..).unwrap_or(name).to_owned())
            }
        };
        class.clone_into(&mut self.class);
        self.told.add(&short, "", report);
        self.told_cause.begin(&short, report);
    }

    /// `    at a.TaxTest.rounds(TaxTest.java:8)`.
    fn frame(&mut self, text: &str, report: &mut Report) {
        let Some(rest) = text.strip_prefix("at ") else { return };
        let rest = rest.rsplit_once('/').map_or(rest, |(_, rest)| rest);
        let own = rest.strip_prefix(self.class.as_str());
        if own.is_some_and(|rest| rest.starts_with(['.', '$']))
            && let Some((_, place)) = rest.rsplit_once('(')
            && let Some((file, _)) = place.split_once(':')
        {
            report.file(file);
            self.class.clear();
        }
    }

    fn entry(&mut self, entry: &str, report: &mut Report) {
        // Runs of a test that was tried again are told below it.
        if entry.starts_with("Run ") {
            return;
        }
        let name = entry.split([' ', ':']).next().unwrap_or(entry);
        let name = name.split("->").next().unwrap_or(name);
        self.listed.add(name, "", report);
        if self.cause.is_bare() && !self.cause.is_open() {
            self.cause.begin(entry, report);
            self.cause.close();
        }
    }
}

/// Without what Maven puts before its lines.
fn body(line: &str) -> &str {
    for level in ["[ERROR] ", "[INFO] ", "[WARNING] "] {
        if let Some(rest) = line.strip_prefix(level) {
            return rest;
        }
    }
    if line == "[ERROR]" || line == "[INFO]" { "" } else { line }
}

fn is_list(text: &str) -> bool {
    matches!(text.trim_end(), "Failures:" | "Errors:" | "Failed tests:" | "Tests in error:")
        || text.starts_with("Failed tests:  ")
}

/// Failures and errors of `Tests run: 4, Failures: 2, Errors: 1, Skipped: 0`.
fn counts(text: &str) -> Option<u64> {
    Some(number_after(text, ", Failures:")? + number_after(text, ", Errors:").unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn totals_of_modules_count_and_those_of_classes_do_not() {
        let found = analyze(
            "[INFO] Running a.TaxTest\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in a.TaxTest\n\
             [ERROR] a.TaxTest.rounds -- Time elapsed: 0.01 s <<< FAILURE!\norg.opentest4j.AssertionFailedError: expected: <3> but was: <2>\n\tat org.junit.jupiter.api.AssertEquals.fail(AssertEquals.java:5)\n\tat a.TaxTest.rounds(TaxTest.java:8)\n\n\
             [INFO] Results:\n[INFO]\n[ERROR] Failures:\n[ERROR]   TaxTest.rounds:8 expected: <3> but was: <2>\n[INFO]\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["TaxTest.java"]);
        assert_eq!(found.details.failed_tests, ["TaxTest.rounds"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("TaxTest.rounds:8 expected: <3> but was: <2>")
        );
    }
}
