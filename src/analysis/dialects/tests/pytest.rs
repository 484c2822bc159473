//! pytest, all verbosities and traceback styles, with xdist, collection errors, usage errors and runs
//! without any test
//! (<https://docs.pytest.org/en/stable/how-to/output.html>, `src/_pytest/terminal.py`).
//!
//! ```text
//! ____________ test_debit ____________                        sections FAILURES and ERRORS
//! E       AssertionError: assert 300 == 200
//! === short test summary info ===
//! FAILED tests/test_a.py::test_debit - AssertionError: assert 300 == 200
//! ERROR tests/test_b.py - ModuleNotFoundError: No module named 'x'
//! === 6 failed, 4 passed, 1 error in 1.68s ===                without the rules under `-q`
//! ```
//! `-v` adds `tests/test_a.py::test_debit FAILED [ 15%]`, xdist `[gw0] [ 15%] FAILED tests/…`.

use super::failures::{Cause, Failures, seen, settle, state};
use super::pytest_lines::{listed, nothing_but_deselected, total};
use super::unittest::is_link;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "pytest",
    markers: &[
        "test session starts",
        "short test summary info",
        "= FAILURES =",
        "= ERRORS =",
        " failed in ",
        " failed, ",
        " passed in ",
        " passed, ",
        " error in ",
        " errors in ",
        "no tests ran",
        "pytest: error: ",
        "ImportError while loading conftest",
        "INTERNALERROR> ",
        "\nFAILED ",
        "[file_or_dir] [...]",
    ],
    recognises,
    start: || Box::new(Pytest::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has("pytest: error: ")
        || sample
            .lines()
            .any(|line| line.starts_with("ERROR: usage: ") && line.contains("[file_or_dir]"))
        || sample.has_line_starting("ImportError while loading conftest")
        || sample.has_line_starting("INTERNALERROR> ")
        || sample.lines().any(|line| match line.as_bytes().first() {
            Some(b'=') => {
                let words = line.trim_matches('=').trim();
                matches!(
                    words,
                    "test session starts" | "short test summary info" | "FAILURES" | "ERRORS"
                ) || total(words).is_some()
            }
            Some(b'0'..=b'9' | b'n') => total(line).is_some(),
            Some(b'F') => listed(line, "FAILED ").is_some_and(|(id, _)| id.contains(".py::")),
            _ => false,
        })
}

/// Messages of failures remembered by their headings, to complete what the list at the end cuts.
const MAX_MESSAGES: usize = 20;

#[derive(Default)]
struct Pytest {
    /// From the list at the end.
    listed: Failures,
    /// From the lines of `-v`.
    told: Failures,
    /// From the headings of the sections.
    headed: Failures,
    /// Headings and the first `E` line below each.
    messages: Vec<(String, String)>,
    /// How many of them are errors.
    before_failures: usize,
    /// The heading whose message comes.
    heading: Option<String>,
    /// In the section of failures or errors.
    in_section: bool,
    /// The first failure and the first error of the list; failures are listed first.
    first: Option<String>,
    /// What went wrong before any test ran.
    cause: Cause,
    /// The total was of no tests.
    empty: bool,
    /// pytest's word on arguments it cannot use: files and tests it did not find.
    refusal: Option<String>,
}

impl Dialect for Pytest {
    fn report(&self) -> Report {
        Report::new("pytest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b'=' => self.rule(line.trim_matches('=').trim(), report),
            b'_' if self.in_section => self.heading(line, report),
            b'E' if line.starts_with("E  ") => self.message(line.get(1..).unwrap_or_default()),
            b'E' => {
                if let Some((id, reason)) = listed(line, "ERROR ") {
                    self.list("ERROR ", id, reason, report);
                } else if !self.in_section
                    && let Some(words) = line.strip_prefix("ERROR: ")
                {
                    self.refuse(line, words);
                }
            }
            b'F' => {
                if let Some((id, reason)) = listed(line, "FAILED ") {
                    self.list("FAILED ", id, reason, report);
                }
            }
            b'I' if line.starts_with("ImportError while loading conftest") => {
                report.failed = true;
                self.cause.begin(line, report);
                report.file(line.split('\'').nth(1).unwrap_or_default());
            }
            b'I' if line.starts_with("INTERNALERROR> ") => self.internal(line, report),
            b'!' => self.interrupted(line.trim_matches('!').trim(), report),
            b'0'..=b'9' | b'n' if line.ends_with(['s', ')']) => self.total(line, report),
            b'[' if line.starts_with("[gw") => self.worker(line, report),
            b' ' => {}
            // Of chained exceptions the last failed the test.
            b'T' | b'D' if self.in_section && is_link(line) => {
                self.heading =
                    self.messages.pop().map(|(heading, _)| heading).or(self.heading.take());
            }
            _ => {
                if line.len() > 8 && line.ends_with("%]") {
                    self.progress(line, report);
                } else if first == b'p'
                    && line.starts_with("py")
                    && line.contains("pytest: error: ")
                {
                    report.failed = true;
                    self.cause.begin(line, report);
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        Failures::tell_best(&[&self.listed, &self.told, &self.headed], report);
        if report.errors == 0 && (self.empty || report.stated.is_none()) {
            self.not_run(report);
        }
        // Errors of setup stand before failures, and are told after them.
        let told = self.messages.get(self.before_failures).or(self.messages.first());
        match (&self.first, told) {
            (Some(first), _) => report.quote(first),
            (None, Some((heading, message))) if report.errors > 0 => {
                report.quote(&format!("{heading} - {message}"));
            }
            _ => {}
        }
        self.cause.tell(report);
        settle(report);
        if report.first.is_none()
            && let Some(name) = self.told.first().or(self.headed.first())
        {
            let word = if name.starts_with("ERROR ") { "" } else { "FAILED " };
            report.quote(&format!("{word}{name}"));
        }
    }
}

impl Pytest {
    /// `ERROR: file or directory not found: x`. Other programs print such lines too: those are
    /// believed when no test ran.
    fn refuse(&mut self, line: &str, words: &str) {
        let usage = words.starts_with("usage: ");
        let own =
            ["usage: ", "file or directory not found: ", "not found: ", "found no collectors"]
                .iter()
                .any(|start| words.starts_with(start));
        // What is wrong comes after the usage.
        if usage && self.refusal.is_none() {
            self.refusal = Some(String::new());
        } else if !usage
            && (own || self.empty)
            && self.refusal.as_ref().is_none_or(String::is_empty)
        {
            self.refusal = Some(line.to_owned());
        }
    }

    /// Ends the reading of a run that came to no test.
    fn not_run(&mut self, report: &mut Report) {
        if let Some(refusal) = &self.refusal {
            report.failed = true;
            report.quote(refusal);
            report.stated = Some(1);
        }
        self.cause.tell(report);
        if !report.failed {
            return;
        }
        if report.stated.is_none() {
            report.stated = Some(1);
        }
        let words = report.first.as_deref().unwrap_or("wrong arguments");
        report.summary = Some(format!("Tests did not run: {words}"));
    }

    /// Words within a rule of `=`: a section's title or the total.
    fn rule(&mut self, words: &str, report: &mut Report) {
        match words {
            "FAILURES" | "ERRORS" => {
                self.in_section = true;
                if words == "FAILURES" {
                    self.before_failures = self.messages.len();
                }
            }
            _ => {
                if words.ends_with(['s', ')']) {
                    self.total(words, report);
                }
                self.in_section = false;
            }
        }
        self.heading = None;
    }

    fn total(&mut self, words: &str, report: &mut Report) {
        let Some(count) = total(words) else { return };
        state(report, count);
        if count > 0 {
            seen(report);
        } else if words.starts_with("no tests ran") || nothing_but_deselected(words) {
            report.failed = true;
            self.empty = true;
            self.cause.begin(words, report);
            seen(report);
        }
    }

    /// `_____ TestA.test_b _____`, `____ ERROR at setup of test_c ____`.
    fn heading(&mut self, line: &str, report: &mut Report) {
        let words = line.trim_matches('_').trim();
        // Entries of one traceback are parted by `_ _ _ _`.
        if words.is_empty() || words.starts_with("_ ") || !line.starts_with("__") {
            return;
        }
        self.headed.add(words, "", report);
        let name = words
            .strip_prefix("ERROR at ")
            .and_then(|rest| rest.split_once(" of "))
            .map_or(words, |(_, name)| name);
        self.heading = Some(name.strip_prefix("ERROR collecting ").unwrap_or(name).to_owned());
    }

    fn message(&mut self, text: &str) {
        if self.cause.is_open() && self.cause.is_bare() {
            self.cause.piece(text);
        }
        if let Some(heading) = self.heading.take()
            && self.messages.len() < MAX_MESSAGES
        {
            self.messages.push((heading, text.trim().to_owned()));
        }
    }

    fn list(&mut self, word: &str, id: &str, reason: &str, report: &mut Report) {
        let file = id.split("::").next().unwrap_or(id);
        self.listed.add(id, file, report);
        // Failures stand before errors; a collection error stands alone.
        if self.first.is_none() {
            let reason = self.whole_reason(id, reason);
            let mark = if reason.is_empty() { "" } else { " - " };
            self.first = Some(format!("{word}{id}{mark}{reason}"));
        }
    }

    /// The reason in the list is cut to the terminal's width, or left out; the section has it whole.
    fn whole_reason<'r>(&'r self, id: &str, reason: &'r str) -> &'r str {
        let start = reason.strip_suffix("...").unwrap_or(reason);
        if !reason.is_empty() && start.len() == reason.len() {
            return reason;
        }
        let name = id.split_once("::").map_or(id, |(_, name)| name).replace("::", ".");
        self.messages
            .iter()
            .find(|(heading, message)| *heading == name && message.starts_with(start))
            .map_or(reason, |(_, message)| message)
    }

    /// `tests/test_a.py::test_b FAILED [ 15%]`.
    fn progress(&mut self, line: &str, report: &mut Report) {
        let Some((head, _)) = line.rsplit_once('[') else { return };
        let head = head.trim_end();
        // `tests/test_a.py .FF.E`: a file's tests, a letter each.
        if let Some((file, marks)) = head.rsplit_once(' ')
            && marks.contains(['F', 'E'])
            && marks.bytes().all(|mark| b".FEsxXR".contains(&mark))
        {
            report.file(file.trim_end());
            return;
        }
        let Some(id) = head.strip_suffix(" FAILED").or_else(|| head.strip_suffix(" ERROR")) else {
            return;
        };
        if let Some((file, _)) = id.split_once("::") {
            self.told.add(id, file, report);
        }
    }

    /// `[gw0] [ 15%] FAILED tests/test_a.py::test_b`.
    fn worker(&mut self, line: &str, report: &mut Report) {
        let Some((_, rest)) = line.split_once("%] ") else { return };
        let id = rest.strip_prefix("FAILED ").or_else(|| rest.strip_prefix("ERROR "));
        if let Some(id) = id
            && let Some((file, _)) = id.split_once("::")
        {
            self.told.add(id.trim_end(), file, report);
        }
    }

    /// pytest's own failure: the traceback's last line says why.
    fn internal(&mut self, line: &str, report: &mut Report) {
        report.failed = true;
        seen(report);
        let text = line.get("INTERNALERROR> ".len()..).unwrap_or_default();
        let exception = !text.starts_with(' ')
            && text.split([':', ' ']).next().is_some_and(|name| {
                name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Exit")
            });
        if exception && text != "INTERNALERROR" {
            report.requote(line);
        }
    }

    /// `!!!! Interrupted: 1 error during collection !!!!`, `!!!! KeyboardInterrupt !!!!`.
    fn interrupted(&mut self, words: &str, report: &mut Report) {
        if words.starts_with("_pytest.outcomes.Exit: ") || words == "KeyboardInterrupt" {
            report.failed = true;
            self.cause.begin(words, report);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{Analysis, analyze, status::Status};

    fn read(text: &str) -> Analysis {
        analyze(text, &Status::default(), None, 0)
    }

    #[test]
    fn the_total_wins_and_the_cut_reason_is_completed() {
        let found = read(
            "============================= test session starts ==============================\n\
             collected 3 items\n\n\
             =================================== FAILURES ===================================\n\
             __________________________________ TestA.test_b ________________________________\n\n\
             E       ValueError: a reason that is long enough to be cut\n\n\
             =========================== short test summary info ============================\n\
             FAILED a/test_a.py::TestA::test_b - ValueError: a reason that is lo...\n\
             ==================== 2 failed, 1 passed, 1 error in 0.12s =====================\n",
        );
        assert_eq!(found.details.error_count, Some(3));
        assert_eq!(
            found.details.first_error.as_deref(),
            Some(
                "FAILED a/test_a.py::TestA::test_b - ValueError: a reason that is long enough to be cut"
            )
        );
        assert_eq!(found.details.affected_files, ["a/test_a.py"]);
    }

    #[test]
    fn a_run_that_passes_is_no_failure() {
        let found = read(
            "....                                      [100%]\n4 passed, 1 warning in 0.02s\n",
        );
        assert_eq!(found.kind, crate::analysis::kind::Kind::Unknown);
    }

    #[test]
    fn wrong_arguments_are_quoted() {
        let found = read(
            "ERROR: usage: pytest [options] [file_or_dir]\npytest: error: unrecognized arguments: --x\n  inifile: None\n",
        );
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("pytest: error: unrecognized arguments: --x")
        );
    }
}
