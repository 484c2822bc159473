//! Yarn 1 (`src/reporters/lang/en.js` of its sources), and Yarn 2 and later
//! (<https://yarnpkg.com/advanced/error-codes>).
//!
//! ```text
//! error Couldn't find package "x" on the "npm" registry.
//! ➤ YN0035: │ x@npm:^1: Package not found
//! ➤ YN0000: · Failed with errors in 0s 63ms
//! ```

use super::kind_of_message;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static YARN: Spec = Spec {
    name: "yarn",
    markers: &["yarnpkg.com/", "yarn install v1", "yarn run v1", "yarn add v1", "yarn v1"],
    recognises: yarn,
    start: || Box::new(Yarn::default()),
};

fn yarn(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        line.starts_with("info Visit https://yarnpkg.com/")
            || line.starts_with("error An unexpected error occurred: ")
            || line.strip_prefix("yarn ").is_some_and(|rest| {
                rest.starts_with("v1.")
                    || rest.split_once(" v1.").is_some_and(|(verb, _)| !verb.contains(' '))
            })
    })
}

/// Sentences of Yarn 1 that are not a tool's below it.
#[derive(Default)]
struct Yarn {
    /// Whether it runs a script, whose own lines may begin with `error `.
    runs: bool,
}

impl Dialect for Yarn {
    fn report(&self) -> Report {
        Report::new("yarn", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.starts_with("yarn run v1.") {
            self.runs = true;
        }
        let Some(text) = line.strip_prefix("error ") else { return };
        if report.failed && report.rank != Rank::Wrapper {
            return;
        }
        let wrapper = text.starts_with("Command failed");
        let own =
            text.starts_with("Command \"") || text.starts_with("An unexpected error occurred");
        if !wrapper && !own && (self.runs || text.starts_with("TS")) {
            return;
        }
        report.failed = true;
        report.errors = 1;
        report.requote(line);
        report.rank = if wrapper { Rank::Wrapper } else { Rank::Tool };
        let (command, title) = match text {
            _ if text.starts_with("Your lockfile needs to be updated") => {
                ("yarn install", "Bring the lock file up to date")
            }
            _ if text.starts_with("Command \"") && text.ends_with("not found.") => {
                ("yarn run", "List the scripts there are")
            }
            _ => ("", ""),
        };
        report.fix = (!command.is_empty())
            .then(|| Fix { command: command.to_owned(), title: title.to_owned() });
        report.kind = if wrapper {
            Kind::RuntimeError
        } else if command == "yarn run" {
            Kind::Unknown
        } else {
            kind_of_message(text)
        };
    }
}

pub(super) static BERRY: Spec = Spec {
    name: "yarn-berry",
    markers: &["YN0", "Usage Error: ", "Internal Error: "],
    recognises: |sample| {
        sample.lines().any(|line| {
            yarn_code(line).is_some()
                || line.starts_with("Usage Error: ")
                || line.starts_with("Internal Error: ")
        })
    },
    start: || Box::new(Berry::default()),
};

/// Codes that inform or warn; the others are errors.
const CALM: [&str; 29] = [
    "YN0000", "YN0002", "YN0003", "YN0004", "YN0005", "YN0006", "YN0007", "YN0008", "YN0013",
    "YN0019", "YN0020", "YN0026", "YN0032", "YN0036", "YN0050", "YN0055", "YN0058", "YN0060",
    "YN0061", "YN0062", "YN0065", "YN0068", "YN0069", "YN0075", "YN0076", "YN0085", "YN0086",
    "YN0087", "YN0094",
];

#[derive(Default)]
struct Berry {
    first: String,
    code: String,
    at: u64,
}

/// `➤ YN0035: │ text`: the code and the text.
fn yarn_code(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("➤ ")?;
    let (code, text) = rest.split_once(": ")?;
    let digits = code.strip_prefix("YN")?;
    (digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| (code, text.trim_start_matches(['│', '┌', '└', '·', ' '])))
}

impl Dialect for Berry {
    fn report(&self) -> Report {
        Report::new("yarn", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if report.failed {
            return;
        }
        if line.starts_with("Usage Error: ") || line.starts_with("Internal Error: ") {
            report.failed = true;
            report.errors = 1;
            report.quote(line);
            let (command, title) = if line.contains("run \"yarn install\"") {
                ("yarn install", "Bring the lock file up to date")
            } else if line.contains("find a script named") {
                report.kind = Kind::Unknown;
                ("yarn run", "List the scripts there are")
            } else {
                return;
            };
            report.fix = Some(Fix { command: command.to_owned(), title: title.to_owned() });
            return;
        }
        let Some((code, text)) = yarn_code(line) else { return };
        if code == "YN0000" {
            if text.starts_with("Failed with errors") {
                self.verdict(report);
            }
        } else if self.first.is_empty() && !CALM.contains(&code) {
            text.clone_into(&mut self.first);
            code.clone_into(&mut self.code);
            self.at = report.line_number();
        }
    }
}

impl Berry {
    fn verdict(&mut self, report: &mut Report) {
        report.failed = true;
        report.errors = 1;
        if self.first.is_empty() {
            report.quote("Failed with errors");
            return;
        }
        report.quote(&format!("{}: {}", self.code, self.first));
        report.first_line = self.at;
        report.code(&self.code);
        report.kind = match self.code.as_str() {
            "YN0041" | "YN0033" => Kind::Auth,
            "YN0009" => Kind::BuildFailure,
            "YN0001" | "YN0035" => kind_of_message(&self.first),
            _ => Kind::Dependency,
        };
        if self.code == "YN0028" {
            let title = "Bring the lock file up to date".to_owned();
            report.fix = Some(Fix { command: "yarn install".to_owned(), title });
        }
    }
}
