//! Rust's test harness under `cargo test`
//! (<https://doc.rust-lang.org/rustc/tests/index.html>, `library/test/src/formatters/pretty.rs`).
//!
//! ```text
//!      Running unittests src/lib.rs (target/debug/deps/lib1-2606d562ed95c5c3)
//! test tests::below ... FAILED
//! ---- tests::below stdout ----
//! thread 'tests::below' (2270) panicked at src/lib.rs:11:18:
//! assertion `left == right` failed: below the floor
//! test result: FAILED. 1 passed; 3 failed; 1 ignored; …
//! error: test failed, to rerun pass `--lib`
//! ```
//! Before Rust 1.73 the message stood in the panic's first line: `panicked at 'no', src/lib.rs:11:18`.

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "cargo test",
    markers: &["test result: FAILED", " ... FAILED", "test failed, to rerun", " stdout ----"],
    recognises,
    start: || Box::new(CargoTest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("error: test failed, to rerun pass")
        || sample.has_line_starting("error: doctest failed, to rerun pass")
        || sample.lines().any(|line| {
            line.starts_with("test result: FAILED. ")
                || line.starts_with("test ") && line.ends_with(" ... FAILED")
                || line.starts_with("---- ") && line.ends_with(" stdout ----")
        })
}

#[derive(Default)]
struct CargoTest {
    /// The source of the binary that runs.
    running: String,
    /// From `test x ... FAILED`.
    told: Failures,
    /// From `---- x stdout ----`.
    detailed: Failures,
    cause: Cause,
    /// In the output of a failed test, whose place is not known yet.
    unplaced: bool,
    /// In the output of a documentation's test.
    in_doc: bool,
    /// Where the panic was, when its message is on the next line.
    panicked: bool,
    /// `error: test failed` was read, and what ended the process may follow.
    ended: bool,
}

impl Dialect for CargoTest {
    fn report(&self) -> Report {
        Report::new("cargo test", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b' ' => self.indented(line, report),
            b'-' => {
                if let Some(name) =
                    line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
                {
                    self.detail(name, report);
                }
            }
            b't' if line.starts_with("test ") => self.test(line, report),
            b't' if line.starts_with("thread '") => self.panic(line, report),
            b'e' if is_end(line) => {
                report.failed = true;
                seen(report);
                self.place(report);
                self.cause.close();
                self.ended = true;
            }
            b'f' if line == "failures:" => {
                self.place(report);
                self.cause.close();
            }
            b'n' if line.starts_with("note: ") => self.note(line, report),
            _ => {
                if self.cause.is_open() && (self.panicked || first == b'E' || first == b'e') {
                    // An `Err` of a test is printed as `Error: …`; doc tests that do not compile as
                    // the compiler's own errors.
                    let told = self.panicked
                        || line.starts_with("Error: ")
                        || self.in_doc && line.starts_with("error");
                    if told {
                        self.cause.piece(line);
                        self.panicked = false;
                        if first == b'E' || first == b'e' {
                            self.cause.close();
                        }
                    }
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.place(report);
        Failures::tell_best(&[&self.told, &self.detailed], report);
        self.cause.tell(report);
        settle(report);
        if report.first.is_none()
            && let Some(name) = self.told.first()
        {
            report.quote(&format!("test {name} ... FAILED"));
        }
        if report.failed && report.errors == 0 && report.stated.is_none_or(|stated| stated == 0) {
            // The process ended before the harness could tell of a test.
            report.stated = Some(1);
            report.quote("error: test failed");
        }
    }
}

impl CargoTest {
    fn indented(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix("Running ") {
            let rest = rest.strip_prefix("unittests ").unwrap_or(rest);
            if let Some((source, _)) = rest.split_once(" (") {
                source.clone_into(&mut self.running);
            }
        } else if self.cause.is_open()
            && (text.starts_with("left: ") || text.starts_with("right: "))
        {
            self.cause.piece(text);
        } else if self.ended && text.starts_with("process didn't exit successfully: ") {
            report.quote(text);
        }
    }

    /// `test x ... FAILED`, `test x - should panic ... FAILED`, `test result: FAILED. …`.
    fn test(&mut self, line: &str, report: &mut Report) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            state(report, number_before(counts, " failed").unwrap_or(0));
            if counts.starts_with("FAILED") {
                report.failed = true;
                seen(report);
            }
            self.place(report);
            self.cause.close();
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.told.add(name.strip_suffix(" - should panic").unwrap_or(name), "", report);
        }
    }

    /// The output of a failed test begins.
    fn detail(&mut self, name: &str, report: &mut Report) {
        self.place(report);
        self.detailed.add(name, "", report);
        self.cause.begin(name, report);
        self.panicked = false;
        self.unplaced = true;
        self.in_doc = false;
        // Doc tests are named by their place.
        if let Some((file, rest)) = name.split_once(" - ")
            && rest.contains("(line ")
        {
            report.file(file);
            self.unplaced = false;
            self.in_doc = true;
        }
    }

    fn panic(&mut self, line: &str, report: &mut Report) {
        if !self.unplaced && !self.cause.is_open() {
            return;
        }
        let Some((_, place)) = line.split_once(" panicked at ") else { return };
        let (message, place) = match place.rsplit_once("', ") {
            Some((message, place)) => (message.strip_prefix('\'').unwrap_or(message), place),
            None => ("", place.trim_end_matches(':')),
        };
        if self.cause.is_open() && self.cause.is_bare() {
            if message.is_empty() {
                self.cause.piece(&format!("panicked at {place}"));
                self.panicked = true;
            } else {
                self.cause.piece(&format!("panicked at {place}: {message}"));
            }
        }
        self.placed(place, report);
    }

    /// `note: test did not panic as expected at src/lib.rs:16:8`.
    fn note(&mut self, line: &str, report: &mut Report) {
        if !line.starts_with("note: test did not panic") && !line.starts_with("note: panic did not")
        {
            return;
        }
        if self.cause.is_open() && self.cause.is_bare() {
            self.cause.piece(line.get("note: ".len()..).unwrap_or(line));
        }
        if let Some((_, place)) = line.split_once(" at ") {
            self.placed(place, report);
        }
    }

    fn placed(&mut self, place: &str, report: &mut Report) {
        let file = place.rsplitn(3, ':').nth(2).unwrap_or(place);
        // Panics of the standard library are not the project's place.
        if self.unplaced && !file.starts_with("/rustc/") && file.ends_with(".rs") {
            report.file(file);
            self.unplaced = false;
        }
    }

    /// A failed test that told no place is in the source that runs.
    fn place(&mut self, report: &mut Report) {
        if self.unplaced {
            report.file(&self.running);
            self.unplaced = false;
        }
    }
}

/// Cargo's word that a test binary failed.
fn is_end(line: &str) -> bool {
    line.starts_with("error: test failed, to rerun pass")
        || line.starts_with("error: doctest failed, to rerun pass")
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_of_several_binaries_are_added() {
        let found = analyze(
            "     Running unittests src/main.rs (target/debug/deps/a-1)\n\nrunning 1 test\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\n\
             thread 'a' panicked at src/parse.rs:4:9:\nassertion `left == right` failed\n  left: 1\n right: 2\n\nfailures:\n    a\n\n\
             test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\nerror: test failed, to rerun pass `--bin a`\n\
             \x20    Running tests/it.rs (target/debug/deps/it-1)\n\ntest b ... FAILED\n\n---- b stdout ----\nError: \"no\"\n\nfailures:\n    b\n\n\
             test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.affected_files, ["src/parse.rs", "tests/it.rs"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some(
                "a - panicked at src/parse.rs:4:9, assertion `left == right` failed, left: 1, right: 2"
            )
        );
    }

    #[test]
    fn a_harness_that_died_is_a_failure() {
        let found = analyze(
            "running 5 tests\nerror: test failed, to rerun pass `--lib`\n\nCaused by:\n  process didn't exit successfully: `/t/a` (signal: 6, SIGABRT: process abort signal)\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert!(found.details.first_error.is_some_and(|first| first.contains("SIGABRT")));
    }
}
