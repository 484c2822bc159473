//! Flow (<https://flow.org/en/docs/cli/>, `src/parser_utils/output/error_utils`).
//!
//! ```text
//! Error ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ src/a.js:3:12       `Error ----- ` before 0.150
//!
//! Cannot assign `1` to `x` because number [1] is incompatible with string [2]. [incompatible-type]
//!
//! Found 1 error
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::colons;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "flow",
    markers: &["Error ┈┈", "Error ----", "Warning ┈┈", "Warning ----"],
    recognises: |sample: &Sample| sample.lines().any(|line| heading(line).is_some()),
    start: || Box::new(Flow::default()),
};

/// Lines a message may be broken into.
const MAX_LINES: u8 = 6;

#[derive(Default)]
struct Flow {
    /// Severity, file, line and column of the diagnostic whose message comes.
    open: Option<(Severity, String, u32, u32)>,
    message: String,
    lines: u8,
}

impl Dialect for Flow {
    fn report(&self) -> Report {
        Report::new("flow", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(heading) = heading(line) {
            self.flush(report);
            let (severity, file, row, column) = heading;
            self.open = Some((severity, file.to_owned(), row, column));
            return;
        }
        if self.open.is_none() {
            return;
        }
        if line.is_empty() {
            if !self.message.is_empty() {
                self.flush(report);
            }
            return;
        }
        if !self.message.is_empty() {
            self.message.push(' ');
        }
        self.message.push_str(line.trim());
        self.lines += 1;
        if self.lines >= MAX_LINES || coded(&self.message).is_some() {
            self.flush(report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.flush(report);
        super::warnings_alone(report);
    }
}

impl Flow {
    fn flush(&mut self, report: &mut Report) {
        self.lines = 0;
        let text = std::mem::take(&mut self.message);
        let Some((severity, file, line, column)) = self.open.take() else { return };
        let (message, code) = coded(&text).unwrap_or((&text, ""));
        let file = file.as_str();
        if severity == Severity::Warning {
            report.problem(&Problem { severity, message, ..Problem::ERROR });
            return;
        }
        report.quote(&text);
        report.problem(&Problem { code, message, file, line, column, ..Problem::ERROR });
    }
}

/// `Error ┈┈┈ src/a.js:3:12`.
fn heading(line: &str) -> Option<(Severity, &str, u32, u32)> {
    let (severity, rest) = match (line.strip_prefix("Error "), line.strip_prefix("Warning ")) {
        (Some(rest), _) => (Severity::Error, rest),
        (None, Some(rest)) => (Severity::Warning, rest),
        (None, None) => return None,
    };
    let place = rest.trim_start_matches(['┈', '-']);
    if rest.len() - place.len() < 4 {
        return None;
    }
    let place = colons(place.trim_start())?;
    Some((severity, place.file, place.line, place.column))
}

/// Message and code of `message [incompatible-type]`.
fn coded(text: &str) -> Option<(&str, &str)> {
    let (message, code) = text.strip_suffix(']')?.rsplit_once(" [")?;
    let shaped =
        code.len() > 3 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    shaped.then_some((message, code))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn broken_messages_are_joined() {
        let found = analyze(
            "Error ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ src/a.js:3:12\n\nCannot assign `1` to `x` because number [1] is incompatible with\nstring [2]. [incompatible-type]\n\n   3│ x\n\nFound 1 error\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["src/a.js"]);
        assert_eq!(found.details.errors_by_type.get("incompatible-type"), Some(&1));
    }
}
