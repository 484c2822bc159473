//! Problems as workflow commands of GitHub Actions, which many linters print when told to
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>):
//! ruff, Biome, oxlint, ESLint's `gha`, yamllint, actionlint, golangci-lint.
//!
//! ```text
//! ::error title=Ruff (F401),file=/app/a.py,line=1,col=8::a.py:1:8: F401 `os` imported but unused
//! ##vso[task.logissue type=error;sourcepath=a.py;linenumber=1;columnnumber=8;code=F401;]message   (Azure)
//! ::error file=a.yml,line=3,col=1::3:1 [indentation] wrong indentation
//! ```
//! It weighs less than any dialect that knows its tool.

use super::common::{FirstWarning, code_length, in_brackets, in_parentheses, is_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "annotations",
    markers: &["::error ", "::warning ", "##vso[task.logissue "],
    recognises: |sample: &Sample| sample.lines().any(|line| split(line).is_some()),
    start: || Box::new(Annotations::default()),
};

#[derive(Default)]
struct Annotations {
    warning: FirstWarning,
}

impl Dialect for Annotations {
    fn report(&self) -> Report {
        Report::new("linter", Kind::Linter, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !line.starts_with(['#', ':']) {
            return;
        }
        let Some(Annotation { severity, title, file, line, column, message }) = split(line) else {
            return;
        };
        let message = message.split("%0A").next().unwrap_or(message).trim();
        let (code, message) = code_of(title, message);
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        if title.starts_with("Ruff ") || title.starts_with("ruff ") {
            report.tool = "ruff";
        }
        report.problem(&Problem { severity, code, message, file, line, column, ..Problem::ERROR });
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

struct Annotation<'t> {
    severity: Severity,
    title: &'t str,
    file: &'t str,
    line: u32,
    column: u32,
    message: &'t str,
}

fn split(line: &str) -> Option<Annotation<'_>> {
    if let Some(rest) = line.strip_prefix("##vso[task.logissue ") {
        return azure(rest);
    }
    let (severity, rest) = if let Some(rest) = line.strip_prefix("::error ") {
        (Severity::Error, rest)
    } else {
        (Severity::Warning, line.strip_prefix("::warning ")?)
    };
    let (properties, message) = rest.split_once("::")?;
    let (mut title, mut file, mut row, mut column) = ("", "", 0, 0);
    for property in properties.split(',') {
        match property.trim().split_once('=') {
            Some(("title", value)) => title = value,
            Some(("file", value)) => file = value,
            Some(("line", value)) => row = value.parse().unwrap_or(0),
            Some(("col", value)) => column = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    // Without a place it is a workflow's own message.
    let placed = !file.is_empty() && row > 0 && !message.is_empty();
    placed.then_some(Annotation { severity, title, file, line: row, column, message })
}

/// `type=error;sourcepath=/app/a.py;linenumber=2;columnnumber=8;code=F401;]message`
/// (<https://learn.microsoft.com/en-us/azure/devops/pipelines/scripts/logging-commands>).
fn azure(rest: &str) -> Option<Annotation<'_>> {
    let (properties, message) = rest.split_once(']')?;
    let mut severity = Severity::Error;
    let (mut title, mut file, mut row, mut column) = ("", "", 0, 0);
    for property in properties.split(';') {
        match property.trim().split_once('=') {
            Some(("type", "warning")) => severity = Severity::Warning,
            Some(("code", value)) => title = value,
            Some(("sourcepath", value)) => file = value,
            Some(("linenumber", value)) => row = value.parse().unwrap_or(0),
            Some(("columnnumber", value)) => column = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let placed = !file.is_empty() && row > 0 && !message.is_empty();
    placed.then_some(Annotation { severity, title, file, line: row, column, message })
}

/// The code, wherever the tool puts it, and the message without the place it repeats.
fn code_of<'t>(title: &'t str, message: &'t str) -> (&'t str, &'t str) {
    if let Some((_, code)) = title.strip_suffix(')').and_then(|title| title.rsplit_once('(')) {
        // `Ruff (F401)`; oxlint's `eslint(no-var)` is a code as a whole.
        let code = if title.contains(" (") { code } else { title };
        let text = message.split_once(code).map_or("", |(_, text)| text);
        return (code, if text.is_empty() { message } else { text.trim_start_matches([':', ' ']) });
    }
    // A code alone: what Azure's command names it.
    let coded = code_length(title, 6, 6) == Some(title.len());
    if !title.is_empty() && (title.contains(['/', '-']) || coded) && is_rule(title) {
        return (title, message);
    }
    // Stylelint ends in the address of the rule.
    if let Some((text, link)) = message.rsplit_once(" - https://")
        && let Some((_, code)) = link.rsplit_once('/')
        && is_rule(code)
    {
        let text = text.trim_end_matches(" [maybe fixable]");
        return (code, in_parentheses(text, is_rule).map_or(text, |(text, _)| text));
    }
    if let Some((code, text)) = message.split_once('[').and_then(|(_, rest)| rest.split_once("] "))
        && is_rule(code)
    {
        return (code, text);
    }
    if let Some((text, code)) = in_brackets(message, is_rule) {
        return (code, text);
    }
    match code_length(message, 4, 5) {
        Some(length) if length > 2 && message[length..].starts_with([' ', ':']) => {
            (&message[..length], message[length..].trim_start_matches([':', ' ']))
        }
        _ => ("", message),
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn codes_are_found_where_tools_put_them() {
        let text = "::error title=Ruff (F401),file=/w/a.py,line=1,col=8,endLine=1,endColumn=10::a.py:1:8: F401 `os` imported but unused\n\
                    ::warning file=b.yml,line=3,col=1::3:1 [indentation] wrong indentation: expected 2 but found 4\n\
                    ::error title=lint/style/useConst,file=c.ts,line=1,col=1::This let declares a variable.\n\
                    ::error::Process completed with exit code 1.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(3));
        for code in ["F401", "indentation", "lint/style/useConst"] {
            assert_eq!(found.details.errors_by_type[code], 1);
        }
        assert_eq!(found.details.first_error.as_deref(), Some("`os` imported but unused"));
    }
}
