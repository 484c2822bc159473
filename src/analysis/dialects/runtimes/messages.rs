//! What the words of a message tell of its kind, where neither class nor code does.

use super::classes::{code_in, of_code};
use crate::analysis::kind::Kind;

/// Phrases of errno(3) and of common libraries, and what they tell of. Lower case.
const PHRASES: &[(&str, Kind)] = &[
    ("no space left on device", Kind::ResourceExhaustion),
    ("not enough space on the disk", Kind::ResourceExhaustion),
    ("database or disk is full", Kind::ResourceExhaustion),
    ("disk quota exceeded", Kind::ResourceExhaustion),
    ("too many open files", Kind::ResourceExhaustion),
    ("file table overflow", Kind::ResourceExhaustion),
    ("cannot allocate memory", Kind::ResourceExhaustion),
    ("can't start new thread", Kind::ResourceExhaustion),
    ("unable to create native thread", Kind::ResourceExhaustion),
    ("array buffer allocation failed", Kind::ResourceExhaustion),
    ("heap out of memory", Kind::ResourceExhaustion),
    ("prompt is too long", Kind::ResourceExhaustion),
    ("maximum context length", Kind::ResourceExhaustion),
    ("context_length_exceeded", Kind::ResourceExhaustion),
    ("cuda out of memory", Kind::ResourceExhaustion),
    ("too many clients already", Kind::ResourceExhaustion),
    ("can't reach database server", Kind::NetworkError),
    ("could not connect to server", Kind::NetworkError),
    ("unable to connect to the remote server", Kind::NetworkError),
    ("failed to connect to", Kind::NetworkError),
    ("connection refused", Kind::NetworkError),
    ("connectionrefused", Kind::NetworkError),
    ("connection reset", Kind::NetworkError),
    ("connectionreset", Kind::NetworkError),
    ("connection timed out", Kind::NetworkError),
    ("connection aborted", Kind::NetworkError),
    ("connection terminated unexpectedly", Kind::NetworkError),
    ("connect timeout", Kind::NetworkError),
    ("socket hang up", Kind::NetworkError),
    ("fetch failed", Kind::NetworkError),
    ("failed to fetch", Kind::NetworkError),
    ("network request failed", Kind::NetworkError),
    ("network error", Kind::NetworkError),
    ("broken pipe", Kind::NetworkError),
    ("no route to host", Kind::NetworkError),
    ("no such host", Kind::NetworkError),
    ("network is unreachable", Kind::NetworkError),
    ("host is unreachable", Kind::NetworkError),
    ("name or service not known", Kind::NetworkError),
    ("failure in name resolution", Kind::NetworkError),
    ("failed to lookup address", Kind::NetworkError),
    ("address already in use", Kind::NetworkError),
    ("is already in use", Kind::NetworkError),
    ("was already in use", Kind::NetworkError),
    ("self-signed certificate", Kind::NetworkError),
    ("self signed certificate", Kind::NetworkError),
    ("certificate has expired", Kind::NetworkError),
    ("i/o timeout", Kind::NetworkError),
    ("tls handshake", Kind::NetworkError),
    ("too many requests", Kind::RateLimit),
    ("rate limit exceeded", Kind::RateLimit),
    ("rate limit reached", Kind::RateLimit),
    ("(throttling", Kind::RateLimit),
    ("(accessdenied", Kind::Auth),
    ("(unauthorized", Kind::Auth),
    ("(expiredtoken", Kind::Auth),
    ("invalid api key", Kind::Auth),
    ("incorrect api key", Kind::Auth),
    ("password authentication failed", Kind::Auth),
    ("access denied for user", Kind::Auth),
    ("authentication failed", Kind::Auth),
];

/// The kind a message tells of by its words alone.
pub(in crate::analysis::dialects) fn of_message(message: &str) -> Option<Kind> {
    let mut end = message.len().min(400);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let lower = message.get(..end)?.to_ascii_lowercase();
    PHRASES
        .iter()
        .find(|(phrase, _)| lower.contains(phrase))
        .map(|(_, kind)| *kind)
        .or_else(|| code_in(message).and_then(of_code))
}

/// Phrases that mean what they say where they are all there is: messages of `Error`s and answers of
/// services. In longer texts they may stand anywhere.
const ALONE: &[(&str, Kind)] = &[
    ("out of memory", Kind::ResourceExhaustion),
    ("resource temporarily unavailable", Kind::ResourceExhaustion),
    ("insufficient_quota", Kind::RateLimit),
    ("quota exceeded", Kind::RateLimit),
    ("rate limit", Kind::RateLimit),
    ("rate-limit", Kind::RateLimit),
    ("rate_limit", Kind::RateLimit),
    ("429 ", Kind::RateLimit),
    ("operation was aborted", Kind::Cancelled),
    ("user aborted", Kind::Cancelled),
    ("aborterror", Kind::Cancelled),
    ("was cancelled", Kind::Cancelled),
    ("was canceled", Kind::Cancelled),
    ("the operation was canceled", Kind::Cancelled),
    ("operation cancelled", Kind::Cancelled),
    ("operation canceled", Kind::Cancelled),
    ("timed out", Kind::Timeout),
    ("timeout of ", Kind::Timeout),
    ("exceeded timeout", Kind::Timeout),
    ("timeout exceeded", Kind::Timeout),
    ("deadline exceeded", Kind::Timeout),
    ("permission denied", Kind::Permission),
    ("operation not permitted", Kind::Permission),
    ("access is denied", Kind::Permission),
    ("access denied", Kind::Permission),
    ("unauthorized", Kind::Auth),
    ("unauthenticated", Kind::Auth),
    ("forbidden", Kind::Auth),
    ("jwt expired", Kind::Auth),
    ("token expired", Kind::Auth),
    ("token has expired", Kind::Auth),
    ("invalid token", Kind::Auth),
    ("invalid_api_key", Kind::Auth),
    ("invalid x-api-key", Kind::Auth),
    ("bad gateway", Kind::NetworkError),
    ("gateway timeout", Kind::NetworkError),
    ("service unavailable", Kind::NetworkError),
    ("internal server error", Kind::NetworkError),
    ("overloaded", Kind::NetworkError),
];

/// The kind of a message that is the whole text: a phrase begins it, ends it, or follows a colon.
pub(in crate::analysis::dialects) fn of_lone_message(message: &str) -> Option<Kind> {
    let lower = message.trim_end_matches(['.', '!']).to_ascii_lowercase();
    let stands = |phrase: &str| {
        lower.starts_with(phrase)
            || lower.ends_with(phrase)
            || lower.split(": ").skip(1).any(|part| part.starts_with(phrase))
    };
    PHRASES.iter().chain(ALONE).find(|(phrase, _)| stands(phrase)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn a_message_alone_tells_its_kind() {
        for (text, kind) in [
            ("timeout of 5000ms exceeded", "timeout"),
            ("The operation was aborted", "cancelled"),
            ("Permission denied", "permission"),
            ("401 Unauthorized", "auth"),
            ("insufficient_quota", "rate_limit"),
            ("JavaScript heap out of memory", "resource_exhaustion"),
            ("503 Service Unavailable", "network_error"),
            ("The frobnicator lost its widget", "unknown"),
        ] {
            assert_eq!(analyze(text, &Status::default(), None, 0).kind.name(), kind, "{text}");
        }
        let prose = "notes\nwe talked\nof how a request timed out\nand went home\n";
        assert_eq!(analyze(prose, &Status::default(), None, 0).kind.name(), "unknown");
    }
}
