//! Terraform and OpenTofu, Ansible: what builds machines
//! (<https://developer.hashicorp.com/terraform/internals/machine-readable-ui>,
//! <https://docs.ansible.com/ansible/latest/plugins/callback.html>).
//!
//! ```text
//! │ Error: Unsupported argument                              (without the frame where there is no terminal)
//! │
//! │   on main.tf line 3, in resource "aws_instance" "x":
//! fatal: [host]: FAILED! => {"changed": false, "msg": "…"}
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "infrastructure",
    markers: &["│ Error: ", ".tf line ", "]: FAILED! => "],
    recognises,
    start: || Box::new(Infrastructure::default()),
};

fn recognises(sample: &Sample) -> bool {
    let framed = sample.has("╵");
    sample.lines().any(|line| {
        ansible(line).is_some()
            || (framed && line.starts_with("│ Error: "))
            || (line.starts_with("  on ") && line.contains(".tf line "))
    })
}

#[derive(Default)]
struct Infrastructure {
    /// An error whose place may come.
    pending: Option<String>,
}

impl Dialect for Infrastructure {
    fn report(&self) -> Report {
        Report::new("terraform", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(said) = ansible(line) {
            report.tool = "ansible";
            report.problem(&Problem { message: said, ..Problem::ERROR });
            return;
        }
        let (framed, text) = match line.strip_prefix("│") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line.trim_start()),
        };
        if let Some(said) =
            text.strip_prefix("Error: ").filter(|_| framed || !line.starts_with(' '))
        {
            self.settle(report);
            self.pending = Some(format!("Error: {said}"));
        } else if self.pending.is_some() {
            if let Some((file, row)) =
                text.strip_prefix("on ").and_then(|rest| rest.split_once(" line "))
            {
                self.count(file, number(row).map_or(0, |(row, _)| row), report);
            } else if line.starts_with("╵") {
                self.settle(report);
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle(report);
    }
}

impl Infrastructure {
    fn settle(&mut self, report: &mut Report) {
        self.count("", 0, report);
    }

    fn count(&mut self, file: &str, line: u32, report: &mut Report) {
        if let Some(message) = self.pending.take() {
            report.problem(&Problem { message: &message, file, line, ..Problem::ERROR });
        }
    }
}

/// `fatal: [host]: FAILED! => {…}`
fn ansible(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("fatal: [")?;
    rest.contains("]: FAILED! =>").then_some(line)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn terraform_s_errors_are_counted_with_their_files() {
        let text = "╷\n│ Error: Unsupported argument\n│ \n│   on main.tf line 3, in resource \"a\" \"x\":\n│    3:   foo = 1\n╵\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["main.tf"]);
    }
}
