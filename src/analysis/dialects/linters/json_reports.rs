//! Reports of linters as JSON, on one line or many: Ruff (`json`, `json-lines`, `rdjson`, `sarif`, `gitlab`),
//! Pylint, ShellCheck, Stylelint, Bandit, Biome, oxlint, and whoever prints SARIF
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>) or GitLab's code quality
//! (<https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>).
//!
//! ```text
//! {"code": "F401", "filename": "/app/a.py", "location": {"row": 2, "column": 8}, "message": "…"}
//! {"ruleId": "F401", "level": "error", "message": {"text": "…"}, "locations": [{"physicalLocation": …}]}
//! {"check_name": "F401", "description": "…", "location": {"path": "a.py", "positions": …}}
//! ```
//! An object that has a message and a rule is a problem; the file is its own or that of an object around
//! it. Objects within it lend it what it lacks.

use super::common::FirstWarning;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "json-reports",
    markers: &[
        "\"end_location\"",
        "\"message-id\"",
        "\"messageId\"",
        "\"check_name\"",
        "\"test_id\"",
        "\"artifactLocation\"",
        "\"endColumn\"",
        "\"diagnostics\"",
        "\"warnings\"",
    ],
    recognises,
    start: || Box::new(Json::default()),
};

fn recognises(sample: &Sample) -> bool {
    // ESLint's own and type checkers' reports have dialects of their own.
    let others = ["\"fixableErrorCount\"", "\"generalDiagnostics\"", "\"Action\":"];
    if others.iter().any(|other| sample.has(other)) {
        return false;
    }
    let begins = sample.lines().any(|line| line.starts_with(['[', '{']));
    let message = ["\"message\"", "\"description\"", "\"text\"", "\"issue_text\""]
        .iter()
        .any(|key| sample.has(key));
    let rule = [
        "\"code\"",
        "\"rule\"",
        "\"ruleId\"",
        "\"symbol\"",
        "\"check_name\"",
        "\"test_id\"",
        "\"category\"",
    ]
    .iter()
    .any(|key| sample.has(key));
    begins && message && rule
}

/// How deep objects may stand in one another; what is deeper is left out.
const MAX_DEPTH: usize = 24;
/// Bytes kept of a value.
const MAX_VALUE: usize = 2000;

/// What is known of an object that is being read.
#[derive(Default)]
struct Object {
    /// Where in the object around it this stands.
    key: String,
    message: String,
    code: String,
    file: String,
    severity: String,
    line: u32,
    column: u32,
}

#[derive(Default)]
struct Json {
    objects: Vec<Object>,
    /// Objects deeper than is read.
    deeper: u32,
    key: String,
    warning: FirstWarning,
    shell: bool,
}

impl Dialect for Json {
    fn report(&self) -> Report {
        Report::new("linter", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let mut rest = line.trim_start();
        // JSON's lines begin so, whatever stands around it.
        if self.objects.is_empty() && !rest.starts_with(['{', '[']) {
            return;
        }
        while let Some(first) = rest.chars().next() {
            match first {
                '{' => {
                    if self.objects.len() < MAX_DEPTH {
                        let key = std::mem::take(&mut self.key);
                        self.objects.push(Object { key, ..Object::default() });
                    } else {
                        self.deeper += 1;
                    }
                }
                '}' => {
                    if self.deeper > 0 {
                        self.deeper -= 1;
                    } else {
                        self.close(report);
                    }
                    self.key.clear();
                }
                '"' => {
                    let (text, after) = string(&rest[1..]);
                    rest = after;
                    match rest.trim_start().strip_prefix(':') {
                        Some(after) => {
                            self.key = text;
                            rest = after;
                        }
                        None => self.value(text),
                    }
                    continue;
                }
                '0'..='9' | '-' => {
                    let length = rest
                        .bytes()
                        .take_while(|b| b.is_ascii_digit() || b"-+.eE".contains(b))
                        .count();
                    let (number, after) = rest.split_at(length.max(1));
                    self.value(number.to_owned());
                    rest = after;
                    continue;
                }
                _ => {}
            }
            rest = &rest[first.len_utf8()..];
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
        if self.shell {
            report.tool = "shellcheck";
        }
    }
}

impl Json {
    fn value(&mut self, value: String) {
        if self.deeper > 0 {
            return;
        }
        let Some(object) = self.objects.last_mut() else { return };
        let set = |slot: &mut String| {
            if slot.is_empty() {
                *slot = value.clone();
            }
        };
        match self.key.as_str() {
            "message" | "description" | "text" | "issue_text" => set(&mut object.message),
            "messageId" | "message-id" | "ruleId" | "rule" | "check_name" | "test_id" => {
                // Better than a plain name, whichever came first.
                object.code = value;
            }
            "code" | "category" | "value" => set(&mut object.code),
            "file" | "filename" | "path" | "uri" | "source" | "filePath" => set(&mut object.file),
            "severity" | "level" | "type" | "issue_severity" => set(&mut object.severity),
            "line" | "row" | "startLine" | "line_number" if object.line == 0 => {
                object.line = value.parse().unwrap_or(0);
            }
            "column" | "startColumn" if object.column == 0 => {
                object.column = value.parse().unwrap_or(0);
            }
            _ => {}
        }
    }

    fn close(&mut self, report: &mut Report) {
        let Some(object) = self.objects.pop() else { return };
        let around = |objects: &[Object]| -> String {
            objects
                .iter()
                .rev()
                .find(|object| !object.file.is_empty())
                .map(|object| object.file.clone())
                .unwrap_or_default()
        };
        if !object.message.is_empty() && is_rule(&object.code) {
            let file =
                if object.file.is_empty() { around(&self.objects) } else { object.file.clone() };
            // Services answer with messages and codes too, but of no source.
            if file.is_empty() {
                return;
            }
            self.problem(&object, &file, report);
            return;
        }
        let lends = [
            "message",
            "location",
            "locations",
            "physicalLocation",
            "artifactLocation",
            "region",
            "code",
            "range",
            "start",
            "begin",
            "positions",
            "lines",
            "path",
        ];
        let Some(parent) = self.objects.last_mut() else { return };
        if !lends.contains(&object.key.as_str()) && !object.key.is_empty() {
            return;
        }
        let Object { key, message, code, file, line, column, .. } = object;
        if key == "message" && parent.message.is_empty() {
            parent.message = message;
        }
        if key == "code" && parent.code.is_empty() {
            parent.code = code;
        }
        if parent.file.is_empty() && !key.is_empty() {
            parent.file = file;
        }
        if parent.line == 0 {
            (parent.line, parent.column) = (line, column);
        }
    }

    fn problem(&mut self, object: &Object, file: &str, report: &mut Report) {
        let severity = match object.severity.to_ascii_lowercase().as_str() {
            "warning" | "info" | "note" | "style" | "information" | "minor" => Severity::Warning,
            _ => Severity::Error,
        };
        // ShellCheck's codes are numbers.
        let number = object.code.bytes().all(|byte| byte.is_ascii_digit());
        let code = if number { format!("SC{}", object.code) } else { object.code.clone() };
        self.shell |= number;
        if severity == Severity::Warning {
            self.warning.note(&object.message, report);
        }
        report.problem(&Problem {
            severity,
            code: &code,
            message: &object.message,
            file: file.strip_prefix("file://").unwrap_or(file),
            line: object.line,
            column: object.column,
            ..Problem::ERROR
        });
    }
}

/// Names of rules have no blanks and are no sources.
fn is_rule(code: &str) -> bool {
    (2..=120).contains(&code.len()) && !code.contains([' ', '\n', '\t'])
}

/// A string whose opening quotation mark is read, and what follows it.
fn string(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut rest = text.char_indices();
    while let Some((at, character)) = rest.next() {
        let pushed = match character {
            '"' => return (out, &text[at + 1..]),
            '\\' => match rest.next() {
                Some((_, 'n' | 't' | 'r')) => ' ',
                Some((_, escaped)) => escaped,
                None => break,
            },
            other => other,
        };
        if out.len() < MAX_VALUE {
            out.push(pushed);
        }
    }
    (out, "")
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn problems_are_found_however_they_are_nested() {
        for (text, code) in [
            (
                "[\n  {\n    \"code\": \"F401\",\n    \"end_location\": {\"column\": 9, \"row\": 2},\n    \"filename\": \"/w/a.py\",\n    \"fix\": {\"message\": \"Remove\", \"edits\": []},\n    \"location\": {\"column\": 8, \"row\": 2},\n    \"message\": \"`os` imported\"\n  }\n]\n",
                "F401",
            ),
            (
                "{\"runs\":[{\"tool\":{\"driver\":{\"rules\":[{\"id\":\"F401\",\"shortDescription\":{\"text\":\"x\"}}]}},\"results\":[{\"level\":\"error\",\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"file:///w/a.py\"},\"region\":{\"startLine\":2}}}],\"message\":{\"text\":\"`os` imported\"},\"ruleId\":\"F401\"}]}]}\n",
                "F401",
            ),
            (
                "[{\"source\":\"/w/a.py\",\"warnings\":[{\"line\":1,\"column\":3,\"rule\":\"no-x\",\"severity\":\"error\",\"text\":\"`os` imported\"}]}]\n",
                "no-x",
            ),
        ] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!(
                (found.kind.name(), found.details.error_count),
                ("linter", Some(1)),
                "{text}"
            );
            assert_eq!(found.details.affected_files, ["/w/a.py"], "{text}");
            assert_eq!(found.details.errors_by_type[code], 1);
            assert_eq!(found.details.first_error.as_deref(), Some("`os` imported"));
        }
    }

    #[test]
    fn answers_without_rules_are_left_alone() {
        let text = "{\"message\":\"No such user\",\"code\":\"not_found\",\"warnings\":[]}\n";
        assert_ne!(analyze(text, &Status::default(), None, 0).kind.name(), "linter");
        let text = "{\"status\":\"ok\",\"diagnostics\":[],\"warnings\":[],\"message\":\"done\",\"code\":\"0\"}\n";
        assert_ne!(analyze(text, &Status::default(), None, 0).kind.name(), "linter");
    }
}
