//! `next build` and Create React App, which say "Failed to compile"
//! (<https://nextjs.org/docs/app/api-reference/cli/next>, react-dev-utils' `formatWebpackMessages`).
//!
//! ```text
//! Failed to compile.                              (Error: Turbopack build failed with 2 errors:)
//!
//! ./src/app/page.tsx:5:9
//! Type error: Type 'string' is not assignable to type 'number'.
//!
//! ./src/app/api.js
//! Module not found: Can't resolve 'x'
//!
//! ./src/app/a.tsx
//! 5:3  Error: 'x' is assigned a value but never used.  no-unused-vars
//!
//! > Build failed because of webpack errors
//! ```

use super::super::location::{colons, number};
use super::{Missing, between, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "next-build",
    markers: &[
        "Failed to compile",
        "Turbopack build failed with ",
        "> Build error occurred",
        "Error occurred prerendering page",
    ],
    recognises,
    start: || Box::new(Compile::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(begins)
}

fn begins(line: &str) -> bool {
    let text = bare(line);
    matches!(text, "Failed to compile." | "Failed to compile" | "Build error occurred")
        || turbopack(text).is_some()
        || text.starts_with("Error occurred prerendering page ")
}

fn bare(line: &str) -> &str {
    let text = line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    text.strip_prefix("Error: ").unwrap_or(text)
}

fn turbopack(text: &str) -> Option<u64> {
    let (count, rest) = text.strip_prefix("Turbopack build failed with ").and_then(number)?;
    rest.starts_with(" error").then_some(u64::from(count))
}

#[derive(Default)]
struct Compile {
    open: bool,
    /// The file whose messages follow.
    file: Option<(String, u32, u32)>,
    missing: Missing,
    stated: Option<u64>,
    /// The statement itself, for want of anything else.
    statement: Option<String>,
    /// Whether the cause comes on the next line that says something.
    awaits: bool,
}

impl Dialect for Compile {
    fn report(&self) -> Report {
        Report::new("next", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !self.open || line.contains("rror occurred ") {
            if begins(line) {
                self.open = true;
                let text = bare(line);
                self.stated = self.stated.or_else(|| turbopack(text));
                self.awaits = text.starts_with("Build error") || text.starts_with("Error occurred");
                if self.statement.is_none() {
                    self.statement = Some(text.to_owned());
                }
            }
            return;
        }
        if line.is_empty() {
            return;
        }
        if let Some(file) = heading(line) {
            self.file = Some((file.0.to_owned(), file.1, file.2));
        } else if let Some((file, row, column)) = self.file.clone() {
            self.message(line, (&file, row, column), report);
        } else if let Some(total) = turbopack(bare(line)) {
            self.stated = Some(total);
        } else if self.awaits
            && report.first.is_none()
            && !line.starts_with("    at ")
            && line.contains("rror")
        {
            self.awaits = false;
            report.problem(&Problem { message: line, ..Problem::ERROR });
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.open {
            report.failed = true;
            if let Some(statement) = &self.statement {
                report.quote(statement);
            }
        }
        report.stated = self.stated.filter(|stated| *stated > report.errors);
        if report.errors > 0 && report.stated.is_none() {
            report.fix = self.missing.fix();
        }
    }
}

impl Compile {
    fn message(&mut self, line: &str, (file, row, column): (&str, u32, u32), report: &mut Report) {
        if let Some((problem, said)) = lint(line, file) {
            if problem.severity == Severity::Error {
                self.missing.note(None);
                report.quote(said);
            }
            count(&problem, report);
            self.file = Some((file.to_owned(), u32::MAX, 0));
            return;
        }
        // Further lines of a message belong to the one before.
        if row == u32::MAX {
            return;
        }
        // From here on only lints may follow under the same heading.
        self.file = Some((file.to_owned(), u32::MAX, 0));
        if line.starts_with(' ') {
            return;
        }
        let import = line
            .starts_with("Module not found: ")
            .then(|| between(line, "Can't resolve '", '\''))
            .flatten();
        self.missing.note(import);
        let message = line.strip_prefix("Error: ").unwrap_or(line).trim_start_matches("x ");
        report.problem(&Problem { message, file, line: row, column, ..Problem::ERROR });
    }
}

/// `./src/a.tsx:5:9`, `./src/a.tsx`, and Create React App's `src/a.js`.
fn heading(line: &str) -> Option<(&str, u32, u32)> {
    let own = line.starts_with("./")
        || line.starts_with("src")
        || line.starts_with("app/")
        || line.starts_with("pages/");
    if !own || line.contains(' ') {
        return None;
    }
    match colons(line) {
        Some(place) if place.rest.is_empty() => Some((place.file, place.line, place.column)),
        Some(_) => None,
        None => Some((line, 0, 0)),
    }
}

/// `5:3  Error: said  rule`, `  Line 5:3:  said  rule`: ESLint's, under a file's heading.
fn lint<'t>(line: &'t str, file: &'t str) -> Option<(Problem<'t>, &'t str)> {
    let text = line.trim_start();
    let text = text.strip_prefix("Line ").unwrap_or(text);
    let (row, rest) = number(text)?;
    let (column, rest) = match rest.strip_prefix(':').and_then(number) {
        Some((column, rest)) => (column, rest.strip_prefix(':').unwrap_or(rest)),
        None => (0, rest.strip_prefix(':')?),
    };
    let said = rest.strip_prefix("  ")?.trim_start();
    let (severity, said) = match said.strip_prefix("Warning: ") {
        Some(said) => (Severity::Warning, said),
        None => (Severity::Error, said.strip_prefix("Error: ").unwrap_or(said)),
    };
    let (message, code) = said.rsplit_once("  ").unwrap_or((said, ""));
    let message = message.trim_end();
    Some((Problem { severity, code, message, file, line: row, column, ..Problem::ERROR }, message))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_type_error_in_a_build_is_a_failed_build() {
        let text = "   Creating an optimized production build ...\nFailed to compile.\n\n./src/app/page.tsx:5:9\n\
            Type error: Type 'string' is not assignable to type 'number'.\n\n  3 | a\n> 5 | b\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["./src/app/page.tsx"]);
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "Type error: Type 'string' is not assignable to type 'number'.");
    }

    #[test]
    fn a_missing_package_can_be_installed() {
        let text = "Failed to compile.\n\n./src/app/page.js\nModule not found: Can't resolve 'dayjs'\n\n\
            https://nextjs.org/docs/messages/module-not-found\n\n> Build failed because of webpack errors\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.fix.map(|fix| fix.command).as_deref(), Some("npm install dayjs"));
    }
}
