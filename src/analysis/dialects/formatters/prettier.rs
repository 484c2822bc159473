//! Prettier, `--check` (<https://prettier.io/docs/cli#--check>, `src/cli/format.js`).
//!
//! ```text
//! Checking formatting...
//! [warn] src/a.js
//! [error] src/b.js: SyntaxError: Unexpected token (1:3)
//! [warn] Code style issues found in 3 files. Run Prettier with --write to fix.
//! [warn] Code style issues found in the above file. Forgot to run Prettier?
//! Error occurred when checking code style in 2 files.
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "prettier",
    markers: &["Code style issues ", "Checking formatting...", "checking code style in"],
    recognises,
    start: || Box::new(Prettier::default()),
};

fn recognises(sample: &Sample) -> bool {
    let begun = sample.has_line_starting("Checking formatting...");
    sample.lines().any(|line| {
        line.starts_with('[') && (marked(line) || (begun && line.starts_with("[error] ")))
    })
}

#[derive(Default)]
struct Prettier {
    /// The first file that is not formatted.
    unformatted: Option<String>,
    broken: bool,
    total: String,
    stated: u64,
}

impl Dialect for Prettier {
    fn report(&self) -> Report {
        Report::new("prettier", Kind::Formatting, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'[') => {}
            Some(b'E') if line.starts_with("Error occurred when checking code style in ") => {
                return self.total(line);
            }
            _ => return,
        }
        if let Some(text) = line.strip_prefix("[warn] ") {
            if text.starts_with("Code style issues ") {
                self.total(text);
            } else if is_file(text) {
                if self.unformatted.is_none() {
                    self.unformatted = Some(text.to_owned());
                }
                report.problem(&Problem { file: text, ..Problem::ERROR });
            }
        } else if let Some(text) = line.strip_prefix("[error] ") {
            if text.starts_with("Error occurred when checking code style in ") {
                self.total(text);
            } else if !text.starts_with([' ', '>', '|']) {
                self.broken(text, line, report);
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.stated > report.errors {
            report.stated = Some(self.stated);
        }
        if let Some(file) = &self.unformatted
            && report.kind == Kind::Formatting
        {
            let command = "npx prettier --write .".to_owned();
            if !self.broken {
                report.suggestion = Some(format!("Run: {command} (first: [warn] {file})"));
            }
            report.fix = Some(Fix { command, title: "Format with Prettier".to_owned() });
            let quote =
                if self.total.is_empty() { format!("[warn] {file}") } else { self.total.clone() };
            report.quote(&quote);
        }
    }
}

impl Prettier {
    /// `[error] src/b.js: SyntaxError: …`, or what is wrong with the options.
    fn broken(&mut self, text: &str, line: &str, report: &mut Report) {
        let file = text.split_once(": ").map_or("", |(file, _)| file);
        let file = if is_file(file) { file } else { "" };
        if file.is_empty() {
            // The rest of a message whose first line named the file.
            if self.broken {
                return;
            }
            report.failed = true;
            report.quote(line);
            self.plugin(text, report);
        } else {
            report.problem(&Problem { message: line, file, ..Problem::ERROR });
        }
        self.broken = true;
        if report.suggestion.is_none() {
            report.suggestion = Some(format!("Correct this first: {text}"));
        }
    }

    /// `Cannot find package 'prettier-plugin-x' imported from /app/noop.js`.
    fn plugin(&mut self, text: &str, report: &mut Report) {
        let Some((_, rest)) = text
            .split_once("Cannot find package '")
            .or_else(|| text.split_once("Cannot find module '"))
        else {
            return;
        };
        let Some(name) = rest.split('\'').next().filter(|name| !name.starts_with(['.', '/']))
        else {
            return;
        };
        report.kind = Kind::Dependency;
        let command = format!("npm install --save-dev {name}");
        report.suggestion = Some(format!("Run: {command}"));
        report.fix = Some(Fix { command, title: format!("Install {name}") });
    }

    /// `Code style issues found in 3 files. …`; `the above file` is one, when singular.
    fn total(&mut self, text: &str) {
        let counted = text.split(' ').find_map(|word| word.parse().ok());
        self.stated += counted.unwrap_or(u64::from(text.contains("above file.")));
        if self.total.is_empty() {
            text.clone_into(&mut self.total);
        }
    }
}

fn marked(line: &str) -> bool {
    ["[warn] ", "[error] "].iter().any(|mark| {
        line.strip_prefix(mark).is_some_and(|text| {
            text.starts_with("Code style issues ")
                || text.starts_with("Error occurred when checking")
                || is_file(text)
                || text.split_once(": ").is_some_and(|(file, _)| is_file(file))
        })
    })
}

/// Paths have a dot or a slash and, unlike the words of a warning, do not end in a full stop.
fn is_file(text: &str) -> bool {
    text.contains(['.', '/'])
        && !text.ends_with(['.', '!', '?', ':'])
        && !text.contains(". ")
        && !text.contains(": ")
        && !text.starts_with("Ignored ")
        && !text.contains(['"', '`'])
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn files_are_counted_and_other_warnings_are_not() {
        let text = "Checking formatting...\n[warn] Ignored unknown option { foo: true }.\n[warn] docs/my page.md\n[warn] a.ts\n[warn] Code style issues found in 2 files. Run Prettier with --write to fix.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.summary, "2 files are not formatted (prettier)");
        assert_eq!(found.details.affected_files, ["docs/my page.md", "a.ts"]);
        assert_eq!(found.fix.unwrap().command, "npx prettier --write .");
    }

    #[test]
    fn a_source_that_cannot_be_parsed_is_the_cause() {
        let text = "Checking formatting...\n[error] src/b.js: SyntaxError: Unexpected token (1:3)\n[error] > 1 | le t\n[error]     |   ^\n[warn] a.ts\nError occurred when checking code style in the above file.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(2));
        let first = found.details.first_error.unwrap();
        assert_eq!(first, "[error] src/b.js: SyntaxError: Unexpected token (1:3)");
    }

    #[test]
    fn well_formatted_sources_are_no_failure() {
        let text = "Checking formatting...\nAll matched files use Prettier code style!\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind.name(), "unknown");
    }
}
