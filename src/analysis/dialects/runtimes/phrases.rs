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
