//! An error's line without its stack: the message of an `Error` alone, or the last line of what a program
//! printed (`err.toString()`, Rust's `Error: …` from `main`, a traceback cut to its end).
//!
//! ```text
//! TypeError: x is not a function            Error: ENOENT: no such file or directory, open 'a'
//! Error: cannot read settings               (anyhow)
//!
//! Caused by:
//!     No such file or directory (os error 2)
//! ```

use super::classes;
use super::header::{Header, header};
use super::node_lines::{Module, is_test_summary, module};
use super::thrown::{Named, Thrown, install};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "plain error",
    markers: &[
        "Error: ",
        "Exception: ",
        ".exceptions.",
        "Error [",
        "ECONN",
        "ENOENT",
        "ETIMEDOUT",
        "EACCES",
        "EADDR",
        "ENOTFOUND",
        "EAI_AGAIN",
        "ENOSPC",
        "EPERM",
        "EMFILE",
    ],
    recognises,
    start: || Box::new(Plain::default()),
};

/// Lines that may follow the error in a text that ends with it; not counted are those that are indented
/// and those of the tools that ran it.
const MAX_AFTER: usize = 1;
/// The lines of tools that ran the program.
const RUNNERS: [&str; 9] = [
    "npm ",
    "make",
    "error Command failed",
    "info Visit",
    "exit status",
    "##[",
    "ELIFECYCLE",
    "error: script ",
    "Caused by:",
];

fn recognises(sample: &Sample) -> bool {
    // Who prints tracebacks is read by them: what follows them may be words of other lines.
    if sample.has("Traceback (most recent call last):") {
        return false;
    }
    let mut after = 0;
    for line in sample.lines().rev().filter(|line| !line.is_empty()) {
        if is_test_summary(line) {
            return false;
        }
        if error(line).is_some() {
            return true;
        }
        after += usize::from(counts(line));
        if after > MAX_AFTER {
            return false;
        }
    }
    false
}

/// Whether a line after an error says that the text went on.
fn counts(line: &str) -> bool {
    !line.starts_with([' ', '\t', '}', ')', ']'])
        && !RUNNERS.iter().any(|start| line.starts_with(start))
}

/// The error a line is, at its very beginning.
fn error(line: &str) -> Option<Header<'_>> {
    let found = header(line).filter(|found| !found.message.is_empty());
    found.or_else(|| {
        // `ENOENT: no such file or directory, open 'a'`, `connect ECONNREFUSED 127.0.0.1:1`
        let start = ["connect ", "listen ", "read ", "write ", "getaddrinfo ", "spawn ", "bind "]
            .iter()
            .find_map(|call| line.strip_prefix(call))
            .unwrap_or(line);
        let length = start.bytes().take_while(|byte| byte.is_ascii_uppercase() || *byte == b'_');
        let code = start.get(..length.count())?;
        let known = classes::code_in(code).is_some() && code.len() > 3;
        let ended = start.get(code.len()..)?.starts_with([':', ' ']) || start.len() == code.len();
        (known && ended).then(|| Header::bare(line))
    })
}

#[derive(Default)]
struct Plain {
    found: Option<Thrown>,
    after: usize,
    cause: bool,
}

impl Dialect for Plain {
    fn report(&self) -> Report {
        // Any report with more than one line to go by is worth more.
        Report::new("", Kind::RuntimeError, Rank::Wrapper)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        self.after += usize::from(counts(line));
        if first == b' ' {
            if self.cause
                && let Some(thrown) = &mut self.found
            {
                // `    0: message` where there are several.
                let text = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
                let text = text.strip_prefix(": ").unwrap_or(text).trim();
                thrown.cause = Some(Named::new("", text, text));
            }
            return;
        }
        if line == "Caused by:" {
            self.cause = self.found.is_some();
            return;
        }
        self.cause = false;
        let shaped = first.is_ascii_alphabetic() || matches!(first, b'[' | b'(');
        if !shaped {
            return;
        }
        let Some(found) = error(line) else { return };
        let mut named = Named::new(found.class, found.message, &found.quote(line));
        found.code.clone_into(&mut named.code);
        if named.code.is_empty() {
            classes::code_in(found.message).unwrap_or_default().clone_into(&mut named.code);
        }
        // Of those one after another the first is the cause.
        if self.found.is_none() || self.after > MAX_AFTER + 1 {
            self.found = Some(Thrown::new(named, report.line_number()));
        }
        self.after = 0;
    }

    fn finish(&mut self, report: &mut Report) {
        let Some(thrown) = self.found.take() else { return };
        if self.after > MAX_AFTER {
            return;
        }
        thrown.count(report);
        thrown.tell(report);
        if thrown.error.class == "Error" && thrown.error.code.is_empty() {
            report.forget_codes();
        }
        if let Some(Module::Package(name)) = module(&thrown.error.message) {
            report.kind = Kind::Dependency;
            report.fix = install("npm install", &name);
            report.suggestion = None;
        } else if thrown.error.class == "ModuleNotFoundError"
            && let Some(name) = thrown.error.message.split('\'').nth(1)
        {
            report.fix = install("pip install", name.split('.').next().unwrap_or(name));
            report.suggestion = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn an_errors_message_alone_is_understood() {
        for (text, kind, code) in [
            ("TypeError: x is not a function", Kind::RuntimeError, "TypeError"),
            ("Error: ENOENT: no such file or directory, open 'a'", Kind::RuntimeError, "ENOENT"),
            ("connect ECONNREFUSED 127.0.0.1:5432", Kind::NetworkError, "ECONNREFUSED"),
            ("ENOSPC: no space left on device, write", Kind::ResourceExhaustion, "ENOSPC"),
        ] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, kind, "{text}");
            assert_eq!(answer.details.errors_by_type.get(code), Some(&1), "{text}");
            assert_eq!(answer.details.first_error.as_deref(), Some(text));
        }
    }

    #[test]
    fn an_error_long_before_the_end_is_none() {
        let text = format!("Error: retried\n{}", "all well\n".repeat(40));
        assert_eq!(analyze(&text, &Status::default(), None, 0).kind, Kind::Unknown);
    }
}
