//! mypy, plain and `--pretty`, and its daemon
//! (<https://mypy.readthedocs.io/en/stable/command_line.html#configuring-error-messages>).
//!
//! ```text
//! a.py:24: error: Incompatible types in assignment (…)  [assignment]
//! a.py:24:5: error: …                      --show-column-numbers; --show-error-end adds two numbers
//! a.py:25: note: …                         no problem of its own
//! a.py:17: error: Name "x" is not defined  --pretty breaks messages at blanks, the code too,
//! [name-defined]                           and shows the line, indented by four
//! Found 8 errors in 2 files (checked 4 source files)
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{Place, colons, number};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "mypy",
    markers: &[".py:", ".pyi:", ".ipynb:", "mypy: error: ", "mypy: can't ", "\nThere are no .py"],
    recognises,
    start: || Box::new(Mypy::default()),
};

fn recognises(sample: &Sample) -> bool {
    // `tool.py: error: argument …` below its usage is argparse's.
    let usage = sample.has_line_starting("usage: ");
    sample.has_line_starting("mypy: error: ")
        || sample.has_line_starting("mypy: can't ")
        || sample.has_line_starting("There are no .py[i] files in directory")
        || sample.lines().any(|line| error(line).is_some_and(|place| place.line > 0 || !usage))
}

/// Lines a broken message may have.
const MAX_LINES: u8 = 8;
/// Packages of stubs to install.
const MAX_STUBS: usize = 20;

/// A diagnostic whose code has not come yet.
struct Open {
    file: String,
    line: u32,
    column: u32,
    message: String,
    lines: u8,
}

#[derive(Default)]
struct Mypy {
    open: Option<Open>,
    stubs: Vec<String>,
}

impl Dialect for Mypy {
    fn report(&self) -> Report {
        Report::new("mypy", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if self.open.is_some() && self.continues(line, report) {
            return;
        }
        let Some(first) = line.bytes().next() else { return };
        if first == b' ' {
            return;
        }
        if let Some(place) = error(line) {
            self.begin(place, report);
        } else if first == b'm'
            && (line.starts_with("mypy: error: ") || line.starts_with("mypy: can't "))
            || first == b'T' && line.starts_with("There are no .py[i] files in directory")
        {
            report.problem(&Problem { message: line, ..Problem::ERROR });
        } else if let Some(note) = any(line)
            && let Some((_, packages)) = note.rest.split_once(" pip install types-")
        {
            let package = format!("types-{}", packages.trim_end_matches(['"', ')']));
            if self.stubs.len() < MAX_STUBS && !self.stubs.contains(&package) {
                self.stubs.push(package);
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if let Some(open) = self.open.take() {
            open.tell(report);
        }
        if !self.stubs.is_empty() {
            report.fix = Some(Fix {
                command: format!("python3 -m pip install {}", self.stubs.join(" ")),
                title: "Install missing type stubs".to_owned(),
            });
        }
    }
}

impl Mypy {
    fn begin(&mut self, place: Place<'_>, report: &mut Report) {
        let message = place.rest.strip_prefix("error: ").unwrap_or(place.rest);
        if let Some((message, code)) = coded(message) {
            problem(place.file, (place.line, place.column), message, code, report);
            return;
        }
        self.open = Some(Open {
            file: place.file.to_owned(),
            line: place.line,
            column: place.column,
            message: message.to_owned(),
            lines: 1,
        });
        // Its place among other findings is here, though it is told later.
        if report.first_line == 0 {
            report.first_line = report.line_number();
        }
    }

    /// Whether this line is part of the diagnostic before.
    fn continues(&mut self, line: &str, report: &mut Report) -> bool {
        let Some(mut open) = self.open.take() else { return false };
        let ends = line.is_empty()
            || line.starts_with("    ")
            || line.starts_with("Found ")
            || open.lines >= MAX_LINES
            || any(line).is_some();
        if ends {
            open.tell(report);
            return false;
        }
        open.message.push(' ');
        open.message.push_str(line.trim_start());
        open.lines += 1;
        if coded(&open.message).is_some() {
            open.tell(report);
        } else {
            self.open = Some(open);
        }
        true
    }
}

impl Open {
    fn tell(&self, report: &mut Report) {
        let (message, code) = coded(&self.message).unwrap_or((&self.message, ""));
        problem(&self.file, (self.line, self.column), message, code, report);
    }
}

fn problem(file: &str, (line, column): (u32, u32), message: &str, code: &str, report: &mut Report) {
    if report.first.is_none() {
        let quoted =
            if code.is_empty() { message.to_owned() } else { format!("{message}  [{code}]") };
        report.quote(&quoted);
    }
    report.problem(&Problem { code, message, file, line, column, ..Problem::ERROR });
}

/// `a.py:24:5: error: …`, also without a line where a whole file is meant.
fn error(line: &str) -> Option<Place<'_>> {
    any(line).filter(|place| place.rest.starts_with("error: "))
}

/// A diagnostic of any severity in a Python file.
fn any(line: &str) -> Option<Place<'_>> {
    let python = |file: &str| [".py", ".pyi", ".ipynb"].iter().any(|end| file.ends_with(end));
    // The first colon ends the path, unless it is a drive's.
    let colon = memchr::memchr(b':', line.as_bytes())?;
    if colon > 1 && !python(&line[..colon]) {
        return None;
    }
    let severe = |rest: &str| rest.starts_with("error: ") || rest.starts_with("note: ");
    if let Some(mut place) = colons(line) {
        // The end of the range: `3:5:3:9: error`.
        if let Some((_, rest)) = number(place.rest)
            && let Some((_, rest)) = rest.strip_prefix(':').and_then(number)
        {
            place.rest = rest.strip_prefix(':')?.trim_start();
        }
        return (severe(place.rest) && python(place.file)).then_some(place);
    }
    let (file, rest) = line.split_once(": ")?;
    (python(file) && severe(rest)).then_some(Place { file, line: 0, column: 0, rest })
}

/// Message and code of `message  [code]`.
fn coded(message: &str) -> Option<(&str, &str)> {
    let (text, code) = message.strip_suffix(']')?.rsplit_once(" [")?;
    let shaped = !code.is_empty()
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit());
    shaped.then_some((text.trim_end(), code))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn broken_messages_are_joined_and_counted_by_code() {
        let found = analyze(
            "shop/a.py:3: error: Function is missing a return type annotation\n[no-untyped-def]\n    def f():\n    ^\n\
             shop/a.py:9:5:9:12: error: Incompatible return value type (got \"int\",\nexpected \"str\")  [return-value]\n        return 1\n\
             shop/b.py:1: note: something\nFound 2 errors in 1 file (checked 2 source files)\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.errors_by_type.get("return-value"), Some(&1));
        assert_eq!(found.details.affected_files, ["shop/a.py"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Function is missing a return type annotation  [no-untyped-def]")
        );
    }
}
