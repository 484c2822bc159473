//! Mocha, reporters that list failures at the end: spec, dot, min, list, nyan, progress
//! (<https://mochajs.org/#reporters>, `lib/reporters/base.js`). Cypress prints the same.
//!
//! ```text
//!   4 failing
//!
//!   1) List
//!        deep equals:
//!
//!       AssertionError [ERR_ASSERTION]: Expected values to be strictly deep-equal:
//!       at Context.<anonymous> (test/list.js:7:34)
//! ```

use super::failures::{Cause, Failures, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "mocha",
    markers: &[
        " failing\n",
        "Context.<anonymous> (",
        "Context.eval (",
        "Error: No test files found: ",
        " Exception during run: ",
    ],
    recognises,
    start: || Box::new(Mocha::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("Error: No test files found: ")
        || sample.has_line_starting(" Exception during run: ")
        || sample.lines().any(|line| failing(line).is_some())
        // The head was cut away.
        || (sample.has("      at Context.<anonymous> (") || sample.has("      at Context.eval ("))
            && sample.lines().any(|line| numbered(line).is_some())
}

/// Levels of suites in a title.
const MAX_LEVELS: u8 = 20;
/// Files of tests that took too long.
const MAX_TIMED_OUT: usize = 100;

#[derive(Default)]
struct Mocha {
    /// After a total without failures: what follows is of another run, or another program's.
    idle: bool,
    /// A title that goes on, and how many levels it has.
    title: Option<(String, u8)>,
    failures: Failures,
    cause: Cause,
    /// A list of failures has begun.
    listed: bool,
    /// Tests could not be loaded, and no file is known yet.
    loading: bool,
    /// The failure being listed has its file.
    placed: bool,
    /// Files of tests that took too long.
    timed_out: Vec<String>,
}

impl Dialect for Mocha {
    fn report(&self) -> Report {
        Report::new("mocha", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !line.starts_with("  ") {
            if let Some(said) = line.strip_prefix(" Exception during run: ") {
                // It could not load the tests; the stack names the first file of theirs.
                report.failed = true;
                report.quote(said);
                self.loading = true;
            } else if self.loading && line.starts_with("- ") {
                self.loading = false;
                report.file(line.trim_start_matches("- "));
            } else if self.cause.is_open() && self.cause.is_bare() {
                self.cause.piece(line);
            } else if line.starts_with("Error: No test files found: ") {
                report.failed = true;
                report.quote(line);
            }
            return;
        }
        if line.ends_with(" failing")
            && let Some(count) = failing(line)
        {
            state(report, count);
            self.begin_list(count > 0, report);
            return;
        }
        if self.idle {
            return;
        }
        if let Some((title, levels)) = self.title.take() {
            self.continue_title(title, levels, line, report);
        } else if let Some(title) = numbered(line) {
            self.placed = false;
            self.begin_title(title, report);
        } else {
            self.detail(line.trim_start(), report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.failures.tell(report);
        // Timeouts have whole paths where frames have short ones.
        for file in &self.timed_out {
            if !report.files().iter().any(|known| file.ends_with(known.as_str())) {
                report.file(file);
            }
        }
        self.cause.tell(report);
        settle(report);
    }
}

impl Mocha {
    /// Numbered titles before a list were of tests as they failed; without a list they are what there is.
    fn begin_list(&mut self, failing: bool, report: &mut Report) {
        if !self.listed {
            self.failures = Failures::default();
            self.cause = Cause::default();
        }
        self.listed = true;
        self.title = None;
        self.idle = !failing;
        if failing {
            seen(report);
        }
    }

    fn begin_title(&mut self, title: &str, report: &mut Report) {
        match title.strip_suffix(':') {
            Some(title) => self.named(title, report),
            None => self.title = Some((title.to_owned(), 1)),
        }
    }

    /// Suites and test stand one below the other, each further in; the last ends in a colon.
    fn continue_title(&mut self, mut title: String, levels: u8, line: &str, report: &mut Report) {
        title.push(' ');
        match line.trim_start().strip_suffix(':') {
            Some(last) => {
                title.push_str(last);
                self.named(&title, report);
            }
            None if levels < MAX_LEVELS && title.len() < 1000 => {
                title.push_str(line.trim_start());
                self.title = Some((title, levels + 1));
            }
            None => self.named(&title, report),
        }
    }

    fn named(&mut self, title: &str, report: &mut Report) {
        self.failures.add(title, "", report);
        self.cause.begin(title, report);
    }

    fn detail(&mut self, text: &str, report: &mut Report) {
        if self.cause.is_open() {
            if self.cause.is_bare() {
                self.cause.piece(text);
            } else if text.starts_with("at ") {
                self.cause.close();
            }
        }
        if self.placed {
            return;
        }
        // Tests run with a `Context`; a timeout names its file.
        let place = if text.starts_with("at ")
            && memchr::memmem::find(text.as_bytes(), b"Context.").is_some()
        {
            text.rsplit_once('(').map(|(_, place)| place.trim_end_matches(')'))
        } else if text.starts_with("Error: Timeout of ") {
            text.rsplit_once(" (").and_then(|(_, place)| place.strip_suffix(')'))
        } else {
            None
        };
        if let Some(place) = place
            && !place.starts_with("node:")
        {
            let place = place.strip_prefix("file://").unwrap_or(place);
            // Cypress bundles: `webpack:///./cypress/e2e/a.cy.js`, `webpack://app/./cypress/…`.
            let place = match place.strip_prefix("webpack://") {
                Some(bundled) => bundled.split_once("./").map_or(bundled, |(_, path)| path),
                None => place,
            };
            let file = without_position(place);
            if text.starts_with("at ") {
                report.file(file);
            } else if self.timed_out.len() < MAX_TIMED_OUT {
                self.timed_out.push(file.to_owned());
            }
            self.placed = true;
        }
    }
}

/// `path` of `path:7:34`.
fn without_position(place: &str) -> &str {
    let cut = |text: &'_ str| -> usize {
        match text.rsplit_once(':') {
            Some((head, digits))
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                head.len()
            }
            _ => text.len(),
        }
    };
    let place = &place[..cut(place)];
    &place[..cut(place)]
}

/// `  4 failing`.
fn failing(line: &str) -> Option<u64> {
    let (count, rest) = number(line.strip_prefix("  ")?)?;
    (rest == " failing").then_some(u64::from(count))
}

/// `  12) title`.
fn numbered(line: &str) -> Option<&str> {
    let (_, rest) = number(line.strip_prefix("  ")?.trim_start())?;
    let indent = line.len() - line.trim_start().len();
    (indent <= 3).then(|| rest.strip_prefix(") "))?
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn suites_and_test_are_one_name() {
        let found = analyze(
            "\n  ..!\n\n  2 passing (5ms)\n  1 failing\n\n  1) Queue\n       #pop\n         takes the last:\n\n\
             \x20     AssertionError: expected 2 to equal 1\n      + expected - actual\n\n      at Context.<anonymous> (file:///app/test/queue.mjs:9:3)\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/test/queue.mjs"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Queue #pop takes the last - AssertionError: expected 2 to equal 1")
        );
    }
}
