//! ty (<https://docs.astral.sh/ty/reference/cli/>), full and concise, and Pyrefly
//! (<https://pyrefly.org/en/docs/>), full and `min-text`.
//!
//! ```text
//! ty       error[invalid-assignment]: Object of type …        a.py:3:10: error[invalid-assignment] Object …
//!           --> a.py:3:10
//!          Found 8 diagnostics
//! pyrefly  ERROR Could not find name `y` [unknown-name]       ERROR a.py:7:1-12: Could not … [unknown-name]
//!           --> a.py:7:1
//!           INFO 1 error
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{Place, colons, number};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static TY: Spec = Spec {
    name: "ty",
    markers: &["error[", "warning["],
    recognises: |sample: &Sample| {
        // cargo-deny, Deno and others have such codes too: the sources must be Python's.
        let mut heading = false;
        sample.lines().any(|line| {
            let place = line.trim_start().strip_prefix("--> ").and_then(colons_at_end);
            let found = ty(line);
            let concise = found.as_ref().is_some_and(|found| found.place.is_some());
            let full = heading && place.is_some_and(is_python);
            heading |= found.is_some();
            concise || full
        })
    },
    start: || Box::new(Reader::new("ty", ty)),
};

pub(super) static PYREFLY: Spec = Spec {
    name: "pyrefly",
    markers: &["\nERROR ", " INFO 1 error", " errors\n"],
    recognises: |sample: &Sample| {
        sample.has("\n INFO ") && sample.lines().any(|line| pyrefly(line).is_some())
    },
    start: || Box::new(Reader::new("pyrefly", pyrefly)),
};

/// The file of `a.py:3:10`.
fn colons_at_end(place: &str) -> Option<&str> {
    colons(place).map(|place| place.file)
}

/// What the first line of a diagnostic tells; its place may come on the next.
struct Heading<'l> {
    severity: Severity,
    code: &'l str,
    message: &'l str,
    place: Option<Place<'l>>,
}

/// A heading whose place comes.
struct Open {
    severity: Severity,
    code: String,
    message: String,
}

struct Reader {
    tool: &'static str,
    heading: fn(&str) -> Option<Heading<'_>>,
    open: Option<Open>,
}

impl Reader {
    fn new(tool: &'static str, heading: fn(&str) -> Option<Heading<'_>>) -> Reader {
        Reader { tool, heading, open: None }
    }

    /// Counts the diagnostic that is open, at its place if it had one.
    fn flush(&mut self, place: Option<Place<'_>>, report: &mut Report) {
        let Some(open) = self.open.take() else { return };
        told(open.severity, &open.code, &open.message, place, report);
    }
}

impl Dialect for Reader {
    fn report(&self) -> Report {
        Report::new(self.tool, Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if self.open.is_some() {
            let place = line.trim_start().strip_prefix("--> ").and_then(colons);
            self.flush(place, report);
        }
        if line.starts_with(' ') {
            return;
        }
        if let Some(heading) = (self.heading)(line) {
            let Heading { severity, code, message, place } = heading;
            if place.is_some() {
                told(severity, code, message, place, report);
            } else {
                let (code, message) = (code.to_owned(), message.to_owned());
                self.open = Some(Open { severity, code, message });
                // Its place among other findings is here.
                if severity == Severity::Error && report.first_line == 0 {
                    report.first_line = report.line_number();
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.flush(None, report);
        super::warnings_alone(report);
    }
}

fn told(
    severity: Severity,
    code: &str,
    message: &str,
    place: Option<Place<'_>>,
    report: &mut Report,
) {
    let Place { file, line, column, .. } =
        place.unwrap_or(Place { file: "", line: 0, column: 0, rest: "" });
    if severity == Severity::Error && report.first.is_none() {
        report.quote(&format!("error[{code}]: {message}"));
    }
    // Codes and files are those of what fails the run.
    let fails = severity == Severity::Error;
    let (code, file) = if fails { (code, file) } else { ("", "") };
    report.problem(&Problem { severity, code, message, file, line, column, ..Problem::ERROR });
}

/// `error[code]: message` and `a.py:3:10: error[code] message`. Codes are words, where rustc's are
/// numbers.
fn ty(line: &str) -> Option<Heading<'_>> {
    let bytes = line.as_bytes();
    let bracket = memchr::memchr(b'[', bytes)?;
    let head = &line[..bracket];
    let (severity, head) = match (head.strip_suffix("error"), head.strip_suffix("warning")) {
        (Some(head), _) => (Severity::Error, head),
        (None, Some(head)) => (Severity::Warning, head),
        (None, None) => return None,
    };
    let (code, rest) = line[bracket + 1..].split_once(']')?;
    if !is_code(code) {
        return None;
    }
    if head.is_empty() {
        let message = rest.strip_prefix(": ")?;
        return Some(Heading { severity, code, message, place: None });
    }
    let place = colons(head).filter(|place| is_python(place.file))?;
    Some(Heading { severity, code, message: rest.strip_prefix(' ')?, place: Some(place) })
}

/// `ERROR message [code]` and `ERROR a.py:7:1-12: message [code]`.
fn pyrefly(line: &str) -> Option<Heading<'_>> {
    let rest = line.strip_prefix("ERROR ")?;
    let (message, code) = rest.strip_suffix(']')?.rsplit_once(" [")?;
    if !is_code(code) {
        return None;
    }
    let severity = Severity::Error;
    if let Some((file, after)) = message.split_once(':')
        && is_python(file)
        && let Some((row, after)) = number(after)
        && let Some((column, after)) = after.strip_prefix(':').and_then(number)
        && let Some((_, message)) = after.split_once(": ")
    {
        let place = Place { file, line: row, column, rest: "" };
        return Some(Heading { severity, code, message, place: Some(place) });
    }
    Some(Heading { severity, code, message, place: None })
}

fn is_code(code: &str) -> bool {
    code.len() > 3
        && code.starts_with(|first: char| first.is_ascii_lowercase())
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_python(file: &str) -> bool {
    [".py", ".pyi", ".ipynb"].iter().any(|end| file.ends_with(end))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn ty_s_full_and_concise_formats_tell_the_same() {
        let full = "error[invalid-assignment]: Object of type `str` is not assignable to `int`\n --> a.py:3:10\n  |\n3 | x: int = \"a\"\ninfo: declared here\n --> b.py:1:1\n\nFound 1 diagnostic\n";
        let concise = "a.py:3:10: error[invalid-assignment] Object of type `str` is not assignable to `int`\nFound 1 diagnostic\n";
        for text in [full, concise] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.tool, found.details.error_count), ("ty", Some(1)));
            assert_eq!(found.details.affected_files, ["a.py"]);
            assert_eq!(found.details.errors_by_type.get("invalid-assignment"), Some(&1));
        }
    }

    #[test]
    fn pyrefly_s_formats_tell_the_same() {
        let full =
            "\nERROR Could not find name `y` [unknown-name]\n --> a.py:7:1\n  |\n INFO 1 error\n";
        let short = "\nERROR a.py:7:1-12: Could not find name `y` [unknown-name]\n INFO 1 error\n";
        for text in [full, short] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.tool, found.details.error_count), ("pyrefly", Some(1)));
            assert_eq!(found.details.affected_files, ["a.py"]);
        }
    }
}
