//! SQLFluff (<https://docs.sqlfluff.com/en/stable/reference/cli.html>).
//!
//! ```text
//! == [models/a.sql] FAIL
//! L:   1 | P:   8 | LT01 | Expected only single space before '1'. [layout.spacing]
//! ```

use super::super::location::number;
use super::common::{code_length, in_brackets, is_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "sqlfluff",
    markers: &[" | P: "],
    recognises: |sample: &Sample| sample.lines().any(|line| row(line).is_some()),
    start: || Box::new(Sqlfluff::default()),
};

#[derive(Default)]
struct Sqlfluff {
    file: String,
}

impl Dialect for Sqlfluff {
    fn report(&self) -> Report {
        Report::new("sqlfluff", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(rest) = line.strip_prefix("== [") {
            rest.split(']').next().unwrap_or_default().clone_into(&mut self.file);
        } else if line.starts_with("L:")
            && let Some((line, column, code, text)) = row(line)
        {
            let (message, rule) = in_brackets(text, is_rule).unwrap_or((text, ""));
            if report.first.is_none() {
                report.quote(&format!("{code} | {message}"));
            }
            let file = &self.file;
            report.problem(&Problem { code, rule, message, file, line, column, ..Problem::ERROR });
        }
    }
}

fn row(line: &str) -> Option<(u32, u32, &str, &str)> {
    let (row, rest) = number(line.strip_prefix("L:")?.trim_ascii_start())?;
    let (column, rest) = number(rest.strip_prefix(" | P:")?.trim_ascii_start())?;
    let (code, text) = rest.strip_prefix(" |")?.trim_ascii_start().split_once(" | ")?;
    let code = code.trim();
    let shaped =
        code == "PRS" || code_length(code, 4, 3).is_some_and(|length| length == code.len());
    shaped.then(|| (row, column, code, text.trim()))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn violations_are_counted_by_code() {
        let text = "== [m/b.sql] FAIL\nL:   3 | P:  12 | CP01 | Keywords must be consistently upper case. [capitalisation.keywords]\nL:   9 | P:   1 | LT12 | Files must end with a single trailing newline.\nAll Finished!\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("sqlfluff", Some(2)));
        assert_eq!(found.details.affected_files, ["m/b.sql"]);
    }
}
