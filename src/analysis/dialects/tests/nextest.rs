//! cargo-nextest (<https://nexte.st/docs/reporting/>, `nextest-runner/src/reporter`).
//!
//! ```text
//!         FAIL [   0.005s] (3/5) lib1 tests::below        the place in the run since 0.9.100
//!      SIGABRT [   0.007s] (1/5) lib1 tests::ab
//!   stderr ───                                             before, `--- STDERR: lib1 tests::below ---`
//!     thread 'tests::below' panicked at src/lib.rs:11:18:
//!     assertion `left == right` failed: below the floor
//! ────────────
//!      Summary [   0.103s] 5 tests run: 1 passed, 4 failed, 0 skipped
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "nextest",
    markers: &[" FAIL [", " TIMEOUT [", " SIGABRT [", " SIGSEGV [", " ABORT [", " Summary ["],
    recognises,
    start: || Box::new(Nextest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        status(line).is_some()
            || line
                .trim_start()
                .strip_prefix("Summary [")
                .is_some_and(|rest| rest.contains(" tests run: ") || rest.contains(" test run: "))
    })
}

#[derive(Default)]
struct Nextest {
    told: Failures,
    /// Told again below the summary.
    again: Failures,
    summarised: bool,
    cause: Cause,
    panicked: bool,
}

impl Dialect for Nextest {
    fn report(&self) -> Report {
        Report::new("nextest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let Some(first) = text.bytes().next() else { return };
        match first {
            b'F' | b'T' | b'S' | b'A' | b'L' if line.starts_with(' ') => {
                if text.starts_with("Summary [") {
                    self.summary(text, report);
                    return;
                }
                if let Some((name, tried)) = status(line) {
                    self.failure(name, tried, report);
                    return;
                }
            }
            b'P' if line.starts_with(' ') && text.starts_with("PASS [") => {
                self.cause.close();
                return;
            }
            b't' if text.starts_with("thread '") => {
                self.panic(text, report);
                return;
            }
            b'n' if text.starts_with("note: test did not panic") => {
                if self.cause.is_open() && self.cause.is_bare() {
                    self.cause.piece(text.get("note: ".len()..).unwrap_or(text));
                }
                if let Some((_, place)) = text.split_once(" at ") {
                    file(place, report);
                }
                return;
            }
            _ => {}
        }
        if !self.cause.is_open() {
            return;
        }
        if self.panicked {
            self.cause.piece(text);
            self.panicked = false;
        } else if text.starts_with("left: ")
            || text.starts_with("right: ")
            || self.cause.is_bare()
                && (text.starts_with("Error: ") || text.starts_with("(test aborted "))
        {
            self.cause.piece(text);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        Failures::tell_best(&[&self.again, &self.told], report);
        if report.is_failure() || report.stated.is_some_and(|stated| stated > 0) {
            self.cause.tell(report);
        }
        settle(report);
    }
}

impl Nextest {
    fn failure(&mut self, name: &str, tried: bool, report: &mut Report) {
        if self.summarised {
            self.again.add(name, "", report);
            self.cause.close();
        } else if !tried {
            self.told.add(name, "", report);
        }
        self.panicked = false;
        self.cause.begin(name, report);
    }

    fn summary(&mut self, text: &str, report: &mut Report) {
        let Some((_, counts)) = text.split_once(" run: ") else { return };
        let of = |what| number_before(counts, what).unwrap_or(0);
        let count = of(" failed") + of(" timed out") + of(" exec failed");
        state(report, count);
        self.summarised = true;
        self.cause.close();
        if count > 0 {
            seen(report);
        }
    }

    fn panic(&mut self, text: &str, report: &mut Report) {
        let Some((_, place)) = text.split_once(" panicked at ") else { return };
        let place = place.rsplit_once("', ").map_or(place, |(_, place)| place);
        let place = place.trim_end_matches(':');
        file(place, report);
        if self.cause.is_open() && self.cause.is_bare() {
            self.cause.piece(&format!("panicked at {place}"));
            self.panicked = true;
        }
    }
}

fn file(place: &str, report: &mut Report) {
    let file = place.rsplitn(3, ':').nth(2).unwrap_or(place);
    if !file.starts_with("/rustc/") && file.ends_with(".rs") {
        report.file(file);
    }
}

/// `lib1 tests::below` of a line that says it failed, and whether that was one try of several
/// (`TRY 1 FAIL`): only the last decides, and is told again below the summary.
fn status(line: &str) -> Option<(&str, bool)> {
    let (word, rest) = line.strip_prefix(' ')?.trim_start().split_once(" [")?;
    let tried = word.strip_prefix("TRY ").and_then(number).map(|(_, rest)| rest.trim_start());
    let word = tried.unwrap_or(word);
    // Tries have shorter words: `ABRT`, `TMT`.
    let failed = tried.is_some() && !matches!(word, "PASS" | "SLOW" | "LEAK")
        || matches!(word, "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" | "XFAIL" | "EXEC FAIL")
        || word.len() > 4
            && word.starts_with("SIG")
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let (time, name) = rest.split_once("] ")?;
    if !failed || !time.trim().trim_start_matches('>').ends_with('s') {
        return None;
    }
    let name = name.trim_start();
    let name = match name.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((_, name)) => name.trim_start(),
        None => name,
    };
    Some((name, tried.is_some()))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_told_twice_are_counted_once() {
        let found = analyze(
            "    Starting 2 tests across 1 binary\n        FAIL [   0.102s] (1/2) nx tests::below\n  stderr ───\n\n    thread 'tests::below' (7) panicked at src/lib.rs:4:24:\n    it broke\n\n\
             \x20    TIMEOUT [   9.000s] (2/2) nx tests::slow\n────────────\n     Summary [   9.1s] 2 tests run: 0 passed, 1 failed, 1 timed out, 0 skipped\n\
             \x20       FAIL [   0.102s] (1/2) nx tests::below\n     TIMEOUT [   9.000s] (2/2) nx tests::slow\nerror: test run failed\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.failed_tests, ["nx tests::below", "nx tests::slow"]);
        assert_eq!(found.details.affected_files, ["src/lib.rs"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("nx tests::below - panicked at src/lib.rs:4:24, it broke")
        );
    }
}
