//! pip (<https://pip.pypa.io/en/stable/topics/dependency-resolution/>, wording in
//! `pip/_internal/exceptions.py` and `resolution/resolvelib/factory.py`).
//!
//! ```text
//! ERROR: Could not find a version that satisfies the requirement x (from versions: none)
//! ERROR: No matching distribution found for x
//! ERROR: Cannot install a and b because these package versions have conflicting dependencies.
//! error: subprocess-exited-with-error            a package's own build failed; its output follows
//!   ╰─> [18 lines of output]
//!       RuntimeError: …
//!       [end of output]
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "pip",
    markers: &[
        "ERROR: Could not ",
        "ERROR: No matching distribution",
        "ERROR: Cannot install ",
        "ERROR: ResolutionImpossible",
        "ERROR: pip's dependency",
        "ERROR: Failed building wheel",
        "ERROR: Failed to build installable",
        "ERROR: THESE PACKAGES",
        "ERROR: Hashes are required",
        "ERROR: In --require-hashes",
        "ERROR: Package '",
        "ERROR: Package ",
        "ERROR: Invalid requirement",
        "ERROR: Extras after version",
        "ERROR: Unexpected extras in ",
        "ERROR: Command errored out",
        "ERROR: HTTP error",
        "ERROR: Directory '",
        "ERROR: File \"setup.py\"",
        "ERROR: Double requirement",
        "ERROR: Operation cancelled",
        "error: subprocess-exited",
        "error: externally-managed",
        "error: metadata-generation",
    ],
    recognises,
    start: || Box::new(Pip::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut pip = Pip::default();
    let mut report = pip.report();
    sample.lines().for_each(|line| pip.line(line, &mut report));
    report.is_failure()
}

/// Sentences after `ERROR: ` that only pip prints, with their kinds.
const SENTENCES: [(&str, Kind); 27] = [
    ("Could not find a version that satisfies the requirement ", Kind::Dependency),
    ("No matching distribution found for ", Kind::Dependency),
    ("Cannot install ", Kind::Dependency),
    ("ResolutionImpossible", Kind::Dependency),
    ("pip's dependency resolver does not currently", Kind::Dependency),
    ("Could not open requirements file: ", Kind::Dependency),
    ("Could not install packages due to an ", Kind::Dependency),
    ("Could not build wheels for ", Kind::Dependency),
    ("Failed building wheel for ", Kind::Dependency),
    ("Failed to build installable wheels for ", Kind::Dependency),
    ("THESE PACKAGES DO NOT MATCH THE HASHES", Kind::Dependency),
    ("Hashes are required in --require-hashes mode", Kind::Dependency),
    ("In --require-hashes mode, all requirements", Kind::Dependency),
    ("Package '", Kind::Dependency),
    ("Package ", Kind::Dependency),
    ("Invalid requirement: ", Kind::Dependency),
    ("Extras after version '", Kind::Dependency),
    ("Unexpected extras in requirement: ", Kind::Dependency),
    ("No solution found when resolving ", Kind::Dependency),
    ("Command errored out with exit status ", Kind::Dependency),
    ("HTTP error ", Kind::NetworkError),
    ("Could not find an activated virtualenv", Kind::Dependency),
    ("Ignored the following ", Kind::Dependency),
    ("Directory '", Kind::Dependency),
    ("File \"setup.py\"", Kind::Dependency),
    ("Double requirement given: ", Kind::Dependency),
    ("Operation cancelled by user", Kind::Cancelled),
];

#[derive(Default)]
struct Pip {
    /// How far the quotation names the cause.
    weight: u8,
    /// Within the output of a failed build, and what of it reads like the cause.
    block: bool,
    cause: String,
    last: String,
    /// The next line tells which packages disagree.
    conflict_follows: bool,
    network: bool,
    reason: String,
}

impl Dialect for Pip {
    fn report(&self) -> Report {
        Report::new("pip", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'E') if line.starts_with("ERROR: ") => self.error(line, report),
            Some(b'W') if line.starts_with("WARNING: Retrying (") => {
                self.network = true;
                if self.reason.is_empty() {
                    line.clone_into(&mut self.reason);
                }
            }
            Some(b'e' | b' ') => self.other(line, report),
            _ => {
                if self.conflict_follows && !line.is_empty() {
                    self.conflict_follows = false;
                    self.quote(3, line, report);
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.network && report.kind == Kind::Dependency && self.weight <= 2 && self.weight > 0 {
            report.kind = Kind::NetworkError;
            let reason = self.reason.split_once("after connection broken by '");
            let reason = reason.map_or(self.reason.as_str(), |(_, reason)| reason);
            let reason = reason.split("')': ").next().unwrap_or(reason);
            let first = report.first.clone().unwrap_or_default();
            report.summary = Some(format!("Network error: {first} ({reason})"));
        }
    }
}

impl Pip {
    fn quote(&mut self, weight: u8, line: &str, report: &mut Report) {
        report.failed = true;
        report.errors = 1;
        if weight > self.weight {
            self.weight = weight;
            report.requote(line);
        }
    }

    fn error(&mut self, line: &str, report: &mut Report) {
        self.conflict_follows = false;
        let text = &line["ERROR: ".len()..];
        let Some((start, kind)) = SENTENCES.iter().find(|(start, _)| text.starts_with(start))
        else {
            return;
        };
        let weight = match *start {
            "Package " if !text.contains("requires a different Python") => return,
            "Directory '" if !text.contains("is not installable") => return,
            "Cannot install " if !text.contains("conflicting dependencies") => return,
            "Ignored the following " => return,
            "No matching distribution found for " => 2,
            "ResolutionImpossible"
            | "Could not build wheels for "
            | "Failed building wheel for " => 1,
            "Failed to build installable wheels for " => 1,
            "Could not find a version that satisfies the requirement " => 1,
            "pip's dependency resolver does not currently" => {
                self.conflict_follows = true;
                1
            }
            _ => 3,
        };
        if weight > self.weight {
            report.kind = refined(text, *kind);
            if let Some(file) = text.strip_prefix("Could not open requirements file: ")
                && let Some(file) = file.rsplit('\'').nth(1)
            {
                report.file(file);
            }
        }
        self.quote(weight, line, report);
    }

    /// A failed build, and the lines of its output.
    fn other(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        if self.block {
            if text.starts_with("[end of output]") {
                self.block = false;
                let cause = if self.cause.is_empty() { &self.last } else { &self.cause };
                if !cause.is_empty() && self.weight < 5 {
                    let cause = cause.clone();
                    self.quote(5, &cause, report);
                }
            } else if !text.is_empty() {
                text.clone_into(&mut self.last);
                if self.cause.is_empty()
                    && (text.contains("fatal error: ")
                        || text.starts_with("error: ")
                        || text.starts_with("Error: "))
                {
                    text.clone_into(&mut self.cause);
                }
            }
            return;
        }
        if !text.starts_with("error: ") {
            self.block = self.weight > 0
                && (text.starts_with("╰─> [") || text.starts_with("|-> ["))
                && text.contains(" of output]");
            return;
        }
        match text {
            "error: subprocess-exited-with-error" => self.quote(4, text, report),
            "error: metadata-generation-failed" => self.quote(1, text, report),
            "error: externally-managed-environment" => {
                self.quote(4, text, report);
                report.suggestion = Some(
                    "Run: python3 -m venv .venv, and install into that environment".to_owned(),
                );
            }
            _ => {}
        }
    }
}

/// The kind a sentence's cause makes of it.
fn refined(text: &str, kind: Kind) -> Kind {
    let has = |words: &str| text.contains(words);
    if has("Permission denied") || has("Access is denied") {
        Kind::Permission
    } else if has("No space left") {
        Kind::ResourceExhaustion
    } else if has("HTTP error 401") || has("HTTP error 403") || has("401 Client Error") {
        Kind::Auth
    } else if has("Max retries exceeded") || has("Connection broken") || has("Read timed out") {
        Kind::NetworkError
    } else {
        kind
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn a_registry_out_of_reach_is_the_network_s_fault() {
        let text = "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<x>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/six/\nERROR: Could not find a version that satisfies the requirement six (from versions: none)\nERROR: No matching distribution found for six\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.kind, Kind::NetworkError);
        let first = analysis.details.first_error.as_deref();
        assert_eq!(first, Some("ERROR: No matching distribution found for six"));
        assert_eq!(analysis.details.error_count, Some(1));
    }

    #[test]
    fn a_failed_build_is_told_in_the_compiler_s_words() {
        let text = "  error: subprocess-exited-with-error\n  \n  × Building wheel for x (pyproject.toml) did not run successfully.\n  │ exit code: 1\n  ╰─> [3 lines of output]\n      x.c:1:10: fatal error: Python.h: No such file or directory\n      compilation terminated.\n      error: command '/usr/bin/gcc' failed with exit code 1\n      [end of output]\n  \nERROR: Failed building wheel for x\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.kind, Kind::Dependency);
        assert!(analysis.details.first_error.unwrap().contains("Python.h"));
    }
}
