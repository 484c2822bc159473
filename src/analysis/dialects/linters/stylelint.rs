//! Stylelint's `string` formatter (<https://stylelint.io/user-guide/options/#formatter>,
//! `lib/formatters/stringFormatter.mjs`) and its failures to load a configuration.
//!
//! ```text
//! css/a.css
//!   1:9  ✖  Expected "#FFFFFF" to be "#FFF"  color-hex-length
//!
//! ✖ 19 problems (19 errors, 0 warnings)
//!   11 errors potentially fixable with the "--fix" option.
//! ```

use super::stylish::{Cells, Stylish, row, split_rule};
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "stylelint",
    markers: &["  \u{2716}  ", "  \u{d7}  ", "  \u{26a0}  ", "  \u{203c}  "],
    recognises,
    start: || Box::new(Stylish::new("stylelint", cells)),
};

pub(super) static CONFIGURATION: Spec = Spec {
    name: "stylelint-configuration",
    markers: &["Do you need to install the package or use the \"configBasedir\" option?"],
    recognises: always,
    start: || Box::new(Configuration),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        line.starts_with(' ')
            && row(line).and_then(|row| cells(row.rest)).is_some_and(|cells| !cells.rule.is_empty())
    })
}

fn cells(rest: &str) -> Option<Cells<'_>> {
    let mut characters = rest.chars();
    let severity = match characters.next()? {
        '\u{2716}' | '\u{d7}' => Severity::Error,
        '\u{26a0}' | '\u{203c}' | '\u{2139}' => Severity::Warning,
        _ => return None,
    };
    let text = characters.as_str().trim_start_matches('\u{fe0f}').strip_prefix(' ')?;
    let (message, rule) = split_rule(text.trim_ascii_start());
    Some(Cells { severity, message, rule })
}

/// `Could not find "stylelint-config-standard". Do you need to install the package or use …?`
struct Configuration;

impl Dialect for Configuration {
    fn report(&self) -> Report {
        Report::new("stylelint", Kind::Dependency, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if report.first.is_some() {
            return;
        }
        let Some((_, rest)) = line.split_once("Could not find \"") else { return };
        let Some((package, rest)) = rest.split_once('"') else { return };
        if !rest.starts_with(". Do you need to install") {
            return;
        }
        report.problem(&Problem { message: line, ..Problem::ERROR });
        if !package.starts_with(['.', '/']) {
            report.fix = Some(Fix {
                command: format!("npm install --save-dev {package}"),
                title: format!("Install {package}"),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn the_table_s_marks_tell_errors_from_warnings() {
        let text = "\nweb/x.scss\n  2:3  \u{2716}  Unknown unit \"pixels\"  unit-no-unknown\n  \
                    4:1  \u{26a0}  Empty block              block-no-empty\n\n\u{2716} 2 problems (1 error, 1 warning)\n  \
                    1 error potentially fixable with the \"--fix\" option.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.tool, "stylelint");
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.first_error.as_deref(), Some("Unknown unit \"pixels\""));
        assert_eq!(found.fix.unwrap().command, "npx stylelint --fix \"**/*.scss\"");
    }

    #[test]
    fn a_configuration_that_is_not_installed_is_a_dependency() {
        let text = "Error: Could not find \"stylelint-config-x\". Do you need to install the package or use the \"configBasedir\" option?\n    at y (z.mjs:1:2)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind.name(), "dependency");
        assert_eq!(found.fix.unwrap().command, "npm install --save-dev stylelint-config-x");
    }
}
