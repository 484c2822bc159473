//! Rollup and Vite, which builds with it (<https://rollupjs.org/troubleshooting/>,
//! `cli/logging.ts`; `packages/vite/src/node/build.ts`).
//!
//! ```text
//! rollup   [!] RollupError: Could not resolve "./x.js" from "src/a.js"      ([!] (plugin commonjs) …)
//!          src/a.js (1:9)
//! vite     error during build:
//!          src/main.js (1:9): "render" is not exported by "src/render.js", imported by "src/main.js".
//!          file: /app/src/main.js:1:9
//! rolldown error during build:
//!          Build failed with 2 errors:
//!
//!          [UNRESOLVED_IMPORT] Error: Could not resolve './x' in src/main.js
//!             ╭─[ src/main.js:1:15 ]
//! ```

use super::super::location::{Place, colons, number};
use super::{Missing, between};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "rollup",
    markers: &[
        "[!] ",
        "error during build:",
        "error when starting dev server:",
        " ERROR  Build failed with ",
        "RollupError: ",
        "RolldownError: ",
    ],
    recognises,
    start: || Box::new(Rollup::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| start(line).is_some())
}

/// What is awaited.
#[derive(Default, PartialEq, Eq)]
enum State {
    /// A build that says it failed.
    #[default]
    Before,
    /// Its message.
    Message,
    /// The place of the last message.
    Place,
    /// Nothing more but further errors of Rolldown.
    After,
}

#[derive(Default)]
struct Rollup {
    state: State,
    message: String,
    missing: Missing,
    stated: Option<u64>,
    /// Rolldown prints several errors, each with its code.
    several: bool,
}

impl Dialect for Rollup {
    fn report(&self) -> Report {
        Report::new("rollup", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match self.state {
            State::Before => match start(line) {
                Some("") => {
                    report.tool = if line.starts_with(' ') { "rolldown" } else { "vite" };
                    if let Some(total) = total(line) {
                        self.stated = Some(total);
                        self.several = true;
                    }
                    self.state = State::Message;
                }
                Some(said) => self.message(said, report),
                None => {}
            },
            State::Message if line.trim().is_empty() => {}
            State::Message => {
                let line = line.trim();
                if let Some(total) = total(line) {
                    self.stated = Some(total);
                    self.several = true;
                } else {
                    self.message(line, report);
                }
            }
            State::Place => self.place_line(line, report),
            State::After => {
                if self.several && (rolldown(line).is_some() || esbuild(line).is_some()) {
                    self.message(line, report);
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle("", 0, 0, report);
        if self.state != State::Before {
            report.failed = true;
            report.quote("error during build");
        }
        report.stated = self.stated.filter(|stated| *stated > report.errors);
        if report.stated.is_none() {
            report.fix = self.missing.fix();
        }
    }
}

impl Rollup {
    fn message(&mut self, said: &str, report: &mut Report) {
        self.settle("", 0, 0, report);
        said.clone_into(&mut self.message);
        self.state = State::Place;
        report.quote(said);
    }

    /// A line below the message: the place, or the stack that ends the search for it.
    fn place_line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim();
        if self.several && (rolldown(line).is_some() || esbuild(line).is_some()) {
            self.message(line, report);
        } else if let Some(place) = text.strip_prefix("file: ").and_then(colons) {
            self.settle(place.file, place.line, place.column, report);
        } else if let Some((file, row, column)) = in_parentheses(text) {
            self.settle(file, row, column, report);
        } else if let Some(place) = frame(text) {
            self.settle(place.0, place.1, place.2, report);
        } else if text.starts_with("at ") {
            self.settle("", 0, 0, report);
        }
    }

    /// Counts the message, at the place below it unless it names one itself.
    fn settle(&mut self, file: &str, line: u32, column: u32, report: &mut Report) {
        if self.state == State::Place {
            self.state = State::After;
        }
        if self.message.is_empty() {
            return;
        }
        let message = std::mem::take(&mut self.message);
        let own = own_place(&message)
            .or_else(|| esbuild(&message).map(|place| (place.file, place.line, place.column)));
        let (file, line, column) = own.unwrap_or((file, line, column));
        let importer = between(&message, " from \"", '"').filter(|_| file.is_empty());
        let import = between(&message, "failed to resolve import \"", '"');
        self.missing.note(import);
        // The server was not even begun.
        if message.starts_with("Error: Port ") && message.ends_with(" is already in use") {
            report.kind = Kind::NetworkError;
        }
        let code = rolldown(&message).unwrap_or_default();
        let file = importer.unwrap_or(file);
        report.problem(&Problem { code, message: &message, file, line, column, ..Problem::ERROR });
    }
}

/// What a line says that begins the failure; nothing where the message comes in the next.
fn start(line: &str) -> Option<&str> {
    if let Some(said) = line.strip_prefix("[!] ") {
        return (!said.is_empty()).then_some(said);
    }
    match line.as_bytes().first()? {
        b'e' => line
            .strip_prefix("error during build:")
            .or_else(|| line.strip_prefix("error when starting dev server:"))
            .map(str::trim),
        b'R' if line.starts_with("RollupError: ") || line.starts_with("RolldownError: ") => {
            Some(line)
        }
        // Rolldown's own command line.
        b' ' if line.starts_with(" ERROR  Build failed with ") => Some(""),
        _ => None,
    }
}

/// `Build failed with 2 errors:`, `[vite:esbuild] Transform failed with 1 error:`
fn total(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(" failed with ")?;
    let (total, rest) = number(rest)?;
    (rest == " error:" || rest == " errors:").then_some(u64::from(total))
}

/// `/app/src/a.ts:3:5: ERROR: said`, as esbuild reports to those who call it.
fn esbuild(line: &str) -> Option<Place<'_>> {
    memchr::memmem::find(line.as_bytes(), b": ERROR: ")?;
    colons(line).filter(|place| place.rest.starts_with("ERROR: "))
}

/// `src/main.js (1:9): said`, `[vite:css] src/a.css (1:9): said`
fn own_place(message: &str) -> Option<(&str, u32, u32)> {
    let (before, _) = message.split_once("): ")?;
    let (file, place) = before.rsplit_once(" (")?;
    let (line, rest) = number(place)?;
    let (column, _) = number(rest.strip_prefix(':')?)?;
    let file = file.rsplit_once(' ').map_or(file, |(_, file)| file);
    (!file.is_empty()).then_some((file, line, column))
}

/// `src/a.js (1:9)`; or the file alone.
fn in_parentheses(text: &str) -> Option<(&str, u32, u32)> {
    if let Some((file, place)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) {
        let (line, rest) = number(place)?;
        let (column, rest) = number(rest.strip_prefix(':')?)?;
        return (rest.is_empty() && !file.starts_with("at ")).then_some((file, line, column));
    }
    let file = !text.contains([' ', ':', '`', '('])
        && text.rsplit_once('.').is_some_and(|(_, end)| {
            (1..=6).contains(&end.len()) && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    (file && !text.starts_with("http")).then_some((text, 0, 0))
}

/// `╭─[ src/main.js:1:15 ]`
fn frame(text: &str) -> Option<(&str, u32, u32)> {
    let inner = text.strip_prefix("╭─[")?.split_once(']')?.0.trim();
    let place = colons(inner)?;
    Some((place.file, place.line, place.column))
}

/// The code of `[UNRESOLVED_IMPORT] Error: said`.
fn rolldown(line: &str) -> Option<&str> {
    let (code, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let shaped =
        code.len() > 3 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    (shaped && (rest.starts_with("Error: ") || rest.starts_with("Warning: "))).then_some(code)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_plugin_s_error_is_quoted_with_its_place() {
        let text = "\nsrc/index.js → dist/out.js...\n[!] (plugin commonjs) SyntaxError: Unexpected token (3:5) in /app/src/a.js\n\
            src/a.js (3:5)\n\n1: x\n    at Object.parse (/app/node_modules/rollup/a.js:3:4)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["src/a.js"]);
    }

    #[test]
    fn several_errors_of_rolldown_are_counted_by_code() {
        let text = "✗ Build failed in 31ms\nerror during build:\nBuild failed with 2 errors:\n\n\
            [UNRESOLVED_IMPORT] Error: Could not resolve './x' in src/main.js\n   ╭─[ src/main.js:1:15 ]\n   │\n\n\
            [PARSE_ERROR] Error: Unexpected token\n   ╭─[ src/b.js:2:1 ]\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.affected_files, ["src/main.js", "src/b.js"]);
        assert_eq!(found.details.errors_by_type.len(), 2);
    }
}
