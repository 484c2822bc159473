//! What is to be known of a collector, checked before anything starts.

use crate::export::exporter::StartError;
use crate::export::span::Attribute;
use std::time::Duration;

/// Where a collector listens by default.
/// Source: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
pub const DEFAULT_ENDPOINT: &str = "http://localhost:4318/v1/traces";
/// How long one request may take by default, from the same source.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 8 * 1024;
/// What the client sets itself, or what would break the framing of the request.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// A collector and what it is told of this process.
#[derive(Debug, Clone)]
pub struct OtlpSettings {
    /// Where to post. Without a path, `/v1/traces` is appended; with one it is used as it is. Plain HTTP.
    pub endpoint: String,
    /// Sent with each request, for instance credentials. Not those that frame the request.
    pub headers: Vec<(String, String)>,
    /// Longest duration of one request, from the look-up of the name to the end of the answer: 1 ms to
    /// 5 min. A look-up that hangs ends when the system's resolver gives up.
    pub timeout: Duration,
    /// Whether requests are compressed with gzip. Default no.
    pub gzip: bool,
    /// `service.name`. Empty: `unknown_service:node`.
    pub service_name: String,
    /// `service.version`, where known.
    pub service_version: Option<String>,
    /// `deployment.environment.name`, and `deployment.environment` for backends that know the older name.
    pub environment: Option<String>,
    /// More about this process; may replace the above.
    pub resource: Vec<Attribute>,
}

impl Default for OtlpSettings {
    fn default() -> Self {
        OtlpSettings {
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            headers: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            gzip: false,
            service_name: String::new(),
            service_version: None,
            environment: None,
            resource: Vec::new(),
        }
    }
}

pub(super) fn wrong(setting: &'static str, message: impl Into<String>) -> StartError {
    StartError::Config { setting, message: message.into() }
}

impl OtlpSettings {
    /// Names and values fit to be sent.
    pub(super) fn checked_headers(&self) -> Result<Vec<(&str, &str)>, StartError> {
        const SETTING: &str = "otlp.headers";
        if self.headers.len() > MAX_HEADERS {
            return Err(wrong(SETTING, format!("more than {MAX_HEADERS}")));
        }
        let check = |(name, value): &'_ (String, String)| {
            // A value may be a secret: it is never repeated.
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(wrong(SETTING, format!("{name:?} is not the name of a header")));
            }
            if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                return Err(wrong(SETTING, format!("{name} is set by the exporter; leave it out")));
            }
            let sendable = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            if !value.bytes().all(sendable) || name.len() + value.len() > MAX_HEADER_BYTES {
                let what = "has characters no header may have, or is longer than 8 KiB";
                return Err(wrong(SETTING, format!("the value of {name} {what}")));
            }
            Ok(())
        };
        self.headers.iter().try_for_each(check)?;
        Ok(self.headers.iter().map(|(name, value)| (name.as_str(), value.trim())).collect())
    }

    pub(super) fn checked_timeout(&self) -> Result<Duration, StartError> {
        let allowed = Duration::from_millis(1)..=LONGEST_TIMEOUT;
        if allowed.contains(&self.timeout) {
            return Ok(self.timeout);
        }
        Err(wrong("otlp.timeout", "it must lie between 1 ms and 5 min"))
    }
}

/// Source: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_would_break_the_request_are_refused_and_their_values_not_told() {
        let check = |name: &str, value: &str| {
            let headers = vec![(name.to_owned(), value.to_owned())];
            let settings = OtlpSettings { headers, ..OtlpSettings::default() };
            settings.checked_headers().map(|_| ()).map_err(|error| error.to_string())
        };
        check("Authorization", "Bearer secret").unwrap();
        for (name, value) in [
            ("Content-Length", "secret"),
            ("content-type", "secret"),
            ("Host", "secret"),
            ("", "secret"),
            ("a b", "secret"),
            ("a", "secret\r\nb: c"),
        ] {
            let message = check(name, value).unwrap_err();
            assert!(!message.contains("secret"), "{message}");
        }
        let many = vec![("a".to_owned(), "b".to_owned()); 65];
        OtlpSettings { headers: many, ..OtlpSettings::default() }.checked_headers().unwrap_err();
    }

    #[test]
    fn a_timeout_of_nothing_or_for_ever_is_refused() {
        for timeout in [Duration::ZERO, Duration::MAX] {
            let settings = OtlpSettings { timeout, ..OtlpSettings::default() };
            assert_eq!(settings.checked_timeout().unwrap_err().code(), "ERR_PLIMSOLL_CONFIG");
        }
        OtlpSettings::default().checked_timeout().unwrap();
    }
}
