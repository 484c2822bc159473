//! ESLint's `json` and `json-with-metadata` formats, which are one line however long
//! (<https://eslint.org/docs/latest/use/formatters/#json>). What fits into the bounded line is read; a
//! text cut anywhere still gives its first problems.
//!
//! ```text
//! [{"filePath":"/app/a.js","messages":[{"ruleId":"no-var","severity":2,"message":"…","line":2,…,"fix":{…}}],…
//! ```

use super::super::location::number;
use super::common::FirstWarning;
use super::stylish::fix_for;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;
use memchr::memmem::find;

pub(super) static SPEC: Spec = Spec {
    name: "eslint-json",
    markers: &["[{\"filePath\":\""],
    recognises: |sample: &Sample| sample.has("\"messages\":[{\"ruleId\":"),
    start: || Box::new(Json::default()),
};

#[derive(Default)]
struct Json {
    warning: FirstWarning,
}

impl Dialect for Json {
    fn report(&self) -> Report {
        Report::new("eslint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.starts_with("[{\"filePath\":\"")
            || line.starts_with("{\"results\":[{\"filePath\":\"")
        {
            self.files(line, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
        if report.fixable > 0 {
            report.fix = Some(fix_for("eslint", &[]));
        }
    }
}

impl Json {
    fn files(&mut self, line: &str, report: &mut Report) {
        for part in line.split("{\"filePath\":").skip(1) {
            let file = text(part).unwrap_or_default();
            // Messages that comments in the source suppress come in a list of their own, after these.
            let end = find(part.as_bytes(), b"\"suppressedMessages\":").unwrap_or(part.len());
            for message in part[..end].split("{\"ruleId\":").skip(1) {
                self.message(message, &file, report);
            }
        }
    }

    fn message(&mut self, part: &str, file: &str, report: &mut Report) {
        let severity = match after(part, "\"severity\":").and_then(number) {
            Some((2, _)) => Severity::Error,
            Some((1, _)) => Severity::Warning,
            _ => return,
        };
        let rule = text(part).unwrap_or_default();
        let Some(message) = after(part, "\"message\":").and_then(text) else { return };
        let row = after(part, "\"line\":").and_then(number).map_or(0, |(row, _)| row);
        let column = after(part, "\"column\":").and_then(number).map_or(0, |(column, _)| column);
        if severity == Severity::Warning {
            self.warning.note(&message, report);
        }
        report.problem(&Problem {
            severity,
            code: &rule,
            rule: "",
            message: &message,
            file,
            line: row,
            column,
            fixable: after(part, "\"fix\":{").is_some(),
        });
    }
}

fn after<'t>(part: &'t str, key: &str) -> Option<&'t str> {
    find(part.as_bytes(), key.as_bytes()).map(|at| &part[at + key.len()..])
}

/// The string that begins here, its escapes undone; nothing when it is cut.
fn text(part: &str) -> Option<String> {
    let body = part.strip_prefix('"')?;
    let mut end = 0;
    loop {
        end += memchr::memchr2(b'"', b'\\', body.as_bytes().get(end..)?)?;
        if body.as_bytes().get(end) == Some(&b'"') {
            break;
        }
        end += 2;
    }
    serde_json::from_str(&part[..end + 2]).ok()
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn messages_are_read_and_suppressed_ones_left_out() {
        let text = r#"[{"filePath":"/w/\"d\".js","messages":[{"ruleId":"semi","severity":2,"message":"Missing semicolon.","line":1,"column":4,"fix":{"range":[3,3],"text":";"}},{"ruleId":null,"fatal":true,"severity":2,"message":"Parsing error: x","line":2,"column":1}],"suppressedMessages":[{"ruleId":"no-var","severity":2,"message":"No.","line":9}],"errorCount":2},{"filePath":"/w/e.js","messages":[{"ruleId":"eqeqeq","severity":1,"mess"#;
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.affected_files, ["/w/\"d\".js"]);
        assert_eq!(found.details.fixable_count, Some(1));
        assert_eq!(found.details.first_error.as_deref(), Some("Missing semicolon."));
    }
}
