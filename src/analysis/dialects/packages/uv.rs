//! uv (<https://docs.astral.sh/uv/reference/troubleshooting/>).
//!
//! ```text
//! error: No solution found when resolving dependencies        (newer; below it `  cause: Because …`)
//!   × No solution found when resolving dependencies:
//!   ╰─▶ Because x was not found in the package registry and you require x, we
//!       can conclude that your requirements are unsatisfiable.
//! error: Failed to fetch: `https://pypi.org/simple/x/`
//!   Caused by: …
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::phrases::between;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "uv",
    markers: &[
        "× No solution found",
        "× Failed to ",
        "`uv.lock`",
        "error: Failed to ",
        "error: No solution found",
        "error: Request failed",
        "error: No `pyproject.toml`",
        "error: No virtual environment",
    ],
    recognises,
    start: || Box::new(Uv::default()),
};

/// What uv says after the cross, and after `error: `.
const CROSSES: [&str; 6] = [
    "No solution found when resolving ",
    "Failed to download",
    "Failed to build",
    "Failed to resolve",
    "Failed to fetch",
    "Failed to read",
];
const ERRORS: [&str; 12] = [
    "No solution found when resolving ",
    "Failed to build `",
    "Failed to resolve ",
    "Failed to fetch: `",
    "Failed to download ",
    "Failed to prepare distributions",
    "Failed to install: ",
    "Request failed after ",
    "No `pyproject.toml` found",
    "No virtual environment found",
    "The lockfile at `uv.lock`",
    "Unable to find lockfile at `uv.lock`",
];

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| cross(line).is_some() || error(line).is_some())
}

fn cross(line: &str) -> Option<&str> {
    let text = line.strip_prefix("  × ")?;
    CROSSES.iter().any(|start| text.starts_with(start)).then_some(text)
}

fn error(line: &str) -> Option<&str> {
    let text = line.strip_prefix("error: ")?;
    ERRORS.iter().any(|start| text.starts_with(start)).then_some(text)
}

/// Characters of an explanation that are kept.
const MAX_BECAUSE: usize = 1000;

#[derive(Default)]
struct Uv {
    /// The explanation after the arrow, which goes on over several lines.
    because: String,
    open: bool,
    cause: String,
    /// Within what a package's build printed, and its last line.
    printed: bool,
    last: String,
}

impl Dialect for Uv {
    fn report(&self) -> Report {
        Report::new("uv", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if self.open {
            if line.starts_with("      ") && self.because.len() < MAX_BECAUSE {
                self.because.push(' ');
                self.because.push_str(line.trim());
                return;
            }
            self.open = false;
        }
        match line.as_bytes().first() {
            Some(b' ') if report.failed => {
                let text = line.trim_start();
                self.printed |= text == "[stderr]";
                if self.printed && !text.starts_with("hint: ") && text != "[stderr]" {
                    text.clone_into(&mut self.last);
                }
                if let Some(text) = text
                    .strip_prefix("╰─▶ ")
                    .or_else(|| text.strip_prefix("├─▶ "))
                    .or_else(|| text.strip_prefix("cause: "))
                {
                    if self.because.is_empty() {
                        text.clone_into(&mut self.because);
                        self.open = true;
                    }
                } else if let Some(text) = text.strip_prefix("Caused by: ") {
                    text.clone_into(&mut self.cause);
                }
            }
            Some(b' ' | b'e') if cross(line).is_some() || error(line).is_some() => {
                report.failed = true;
                report.errors = 1;
                report.quote(line);
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        let Some(first) = report.first.clone() else { return };
        let why = [&self.last, &self.because, &self.cause];
        let why = why.into_iter().find(|text| !text.is_empty()).unwrap_or(&self.cause);
        if !why.is_empty() {
            report.summary = Some(format!("{}: {why}", Kind::Dependency.label()));
            report.requote(&format!("{first} {why}"));
        }
        let has = |words: &str| first.contains(words) || why.contains(words);
        if has("error sending request")
            || has("dns error")
            || has("onnection refused")
            || has("timed out")
        {
            report.kind = Kind::NetworkError;
            report.summary = Some(format!("{}: {first} {why}", Kind::NetworkError.label()));
        } else if has("401 Unauthorized") || has("403 Forbidden") {
            report.kind = Kind::Auth;
        } else if has("No space left on device") {
            report.kind = Kind::ResourceExhaustion;
        }
        if let Some(command) = between(&first, "run `", "`").filter(|text| text.starts_with("uv "))
        {
            let title = "Run what uv suggests".to_owned();
            report.fix = Some(Fix { command: command.to_owned(), title });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn the_explanation_is_quoted_with_the_failure() {
        let text = "  × No solution found when resolving dependencies:\n  ╰─▶ Because x was not found in the package registry and you require x, we\n      can conclude that your requirements are unsatisfiable.\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.kind, Kind::Dependency);
        let first = analysis.details.first_error.unwrap();
        assert!(first.starts_with("× No solution found") && first.contains("we can conclude"));
    }
}
