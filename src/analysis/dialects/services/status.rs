//! What answers mean: HTTP status codes (RFC 9110 15, RFC 6585), the error codes services use in bodies,
//! and how long they ask to wait.

use crate::analysis::kind::Kind;

/// The kind of failure an answer tells of.
pub(super) fn kind_of(status: Option<u16>, code: &str, message: &str) -> Kind {
    let code = code.to_ascii_lowercase();
    let code_has = |words: &[&str]| words.iter().any(|word| code.contains(word));
    if is_too_long(&code, message) {
        return Kind::ResourceExhaustion;
    }
    // Google and OpenAI answer 400 to a key that is not valid, and 429 to an account without money.
    if code_has(&[
        "authentication",
        "invalid_api_key",
        "permission",
        "unauthenticated",
        "unauthorized",
    ]) || code_has(&[
        "forbidden",
        "accessdenied",
        "access_denied",
        "invalid_grant",
        "invalid_client",
    ]) || code_has(&[
        "invalid_token",
        "unsupported_country",
        "expiredtoken",
        "invalidclienttoken",
    ]) || code_has(&["signaturedoesnotmatch", "unrecognizedclient"])
        || message.starts_with("API key not valid")
    {
        return Kind::Auth;
    }
    if code_has(&["rate_limit", "ratelimit", "resource_exhausted", "too_many_requests"])
        || code_has(&["toomanyrequests", "throttling", "insufficient_quota", "slow_down"])
    {
        return Kind::RateLimit;
    }
    match status {
        Some(401 | 403 | 407 | 511) => Kind::Auth,
        Some(429) => Kind::RateLimit,
        Some(402 | 413 | 507) => Kind::ResourceExhaustion,
        _ => Kind::NetworkError,
    }
}

/// Whether more was sent than a model or a service takes.
pub(super) fn is_too_long(code: &str, message: &str) -> bool {
    code.contains("context_length")
        || code.to_ascii_lowercase().contains("contextwindow")
        || code.contains("request_too_large")
        || code.contains("string_above_max_length")
        || message.contains("maximum context length")
        || message.contains("context window")
        || message.contains("context limit")
        || message.contains("context size")
        || message.contains("prompt is too long")
        || (message.contains("input token count") && message.contains("exceeds"))
        || message.contains("exceed the maximum number of tokens")
        || message.contains("exceeds the maximum number of tokens")
        || message.contains("Request too large for ")
}

/// What to do, where the words of the kind say too little.
pub(super) fn suggestion(
    kind: Kind,
    status: Option<u16>,
    code: &str,
    message: &str,
    wait_ms: Option<u64>,
) -> Option<String> {
    match (kind, status) {
        (Kind::RateLimit, _) if code.contains("insufficient_quota") => {
            Some("The account's quota is used up: raise it; waiting will not help".to_owned())
        }
        (Kind::RateLimit | Kind::NetworkError, _) if wait_ms.is_some() => {
            let wait = wait_ms.unwrap_or_default();
            let seconds = wait.div_ceil(1000);
            Some(format!("Wait {seconds} s before the next request, and send fewer"))
        }
        (Kind::ResourceExhaustion, _) if is_too_long(code, message) => {
            Some("Send less: shorten the prompt or the history, or take a larger model".to_owned())
        }
        (Kind::NetworkError, Some(404 | 410)) => {
            Some("Correct the address, or the name in it: asking again will not help".to_owned())
        }
        (Kind::NetworkError, Some(400 | 405 | 406 | 409 | 411 | 412 | 414..=417 | 422)) => {
            Some("Correct the request: sending it again unchanged will not help".to_owned())
        }
        (Kind::NetworkError, Some(500..=599)) => {
            Some("The server failed: try again with a growing pause".to_owned())
        }
        _ => None,
    }
}

/// A status that tells of a failure.
pub(super) fn failing(number: u32) -> Option<u16> {
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// The three digits a text begins with.
pub(super) fn three_digits(text: &str) -> Option<(u16, &str)> {
    let digits = text.get(..3)?;
    let rest = text.get(3..)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit())
        || rest.starts_with(|next: char| next.is_ascii_digit())
    {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

/// The value of a header that tells how long to wait: `retry-after: 27` (RFC 9110 10.2.3; a date is
/// left out), `retry-after-ms: 2160` (Azure, OpenAI).
pub(super) fn retry_header(line: &str) -> Option<u64> {
    let line = line.strip_prefix("< ").unwrap_or(line);
    let start = line.get(..11)?;
    if !start.eq_ignore_ascii_case("retry-after") {
        return None;
    }
    let rest = &line[11..];
    let (unit, value) = match rest.strip_prefix(':') {
        Some(value) => (1000.0, value),
        None => {
            let value = rest.get(..4).filter(|ms| ms.eq_ignore_ascii_case("-ms:"));
            (1.0, value.and_then(|_| rest.get(4..))?)
        }
    };
    milliseconds(value.trim().parse().ok()?, unit)
}

/// A wait told in words: `try again in 2.16s`, `1m30s`, `120ms`, `retry after 30 seconds`.
pub(super) fn wait_in_words(text: &str) -> Option<u64> {
    const LEADS: [&str; 7] = [
        "try again in ",
        "Try again in ",
        "retry after ",
        "Retry after ",
        "retry in ",
        "Retry in ",
        "available in ",
    ];
    let rest = LEADS.iter().find_map(|lead| text.split_once(lead))?.1;
    duration(rest)
}

/// `6m0s`, `2.16s`, `120ms`, `30 seconds`, `1h`.
pub(super) fn duration(mut text: &str) -> Option<u64> {
    let mut total = None;
    loop {
        let length = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let number: f64 = match text[..length].trim_end_matches('.').parse() {
            Ok(number) => number,
            Err(_) => return total,
        };
        let rest = text[length..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &rest[..letters] {
            "ms" | "milliseconds" | "millisecond" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" | "" => 1000.0,
            "m" | "min" | "minute" | "minutes" => 60_000.0,
            "h" | "hour" | "hours" => 3_600_000.0,
            _ => return total,
        };
        total = Some(total.unwrap_or(0) + milliseconds(number, unit)?);
        text = &rest[letters..];
    }
}

/// Waits of more than a year are mistakes.
pub(super) fn milliseconds(number: f64, unit: f64) -> Option<u64> {
    let value = number * unit;
    (0.0..=31_536_000_000.0).contains(&value).then(|| value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_every_notation() {
        assert_eq!(retry_header("Retry-After: 27"), Some(27_000));
        assert_eq!(retry_header("< retry-after-ms: 2160"), Some(2160));
        assert_eq!(retry_header("retry-after: Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(wait_in_words("Please try again in 2.16s. Visit"), Some(2160));
        assert_eq!(wait_in_words("try again in 6m0s"), Some(360_000));
        assert_eq!(wait_in_words("Please retry after 30 seconds."), Some(30_000));
        assert_eq!(wait_in_words("try again in a while"), None);
        assert_eq!(duration("120ms."), Some(120));
    }
}
