//! ansible-lint (<https://ansible.readthedocs.io/projects/lint/usage/#output-format>), `full` and `pep8`.
//!
//! ```text
//! name[missing]: All tasks should be named.
//! playbook.yml:5 Task/Handler: shell echo hi
//!
//! playbook.yml:5: name[missing]: All tasks should be named.
//! Failed: 2 failure(s), 0 warning(s) on 1 files. …
//! ```

use super::super::location::{colons, number};
use super::common::numbered;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "ansible-lint",
    markers: &[" failure(s), "],
    recognises: |sample: &Sample| sample.lines().any(|line| total(line).is_some()),
    start: || Box::new(Ansible::default()),
};

#[derive(Default)]
struct Ansible {
    /// Rule and message whose place comes next.
    pending: Option<(String, String)>,
}

impl Dialect for Ansible {
    fn report(&self) -> Report {
        Report::new("ansible-lint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.is_empty() || line.starts_with(' ') {
            return;
        }
        if let Some((code, message)) = self.pending.take()
            && let Some((file, row)) = place(line)
        {
            report.problem(&Problem {
                code: &code,
                message: &message,
                file,
                line: row,
                ..Problem::ERROR
            });
        } else if let Some(count) = total(line) {
            report.stated = Some(count);
            report.failed |= count > 0;
        } else if let Some((code, message)) = rule(line) {
            self.pending = Some((code.to_owned(), message.to_owned()));
        } else if let Some(place) = colons(line)
            && let Some((code, message)) = rule(place.rest)
        {
            let (file, line) = (place.file, place.line);
            report.problem(&Problem { code, message, file, line, ..Problem::ERROR });
        }
    }
}

/// `playbook.yml:5 Task/Handler: …`, `playbook.yml:5`
fn place(line: &str) -> Option<(&str, u32)> {
    if let Some((file, row, _)) = numbered(line) {
        return Some((file, row));
    }
    let (file, row) = line.rsplit_once(':')?;
    row.parse().ok().map(|row| (file, row))
}

/// `name[missing]: message`
fn rule(line: &str) -> Option<(&str, &str)> {
    let (code, message) = line.split_once(": ")?;
    let shaped = code.starts_with(|first: char| first.is_ascii_lowercase())
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_[]".contains(&b))
        && (code.contains(['-', '[']) || code == "name" || code == "yaml");
    (shaped && !message.is_empty()).then_some((code, message))
}

/// `Failed: 2 failure(s), 0 warning(s) on 1 files.`
fn total(line: &str) -> Option<u64> {
    let (count, rest) = number(line.strip_prefix("Failed: ")?)?;
    rest.starts_with(" failure(s), ").then_some(u64::from(count))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn a_rule_belongs_to_the_place_below_or_before_it() {
        let text = "name[missing]: All tasks should be named.\np.yml:5 Task/Handler: shell x\n\np.yml:9: no-changed-when: Commands should not.\n\nFailed: 2 failure(s), 0 warning(s) on 1 files.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("ansible-lint", Some(2)));
        assert_eq!(found.details.affected_files, ["p.yml"]);
        assert_eq!(found.details.errors_by_type["name[missing]"], 1);
    }
}
