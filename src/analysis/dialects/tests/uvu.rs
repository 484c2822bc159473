//! uvu and node-tap's own reporters, which both head a failure with `FAIL`
//! (<https://github.com/lukeed/uvu>, <https://node-tap.org/reporter/>).
//!
//! ```text
//! uvu    a.js
//!        ✘ •   (1 / 2)
//!          FAIL  "adds"
//!            Expected values to be strictly equal:  (is)
//!          Total:     2
//!          Passed:    1
//!
//! tap     FAIL  test/a.js 1 failed of 2 193ms
//!        ✖ adds > should be equal
//!          test/a.js
//!        Asserts:  1 pass  1 fail  2 of 2 complete
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "uvu",
    markers: &["  FAIL  \"", " FAIL  ", " FAIL  \u{2716}"],
    recognises: |sample: &Sample| {
        let mut total = false;
        let mut head = false;
        for line in sample.lines() {
            head |= line.trim_start().starts_with("FAIL ");
            total |= line.starts_with("Asserts: ") || line.starts_with("  Passed: ");
        }
        head && total
    },
    start: || Box::new(Uvu::default()),
};

#[derive(Default)]
struct Uvu {
    /// The file last named.
    file: String,
    failures: Failures,
    cause: Cause,
    tap: bool,
}

impl Dialect for Uvu {
    fn report(&self) -> Report {
        Report::new("uvu", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix("FAIL ") {
            self.failed(rest.trim_start(), report);
        } else if let Some(name) = line.strip_prefix("\u{2716} ") {
            if self.tap {
                self.failures.add(name, "", report);
                self.cause.begin(name, report);
            }
        } else if let Some(counts) = line.strip_prefix("Asserts: ") {
            if let Some(count) = number_before(counts, " fail") {
                // Drawn again as tests end.
                report.stated = Some(count.max(report.stated.unwrap_or(0)));
            }
        } else if line == text && names_file(line) {
            line.clone_into(&mut self.file);
        } else if self.cause.is_open() && self.cause.is_bare() && line != text {
            self.cause.piece(text);
            self.cause.close();
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.tap {
            report.tool = "tap";
        }
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Uvu {
    fn failed(&mut self, rest: &str, report: &mut Report) {
        if let Some(name) = rest.strip_prefix('"') {
            let name = name.strip_suffix('"').unwrap_or(name);
            self.failures.add(name, &self.file, report);
            self.cause.begin(name, report);
        } else if rest.contains(" failed of ") {
            // The word that names the file may be marked.
            let file = rest.trim_start_matches(['\u{2716}', ' ']);
            self.tap = true;
            report.file(file.split(' ').next().unwrap_or_default());
            seen(report);
        }
    }
}

/// A line that is a path of a script.
fn names_file(line: &str) -> bool {
    !line.contains(' ')
        && [".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx"]
            .iter()
            .any(|end| line.ends_with(end))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn uvu_s_failures_are_counted_in_their_file() {
        let text = "a.js\n✘ •   (1 / 2)\n\n   FAIL  \"adds\"\n    Expected values to be strictly equal:  (is)\n\n        ++3    (Expected)\n\n\n  Total:     2\n  Passed:    1\n  Skipped:   0\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("uvu", Some(1)));
        assert_eq!(found.details.affected_files, ["a.js"]);
    }

    #[test]
    fn node_tap_s_totals_count() {
        let text = " FAIL  test/a.js 1 failed of 2 193ms\n✖ adds > should be equal\n  test/a.js\n\nAsserts:  1 pass  1 fail  2 of 2 complete\nSuites:   0 pass  1 fail  1 of 1 complete\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("tap", Some(1)));
        assert_eq!(found.details.affected_files, ["test/a.js"]);
    }
}
