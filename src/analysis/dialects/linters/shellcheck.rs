//! ShellCheck's `tty` and `gcc` formats (<https://github.com/koalaman/shellcheck/wiki/Integration>, its
//! manual's section FORMATS).
//!
//! ```text
//! In build.sh line 2:
//! cd $1
//! ^---^ SC2164 (warning): Use 'cd ... || exit' in case cd fails.
//!
//! build.sh:2:1: warning: Use 'cd ... || exit' in case cd fails. [SC2164]
//! ```

use super::super::location::colons;
use super::common::{code_length, in_brackets};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "shellcheck",
    markers: &["^-- SC", "-^ SC", "^ SC", " [SC1", " [SC2", " [SC3"],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| caret(line).is_some() || gcc(line).is_some())
    },
    start: || Box::new(ShellCheck::default()),
};

#[derive(Default)]
struct ShellCheck {
    file: String,
    line: u32,
    /// How bad what is quoted is: the worst is the cause, of equals the first.
    quoted: u8,
}

impl Dialect for ShellCheck {
    fn report(&self) -> Report {
        Report::new("shellcheck", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        match first {
            b'I' if line.starts_with("In ") => {
                if let Some((file, row)) = header(line) {
                    file.clone_into(&mut self.file);
                    self.line = row;
                }
            }
            b' ' | b'^' | b'\t' => {
                if let Some((column, code, level, text)) = caret(line) {
                    let file = std::mem::take(&mut self.file);
                    let place = (file.as_str(), self.line, column);
                    self.problem(code, level, text, place, report);
                    self.file = file;
                }
            }
            _ if line.ends_with(']') => {
                if let Some((place, level, text, code)) = gcc(line) {
                    self.problem(code, level, text, place, report);
                }
            }
            _ => {}
        }
    }
}

impl ShellCheck {
    fn problem(
        &mut self,
        code: &str,
        level: &str,
        text: &str,
        (file, line, column): (&str, u32, u32),
        report: &mut Report,
    ) {
        let weight = match level {
            "error" => 3,
            "warning" => 2,
            _ => 1,
        };
        if weight > self.quoted {
            self.quoted = weight;
            report.requote(&format!("{code} ({level}): {text}"));
        }
        // Whatever is reported fails the run (its manual, RETURN VALUES).
        report.problem(&Problem { code, message: text, file, line, column, ..Problem::ERROR });
    }
}

/// `In build.sh line 2:`.
fn header(line: &str) -> Option<(&str, u32)> {
    let (file, row) = line.strip_prefix("In ")?.strip_suffix(':')?.rsplit_once(" line ")?;
    Some((file, row.parse().ok()?))
}

/// `   ^--^ SC2086 (info): text`: column, code, level and text.
fn caret(line: &str) -> Option<(u32, &str, &str, &str)> {
    let start = line.trim_ascii_start();
    let column = u32::try_from(line.len() - start.len() + 1).unwrap_or(0);
    let text = start.strip_prefix('^')?.trim_start_matches('-');
    let text = text.strip_prefix('^').unwrap_or(text).strip_prefix(' ')?;
    let length = code_length(text, 2, 4).filter(|_| text.starts_with("SC"))?;
    let (code, rest) = text.split_at(length);
    match rest.strip_prefix(" (").and_then(|rest| rest.split_once("): ")) {
        Some((level, text)) => Some((column, code, level, text)),
        // Versions before 0.7 print no level.
        None => Some((column, code, "warning", rest.strip_prefix(": ")?)),
    }
}

type Gcc<'t> = ((&'t str, u32, u32), &'t str, &'t str, &'t str);

/// `build.sh:2:1: warning: text [SC2164]`.
fn gcc(line: &str) -> Option<Gcc<'_>> {
    let (head, code) = in_brackets(line, |code| {
        code.starts_with("SC") && code_length(code, 2, 4) == Some(code.len())
    })?;
    let place = colons(head)?;
    let (level, text) = place.rest.split_once(": ")?;
    matches!(level, "error" | "warning" | "note").then_some((
        (place.file, place.line, place.column),
        level,
        text,
        code,
    ))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn the_worst_is_quoted_and_all_are_counted() {
        let text = "\nIn ci/run.sh line 4:\necho $x\n     ^-- SC2086 (info): Double quote to prevent globbing and word splitting.\n\n\nIn ci/run.sh line 9:\nif [ a ]\n^-- SC1049 (error): Did you forget the 'then' for this 'if'?\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("shellcheck", Some(2)));
        let first = found.details.first_error.unwrap();
        assert_eq!(first, "SC1049 (error): Did you forget the 'then' for this 'if'?");
        assert_eq!(found.details.affected_files, ["ci/run.sh"]);
    }

    #[test]
    fn the_gcc_format_is_read() {
        let text =
            "a.sh:3:8: note: Use ./*glob* so names with dashes won't become options. [SC2035]\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.errors_by_type["SC2035"], 1);
    }
}
