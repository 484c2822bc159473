//! `bun test` (<https://bun.com/docs/test>, `src/cli/test_command.zig`).
//!
//! ```text
//! bun test v1.1.0 (5903a614)
//!
//! a.test.ts:
//! error: expect(received).toBe(expected)
//!
//! Expected: 3
//! Received: 2
//! (fail) math > adds [0.50ms]              on terminals `✗ math > adds`; the error stands before
//!
//!  1 pass
//!  2 fail
//!  1 error                                 a file that could not be loaded
//! Ran 3 tests across 1 files. [12.00ms]
//! ```

use super::failures::{Cause, Failures, seen, settle, state, without_duration};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report, clip};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "bun test",
    markers: &["bun test v", "(fail) ", "\nRan "],
    recognises,
    start: || Box::new(BunTest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("bun test v")
        || sample.has_line_starting("(fail) ")
        || sample.lines().any(|line| {
            line.starts_with("Ran ") && line.contains(" across ") && line.contains(" file")
        })
}

#[derive(Default)]
struct BunTest {
    file: String,
    failures: Failures,
    cause: Cause,
    /// The error last told, which belongs to the test named after it.
    error: String,
}

impl Dialect for BunTest {
    fn report(&self) -> Report {
        Report::new("bun test", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b'(' | 0xe2 => {
                let name = line.strip_prefix("(fail) ").or_else(|| line.strip_prefix("✗ "));
                if let Some(name) = name {
                    self.failed(without_duration(name), report);
                } else if line.starts_with("(pass) ") || line.starts_with("✓ ") {
                    self.error.clear();
                }
            }
            b'E' | b'R' => {
                if !self.error.is_empty()
                    && self.error.len() < 400
                    && (line.starts_with("Expected") || line.starts_with("Received"))
                {
                    self.error.push_str(", ");
                    self.error.push_str(&clip(line, 200));
                }
            }
            b' ' => total(line, report),
            _ => {
                if line.ends_with(':') && is_file(line.trim_end_matches(':')) {
                    line.trim_end_matches(':').clone_into(&mut self.file);
                    self.error.clear();
                } else if self.error.is_empty()
                    && (line.starts_with("error: ") || is_exception(line))
                {
                    self.error = clip(line, 400);
                    // It may be of a file that was not loaded: then no test's name comes.
                    if self.cause.is_empty() && line.starts_with("error: Cannot find ") {
                        self.cause.begin(line, report);
                        self.cause.close();
                        report.file(&self.file);
                    }
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        if report.is_failure() || report.stated.is_some_and(|stated| stated > 0) {
            self.cause.tell(report);
            report.quote(&self.error);
        }
        settle(report);
    }
}

impl BunTest {
    fn failed(&mut self, name: &str, report: &mut Report) {
        let file = std::mem::take(&mut self.file);
        self.failures.add(name, &file, report);
        self.file = file;
        if self.cause.is_empty() {
            self.cause.begin(name, report);
            self.cause.piece(&self.error);
            self.cause.close();
        }
        self.error.clear();
    }
}

/// ` 2 fail`, ` 1 error`.
fn total(line: &str, report: &mut Report) {
    if line.len() > 20 {
        return;
    }
    let Some((count, rest)) = number(line.trim_start()) else { return };
    if matches!(rest, " fail" | " error" | " errors") {
        state(report, u64::from(count));
        if count > 0 {
            seen(report);
        }
    }
}

fn is_file(text: &str) -> bool {
    [".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts"].iter().any(|end| text.ends_with(end))
        && !text.contains(": ")
}

/// `TypeError: message`.
fn is_exception(line: &str) -> bool {
    let name = line.bytes().take_while(u8::is_ascii_alphanumeric).count();
    line[..name].ends_with("Error") && line[name..].starts_with(": ")
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn the_error_before_a_test_s_name_is_its_own() {
        let found = analyze(
            "bun test v1.1.0 (5903a614)\n\na.test.ts:\n3 | x\nerror: expect(received).toBe(expected)\n\nExpected: 3\nReceived: 2\n\n      at /app/a.test.ts:3:5\n(fail) math > adds [0.50ms]\n\n 1 pass\n 1 fail\n 2 expect() calls\nRan 2 tests across 1 files. [12.00ms]\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["a.test.ts"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("math > adds - error: expect(received).toBe(expected), Expected: 3, Received: 2")
        );
    }
}
