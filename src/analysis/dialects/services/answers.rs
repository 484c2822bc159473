//! Answers of HTTP services that tell of a failure: status lines (RFC 9112 4), the words in which clients
//! report them, and bodies, above all those of APIs for language models
//! (<https://platform.openai.com/docs/guides/error-codes>, <https://docs.anthropic.com/en/api/errors>,
//! <https://cloud.google.com/apis/design/errors>, RFC 9457, RFC 6749 5.2).
//!
//! ```text
//! HTTP/1.1 429 Too Many Requests            POST https://… 429 Too Many Requests
//! retry-after: 27                           Error: 401 {"error":{"message":…}}
//! {"type":"error","error":{"type":"rate_limit_error","message":…}}
//! openai.RateLimitError: Error code: 429 - {'error': {'message': …}}
//! requests.exceptions.HTTPError: 404 Client Error: Not Found for url: …
//! AxiosError: Request failed with status code 503
//! ```

use super::body::Body;
use super::meaning::{Answer, failure_in};
use super::status::{failing, is_too_long, kind_of, retry_header, suggestion, wait_in_words};
use super::words::{Words, status_line, words};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "http",
    markers: &[
        "HTTP/1.",
        "HTTP/2 ",
        "HTTP/3 ",
        "HTTP 4",
        "HTTP 5",
        "GET http",
        "POST http",
        "PUT http",
        "PATCH http",
        "DELETE http",
        "HEAD http",
        "\"error\":",
        "\"error\" :",
        "'error':",
        "\"errors\":",
        "\"statusCode\":",
        "\"status\":4",
        "\"status\":5",
        "\"status\": 4",
        "\"status\": 5",
        "\"code\":4",
        "\"code\":5",
        "\"object\":\"error\"",
        "\"object\": \"error\"",
        "\"documentation_url\"",
        "\"__type\"",
        "with status code ",
        "rror code: ",
        " Client Error: ",
        " Server Error: ",
        "lient error '",
        "erver error '",
        "HTTP Error ",
        "Response code ",
        "HTTP error",
        "Error: 4",
        "Error: 5",
        "api_core.exceptions.",
        "RateLimitError: ",
        "AuthenticationError: ",
        "PermissionDeniedError: ",
        "ThrottlingException: ",
        "TooManyRequestsException: ",
        "AccessDeniedException: ",
        "WindowExceededError: ",
        "APIConnection",
        "APITimeoutError: ",
        "ServiceUnavailableError: ",
        "OverloadedError: ",
        "404 Not Found",
        "404 page not found",
        "401 Unauthorized",
        "403 Forbidden",
        "400 Bad Request",
        "408 Request Timeout",
        "429 Too Many",
        "500 Internal Server",
        "502 Bad Gateway",
        "503 Service",
        "504 Gateway",
        ": [4",
        ": [5",
        "HTTP status ",
        "status code: ",
    ],
    recognises,
    start: || Box::new(Answers::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut answers = Answers::default();
    let mut report = answers.report();
    sample.lines().for_each(|line| answers.line(line, &mut report));
    answers.finish(&mut report);
    report.is_failure()
}

/// Bytes and lines of a body that stands on several lines.
const MAX_BODY: usize = 16 << 10;
const MAX_BODY_LINES: u32 = 200;

#[derive(Default)]
struct Answers {
    status: Option<u16>,
    status_line: String,
    status_at: u64,
    wait_ms: Option<u64>,
    /// A body whose end is still to come.
    open: String,
    open_lines: u32,
    answer: Option<Answer>,
    answer_at: u64,
    /// The client's exception.
    class: String,
    /// Where Python's traceback began, and the last of the project's own files in it.
    traceback_at: u64,
    frame: String,
    errno: String,
    /// Within what a test printed: Vitest shows it for tests that pass as well.
    printed: bool,
}

impl Dialect for Answers {
    fn report(&self) -> Report {
        Report::new("http", Kind::NetworkError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !self.open.is_empty() {
            self.body_line(line, report.line_number());
            return;
        }
        let Some(first) = line.as_bytes().first() else {
            self.printed = false;
            return;
        };
        if *first == b's' && (line.starts_with("stderr | ") || line.starts_with("stdout | ")) {
            self.printed = true;
        }
        if self.printed {
            return;
        }
        let at = report.line_number();
        match first {
            b'{' => self.body(line, line, at),
            b'd' if line.starts_with("data: {") => self.body(&line[6..], &line[6..], at),
            b' ' => self.indented(line),
            b'<' | b'H' | b'G' | b'P' | b'D' | b'4' | b'5' | b'[' => self.status_or_words(line, at),
            b'r' | b'R' => match retry_header(line) {
                Some(wait) => self.wait_ms = Some(wait),
                None => self.words(line, at),
            },
            b'T' if line == "Traceback (most recent call last):" => {
                if self.traceback_at == 0 {
                    self.traceback_at = at;
                }
            }
            _ => self.words(line, at),
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if !self.open.is_empty() {
            let text = std::mem::take(&mut self.open);
            self.body(&text, "", report.line_number());
        }
        self.verdict(report);
    }
}

impl Answers {
    fn indented(&mut self, line: &str) {
        if self.traceback_at > 0
            && self.answer.is_none()
            && let Some(rest) = line.strip_prefix("  File \"")
            && let Some((file, _)) = rest.split_once('"')
            && !file.contains("-packages/")
            && !file.contains("/lib/python")
            && !file.starts_with('<')
        {
            file.clone_into(&mut self.frame);
        } else if !self.class.is_empty()
            && self.errno.is_empty()
            && let Some(code) = line.trim_start().strip_prefix("code: 'ERR_")
            && let Some((code, _)) = code.split_once('\'')
        {
            self.errno = format!("ERR_{code}");
        }
    }

    fn status_or_words(&mut self, line: &str, at: u64) {
        if let Some(wait) = retry_header(line) {
            self.wait_ms = Some(wait);
            return;
        }
        let Some((status, rest)) = status_line(line) else {
            self.words(line, at);
            return;
        };
        match failing(u32::from(status)) {
            None => {
                // The last answer counts: what came before was tried again or led elsewhere.
                if self.class.is_empty() {
                    *self = Answers { traceback_at: self.traceback_at, ..Answers::default() };
                }
            }
            Some(status) if self.answer.is_none() => {
                self.status = Some(status);
                self.status_at = at;
                let text = line.strip_prefix("< ").unwrap_or(line);
                text[..text.len() - rest.len()].trim_end().clone_into(&mut self.status_line);
                if rest.starts_with('{') {
                    self.body(rest, rest, at);
                } else {
                    text.clone_into(&mut self.status_line);
                }
            }
            Some(_) => {}
        }
    }

    /// What clients say: `Class: 401 {…}`, `Error code: 429 - {…}`, `Request failed with status code 404`.
    fn words(&mut self, line: &str, at: u64) {
        if self.answer.is_some() || !self.class.is_empty() {
            return;
        }
        let Some(Words { class, status, rest }) = words(line) else { return };
        self.status = Some(status);
        self.status_at = at;
        line.clone_into(&mut self.status_line);
        class.clone_into(&mut self.class);
        if self.class.is_empty() {
            self.class.push_str("Error");
        }
        if let Some(start) = memchr::memchr(b'{', rest.as_bytes()) {
            self.body(&rest[start..], &rest[start..], at);
            if self.answer.is_some() {
                let head = line.len() - rest.len() + start;
                line[..head].trim_end_matches([' ', '-']).clone_into(&mut self.status_line);
            }
        }
    }

    fn body_line(&mut self, line: &str, at: u64) {
        self.open_lines += 1;
        self.open.push('\n');
        self.open.push_str(line);
        let ends = line.starts_with('}') || line.starts_with("data:");
        if ends || self.open_lines >= MAX_BODY_LINES || self.open.len() > MAX_BODY {
            let text = std::mem::take(&mut self.open);
            self.open_lines = 0;
            self.body(&text, "", at);
        }
    }

    /// Reads a body; `raw` is the line it stands on, if it is on one.
    fn body(&mut self, text: &str, raw: &str, at: u64) {
        if self.answer.is_some() {
            return;
        }
        if raw == "{" {
            text.clone_into(&mut self.open);
            return;
        }
        if self.status.is_none()
            && memchr::memmem::find(text.as_bytes(), b"rror").is_none()
            && memchr::memmem::find(text.as_bytes(), b"tatus").is_none()
            && memchr::memmem::find(text.as_bytes(), b"__type").is_none()
            && memchr::memmem::find(text.as_bytes(), b"documentation_url").is_none()
        {
            return;
        }
        let Some(body) = Body::read(text) else { return };
        let Some(mut answer) = failure_in(&body, self.status) else { return };
        if let Some(end) = answer.ends_at.filter(|_| !raw.is_empty()) {
            raw.get(..end).unwrap_or_default().clone_into(&mut answer.raw);
        }
        self.answer = Some(answer);
        self.answer_at = at;
    }

    fn verdict(&mut self, report: &mut Report) {
        let Answer { status, code, message, raw, wait_ms, .. } = match self.answer.take() {
            Some(answer) => answer,
            None if self.status.is_some() => Answer::default(),
            None => return,
        };
        let status = status.or(self.status);
        let told = if message.is_empty() { self.status_line.clone() } else { message.clone() };
        let wait = self.wait_ms.or(wait_ms).or_else(|| wait_in_words(&told));
        let kind = kind_of(status, &code, &told);
        report.failed = true;
        report.errors = 1;
        report.kind = kind;
        report.retry_after_ms = wait;
        // A short message says little without what stands around it.
        let quote = if message.is_empty() {
            self.status_line.clone()
        } else if message.len() < 24 && !raw.is_empty() {
            raw
        } else {
            message.clone()
        };
        report.requote(&quote);
        report.first_line = [self.traceback_at, self.status_at, self.answer_at]
            .into_iter()
            .filter(|line| *line > 0)
            .min()
            .unwrap_or_default();
        report.file(&self.frame);
        let class = if self.class == "Error" { "" } else { &self.class };
        let code = [code.as_str(), &self.errno, class].into_iter().find(|code| !code.is_empty());
        let code = code.unwrap_or_default();
        if !code.is_empty() {
            report.code(code);
        }
        report.summary = Some(summary(kind, &self.status_line, status, code, &message));
        // Where nobody answered, the words of the kind say what to do.
        if !class.contains("Connection") && !class.contains("Timeout") {
            report.suggestion = suggestion(kind, status, code, &told, wait);
        }
        if kind == Kind::NetworkError && is_too_long(code, &told) {
            report.kind = Kind::ResourceExhaustion;
        }
    }
}

fn summary(kind: Kind, line: &str, status: Option<u16>, code: &str, message: &str) -> String {
    let mut words = format!("{}: ", kind.label());
    if !line.is_empty() {
        words.push_str(&crate::analysis::report::clip(line, 160));
    } else if let Some(status) = status {
        words.push_str(&format!("HTTP {status}"));
    }
    for part in [code, message] {
        if !part.is_empty() && !words.contains(part) {
            words.push_str(if words.ends_with(": ") { "" } else { ": " });
            words.push_str(part);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn a_client_s_exception_is_told_with_the_project_s_own_file() {
        let text = "Traceback (most recent call last):\n  File \"/app/sync.py\", line 9, in <module>\n    pull()\n  File \"/app/.venv/lib/python3.12/site-packages/requests/models.py\", line 1024, in raise_for_status\n    raise HTTPError(http_error_msg, response=self)\nrequests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://x.test/a\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.kind, Kind::Auth);
        assert_eq!(analysis.details.affected_files, ["/app/sync.py"]);
        assert_eq!(analysis.details.errors_by_type["requests.exceptions.HTTPError"], 1);
    }

    #[test]
    fn the_header_s_wait_is_told() {
        let text = "HTTP/1.1 503 Service Unavailable\nRetry-After: 12\n\nbusy\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!((analysis.kind, analysis.retry_after_ms), (Kind::NetworkError, Some(12_000)));
        let first = analysis.details.first_error.as_deref();
        assert_eq!(first, Some("HTTP/1.1 503 Service Unavailable"));
    }

    #[test]
    fn logs_of_a_server_and_prose_are_no_answers() {
        for text in [
            "127.0.0.1 - - [02/Mar/2026:09:14:55 +0000] \"GET /x HTTP/1.1\" 404 153",
            "POST https://x.test/v1 429 Too Many Requests, retrying in 2 s",
            "HTTP status codes are explained below.",
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, Kind::Unknown, "{text}");
        }
    }
}
