//! What one dialect found in a text. Everything in it is bounded; what did not fit is still counted.

use super::kind::Kind;
use std::collections::{HashMap, HashSet};

/// Codes remembered by name; problems of further ones are counted in the totals alone.
pub const MAX_CODES: usize = 512;
/// Files remembered by name.
pub const MAX_FILES: usize = 2000;
/// Files remembered for one code.
pub const MAX_FILES_OF_CODE: usize = 50;
/// Names of failed tests remembered.
pub const MAX_FAILURES: usize = 100;
/// Problems remembered with their place.
pub const MAX_PROBLEMS: usize = 200;
/// Characters kept of a quotation.
pub const MAX_QUOTE: usize = 300;
/// Groups found without a look into the table of codes.
const RECENT: usize = 32;
/// Characters kept of a code, rule or path.
const MAX_NAME: usize = 300;
/// Bytes of a path; what is longer is none.
const MAX_PATH: usize = 1024;

/// Which report is the cause when several dialects found something. The higher wins; of equal ones the
/// one whose first error came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It only says that something below it failed: `make: *** Error 1`, `npm error Lifecycle script`.
    Wrapper,
    /// A program's own words: a stack trace, an errno, an answer of a service.
    Runtime,
    /// A tool failed at its own task: a package manager, version control.
    Tool,
    /// A tool did its task and found faults: linters, type checkers, formatters, tests.
    Diagnostics,
    /// A build failed, whatever else is in the text.
    Build,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It fails the run.
    Error,
    /// It does not.
    Warning,
}

/// One problem as a dialect read it. What is not known is empty or zero.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The code it is counted by: `F401`, `TS2304`, `no-unused-vars`.
    pub code: &'a str,
    /// A short name of the rule where the code is a number: `unused-import`.
    pub rule: &'a str,
    /// What the tool says of it.
    pub message: &'a str,
    /// Where.
    pub file: &'a str,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Whether the tool says it can repair it.
    pub fixable: bool,
}

impl Problem<'_> {
    /// An error of which nothing is known yet.
    pub const ERROR: Problem<'static> = Problem {
        severity: Severity::Error,
        code: "",
        rule: "",
        message: "",
        file: "",
        line: 0,
        column: 0,
        fixable: false,
    };
}

/// A remembered problem.
#[derive(Debug, Clone)]
pub struct Located {
    /// How bad it is.
    pub severity: Severity,
    /// Its code, or nothing.
    pub code: String,
    /// What the tool says.
    pub message: String,
    /// Where, or nothing.
    pub file: String,
    /// Line, from 1; 0 when not known.
    pub line: u32,
    /// Column, from 1; 0 when not known.
    pub column: u32,
}

/// All problems of one code.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// The code.
    pub code: String,
    /// Its rule's short name, or nothing.
    pub rule: String,
    /// How many.
    pub count: u64,
    /// How many of them the tool can repair.
    pub fixable: u64,
    /// In which files, up to [`MAX_FILES_OF_CODE`].
    pub files: Vec<String>,
    /// The first message.
    pub example: String,
}

/// What would repair it mechanically.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fix {
    /// A command to run where the tool ran.
    pub command: String,
    /// What it does, in a few words.
    pub title: String,
}

/// What one dialect found.
#[derive(Debug)]
pub struct Report {
    /// The tool, as its users call it.
    pub tool: &'static str,
    /// The kind of failure.
    pub kind: Kind,
    /// Its weight against other reports.
    pub rank: Rank,
    /// Problems that fail the run.
    pub errors: u64,
    /// Problems that do not.
    pub warnings: u64,
    /// The tool's own total of problems.
    pub stated: Option<u64>,
    /// The tool's own count of what it can repair.
    pub stated_fixable: Option<u64>,
    /// Problems seen that the tool marks as repairable.
    pub fixable: u64,
    /// Whether the tool said it failed; implied by errors.
    pub failed: bool,
    /// What a human would quote as the cause.
    pub first: Option<String>,
    /// The line (from 1) of the text where that was found.
    pub first_line: u64,
    /// What repairs it.
    pub fix: Option<Fix>,
    /// What to do, where the words of the kind would not say it.
    pub suggestion: Option<String>,
    /// The summary, where the words of the kind would not say it.
    pub summary: Option<String>,
    /// Milliseconds after which a service wants to be asked again.
    pub retry_after_ms: Option<u64>,
    /// Whether a bound was reached: something is counted and not named.
    pub truncated: bool,
    groups: Vec<Group>,
    by_code: HashMap<String, usize>,
    /// The groups met last: in most texts a few codes come again and again.
    recent: [usize; RECENT],
    files: Vec<String>,
    known_files: HashSet<String>,
    failures: Vec<String>,
    problems: Vec<Located>,
    located_errors: usize,
    line_number: u64,
}

impl Report {
    /// An empty one.
    #[must_use]
    pub fn new(tool: &'static str, kind: Kind, rank: Rank) -> Report {
        Report {
            tool,
            kind,
            rank,
            errors: 0,
            warnings: 0,
            stated: None,
            stated_fixable: None,
            fixable: 0,
            failed: false,
            first: None,
            first_line: 0,
            fix: None,
            suggestion: None,
            summary: None,
            retry_after_ms: None,
            truncated: false,
            groups: Vec::new(),
            by_code: HashMap::new(),
            recent: [0; RECENT],
            files: Vec::new(),
            known_files: HashSet::new(),
            failures: Vec::new(),
            problems: Vec::new(),
            located_errors: 0,
            line_number: 0,
        }
    }

    /// Tells which line comes next, from 1.
    pub(super) fn at_line(&mut self, number: u64) {
        self.line_number = number;
    }

    /// The number of the line being read, from 1.
    #[must_use]
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// Counts a problem under its code and file, and quotes the first error unless one is quoted.
    pub fn problem(&mut self, problem: &Problem<'_>) {
        self.count_code(problem);
        self.file(problem.file);
        if problem.severity == Severity::Error {
            self.quote(problem.message);
        }
        self.aside(problem);
    }

    /// Counts and remembers a problem that is beside the failure, such as a compiler's warning next to its
    /// errors: neither its code nor its file is said to be affected.
    pub fn aside(&mut self, problem: &Problem<'_>) {
        match problem.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if problem.fixable {
            self.fixable += 1;
        }
        self.locate(problem);
    }

    /// Remembers a problem with its place without counting it: for what is counted in another way, as
    /// failed tests are.
    pub fn place(&mut self, problem: &Problem<'_>) {
        self.locate(problem);
    }

    /// Errors stand before warnings, and take their room when there is none left.
    fn locate(&mut self, problem: &Problem<'_>) {
        let at = match problem.severity {
            Severity::Error => self.located_errors,
            Severity::Warning => self.problems.len(),
        };
        if at >= MAX_PROBLEMS {
            return;
        }
        self.problems.truncate(MAX_PROBLEMS - 1);
        let located = Located {
            severity: problem.severity,
            code: clip(problem.code, MAX_NAME),
            message: clip(problem.message, MAX_QUOTE),
            file: clip(problem.file, MAX_NAME),
            line: problem.line,
            column: problem.column,
        };
        self.problems.insert(at, located);
        self.located_errors += usize::from(problem.severity == Severity::Error);
    }

    fn count_code(&mut self, problem: &Problem<'_>) {
        if problem.code.is_empty() {
            return;
        }
        let slot = recent_slot(problem.code);
        let recent = self.recent[slot];
        let known = match self.groups.get(recent) {
            Some(group) if group.code == problem.code => Some(recent),
            _ => self.by_code.get(problem.code).copied(),
        };
        let index = match known {
            Some(index) => index,
            None if self.groups.len() < MAX_CODES && problem.code.len() <= MAX_NAME => {
                let index = self.groups.len();
                self.by_code.insert(problem.code.to_owned(), index);
                self.groups.push(Group {
                    code: problem.code.to_owned(),
                    rule: clip(problem.rule, MAX_NAME),
                    example: clip(problem.message, MAX_QUOTE),
                    ..Group::default()
                });
                index
            }
            None => {
                self.truncated = true;
                return;
            }
        };
        self.recent[slot] = index;
        let Some(group) = self.groups.get_mut(index) else { return };
        group.count += 1;
        group.fixable += u64::from(problem.fixable);
        let known = group.files.last().is_some_and(|last| last == problem.file);
        if !known
            && !problem.file.is_empty()
            && group.files.len() < MAX_FILES_OF_CODE
            && !group.files.iter().any(|file| file == problem.file)
        {
            group.files.push(clip(problem.file, MAX_NAME));
        }
    }

    /// Counts a problem many times over, for tables of totals; it has no place.
    pub fn tally(&mut self, problem: &Problem<'_>, times: u64) {
        let Some(more) = times.checked_sub(1) else { return };
        self.problem(problem);
        match problem.severity {
            Severity::Error => self.errors += more,
            Severity::Warning => self.warnings += more,
        }
        if problem.fixable {
            self.fixable += more;
        }
        if let Some(group) =
            self.by_code.get(problem.code).and_then(|index| self.groups.get_mut(*index))
        {
            group.count += more;
            group.fixable += if problem.fixable { more } else { 0 };
        }
    }

    /// Counts under a code alone: for what is not a problem of its own, such as an error's class.
    pub fn code(&mut self, code: &str) {
        self.count_code(&Problem { code, ..Problem::ERROR });
    }

    /// Remembers a file that is affected; an empty name is none.
    pub fn file(&mut self, file: &str) {
        if file.is_empty()
            || self.files.last().is_some_and(|last| last == file)
            || self.known_files.contains(file)
        {
            return;
        }
        if self.files.len() >= MAX_FILES || file.len() > MAX_PATH {
            self.truncated = true;
            return;
        }
        self.known_files.insert(file.to_owned());
        self.files.push(file.to_owned());
    }

    /// Quotes this as the cause unless something is quoted already; an empty text is nothing.
    pub fn quote(&mut self, text: &str) {
        if self.first.is_none() && !text.trim().is_empty() {
            self.requote(text);
        }
    }

    /// Quotes this as the cause, whatever was quoted.
    pub fn requote(&mut self, text: &str) {
        self.first = Some(clip(text.trim(), MAX_QUOTE));
        if self.first_line == 0 {
            self.first_line = self.line_number;
        }
    }

    /// Remembers a failed test by name and counts it as an error.
    pub fn failed_test(&mut self, name: &str, file: &str) {
        self.errors += 1;
        self.file(file);
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(clip(name.trim(), MAX_QUOTE));
        } else {
            self.truncated = true;
        }
        if self.first_line == 0 {
            self.first_line = self.line_number;
        }
    }

    /// Whether this is about a failure.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.failed || self.errors > 0
    }

    /// By code, in order of appearance.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The affected files, in order of appearance.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Names of failed tests, in order of appearance.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Problems with their places: the errors in order of appearance, then the warnings.
    #[must_use]
    pub fn problems(&self) -> &[Located] {
        &self.problems
    }

    /// How many problems there are: the tool's own total where it states one.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.stated.unwrap_or(self.errors + self.warnings)
    }

    /// How many of them the tool repairs by itself, where it says so.
    #[must_use]
    pub fn total_fixable(&self) -> Option<u64> {
        self.stated_fixable.or((self.fixable > 0).then_some(self.fixable))
    }

    /// Forgets the codes, for tools whose totals are what counts.
    pub fn forget_codes(&mut self) {
        self.groups.clear();
        self.by_code.clear();
    }
}

/// Where a code's group is looked for first: by what tells codes of one tool apart, their ends.
fn recent_slot(code: &str) -> usize {
    let bytes = code.as_bytes();
    let end =
        bytes.iter().rev().take(3).fold(bytes.len(), |sum, byte| sum * 7 + usize::from(*byte));
    end % RECENT
}

/// The largest index up to `most` that is between characters.
#[must_use]
pub fn floor_boundary(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    (most.saturating_sub(3)..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The first `most` characters, ending in an ellipsis when there are more.
#[must_use]
pub fn clip(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    match text.char_indices().nth(most.saturating_sub(1)) {
        Some((at, _)) if text[at..].chars().nth(1).is_some() => format!("{}…", &text[..at]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_still_counted() {
        let mut report = Report::new("tool", Kind::Linter, Rank::Diagnostics);
        for n in 0..MAX_CODES + 10 {
            let (code, file) = (format!("C{n}"), format!("f{n}"));
            report.problem(&Problem { code: &code, file: &file, ..Problem::ERROR });
        }
        assert_eq!(report.groups().len(), MAX_CODES);
        assert_eq!(report.errors as usize, MAX_CODES + 10);
        assert_eq!(report.problems().len(), MAX_PROBLEMS);
        assert!(report.truncated);
    }

    #[test]
    fn the_first_error_is_quoted_and_warnings_are_not() {
        let mut report = Report::new("tool", Kind::Linter, Rank::Diagnostics);
        let warning = Problem { severity: Severity::Warning, message: "w", ..Problem::ERROR };
        report.problem(&warning);
        assert_eq!(report.first, None);
        report.problem(&Problem { message: "one", ..Problem::ERROR });
        report.problem(&Problem { message: "two", ..Problem::ERROR });
        assert_eq!(report.first.as_deref(), Some("one"));
        assert_eq!((report.errors, report.warnings, report.total()), (2, 1, 3));
        let messages: Vec<&str> =
            report.problems().iter().map(|found| found.message.as_str()).collect();
        assert_eq!(messages, ["one", "two", "w"]);
    }

    #[test]
    fn errors_take_the_room_of_warnings() {
        let mut report = Report::new("tool", Kind::Linter, Rank::Diagnostics);
        for severity in [Severity::Warning, Severity::Error, Severity::Warning] {
            for _ in 0..MAX_PROBLEMS - 1 {
                report.problem(&Problem { severity, ..Problem::ERROR });
            }
        }
        let warnings =
            report.problems().iter().filter(|found| found.severity == Severity::Warning).count();
        assert_eq!((report.problems().len(), warnings), (MAX_PROBLEMS, 1));
    }

    #[test]
    fn clipping_counts_characters_and_marks_the_cut() {
        assert_eq!(clip("漢字漢字", 4), "漢字漢字");
        assert_eq!(clip("漢字漢字漢", 4), "漢字漢…");
        assert_eq!(clip("abc", 3), "abc");
    }
}
