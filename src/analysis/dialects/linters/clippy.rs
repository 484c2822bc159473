//! Clippy as cargo prints it (<https://doc.rust-lang.org/clippy/usage.html>,
//! <https://doc.rust-lang.org/rustc/lints/index.html>).
//!
//! ```text
//! error: length comparison to zero
//!  --> src/main.rs:3:8
//!   |
//!   = help: for further information visit https://rust-lang.github.io/rust-clippy/…/index.html#len_zero
//!   = note: `-D clippy::len-zero` implied by `-D warnings`
//!
//! warning: `app` (bin "app") generated 2 warnings (run `cargo clippy --fix --bin "app"` to apply 1 suggestion)
//! ```
//! Lints of the compiler itself come the same way, without the link. With a true error of the compiler
//! (`error[E0425]`) the build is the cause and these are beside it.

use super::super::location::{colons, number};
use super::common::FirstWarning;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "clippy",
    markers: &["/rust-clippy/", "(clippy::", "-D clippy::", "`cargo clippy --fix"],
    recognises,
    start: || Box::new(Clippy::default()),
};

/// Sources may name lints too; here Clippy itself does.
fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        let note = line.trim_ascii_start();
        note.strip_prefix("= ").is_some_and(|text| {
            linked(text).is_some() || noted(text).is_some_and(|lint| lint.starts_with("clippy::"))
        }) || (line.starts_with("warning: `") && line.contains("(run `cargo clippy --fix"))
    })
}

#[derive(Default)]
struct Clippy {
    pending: Option<Pending>,
    warning: FirstWarning,
    suggestions: u64,
    repair: String,
    /// The compiler itself refused the sources.
    refused: bool,
}

#[derive(Default)]
struct Pending {
    error: bool,
    header: String,
    place: String,
    lint: String,
}

impl Dialect for Clippy {
    fn report(&self) -> Report {
        // As heavy as a build: cargo says of a denied lint that it could not compile.
        Report::new("clippy", Kind::Linter, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return self.flush(report) };
        match first {
            b'e' if line.starts_with("error") => self.header(line, true, report),
            b'w' if line.starts_with("warning") => self.header(line, false, report),
            b' ' => {
                if let Some(pending) = &mut self.pending {
                    pending.detail(line.trim_ascii_start());
                }
            }
            _ => short(line, &mut self.warning, report),
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.flush(report);
        self.warning.quote(report);
        if self.refused {
            report.rank = Rank::Wrapper;
        }
        if self.suggestions > 0 {
            report.stated_fixable = Some(self.suggestions);
            let command = std::mem::take(&mut self.repair);
            report.fix = Some(Fix { command, title: "Apply Clippy's suggestions".to_owned() });
        }
    }
}

impl Clippy {
    fn header(&mut self, line: &str, error: bool, report: &mut Report) {
        self.flush(report);
        let rest = &line[if error { "error".len() } else { "warning".len() }..];
        if rest.starts_with(": ") {
            if !error {
                self.generated(line);
            }
            self.pending = Some(Pending { error, header: line.to_owned(), ..Pending::default() });
        } else if error && rest.starts_with("[E0") {
            self.refused = true;
        }
    }

    /// `warning: `app` (bin "app") generated 2 warnings (run `cargo clippy --fix …` to apply 1 suggestion)`
    fn generated(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("(run `cargo clippy --fix") else { return };
        let Some((_, rest)) = rest.split_once("` to apply ") else { return };
        let Some((count, _)) = number(rest) else { return };
        self.suggestions += u64::from(count);
        if self.repair.is_empty() {
            self.repair.push_str("cargo clippy --fix --allow-dirty");
        }
    }

    /// A diagnostic ends with an empty line; one without a place only sums up.
    fn flush(&mut self, report: &mut Report) {
        let Some(Pending { error, header, place, lint }) = self.pending.take() else { return };
        let Some(place) = colons(&place) else { return };
        let severity = if error { Severity::Error } else { Severity::Warning };
        match severity {
            Severity::Error => report.quote(&header),
            Severity::Warning => self.warning.note(&header, report),
        }
        let message = header.split_once(": ").map_or("", |(_, message)| message);
        report.problem(&Problem {
            severity,
            code: &lint,
            message,
            file: place.file,
            line: place.line,
            column: place.column,
            ..Problem::ERROR
        });
    }
}

impl Pending {
    fn detail(&mut self, text: &str) {
        if let Some(place) = text.strip_prefix("--> ") {
            if self.place.is_empty() {
                place.clone_into(&mut self.place);
            }
        } else if let Some(text) = text.strip_prefix("= ") {
            if let Some(lint) = linked(text) {
                self.lint = format!("clippy::{lint}");
            } else if self.lint.is_empty()
                && let Some(lint) = noted(text)
            {
                self.lint = lint;
            }
        }
    }
}

/// `src/main.rs:3:8: warning: length comparison to zero: help: …`, with `--message-format short`. What
/// the compiler itself refuses has its code between: `error[E0425]: …`.
fn short(line: &str, warning: &mut FirstWarning, report: &mut Report) {
    let Some(place) = colons(line).filter(|place| place.column > 0) else { return };
    let (severity, message) = match place.rest.split_once(": ") {
        Some(("error", message)) => (Severity::Error, message),
        Some(("warning", message)) => (Severity::Warning, message),
        _ => return,
    };
    match severity {
        Severity::Error => report.quote(place.rest),
        Severity::Warning => warning.note(place.rest, report),
    }
    let message = message.split(": help: ").next().unwrap_or(message);
    report.problem(&Problem {
        severity,
        message,
        file: place.file,
        line: place.line,
        column: place.column,
        ..Problem::ERROR
    });
}

/// `help: for further information visit https://rust-lang.github.io/rust-clippy/…#len_zero`
fn linked(text: &str) -> Option<&str> {
    let (link, lint) =
        text.strip_prefix("help: for further information visit ")?.rsplit_once('#')?;
    (link.contains("/rust-clippy/") && is_lint(lint)).then_some(lint)
}

/// `` note: `-D unused-variables` implied by … `` and `` note: `#[warn(unused_variables)]` … on by default ``
fn noted(text: &str) -> Option<String> {
    let text = text.strip_prefix("note: `")?;
    let lint = match text.strip_prefix("-D ").or_else(|| text.strip_prefix("-W ")) {
        Some(text) => text.split('`').next()?,
        None => text.strip_prefix("#[")?.split_once('(')?.1.split(')').next()?,
    };
    is_lint(lint.strip_prefix("clippy::").unwrap_or(lint)).then(|| lint.replace('-', "_"))
}

fn is_lint(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    const LINT: &str = ": this `if` statement can be collapsed\n  --> src/x.rs:4:9\n   |\n4  |     if a {\n   |     ^^^^\n   |\n   = help: for further information visit https://rust-lang.github.io/rust-clippy/master/index.html#collapsible_if\n\n";

    #[test]
    fn a_denied_lint_is_the_linter_s_and_not_the_build_s() {
        let text =
            format!("error{LINT}error: could not compile `x` (lib) due to 1 previous error\n");
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("clippy", Some(1)));
        assert_eq!(found.details.errors_by_type["clippy::collapsible_if"], 1);
    }

    #[test]
    fn the_short_format_has_places_and_no_lints() {
        let text = "src/x.rs:4:8: warning: length comparison to zero: help: using `is_empty` is clearer\nwarning: `x` (lib) generated 1 warning (run `cargo clippy --fix --lib -p x` to apply 1 suggestion)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.warning_count), ("clippy", Some(1)));
        assert_eq!(found.details.affected_files, ["src/x.rs"]);
    }

    #[test]
    fn suggestions_are_counted_as_cargo_counts_them() {
        let text = format!(
            "warning{LINT}warning: `x` (lib) generated 1 warning (run `cargo clippy --fix --lib -p x` to apply 1 suggestion)\n"
        );
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!(found.details.warning_count, Some(1));
        assert_eq!(found.details.fixable_count, Some(1));
        assert_eq!(found.fix.unwrap().title, "Apply Clippy's suggestions");
    }
}
