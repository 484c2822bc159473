//! Runners of scenarios and of other languages' tests: Cucumber, Behave, Robot Framework, Pester, Catch2 and
//! doctest.
//!
//! ```text
//! cucumber  1) Scenario: Login # features/login.feature:3        1 scenario (1 failed)
//!              ✖ When I log in # steps.js:8
//!                  Error: nope
//! behave    Failing scenarios:                                    0 scenarios passed, 1 failed, 0 skipped
//!             features/a.feature:3  Login
//! robot     Login                             | FAIL |            2 tests, 1 passed, 1 failed
//!           Element 'id:user' not visible.
//! pester    [-] Cart.adds 12ms (10ms|2ms)                         Tests Passed: 1, Failed: 1, Skipped: 0
//!            Expected 3, but got 2.
//!            at $total | Should -Be 3, /app/Cart.Tests.ps1:5
//! catch2    /app/test.cpp:5: FAILED:                              test cases: 2 | 1 passed | 1 failed
//!             REQUIRE( add(1, 1) == 3 )
//! doctest   test.cpp:6: ERROR: CHECK( add(1, 1) == 3 ) is NOT correct!
//!           [doctest] test cases: 2 | 1 passed | 1 failed | 0 skipped
//! ```
//! Sources: <https://github.com/cucumber/cucumber-js> (`summary_formatter`), <https://behave.readthedocs.io/>,
//! <https://robotframework.org/robotframework/latest/RobotFrameworkUserGuide.html>,
//! <https://pester.dev/docs/usage/output>, <https://github.com/catchorg/Catch2/blob/devel/docs/reporters.md>,
//! <https://github.com/doctest/doctest>.

use super::failures::{Cause, Failures, number_after, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{colons, number, whole};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "acceptance",
    markers: &[
        " scenario (",
        " scenarios (",
        " scenarios passed, ",
        "| FAIL |",
        "Tests Passed: ",
        "test cases: ",
    ],
    recognises: |sample: &Sample| sample.lines().any(|line| total(line).is_some()),
    start: || Box::new(Acceptance::default()),
};

#[derive(Default)]
struct Acceptance {
    tool: &'static str,
    failures: Failures,
    cause: Cause,
    /// The list of failing scenarios is being read.
    listing: bool,
}

impl Dialect for Acceptance {
    fn report(&self) -> Report {
        Report::new("", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else {
            self.listing = false;
            return;
        };
        if let Some((tool, count)) = total(line) {
            self.cause.close();
            self.tool = tool;
            // Robot states its total for each suite and for all of them.
            if tool == "robot" {
                report.stated = Some(count.max(report.stated.unwrap_or(0)));
            } else {
                state(report, count);
            }
            if count > 0 {
                seen(report);
            }
            return;
        }
        match first {
            b' ' | b'\t' => self.indented(line.trim_start(), report),
            b'0'..=b'9' => {
                if let Some((_, rest)) = number(line)
                    && let Some(scenario) = rest.strip_prefix(") Scenario: ")
                {
                    let (name, place) = scenario.split_once(" # ").unwrap_or((scenario, ""));
                    self.begin(name, whole(place).map_or("", |place| place.file), report);
                }
            }
            b'F' if line == "Failing scenarios:" => self.listing = true,
            b'[' if line.starts_with("[-] ") => {
                let name = line.trim_start_matches("[-] ");
                let name = name.split_once(" (").map_or(name, |(name, _)| name);
                let name = match name.rsplit_once(' ') {
                    Some((name, time)) if time.ends_with('s') => name,
                    _ => name,
                };
                self.begin(name, "", report);
            }
            _ if line.ends_with("| FAIL |") => {
                let name = line.trim_end_matches("| FAIL |").trim_end();
                let name = name.split_once(" :: ").map_or(name, |(name, _)| name);
                self.begin(name, "", report);
            }
            _ => self.outer(line, report),
        }
    }

    fn finish(&mut self, report: &mut Report) {
        report.tool = self.tool;
        // A suite of Robot's fails for its tests.
        if self.tool == "robot" || self.failures.count() > report.stated.unwrap_or(u64::MAX) {
            for _ in report.stated.unwrap_or(0)..self.failures.count() {
                self.failures.drop_last();
            }
        }
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Acceptance {
    fn begin(&mut self, name: &str, file: &str, report: &mut Report) {
        self.failures.add(name, file, report);
        self.cause.begin(name, report);
    }

    fn indented(&mut self, text: &str, report: &mut Report) {
        if self.listing {
            if let Some((place, _)) = text.split_once("  ")
                && let Some(place) = whole(place)
            {
                self.begin(text, place.file, report);
            }
            return;
        }
        if !self.cause.is_open() {
            return;
        }
        // The steps of a scenario stand before what the failing one says.
        let step = text.starts_with(['\u{2714}', '\u{2716}', '-']);
        if self.cause.is_bare() && !step {
            self.cause.piece(text);
        } else if let Some(place) = text.strip_prefix("at ").and_then(|rest| rest.rsplit_once(", "))
            && let Some(place) = whole(place.1)
        {
            report.file(place.file);
            self.cause.close();
        }
    }

    fn outer(&mut self, line: &str, report: &mut Report) {
        if self.cause.is_open() && self.cause.is_bare() {
            // What Robot says of a test that failed.
            self.cause.piece(line);
            self.cause.close();
            return;
        }
        // `/app/test.cpp:5: FAILED:`, `test.cpp:6: ERROR: CHECK( … ) is NOT correct!`
        if !line.ends_with(": FAILED:")
            && memchr::memmem::find(line.as_bytes(), b"ERROR: ").is_none()
        {
            return;
        }
        let Some(place) = colons(line).filter(|place| place.column == 0) else { return };
        if place.rest == "FAILED:" {
            report.file(place.file);
            self.cause.begin(line, report);
        } else if let Some(said) = place.rest.strip_prefix("ERROR: ")
            && (said.contains("CHECK") || said.contains("REQUIRE") || said.contains("test case"))
        {
            report.file(place.file);
            self.cause.begin(said, report);
            self.cause.close();
        }
    }
}

/// What ends a run, and how many failed.
fn total(line: &str) -> Option<(&'static str, u64)> {
    let bytes = line.as_bytes();
    match bytes.first()? {
        b'T' => {
            let rest = line.strip_prefix("Tests Passed: ")?;
            Some(("pester", number_after(rest, "Failed:")?))
        }
        b't' | b'[' => {
            let text = line.strip_prefix("[doctest] ").unwrap_or(line);
            let counts = text.strip_prefix("test cases: ")?;
            let tool = if text.len() < line.len() { "doctest" } else { "catch2" };
            Some((tool, number_before(counts, " failed")?))
        }
        b'0'..=b'9' => {
            let (_, rest) = number(line)?;
            if rest.starts_with(" scenario (") || rest.starts_with(" scenarios (") {
                return Some(("cucumber", number_before(rest, " failed").unwrap_or(0)));
            }
            if rest.starts_with(" scenarios passed, ") || rest.starts_with(" scenario passed, ") {
                return Some(("behave", number_before(rest, " failed")?));
            }
            let robot = rest.starts_with(" tests, ") || rest.starts_with(" test, ");
            (robot && rest.contains(" passed, ") && rest.ends_with(" failed"))
                .then(|| number_before(rest, " failed").map(|count| ("robot", count)))?
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn each_total_counts_and_the_first_failure_is_quoted() {
        for (text, tool, first) in [
            (
                "Failures:\n\n1) Scenario: Login # f/login.feature:3\n   ✔ Given a page # s.js:4\n   ✖ When I log in # s.js:8\n       Error: nope\n\n1 scenario (1 failed)\n",
                "cucumber",
                "Login - Error: nope",
            ),
            (
                "Failing scenarios:\n  f/a.feature:3  Login\n\n0 features passed, 1 failed, 0 skipped\n0 scenarios passed, 1 failed, 0 skipped\n",
                "behave",
                "f/a.feature:3  Login",
            ),
            (
                "Login                 | FAIL |\nNot visible.\n-----\nSuite                 | FAIL |\n2 tests, 1 passed, 1 failed\n",
                "robot",
                "Login - Not visible.",
            ),
            (
                "[-] Cart.adds 12ms (10ms|2ms)\n Expected 3, but got 2.\n at $x | Should -Be 3, /w/Cart.Tests.ps1:5\nTests Passed: 1, Failed: 1, Skipped: 0 NotRun: 0\n",
                "pester",
                "Cart.adds - Expected 3, but got 2.",
            ),
            (
                "/w/test.cpp:5: FAILED:\n  REQUIRE( f() == 3 )\nwith expansion:\n  2 == 3\n\ntest cases: 2 | 1 passed | 1 failed\nassertions: 2 | 1 passed | 1 failed\n",
                "catch2",
                "/w/test.cpp:5: FAILED: - REQUIRE( f() == 3 )",
            ),
            (
                "test.cpp:6: ERROR: CHECK( f() == 3 ) is NOT correct!\n  values: CHECK( 2 == 3 )\n\n[doctest] test cases: 2 | 1 passed | 1 failed | 0 skipped\n",
                "doctest",
                "CHECK( f() == 3 ) is NOT correct!",
            ),
        ] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.tool, found.details.error_count), (tool, Some(1)), "{text}");
            assert_eq!(found.details.first_error.as_deref(), Some(first));
        }
        let green = "2 scenarios (2 passed)\n4 steps (4 passed)\n";
        assert_eq!(analyze(green, &Status::default(), None, 0).kind.name(), "unknown");
    }
}
