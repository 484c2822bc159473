//! Words of answers: status lines, and how clients report an answer's status in a message.

use super::status::{failing, three_digits};

/// A line that is an answer's status, the status, and what follows it: `HTTP/1.1 429 Too Many Requests`,
/// `< HTTP/2 404`, `HTTP 404 Not Found`, `GET https://… 500`, `404 {…}`, `404 Not Found`.
pub(super) fn status_line(line: &str) -> Option<(u16, &str)> {
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
pub(super) struct Words<'t> {
    /// The exception's class, or nothing.
    pub(super) class: &'t str,
    pub(super) status: u16,
    /// What follows the status.
    pub(super) rest: &'t str,
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

pub(super) fn words(line: &str) -> Option<Words<'_>> {
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
