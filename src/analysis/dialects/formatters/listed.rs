//! Formatters that name one file a line, each with a head of its own.
//!
//! ```text
//! rustfmt   Diff in /app/src/a.rs:1:              (older: Diff in /app/src/a.rs at line 1:)
//! stylua    Diff in a.lua:
//! isort     ERROR: /app/a.py Imports are incorrectly sorted and/or formatted.
//! gofmt -d  diff a.go.orig a.go                   (older: diff -u a.go.orig a.go)
//! shfmt -d  diff a.sh.orig a.sh
//! dprint    from /app/a.ts:                       Found 2 not formatted files.
//! ```
//! Sources: rustfmt's `src/emitter/diff.rs`, <https://github.com/JohnnyMorganz/StyLua>,
//! <https://pycqa.github.io/isort/>, <https://pkg.go.dev/cmd/gofmt>, <https://github.com/mvdan/sh>,
//! <https://dprint.dev/cli/> and <https://docs.deno.com/runtime/reference/cli/fmt/>. Bare lists of paths
//! (`gofmt -l`, `prettier -l`) are not told from any other list of paths.

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "formatter",
    markers: &["Diff in ", " Imports are incorrectly sorted", ".orig ", " not formatted file"],
    recognises: |sample: &Sample| {
        sample.lines().any(|line| {
            named(line).is_some_and(|(tool, _)| tool != Tool::Dprint) || total(line).is_some()
        })
    },
    start: || Box::new(Listed::default()),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    Rustfmt,
    Stylua,
    Isort,
    Gofmt,
    Shfmt,
    Dprint,
    Deno,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Tool::Rustfmt => "rustfmt",
            Tool::Stylua => "stylua",
            Tool::Isort => "isort",
            Tool::Gofmt => "gofmt",
            Tool::Shfmt => "shfmt",
            Tool::Dprint => "dprint",
            Tool::Deno => "deno fmt",
        }
    }

    fn command(self) -> &'static str {
        match self {
            Tool::Rustfmt => "cargo fmt",
            Tool::Stylua => "stylua .",
            Tool::Isort => "isort .",
            Tool::Gofmt => "gofmt -w .",
            Tool::Shfmt => "shfmt -w .",
            Tool::Dprint => "dprint fmt",
            Tool::Deno => "deno fmt",
        }
    }
}

#[derive(Default)]
struct Listed {
    tool: Option<Tool>,
    last: String,
    /// Files under `from …:`, which count once the total says what they are.
    from: u64,
    stated: Option<u64>,
}

impl Dialect for Listed {
    fn report(&self) -> Report {
        Report::new("formatter", Kind::Formatting, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !matches!(line.as_bytes().first(), Some(b'D' | b'E' | b'd' | b'f' | b'F' | b'e')) {
            return;
        }
        if let Some((tool, file)) = named(line) {
            // One file may have several differences, one after the other.
            if self.last == file {
                return;
            }
            file.clone_into(&mut self.last);
            if tool == Tool::Dprint {
                self.from += 1;
                return report.file(file);
            }
            self.tool.get_or_insert(tool);
            report.problem(&Problem { message: line, file, ..Problem::ERROR });
        } else if let Some((tool, count)) = total(line) {
            self.tool.get_or_insert(tool);
            self.stated = Some(self.stated.unwrap_or(0) + count);
            report.quote(line);
            report.failed = true;
        }
    }

    fn finish(&mut self, report: &mut Report) {
        let Some(tool) = self.tool.filter(|_| report.is_failure()) else { return };
        report.tool = tool.name();
        report.stated = self.stated;
        let title = format!("Format with {}", tool.name());
        report.fix = Some(Fix { command: tool.command().to_owned(), title });
    }
}

fn named(line: &str) -> Option<(Tool, &str)> {
    if let Some(rest) = line.strip_prefix("Diff in ") {
        let rest = rest.strip_suffix(':')?;
        if rest.ends_with(".lua") || rest.ends_with(".luau") {
            return Some((Tool::Stylua, rest));
        }
        let (file, row) = rest.rsplit_once(" at line ").or_else(|| rest.rsplit_once(':'))?;
        return (file.ends_with(".rs") && number(row).is_some_and(|(_, end)| end.is_empty()))
            .then_some((Tool::Rustfmt, file));
    }
    if let Some(rest) = line.strip_prefix("ERROR: ") {
        let file = rest.split_once(" Imports are incorrectly sorted")?.0;
        return Some((Tool::Isort, file));
    }
    if let Some(rest) = line.strip_prefix("diff ") {
        let (old, file) = rest.strip_prefix("-u ").unwrap_or(rest).split_once(".orig ")?;
        // gofmt has written `a.go.orig`, or a temporary file's path, before the file's own.
        return (old == file).then(|| match file.rsplit_once('.') {
            Some((_, "go")) => (Tool::Gofmt, file),
            _ => (Tool::Shfmt, file),
        });
    }
    let file = line.strip_prefix("from ")?.strip_suffix(':')?;
    file.contains(['/', '\\', '.']).then_some((Tool::Dprint, file))
}

/// `Found 2 not formatted files.` of dprint, `error: Found 1 not formatted file in 3 files` of Deno.
fn total(line: &str) -> Option<(Tool, u64)> {
    let (tool, rest) = match line.strip_prefix("error: ") {
        Some(rest) => (Tool::Deno, rest),
        None => (Tool::Dprint, line),
    };
    let (count, rest) = number(rest.strip_prefix("Found ")?)?;
    (count > 0 && rest.starts_with(" not formatted file")).then_some((tool, u64::from(count)))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn each_is_known_by_its_head_and_repaired_by_its_own_command() {
        for (text, tool, count, command) in [
            ("Diff in /w/a.rs:1:\n-x\n+y\nDiff in /w/a.rs:9:\n-x\n+y\n", "rustfmt", 1, "cargo fmt"),
            ("Diff in /w/b.rs at line 4:\n-x\n+y\n", "rustfmt", 1, "cargo fmt"),
            (
                "ERROR: /w/c.py Imports are incorrectly sorted and/or formatted.\n",
                "isort",
                1,
                "isort .",
            ),
            (
                "diff d.go.orig d.go\n--- d.go.orig\n+++ d.go\n@@ -1 +1 @@\n",
                "gofmt",
                1,
                "gofmt -w .",
            ),
            ("diff -u e.sh.orig e.sh\n--- e.sh.orig\n+++ e.sh\n", "shfmt", 1, "shfmt -w ."),
            ("from /w/f.ts:\n1| a\n--\nFound 1 not formatted file.\n", "dprint", 1, "dprint fmt"),
            (
                "from /w/f.ts:\n1| a\n\nerror: Found 1 not formatted file in 3 files\n",
                "deno fmt",
                1,
                "deno fmt",
            ),
        ] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.tool, found.details.error_count), (tool, Some(count)), "{text}");
            assert_eq!(found.details.affected_files.len(), 1, "{text}");
            assert_eq!(found.fix.unwrap().command, command);
        }
    }

    #[test]
    fn other_diffs_are_no_failure() {
        let text =
            "diff --git a/x.go b/x.go\n--- a/x.go\n+++ b/x.go\nDiff in opinion:\nfrom here:\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind.name(), "unknown");
    }
}
