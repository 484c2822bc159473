//! The sanitizers of GCC and Clang (<https://clang.llvm.org/docs/AddressSanitizer.html> and its
//! siblings), Go's race detector, and valgrind's memcheck.
//!
//! ```text
//! ==4242==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x…
//!     #0 0x555a in fill /app/o.c:3
//! SUMMARY: AddressSanitizer: heap-buffer-overflow /app/o.c:3 in fill
//! a.c:7:5: runtime error: signed integer overflow: …          WARNING: ThreadSanitizer: data race (pid=1)
//! ==71== Invalid read of size 4                               WARNING: DATA RACE
//! ```

use super::super::location::{colons, whole};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "sanitizers",
    markers: &["Sanitizer: ", ": runtime error: ", "WARNING: DATA RACE", "== ERROR SUMMARY: "],
    recognises,
    start: || Box::new(Sanitizers::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        line.contains("Sanitizer: ") && (line.starts_with("==") || line.starts_with("WARNING: "))
            || undefined(line).is_some()
            || line == "WARNING: DATA RACE"
            || line.contains("== ERROR SUMMARY: ")
    })
}

#[derive(Default)]
struct Sanitizers {
    /// Frames of what is quoted are being read.
    frames: bool,
    valgrind: Option<(String, u64)>,
}

/// Files named for one text.
const MAX_FILES: usize = 20;

impl Dialect for Sanitizers {
    fn report(&self) -> Report {
        Report::new("sanitizer", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'=') if line.starts_with("==") => self.numbered(line, report),
            Some(b'W') if line.starts_with("WARNING: ThreadSanitizer: ") => {
                found(line, report, self)
            }
            Some(b'W') if line == "WARNING: DATA RACE" => found(line, report, self),
            Some(b' ') if self.frames => {
                if report.files().len() < MAX_FILES
                    && let Some(file) = frame(line)
                {
                    report.file(file);
                }
            }
            Some(_) => {
                if let Some((file, message)) = undefined(line) {
                    report.errors += 1;
                    report.file(file);
                    if report.first.is_none() {
                        report.suggestion = Some(format!("Look at {file}"));
                        report.quote(&format!("runtime error: {message}"));
                    }
                }
            }
            // What follows an empty line tells of the memory, not of the access.
            None => self.frames = self.frames && report.files().is_empty(),
        }
    }
}

impl Sanitizers {
    /// `==4242==ERROR: …`, `==71== Invalid read of size 4`.
    fn numbered(&mut self, line: &str, report: &mut Report) {
        let rest = line.trim_start_matches('=').trim_start_matches(|c: char| c.is_ascii_digit());
        let Some(text) = rest.strip_prefix("==") else { return };
        if text.starts_with("ERROR: ") || text.starts_with("WARNING: MemorySanitizer") {
            found(text, report, self);
            return;
        }
        let text = text.trim_start();
        if let Some(rest) = text.strip_prefix("ERROR SUMMARY: ") {
            let count: u64 = rest.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            if count > 0 {
                report.failed = true;
                report.errors = count;
                if let Some((first, at)) = self.valgrind.take() {
                    report.quote(&first);
                    report.first_line = at;
                } else {
                    report.quote(text);
                }
            }
            return;
        }
        let fault = [
            "Invalid ",
            "Conditional jump",
            "Use of uninitialised",
            "Mismatched free",
            "Syscall param",
        ];
        if self.valgrind.is_none() && fault.iter().any(|start| text.starts_with(start)) {
            self.valgrind = Some((text.to_owned(), report.line_number()));
        }
    }
}

fn found(text: &str, report: &mut Report, state: &mut Sanitizers) {
    report.errors += 1;
    state.frames = report.first.is_none();
    report.quote(text);
    report.suggestion = Some("Look at the first frame of the project in the stack".to_owned());
}

/// `    #0 0x555a in fill /app/o.c:3`, and `      /app/a.go:7 +0x1` of the race detector.
fn frame(line: &str) -> Option<&str> {
    let text = line.trim_start();
    // Where in the binary it is follows in parentheses.
    let text = match text.rsplit_once(" (") {
        Some((text, _)) if text.contains(' ') => text,
        _ => text,
    };
    let place =
        if text.starts_with('#') { text.rsplit_once(' ')?.1 } else { text.split_once(" +0x")?.0 };
    let place = whole(place)?;
    let library = place.file.contains("/sysdeps/")
        || place.file.contains("/csu/")
        || place.file.contains("libsanitizer")
        || place.file.contains("compiler-rt")
        || place.file.starts_with("/usr/")
        || place.file.contains("/go/src/")
        || place.file.starts_with("../");
    (!library).then_some(place.file)
}

/// `a.c:7:5: runtime error: signed integer overflow: …`
fn undefined(line: &str) -> Option<(&str, &str)> {
    let at = memchr::memmem::find(line.as_bytes(), b": runtime error: ")?;
    let place = colons(line.get(..at)?)?;
    let message = line.get(at + ": runtime error: ".len()..)?;
    (place.column > 0 && !place.file.contains(' ')).then_some((place.file, message))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_bad_access_names_the_projects_file() {
        let text = "==9==ERROR: AddressSanitizer: heap-use-after-free on address 0x60 at pc 0x55\nREAD of size 4 at 0x60 thread T0\n    #0 0x1 in pop /p/stack.c:14:3\n    #1 0x2 in main /p/main.c:9\n    #2 0x3 in __libc_start_main_impl ../csu/libc-start.c:360\n\nfreed by thread T0 here:\n    #1 0x5 in drop /p/drop.c:3\n\nSUMMARY: AddressSanitizer: heap-use-after-free /p/stack.c:14:3 in pop\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.affected_files, ["/p/stack.c", "/p/main.c"]);
        assert_eq!(answer.details.error_count, Some(1));
    }

    #[test]
    fn undefined_behaviour_is_counted_and_a_clean_valgrind_is_not() {
        let text = "a.c:7:5: runtime error: shift exponent 99 is too large\na.c:9:5: runtime error: division by zero\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.details.error_count, Some(2));
        let clean = "==9== Memcheck, a memory error detector\n==9== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 0 from 0)\n";
        assert_eq!(analyze(clean, &Status::default(), None, 0).kind, Kind::Unknown);
    }
}
