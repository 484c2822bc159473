//! A build that says it failed, whoever drives it. The first error in the text is quoted; TypeScript's
//! are counted by code.
//!
//! ```text
//! Build failed            ✗ Build failed in 30ms          BUILD FAILED          ** BUILD FAILED **
//! Failed to compile.      ESM Build failed                Compilation failed    🚨 Build failed.
//! Command failed: npm run build
//! Error: Command "npm run build" exited with 1
//! ```
//! Any tool's own dialect that understands the text comes before it.

use super::super::location::{colons, number, parentheses};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "build-statement",
    markers: &[
        "uild failed",
        "uild Failed",
        "BUILD FAILED",
        "BUILD FAILURE",
        "ailed to compile",
        "ompilation failed",
        "uild FAILED",
        "ommand failed",
        "\" exited with ",
        "uild error",
        "error during build",
        "ailed to build",
        "ompilation error",
    ],
    recognises,
    start: || Box::new(Statement::default()),
};

/// How a statement begins, in lower case, and what may follow it.
const STATEMENTS: [&str; 12] = [
    "build failed",
    "build failure",
    "failed to compile",
    "failed to build",
    "compilation failed",
    "compilation error",
    "build error occurred",
    "build errors occurred",
    "error during build",
    "esm build failed",
    "cjs build failed",
    "dts build error",
];

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| !line.starts_with(['+', '-']) && statement(line).is_some())
}

#[derive(Default)]
struct Statement {
    /// The statement.
    said: Option<String>,
    /// What stood in the same line behind it.
    reason: Option<String>,
    /// The first line that reports an error.
    error: Option<String>,
    /// How many errors the statement names.
    stated: Option<u64>,
    /// TypeScript's errors, counted only if the build says it failed; bounded by the report.
    others: u64,
}

impl Dialect for Statement {
    fn report(&self) -> Report {
        Report::new("build", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        // A line of a difference says nothing of this build.
        let changed =
            matches!(line.as_bytes(), [b'+' | b'-', second, ..] if second.is_ascii_alphanumeric());
        if changed || line.is_empty() || line.starts_with("    at ") {
            return;
        }
        let at = memchr::memmem::find(line.as_bytes(), b"rror");
        if at.is_some()
            && let Some(found) = typescript(line)
        {
            report.quote(found.said);
            report.problem(&found.problem);
        } else if let Some((said, reason)) = statement(line) {
            let total = reason
                .strip_prefix("with ")
                .and_then(number)
                .filter(|(_, rest)| rest.trim_start().starts_with("error"));
            if let Some((total, _)) = total {
                self.stated = Some(u64::from(total));
            } else if self.reason.is_none() && is_reason(reason) {
                self.reason = Some(reason.trim_start_matches([':', ' ']).to_owned());
            }
            if self.said.is_none() {
                self.said = Some(said.to_owned());
            }
        } else if let Some((said, file)) = error(line, at) {
            self.others += 1;
            if self.error.is_none() {
                self.error = Some(said.to_owned());
                // Only the place of what is quoted is told.
                if let Some(file) = file {
                    report.file(file);
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        let Some(said) = self.said.take() else {
            *report = Report::new("build", Kind::BuildFailure, Rank::Wrapper);
            return;
        };
        report.failed = true;
        if report.errors == 0 {
            report.errors = self.others.max(1);
            // A statement's own reason, then an error anywhere, then the statement.
            let cause = self.reason.take().or_else(|| self.error.take()).unwrap_or(said);
            report.requote(&cause);
        }
        report.stated = self.stated;
        report.first_line = u64::MAX;
    }
}

/// A line that says a build failed: the whole of it, and what follows the words.
fn statement(line: &str) -> Option<(&str, &str)> {
    // Symbols, brackets and a tool's name in brackets may stand in front.
    let text = line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '"');
    let first = *text.as_bytes().first()?;
    let known = matches!(
        first,
        b'B' | b'b' | b'F' | b'f' | b'C' | b'c' | b'E' | b'e' | b'D' | b'x' | b'X' | b'n'
    );
    // What a test or a source quotes is indented.
    if !known || line.len() > 2000 || line.starts_with("   ") || line.starts_with('\t') {
        return None;
    }
    let text = text.strip_prefix("x ").or_else(|| text.strip_prefix("X ")).unwrap_or(text);
    let text = [
        "Error: ",
        "error: ",
        "ERROR: ",
        "ERROR] ",
        "error] ",
        "ERROR ",
        "npm ERR! ",
        "npm error ",
    ]
    .iter()
    .find_map(|start| text.strip_prefix(start))
    .unwrap_or(text)
    .trim_start();
    if let Some(rest) = command(text) {
        return Some((text, rest));
    }
    // Gradle's own last line; it has a dialect, which knows what failed.
    if text.starts_with("BUILD FAILED in ") {
        return None;
    }
    for words in STATEMENTS {
        if let Some(head) = text.get(..words.len())
            && head.eq_ignore_ascii_case(words)
        {
            let rest = &text[words.len()..];
            return ends(rest, words).then_some((text, rest.trim_start()));
        }
    }
    None
}

/// What may follow the words without making prose of them.
fn ends(rest: &str, words: &str) -> bool {
    let rest = rest.trim_end();
    // "Failed to build wheel for x" is pip's.
    if words == "failed to build" {
        return rest.is_empty() || rest == "." || rest.starts_with(": ");
    }
    rest.is_empty()
        || rest.strip_prefix(':').is_some_and(|rest| {
            // "Build failed: 0" is a column of a table.
            !rest.trim_start().starts_with(|c: char| c.is_ascii_digit())
        })
        || rest.starts_with(['!', ';'])
        || rest.ends_with(" with swc.")
        || matches!(rest, "." | "..." | " **" | " -")
        || rest.starts_with(" with ")
        || rest.starts_with(" in ") && rest[4..].starts_with(|c: char| c.is_ascii_digit())
        || rest.starts_with(" because of ")
        || rest.starts_with(" due to ")
        || rest.starts_with(" - ")
        || rest.starts_with(" after ") && rest[7..].starts_with(|c: char| c.is_ascii_digit())
        || rest.starts_with(" (")
        || rest.starts_with(". ") && rest.len() < 120
}

/// `Command failed: npm run build`, `Command "npm run build" exited with 1`
fn command(text: &str) -> Option<&str> {
    let build = |command: &str| {
        command.split([' ', '"', '\'', ':', '/']).any(|word| {
            matches!(
                word,
                "build" | "compile" | "bundle" | "webpack" | "vite" | "rollup" | "esbuild" | "tsup"
            )
        })
    };
    if let Some(rest) = text.strip_prefix("Command failed: ") {
        return build(rest).then_some("");
    }
    let (command, rest) = text.strip_prefix("Command \"")?.split_once("\" exited with ")?;
    (build(command) && rest.starts_with(|c: char| c.is_ascii_digit() && c != '0')).then_some("")
}

/// Whether what follows the words is a reason rather than a duration or punctuation.
fn is_reason(rest: &str) -> bool {
    rest.strip_prefix(':').is_some_and(|reason| reason.trim().len() > 3)
}

struct Found<'t> {
    problem: Problem<'t>,
    said: &'t str,
}

/// `src/a.ts(3,14): error TS2304: said`, and its pretty form.
fn typescript(line: &str) -> Option<Found<'_>> {
    let at = memchr::memmem::find(line.as_bytes(), b"error TS")?;
    let said = line.get(at..)?;
    let (code, message) = said.strip_prefix("error ")?.split_once(": ")?;
    let place = parentheses(line)
        .or_else(|| colons(line))
        .filter(|place| line.len() - place.rest.len() <= at);
    let (file, line, column) =
        place.map_or(("", 0, 0), |place| (place.file, place.line, place.column));
    let shaped = code.len() > 4 && code.bytes().skip(2).all(|byte| byte.is_ascii_digit());
    shaped.then_some(Found {
        problem: Problem { code, message, file, line, column, ..Problem::ERROR },
        said,
    })
}

/// A line that reports an error, and the file it names; `at` is where it has `rror`.
fn error(line: &str, at: Option<usize>) -> Option<(&str, Option<&str>)> {
    if line.len() > 2000 {
        return None;
    }
    let start = line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let trimmed = line.trim_start();
    // What follows such a head is the error: "error  in ./src/App.vue".
    if trimmed.starts_with("error  in ") {
        return None;
    }
    // A cross draws the eye of compilers such as swc.
    let marked = trimmed.starts_with("× ") || trimmed.starts_with("Module not found: ");
    let found = match (at, start.as_bytes().first()?) {
        (None, b'E') => start.strip_prefix("ERROR").is_some_and(|rest| {
            rest.starts_with([':', ' ', ']']) && rest.trim_start_matches([':', ' ', ']']).len() > 2
        }),
        (None, b'C') => {
            line.starts_with("Could not resolve ") || line.starts_with("Cannot find module ")
        }
        // Parcel names the package that speaks.
        (None, _) => line.starts_with('@') && line.contains(": Failed to resolve "),
        (Some(at), _) => {
            let head = start.split([':', ' ', ']']).next().unwrap_or_default();
            let named = head.ends_with("Error") || head == "error";
            let placed = at > 3
                && line
                    .get(..at.saturating_sub(1))
                    .is_some_and(|before| before.ends_with(": ") || before.ends_with("- "));
            // A bare "Error:" says nothing, and totals are not errors.
            (named && start.len() > head.len() + 2) || (placed && colons(line).is_some())
        }
    };
    if !found && !marked {
        return None;
    }
    let file = colons(line)
        .map(|place| place.file)
        .filter(|file| !file.contains(' ') && file.contains('.'));
    Some((trimmed.trim_start_matches("× "), file))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_build_with_type_errors_that_says_it_failed_is_a_failed_build() {
        let text = "> tsc -p . && node pack.js\nsrc/a.ts(3,14): error TS2304: Cannot find name 'x'.\n\
            src/b.ts(1,1): error TS2304: Cannot find name 'y'.\n\nBuild failed\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.summary, "Build failed");
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.errors_by_type.get("TS2304"), Some(&2));
        assert_eq!(found.suggestion, "First error: error TS2304: Cannot find name 'x'.");
    }

    #[test]
    fn the_reason_behind_the_words_is_quoted() {
        let text = "Build failed: Module not found: ./missing\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.first_error.as_deref(), Some("Module not found: ./missing"));
    }

    #[test]
    fn prose_about_builds_is_left_alone() {
        for text in [
            "The build failed yesterday and was repaired.\n",
            "Build failed builds are listed here.\n",
            "Failed to build wheel for x\n",
        ] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_ne!(found.kind, Kind::BuildFailure, "{text}");
        }
    }
}
