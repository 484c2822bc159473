//! One line a problem: the `compact` and `unix` formats of ESLint, Stylelint and oxlint, JSHint's, and
//! standard's (<https://github.com/eslint/eslint/tree/v8.57.0/lib/cli-engine/formatters>,
//! <https://stylelint.io/user-guide/options/#formatter>, <https://jshint.com/docs/cli/>,
//! <https://standardjs.com/#usage>).
//!
//! ```text
//! compact   /app/a.js: line 1, col 25, Error - Strings must use doublequote. (quotes)
//! unix      /app/a.js:2:16: 'parse' is not defined. [Error/no-undef]
//! visual    /app/a.js(1,10): error semi : Missing semicolon.
//! jshint    a.js: line 1, col 14, Missing semicolon.
//! standard    /app/a.js:1:1: Extra semicolon. (semi)
//! ```
//! Both formats of ESLint end in `30 problems`.

use super::super::location::{colons, number, parentheses};
use super::common::{FirstWarning, in_parentheses, is_rule};
use super::stylish::fix_for;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "eslint-lines",
    markers: &[
        ": line ",
        ": error ",
        ": warning ",
        " [Error",
        " [Warning",
        " [error]",
        " [warning]",
        "Use JavaScript Standard Style",
    ],
    recognises,
    start: || Box::new(Lines::default()),
};

fn recognises(sample: &Sample) -> bool {
    let standard = sample.has("Use JavaScript Standard Style");
    sample.lines().any(|line| split(line, standard).is_some())
}

/// Rules of ESLint's core that it can repair (those with a wrench at
/// <https://eslint.org/docs/latest/rules/>, formatting rules included): these formats do not say which.
const REPAIRABLE: &[&str] = &[
    "arrow-body-style",
    "arrow-parens",
    "arrow-spacing",
    "block-spacing",
    "brace-style",
    "comma-dangle",
    "comma-spacing",
    "curly",
    "dot-notation",
    "eol-last",
    "eqeqeq",
    "indent",
    "jsx-quotes",
    "key-spacing",
    "keyword-spacing",
    "no-else-return",
    "no-extra-boolean-cast",
    "no-extra-semi",
    "no-multi-spaces",
    "no-multiple-empty-lines",
    "no-trailing-spaces",
    "no-undef-init",
    "no-unneeded-ternary",
    "no-useless-rename",
    "no-useless-return",
    "no-var",
    "object-curly-spacing",
    "object-shorthand",
    "one-var",
    "operator-assignment",
    "padded-blocks",
    "prefer-arrow-callback",
    "prefer-const",
    "prefer-template",
    "prettier/prettier",
    "quote-props",
    "quotes",
    "semi",
    "semi-spacing",
    "sort-imports",
    "space-before-blocks",
    "space-before-function-paren",
    "space-in-parens",
    "space-infix-ops",
    "spaced-comment",
    "yoda",
];

#[derive(Default)]
struct Lines {
    warning: FirstWarning,
    standard: bool,
    repairable: bool,
    tool: Option<&'static str>,
}

impl Dialect for Lines {
    fn report(&self) -> Report {
        Report::new("eslint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(found) = split(line, self.standard) else {
            if line.starts_with("standard: ") {
                self.standard |= line.contains("Use JavaScript Standard Style");
            } else {
                total(line, report);
            }
            return;
        };
        let Found { tool, severity, message, rule, file, line, column } = found;
        let name = *self.tool.get_or_insert(tool);
        report.tool = name;
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        let bare = rule.strip_prefix("@stylistic/").unwrap_or(rule);
        self.repairable |= REPAIRABLE.binary_search(&bare).is_ok();
        report.problem(&Problem {
            severity,
            code: rule,
            message,
            file,
            line,
            column,
            ..Problem::ERROR
        });
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
        if report.errors == 0 {
            report.stated = None;
        }
        if report.tool == "eslint" && self.repairable {
            let mut fix = fix_for("eslint", &[]);
            if self.standard {
                fix.command = "npx standard --fix".to_owned();
            }
            let first = report.first.as_deref().unwrap_or_default();
            report.suggestion = Some(format!(
                "Run: {}, then repair by hand what is left; first: {first}",
                fix.command
            ));
            report.fix = Some(fix);
        }
    }
}

/// `30 problems`, alone on its line.
fn total(line: &str, report: &mut Report) {
    if line.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && report.errors + report.warnings > 0
        && let Some((count, " problems" | " problem")) = number(line)
    {
        report.stated = Some(report.stated.unwrap_or(0) + u64::from(count));
    }
}

struct Found<'t> {
    tool: &'static str,
    severity: Severity,
    message: &'t str,
    rule: &'t str,
    file: &'t str,
    line: u32,
    column: u32,
}

fn split(line: &str, standard: bool) -> Option<Found<'_>> {
    match line.as_bytes().last()? {
        b']' => unix(line),
        b')' if standard && line.starts_with("  ") => {
            of_standard(line.strip_suffix(" (warning)").unwrap_or(line))
        }
        _ if line.starts_with(' ') => None,
        _ => compact(line).or_else(|| visual(line)),
    }
}

/// The `visualstudio` format: `/app/a.js(1,10): error semi : Missing semicolon.`
fn visual(line: &str) -> Option<Found<'_>> {
    let at = memchr::memmem::find(line.as_bytes(), b" : ")?;
    let place = parentheses(line.get(..at + 1)?).filter(|place| place.column > 0)?;
    let (level, rule) = place.rest.split_once(' ')?;
    let severity = match level {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => return None,
    };
    let (message, rule) = (line[at + 3..].trim_start(), rule.trim());
    // Compilers' codes are capitals and digits.
    let own = (is_rule(rule) && rule.bytes().any(|byte| byte.is_ascii_lowercase()))
        || (rule.is_empty() && message.starts_with("Parsing error: "));
    let (file, line, column) = (place.file, place.line, place.column);
    own.then_some(Found { tool: "eslint", severity, message, rule, file, line, column })
}

fn compact(line: &str) -> Option<Found<'_>> {
    let at = memchr::memmem::find(line.as_bytes(), b": line ")?;
    let (row, rest) = number(&line[at + ": line ".len()..])?;
    let (column, rest) = number(rest.strip_prefix(", col ")?)?;
    let rest = rest.strip_prefix(", ")?;
    let (tool, severity, text) = if let Some(text) = rest.strip_prefix("Error - ") {
        ("eslint", Severity::Error, text)
    } else if let Some(text) = rest.strip_prefix("Warning - ") {
        ("eslint", Severity::Warning, text)
    } else if let Some(text) = rest.strip_prefix("error - ") {
        ("stylelint", Severity::Error, text)
    } else if let Some(text) = rest.strip_prefix("warning - ") {
        ("stylelint", Severity::Warning, text)
    } else if line[..at].contains('.') && !line[..at].contains(' ') {
        ("jshint", Severity::Error, rest)
    } else {
        return None;
    };
    let (message, rule) = in_parentheses(text, is_rule).unwrap_or((text, ""));
    Some(Found { tool, severity, message, rule, file: &line[..at], line: row, column })
}

fn unix(line: &str) -> Option<Found<'_>> {
    let at = memchr::memrchr(b'[', line.as_bytes())?;
    let mark = line[at + 1..].strip_suffix(']')?;
    let (severity, rule) = match mark.split_once('/').unwrap_or((mark, "")) {
        ("Error", rule) => (Severity::Error, rule),
        ("Warning", rule) => (Severity::Warning, rule),
        ("error", "") => (Severity::Error, ""),
        ("warning", "") => (Severity::Warning, ""),
        _ => return None,
    };
    let place = colons(&line[..at]).filter(|place| place.column > 0)?;
    let stylelint = mark.starts_with(['e', 'w']);
    let tool = match stylelint {
        true => "stylelint",
        false if rule.contains('(') => "oxlint",
        false => "eslint",
    };
    let text = place.rest.trim_end();
    // `Error - message` of tools that are no linters has no message in front.
    if text.is_empty() {
        return None;
    }
    let (message, rule) = match stylelint {
        true => in_parentheses(text, is_rule).unwrap_or((text, "")),
        false => (text, rule),
    };
    let (file, line, column) = (place.file, place.line, place.column);
    Some(Found { tool, severity, message, rule, file, line, column })
}

fn of_standard(line: &str) -> Option<Found<'_>> {
    let place = colons(line.trim_ascii_start()).filter(|place| place.column > 0)?;
    let (message, rule) = in_parentheses(place.rest, is_rule)?;
    let (file, line, column) = (place.file, place.line, place.column);
    Some(Found { tool: "eslint", severity: Severity::Error, message, rule, file, line, column })
}

#[cfg(test)]
mod tests {
    use super::REPAIRABLE;
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn compact_and_unix_give_rules_places_and_totals() {
        assert!(REPAIRABLE.is_sorted());
        let text = "/w/b.js: line 3, col 1, Error - Unexpected alert. (no-alert)\n/w/b.js: line 4, col 9, Warning - Missing semicolon. (semi)\n\n2 problems\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.errors_by_type["no-alert"], 1);
        assert!(found.suggestion.starts_with("Run: npx eslint --fix ."));
        let text = "/w/b.js:3:1: Unexpected alert. [Error/no-alert]\n\n1 problem\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.first_error.as_deref(), Some("Unexpected alert."));
        assert!(found.suggestion.starts_with("Manual fixes needed"));
    }

    #[test]
    fn standard_is_repaired_by_itself() {
        let text = "standard: Use JavaScript Standard Style (https://standardjs.com)\n  /w/c.js:1:14: Extra semicolon. (semi)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.fix.unwrap().command, "npx standard --fix");
    }
}
