//! `docker build`, BuildKit and the older builder (<https://docs.docker.com/reference/cli/docker/buildx/build/>).
//!
//! ```text
//!  > [build 4/5] RUN npm run build:
//! Dockerfile:12
//! ERROR: failed to solve: process "/bin/sh -c npm run build" did not complete successfully: exit code: 1
//! older:   The command '/bin/sh -c npm run build' returned a non-zero code: 1
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "docker-build",
    markers: &[
        "failed to solve",
        "returned a non-zero code: ",
        "COPY failed: ",
        "ADD failed: ",
        "dockerfile parse error",
        "Dockerfile parse error",
    ],
    recognises,
    start: || Box::new(Docker::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| statement(line).is_some())
}

#[derive(Default)]
struct Docker {
    dockerfile: Option<String>,
    /// The first error of what a step printed.
    inner: Option<String>,
}

impl Dialect for Docker {
    fn report(&self) -> Report {
        Report::new("docker", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if self.inner.is_none() && matches!(first, b'#' | b'0'..=b'9') {
            self.inner = inner(line).map(str::to_owned);
        }
        if matches!(first, b'#' | b' ' | b'0'..=b'9' | b'-') {
            return;
        }
        if let Some(said) = statement(line) {
            if report.errors == 0 {
                report.problem(&Problem { message: said, ..Problem::ERROR });
            }
        } else if line.len() < 300
            && let Some((file, row)) = line.rsplit_once(':')
            && file.to_ascii_lowercase().contains("dockerfile")
            && !file.contains(' ')
            && number(row).is_some_and(|(_, rest)| rest.is_empty())
        {
            self.dockerfile = Some(file.to_owned());
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if report.errors > 0 {
            if let Some(file) = &self.dockerfile {
                report.file(file);
            }
            if let Some(inner) = self.inner.take() {
                let stated = report.first.as_deref().unwrap_or_default();
                report.suggestion = Some(format!("First error in the step: {inner}. {stated}"));
            }
            // Whatever a tool inside the build said explains more.
            report.first_line = u64::MAX - 1;
        }
    }
}

/// `#8 3.012 said` or `3.012 said`, where it says that something is an error.
fn inner(line: &str) -> Option<&str> {
    memchr::memmem::find(line.as_bytes(), b"rror")?;
    let rest = match line.strip_prefix('#') {
        Some(rest) => number(rest)?.1.strip_prefix(' ')?,
        None => line,
    };
    let (_, rest) = number(rest)?;
    let (_, rest) = number(rest.strip_prefix('.')?)?;
    let said = rest.trim_start();
    (said.len() < 300 && !said.contains("0 errors")).then_some(said)
}

fn statement(line: &str) -> Option<&str> {
    match line.as_bytes().first()? {
        b'E' | b'e' | b'f' | b's' | b't' => {
            let said = line.strip_prefix("ERROR: ").or_else(|| line.strip_prefix("error: "));
            let text = said.unwrap_or(line);
            let text = text.strip_prefix("failed to build: ").unwrap_or(text);
            text.starts_with("failed to solve").then_some(line)
        }
        b'T' => (line.starts_with("The command '")
            && line.contains("' returned a non-zero code: "))
        .then_some(line),
        b'C' => line.starts_with("COPY failed: ").then_some(line),
        b'A' => line.starts_with("ADD failed: ").then_some(line),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_step_that_failed_is_quoted() {
        let text = "#9 [4/5] RUN make\n#9 0.31 make: nothing\n#9 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n\
            Dockerfile:4\n--------------------\nERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["Dockerfile"]);
        assert!(
            found
                .details
                .first_error
                .unwrap_or_default()
                .starts_with("ERROR: failed to solve: process")
        );
    }
}
