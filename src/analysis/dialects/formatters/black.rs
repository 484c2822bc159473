//! Black, `--check`, and Ruff's formatter, which words its older format alike
//! (<https://black.readthedocs.io/en/stable/usage_and_configuration/the_basics.html>,
//! <https://docs.astral.sh/ruff/formatter/>).
//!
//! ```text
//! black   would reformat /app/a.py
//!         error: cannot parse: /app/b.py:1:4
//!         error: cannot format /app/b.py: Cannot parse: 1:4: def f(
//!         2 files would be reformatted, 1 file would fail to reformat.
//! ruff    Would reformat: a.py
//!         error: Failed to parse b.py:1:4: Expected ')', found newline
//!         2 files would be reformatted, 1 file already formatted
//! both    --- a.py\t2024-01-01 10:00:00.123456+00:00       (--diff; Ruff's without the time)
//!         +++ a.py\t2024-01-01 10:00:01.123456+00:00
//! ruff    unformatted: File would be reformatted
//!  --> a.py:2:1
//! ruff    invalid-syntax: Expected ')', found newline
//!  --> b.py:1:4
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "black",
    markers: &[
        "would reformat ",
        "Would reformat: ",
        "would be reformatted",
        "unformatted: ",
        "error: cannot format ",
        "error: cannot parse: ",
        "failed to reformat",
        "+00:00",
    ],
    recognises,
    start: || Box::new(Black::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        unformatted(line).is_some()
            || line.starts_with("error: cannot format ")
            || line.starts_with("error: cannot parse: ")
            || line.starts_with("unformatted: ")
            || total(line).is_some()
            || compared(line).is_some_and(|(_, timed)| timed)
    })
}

#[derive(Default)]
struct Black {
    ruff: bool,
    /// A header of Ruff's whose file comes next.
    pending: bool,
    /// Why that file cannot be parsed.
    cause: Option<String>,
    stated: u64,
    broken: bool,
    /// Files of differences without times.
    unproved: Vec<String>,
}

/// Files of differences remembered.
const MAX_UNPROVED: usize = 1000;

/// The file of a difference's second head, and whether Black's kind of time stands behind it.
fn compared(line: &str) -> Option<(&str, bool)> {
    let head = line.strip_prefix("+++ ")?;
    match head.split_once('\t') {
        Some((file, time)) => (time.ends_with("+00:00")
            && (file.ends_with(".py") || file.ends_with(".pyi")))
        .then_some((file, true)),
        None => (head.ends_with(".py") || head.ends_with(".pyi")).then_some((head, false)),
    }
}

impl Dialect for Black {
    fn report(&self) -> Report {
        Report::new("black", Kind::Formatting, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        match first {
            b'+' => {
                if let Some((file, timed)) = compared(line) {
                    let message = format!("would reformat {file}");
                    // Whether Ruff's, or another tool's, is known at the end.
                    if timed {
                        report.problem(&Problem { message: &message, file, ..Problem::ERROR });
                    } else if self.unproved.len() < MAX_UNPROVED {
                        self.unproved.push(file.to_owned());
                    }
                }
            }
            b' ' if self.pending => {
                self.pending = false;
                if let Some(place) = line.trim_ascii_start().strip_prefix("--> ") {
                    let file = file_of(place);
                    if let Some(cause) = self.cause.take() {
                        let message = format!("{cause} --> {place}");
                        if !std::mem::replace(&mut self.broken, true) {
                            report.requote(&message);
                            report.suggestion = Some(format!("Correct this first: {message}"));
                        }
                        return report.problem(&Problem {
                            message: &message,
                            file,
                            ..Problem::ERROR
                        });
                    }
                    let message = format!("unformatted: File would be reformatted --> {place}");
                    report.problem(&Problem { message: &message, file, ..Problem::ERROR });
                }
            }
            b'w' | b'W' => {
                if let Some((file, ruff)) = unformatted(line) {
                    self.ruff |= ruff;
                    report.problem(&Problem { message: line, file, ..Problem::ERROR });
                }
            }
            b'u' if line.starts_with("unformatted: ") => {
                self.ruff = true;
                self.pending = true;
            }
            b'i' if line.starts_with("invalid-syntax: ") => {
                self.ruff = true;
                self.pending = true;
                self.cause = Some(line.to_owned());
            }
            b'e' if line.starts_with("error: ") => self.broken(line, report),
            b'0'..=b'9' => {
                if let Some(count) = total(line) {
                    self.ruff |= !line.ends_with('.');
                    self.stated += count;
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if report.errors == 0 && self.stated == self.unproved.len() as u64 {
            for file in &self.unproved {
                let message = format!("would reformat {file}");
                report.problem(&Problem { message: &message, file, ..Problem::ERROR });
            }
        }
        if self.ruff {
            report.tool = "ruff format";
        }
        if self.stated > report.errors {
            report.stated = Some(self.stated);
            report.failed = true;
        }
        if report.is_failure() && !(self.broken && report.errors == 1) {
            let command = if self.ruff { "ruff format ." } else { "black ." };
            let title = if self.ruff { "Format with Ruff" } else { "Format with Black" };
            report.fix = Some(Fix { command: command.to_owned(), title: title.to_owned() });
        }
    }
}

impl Black {
    /// A source that could not be parsed: of what is told, that is the cause.
    fn broken(&mut self, line: &str, report: &mut Report) {
        let rest = if let Some(rest) = line
            .strip_prefix("error: cannot format ")
            .or_else(|| line.strip_prefix("error: cannot parse: "))
        {
            rest
        } else if let Some(rest) = line.strip_prefix("error: Failed to parse ") {
            self.ruff = true;
            rest
        } else if let Some(rest) = line.strip_prefix("error: Failed to format ") {
            self.ruff = true;
            rest
        } else {
            return;
        };
        if !self.broken {
            report.requote(line);
            report.suggestion = Some(format!("Correct this first: {rest}"));
        }
        self.broken = true;
        let file = file_of(rest.split_once(": ").map_or(rest, |(file, _)| file));
        report.problem(&Problem { message: line, file, ..Problem::ERROR });
    }
}

/// The path of `path:2:1` or of `path`.
fn file_of(place: &str) -> &str {
    let mut file = place;
    while let Some((rest, end)) = file.rsplit_once(':') {
        if end.is_empty() || !end.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        file = rest;
    }
    file
}

/// The file, and whether Ruff says so.
fn unformatted(line: &str) -> Option<(&str, bool)> {
    match line.strip_prefix("would reformat ") {
        Some(file) => Some((file, false)),
        None => line.strip_prefix("Would reformat: ").map(|file| (file, true)),
    }
}

/// `2 files would be reformatted, 1 file would fail to reformat.`: those that are not as they should be.
fn total(line: &str) -> Option<u64> {
    let mut all = None;
    for part in line.split(", ") {
        let (count, rest) = number(part)?;
        let rest = rest.strip_prefix(" files").or_else(|| rest.strip_prefix(" file"))?;
        if rest.starts_with(" would be reformatted")
            || rest.starts_with(" would fail to reformat")
            || rest.starts_with(" failed to reformat")
        {
            *all.get_or_insert(0) += u64::from(count);
        }
    }
    all.filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn black_and_ruff_are_told_apart() {
        let text = "would reformat /w/my dir/a.py\n\nOh no!\n1 file would be reformatted, 2 files would be left unchanged.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.summary, "1 file is not formatted (black)");
        assert_eq!(found.fix.unwrap().command, "black .");
        let text = "Would reformat: a.py\nWould reformat: b.py\n2 files would be reformatted, 1 file already formatted\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("ruff format", Some(2)));
        assert_eq!(found.fix.unwrap().command, "ruff format .");
    }

    #[test]
    fn a_source_that_cannot_be_parsed_is_the_cause() {
        let text = "would reformat a.py\nerror: cannot format b.py: Cannot parse: 3:8: def f(\n\n1 file would be reformatted, 1 file would fail to reformat.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(2));
        let first = found.details.first_error.unwrap();
        assert_eq!(first, "error: cannot format b.py: Cannot parse: 3:8: def f(");
    }

    #[test]
    fn what_was_reformatted_is_no_failure() {
        let text = "reformatted a.py\n\nAll done!\n1 file reformatted, 3 files left unchanged.\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind.name(), "unknown");
    }
}
