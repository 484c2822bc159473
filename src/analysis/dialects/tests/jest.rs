//! Jest, default and verbose reporters, with suites that failed to run, wrong configuration and
//! coverage below its threshold (<https://jestjs.io/docs/configuration#reporters-arraymodulename--modulename-options>,
//! `packages/jest-reporters/src`, `packages/jest-message-util/src`).
//!
//! ```text
//! FAIL src/a.test.js (5.1 s)
//!   ● suite › name
//!
//!     expect(received).toBe(expected) // Object.is equality
//!
//!     Expected: 0.3
//!     Received: 0.30000000000000004
//!
//! Test Suites: 1 failed, 1 passed, 2 total
//! Tests:       5 failed, 1 skipped, 2 passed, 8 total
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, without_duration};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "jest",
    markers: &[
        "Test Suites: ",
        "  ● ",
        "No tests found, exiting with code",
        "● Validation Error",
        "● Unrecognized CLI Parameter",
        "Jest: \"",
    ],
    recognises,
    start: || Box::new(Jest::default()),
};

fn recognises(sample: &Sample) -> bool {
    if sample.has_line_starting("No tests found, exiting with code")
        || sample.has_line_starting("● Validation Error")
        || sample.has_line_starting("● Unrecognized CLI Parameter")
        || sample.has_line_starting("Jest: \"")
    {
        return true;
    }
    let (mut fails, mut bullets) = (false, false);
    sample.lines().any(|line| {
        if line.starts_with("Test Suites: ") && line.ends_with(" total") {
            return true;
        }
        fails |= line.starts_with("FAIL ") || line.starts_with(" FAIL ");
        let Some(name) = line.strip_prefix("  ● ") else { return false };
        bullets |= name != "Console";
        fails && bullets || name.contains(" › ") || name == "Test suite failed to run"
    })
}

/// In what kind of block a line stands.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// The beginning was cut away.
    #[default]
    Unknown,
    /// Of a file with failures.
    Fail,
    /// Of a file without.
    Pass,
    /// Failures told again at the end of long runs.
    Again,
}

#[derive(Default)]
struct Jest {
    block: Block,
    file: String,
    /// Failures by name.
    failures: Failures,
    /// Suites that failed to run.
    suites: Failures,
    cause: Cause,
    /// The message began with advice.
    advised: bool,
    /// Failed tests and failed suites as the totals have them.
    tests_stated: Option<u64>,
    suites_stated: u64,
}

impl Dialect for Jest {
    fn report(&self) -> Report {
        Report::new("jest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b' ' => {
                if let Some(name) = line.strip_prefix("  ● ") {
                    self.bullet(name, report);
                } else if self.cause.is_open() {
                    self.message(line, report);
                } else if self.block == Block::Unknown && line.starts_with("      at ") {
                    self.frame(line, report);
                } else if let Some(file) = line.strip_prefix(" FAIL ") {
                    self.fail(file, report);
                } else if line.starts_with(" PASS ") {
                    self.pass();
                }
            }
            b'F' => {
                if let Some(file) = line.strip_prefix("FAIL ") {
                    self.fail(file, report);
                }
            }
            b'P' if line.starts_with("PASS ") => self.pass(),
            b'S' if line.starts_with("Summary of all failing tests") => self.block = Block::Again,
            b'T' => self.total(line, report),
            b'N' if line.starts_with("No tests found, exiting with code 1") => {
                report.failed = true;
                report.quote(line);
            }
            b'J' if line.starts_with("Jest: \"") && line.contains(" threshold for ") => {
                report.failed = true;
                report.summary = Some(line.to_owned());
                report.quote(line);
            }
            0xe2 if line.starts_with("● Validation Error")
                || line.starts_with("● Unrecognized CLI Parameter") =>
            {
                report.failed = true;
                self.cause.begin(line, report);
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        if self.failures.count() == 0 {
            self.suites.tell(report);
        }
        self.cause.tell(report);
        match self.tests_stated {
            Some(0) if self.suites_stated > 0 => report.stated = Some(self.suites_stated),
            Some(stated) => report.stated = Some(stated),
            None if report.errors == 0 && self.suites_stated > 0 => {
                report.stated = Some(self.suites_stated);
            }
            None => {}
        }
        if report.errors > 0 || report.stated.is_some_and(|stated| stated > 0) {
            // Tests that failed outweigh a coverage that suffered from it.
            report.summary = None;
        }
        settle(report);
    }
}

impl Jest {
    fn fail(&mut self, file: &str, report: &mut Report) {
        let file = without_duration(file.trim());
        // A project's name may stand before the path.
        let file = file.split_ascii_whitespace().next_back().unwrap_or(file);
        if self.block == Block::Again {
            return;
        }
        self.block = Block::Fail;
        self.cause.close();
        file.clone_into(&mut self.file);
        report.file(file);
        seen(report);
        report.failed = true;
    }

    fn pass(&mut self) {
        if self.block != Block::Again {
            self.block = Block::Pass;
            self.cause.close();
        }
    }

    fn bullet(&mut self, name: &str, report: &mut Report) {
        // Two blanks after the bullet are warnings of the runtime; `Console` is what tests printed.
        let told = matches!(self.block, Block::Pass | Block::Again)
            || name == "Console"
            || name.starts_with(' ');
        if told {
            self.cause.close();
            return;
        }
        let file = std::mem::take(&mut self.file);
        if name == "Test suite failed to run" {
            self.suites.add(if file.is_empty() { name } else { &file }, &file, report);
        } else {
            self.failures.add(name, &file, report);
        }
        self.file = file;
        self.cause.begin(&format!("● {name}"), report);
    }

    /// The first line of a message, and what was expected and received.
    fn message(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        if self.block == Block::Unknown && text.starts_with("at ") {
            self.frame(line, report);
        }
        if text == "Jest encountered an unexpected token" {
            self.advised = true;
        } else if self.cause.is_bare() {
            // Babel's error comes after a page of advice.
            if !self.advised || text.starts_with("SyntaxError") {
                self.cause.piece(text);
            }
        } else if text.starts_with("Expected") || text.starts_with("Received") {
            self.cause.piece(text);
        } else if text.starts_with("> ") || text.starts_with("at ") {
            self.cause.close();
        }
    }

    /// Where the heading with the file was cut away, the frames tell it: those of tests by their names.
    fn frame(&mut self, line: &str, report: &mut Report) {
        let Some((_, place)) = line.rsplit_once('(') else { return };
        let file = place.rsplitn(3, ':').nth(2).unwrap_or_default();
        let test = [".test.", ".spec.", "__tests__/"].iter().any(|part| file.contains(part));
        if test && self.failures.count() > 0 && !file.contains("node_modules") {
            report.file(file);
        }
    }

    /// `Test Suites: 1 failed, 1 passed, 2 total`, `Tests:       5 failed, 2 passed, 7 total`.
    fn total(&mut self, line: &str, report: &mut Report) {
        let failed = || number_before(line, " failed").unwrap_or(0);
        if line.starts_with("Test Suites: ") && line.ends_with(" total") {
            self.suites_stated += failed();
            if failed() > 0 {
                seen(report);
                report.failed = true;
            }
        } else if line.starts_with("Tests:  ") && line.ends_with(" total") {
            self.tests_stated = Some(self.tests_stated.unwrap_or(0) + failed());
            // What follows are lists and another run.
            self.block = Block::Unknown;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::kind::Kind;
    use crate::analysis::{Analysis, analyze, status::Status};

    fn read(text: &str) -> Analysis {
        analyze(text, &Status::default(), None, 0)
    }

    #[test]
    fn a_failure_is_quoted_with_what_was_expected() {
        let found = read(
            "FAIL src/sum.test.ts (5.31 s)\n  ● sum › adds\n\n    expect(received).toBe(expected) // Object.is equality\n\n\
             \x20   Expected: 4\n    Received: 3\n\n      at Object.<anonymous> (src/sum.test.ts:4:5)\n\n  ● sum › subtracts\n\n    boom\n\n\
             Test Suites: 1 failed, 1 total\nTests:       2 failed, 2 total\n",
        );
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.affected_files, ["src/sum.test.ts"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some(
                "● sum › adds - expect(received).toBe(expected) // Object.is equality, Expected: 4, Received: 3"
            )
        );
    }

    #[test]
    fn suites_that_did_not_run_are_counted_when_no_test_was() {
        let found = read(
            " FAIL  web  src/a.test.js\n  ● Test suite failed to run\n\n    Cannot find module './b' from 'src/a.test.js'\n\n\
             Test Suites: 1 failed, 1 total\nTests:       0 total\n",
        );
        assert_eq!((found.kind, found.details.error_count), (Kind::TestFailure, Some(1)));
        assert!(
            found
                .details
                .first_error
                .is_some_and(|first| first.contains("Cannot find module './b'"))
        );
        assert_eq!(found.details.affected_files, ["src/a.test.js"]);
    }

    #[test]
    fn what_passing_tests_print_is_no_failure() {
        let found = read(
            "PASS a.test.js\n  ● Console\n\n    console.error\n      Error: x\n\nTest Suites: 1 passed, 1 total\nTests:       2 passed, 2 total\n",
        );
        assert_eq!(found.kind, Kind::Unknown);
    }
}
