//! Reports of test runners as JSON: Jest's (<https://jestjs.io/docs/cli#--json>), which Vitest's `json`
//! reporter follows, and Mocha's (<https://mochajs.org/#json>).
//!
//! ```text
//! {"numFailedTests":1,…,"testResults":[{"assertionResults":[{"failureMessages":["Error: …"],
//!   "fullName":"sum adds","status":"failed"}],"name":"/app/a.test.js","status":"failed"}]}
//! {"stats": {"failures": 1, …}, "failures": [{"fullTitle": "sum adds", "file": "/app/t.js", "err": {…}}]}
//! ```
//! Only what stands near is looked at; a document on one line is read as far as lines are.

use super::failures::{Cause, Failures, number_after, seen, settle};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "test-json",
    markers: &["\"numFailedTests\"", "\"fullTitle\""],
    recognises: |sample: &Sample| {
        sample.has("\"numFailedTests\"") || sample.has("\"stats\"") && sample.has("\"failures\"")
    },
    start: || Box::new(Json::default()),
};

#[derive(Default)]
struct Json {
    failures: Failures,
    cause: Cause,
    stated: Option<u64>,
    /// The test being read: its name, and what it failed with.
    name: String,
    message: String,
    failed: bool,
    mocha: bool,
    /// Within Mocha's list of failures.
    listing: bool,
    key: String,
}

impl Dialect for Json {
    fn report(&self) -> Report {
        Report::new("jest", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let mut rest = line;
        while let Some(at) = memchr::memchr3(b'"', b'}', b']', rest.as_bytes()) {
            let mark = rest.as_bytes()[at];
            rest = &rest[at + 1..];
            if mark != b'"' {
                if mark == b']' && self.mocha && self.listing && self.key != "err" {
                    self.tell(report);
                }
                continue;
            }
            let end = end_of_string(rest);
            let text = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            match rest.trim_start().strip_prefix(':') {
                Some(after) => {
                    self.begin_key(text, after, report);
                    rest = after;
                }
                None => self.value(text, report),
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.tell(report);
        if self.mocha {
            report.tool = "mocha";
        }
        report.stated = self.stated;
        if self.stated == Some(0) {
            report.failed = false;
            return;
        }
        self.failures.tell(report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Json {
    fn begin_key(&mut self, key: &str, after: &str, report: &mut Report) {
        key.clone_into(&mut self.key);
        let number = || number_after(after, "");
        match key {
            "numFailedTests" => self.stated = number(),
            "stats" => self.mocha = true,
            "failures" if self.mocha => match number() {
                Some(count) => self.stated = Some(count),
                None => self.listing = true,
            },
            "passes" | "pending" => self.listing = false,
            "ancestorTitles" | "fullTitle" => self.tell(report),
            _ => {}
        }
    }

    fn value(&mut self, text: &str, report: &mut Report) {
        match self.key.as_str() {
            "fullName" | "fullTitle" => self.name = plain(text),
            "status" if text == "failed" => self.failed = true,
            "failureMessages" | "message" if self.message.is_empty() => {
                self.message = plain(text);
            }
            // Of the file all of these are in: it comes after them.
            "name" if !self.mocha => {
                self.tell(report);
                if text.contains(['/', '\\']) && self.failures.count() > 0 {
                    report.file(text);
                }
            }
            "file" if self.mocha && self.listing => report.file(text),
            _ => {}
        }
    }

    fn tell(&mut self, report: &mut Report) {
        let failed = self.failed || self.mocha && self.listing;
        if failed && !self.name.is_empty() {
            self.failures.add(&self.name, "", report);
            self.cause.begin(&self.name, report);
            if self.cause.is_open() {
                self.cause.piece(&self.message);
                self.cause.close();
            }
            seen(report);
        }
        self.failed = false;
        self.name.clear();
        self.message.clear();
    }
}

/// Where the quotation mark stands that ends a string.
fn end_of_string(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        if bytes[at + next] == b'"' {
            return at + next;
        }
        at = (at + next + 2).min(bytes.len());
    }
    text.len()
}

/// The first line of what a string says.
fn plain(text: &str) -> String {
    let text = text.split("\\n").find(|line| !line.is_empty()).unwrap_or(text);
    let text = text.replace("\\\"", "\"");
    // Colours are written as numbers.
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\\u001b[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn jest_s_and_mocha_s_reports_are_read() {
        let text = "{\"numFailedTests\":1,\"numPassedTests\":1,\"testResults\":[{\"assertionResults\":[{\"ancestorTitles\":[\"sum\"],\"failureMessages\":[\"Error: \\u001b[2mexpect\\u001b[22m(3)\\n    at x\"],\"fullName\":\"sum adds\",\"status\":\"failed\",\"title\":\"adds\"},{\"ancestorTitles\":[],\"failureMessages\":[],\"fullName\":\"fine\",\"status\":\"passed\",\"title\":\"fine\"}],\"message\":\"\",\"name\":\"/w/a.test.js\",\"status\":\"failed\"}]}\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.kind.name(), found.details.error_count), ("test_failure", Some(1)));
        assert_eq!(found.details.first_error.as_deref(), Some("sum adds - Error: expect(3)"));
        assert_eq!(found.details.affected_files, ["/w/a.test.js"]);
        let text = "{\n  \"stats\": {\n    \"tests\": 2,\n    \"failures\": 1\n  },\n  \"failures\": [\n    {\n      \"title\": \"adds\",\n      \"fullTitle\": \"sum adds\",\n      \"file\": \"/w/t.js\",\n      \"err\": {\n        \"message\": \"2 !== 3\"\n      }\n    }\n  ],\n  \"passes\": []\n}\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("mocha", Some(1)));
        assert_eq!(found.details.first_error.as_deref(), Some("sum adds - 2 !== 3"));
        assert_eq!(found.details.affected_files, ["/w/t.js"]);
    }
}
