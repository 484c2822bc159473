//! Pydocstyle: two lines a problem (<https://www.pydocstyle.org/en/stable/usage.html>).
//!
//! ```text
//! a/b.py:5 in public function `main`:
//!         D103: Missing docstring in public function
//! ```

use super::common::{code_length, numbered};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "pydocstyle",
    markers: &["\n        D1", "\n        D2", "\n        D3", "\n        D4"],
    recognises,
    start: || Box::new(Pydocstyle::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut headed = false;
    sample.lines().any(|line| {
        let found = headed && problem(line).is_some();
        headed = header(line).is_some();
        found
    })
}

#[derive(Default)]
struct Pydocstyle {
    file: String,
    line: u32,
}

impl Dialect for Pydocstyle {
    fn report(&self) -> Report {
        Report::new("pydocstyle", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.starts_with(' ') {
            let Some((code, message)) = problem(line) else { return };
            if self.file.is_empty() {
                return;
            }
            report.quote(line);
            let (file, line) = (self.file.as_str(), self.line);
            report.problem(&Problem { code, message, file, line, ..Problem::ERROR });
            self.file.clear();
        } else if let Some((file, row)) = header(line) {
            file.clone_into(&mut self.file);
            self.line = row;
        }
    }
}

fn header(line: &str) -> Option<(&str, u32)> {
    let text = line.strip_suffix(':')?;
    let (file, row, rest) = numbered(text)?;
    (rest == "at module level" || (rest.starts_with("in ") && rest.ends_with('`')))
        .then_some((file, row))
}

fn problem(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix("        ")?;
    let length = code_length(text, 1, 3).filter(|_| text.starts_with('D'))?;
    let (code, rest) = text.split_at(length);
    Some((code, rest.strip_prefix(": ")?))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn a_problem_takes_its_place_from_the_line_above() {
        let text = "lib/z.py:4 in private method `_go`:\n        D205: 1 blank line required between summary line and description (found 0)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.tool, "pydocstyle");
        assert_eq!(found.details.affected_files, ["lib/z.py"]);
        assert_eq!(found.details.errors_by_type["D205"], 1);
    }
}
