//! JUnit's XML, which most runners and some linters can print
//! (<https://github.com/testmoapp/junitxml>; ESLint's `junit` format names its package `org.eslint`).
//!
//! ```text
//! <testsuite name="a.test.ts" tests="5" failures="4" errors="0">
//!   <testcase classname="a.test.ts" name="adds" time="0.01">
//!     <failure message="expected 3 to be 4" type="AssertionError">
//!  ❯ a.test.ts:4:40
//! ```

use super::failures::{Cause, Failures, settle};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::{colons, whole};
use crate::analysis::dialects::xml::elements;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "junit-xml",
    markers: &["<testsuite"],
    recognises: |sample: &Sample| sample.has("<testcase") && sample.has("<testsuite"),
    start: || Box::new(Junit::default()),
};

#[derive(Default)]
struct Junit {
    /// The suite is a file of a linter's.
    lints: bool,
    linter: String,
    suite: String,
    file: String,
    case: String,
    failures: Failures,
    cause: Cause,
    /// A failure whose stack may come.
    placed: bool,
}

impl Dialect for Junit {
    fn report(&self) -> Report {
        Report::new("junit", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(at) = memchr::memchr(b'<', line.as_bytes()) else {
            return self.stack(line, report);
        };
        // A trace may end where the next element begins.
        let (text, rest) = line.split_at(at);
        if !text.trim_start().is_empty() {
            self.stack(text, report);
        }
        for element in elements(rest, is_known) {
            self.element(element, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if report.kind == Kind::Linter {
            return;
        }
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Junit {
    fn element(&mut self, element: &str, report: &mut Report) {
        if let Some(rest) = element.strip_prefix("testsuite ") {
            // Linters name their package: `org.eslint`, `org.ruff`, `org.biome`.
            let linter = attribute(rest, "package")
                .and_then(|name| name.strip_prefix("org.").map(str::to_owned));
            self.lints = linter.as_deref().is_some_and(|name| !name.contains('.'));
            self.linter = linter.unwrap_or_default();
            self.suite = attribute(rest, "name").unwrap_or_default();
            self.file = attribute(rest, "file").unwrap_or_default();
        } else if let Some(rest) = element.strip_prefix("testcase ") {
            self.case = attribute(rest, "name").unwrap_or_default();
            self.placed = true;
            let class = attribute(rest, "classname").unwrap_or_default();
            if let Some(file) = attribute(rest, "file") {
                self.file = file;
            } else if is_path(&class) {
                self.file = class;
            } else if is_path(&self.suite) {
                self.suite.clone_into(&mut self.file);
            }
        } else if let Some(rest) =
            element.strip_prefix("failure").or_else(|| element.strip_prefix("error"))
            && rest.starts_with([' ', '>', '/'])
        {
            let message = attribute(rest, "message").unwrap_or_default();
            if self.lints {
                self.problem(&message, report);
            } else {
                self.failures.add(&self.case, &self.file, report);
                self.cause.begin(&self.case, report);
                if self.cause.is_open() {
                    self.cause.piece(&message);
                }
                self.placed = !self.file.is_empty();
            }
        } else if element.starts_with("/testcase") || element.starts_with("/failure") {
            self.cause.close();
            self.placed = true;
        }
    }

    fn problem(&mut self, message: &str, report: &mut Report) {
        report.kind = Kind::Linter;
        report.tool = match self.linter.as_str() {
            "eslint" => "eslint",
            "ruff" => "ruff",
            "biome" => "biome",
            _ => "linter",
        };
        let case = self.case.strip_prefix("org.").unwrap_or(&self.case);
        let own = case.strip_prefix(self.linter.as_str()).and_then(|rest| rest.strip_prefix('.'));
        let code = own.unwrap_or(case);
        report.problem(&Problem { code, message, file: &self.suite, ..Problem::ERROR });
    }

    /// Of a failure without a file, the first frame of the project's own.
    fn stack(&mut self, line: &str, report: &mut Report) {
        if self.cause.is_open() && self.cause.is_bare() {
            self.cause.piece(line);
        }
        if self.placed || !line.contains(':') {
            return;
        }
        let frame = line.trim().trim_end_matches(')');
        let place = frame.rsplit(['(', ' ']).next().unwrap_or(frame);
        let place = place.strip_prefix("file://").unwrap_or(place);
        let own = !["node_modules/", "node:", "<"].iter().any(|other| place.contains(other));
        // pytest ends a trace with `tests/a.py:9: AssertionError`.
        let found = whole(place).or_else(|| colons(frame));
        if let Some(found) = found.filter(|found| own && is_path(found.file)) {
            report.file(found.file);
            self.placed = true;
        }
    }
}

/// Whether an element is one of those that are read.
fn is_known(element: &str) -> bool {
    ["testsuite ", "testcase ", "failure", "error", "/testcase", "/failure"]
        .iter()
        .any(|start| element.starts_with(start))
}

/// Whether a name is a path with an extension: not that of a class, whose parts begin with capitals.
fn is_path(name: &str) -> bool {
    let Some((stem, end)) = name.rsplit_once('.') else { return false };
    !stem.is_empty()
        && !name.contains(' ')
        && (1..=6).contains(&end.len())
        && end.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && (name.contains(['/', '\\'])
            || ["js", "ts", "mjs", "cjs", "tsx", "jsx", "py", "rb", "php"].contains(&end))
}

/// The value of an attribute of this element.
fn attribute(element: &str, name: &str) -> Option<String> {
    let mut rest = element;
    loop {
        let at = rest.find(name)?;
        let before = rest[..at].bytes().last().is_none_or(|byte| byte.is_ascii_whitespace());
        // An element ends where its own text begins.
        if rest[..at].contains('>') && !rest[..at].contains('"') {
            return None;
        }
        rest = &rest[at + name.len()..];
        if let Some(value) = rest.strip_prefix("=\"")
            && before
        {
            let value = value.split('"').next().unwrap_or(value);
            return Some(unescaped(value));
        }
    }
}

fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&#10;", " "),
        ("&#xA;", " "),
        ("&amp;", "&"),
    ];
    entities.iter().fold(text.to_owned(), |text, (entity, meant)| text.replace(entity, meant))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_are_counted_with_their_cases() {
        let text = "<?xml version=\"1.0\"?>\n<testsuites tests=\"3\" failures=\"1\">\n<testsuite name=\"a.test.ts\" tests=\"3\" failures=\"1\" errors=\"1\">\n<testcase classname=\"a.test.ts\" name=\"sum &gt; adds\" time=\"0.1\"><failure message=\"expected 3 to be 4\" type=\"E\">\nat x\n</failure></testcase>\n<testcase classname=\"a.test.ts\" name=\"ok\"/>\n<testcase classname=\"a.test.ts\" name=\"b\"><error message=\"boom\"/></testcase>\n</testsuite></testsuites>\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.kind.name(), found.details.error_count), ("test_failure", Some(2)));
        assert_eq!(found.details.affected_files, ["a.test.ts"]);
        assert_eq!(found.details.first_error.as_deref(), Some("sum > adds - expected 3 to be 4"));
    }

    #[test]
    fn eslint_s_are_problems_and_all_green_is_nothing() {
        let text = "<testsuites>\n<testsuite package=\"org.eslint\" time=\"0\" tests=\"1\" errors=\"1\" name=\"/w/a.js\">\n<testcase time=\"0\" name=\"org.eslint.semi\" classname=\"/w/a\"><failure message=\"Missing semicolon.\"><![CDATA[line 1]]></failure></testcase>\n</testsuite>\n</testsuites>\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.kind.name(), found.tool), ("linter", "eslint"));
        assert_eq!(found.details.errors_by_type["semi"], 1);
        let text = "<testsuites><testsuite name=\"x\" failures=\"0\"><testcase name=\"fine\"/></testsuite></testsuites>\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind.name(), "unknown");
    }
}
