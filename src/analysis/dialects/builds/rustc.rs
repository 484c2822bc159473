//! rustc, by itself and under cargo: the formats `human` and `short`
//! (<https://doc.rust-lang.org/rustc/command-line-arguments.html#--error-format-control-how-errors-are-produced>).
//!
//! ```text
//! human   error[E0308]: mismatched types        short   src/a.rs:4:5: error[E0308]: mismatched types: …
//!          --> src/a.rs:4:5
//! ends    error: could not compile `a` (bin "a") due to 6 previous errors; 1 warning emitted
//!         error: aborting due to 2 previous errors
//! ```
//! Clippy prints through the same machinery and names itself in its notes; what is only its finding is
//! left to its own dialect. What cargo says of packages and versions is not here either.

use super::super::location::{colons, number};
use super::{conclude, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "rustc",
    markers: &[
        "error[E",
        "\n --> ",
        "\n  --> ",
        "\n   --> ",
        ".rs:",
        "error: could not compile ",
        "error: failed to run custom build command",
        "error: failed to parse manifest",
        "error: linking with ",
    ],
    recognises,
    start: || Box::new(Rustc::default()),
};

/// Errors of cargo or rustc that have no place in a source.
const PLACELESS: [&str; 8] = [
    "linking with ",
    "failed to run custom build command",
    "failed to parse manifest",
    "couldn't read ",
    "can't find crate",
    "crate `",
    "requires `",
    "unable to create ",
];

fn recognises(sample: &Sample) -> bool {
    let mut header = false;
    for line in sample.lines() {
        if header
            && line.starts_with(' ')
            && arrow(line)
                .is_some_and(|place| place.0.ends_with(".rs") || place.0.ends_with("Cargo.toml"))
        {
            return true;
        }
        if line.is_empty() {
            header = false;
        } else if let Some(found) = self::header(line) {
            header = true;
            if is_code(found.code)
                || line.starts_with("error: could not compile `")
                || (found.severity == Severity::Error && placeless(found.message))
            {
                return true;
            }
        } else if short(line).is_some() {
            return true;
        }
    }
    false
}

/// `E0308`; other tools that draw alike have names there.
fn is_code(code: &str) -> bool {
    code.len() == 5
        && code.strip_prefix('E').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn placeless(message: &str) -> bool {
    PLACELESS.iter().any(|start| message.starts_with(start))
}

#[derive(Default)]
struct Rustc {
    /// A header whose place comes next: severity, code, message.
    pending: Option<(Severity, String, String)>,
    /// The largest number of errors one crate is said to have.
    stated: u64,
    /// Errors with a code of the compiler.
    coded: u64,
    /// Whether clippy named itself.
    clippy: bool,
    /// What was said of the first crate that does not compile.
    refused: Option<String>,
    /// The first place of a text whose head, with the message, was cut away.
    cut: Option<String>,
    /// What the linker said, below the header that it failed.
    linker: Option<String>,
    /// Whether tests ran and passed.
    passed: bool,
}

impl Dialect for Rustc {
    fn report(&self) -> Report {
        Report::new("cargo", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            None => self.settle(report),
            Some(b' ') if self.pending.is_some() => {
                if let Some((file, row, column)) = arrow(line) {
                    self.place(file, row, column, report);
                } else if self.linker.is_none()
                    && self
                        .pending
                        .as_ref()
                        .is_some_and(|(_, _, message)| message.starts_with("linking with "))
                {
                    self.linker = linker(line);
                }
            }
            Some(b' ')
                if self.cut.is_none()
                    && report.errors + report.warnings == 0
                    && memchr::memmem::find(line.as_bytes(), b"--> ").is_some() =>
            {
                self.cut = arrow(line).map(|(file, _, _)| file.to_owned());
            }
            Some(b't') if line.starts_with("test result: ok") => self.passed = true,
            Some(b' ') => {
                if !self.clippy && line.contains("clippy") {
                    self.clippy = line.contains("rust-clippy") || line.contains("clippy::");
                }
            }
            Some(b'e' | b'w') if header(line).is_some() => {
                self.settle(report);
                if let Some(found) = header(line) {
                    self.begin(&found, line);
                }
            }
            Some(_) => {
                if let Some((place, found)) = short(line) {
                    self.pending = Some(found.owned());
                    self.place(place.0, place.1, place.2, report);
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle(report);
        if self.clippy && self.coded == 0 {
            // Its lints, not the compiler's refusal.
            let (tool, kind) = (report.tool, report.kind);
            *report = Report::new(tool, kind, Rank::Wrapper);
            return;
        }
        if self.passed && report.errors == 0 {
            // A run of tests that went well is not about warnings.
            report.warnings = 0;
        }
        if self.stated > report.errors {
            report.stated = Some(self.stated);
        }
        if let Some(refused) = self.refused.as_ref().filter(|_| report.errors == 0) {
            report.rank = Rank::Wrapper;
            report.failed = true;
            report.quote(refused);
            report.file(self.cut.as_deref().unwrap_or_default());
        }
        conclude(report);
    }
}

impl Rustc {
    fn begin(&mut self, found: &Header<'_>, line: &str) {
        if let Some(rest) = found.message.strip_prefix("could not compile `")
            && found.severity == Severity::Error
        {
            self.refused.get_or_insert_with(|| line.to_owned());
            self.total(rest);
        } else if let Some(rest) = found.message.strip_prefix("aborting due to ") {
            self.refused.get_or_insert_with(|| line.to_owned());
            self.total(rest);
        } else if found.severity == Severity::Warning && found.message.starts_with('`') {
            // "`a` (bin "a") generated 2 warnings"
        } else {
            self.pending = Some(found.owned());
        }
    }

    /// `6 previous errors`, behind `due to` where cargo says it.
    fn total(&mut self, text: &str) {
        let text = text.split_once("due to ").map_or(text, |(_, rest)| rest);
        if let Some((total, rest)) = number(text)
            && rest.starts_with(" previous error")
        {
            self.stated = self.stated.max(u64::from(total));
        }
    }

    fn place(&mut self, file: &str, line: u32, column: u32, report: &mut Report) {
        let Some((severity, code, message)) = self.pending.take() else { return };
        if severity == Severity::Error {
            self.coded += u64::from(is_code(&code));
            if report.first.is_none() {
                let mut said = quotation(&code, &message);
                if let Some(linker) = &self.linker {
                    said = format!("{said}: {linker}");
                }
                report.quote(&said);
            }
        }
        count(
            &Problem {
                severity,
                code: &code,
                message: &message,
                file,
                line,
                column,
                ..Problem::ERROR
            },
            report,
        );
    }

    /// A header without a place: counted only when it cannot be anything else.
    fn settle(&mut self, report: &mut Report) {
        let Some((severity, code, message)) = &self.pending else { return };
        if *severity == Severity::Error && (is_code(code) || placeless(message)) {
            // The place of nothing.
            self.place("", 0, 0, report);
        }
        self.pending = None;
    }
}

fn quotation(code: &str, message: &str) -> String {
    if code.is_empty() { format!("error: {message}") } else { format!("error[{code}]: {message}") }
}

/// The reason in what the linker printed.
fn linker(line: &str) -> Option<String> {
    const REASONS: [&str; 4] = [
        "undefined symbol: ",
        "undefined reference to ",
        "cannot find -l",
        "library not found for ",
    ];
    let at = REASONS
        .iter()
        .find_map(|reason| memchr::memmem::find(line.as_bytes(), reason.as_bytes()))?;
    line.get(at..).map(|said| said.chars().take(150).collect())
}

struct Header<'t> {
    severity: Severity,
    code: &'t str,
    message: &'t str,
}

impl Header<'_> {
    fn owned(&self) -> (Severity, String, String) {
        (self.severity, self.code.to_owned(), self.message.to_owned())
    }
}

/// `error[E0308]: message`, `error: message`, `warning: message`.
fn header(text: &str) -> Option<Header<'_>> {
    let (severity, rest) = match (text.strip_prefix("error"), text.strip_prefix("warning")) {
        (Some(rest), _) => (Severity::Error, rest),
        (None, Some(rest)) => (Severity::Warning, rest),
        (None, None) => return None,
    };
    let (code, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let message = rest.strip_prefix(": ")?;
    Some(Header { severity, code, message })
}

/// `  --> src/a.rs:4:5`
fn arrow(line: &str) -> Option<(&str, u32, u32)> {
    let place = line.trim_start().strip_prefix("--> ")?;
    let place = colons(place)?;
    Some((place.file, place.line, place.column))
}

/// `src/a.rs:4:5: error[E0308]: message`
fn short(line: &str) -> Option<((&str, u32, u32), Header<'_>)> {
    memchr::memmem::find(line.as_bytes(), b".rs:")?;
    let place = colons(line)?;
    let found = header(place.rest)?;
    (place.column > 0 && place.file.ends_with(".rs"))
        .then_some(((place.file, place.line, place.column), found))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    const FULL: &str = "   Compiling a v0.1.0 (/a)\nwarning: unused import: `x`\n --> src/b.rs:1:5\n  |\n\n\
        error[E0433]: failed to resolve: use of undeclared type `Foo`\n  --> src/main.rs:12:9\n   |\n\n\
        error: expected `;`, found `}`\n --> src/lib.rs:3:4\n  |\n\n\
        error: could not compile `a` (lib) due to 2 previous errors; 1 warning emitted\n";

    #[test]
    fn errors_are_counted_with_their_files_and_warnings_stand_beside() {
        let found = analyze(FULL, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!((found.details.error_count, found.details.warning_count), (Some(2), Some(1)));
        assert_eq!(found.details.affected_files, ["src/main.rs", "src/lib.rs"]);
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "error[E0433]: failed to resolve: use of undeclared type `Foo`");
    }

    #[test]
    fn warnings_alone_are_not_called_a_failed_build() {
        let text = "warning: unused variable: `n`\n --> src/main.rs:2:9\n  |\n\n    Finished `dev` profile\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.summary, "1 compiler warning, no error");
        assert_eq!(found.details.affected_files, ["src/main.rs"]);
    }

    #[test]
    fn what_clippy_finds_is_left_to_clippy() {
        let text = "error: length comparison to zero\n --> src/main.rs:3:8\n  |\n  = note: `-D clippy::len-zero` implied by `-D warnings`\n\n\
            error: could not compile `a` (bin \"a\") due to 1 previous error\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_ne!(found.kind, Kind::BuildFailure);
    }
}
