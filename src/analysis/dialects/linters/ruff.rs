//! Ruff, `ruff check`: the formats `full` (and the older one with the place in front), `concise` and
//! `grouped` (<https://docs.astral.sh/ruff/settings/#output-format>).
//!
//! ```text
//! full                          concise                              grouped
//! F401 [*] `os` imported …      src/a.py:1:8: F401 [*] `os` …         src/a.py:
//!  --> src/a.py:1:8                                                    1:8 F401 [*] `os` …
//! ```
//! `--statistics` prints `40`, `F401` and `[*] unused-import` with tabs between; `pylint`
//! `src/a.py:1: [F401] `os` …`. All end in `Found 53 errors.` (`Found 3 errors (2 fixed, 1 remaining).` after a repair) and
//! `[*] 40 fixable with the `--fix` option`.

use super::super::location::{colons, number};
use super::common::code_length;
use super::flake8;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;
use memchr::memmem;

pub(super) static SPEC: Spec = Spec {
    name: "ruff",
    markers: &[
        "[*] ",
        "\t[ ] ",
        "\t[-] ",
        "\n --> ",
        " fixable with ",
        "\nFound ",
        "invalid-syntax: ",
        "imported but unused",
        "assigned to but never used",
        // Of cut texts, which have no total: messages met most.
        ": [F",
        ": [E",
        "Undefined name `",
        "Import block is un-sorted",
        "Line too long (",
    ],
    recognises,
    start: || Box::new(Ruff::default()),
};

fn recognises(sample: &Sample) -> bool {
    // Its formatter, which says the same of sources it cannot parse, is another dialect's.
    if sample.has_line_starting("unformatted: ") && !sample.has_line_starting("Found ") {
        return false;
    }
    let marked = sample.has("[*] ") || sample.has("fixable with") || sample.has("invalid-syntax: ");
    let mut previous_code = false;
    let mut backticks = false;
    for line in sample.lines() {
        if previous_code && line.trim_start().starts_with("--> ") {
            return true;
        }
        previous_code = split_code(line).is_some();
        if bare(line) {
            return true;
        }
        if marked && concise(line).is_some() {
            return true;
        }
        if tallied(line).is_some() {
            return true;
        }
        if let Some((_, code, message)) = bracketed(line) {
            if flake8::is_own(code, message) {
                return false;
            }
            backticks |= message.contains('`');
            continue;
        }
        let Some((_, _, rest)) = concise(line) else { continue };
        if split_code(rest).is_some_and(|(code, message)| flake8::is_own(code, message)) {
            return false;
        }
        // Messages quote with backticks, where flake8 has apostrophes.
        backticks |= line.contains('`');
    }
    backticks || marked && sample.lines().any(|line| grouped(line).is_some())
}

#[derive(Default)]
struct Ruff {
    /// The header of a full diagnostic whose place comes next.
    header: Option<String>,
    /// The file whose problems follow, in the grouped format.
    file: String,
}

impl Dialect for Ruff {
    fn report(&self) -> Report {
        Report::new("ruff", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else {
            self.settle(report);
            return;
        };
        // Of what is wrong with a file as a whole the arrow is not indented.
        if first == b'-' && line.starts_with("--> ") {
            if let Some(header) = self.header.take() {
                self.place(&header, line, report);
            }
            return;
        }
        if first != b' ' {
            self.settle(report);
        }
        match first {
            b' ' => {
                if let Some(header) = self.header.take() {
                    self.place(&header, line, report);
                } else if memchr::memchr(b'\t', line.as_bytes()).is_some() {
                    statistics(line, report);
                } else if !self.file.is_empty()
                    && let Some((place, rest)) = grouped(line)
                {
                    let file = std::mem::take(&mut self.file);
                    problem(rest, &file, place, report);
                    self.file = file;
                }
            }
            b'F' if line.starts_with("Found ") => total(line, report),
            b'[' if line.starts_with("[*] ") => fixable(line, report),
            b'N' if line.starts_with("No fixes available") => fixable_hidden(line, report),
            b'0'..=b'9' if is_source(line) => {}
            b'0'..=b'9' if line.contains('\t') => statistics(line, report),
            _ if split_code(line).is_some() => line.clone_into(self.header.insert(String::new())),
            _ => {
                if let Some((file, place, rest)) = concise(line) {
                    problem(rest, file, place, report);
                } else if let Some((place, code, message)) = bracketed(line) {
                    let mark = if code.contains('-') { ": " } else { " " };
                    let text = format!("{code}{mark}{message}");
                    problem(&text, place.file, (place.line, 0), report);
                } else if let Some(file) = line.strip_suffix(':')
                    && !file.contains(": ")
                {
                    file.clone_into(&mut self.file);
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle(report);
        if report.total_fixable().is_some_and(|count| count > 0) {
            let title = "Apply ruff's safe fixes".to_owned();
            report.fix = Some(Fix { command: "ruff check --fix".to_owned(), title });
        }
    }
}

impl Ruff {
    /// A header whose place did not come: somebody kept only the first lines of each diagnostic.
    fn settle(&mut self, report: &mut Report) {
        if let Some(header) = self.header.take()
            && bare(&header)
        {
            problem(&header, "", (0, 0), report);
        }
    }

    /// The second line of a full diagnostic: ` --> src/a.py:1:8`.
    fn place(&mut self, header: &str, line: &str, report: &mut Report) {
        let Some(place) = line.trim_start().strip_prefix("--> ") else { return };
        let place = place.split_once(':').map_or((place, (0, 0)), |(file, rest)| {
            let (line, rest) = number(rest).unwrap_or((0, ""));
            let column = rest.strip_prefix(':').and_then(number).map_or(0, |(column, _)| column);
            (file, (line, column))
        });
        problem(header, place.0, place.1, report);
    }
}

/// A line of source in a full diagnostic: `12 | import os`, `12 + import os`, `12 - import os`.
fn is_source(line: &str) -> bool {
    let after = line.trim_start_matches(|first: char| first.is_ascii_digit()).as_bytes();
    matches!(after, [b' ', b'|' | b'+' | b'-'] | [b' ', b'|' | b'+' | b'-', b' ', ..])
}

/// Whether a line alone is unmistakably one of ruff's headers, not a word that looks like a code.
fn bare(line: &str) -> bool {
    split_code(line).is_some_and(|(_, message)| {
        message.starts_with("[*] ")
            || message.contains("imported but unused")
            || message.ends_with("is assigned to but never used")
    })
}

/// Counts `F401 [*] message` at a place.
fn problem(text: &str, file: &str, (line, column): (u32, u32), report: &mut Report) {
    let Some((code, message)) = split_code(text) else { return };
    let message = message.trim_start();
    let repairable = message.strip_prefix("[*] ").or_else(|| message.strip_prefix("[-] "));
    let fixable = message.starts_with("[*]");
    let message = repairable.unwrap_or(message);
    if report.first.is_none() {
        let mark = if code.contains('-') { ": " } else { " " };
        report.quote(&format!("{code}{mark}{message}"));
    }
    report.problem(&Problem {
        code,
        rule: rule(code),
        message,
        file,
        line,
        column,
        fixable,
        ..Problem::ERROR
    });
}

/// `CODE rest` or `invalid-syntax: rest`. Codes are one to seven capitals and two to four digits
/// (<https://docs.astral.sh/ruff/rules/>).
fn split_code(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix("invalid-syntax: ") {
        return Some(("invalid-syntax", rest));
    }
    let bytes = text.as_bytes();
    let letters = bytes.iter().take(8).take_while(|byte| byte.is_ascii_uppercase()).count();
    let digits = bytes[letters..].iter().take(5).take_while(|byte| byte.is_ascii_digit()).count();
    let end = letters + digits;
    let shaped =
        (1..=7).contains(&letters) && (2..=4).contains(&digits) && bytes.get(end) == Some(&b' ');
    shaped.then(|| (&text[..end], &text[end + 1..]))
}

/// `path:1:8: F401 rest`.
fn concise(line: &str) -> Option<(&str, (u32, u32), &str)> {
    // What begins with a colon is a command of GitHub Actions.
    let place = colons(line).filter(|place| !place.file.starts_with(':'))?;
    let rest = place.rest;
    split_code(rest)?;
    (place.column > 0).then_some((place.file, (place.line, place.column), rest))
}

/// `40 F401 [*] unused-import`, with tabs between, as `--statistics` prints it; older versions have no
/// mark or put the message where the rule's name is.
fn tallied(line: &str) -> Option<(u32, &str, &str)> {
    let (count, rest) = number(line.trim_ascii_start())?;
    let (code, rest) = rest.strip_prefix('\t')?.split_once('\t')?;
    let code = code.trim_ascii_end();
    let shaped = code == "invalid-syntax"
        || code_length(code, 7, 4).is_some_and(|length| length == code.len() && length > 2);
    (shaped && count > 0).then(|| (count, code, rest.trim_start()))
}

fn statistics(line: &str, report: &mut Report) {
    let Some((count, code, rest)) = tallied(line) else { return };
    let fixable = rest.starts_with("[*]");
    let text = ["[*]", "[ ]", "[-]"].iter().find_map(|mark| rest.strip_prefix(mark));
    let text = text.unwrap_or(rest).trim_start();
    let rule = if text.contains(' ') { rule(code) } else { text };
    report.quote(&format!("{code} {text}"));
    let problem = Problem { code, rule, message: text, fixable, ..Problem::ERROR };
    report.tally(&problem, u64::from(count));
}

/// `path:1: [F401] rest`.
fn bracketed(line: &str) -> Option<flake8::Found<'_>> {
    if memmem::find(line.as_bytes(), b": [").is_none() || line.starts_with([' ', ':']) {
        return None;
    }
    colons(line).filter(|place| place.column == 0).and_then(flake8::bracketed)
}

/// `  1:8 F401 rest`.
fn grouped(line: &str) -> Option<((u32, u32), &str)> {
    let (row, rest) = number(line.strip_prefix("  ")?.trim_start())?;
    let (column, rest) = number(rest.strip_prefix(':')?)?;
    let rest = rest.trim_start();
    split_code(rest)?;
    Some(((row, column), rest))
}

/// `Found 53 errors.`, `Found 1 error (1 fixed, 0 remaining).`
fn total(line: &str, report: &mut Report) {
    let Some((count, rest)) = line.strip_prefix("Found ").and_then(number) else { return };
    if !rest.starts_with(" error") {
        return;
    }
    let remaining = rest
        .strip_suffix(" remaining).")
        .and_then(|text| text.rsplit_once(' '))
        .and_then(|(_, count)| count.parse().ok());
    report.stated = Some(remaining.unwrap_or(u64::from(count)));
    report.failed = report.stated != Some(0);
}

/// `[*] 40 fixable with the `--fix` option (8 hidden fixes can be …)`.
fn fixable(line: &str, report: &mut Report) {
    if let Some((count, rest)) = line.strip_prefix("[*] ").and_then(number)
        && rest.starts_with(" fixable")
    {
        report.stated_fixable = Some(u64::from(count));
    }
}

/// `No fixes available (3 hidden fixes can be enabled with the `--unsafe-fixes` option).`
fn fixable_hidden(_line: &str, report: &mut Report) {
    report.stated_fixable = Some(0);
}

/// The rules met most, by their names (<https://docs.astral.sh/ruff/rules/>).
fn rule(code: &str) -> &'static str {
    match code {
        "F401" => "unused-import",
        "F811" => "redefined-while-unused",
        "F821" => "undefined-name",
        "F841" => "unused-variable",
        "F541" => "f-string-missing-placeholders",
        "E401" => "multiple-imports-on-one-line",
        "E402" => "module-import-not-at-top-of-file",
        "E501" => "line-too-long",
        "E711" => "none-comparison",
        "E712" => "true-false-comparison",
        "E722" => "bare-except",
        "E731" => "lambda-assignment",
        "E741" => "ambiguous-variable-name",
        "I001" => "unsorted-imports",
        "B006" => "mutable-argument-default",
        "B008" => "function-call-in-default-argument",
        "UP006" => "non-pep585-annotation",
        "UP035" => "deprecated-import",
        "S101" => "assert",
        "W291" => "trailing-whitespace",
        "W293" => "blank-line-with-whitespace",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn what_is_wrong_with_a_whole_file_counts_too() {
        let text = "D100 Missing docstring in public module\n--> app/a.py:1:1\n\nE401 [*] Multiple imports on one line\n --> app/a.py:1:1\n  |\n1 | import re, os\n  | ^^^\n  |\n\nFound 2 errors.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.errors_by_type["D100"], 1);
        assert_eq!(found.details.affected_files, ["app/a.py"]);
    }

    #[test]
    fn statistics_are_totals_by_code() {
        let text = "12\tE501\t[ ] line-too-long\n 3\tI001\t[*] unsorted-imports\n3\tF401 \t[*] unused-import\nFound 18 errors.\n[*] 3 fixable with the `--fix` option.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("ruff", Some(18)));
        assert_eq!(found.details.errors_by_type["E501"], 12);
        assert_eq!(found.details.errors_by_type["I001"], 3);
        assert_eq!(found.details.fixable_count, Some(3));
        assert_eq!(found.suggestion, "Run: ruff --fix (3/18 auto-fixable)");
    }

    #[test]
    fn what_flake8_prints_with_backticks_is_not_ruff_s() {
        let text = "a.py:1:1: E721 do not compare types, for exact checks use `is` / `is not`\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.tool, "flake8");
    }
}
