//! Playwright Test, reporters list, line and dot (<https://playwright.dev/docs/test-reporters>,
//! `packages/playwright/src/reporters/base.ts`), and browsers that are not installed.
//!
//! ```text
//! Running 3 tests using 1 worker
//!   1) [chromium] › e2e/login.spec.ts:5:1 › user can log in ─────────────
//!
//!     Error: expect(locator).toBeVisible() failed
//!
//!   1 failed
//!     [chromium] › e2e/login.spec.ts:5:1 › user can log in ──────────────
//!   2 did not run
//! ```

use super::failures::{Cause, Failures, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{colons, number};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "playwright",
    markers: &[
        " using 1 worker",
        " workers\n",
        " ────",
        "config.webServer",
        "npx playwright install",
        "Error: No tests found.",
    ],
    recognises,
    start: || Box::new(Playwright::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        running(line)
            || heading(line).is_some()
            || line.starts_with("Error: No tests found.")
            || line.starts_with("Error: ") && line.contains("config.webServer")
            || line.contains("Executable doesn't exist at ")
    })
}

#[derive(Default)]
struct Playwright {
    failures: Failures,
    cause: Cause,
    /// There were totals: without one of failures, what failed passed when it was tried again.
    totalled: bool,
    /// The executable is missing.
    no_browser: bool,
}

impl Dialect for Playwright {
    fn report(&self) -> Report {
        Report::new("playwright", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        if first != b' ' {
            if first == b'E'
                && (line.starts_with("Error: No tests found")
                    || line.starts_with("Error: ") && line.contains("config.webServer"))
            {
                report.failed = true;
                report.quote(line);
            }
            return;
        }
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if indent == 2 && text.starts_with(|first: char| first.is_ascii_digit()) {
            if let Some(title) = heading(line) {
                self.failed(title, report);
            } else {
                self.totalled |= total(text, report);
            }
            return;
        }
        if self.cause.is_open() && indent >= 4 {
            self.detail(text, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.totalled && report.stated.is_none() {
            return;
        }
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
        if self.no_browser {
            report.kind = Kind::Dependency;
            report.fix = Some(Fix {
                command: "npx playwright install".to_owned(),
                title: "Install Playwright's browsers".to_owned(),
            });
        }
    }
}

impl Playwright {
    /// `[chromium] › e2e/login.spec.ts:5:1 › user can log in`.
    fn failed(&mut self, title: &str, report: &mut Report) {
        let place = title.split(" › ").find_map(colons);
        let file = place.map_or("", |place| place.file);
        self.failures.add(title, file, report);
        self.cause.begin(title, report);
    }

    fn detail(&mut self, text: &str, report: &mut Report) {
        if text.starts_with('╔') || text.starts_with("at ") || text.starts_with("Retry #") {
            self.cause.close();
        } else if self.cause.is_bare() {
            if memchr::memmem::find(text.as_bytes(), b"Executable doesn't exist at ").is_some() {
                self.no_browser = true;
                report.quote(text);
            }
            self.cause.piece(text);
        } else if text.starts_with("Expected") || text.starts_with("Received") {
            self.cause.piece(text);
        }
    }
}

/// `Running 3 tests using 1 worker`.
fn running(line: &str) -> bool {
    line.strip_prefix("Running ").and_then(number).is_some_and(|(_, rest)| {
        (rest.starts_with(" test using ") || rest.starts_with(" tests using "))
            && (rest.contains(" worker"))
    })
}

/// The title of `  1) [chromium] › e2e/login.spec.ts:5:1 › user can log in ─────`.
fn heading(line: &str) -> Option<&str> {
    let (_, rest) = number(line.strip_prefix("  ")?)?;
    let title = rest.strip_prefix(") ")?;
    title.contains(" › ").then(|| title.trim_end_matches(['─', '=', ' ']))
}

/// `1 failed`, `1 error was not a part of any test, see above for details`, and totals of the rest.
fn total(text: &str, report: &mut Report) -> bool {
    let Some((count, rest)) = number(text) else { return false };
    let failed = rest == " failed"
        || rest == " interrupted"
        || rest.starts_with(" error was not a part of any test")
        || rest.starts_with(" errors were not a part of any test");
    if failed {
        state(report, u64::from(count));
        seen(report);
        report.failed = true;
    }
    failed || rest == " flaky" || rest == " passed" || rest.starts_with(" passed (")
}

#[cfg(test)]
mod tests {
    use crate::analysis::kind::Kind;
    use crate::analysis::{analyze, status::Status};

    const TEXT: &str = "Running 2 tests using 2 workers\n\n  1) [firefox] › e2e/a.spec.ts:7:3 › shop › pays ────────────\n\n    Error: MESSAGE\n\n  1 failed\n    [firefox] › e2e/a.spec.ts:7:3 › shop › pays ────────────\n  1 passed (3.2s)\n";

    #[test]
    fn a_failure_is_quoted_with_its_error() {
        let found = analyze(
            &TEXT.replace("MESSAGE", "expect(page).toHaveTitle(expected) failed"),
            &Status::default(),
            None,
            0,
        );
        assert_eq!((found.kind, found.details.error_count), (Kind::TestFailure, Some(1)));
        assert_eq!(found.details.affected_files, ["e2e/a.spec.ts"]);
        assert!(
            found
                .details
                .first_error
                .is_some_and(|first| first.ends_with("toHaveTitle(expected) failed"))
        );
    }

    #[test]
    fn what_passed_when_tried_again_is_no_failure() {
        let text = TEXT.replace("  1 failed", "  1 flaky");
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::Unknown);
    }

    #[test]
    fn a_missing_browser_is_to_be_installed() {
        let text =
            TEXT.replace("MESSAGE", "browserType.launch: Executable doesn't exist at /x/chrome");
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::Dependency);
        assert_eq!(found.fix.map(|fix| fix.command).as_deref(), Some("npx playwright install"));
    }
}
