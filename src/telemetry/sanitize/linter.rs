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
