//! Checkstyle's XML, which many linters can print (<https://checkstyle.org/cmdline.html>). Of a document
//! on one line, what fits into the bounded line is read.
//!
//! ```text
//! <checkstyle version="4.3"><file name="src/a.js">
//!   <error line="4" column="16" severity="warning" message="…" source="eslint.rules.no-var" /></file>
//! ```

use super::common::FirstWarning;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::xml::elements;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "checkstyle",
    markers: &["<checkstyle"],
    recognises: |sample: &Sample| sample.has("<error "),
    start: || Box::new(Checkstyle::default()),
};

#[derive(Default)]
struct Checkstyle {
    file: String,
    warning: FirstWarning,
}

impl Dialect for Checkstyle {
    fn report(&self) -> Report {
        Report::new("checkstyle", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        for element in
            elements(line, |text| text.starts_with("file ") || text.starts_with("error "))
        {
            if let Some(attributes) = element.strip_prefix("file ") {
                if let Some(name) = attribute(attributes, "name=\"") {
                    self.file = unescape(name);
                }
            } else if let Some(attributes) = element.strip_prefix("error ") {
                self.problem(attributes, report);
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

impl Checkstyle {
    fn problem(&mut self, attributes: &str, report: &mut Report) {
        let Some(message) = attribute(attributes, "message=\"") else { return };
        let message = unescape(message);
        let number = |name| attribute(attributes, name).and_then(|text| text.parse().ok());
        let severity = match attribute(attributes, "severity=\"") {
            Some("error") | None => Severity::Error,
            Some(_) => Severity::Warning,
        };
        let source = attribute(attributes, "source=\"").unwrap_or_default();
        // `com.puppycrawl.….IndentationCheck`, `eslint.rules.no-var`: the last part is the rule.
        let code = source.rsplit('.').next().unwrap_or(source);
        if severity == Severity::Warning {
            self.warning.note(&message, report);
        }
        report.problem(&Problem {
            severity,
            code,
            message: &message,
            file: &self.file,
            line: number(" line=\"").or_else(|| number("line=\"")).unwrap_or(0),
            column: number("column=\"").unwrap_or(0),
            ..Problem::ERROR
        });
    }
}

/// The value of an attribute of this element, as it is written.
fn attribute<'t>(element: &'t str, name: &str) -> Option<&'t str> {
    let element = element.split("/>").next()?;
    if let Some((_, value)) = element.split_once(name) {
        return value.split('"').next();
    }
    // ShellCheck quotes with apostrophes.
    let (_, value) = element.split_once(name.trim_end_matches('"'))?;
    value.strip_prefix('\'')?.split('\'').next()
}

fn unescape(text: &str) -> String {
    if text.contains("&#") {
        return unescape_numbers(text);
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

/// Characters written as numbers (`&#39;`) and the others.
fn unescape_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("&#") {
        out.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let character = after[..digits].parse().ok().and_then(char::from_u32);
        match (character, after[digits..].strip_prefix(';')) {
            (Some(character), Some(after)) => {
                out.push(character);
                rest = after;
            }
            _ => {
                out.push_str("&#");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    // What is left is written with names.
    ["&lt;", "&gt;", "&quot;", "&apos;", "&amp;"]
        .iter()
        .zip(["<", ">", "\"", "'", "&"])
        .fold(out, |out, (entity, character)| out.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn elements_are_read_wherever_lines_end() {
        let text = "<?xml version=\"1.0\"?><checkstyle version=\"4.3\"><file name=\"a &amp; b.java\">\n<error line=\"3\" column=\"5\" severity=\"error\" message=\"Missing &apos;;&apos;.\" source=\"com.x.SemiCheck\"/><error line=\"4\" severity=\"warning\" message=\"m\" source=\"com.x.Tab\"/></file></checkstyle>\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("checkstyle", Some(2)));
        assert_eq!(found.details.first_error.as_deref(), Some("Missing ';'."));
        assert_eq!(found.details.affected_files, ["a & b.java"]);
        assert_eq!(found.details.errors_by_type["SemiCheck"], 1);
    }
}
