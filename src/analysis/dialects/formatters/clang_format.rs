//! `clang-format --dry-run`, with or without `-Werror`
//! (<https://clang.llvm.org/docs/ClangFormat.html>).
//!
//! ```text
//! src/a.c:3:10: error: code should be clang-formatted [-Wclang-format-violations]
//! ```

use super::super::location::colons;
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};

pub(super) static SPEC: Spec = Spec {
    name: "clang-format",
    markers: &["[-Wclang-format-violations]"],
    recognises: always,
    start: || Box::new(ClangFormat::default()),
};

#[derive(Default)]
struct ClangFormat {
    last: String,
}

impl Dialect for ClangFormat {
    fn report(&self) -> Report {
        // As heavy as a build: the lines are a compiler's in all but their text.
        Report::new("clang-format", Kind::Formatting, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !line.ends_with("[-Wclang-format-violations]") {
            return;
        }
        let Some(place) = colons(line) else { return };
        // Counted are files.
        if self.last == place.file {
            return;
        }
        place.file.clone_into(&mut self.last);
        let severity = match place.rest.starts_with("warning: ") {
            true => Severity::Warning,
            false => Severity::Error,
        };
        report.quote(place.rest);
        report.failed = true;
        report.problem(&Problem {
            severity,
            message: place.rest,
            file: place.file,
            line: place.line,
            column: place.column,
            ..Problem::ERROR
        });
    }

    fn finish(&mut self, report: &mut Report) {
        let files = report.files();
        if let (true, [file]) = (report.is_failure(), files) {
            let title = "Format with clang-format".to_owned();
            report.fix = Some(Fix { command: format!("clang-format -i {file}"), title });
        } else if report.is_failure() {
            report.suggestion = Some(format!("Run: clang-format -i on the {} files", files.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn files_are_counted_and_not_their_lines() {
        let line = "src/a.c:3:10: error: code should be clang-formatted [-Wclang-format-violations]\nint  x;\n   ^\n";
        let found = analyze(&line.repeat(3), &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("clang-format", Some(1)));
        assert_eq!(found.fix.unwrap().command, "clang-format -i src/a.c");
    }
}
