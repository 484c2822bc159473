//! `dart analyze` and `flutter analyze` (<https://dart.dev/tools/dart-analyze>,
//! <https://docs.flutter.dev/reference/flutter-cli>), which order the parts of a row each in its way.
//!
//! ```text
//!   error • lib/main.dart:10:3 • The function 'f' isn't defined. • undefined_function
//! warning • The value of 'x' isn't used • lib/a.dart:3:7 • unused_local_variable
//! 2 issues found.
//! ```

use super::super::location::{number, whole};
use super::common::FirstWarning;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "dart-analyze",
    markers: &[" \u{2022} "],
    recognises: |sample: &Sample| sample.lines().any(|line| row(line).is_some()),
    start: || Box::new(Dart::default()),
};

#[derive(Default)]
struct Dart {
    warning: FirstWarning,
}

impl Dialect for Dart {
    fn report(&self) -> Report {
        Report::new("dart analyze", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            if let Some((count, " issues found." | " issue found.")) = number(line) {
                report.stated = Some(u64::from(count));
            }
            return;
        }
        let Some(problem) = row(line) else { return };
        if problem.severity == Severity::Warning {
            self.warning.note(problem.message, report);
        }
        report.problem(&problem);
    }

    fn finish(&mut self, report: &mut Report) {
        self.warning.quote(report);
    }
}

fn row(line: &str) -> Option<Problem<'_>> {
    let (level, rest) = line.split_once(" \u{2022} ")?;
    let severity = match level.trim() {
        "error" => Severity::Error,
        "warning" | "info" => Severity::Warning,
        _ => return None,
    };
    let (rest, code) = rest.rsplit_once(" \u{2022} ")?;
    let (first, second) = rest.split_once(" \u{2022} ")?;
    let (place, message) = match whole(first) {
        Some(place) => (place, second),
        None => (whole(second.trim())?, first),
    };
    let (file, line, column) = (place.file, place.line, place.column);
    Some(Problem { severity, code, message, file, line, column, ..Problem::ERROR })
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn both_orders_are_read() {
        let text = "Analyzing w...\n\n  error \u{2022} lib/m.dart:10:3 \u{2022} The function 'f' isn't defined. \u{2022} undefined_function\nwarning \u{2022} Unused \u{2022} lib/a.dart:3:7 \u{2022} unused_local_variable\n\n2 issues found.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.kind.name(), found.details.error_count), ("linter", Some(2)));
        assert_eq!(found.details.affected_files, ["lib/m.dart", "lib/a.dart"]);
        assert_eq!(found.details.first_error.as_deref(), Some("The function 'f' isn't defined."));
    }
}
