//! Hadolint's `tty` format (<https://github.com/hadolint/hadolint#cli>).
//!
//! ```text
//! Dockerfile:3 DL3008 warning: Pin versions in apt get install.
//! Dockerfile:3:1 unexpected 'X'
//! ```
//! Versions before 2.0 print no level.

use super::common::{code_length, numbered};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "hadolint",
    markers: &[" DL1", " DL3", " DL4", " SC2", " SC1"],
    recognises: |sample: &Sample| sample.lines().any(|line| split(line).is_some()),
    start: || Box::new(Hadolint),
};

struct Hadolint;

impl Dialect for Hadolint {
    fn report(&self) -> Report {
        Report::new("hadolint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some((file, row, code, text)) = split(line) else { return };
        if report.first.is_none() {
            report.quote(&format!("{code} {text}"));
        }
        let levels = ["error: ", "warning: ", "info: ", "style: "];
        let message = levels.iter().find_map(|level| text.strip_prefix(level)).unwrap_or(text);
        // Whatever is reported fails the run (`--failure-threshold` is `info`).
        report.problem(&Problem { code, message, file, line: row, ..Problem::ERROR });
    }
}

fn split(line: &str) -> Option<(&str, u32, &str, &str)> {
    if line.as_bytes().first().is_none_or(|first| *first == b' ') {
        return None;
    }
    let (file, row, rest) = numbered(line)?;
    if !rest.starts_with("DL") && !rest.starts_with("SC") {
        return None;
    }
    let length = code_length(rest, 2, 4).filter(|length| *length == 6)?;
    let (code, text) = rest.split_at(length);
    Some((file, row, code, text.strip_prefix(' ')?))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn both_with_and_without_a_level() {
        let text = "docker/Dockerfile:7 DL3059 info: Multiple consecutive `RUN` instructions.\ndocker/Dockerfile:9 SC2046 Quote this to prevent word splitting.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("hadolint", Some(2)));
        assert_eq!(found.details.errors_by_type["SC2046"], 1);
    }
}
