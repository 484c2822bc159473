//! Errors in structured logs, one JSON object a line: pino (`{"level":50,"err":{"type":…,"stack":…}}`,
//! <https://getpino.io/#/docs/api?id=err>), bunyan and winston alike. What is read is the stack.
//!
//! ```text
//! {"level":50,"err":{"type":"TypeError","message":"x","stack":"TypeError: x\\n    at f (/app/a.js:1:2)"},"msg":"failed"}
//! ```

use super::header::any;
use super::node_lines::{frame, is_own};
use super::thrown::{Named, Thrown};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use memchr::memmem;

pub(super) static SPEC: Spec = Spec {
    name: "json log",
    markers: &["\"stack\":\"", "\"stack\": \""],
    recognises: |sample| sample.lines().any(|line| stack(line).is_some()),
    start: || Box::new(JsonLog::default()),
};

/// Frames of one stack that are looked at.
const MAX_FRAMES: usize = 30;

#[derive(Default)]
struct JsonLog {
    first: Option<Thrown>,
}

impl Dialect for JsonLog {
    fn report(&self) -> Report {
        // A service that logs an error goes on; what ended it is told otherwise.
        Report::new("", Kind::RuntimeError, Rank::Wrapper)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(stack) = stack(line) else { return };
        let mut lines = stack.split("\\n").take(MAX_FRAMES);
        let text = lines.next().unwrap_or_default().replace("\\\"", "\"");
        let found = any(&text);
        let mut error = Named::new(found.class, found.message, &found.quote(&text));
        found.code.clone_into(&mut error.code);
        let mut thrown = Thrown::new(error, report.line_number());
        for text in lines {
            if let Some((file, row, column)) = frame(text)
                && is_own(file)
            {
                thrown.frame(file.strip_prefix("file://").unwrap_or(file), row, column);
            }
        }
        thrown.count(report);
        if self.first.is_none() {
            self.first = Some(thrown);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if let Some(first) = self.first.take() {
            first.tell(report);
        }
    }
}

/// The stack in a line that is an object and no mere warning.
fn stack(line: &str) -> Option<&str> {
    if !line.starts_with('{') || !line.ends_with('}') {
        return None;
    }
    let at = memmem::find(line.as_bytes(), b"\"stack\":")?;
    let rest = line.get(at + "\"stack\":".len()..)?.trim_start().strip_prefix('"')?;
    let calm = [
        "\"level\":40",
        "\"level\":30",
        "\"level\":20",
        "\"level\":\"warn",
        "\"level\":\"info",
        "\"level\":\"debug",
    ];
    if calm.iter().any(|level| line.contains(level)) {
        return None;
    }
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let stack = rest.get(..end)?;
    stack.contains("\\n").then_some(stack)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_stack_of_a_logged_error_is_read() {
        let text = "{\"level\":30,\"msg\":\"up\"}\n{\"level\":50,\"err\":{\"type\":\"TypeError\",\"stack\":\"TypeError: no \\\"x\\\"\\n    at f (/p/src/a.js:3:4)\\n    at node:net:1:1\"},\"msg\":\"failed\"}\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.first_error.as_deref(), Some("TypeError: no \"x\""));
        assert_eq!(answer.details.affected_files, ["/p/src/a.js"]);
    }
}
