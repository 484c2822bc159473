//! PHPStan's table (<https://phpstan.org/user-guide/output-format>,
//! `src/Command/ErrorFormatter/TableErrorFormatter.php`).
//!
//! ```text
//!  ------ ---------------------------------------------------
//!   Line   src/Cart.php
//!  ------ ---------------------------------------------------
//!   12     Method Cart::total() should return int but returns string.
//!          🪪  return.type
//!  ------ ---------------------------------------------------
//!
//!  [ERROR] Found 2 errors
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "phpstan",
    markers: &["  Line   ", " [ERROR] Found "],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| heading(line).is_some_and(|file| file.ends_with(".php")))
            && sample.lines().any(|line| line.starts_with(" ------ "))
    },
    start: || Box::new(Phpstan::default()),
};

#[derive(Default)]
struct Phpstan {
    file: String,
    /// Row and message of an error that may go on.
    open: Option<(u32, String, String)>,
}

/// Bytes of a message put together.
const MAX_MESSAGE: usize = 1000;

impl Dialect for Phpstan {
    fn report(&self) -> Report {
        Report::new("phpstan", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(rest) = line.strip_prefix(' ') else { return self.tell(report) };
        if let Some(count) = rest.strip_prefix("[ERROR] Found ") {
            self.tell(report);
            if let Some((count, rest)) = number(count)
                && rest.starts_with(" error")
            {
                report.stated = Some(u64::from(count));
                report.failed |= count > 0;
            }
        } else if let Some(file) = heading(line) {
            self.tell(report);
            file.clone_into(&mut self.file);
        } else if self.file.is_empty() || rest.starts_with('-') {
            self.tell(report);
        } else if let Some((row, message)) = row(rest) {
            self.tell(report);
            self.open = Some((row, message.to_owned(), String::new()));
        } else if let Some((_, message, code)) = &mut self.open {
            let more = rest.trim();
            if let Some((_, identifier)) = more.split_once("\u{1faaa}") {
                identifier.trim().clone_into(code);
            } else if !more.is_empty() && code.is_empty() && message.len() < MAX_MESSAGE {
                message.push(' ');
                message.push_str(more);
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.tell(report);
    }
}

impl Phpstan {
    fn tell(&mut self, report: &mut Report) {
        let Some((line, message, code)) = self.open.take() else { return };
        let file = &self.file;
        report.problem(&Problem { code: &code, message: &message, file, line, ..Problem::ERROR });
    }
}

/// The file of `  Line   src/Cart.php`.
fn heading(line: &str) -> Option<&str> {
    let file = line.strip_prefix("  Line ")?.trim();
    (!file.is_empty()).then_some(file)
}

/// `  12     message`, with the first blank gone; where no line is known there is a colon.
fn row(rest: &str) -> Option<(u32, &str)> {
    let text = rest.strip_prefix(' ')?;
    let (row, message) = match text.strip_prefix(':') {
        Some(message) => (0, message),
        None => number(text)?,
    };
    let message = message.strip_prefix("  ")?.trim();
    (!message.is_empty()).then_some((row, message))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn rows_are_errors_and_messages_go_on_below() {
        let text = " ------ -----------\n  Line   src/A.php\n ------ -----------\n  7      Call to an undefined\n         method A::b().\n         \u{1faaa}  method.notFound\n  9      Undefined variable: $x\n ------ -----------\n\n [ERROR] Found 2 errors\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("phpstan", Some(2)));
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Call to an undefined method A::b().")
        );
        assert_eq!(found.details.errors_by_type["method.notFound"], 1);
        assert_eq!(found.details.affected_files, ["src/A.php"]);
    }
}
