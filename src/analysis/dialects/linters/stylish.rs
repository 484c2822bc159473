//! The table ESLint's `stylish` and Stylelint's `string` formatter print, and ESLint itself in it
//! (<https://eslint.org/docs/latest/use/formatters/#stylish>,
//! <https://stylelint.io/user-guide/options/#formatter>).
//!
//! ```text
//! /app/src/a.js
//!   2:1  error    Unexpected var, use let or const instead  no-var
//!   4:3  error    Parsing error: Unexpected token
//!
//! ✖ 20 problems (16 errors, 4 warnings)
//!   6 errors and 2 warnings potentially fixable with the `--fix` option.
//! ```
//! `next lint` prints the rows as `2:1  Error: message  rule` (its `customFormatter.ts`).

use super::super::location::number;
use super::common::{FirstWarning, is_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "eslint",
    markers: &[
        " error  ",
        " warning  ",
        "  Error: ",
        "  Warning: ",
        "\u{2716} ",
        "ESLint found too",
    ],
    recognises,
    start: || Box::new(Stylish::new("eslint", eslint_cells)),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        row(line).and_then(|row| eslint_cells(row.rest)).is_some_and(|cells| !cells.rule.is_empty())
            || (line.contains("  error  ") && line.contains("Parsing error: "))
            || line.starts_with("ESLint found too many warnings")
    })
}

/// A row of the table.
pub(super) struct Row<'t> {
    line: u32,
    column: u32,
    pub(super) rest: &'t str,
}

impl Row<'_> {
    /// Line and column.
    pub(super) fn place(&self) -> (u32, u32) {
        (self.line, self.column)
    }
}

/// What stands in a row behind the place.
pub(super) struct Cells<'t> {
    pub(super) severity: Severity,
    pub(super) message: &'t str,
    /// Empty when there is none: a source that could not be parsed breaks no rule.
    pub(super) rule: &'t str,
}

/// `  2:1  …`.
pub(super) fn row(line: &str) -> Option<Row<'_>> {
    let (row, rest) = number(line.trim_ascii_start())?;
    let (column, rest) = number(rest.strip_prefix(':')?)?;
    let rest = rest.strip_prefix(' ')?;
    Some(Row { line: row, column, rest: rest.trim_ascii_start() })
}

/// `message  rule`, or a message alone.
pub(super) fn split_rule(text: &str) -> (&str, &str) {
    match last_gap(text) {
        Some((message, rule)) if is_rule(rule) || is_rule_of_plugin(rule) => {
            (message.trim_ascii_end(), rule)
        }
        _ => (text, ""),
    }
}

/// What stands before and behind the last two blanks in a row: `rsplit_once("  ")` without its searcher,
/// which takes longer to make than a row takes to read.
fn last_gap(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut end = bytes.len();
    while let Some(at) = memchr::memrchr(b' ', &bytes[..end]) {
        if at > 0 && bytes[at - 1] == b' ' {
            return Some((&text[..at - 1], &text[at + 1..]));
        }
        end = at;
    }
    None
}

/// `eslint(no-var)`, as oxlint names rules in the same table.
fn is_rule_of_plugin(text: &str) -> bool {
    text.strip_suffix(')')
        .and_then(|text| text.split_once('('))
        .is_some_and(|(plugin, rule)| is_rule(plugin) && is_rule(rule))
}

fn eslint_cells(rest: &str) -> Option<Cells<'_>> {
    let (severity, text) = if let Some(text) = rest.strip_prefix("error  ") {
        (Severity::Error, text)
    } else if let Some(text) = rest.strip_prefix("warning  ") {
        (Severity::Warning, text)
    } else if let Some(text) = rest.strip_prefix("Error: ") {
        (Severity::Error, text)
    } else {
        (Severity::Warning, rest.strip_prefix("Warning: ")?)
    };
    let text = text.trim_ascii_start();
    // yamllint's table has its rules in parentheses.
    if text.ends_with("(syntax)") {
        return None;
    }
    if text.ends_with(')') && text.rsplit_once("  (").is_some_and(|(_, end)| !end.contains(' ')) {
        return None;
    }
    let (message, rule) = split_rule(text);
    Some(Cells { severity, message, rule })
}

/// Reads the table; what a row has behind its place is its tool's.
pub(super) struct Stylish {
    tool: &'static str,
    cells: fn(&str) -> Option<Cells<'_>>,
    file: String,
    warning: FirstWarning,
    stated: (u64, u64),
    /// Rows were read since the last total: one without any is another tool's.
    rows: bool,
    /// The last total was this tool's, and so is what it says of fixes after it.
    totalled: bool,
}

impl Stylish {
    pub(super) fn new(tool: &'static str, cells: fn(&str) -> Option<Cells<'_>>) -> Stylish {
        Stylish {
            tool,
            cells,
            file: String::new(),
            warning: FirstWarning::default(),
            stated: (0, 0),
            rows: false,
            totalled: false,
        }
    }

    fn problem(&mut self, row: &Row<'_>, report: &mut Report) -> bool {
        let Some(Cells { severity, message, rule }) = (self.cells)(row.rest) else { return false };
        self.rows = true;
        if rule.ends_with(')') {
            self.tool = "oxlint";
            report.tool = self.tool;
        }
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        report.problem(&Problem {
            severity,
            code: rule,
            message,
            file: &self.file,
            line: row.line,
            column: row.column,
            ..Problem::ERROR
        });
        true
    }

    /// `20 problems (16 errors, 4 warnings)`; several runs add up.
    fn total(&mut self, text: &str) {
        let Some((_, rest)) = number(text) else { return };
        let Some(rest) = rest.strip_prefix(" problem") else { return };
        let Some((errors, rest)) = rest.trim_start_matches('s').strip_prefix(" (").and_then(number)
        else {
            return;
        };
        let Some((_, rest)) = rest.split_once(", ") else { return };
        let warnings = number(rest).map_or(0, |(count, _)| count);
        self.totalled = std::mem::take(&mut self.rows);
        if !self.totalled {
            return;
        }
        self.stated.0 += u64::from(errors);
        self.stated.1 += u64::from(warnings);
    }

    fn header(&mut self, line: &str) {
        // Whatever is not indented may be the path of the rows that follow.
        if line.len() <= 1024 {
            line.clone_into(&mut self.file);
        }
    }
}

/// `  6 errors and 2 warnings potentially fixable with the `--fix` option.`, `  1 error potentially …`.
fn fixable(line: &str) -> Option<u64> {
    let (first, rest) = number(line.trim_ascii_start())?;
    if !rest.starts_with(" error") && !rest.starts_with(" warning") {
        return None;
    }
    let counted = rest.split_once(" potentially fixable with")?.0;
    let second = counted.split_once(" and ").and_then(|(_, rest)| number(rest));
    Some(u64::from(first) + second.map_or(0, |(count, _)| u64::from(count)))
}

impl Dialect for Stylish {
    fn report(&self) -> Report {
        Report::new(self.tool, Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        match first {
            b' ' => {
                let start = line.trim_ascii_start();
                if !start.as_bytes().first().is_some_and(u8::is_ascii_digit) {
                    // Vale, which prints the same table, puts one blank before its files.
                    if line.len() == start.len() + 1 && start.contains('.') && !start.contains(' ')
                    {
                        self.header(start);
                    }
                    return;
                }
                if let Some(row) = row(start) {
                    self.problem(&row, report);
                } else if self.totalled
                    && let Some(count) = fixable(start)
                {
                    *report.stated_fixable.get_or_insert(0) += count;
                }
            }
            b'0'..=b'9' => {
                let found = row(line).is_some_and(|row| self.problem(&row, report));
                if !found && line.contains(" problem") {
                    self.total(line);
                } else if !found {
                    self.header(line);
                }
            }
            0xe2 | 0xc3 if line.contains(" problem") => {
                self.total(line.trim_start_matches(['\u{2716}', '\u{d7}', ' ']));
            }
            b'E' if line.starts_with("ESLint found too many warnings") => report.failed = true,
            _ => self.header(line),
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
        // Of a text that was cut the tool's own numbers are the greater.
        report.errors = report.errors.max(self.stated.0);
        report.warnings = report.warnings.max(self.stated.1);
        if report.stated_fixable.is_some_and(|count| count > 0) && self.tool != "oxlint" {
            report.fix = Some(fix_for(self.tool, report.files()));
        }
    }
}

/// What repairs what the tool says it can.
pub(super) fn fix_for(tool: &str, files: &[String]) -> Fix {
    if tool != "stylelint" {
        let title = "Apply ESLint's fixes".to_owned();
        return Fix { command: "npx eslint --fix .".to_owned(), title };
    }
    let kinds = ["scss", "less", "sass", "vue", "html"];
    let kind = kinds.into_iter().find(|kind| {
        files.iter().any(|file| file.rsplit_once('.').is_some_and(|(_, end)| end == *kind))
    });
    let command = format!("npx stylelint --fix \"**/*.{}\"", kind.unwrap_or("css"));
    Fix { command, title: "Apply Stylelint's fixes".to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn a_table_is_counted_by_rule_and_the_stated_total_is_believed() {
        let text = "\n/w/src/a.ts\n  1:7   error    'x' is assigned a value but never used  @typescript-eslint/no-unused-vars\n  \
                    9:1   warning  Unexpected console statement            no-console\n\n\
                    \u{2716} 7 problems (5 errors, 2 warnings)\n  1 error and 0 warnings potentially fixable with the `--fix` option.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.tool, "eslint");
        assert_eq!(found.details.error_count, Some(7));
        assert_eq!(found.details.warning_count, Some(2));
        assert_eq!(found.details.errors_by_type["@typescript-eslint/no-unused-vars"], 1);
        assert_eq!(found.details.affected_files, ["/w/src/a.ts"]);
        assert_eq!(found.suggestion, "Run: npx eslint --fix . (1/7 auto-fixable)");
    }

    #[test]
    fn warnings_alone_are_told_as_warnings() {
        let text = "\nC:\\w\\a.js\n  3:5  warning  Expected '!==' and instead saw '!='  eqeqeq\n\n\u{2716} 1 problem (0 errors, 1 warning)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(0));
        assert_eq!(found.summary, "1 linting warning: 1x eqeqeq");
        let first = found.details.first_error.unwrap();
        assert_eq!(first, "Expected '!==' and instead saw '!='");
    }

    #[test]
    fn rows_of_next_lint_are_read() {
        let text = "\n./app/page.tsx\n12:7  Error: Do not use an `<a>` element.  @next/next/no-html-link-for-pages\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.errors_by_type["@next/next/no-html-link-for-pages"], 1);
        assert_eq!(found.details.affected_files, ["./app/page.tsx"]);
    }
}
