//! Hooks: the pre-commit framework (<https://pre-commit.com>), husky, lint-staged and Git's own words for
//! a hook that refused. They wrap the tools they run; what those print outweighs them.
//!
//! ```text
//! black....................................................................Failed
//! - hook id: black
//! - exit code: 1
//! - files were modified by this hook
//! husky - pre-commit script failed (code 1)
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "hooks",
    markers: &["- hook id: ", "husky - ", "✖ lint-staged", "error: failed to push some refs: hook"],
    recognises: |sample| sample.has_line_starting("- hook id: ") || sample.lines().any(husky),
    start: || Box::new(Hooks::default()),
};

fn husky(line: &str) -> bool {
    line.starts_with("husky - ")
        && (line.contains(" failed (code ") || line.contains(" exited with code "))
}

#[derive(Default)]
struct Hooks {
    /// The hook whose status was read last.
    failed: String,
    /// The first line a failed hook printed.
    wants_output: bool,
}

impl Dialect for Hooks {
    fn report(&self) -> Report {
        Report::new("pre-commit", Kind::Vcs, Rank::Wrapper)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            None => return,
            Some(b'-') => {
                self.detail(line, report);
                return;
            }
            Some(b'h') if husky(line) => {
                report.errors += 1;
                report.quote(line);
                return;
            }
            Some(_) => {}
        }
        if let Some(name) = line.strip_suffix("Failed") {
            let shown = name.trim_end_matches('.');
            if name.len() >= shown.len() + 3 && !shown.is_empty() {
                shown.trim().clone_into(&mut self.failed);
                self.wants_output = false;
            }
        } else if self.wants_output && !line.trim().is_empty() {
            self.wants_output = false;
            let first = report.first.clone().unwrap_or_default();
            report.summary = Some(format!("Version control: {first}: {line}"));
        }
    }
}

impl Hooks {
    fn detail(&mut self, line: &str, report: &mut Report) {
        if let Some(id) = line.strip_prefix("- hook id: ")
            && !self.failed.is_empty()
        {
            report.errors += 1;
            report.quote(&format!("hook {id} failed"));
            self.failed.clear();
            self.wants_output = report.errors == 1;
        } else if line == "- files were modified by this hook" && report.suggestion.is_none() {
            report.suggestion =
                Some("The hook repaired files: run git add -u, then commit again".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn failed_hooks_are_counted_and_passed_ones_are_not() {
        let text = "trim trailing whitespace.................................................Passed\nblack....................................................................Failed\n- hook id: black\n- files were modified by this hook\n\nreformatted a.py\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.details.error_count, Some(1));
        assert_eq!(analysis.kind, Kind::Vcs);
        assert!(analysis.suggestion.contains("git add -u"));
    }
}
