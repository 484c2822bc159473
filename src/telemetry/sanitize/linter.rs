//! Linter output: recognised by its lines, summed up by rule.
//!
//! | Tool | Line |
//! |---|---|
//! | ruff `concise`, flake8, pylint | `path:3:5: F401 [*] …`, `path:3:5: C0114: …` |
//! | ruff `full` | `F401 [*] …`, the place on the next line: `  --> path:3:5` |
//! | ruff `grouped` | `  3:5 F401 [*] …` |
//! | ESLint `stylish`, yamllint | `  3:5  error  …  no-undef` |
//!
//! A CI's timestamp may stand before each. The number of errors is the tool's own where it states one
//! (`Found 53 errors.`; `✖ 20 problems (16 errors, 4 warnings)`), since a text is often cut; else that
//! of the lines. So is the number of fixable ones (`[*] 40 fixable with the --fix option`; `6 errors and
//! 2 warnings potentially fixable`); else that of the lines marked `[*]`.
//!
//! The formats are those the tools print: <https://docs.astral.sh/ruff/settings/#output-format>,
//! <https://flake8.pycqa.org/en/latest/internal/formatters.html>,
//! <https://pylint.readthedocs.io/en/stable/user_guide/usage/output.html>,
//! <https://eslint.org/docs/latest/use/formatters/#stylish>.

use super::lines::{Pattern, is_foreign, lines, number, pattern};
use super::typescript;
use std::collections::HashMap;
use std::fmt::Write;

/// Different rules counted in one text. A linter has some hundreds; the rest is in the total alone.
const MAX_RULES: usize = 4096;
/// Lines kept until it is known whether they count.
const MAX_UNPLACED: usize = 1 << 16;

/// What stands for a rule: letters and digits, or ruff's name for a syntax error.
macro_rules! code {
    () => {
        r"([A-Z]{1,5}[0-9]{3,5}|invalid-syntax):? (\[\*\] )?\S"
    };
}

static PLACED: Pattern = pattern!(r"^(?:[A-Za-z]:)?[^\s:][^:]*:[0-9]+:[0-9]+: ", code!());
static HEADED: Pattern = pattern!("^", code!());
static PLACE: Pattern = pattern!(r"^\s*--> \S.*:[0-9]+:[0-9]+\s*$");
static GROUPED: Pattern = pattern!(r"^\s+[0-9]+:[0-9]+\s+", code!());
static STYLISH: Pattern = pattern!(r"^\s+[0-9]+:[0-9]+\s+(?:error|warning)\s");
static FOUND: Pattern = pattern!(r"^Found ([0-9]+) errors?(?:\.|\s*$| \()");
static FIXABLE: Pattern = pattern!(r"^\[\*\] ([0-9]+) (?:potentially )?fix(?:able|es)\b");
static PROBLEMS: Pattern =
    pattern!(r"^\xE2\x9C\x96 ([0-9]+) problems? \([0-9]+ errors?, [0-9]+ warnings?\)");
static ESLINT_FIXABLE: Pattern =
    pattern!(r"^\s*([0-9]+) errors? and ([0-9]+) warnings? potentially fixable");

/// What a text holds so far.
#[derive(Debug, Default)]
struct Findings<'a> {
    rules: HashMap<&'a str, usize>,
    lines: usize,
    starred: usize,
    /// Headed lines without a place below them; they count when the tool's own total is there.
    unplaced: Vec<(&'a str, bool)>,
    total: Option<usize>,
    fixable: Option<usize>,
}

/// The summary of linter output of at most `limit` bytes; `None` when `text`, which is without terminal
/// colours, is something else.
pub(super) fn summarise(text: &str, limit: usize) -> Option<String> {
    let mut findings = Findings::default();
    let mut lines = lines(text).peekable();
    let mut others = 0;
    while let Some(line) = lines.next() {
        if findings.read(line, lines.peek().copied().unwrap_or_default()) {
            continue;
        }
        if is_foreign(line) || typescript::is_diagnostic(line) {
            return None;
        }
        others += 1;
    }
    let stated = findings.total.is_some() || findings.fixable.is_some();
    let headed = findings.unplaced.len() > others && findings.unplaced.iter().any(|(_, fix)| *fix);
    if stated || headed {
        for (rule, starred) in std::mem::take(&mut findings.unplaced) {
            findings.count(rule, starred);
        }
    }
    let sure = findings.total.is_some() || findings.lines >= 3 || findings.lines > others;
    (findings.lines > 0 && sure).then(|| findings.describe(limit))
}

impl<'a> Findings<'a> {
    /// Reads a line, knowing the next: whether it is a linter's.
    fn read(&mut self, line: &'a [u8], next: &[u8]) -> bool {
        match line.first() {
            Some(b' ' | b'\t') => return self.read_indented(line),
            Some(b'F') if line.starts_with(b"Found ") => return self.read_total(&FOUND, line),
            Some(0xE2) => return self.read_total(&PROBLEMS, line),
            Some(b'[') => {
                let fixable = FIXABLE.number(line);
                self.fixable = fixable.or(self.fixable);
                return fixable.is_some();
            }
            _ => {}
        }
        if let Some((rule, starred)) = rule_of(&HEADED, line) {
            if PLACE.is_match(next) {
                self.count(rule, starred);
            } else if self.unplaced.len() < MAX_UNPLACED {
                self.unplaced.push((rule, starred));
            }
            return true;
        }
        let placed = rule_of(&PLACED, line);
        if let Some((rule, starred)) = placed {
            self.count(rule, starred);
        }
        placed.is_some()
    }

    fn read_total(&mut self, pattern: &Pattern, line: &[u8]) -> bool {
        let total = pattern.number(line);
        self.total = total.or(self.total);
        total.is_some()
    }

    fn read_indented(&mut self, line: &'a [u8]) -> bool {
        if !line.trim_ascii_start().first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        if STYLISH.is_match(line) {
            match stylish_rule(line) {
                Some(rule) => self.count(rule, false),
                None => self.lines += 1,
            }
            return true;
        }
        if let Some((rule, starred)) = rule_of(&GROUPED, line) {
            self.count(rule, starred);
            return true;
        }
        let Some(parts) = ESLINT_FIXABLE.captures(line) else { return false };
        let fixable = number(&parts, 1).zip(number(&parts, 2));
        self.fixable = fixable.map(|(errors, warnings)| errors.saturating_add(warnings));
        true
    }

    fn count(&mut self, rule: &'a str, starred: bool) {
        self.lines += 1;
        self.starred += usize::from(starred);
        if self.rules.len() < MAX_RULES || self.rules.contains_key(rule) {
            *self.rules.entry(rule).or_insert(0) += 1;
        }
    }

    fn describe(self, limit: usize) -> String {
        let mut rules: Vec<_> = self.rules.into_iter().collect();
        rules.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then(a.cmp(b)));
        let fixable = match self.fixable.unwrap_or(self.starred) {
            0 => String::new(),
            count => format!(" ({count} auto-fixable with --fix)"),
        };
        let mut summary = format!("{} linting errors", self.total.unwrap_or(self.lines));
        for (index, (rule, count)) in rules.iter().enumerate() {
            let length = summary.len();
            let separator = if index == 0 { ": " } else { ", " };
            // Writing to a string cannot fail.
            write!(summary, "{separator}{count}x {rule}").ok();
            let more = if index + 1 < rules.len() { ELLIPSIS.len() } else { 0 };
            if summary.len() + more + fixable.len() > limit && index > 0 {
                summary.truncate(length);
                summary.push_str(ELLIPSIS);
                break;
            }
        }
        summary + &fixable
    }
}

const ELLIPSIS: &str = ", ...";

fn rule_of<'a>(pattern: &Pattern, line: &'a [u8]) -> Option<(&'a str, bool)> {
    let found = pattern.captures(line)?;
    let rule = std::str::from_utf8(found.get(1)?.as_bytes()).ok()?;
    Some((rule, found.get(2).is_some()))
}

/// The rule at the end of a line, two spaces behind the message; a syntax error has none. yamllint
/// prints the same lines with the rule in brackets.
fn stylish_rule(line: &[u8]) -> Option<&str> {
    let line = line.trim_ascii_end();
    let (before, rule) = line.split_at_checked(memchr::memrchr(b' ', line)? + 1)?;
    let rule = std::str::from_utf8(rule).ok()?;
    let rule = rule.strip_prefix('(').and_then(|rule| rule.strip_suffix(')')).unwrap_or(rule);
    let begins = rule.starts_with(|first: char| first.is_ascii_lowercase() || first == '@');
    let named = rule.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/_-".contains(&byte));
    (before.ends_with(b"  ") && begins && named).then_some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str) -> String {
        summarise(text, 500).unwrap_or_default()
    }

    fn repeat(lines: &[(usize, &str)]) -> String {
        lines.iter().map(|(count, line)| format!("{line}\n").repeat(*count)).collect()
    }

    #[test]
    fn the_tools_own_numbers_win_over_what_a_cut_text_holds() {
        let text = repeat(&[
            (
                30,
                "F401 [*] `os` imported but unused\n  --> app/train.py:18:36\n   |\n18 | import os",
            ),
            (
                8,
                "F841 Local variable `x` is assigned to but never used\n   --> app/a.py:305:21\n    |",
            ),
            (1, "\nFound 53 errors.\n[*] 40 fixable with the `--fix` option (2 hidden fixes)."),
        ]);
        assert_eq!(
            summary(&text),
            "53 linting errors: 30x F401, 8x F841 (40 auto-fixable with --fix)"
        );
    }

    #[test]
    fn without_them_the_lines_are_counted() {
        let text = repeat(&[
            (2, "a.py:1:8: F401 [*] `os` imported but unused"),
            (2, "a.py:2:1: E401 Multiple imports on one line"),
            (3, "a.py:3:1: F841 Local variable `x` is never used"),
        ]);
        assert_eq!(
            summary(&text),
            "7 linting errors: 3x F841, 2x E401, 2x F401 (2 auto-fixable with --fix)"
        );
    }

    #[test]
    fn nothing_fixable_leaves_no_brackets() {
        let flake8 = "./a/b.py:2:25: E231 missing whitespace after ','\n".repeat(3);
        assert_eq!(summary(&flake8), "3 linting errors: 3x E231");
        let none = "C:\\a\\b.py:2:25: E231 missing\nFound 1 error.\n[*] 0 fixable with `--fix`\n";
        assert_eq!(summary(none), "1 linting errors: 1x E231");
    }

    #[test]
    fn grouped_pylint_and_timestamped_lines_are_read() {
        let grouped = "a/b.py:\n   1:8  F401 [*] `os` imported but unused\n  15:9  F841 Local\n\nFound 2 errors.\n";
        assert_eq!(
            summary(grouped),
            "2 linting errors: 1x F401, 1x F841 (1 auto-fixable with --fix)"
        );
        let pylint = "************* Module inventory.cli\ninventory/cli.py:1:0: C0114: Missing module docstring (missing-module-docstring)\ninventory/cli.py:16:4: E1120: No value for argument 'argv' (no-value-for-parameter)\n";
        assert_eq!(summary(pylint), "2 linting errors: 1x C0114, 1x E1120");
        let ci = "2026-03-14T09:12:00.1370001Z a.py:2:1: F403 `from m import *` used\r\n2026-03-14T09:12:02.6030019Z Found 1 error.\r\n";
        assert_eq!(summary(ci), "1 linting errors: 1x F403");
    }

    #[test]
    fn eslint_counts_problems_and_both_kinds_of_fixes() {
        let text = "\n/app/src/cart.js\n   2:1   error    Unexpected var, use let or const instead  no-var\n  11:3   warning  Unexpected console statement              @scope/no-console\n   4:3   error    Parsing error: Unexpected token timeout\n\n✖ 20 problems (16 errors, 4 warnings)\n  6 errors and 2 warnings potentially fixable with the `--fix` option.\n";
        assert_eq!(
            summary(text),
            "20 linting errors: 1x @scope/no-console, 1x no-var (8 auto-fixable with --fix)"
        );
    }

    #[test]
    fn rules_beyond_the_limit_are_left_out_rarest_first() {
        let text: String = (100..200)
            .flat_map(|code| std::iter::repeat_n(format!("a.py:1:1: E{code} x\n"), code))
            .collect();
        let summary = summarise(&text, 60).unwrap_or_default();
        assert_eq!(summary, "14950 linting errors: 199x E199, 198x E198, 197x E197, ...");
        assert!(summary.len() <= 62);
    }

    #[test]
    fn what_only_mentions_rules_is_something_else() {
        for text in [
            "",
            "all good",
            "F401 is the rule that says an import is unused.\nE501 is about long lines.",
            "Found 3 errors.",
            "Found 3 errors while reading the configuration: F401",
            "TypeError: F401 is not a function\n    at a.py:1:1: F401 (x.js:1:2)",
            "a.py:1:1: F401 x\nTraceback (most recent call last):\n  File \"a.py\", line 1\n",
            "  1:1  error  x  no-undef\nFAIL src/a.test.js\nTests:  1 failed, 1 total\n",
            "a.py:1:1: F401 x\na.ts(1,2): error TS2304: Cannot find name 'x'.\n",
            "ERR1001 lost\nERR1001 lost\nERR1001 lost\nERR1001 lost\n",
            "main.c:3:5: error: expected ';'\nmain.c:4:5: error: expected ';'\n",
        ] {
            assert_eq!(summarise(text, 500), None, "{text}");
        }
    }
}
