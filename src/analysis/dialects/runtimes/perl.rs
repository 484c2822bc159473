//! Perl's `die` and what its compiler says (<https://perldoc.perl.org/perldiag>).
//!
//! ```text
//! no setting port at r.pl line 5.
//! Global symbol "$x" requires explicit package name (…) at s.pl line 2.
//! syntax error at s.pl line 4, near "}"
//! Execution of s.pl aborted due to compilation errors.
//! Can't locate JSON/XS.pm in @INC (you may need to install the JSON::XS module) (…) at a.pl line 3.
//! ```

use super::super::location::number;
use super::classes;
use super::thrown::install;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "perl",
    markers: &[".pl line ", ".pm line ", ".t line ", " at -e line ", ".cgi line "],
    recognises: |sample| sample.lines().any(|line| place(line).is_some()),
    start: || Box::new(Perl::default()),
};

#[derive(Default)]
struct Perl {
    died: Option<(String, String, u32)>,
    compiling: bool,
    package: String,
}

/// Beginnings of what perl only warns of (the classes W and D of perldiag).
const WARNINGS: [&str; 14] = [
    "Use of ",
    "Argument \"",
    "Useless use",
    "Odd number of elements",
    "Subroutine ",
    "Name \"",
    "Possible ",
    "Deprecated",
    "Reference found where",
    "Scalar value @",
    "Unquoted string",
    "print() on ",
    "readline() on ",
    "Smartmatch is",
];

impl Dialect for Perl {
    fn report(&self) -> Report {
        Report::new("perl", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let aborted = line.ends_with("aborted due to compilation errors.")
            || line.ends_with("had compilation errors.")
            || line.starts_with("BEGIN failed--compilation aborted");
        if aborted {
            self.compiling = true;
            if let Some((message, file, row)) = self.died.take() {
                problem(&message, &file, row, report);
            }
            return;
        }
        let Some((message, file, row)) = place(line) else { return };
        if WARNINGS.iter().any(|start| line.starts_with(start)) {
            return;
        }
        if self.package.is_empty()
            && let Some((_, rest)) = message.split_once("(you may need to install the ")
            && let Some((package, _)) = rest.split_once(" module)")
        {
            package.clone_into(&mut self.package);
        }
        if let Some((message, file, row)) = self.died.take() {
            problem(&message, &file, row, report);
        }
        self.died = Some((line.to_owned(), file.to_owned(), row));
        if report.first_line == 0 {
            report.first_line = report.line_number();
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if let Some((message, file, row)) = self.died.take() {
            problem(&message, &file, row, report);
        }
        if report.errors == 0 {
            return;
        }
        if let Some(place) = report.problems().first() {
            report.suggestion = Some(format!("Look at {}:{}", place.file, place.line));
        }
        if !self.package.is_empty() {
            report.kind = Kind::Dependency;
            report.suggestion = None;
            report.fix = install("cpanm", &self.package);
        } else if self.compiling {
            report.kind = Kind::BuildFailure;
            report.suggestion = None;
        } else if let Some(kind) = report.first.as_deref().and_then(classes::of_message) {
            report.kind = kind;
            report.suggestion = None;
        }
    }
}

fn problem(message: &str, file: &str, row: u32, report: &mut Report) {
    report.problem(&Problem { message, file, line: row, ..Problem::ERROR });
}

/// `message at FILE line 5.`, `… line 4, near "}"`, `… line 5, <FH> line 9.`: message, file, line.
fn place(line: &str) -> Option<(&str, &str, u32)> {
    if line.starts_with([' ', '\t']) || !line.contains(" line ") {
        return None;
    }
    let (message, rest) = line.split_once(" line ").and_then(|(before, rest)| {
        let at = before.rfind(" at ")?;
        Some(((before.get(..at)?, before.get(at + 4..)?), rest))
    })?;
    let (message, file) = message;
    let (row, after) = number(rest)?;
    let ended = after == "." || after.starts_with(", ");
    let script =
        file == "-e" || [".pl", ".pm", ".t", ".cgi", ".psgi"].iter().any(|end| file.ends_with(end));
    (ended && script && !message.is_empty()).then_some((message, file, row))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn dying_is_an_error_and_a_warning_is_none() {
        let text = "Use of uninitialized value $x in addition (+) at run.pl line 3.\nno such queue at lib/Q.pm line 9, <STDIN> line 2.\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.error_count, Some(1));
        assert_eq!(answer.details.affected_files, ["lib/Q.pm"]);
    }

    #[test]
    fn a_missing_module_is_installed() {
        let text = "Can't locate JSON/XS.pm in @INC (you may need to install the JSON::XS module) (@INC contains: /etc/perl) at a.pl line 3.\nBEGIN failed--compilation aborted at a.pl line 3.\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::Dependency);
        assert_eq!(answer.fix.unwrap().command, "cpanm JSON::XS");
        assert_eq!(answer.details.error_count, Some(1));
    }
}
