//! Biome: `lint`, `check`, `ci` and `format` (<https://biomejs.dev/reference/reporters/#default-reporter>,
//! `crates/biome_diagnostics/src/display.rs`).
//!
//! ```text
//! src/a.js:4:29 lint/style/useTemplate  FIXABLE  ━━━━━━━━━━━━━━━━━━━━━━━━
//!
//!   × Template literals are preferred over string concatenation.
//!
//! src/a.js format ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
//!
//!   × Formatter would have printed the following content:
//!
//! reporter/violations ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   (--reporter=summary)
//!   - src/a.js (3 errors, 6 warnings, 1 info)
//!   lint/style/useConst                                 3 (3 warnings)
//!
//! Found 5 errors.
//! Found 7 warnings.
//! ```
//! The mark before the message is its severity: `×` (`✖`), `!` (`⚠`) or `i` (`ℹ`).

use super::super::location::number;
use super::common::FirstWarning;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "biome",
    markers: &[" \u{2501}\u{2501}\u{2501}"],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| header(line).is_some() || line.starts_with("reporter/"))
    },
    start: || Box::new(Biome::default()),
};

#[derive(Default)]
struct Biome {
    /// The diagnostic whose message comes next.
    pending: Option<Pending>,
    warning: FirstWarning,
    stated: (u64, u64),
    lints: u64,
    formats: u64,
    checked: bool,
    /// Within a list of how many of each there are.
    summary: bool,
}

struct Pending {
    file: String,
    line: u32,
    column: u32,
    category: String,
    fixable: bool,
}

impl Dialect for Biome {
    fn report(&self) -> Report {
        Report::new("biome", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if *first == b' ' {
            if self.pending.is_some() {
                self.message(line, report);
            } else if self.summary {
                summary(line, report);
            }
        } else if *first == b'F' && line.starts_with("Found ") {
            self.total(line);
        } else if line.ends_with('\u{2501}') {
            if line.starts_with("check ") || line.starts_with("ci ") {
                self.checked = true;
            }
            self.pending = header(line);
            self.summary = line.starts_with("reporter/");
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
        report.errors = report.errors.max(self.stated.0);
        report.warnings = report.warnings.max(self.stated.1);
        let command = if self.lints == 0 && self.formats > 0 {
            report.kind = Kind::Formatting;
            report.forget_codes();
            "npx @biomejs/biome format --write ."
        } else if self.checked || self.formats > 0 {
            "npx @biomejs/biome check --write ."
        } else {
            "npx @biomejs/biome lint --write ."
        };
        if report.fixable > 0 || report.kind == Kind::Formatting {
            let title = "Apply Biome's fixes".to_owned();
            report.fix = Some(Fix { command: command.to_owned(), title });
        }
    }
}

impl Biome {
    fn message(&mut self, line: &str, report: &mut Report) {
        let Some((severity, message)) = marked(line) else { return };
        let Some(Pending { file, line, column, category, fixable }) = self.pending.take() else {
            return;
        };
        // What Biome says of its own configuration short of an error is not about the sources.
        if category == "deserialize" && severity == Severity::Warning {
            return;
        }
        match category.as_str() {
            "format" => self.formats += 1,
            _ => self.lints += 1,
        }
        if severity == Severity::Warning {
            self.warning.note(message, report);
        }
        report.problem(&Problem {
            severity,
            code: &category,
            rule: "",
            message,
            file: &file,
            line,
            column,
            fixable,
        });
    }

    /// `Found 5 errors.`, `Found 7 warnings.`, `Found 3 infos.`
    fn total(&mut self, line: &str) {
        let Some((count, what)) = line.strip_prefix("Found ").and_then(number) else { return };
        let count = u64::from(count);
        if what.starts_with(" error") {
            self.stated.0 += count;
        } else if what.starts_with(" warning") || what.starts_with(" info") {
            self.stated.1 += count;
        }
    }
}

/// `  - src/a.js (3 errors, 6 warnings)` names a file, `  lint/style/useConst   3 (3 warnings)` counts a
/// rule; what is but information counts for nothing.
fn summary(line: &str, report: &mut Report) {
    let Some((head, counts)) = line.strip_suffix(')').and_then(|line| line.rsplit_once(" ("))
    else {
        return;
    };
    let of = |what: &str| {
        counts
            .split(", ")
            .filter_map(number)
            .filter(|(_, unit)| unit.trim_start().starts_with(what))
            .map(|(count, _)| u64::from(count))
            .sum::<u64>()
    };
    let (errors, warnings) = (of("error"), of("warning"));
    if errors + warnings == 0 {
        return;
    }
    let head = head.trim_start();
    if let Some(file) = head.strip_prefix("- ") {
        report.file(file.trim());
        return;
    }
    let Some((category, _)) = head.split_once("  ").filter(|(name, _)| is_category(name)) else {
        return;
    };
    for count in 0..(errors + warnings).min(MAX_OF_RULE) {
        let severity = if count < errors { Severity::Error } else { Severity::Warning };
        report.problem(&Problem { severity, code: category, message: category, ..Problem::ERROR });
    }
}

/// How often a rule of a list is counted at most.
const MAX_OF_RULE: u64 = 10_000;

fn marked(line: &str) -> Option<(Severity, &str)> {
    let mut characters = line.trim_ascii_start().chars();
    let severity = match characters.next()? {
        '\u{d7}' | '\u{2716}' => Severity::Error,
        '!' | '\u{26a0}' | 'i' | '\u{2139}' => Severity::Warning,
        _ => return None,
    };
    Some((severity, characters.as_str().strip_prefix(' ')?.trim_ascii_start()))
}

/// `path:4:29 category  TAG  ━━━` or `path category ━━━`; the one without a path only sums up.
fn header(line: &str) -> Option<Pending> {
    if line.starts_with(' ') {
        return None;
    }
    let head = line.trim_end_matches('\u{2501}').trim_end();
    let mut words = head.split(' ').filter(|word| !word.is_empty()).rev().peekable();
    let mut fixable = false;
    while let Some(tag) =
        words.next_if(|word| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        fixable |= tag == "FIXABLE";
    }
    let category = words.next().filter(|word| is_category(word))?;
    words.next()?;
    let place = head.get(..head.rfind(category)?)?.trim_end();
    let (file, line, column) = split_place(place);
    Some(Pending { file: file.to_owned(), line, column, category: category.to_owned(), fixable })
}

fn split_place(place: &str) -> (&str, u32, u32) {
    let whole = (place, 0, 0);
    let Some((rest, column)) = place.rsplit_once(':') else { return whole };
    let Some((file, row)) = rest.rsplit_once(':') else { return whole };
    match (row.parse(), column.parse()) {
        (Ok(row), Ok(column)) => (file, row, column),
        _ => whole,
    }
}

/// Categories are words of letters with slashes between
/// (`crates/biome_diagnostics_categories/src/categories.rs`).
fn is_category(word: &str) -> bool {
    let known =
        ["format", "parse", "organizeImports", "deserialize", "configuration", "plugin", "project"];
    let grouped = [
        "lint/",
        "assist/",
        "suppressions/",
        "internalError/",
        "files/",
        "syntax/",
        "flags/",
        "migrate/",
    ];
    (known.contains(&word) || grouped.iter().any(|group| word.starts_with(group)))
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/')
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    const RULE: &str = "\u{2501}\u{2501}\u{2501}\u{2501}\u{2501}\u{2501}\u{2501}\u{2501}";

    #[test]
    fn an_error_is_quoted_before_the_warnings_above_it() {
        let text = format!(
            "web/m.ts:7:2 lint/style/noNonNullAssertion  FIXABLE  {RULE}\n\n  ! Forbidden non-null assertion.\n\n\
             web/m.ts:9:1 lint/suspicious/noDebugger  FIXABLE  {RULE}\n\n  \u{2716} Unexpected debugger.\n\nFound 1 error.\nFound 1 warning.\n\
             lint {RULE}\n\n  \u{2716} Some errors were emitted while running checks.\n"
        );
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("biome", Some(2)));
        assert_eq!(found.details.first_error.as_deref(), Some("Unexpected debugger."));
        assert_eq!(found.details.errors_by_type["lint/suspicious/noDebugger"], 1);
        assert_eq!(found.fix.unwrap().command, "npx @biomejs/biome lint --write .");
    }

    #[test]
    fn what_is_only_not_formatted_is_formatting() {
        let text = format!(
            "my app/a.json format {RULE}\n\n  \u{d7} Formatter would have printed the following content:\n\nFound 1 error.\n"
        );
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!(found.kind.name(), "formatting");
        assert_eq!(found.details.affected_files, ["my app/a.json"]);
    }
}
