//! What a body says of a failure. Services word it in few ways:
//!
//! ```text
//! {"error":{"message":…,"type":…,"code":…}}          OpenAI and those that follow it, Azure
//! {"type":"error","error":{"type":…,"message":…}}    Anthropic
//! {"error":{"code":403,"message":…,"status":…}}      Google (google.rpc.Status)
//! {"statusCode":500,"message":…}  {"status":404,"error":"Not Found"}   NestJS, Fastify, Spring
//! {"type":…,"title":…,"status":403,"detail":…}       RFC 9457
//! {"error":"invalid_grant","error_description":…}    RFC 6749 5.2
//! {"message":…,"documentation_url":…}                GitHub
//! {"__type":…,"message":…}                           AWS JSON protocols
//! {"errors":[{"message":…}]}                         GraphQL
//! ```

use super::body::Body;
use super::status::{duration, failing, milliseconds};

/// A failure as a body tells it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) code: String,
    pub(super) message: String,
    /// The body's text up to the message.
    pub(super) raw: String,
    /// Where in the text the message ends.
    pub(super) ends_at: Option<usize>,
    pub(super) wait_ms: Option<u64>,
}

/// The failure a body tells of, given the status of the answer where that is known.
pub(super) fn failure_in(body: &Body, status: Option<u16>) -> Option<Answer> {
    // Lines of structured logs have a level and may quote errors of others.
    let log = ["level", "lvl", "severity", "loglevel", "log.level"];
    if status.is_none() && log.iter().any(|name| body.has(name)) {
        return None;
    }
    let (path, code) = wording(body, status)?;
    let number = |path: &str| body.number(path).and_then(|number| failing(number as u32));
    let told = ["error.code", "error.status", "statusCode", "status", "code"].into_iter();
    Some(Answer {
        status: told.filter_map(number).next().or(status),
        code,
        message: body.text(path)?.split_whitespace().collect::<Vec<_>>().join(" "),
        raw: String::new(),
        ends_at: body.end_of(path).map(|end| end.min(body.length)),
        wait_ms: wait(body),
    })
}

/// The path of the message, and the code.
fn wording(body: &Body, status: Option<u16>) -> Option<(&'static str, String)> {
    let name = |path: &str| {
        body.text(path).filter(|text| text.len() <= 100 && text.parse::<f64>().is_err())
    };
    let first = |paths: &[&'static str]| paths.iter().find_map(|path| name(path));
    if body.text("error.message").is_some() {
        let code = first(&["error.code", "error.status", "error.type", "code"]);
        return Some(("error.message", code.unwrap_or_default().to_owned()));
    }
    let own = [status, number(body, "statusCode"), number(body, "status"), number(body, "code")];
    let failed = own.into_iter().flatten().next().is_some();
    if body.text("error_description").is_some() && body.text("error").is_some() {
        return Some(("error_description", name("error").unwrap_or_default().to_owned()));
    }
    if body.text("__type").is_some() {
        let code = name("__type").map(|text| text.rsplit(['#', '.']).next().unwrap_or(text));
        let code = code.unwrap_or_default().to_owned();
        return Some((if body.has("message") { "message" } else { "Message" }, code));
    }
    if body.text("documentation_url").is_some() && body.text("message").is_some() {
        return Some(("message", String::new()));
    }
    if body.text("object") == Some("error") {
        return Some(("message", name("type").unwrap_or_default().to_owned()));
    }
    // GraphQL answers have these fields only.
    if body.is_inner("errors")
        && body.text("errors.message").is_some()
        && body.outer().all(|name| ["errors", "data", "extensions"].contains(&name))
    {
        let code = first(&["errors.extensions.code", "errors.code", "errors.type"]);
        return Some(("errors.message", code.unwrap_or_default().to_owned()));
    }
    if failed {
        const MESSAGES: [&str; 9] = [
            "message",
            "detail",
            "error_description",
            "error",
            "title",
            "errors.message",
            "errors.detail",
            "msg",
            "detail.message",
        ];
        let path = MESSAGES.into_iter().find(|path| body.text(path).is_some())?;
        return Some((
            path,
            first(&["error_code", "errorCode", "code"]).unwrap_or_default().to_owned(),
        ));
    }
    // `{"error":"model 'x' not found"}` and nothing more: Ollama and many others.
    let only = ["error", "code", "success", "ok", "request_id", "requestId", "message"];
    let alone = body.text("error").is_some() && body.outer().all(|name| only.contains(&name));
    alone.then(|| ("error", String::new()))
}

fn number(body: &Body, path: &str) -> Option<u16> {
    body.number(path).and_then(|number| failing(number as u32))
}

/// `"retry_after": 2.5` in seconds (Discord, Cohere), `"retryDelay": "34s"` (Google's RetryInfo).
fn wait(body: &Body) -> Option<u64> {
    if let Some(delay) = body.text_named("retryDelay") {
        return duration(delay);
    }
    if let Some(number) = body.number_named("retry_after_ms") {
        return milliseconds(number, 1.0);
    }
    let seconds = ["retry_after", "retryAfter", "retry_after_seconds"];
    let number = seconds.into_iter().find_map(|name| body.number_named(name))?;
    milliseconds(number, 1000.0)
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    fn kind(text: &str) -> (Kind, Option<u64>) {
        let analysis = analyze(text, &Status::default(), None, 0);
        (analysis.kind, analysis.retry_after_ms)
    }

    #[test]
    fn services_wording_is_understood() {
        let google = r#"{"error":{"code":429,"message":"Quota exceeded for x","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34s"}]}}"#;
        assert_eq!(kind(google), (Kind::RateLimit, Some(34_000)));
        let oauth = r#"{"error":"invalid_grant","error_description":"Token has been revoked"}"#;
        assert_eq!(kind(oauth), (Kind::Auth, None));
        let spring = r#"{"timestamp":"x","status":503,"error":"Service Unavailable","path":"/a"}"#;
        assert_eq!(kind(spring), (Kind::NetworkError, None));
        let python = "openai.RateLimitError: Error code: 429 - {'error': {'message': 'Please try again in 1m30s.', 'type': 'tokens', 'code': None}}";
        assert_eq!(kind(python), (Kind::RateLimit, Some(90_000)));
        let long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens","type":"invalid_request_error","code":null}}"#;
        assert_eq!(kind(long), (Kind::ResourceExhaustion, None));
    }

    #[test]
    fn what_went_well_is_left_alone() {
        let fine = [
            r#"{"id":"x","error":null,"status":"completed"}"#,
            r#"{"level":"error","msg":"x","error":{"message":"retried"}}"#,
            r#"{"errors":[],"data":{}}"#,
            "HTTP/1.1 401 Unauthorized\n\nHTTP/1.1 200 OK\n",
            "{\n  \"status\": 200,\n  \"message\": \"fine\"\n}\n",
        ];
        for text in fine {
            assert_eq!(kind(text).0, Kind::Unknown, "{text}");
        }
    }
}
