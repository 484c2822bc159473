//! JavaScript's errors as V8 and JavaScriptCore print them: Node (<https://nodejs.org/api/errors.html>,
//! `util.inspect`), Deno and Bun.
//!
//! ```text
//! /app/a.js:3                      file:line that threw          error: Uncaught (in promise) TypeError: x     Deno
//!   code                                                             at file:///app/a.ts:1:7
//!   ^
//! Error: message                   class [CODE]: message         error: message                               Bun
//!     at f (/app/a.js:3:9) {                                           at f (/app/a.ts:3:9)
//!   code: 'ENOENT',                properties
//!   [cause]: TypeError: other      its cause, indented           [AggregateError: message] {
//!       at g (/app/b.js:1:1)                                       [errors]: [ Error: one … ]
//! }
//! Node.js v22.1.0
//! ```

use super::classes;
use super::header::{Header, any, header, logged};
use super::node_lines::{Module, above, bundled, frame, is_own, is_test_summary, module, strip};
use super::thrown::{Named, Thrown, install};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "node",
    markers: &[
        "\n    at ",
        "  at ",
        "error: Cannot find ",
        "error: Module not found ",
        "\nNode.js v",
        "Error: ",
        "Error [",
        "Rejection",
        "Exception [",
    ],
    recognises,
    start: || Box::new(Node::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut end = 0;
    let errors = sample.has("rror");
    for (index, line) in sample.lines().enumerate() {
        let seen = line.starts_with("Node.js v")
            || (line.starts_with("  ") && frame(line).is_some())
            || bundled(line)
            || (errors && (line.starts_with("  code: '") || line.starts_with("  errno: -")));
        if seen {
            end = index + 1;
        }
    }
    // A test runner's summary after the last of them speaks for all.
    end > 0 && !sample.lines().skip(end).any(is_test_summary)
}

#[derive(Default)]
struct Node {
    /// A line that names an error, its stack or properties still to come.
    candidate: Option<(Named, u64)>,
    /// Lines since then.
    since: u32,
    current: Option<Thrown>,
    /// The last line that is not indented: it names an error when a stack follows.
    previous: String,
    previous_at: u64,
    /// The error that ended the program, or the first that was logged.
    chosen: Option<Thrown>,
    /// Blanks before the class of the current error.
    indent: usize,
    /// The file above a frame of code: where it was thrown.
    above: Option<(String, u32)>,
    caret: bool,
    in_cause: bool,
    requires: bool,
    uncaught: bool,
    ended: bool,
}

/// Lines a message may have between its class and its stack.
const MAX_MESSAGE: u32 = 200;

impl Dialect for Node {
    fn report(&self) -> Report {
        Report::new("node", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        self.since = self.since.saturating_add(1);
        if first == b' ' || first == b'\t' {
            self.indented(line, report);
            return;
        }
        if first == b'}' || (first == b'-' && line.starts_with("- ") && self.requires) {
            if let Some(path) = line.strip_prefix("- ") {
                self.affected(path);
            }
            return;
        }
        if first == b'^' && line.bytes().all(|byte| matches!(byte, b'^' | b'~')) {
            self.caret = true;
            return;
        }
        if let Some(place) = above(line) {
            self.end_of_current(report);
            self.above = Some(place);
            self.caret = false;
            return;
        }
        if line.starts_with("Node.js v") {
            self.uncaught = true;
            self.confirm_bare();
            self.end_of_current(report);
            self.ended = true;
            return;
        }
        if line == "Require stack:" {
            self.requires = true;
            self.confirm_bare();
            return;
        }
        // `Transform failed with 1 error:`, and then which.
        if self.since == 1
            && let Some((error, _)) = &mut self.candidate
            && error.quote.ends_with(':')
            && !line.starts_with(['+', '-'])
        {
            error.quote = format!("{} {line}", error.quote);
            return;
        }
        if let Some(found) = header(line).or_else(|| logged(line)) {
            self.begin(line, found, 0, report);
        } else if line.starts_with("error: Uncaught ") || line.starts_with("Uncaught ") {
            self.begin(line, any(line), 0, report);
        } else if bundled(line) {
            self.begin(line, any(line), 0, report);
            self.confirm_bare();
        } else if self.caret && self.above.is_some() && self.candidate.is_none() {
            // Below the frame of code stands what was thrown, whatever it is.
            self.begin(line, any(line), 0, report);
        }
        self.previous.clear();
        if line.len() < 1024 && !line.ends_with(':') {
            self.previous.push_str(line);
            self.previous_at = report.line_number();
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.ended || self.caret {
            self.confirm_bare();
        }
        self.end_of_current(report);
        if let Some(thrown) = self.chosen.take() {
            finish(&thrown, report);
        }
    }
}

impl Node {
    fn begin(&mut self, line: &str, found: Header<'_>, indent: usize, report: &mut Report) {
        self.end_of_current(report);
        let quote = found.quote(line);
        let mut error = Named::new(found.class, found.message, &quote);
        found.code.clone_into(&mut error.code);
        self.candidate = Some((error, report.line_number()));
        self.since = 0;
        self.indent = indent;
        self.in_cause = false;
        self.requires = false;
        if line.ends_with('{') {
            self.confirm_bare();
        }
    }

    fn indented(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        match text.as_bytes().first() {
            Some(b'a') if text.starts_with("at ") => {
                if self.candidate.is_some() && self.since <= MAX_MESSAGE {
                    self.confirm_bare();
                }
                let Some((file, row, column)) = frame(line) else { return };
                if !self.previous.is_empty() && self.previous_at + 1 == report.line_number() {
                    let previous = std::mem::take(&mut self.previous);
                    let named = self.current.as_ref().is_some_and(|thrown| {
                        // The last line of a message, or the class itself.
                        thrown.at == self.previous_at || self.since > 1
                    });
                    // Warnings and traces have stacks too.
                    let calm = previous.starts_with("(node:")
                        || previous.starts_with("Trace")
                        || previous.contains("Warning:");
                    if !named && !calm {
                        self.begin(&previous, any(&previous), 0, report);
                        self.confirm_bare();
                        if let Some(thrown) = &mut self.current {
                            thrown.at = self.previous_at;
                        }
                    }
                }
                if is_own(file)
                    && let Some(thrown) = &mut self.current
                {
                    thrown.frame(strip(file), row, column);
                }
            }
            Some(b'^') => {
                self.caret = true;
            }
            Some(b'[') if text.starts_with("[cause]: ") => {
                if self.current.is_none() {
                    self.confirm_bare();
                }
                let text = text.strip_prefix("[cause]: ").unwrap_or(text);
                self.part(text, true);
            }
            Some(b'c') if text.starts_with("code: ") => {
                self.confirm_bare();
                self.property(text.strip_prefix("code: ").unwrap_or_default(), indent);
            }
            Some(b'e') if text.starts_with("errno: ") || text.starts_with("error: ") => {
                self.confirm_bare();
            }
            Some(b'A'..=b'Z' | b'[')
                if indent >= 4 && (self.current.is_some() || self.candidate.is_some()) =>
            {
                self.part(text, false);
            }
            Some(b'A'..=b'Z' | b'[') if self.current.is_none() && self.candidate.is_none() => {
                // Printed by something that indents: a runner, a logger.
                if let Some(found) = header(text) {
                    self.begin(text, found, indent, report);
                }
            }
            _ => {}
        }
    }

    /// A cause, or one of the errors of an aggregate.
    fn part(&mut self, text: &str, cause: bool) {
        let Some(found) = header(text) else { return };
        let Some(thrown) = &mut self.current else { return };
        if !cause && (self.in_cause || thrown.cause.is_some()) && !is_aggregate(thrown) {
            return;
        }
        if !cause && !is_aggregate(thrown) {
            return;
        }
        // Of an aggregate's errors the first is told; of a chain of causes the innermost.
        let empty = thrown.cause.as_ref().is_none_or(|cause| cause.message.is_empty());
        if cause || empty {
            let mut error = Named::new(found.class, found.message, &found.quote(text));
            found.code.clone_into(&mut error.code);
            if error.code.is_empty() {
                error.code = classes::code_in(found.message).unwrap_or_default().to_owned();
            }
            thrown.cause = Some(error);
        }
        self.in_cause |= cause;
    }

    /// `code: 'ENOENT',`
    fn property(&mut self, value: &str, indent: usize) {
        let value = value.trim_end_matches(',').trim_matches(['\'', '"', '`']);
        let named = value.len() > 2
            && value.len() < 100
            && value.starts_with(|c: char| c.is_ascii_uppercase())
            && value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let Some(thrown) = &mut self.current else { return };
        if !named {
            return;
        }
        let nested = indent > self.indent + 2;
        match &mut thrown.cause {
            Some(cause) if nested || self.in_cause => {
                if cause.code.is_empty() {
                    value.clone_into(&mut cause.code);
                }
            }
            _ if nested => {}
            _ => value.clone_into(&mut thrown.error.code),
        }
    }

    /// What named an error did: a stack or properties follow.
    fn confirm_bare(&mut self) {
        let Some((error, at)) = self.candidate.take() else { return };
        let mut thrown = Thrown::new(error, at);
        if let Some((file, row)) = self.above.take() {
            self.uncaught = true;
            if is_own(&file) {
                thrown.frame(strip(&file), row, 0);
            }
        }
        self.current = Some(thrown);
    }

    fn affected(&mut self, path: &str) {
        if let Some(thrown) = &mut self.current
            && is_own(path)
        {
            thrown.file(strip(path));
        }
    }

    fn end_of_current(&mut self, report: &mut Report) {
        self.candidate = None;
        let Some(mut thrown) = self.current.take() else { return };
        self.in_cause = false;
        if thrown.error.code.is_empty()
            && let Some(code) = classes::code_in(&thrown.error.message)
        {
            code.clone_into(&mut thrown.error.code);
        }
        if let Some((_, importer)) = thrown.error.message.split_once(" imported from ")
            && let importer = importer.split(".timestamp-").next().unwrap_or(importer)
            && is_own(importer)
            && !importer.ends_with('/')
        {
            let importer = strip(importer).to_owned();
            thrown.file(&importer);
        }
        // The same error logged and then thrown is one.
        let again = self.chosen.as_ref().is_some_and(|chosen| {
            chosen.error.quote == thrown.error.quote
                || chosen.error.message == thrown.error.message && !thrown.error.message.is_empty()
        });
        if !again {
            thrown.count(report);
        }
        let uncaught = std::mem::take(&mut self.uncaught);
        if self.chosen.is_none() || (uncaught && !again) {
            self.chosen = Some(thrown);
        }
    }
}

fn is_aggregate(thrown: &Thrown) -> bool {
    thrown.error.class.ends_with("AggregateError")
        || thrown.cause.as_ref().is_some_and(|cause| cause.class.ends_with("AggregateError"))
}

/// The kind and the fix that only Node's own words tell.
fn finish(thrown: &Thrown, report: &mut Report) {
    thrown.tell(report);
    let message = thrown.error.message.as_str();
    match module(message) {
        Some(Module::Package(name)) => {
            report.kind = Kind::Dependency;
            report.suggestion = None;
            report.fix = install("npm install", &name);
        }
        Some(Module::Broken) => {
            report.kind = Kind::Dependency;
            report.suggestion = None;
            report.fix = Some(crate::analysis::report::Fix {
                command: "npm install".to_owned(),
                title: "Install the dependencies".to_owned(),
            });
        }
        None => {}
    }
    if message.starts_with("Command failed") {
        // What it ran has said why.
        report.rank = Rank::Wrapper;
    }
    if let Some((_, rest)) = message.split_once("Relative import path \"")
        && let Some((name, _)) = rest.split_once('"')
    {
        report.kind = Kind::Dependency;
        report.suggestion = None;
        report.fix =
            classes::npm_package(name).and_then(|name| install("deno add", &format!("npm:{name}")));
    }
    if message.contains("file watchers reached") {
        report.suggestion = Some("Run: sudo sysctl fs.inotify.max_user_watches=524288".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_frames_of_the_project_are_named_and_the_code_counts() {
        let text = "/p/run.js:9\n  read();\n  ^\n\nError: ENOENT: no such file or directory, open 'a b.txt'\n    at Object.openSync (node:fs:573:18)\n    at lib (/p/node_modules/q/i.js:1:1)\n    at read (/p/lib/read.js:3:5)\n    at Object.<anonymous> (/p/run.js:9:3) {\n  errno: -2,\n  code: 'ENOENT'\n}\n\nNode.js v22.1.0\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.errors_by_type.get("ENOENT"), Some(&1));
        assert_eq!(answer.details.affected_files, ["/p/run.js", "/p/lib/read.js"]);
    }

    #[test]
    fn a_refused_connection_behind_fetch_is_one_of_the_network() {
        let text = "TypeError: fetch failed\n    at node:internal/deps/undici/undici:1:1\n    at async main (file:///p/a.mjs:2:3) {\n  [cause]: AggregateError [ECONNREFUSED]: \n      at internalConnectMultiple (node:net:1:1) {\n    code: 'ECONNREFUSED',\n    [errors]: [\n      Error: connect ECONNREFUSED ::1:5000\n          at x (node:net:1:1) {\n        code: 'ECONNREFUSED',\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::NetworkError);
        assert_eq!(
            answer.details.first_error.unwrap(),
            "TypeError: fetch failed (cause: Error: connect ECONNREFUSED ::1:5000)"
        );
        assert_eq!(answer.details.errors_by_type.get("ECONNREFUSED"), Some(&1));
    }

    #[test]
    fn a_missing_package_is_installed() {
        let text = "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@a/b' imported from /p/x.js\n    at packageResolve (node:internal/modules/esm/resolve:873:9) {\n  code: 'ERR_MODULE_NOT_FOUND'\n}\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::Dependency);
        assert_eq!(answer.fix.unwrap().command, "npm install @a/b");
        assert_eq!(answer.details.affected_files, ["/p/x.js"]);
    }
}
