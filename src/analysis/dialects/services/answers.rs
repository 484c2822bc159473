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
use super::status::{
    failing, is_too_long, kind_of, retry_header, suggestion, three_digits, wait_in_words,
};
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
        let Some(first) = line.as_bytes().first() else { return };
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
        report.suggestion = suggestion(kind, status, code, &told, wait);
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

/// A line that is an answer's status, the status, and what follows it: `HTTP/1.1 429 Too Many Requests`,
/// `< HTTP/2 404`, `HTTP 404 Not Found`, `GET https://… 500`, `404 {…}`, `404 Not Found`.
fn status_line(line: &str) -> Option<(u16, &str)> {
    let text = line.strip_prefix("< ").unwrap_or(line);
    if text.starts_with('<') {
        return titled(text);
    }
    if let Some(rest) = text.strip_prefix("HTTP") {
        let rest = match rest.strip_prefix('/') {
            Some(version) => version.split_once(' ')?.1,
            None => rest.strip_prefix(' ')?,
        };
        let (status, rest) = three_digits(rest)?;
        let reason = rest.trim_start();
        let plain =
            reason.is_empty() || reason.starts_with(|next: char| next.is_ascii_alphabetic());
        return (plain || reason.starts_with('{')).then_some((status, reason));
    }
    // `[503 Service Unavailable] The model is overloaded.`
    if let Some((status, rest)) = text.strip_prefix('[').and_then(three_digits)
        && failing(u32::from(status)).is_some()
        && let Some((reason, rest)) = rest.split_once(']')
        && REASONS.contains(&reason.trim_start())
    {
        return Some((status, rest));
    }
    const METHODS: [&str; 6] = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD "];
    if let Some(method) = METHODS.iter().find(|method| text.starts_with(**method)) {
        let rest = &text[method.len()..];
        if !rest.starts_with("http://") && !rest.starts_with("https://") {
            return None;
        }
        let (_, rest) = rest.split_once(' ')?;
        let (status, rest) = three_digits(rest)?;
        let reason = rest.trim_start();
        // A reason phrase is a few words; what goes on after it is a log's.
        let plain = reason.is_empty()
            || reason.starts_with('(')
            || reason.starts_with(|next: char| next.is_ascii_uppercase())
                && reason.split_whitespace().count() <= 4
                && !reason.contains("etry");
        return plain.then_some((status, reason));
    }
    let (status, rest) = three_digits(text)?;
    failing(u32::from(status))?;
    let rest = rest.strip_prefix(' ')?;
    let known = REASONS.contains(&rest);
    (rest.starts_with("{\"") || rest.starts_with("{'") || known).then_some((status, rest))
}

/// What follows a status that stands alone on its line.
const REASONS: [&str; 12] = [
    "Bad Request",
    "Unauthorized",
    "Forbidden",
    "Not Found",
    "page not found",
    "Request Timeout",
    "Too Many Requests",
    "Internal Server Error",
    "Bad Gateway",
    "Service Unavailable",
    "Service Temporarily Unavailable",
    "Gateway Timeout",
];

/// The title of a page that a server or proxy made for the failure: `<title>502 Bad Gateway</title>`.
fn titled(line: &str) -> Option<(u16, &str)> {
    let at = memchr::memmem::find(line.as_bytes(), b"<title>")?;
    let (title, rest) = line.get(at + "<title>".len()..)?.split_once("</title>")?;
    let (status, reason) = three_digits(title)?;
    failing(u32::from(status))?;
    REASONS.contains(&reason.trim_start()).then_some((status, rest))
}

/// A client's report of an answer.
struct Words<'t> {
    /// The exception's class, or nothing.
    class: &'t str,
    status: u16,
    /// What follows the status.
    rest: &'t str,
}

/// Words that come right before the status in clients' reports: axios and ky, OpenAI's and Anthropic's
/// Python clients, httpx, urllib, got, and what is often written around `fetch`.
const LEADS: [&str; 12] = [
    "Request failed with status code ",
    "Error code: ",
    "Client error '",
    "Server error '",
    "HTTP Error ",
    "Response code ",
    "HTTP error! status: ",
    "HTTP error! Status: ",
    "HTTP error: ",
    "HTTP status ",
    "status code: ",
    "HTTP ",
];

/// Exceptions whose message begins with the status.
const CLASSES: [&str; 18] = [
    "AuthenticationError",
    "PermissionDeniedError",
    "RateLimitError",
    "BadRequestError",
    "NotFoundError",
    "ConflictError",
    "UnprocessableEntityError",
    "InternalServerError",
    "APIError",
    "APIStatusError",
    "ApiError",
    "HTTPError",
    "HttpError",
    "ClientError",
    "ServerError",
    "ClientResponseError",
    "FetchError",
    "AxiosError",
];

fn words(line: &str) -> Option<Words<'_>> {
    let bytes = line.as_bytes();
    if line.len() > 8192
        || (memchr::memmem::find(bytes, b"rror").is_none()
            && !line.starts_with("Request failed with status code ")
            && memchr::memmem::find(bytes, b"xception").is_none())
    {
        return None;
    }
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let (class, text) = match line.split_once(": ") {
        Some((class, text)) if is_class(class) => (class, text),
        _ => ("", line),
    };
    if let Some((status, rest)) = three_digits(text)
        && failing(u32::from(status)).is_some()
        && !class.is_empty()
    {
        let last = class.rsplit('.').next().unwrap_or(class);
        let after = rest.trim_start();
        let told = CLASSES.contains(&last)
            || class.contains("api_core.exceptions.")
            || after.starts_with("{\"")
            || after.starts_with("{'");
        return told.then_some(Words { class, status, rest });
    }
    if let Some(status) = status_of_class(class) {
        return Some(Words { class, status, rest: text });
    }
    // Google's clients put the answer in brackets, after the address they asked.
    let bracket = memchr::memmem::find(text.as_bytes(), b": [").map(|at| at + 3);
    if let Some((status, rest)) = bracket.and_then(|at| three_digits(text.get(at..)?))
        && failing(u32::from(status)).is_some()
        && rest.starts_with(' ')
    {
        return Some(Words { class, status, rest });
    }
    LEADS.iter().find_map(|lead| {
        let text = text.strip_prefix(lead)?;
        if class.is_empty() && *lead == "HTTP " {
            return None;
        }
        let (status, rest) = three_digits(text)?;
        failing(u32::from(status))?;
        Some(Words { class, status, rest })
    })
}

/// The status for which clients have a class of its own, where they leave it out of the message
/// (OpenAI's and Anthropic's for connections, LiteLLM's, AWS's).
fn status_of_class(class: &str) -> Option<u16> {
    match class.rsplit('.').next().unwrap_or(class) {
        "RateLimitError" | "ThrottlingException" | "TooManyRequestsException" => Some(429),
        "AuthenticationError" => Some(401),
        "PermissionDeniedError" | "AccessDeniedException" => Some(403),
        "ContextWindowExceededError" => Some(413),
        "APIConnectionError" | "APIConnectionTimeoutError" | "APITimeoutError" => Some(504),
        "ServiceUnavailableError" | "OverloadedError" => Some(503),
        _ => None,
    }
}

/// `Error`, `openai.RateLimitError`, `google.api_core.exceptions.NotFound`.
fn is_class(text: &str) -> bool {
    let shaped = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    let last = text.rsplit('.').next().unwrap_or(text);
    shaped
        && text.len() <= 100
        && (last.ends_with("Error") || last.ends_with("Exception") || text.contains(".exceptions."))
}
