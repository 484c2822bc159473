//! TypeScript's `tsc` (and `vue-tsc`, which prints alike), plain and pretty
//! (<https://www.typescriptlang.org/tsconfig/#pretty>).
//!
//! ```text
//! plain   src/a.ts(3,14): error TS2304: Cannot find name 'x'.
//! pretty  src/a.ts:3:14 - error TS2304: Cannot find name 'x'.
//! global  error TS18003: No inputs were found in config file …
//! ```

use super::super::location::{Place, colons, parentheses};
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};
use memchr::memmem::Finder;
use std::sync::LazyLock;

pub(super) static SPEC: Spec = Spec {
    name: "tsc",
    markers: &["error TS", "warning TS"],
    recognises: always,
    start: || Box::new(Tsc::default()),
};

/// What stands before every diagnostic's number.
static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" TS"));

/// Modules that could not be found, remembered to see whether they explain the rest.
const MAX_MISSING: usize = 50;

#[derive(Default)]
struct Tsc {
    missing: Vec<String>,
}

impl Dialect for Tsc {
    fn report(&self) -> Report {
        Report::new("tsc", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        // Elaborations and source lines are indented; a diagnostic never is.
        if line.as_bytes().first().is_none_or(|first| *first == b' ') {
            return;
        }
        // Angular's command and build services repeat the severity in front.
        let line = line.strip_prefix("Error: ").unwrap_or(line);
        let Some(at) = MARK.find(line.as_bytes()) else { return };
        let (place, text) = match place(line) {
            Some(place) => (place, place.rest.strip_prefix("- ").unwrap_or(place.rest)),
            None if at <= "warning".len() => {
                (Place { file: "", line: 0, column: 0, rest: line }, line)
            }
            None => return,
        };
        let (severity, rest) =
            match (text.strip_prefix("error TS"), text.strip_prefix("warning TS")) {
                (Some(rest), _) => (Severity::Error, rest),
                (None, Some(rest)) => (Severity::Warning, rest),
                (None, None) => return,
            };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(message) = rest[digits..].strip_prefix(':') else { return };
        let message = message.trim_start();
        let start = text.len() - rest.len() - 2;
        let code = &text[start..start + 2 + digits];
        if severity == Severity::Error {
            report.quote(text);
        }
        if matches!(code, "TS2307" | "TS7016") {
            self.note_missing(message);
        }
        if report.fix.is_none() {
            report.fix = install_hint(message);
        }
        let Place { file, line, column, .. } = place;
        report.problem(&Problem { severity, code, message, file, line, column, ..Problem::ERROR });
    }

    fn finish(&mut self, report: &mut Report) {
        if let [package] = self.missing.as_slice() {
            let title = format!("Install {package}");
            report.fix = Some(Fix { command: format!("npm install {package}"), title });
        }
    }
}

impl Tsc {
    /// `Cannot find module 'x' or its corresponding type declarations.`: a package unless it is a path.
    fn note_missing(&mut self, message: &str) {
        let Some(module) =
            message.strip_prefix("Cannot find module '").and_then(|rest| rest.split('\'').next())
        else {
            return;
        };
        if module.starts_with(['.', '/', '#', '~']) || module.starts_with("@/") || module.is_empty()
        {
            return;
        }
        let parts = if module.starts_with('@') { 2 } else { 1 };
        let package: Vec<&str> = module.split('/').take(parts).collect();
        let package = package.join("/");
        if self.missing.len() < MAX_MISSING && !self.missing.contains(&package) {
            self.missing.push(package);
        }
    }
}

fn place(line: &str) -> Option<Place<'_>> {
    parentheses(line).or_else(|| colons(line).filter(|place| place.rest.starts_with("- ")))
}

/// ``Try `npm i --save-dev @types/node` `` and alike: the compiler names the command itself.
fn install_hint(message: &str) -> Option<Fix> {
    let command = message.split_once("Try `npm i ")?.1.split('`').next()?;
    Some(Fix {
        command: format!("npm i {command}"),
        title: "Install missing type declarations".to_owned(),
    })
}
