//! HTMLHint (<https://htmlhint.com/usage/cli/>).
//!
//! ```text
//!    /app/index.html
//!       L3 |<img src="a">
//!           ^ An alt attribute must be present on <img> elements. (alt-require)
//!
//! Scanned 1 files, found 2 errors in 1 files (10 ms)
//! ```

use super::super::location::number;
use super::common::{in_parentheses, is_rule};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "htmlhint",
    markers: &["Scanned "],
    recognises: |sample: &Sample| sample.lines().any(|line| total(line).is_some()),
    start: || Box::new(Htmlhint::default()),
};

#[derive(Default)]
struct Htmlhint {
    file: String,
    line: u32,
}

impl Dialect for Htmlhint {
    fn report(&self) -> Report {
        Report::new("htmlhint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(count) = total(line) {
            report.stated = Some(count);
            report.failed |= count > 0;
            return;
        }
        let Some(text) = line.strip_prefix("   ").map(str::trim_start) else { return };
        if let Some((row, rest)) = text.strip_prefix('L').and_then(number)
            && rest.starts_with(" |")
        {
            self.line = row;
        } else if let Some((message, code)) =
            text.strip_prefix("^ ").and_then(|text| in_parentheses(text, is_rule))
        {
            let (file, line) = (&self.file, self.line);
            report.problem(&Problem { code, message, file, line, ..Problem::ERROR });
        } else if line.len() - text.len() == 3 && text.contains(['.', '/']) && text.len() < 500 {
            text.clone_into(&mut self.file);
        }
    }
}

/// `Scanned 1 files, found 2 errors in 1 files (10 ms)`
fn total(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("Scanned ").and_then(number)?;
    let (count, rest) = number(rest.strip_prefix(" files, found ")?)?;
    rest.starts_with(" errors in ").then_some(u64::from(count))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn hints_are_counted_by_rule_in_their_file() {
        let text = "\n   /w/index.html\n      L1 |<html>\n          ^ Doctype must be declared first. (doctype-first)\n\nScanned 1 files, found 1 errors in 1 files (10 ms)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("htmlhint", Some(1)));
        assert_eq!(found.details.affected_files, ["/w/index.html"]);
        assert_eq!(found.details.errors_by_type["doctype-first"], 1);
    }
}
