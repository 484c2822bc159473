//! Spelling checkers of sources: codespell (<https://github.com/codespell-project/codespell>) and typos
//! (<https://github.com/crate-ci/typos>, whose place has looked in two ways).
//!
//! ```text
//! docs/a.md:3: teh ==> the
//!
//! error: `teh` should be `the`
//!   --> docs/a.md:3:1                       (newer: ╭▸ ./docs/a.md:3:1)
//! ```

use super::super::location::{colons, whole};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "spelling",
    markers: &[" ==> ", "` should be `"],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| codespell(line).is_some() || typo(line))
    },
    start: || Box::new(Spelling::default()),
};

#[derive(Default)]
struct Spelling {
    pending: Option<String>,
    typos: bool,
}

impl Dialect for Spelling {
    fn report(&self) -> Report {
        Report::new("codespell", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(message) = self.pending.take() {
            let place =
                line.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '.' && c != '/');
            let found = whole(place);
            report.problem(&Problem {
                message: &message,
                file: found.map_or("", |found| found.file),
                line: found.map_or(0, |found| found.line),
                column: found.map_or(0, |found| found.column),
                ..Problem::ERROR
            });
        }
        if typo(line) {
            self.typos = true;
            self.pending = Some(line.to_owned());
        } else if memchr::memmem::find(line.as_bytes(), b" ==> ").is_some()
            && let Some((file, row, message)) = codespell(line)
        {
            report.problem(&Problem { message, file, line: row, ..Problem::ERROR });
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.typos {
            report.tool = "typos";
        }
        if report.errors > 0 {
            let command = if self.typos { "typos --write-changes" } else { "codespell -w" };
            let title = "Correct the spelling".to_owned();
            report.fix = Some(Fix { command: command.to_owned(), title });
            report.suggestion = Some(format!("Run: {command}"));
        }
    }
}

fn typo(line: &str) -> bool {
    line.starts_with("error: `") && line.contains("` should be `")
}

/// `path:3: word ==> correction`.
fn codespell(line: &str) -> Option<(&str, u32, &str)> {
    let place = colons(line).filter(|place| place.column == 0)?;
    let (word, correction) = place.rest.split_once(" ==> ")?;
    (!word.is_empty() && !word.contains(' ') && !correction.is_empty())
        .then_some((place.file, place.line, place.rest))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn both_name_the_word_and_its_correction() {
        let found = analyze(
            "d/a.md:3: teh ==> the\nd/a.md:9: wierd ==> weird\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!((found.tool, found.details.error_count), ("codespell", Some(2)));
        assert_eq!(found.fix.unwrap().command, "codespell -w");
        let text = "error: `teh` should be `the`\n  --> d/a.md:3:1\n  |\n3 | teh\n  | ^^^\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("typos", Some(1)));
        assert_eq!(found.details.affected_files, ["d/a.md"]);
    }
}
