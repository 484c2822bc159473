//! GHC, alone and under cabal and stack
//! (<https://downloads.haskell.org/ghc/latest/docs/users_guide/using-warnings.html>,
//! <https://errors.haskell.org/>).
//!
//! ```text
//! src/Main.hs:4:8: error: [GHC-88464]            (before 9.6 without the code)
//!     Variable not in scope: foo :: Integer -> IO ()
//!   |
//! 4 | main = foo 1
//! ```

use super::super::location::{Place, colons};
use super::{conclude, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "ghc",
    markers: &[".hs:", ".lhs:"],
    recognises: |sample: &Sample| sample.lines().any(|line| head(line).is_some()),
    start: || Box::new(Haskell::default()),
};

#[derive(Default)]
struct Haskell {
    /// What comes next is the message of this.
    pending: Option<Pending>,
}

struct Pending {
    severity: Severity,
    code: String,
    file: String,
    line: u32,
    column: u32,
}

impl Dialect for Haskell {
    fn report(&self) -> Report {
        Report::new("ghc", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if self.pending.is_some() && !line.is_empty() {
            // Messages of several parts have bullets.
            let text = line.trim_start_matches([' ', '\u{2022}', '*']);
            let indented = line.starts_with(' ');
            self.tell(if indented { text } else { "" }, report);
        }
        let Some((place, severity, rest)) = head(line) else { return };
        let (code, message) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((code, message)) if code.starts_with("GHC-") => (code, message.trim()),
            _ => ("", rest.trim()),
        };
        // A warning has its option in brackets as well.
        let message = if message.starts_with("[-W") { "" } else { message };
        let (file, line) = (place.file.to_owned(), place.line);
        let code = code.to_owned();
        self.pending = Some(Pending { severity, code, file, line, column: place.column });
        if !message.is_empty() {
            self.tell(message, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.tell("", report);
        conclude(report);
    }
}

impl Haskell {
    fn tell(&mut self, message: &str, report: &mut Report) {
        let Some(Pending { severity, code, file, line, column }) = self.pending.take() else {
            return;
        };
        let problem =
            Problem { severity, code: &code, message, file: &file, line, column, ..Problem::ERROR };
        count(&problem, report);
    }
}

fn head(line: &str) -> Option<(Place<'_>, Severity, &str)> {
    if line.starts_with(' ') {
        return None;
    }
    memchr::memmem::find(line.as_bytes(), b"hs:")?;
    let place = colons(line)?;
    if !place.file.ends_with(".hs") && !place.file.ends_with(".lhs") {
        return None;
    }
    // `4:8-10: error`: a range of columns.
    let rest = place.rest.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
    let rest = rest.trim_start_matches(':').trim_start();
    if let Some(rest) = rest.strip_prefix("error:") {
        return Some((place, Severity::Error, rest.trim_start()));
    }
    rest.strip_prefix("warning:").map(|rest| (place, Severity::Warning, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_message_stands_below_the_place() {
        let text = "[1 of 1] Compiling Main\n\nsrc/Main.hs:4:8: error: [GHC-88464]\n    Variable not in scope: foo :: Integer -> IO ()\n  |\n4 | main = foo 1\n\nsrc/A.hs:9:1: warning: [-Wunused-top-binds]\n    Defined but not used: x\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!((found.details.error_count, found.details.warning_count), (Some(1), Some(1)));
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Variable not in scope: foo :: Integer -> IO ()")
        );
        assert_eq!(found.details.affected_files, ["src/Main.hs"]);
    }
}
