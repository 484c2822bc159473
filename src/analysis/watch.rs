//! The watch: lines that look like the cause of a failure, for texts no dialect understands.
//!
//! Every sampled line is given points for how it is worded; the best of them, the earliest when they
//! are equal, is what a summary quotes. It holds one line and a few counts.

use super::report::{MAX_QUOTE, clip};
use super::sample::Sample;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Watch {
    first: Option<String>,
    last: Option<String>,
    best: Option<(u32, String)>,
}

/// Beginnings of lines that name the cause: what programs print by convention (GNU Coding Standards 4.4
/// `program: message`, Rust `error:`, Git `fatal:`, runtimes `Error: …`).
const STARTS: [(&str, u32); 20] = [
    ("fatal error", 90),
    ("fatal:", 90),
    ("FATAL", 90),
    ("panic:", 90),
    ("PANIC", 80),
    ("error:", 80),
    ("Error:", 80),
    ("ERROR:", 80),
    ("ERROR ", 70),
    ("ERR!", 70),
    ("error ", 60),
    ("Error ", 60),
    ("E: ", 60),
    ("Unhandled ", 80),
    ("Uncaught ", 80),
    ("Exception ", 70),
    ("CRITICAL", 80),
    ("Failed ", 50),
    ("failed ", 40),
    ("Cannot ", 50),
];

/// Words that tell of a failure wherever they stand.
const WORDS: [(&str, u32); 26] = [
    ("error:", 50),
    ("Error:", 55),
    ("ERROR:", 50),
    ("Exception:", 55),
    ("Exception", 35),
    ("fatal:", 50),
    (" failed", 30),
    (" FAILED", 35),
    ("Failed to", 40),
    ("failed to", 35),
    ("cannot ", 30),
    ("Cannot ", 30),
    ("could not ", 35),
    ("Could not ", 35),
    ("couldn't ", 30),
    ("unable to", 35),
    ("Unable to", 35),
    ("not found", 30),
    ("No such file", 40),
    ("ermission denied", 40),
    ("refused", 30),
    ("denied", 25),
    ("invalid", 20),
    ("Invalid", 20),
    ("undefined", 20),
    ("missing", 15),
];

/// Wording that takes the alarm out of a line.
const CALM: [&str; 6] = ["if you", "warning", "Warning", "deprecated", "error-", "retry"];

/// Wording of success: such a line is never the cause, and never repeated of a command that failed.
const SUCCESS: [&str; 16] = [
    "0 error",
    "no error",
    "No error",
    "0 failed",
    "0 failures",
    "without error",
    "errors: 0",
    "0 problems",
    "no problems",
    "no issues",
    "No issues",
    "uccess",
    "ucceeded",
    "passed",
    "completed",
    "ll done",
];

/// [`WORDS`] as one automaton: a line is read once for all of them.
static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = WORDS.iter().map(|(word, _)| word);
    AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(words).ok()
});

/// Statements that all is well, in lower case. No summary of a command that failed may have one, not
/// even in a quotation.
const CLAIMS: [&str; 12] = [
    "all checks passed",
    "all tests passed",
    "tests passed",
    "no issues found",
    "no problems",
    "no errors",
    " 0 errors",
    "all done",
    "all good",
    "build succeeded",
    "completed successfully",
    "success:",
];

/// Whether a text claims that all is well.
#[must_use]
pub fn claims_success(text: &str) -> bool {
    let lower = text.to_lowercase();
    CLAIMS.iter().any(|claim| lower.contains(claim))
}

impl Watch {
    /// Looks at one part's sample; `first` when it is the text's first.
    pub fn sample(&mut self, sample: &Sample, first: bool) {
        for line in sample.lines() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if first && self.first.is_none() {
                self.first = Some(clip(line, MAX_QUOTE));
            }
            let best = self.best.as_ref().map_or(0, |(best, _)| *best);
            let points = points(line, best);
            if points > best {
                self.best = Some((points, clip(line, MAX_QUOTE)));
            }
        }
        if let Some(last) = sample.lines().map(str::trim).rfind(|line| !line.is_empty()) {
            self.last = Some(clip(last, MAX_QUOTE));
        }
    }

    /// The line most likely to be the cause, when any looks like one.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.best.as_ref().map(|(_, line)| line.as_str())
    }

    /// The first line that is not empty.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// The last line that is not empty.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }
}

/// How much a line looks like a cause; 0 when it does not, or not more than the best so far.
fn points(line: &str, best: u32) -> u32 {
    if line.len() > 2000 {
        return 0;
    }
    let start = STARTS.iter().find(|(start, _)| line.starts_with(start)).map_or(0, |found| found.1);
    let points = start.max(word_points(line));
    if points == 0 || points + 3 * MAX_PARTS <= best {
        return 0;
    }
    if SUCCESS.iter().any(|success| line.contains(success)) || claims_success(line) {
        return 0;
    }
    let calm = CALM.iter().any(|calm| line.contains(calm));
    // `program: cannot do: reason`, the convention of system tools.
    let parts = line.split(": ").take(MAX_PARTS as usize).count() as u32;
    let points = points + 3 * parts;
    if calm { points / 3 } else { points }
}

/// Parts of a line that count.
const MAX_PARTS: u32 = 3;

fn word_points(line: &str) -> u32 {
    let Some(finder) = &*FINDER else { return 0 };
    let found = finder.find_overlapping_iter(line);
    found.map(|word| WORDS[word.pattern().as_usize()].1).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::clean::Cleaner;
    use super::*;

    fn cause(text: &str) -> Option<String> {
        let mut watch = Watch::default();
        watch.sample(&Sample::of(text, &Cleaner::default(), true), true);
        watch.cause().map(str::to_owned)
    }

    #[test]
    fn the_line_that_names_the_failure_is_found() {
        let text = "starting\nloading 3 files\nwidgetc: cannot open 'x.cfg': No such file or directory\nbye";
        assert_eq!(cause(text).unwrap(), "widgetc: cannot open 'x.cfg': No such file or directory");
        assert_eq!(cause("a\n  error: one\nerror: two").unwrap(), "error: one");
    }

    #[test]
    fn a_text_without_alarm_has_no_cause() {
        assert_eq!(cause("all is well\n3 files written\n"), None);
        assert_eq!(cause(""), None);
    }

    #[test]
    fn calm_wording_loses_to_any_alarm_and_success_is_none() {
        assert_eq!(cause("error: retry in a moment\ncould not bind").unwrap(), "could not bind");
        assert_eq!(cause("finished with 0 errors: ok\nerror: none, all passed"), None);
    }
}
