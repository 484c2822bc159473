//! `python -m build` and the back ends below it (<https://build.pypa.io/>).
//!
//! ```text
//! ERROR Backend subprocess exited when trying to invoke build_wheel
//! error: command '/usr/bin/gcc' failed with exit code 1
//! ```
//! Under pip the same words are pip's to tell; a traceback or a compiler above explains more.

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "python-build",
    markers: &["ERROR Backend subprocess exited", "ERROR Backend ", "ERROR Source "],
    recognises,
    start: || Box::new(PythonBuild::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(stated)
}

#[derive(Default)]
struct PythonBuild {
    /// The last line that names an error, which is where a traceback ends.
    cause: Option<String>,
}

impl Dialect for PythonBuild {
    fn report(&self) -> Report {
        Report::new("build", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if *first == b' ' {
            return;
        }
        if stated(line) {
            if report.errors == 0 {
                let message = self.cause.take().unwrap_or_else(|| line.to_owned());
                report.problem(&Problem { message: &message, ..Problem::ERROR });
            }
        } else if line.len() < 1000 && is_cause(line) {
            self.cause = Some(line.to_owned());
        }
    }

    fn finish(&mut self, report: &mut Report) {
        // A compiler's own error in the text explains more.
        report.first_line = u64::MAX - 1;
    }
}

fn stated(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("ERROR ") else { return false };
    rest.starts_with("Backend ")
        || (rest.starts_with("Source ") && rest.contains("does not appear to be a Python project"))
}

/// `ModuleNotFoundError: …`, `error: …`
fn is_cause(line: &str) -> bool {
    let Some((class, rest)) = line.split_once(": ") else { return false };
    let class = class.rsplit('.').next().unwrap_or(class);
    !rest.is_empty()
        && (class == "error" || class.ends_with("Error") || class.ends_with("Exception"))
        && class.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_back_end_s_error_is_quoted() {
        let text = "* Building wheel...\nrunning bdist_wheel\nerror: package directory 'src/a' does not exist\n\n\
            ERROR Backend subprocess exited when trying to invoke build_wheel\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "error: package directory 'src/a' does not exist");
    }
}
