//! Linter output: recognised by its lines, summed up by rule.
//!
//! | Tool | Line |
//! |---|---|
//! | ruff `concise`, flake8, pylint | `path:3:5: F401 [*] …`, `path:3:5: C0114: …` |
//! | ruff `full` | `F401 [*] …`, the place on the next line: `  --> path:3:5` |
//! | ruff `grouped` | `  3:5 F401 [*] …` |
//! | ESLint `stylish` | `  3:5  error  …  no-undef` |
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

use regex::Regex;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// Different rules counted in one text. A linter has some hundreds; the rest is in the total alone.
const MAX_RULES: usize = 4096;
/// Lines kept until it is known whether they count.
const MAX_UNPLACED: usize = 1 << 16;

macro_rules! pattern {
    ($name:ident, $pattern:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());
    };
}

pattern!(
    PLACED,
    r"^(?:[A-Za-z]:)?[^\s:][^:]*:\d+:\d+: ([A-Z]{1,5}\d{3,5}|invalid-syntax):? (\[\*\] )?\S"
);
pattern!(HEADED, r"^([A-Z]{1,5}\d{3,5}|invalid-syntax):? (\[\*\] )?\S");
pattern!(PLACE, r"^\s*--> \S.*:\d+:\d+$");
pattern!(GROUPED, r"^\s+\d+:\d+\s+([A-Z]{1,5}\d{3,5}|invalid-syntax):? (\[\*\] )?\S");
pattern!(
    STYLISH,
    r"^\s+\d+:\d+\s+(?:error|warning)\s+\S.*?(?:\s\s((?:@?[a-z][\w-]*/)*[a-z][\w-]*))?$"
);
pattern!(FOUND, r"^Found (\d+) errors?(?:\.|\s*$| \()");
pattern!(FIXABLE, r"^\[\*\] (\d+) (?:potentially )?fix(?:able|es)\b");
pattern!(PROBLEMS, r"^✖ (\d+) problems? \(\d+ errors?, \d+ warnings?\)");
pattern!(ESLINT_FIXABLE, r"^\s*(\d+) errors? and (\d+) warnings? potentially fixable");
pattern!(TIMESTAMP, r"^\d{4}-\d\d-\d\dT[\d:.]+Z ");
pattern!(
    FOREIGN,
    concat!(
        r"^\s+at \S.*:\d+|^Traceback \(most recent call last\)|panicked at",
        r"|^\s*(?:FAIL|FAILED|✕|✗|not ok)\s|^(?:Tests|Test Suites):\s",
        r"|error TS\d+:|^\S+:\d+(?::\d+)?: (?:fatal )?error: |^error(?:\[E\d+\])?: ",
        r"|^[\w.]*(?:Error|Exception)(?: \[\w+\])?: "
    )
);

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
    let mut lines = text.lines().map(without_timestamp).peekable();
    let mut others = 0;
    while let Some(line) = lines.next() {
        if is_foreign(line) {
            return None;
        }
        let next = lines.peek().copied().unwrap_or_default();
        if !findings.read(line, next) && !line.trim().is_empty() {
            others += 1;
        }
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

pub(super) fn without_timestamp(line: &str) -> &str {
    let found = TIMESTAMP.as_ref().and_then(|pattern| pattern.find(line));
    found.and_then(|found| line.get(found.end()..)).unwrap_or(line)
}

/// Whether a line is of something that a count of lint errors would lose: a stack trace, a test
/// report, a compiler's errors.
fn is_foreign(line: &str) -> bool {
    FOREIGN.as_ref().is_some_and(|pattern| pattern.is_match(line))
}

impl<'a> Findings<'a> {
    /// Reads a line, knowing the next: whether it is a linter's.
    fn read(&mut self, line: &'a str, next: &str) -> bool {
        let first = line.bytes().next().unwrap_or_default();
        if first == b' ' || first == b'\t' {
            return self.read_indented(line);
        }
        if let Some((rule, starred)) = rule_of(&HEADED, line) {
            if PLACE.as_ref().is_some_and(|pattern| pattern.is_match(next)) {
                self.count(rule, starred);
            } else if self.unplaced.len() < MAX_UNPLACED {
                self.unplaced.push((rule, starred));
            }
            return true;
        }
        if let Some((rule, starred)) = rule_of(&PLACED, line) {
            self.count(rule, starred);
            return true;
        }
        let stated = number(&FOUND, line).or_else(|| number(&PROBLEMS, line));
        if stated.is_some() {
            self.total = stated;
            return true;
        }
        let fixable = number(&FIXABLE, line);
        if fixable.is_some() {
            self.fixable = fixable;
        }
        fixable.is_some()
    }

    fn read_indented(&mut self, line: &'a str) -> bool {
        if let Some((rule, starred)) = rule_of(&GROUPED, line) {
            self.count(rule, starred);
            return true;
        }
        let Some(stylish) = STYLISH.as_ref().and_then(|pattern| pattern.captures(line)) else {
            let parts = ESLINT_FIXABLE.as_ref().and_then(|pattern| pattern.captures(line));
            let counts = parts.and_then(|parts| {
                let part = |index| parts.get(index)?.as_str().parse::<usize>().ok();
                part(1)?.checked_add(part(2)?)
            });
            if counts.is_some() {
                self.fixable = counts;
            }
            return counts.is_some();
        };
        match stylish.get(1) {
            Some(rule) => self.count(rule.as_str(), false),
            None => self.lines += 1,
        }
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

fn rule_of<'a>(pattern: &LazyLock<Option<Regex>>, line: &'a str) -> Option<(&'a str, bool)> {
    let found = pattern.as_ref()?.captures(line)?;
    Some((found.get(1)?.as_str(), found.get(2).is_some()))
}

fn number(pattern: &LazyLock<Option<Regex>>, line: &str) -> Option<usize> {
    pattern.as_ref()?.captures(line)?.get(1)?.as_str().parse().ok()
}
