//! CMake (<https://cmake.org/cmake/help/latest/command/message.html>).
//!
//! ```text
//! CMake Error at CMakeLists.txt:3 (find_package):
//!   By not providing "FindX.cmake" in CMAKE_MODULE_PATH this project has
//!   asked CMake to find a package …
//!
//! CMake Error: The source directory "/app" does not appear to contain CMakeLists.txt.
//! -- Configuring incomplete, errors occurred!
//! ```
//! The first paragraph is the message, wrapped at 77 characters.

use super::super::location::number;
use super::join;
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "cmake",
    markers: &["CMake Error", "-- Configuring incomplete, errors occurred!"],
    recognises: always,
    start: || Box::new(CMake::default()),
};

#[derive(Default)]
struct CMake {
    /// The header and as much of its first paragraph as was read.
    open: Option<String>,
    /// Whether a line of the paragraph was read.
    body: bool,
}

impl Dialect for CMake {
    fn report(&self) -> Report {
        Report::new("cmake", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'C') if line.starts_with("CMake Error") => {
                self.settle(report);
                self.open = Some(line.to_owned());
                // Those say all in the line.
                if line.starts_with("CMake Error: ") {
                    self.settle(report);
                }
            }
            Some(b' ') => {
                if let Some(open) = &mut self.open {
                    join(open, line);
                    self.body = true;
                }
            }
            Some(b'-') if line.starts_with("-- Configuring incomplete, errors occurred") => {
                self.settle(report);
                report.failed = true;
                report.quote(line);
            }
            None if !self.body => {}
            _ => self.settle(report),
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle(report);
    }
}

impl CMake {
    fn settle(&mut self, report: &mut Report) {
        self.body = false;
        let Some(message) = self.open.take() else { return };
        let (file, line) = place(&message);
        report.problem(&Problem { message: &message, file, line, ..Problem::ERROR });
    }
}

/// `CMake Error at dir/CMakeLists.txt:3 (find_package):`, `CMake Error in CMakeLists.txt:`
fn place(message: &str) -> (&str, u32) {
    let rest = message.strip_prefix("CMake Error").unwrap_or(message);
    let rest = rest.strip_prefix(" (dev)").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(" at ").or_else(|| rest.strip_prefix(" in ")) else {
        return ("", 0);
    };
    let (file, after) = rest.split_once(':').unwrap_or((rest, ""));
    (file, number(after).map_or(0, |(line, _)| line))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_wrapped_message_is_one_quotation() {
        let text = "-- Detecting C compiler ABI info - done\nCMake Error at lib/CMakeLists.txt:12 (message):\n  Boost 1.80\n  is needed\n\n\n\
            -- Configuring incomplete, errors occurred!\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "CMake Error at lib/CMakeLists.txt:12 (message): Boost 1.80 is needed");
        assert_eq!(found.details.affected_files, ["lib/CMakeLists.txt"]);
    }
}
