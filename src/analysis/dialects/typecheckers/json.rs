//! What mypy (`-O json`,
//! <https://mypy.readthedocs.io/en/stable/command_line.html#cmdoption-mypy-O>) and Pyright
//! (`--outputjson`, <https://microsoft.github.io/pyright/#/command-line?id=json-output>) print for
//! programs.
//!
//! ```text
//! {"file": "a.py", "line": 3, "column": 9, "message": "…", "hint": null, "code": "assignment", "severity": "error"}
//! ```
//! Pyright's is one document of many lines, a field each; `file` begins a diagnostic, `rule` is its last.

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;
use serde::Deserialize;

pub(super) static MYPY: Spec = Spec {
    name: "mypy json",
    markers: &["\"hint\": "],
    recognises: |sample: &Sample| sample.lines().any(|line| mypy(line).is_some()),
    start: || Box::new(Mypy),
};

pub(super) static PYRIGHT: Spec = Spec {
    name: "pyright json",
    markers: &["\"generalDiagnostics\": ["],
    recognises: |_: &Sample| true,
    start: || Box::new(Pyright::default()),
};

/// A diagnostic of mypy's.
#[derive(Deserialize)]
struct Diagnostic {
    file: String,
    line: u32,
    #[serde(default)]
    column: u32,
    message: String,
    code: Option<String>,
    severity: String,
}

struct Mypy;

impl Dialect for Mypy {
    fn report(&self) -> Report {
        Report::new("mypy", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(found) = mypy(line).filter(|found| found.severity == "error") else { return };
        let Diagnostic { file, line, column, message, code, .. } = &found;
        report.problem(&Problem {
            code: code.as_deref().unwrap_or_default(),
            message,
            file,
            line: *line,
            column: column.saturating_add(1),
            ..Problem::ERROR
        });
    }
}

fn mypy(line: &str) -> Option<Diagnostic> {
    if !line.starts_with("{\"file\": ") || !line.ends_with('}') {
        return None;
    }
    serde_json::from_str(line).ok()
}

#[derive(Default)]
struct Pyright {
    file: String,
    message: String,
    rule: String,
    severity: Option<Severity>,
    line: u32,
    column: u32,
    /// In the place where a diagnostic begins.
    at_start: bool,
}

impl Dialect for Pyright {
    fn report(&self) -> Report {
        Report::new("pyright", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some((key, value)) =
            line.trim_start().strip_prefix('"').and_then(|rest| rest.split_once("\": "))
        else {
            return;
        };
        let value = value.trim_end_matches(',');
        match key {
            "file" => {
                self.flush(report);
                self.file = text(value);
            }
            "severity" => {
                self.severity = match value {
                    "\"error\"" => Some(Severity::Error),
                    "\"warning\"" => Some(Severity::Warning),
                    _ => None,
                };
            }
            "message" => self.message = text(value),
            "rule" => self.rule = text(value),
            "start" => self.at_start = true,
            "end" => self.at_start = false,
            // Places are counted from 0.
            "line" if self.at_start => {
                self.line = value.parse().map_or(0, |line: u32| line.saturating_add(1))
            }
            "character" if self.at_start => {
                self.column = value.parse().map_or(0, |column: u32| column.saturating_add(1));
            }
            "summary" => self.flush(report),
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.flush(report);
        super::warnings_alone(report);
    }
}

impl Pyright {
    fn flush(&mut self, report: &mut Report) {
        let Some(severity) = self.severity.take() else { return };
        let message = self.message.lines().next().unwrap_or_default();
        let (file, rule) = (std::mem::take(&mut self.file), std::mem::take(&mut self.rule));
        // Codes and files are those of what fails the run.
        let (file, code) =
            if severity == Severity::Error { (file.as_str(), rule.as_str()) } else { ("", "") };
        let (line, column) = (self.line, self.column);
        report.problem(&Problem { severity, code, message, file, line, column, ..Problem::ERROR });
    }
}

/// A JSON string's text.
fn text(value: &str) -> String {
    serde_json::from_str(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn mypy_s_lines_are_read() {
        let found = analyze(
            "{\"file\": \"a.py\", \"line\": 3, \"column\": 9, \"message\": \"Incompatible types\", \"hint\": null, \"code\": \"assignment\", \"severity\": \"error\"}\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!((found.tool, found.details.error_count), ("mypy", Some(1)));
        assert_eq!(found.details.errors_by_type.get("assignment"), Some(&1));
    }

    #[test]
    fn pyright_s_fields_are_read() {
        let found = analyze(
            "{\n    \"generalDiagnostics\": [\n        {\n            \"file\": \"/app/a.py\",\n            \"severity\": \"error\",\n            \"message\": \"Type \\\"int\\\" is wrong\\n  more\",\n            \"range\": {\n                \"start\": {\n                    \"line\": 2,\n                    \"character\": 9\n                },\n            },\n            \"rule\": \"reportReturnType\"\n        }\n    ],\n    \"summary\": {\n    }\n}\n",
            &Status::default(),
            None,
            1,
        );
        assert_eq!((found.tool, found.details.error_count), ("pyright", Some(1)));
        assert_eq!(found.details.first_error.as_deref(), Some("Type \"int\" is wrong"));
        assert_eq!(found.details.affected_files, ["/app/a.py"]);
    }
}
