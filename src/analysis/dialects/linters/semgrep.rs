//! Semgrep's text (<https://semgrep.dev/docs/cli-reference>, `src/semgrep/formatter/text.py`).
//!
//! ```text
//!     src/app.py
//!    ❯❯❱ python.lang.security.audit.eval-detected
//!           Detected the use of eval().
//!
//!             4┆ eval(x)
//! Ran 10 rules on 1 file: 1 finding.
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "semgrep",
    markers: &["\u{276f}\u{2771} ", "\u{276f}\u{276f}\u{2771} ", "\u{2771} "],
    recognises: |sample: &Sample| sample.lines().any(|line| rule(line).is_some()),
    start: || Box::new(Semgrep::default()),
};

#[derive(Default)]
struct Semgrep {
    file: String,
    /// Rule and what is said so far; the code's lines follow a blank line.
    open: Option<(String, String)>,
}

/// Bytes of a message put together.
const MAX_MESSAGE: usize = 1000;

impl Dialect for Semgrep {
    fn report(&self) -> Report {
        Report::new("semgrep", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(name) = rule(line) {
            self.tell(report);
            self.open = Some((name.to_owned(), String::new()));
            return;
        }
        if line.is_empty() {
            if self.open.as_ref().is_some_and(|(_, message)| !message.is_empty()) {
                self.tell(report);
            }
        } else if let Some((_, message)) = &mut self.open {
            if message.len() < MAX_MESSAGE && !line.contains('\u{2506}') {
                if !message.is_empty() {
                    message.push(' ');
                }
                message.push_str(line.trim());
            }
        } else if let Some(file) = line.strip_prefix("    ")
            && !file.starts_with(' ')
            && file.contains(['/', '.'])
            && !file.contains(' ')
        {
            file.clone_into(&mut self.file);
        } else if let Some((_, rest)) = line.strip_prefix("Ran ").and_then(number)
            && let Some((_, findings)) = rest.rsplit_once(": ")
            && let Some((count, rest)) = number(findings)
            && rest.starts_with(" finding")
        {
            report.stated = Some(u64::from(count));
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.tell(report);
    }
}

impl Semgrep {
    fn tell(&mut self, report: &mut Report) {
        let Some((code, message)) = self.open.take() else { return };
        let file = &self.file;
        report.problem(&Problem { code: &code, message: &message, file, ..Problem::ERROR });
    }
}

/// `   ❯❯❱ python.lang.security.eval`: the more arrows, the worse.
fn rule(line: &str) -> Option<&str> {
    let text = line.strip_prefix("  ")?.trim_start();
    let name = text.trim_start_matches('\u{276f}').strip_prefix("\u{2771} ")?.trim();
    (name.contains('.') && !name.contains(' ')).then_some(name)
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn a_finding_has_its_file_above_and_its_message_below() {
        let text = "\n    src/a.py\n   \u{276f}\u{276f}\u{2771} python.lang.eval\n          Detected the use of\n          eval().\n\n            4\u{2506} eval(x)\n\nRan 10 rules on 1 file: 1 finding.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("semgrep", Some(1)));
        assert_eq!(found.details.affected_files, ["src/a.py"]);
        assert_eq!(found.details.first_error.as_deref(), Some("Detected the use of eval()."));
    }
}
