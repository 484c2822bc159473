//! Ninja (<https://ninja-build.org/manual.html>, `src/build.cc`, `src/status_printer.cc`).
//!
//! ```text
//! FAILED: obj/a.o            (FAILED: [code=1] obj/a.o)
//! cc -c a.c -o obj/a.o       the command, and what it printed
//! ninja: build stopped: subcommand failed.
//! ninja: error: 'a.c', needed by 'a.o', missing and no known rule to make it
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "ninja",
    markers: &["ninja: build stopped", "ninja: error: ", "ninja: fatal: "],
    recognises,
    start: || Box::new(Ninja::default()),
};

fn recognises(sample: &Sample) -> bool {
    ["ninja: build stopped", "ninja: error: ", "ninja: fatal: "]
        .iter()
        .any(|start| sample.has_line_starting(start))
}

#[derive(Default)]
struct Ninja {
    failed: u64,
    first: Option<String>,
    stopped: bool,
}

impl Dialect for Ninja {
    fn report(&self) -> Report {
        Report::new("ninja", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'F') if line.starts_with("FAILED: ") => {
                self.failed += 1;
                if self.first.is_none() {
                    self.first = Some(line.to_owned());
                }
            }
            Some(b'n') => {
                let said = line
                    .strip_prefix("ninja: error: ")
                    .or_else(|| line.strip_prefix("ninja: fatal: "));
                // "rebuilding 'build.ninja': subcommand failed" is not its own fault either.
                if said.is_some_and(|said| !said.ends_with("subcommand failed")) {
                    report.problem(&Problem { message: line, ..Problem::ERROR });
                } else if said.is_some() || line.starts_with("ninja: build stopped") {
                    self.stopped = true;
                    if self.first.is_none() {
                        self.first = Some(line.to_owned());
                    }
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if report.errors == 0 && self.stopped {
            report.rank = Rank::Wrapper;
            report.errors = self.failed.max(1);
            if let Some(first) = &self.first {
                report.quote(first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn what_the_command_printed_is_quoted_before_the_command() {
        let text = "[1/2] cc -c a.c -o a.o\nFAILED: a.o\ncc -c a.c -o a.o\na.c:3:1: error: expected ';'\n\
            ninja: build stopped: subcommand failed.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.first_error.as_deref(), Some("error: expected ';'"));
    }
}
