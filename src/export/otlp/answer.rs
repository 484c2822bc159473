//! What a collector's answer means for a batch.

use super::http::Trouble;
use super::response::Answer;
use crate::export::stats::{DeliveryError, REJECTED, UNREACHABLE};
use crate::export::worker::Delivery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::time::{Duration, SystemTime};

const MAX_SAID: usize = 300;

/// The body of a failure: `google.rpc.Status`, whose message is for people to read.
/// Source: <https://opentelemetry.io/docs/specs/otlp/#failures-1>.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// What is to become of the batch. `now` resolves a `Retry-After` that is a date.
pub(super) fn classify(answer: &Answer, endpoint: &str, now: SystemTime) -> Delivery {
    let error = |code: &'static str, advice: &str| {
        let said = match said(&answer.body) {
            said if said.is_empty() => String::new(),
            said => format!(" ({said})"),
        };
        DeliveryError {
            code,
            message: format!("{endpoint} answered {}{said}; {advice}", answer.status),
            cause: Some(answer.status.to_string()),
        }
    };
    match answer.status {
        200..=299 => accepted(answer, endpoint),
        429 | 502 | 503 | 504 => Delivery::Later {
            after: answer.retry_after.as_deref().and_then(|value| retry_after(value, now)),
            error: error(UNREACHABLE, "the spans wait and are sent again"),
        },
        413 => Delivery::TooLarge(error(
            REJECTED,
            "the batch is sent in halves; raise the collector's max_request_body_size",
        )),
        401 | 403 => Delivery::Refused(error(
            REJECTED,
            "the spans are dropped; check the exporter's headers",
        )),
        404 | 405 => Delivery::Refused(error(
            REJECTED,
            "the spans are dropped; check the path of the endpoint, by default /v1/traces",
        )),
        300..=399 => {
            // Only where to: a query may hold a key.
            let location = answer.location.as_deref().and_then(|url| url.split('?').next());
            let to = location.map_or_else(String::new, |location| format!(" {}", cut(location)));
            let advice = format!(
                "the spans are dropped; redirects are not followed, name the endpoint{to} itself"
            );
            Delivery::Refused(error(REJECTED, &advice))
        }
        _ => Delivery::Refused(error(
            REJECTED,
            "the spans are dropped; see the collector's log for the reason",
        )),
    }
}

/// What an attempt without an answer means.
pub(super) fn unreachable(endpoint: &str, trouble: &Trouble) -> Delivery {
    let message = format!(
        "{endpoint} cannot be reached: {}; the spans wait and are sent again. Is a collector running there?",
        trouble.what
    );
    let error = DeliveryError { code: UNREACHABLE, message, cause: trouble.cause.clone() };
    Delivery::Later { after: None, error }
}

fn accepted(answer: &Answer, endpoint: &str) -> Delivery {
    // Not every collector sends the message it owes; without one there is no complaint.
    let partial = ExportTraceServiceResponse::decode(answer.body.as_slice())
        .ok()
        .and_then(|response| response.partial_success)
        .filter(|partial| partial.rejected_spans > 0 || !partial.error_message.is_empty());
    let Some(partial) = partial else { return Delivery::Done { rejected: 0, complaint: None } };
    let rejected = u64::try_from(partial.rejected_spans).unwrap_or(0);
    let said = cut(&partial.error_message);
    let message = match rejected {
        0 => format!("{endpoint} took the spans with a warning: {said}"),
        _ => format!("{endpoint} rejected {rejected} spans, which are dropped: {said}"),
    };
    let complaint = Some(DeliveryError { code: REJECTED, message, cause: None });
    Delivery::Done { rejected, complaint }
}

/// What the body says, made fit for one line.
fn said(body: &[u8]) -> String {
    match RpcStatus::decode(body) {
        Ok(status) if !status.message.is_empty() => cut(&status.message),
        _ => cut(&String::from_utf8_lossy(&body[..body.len().min(4 * MAX_SAID)])),
    }
}

fn cut(text: &str) -> String {
    let line: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_SAID + 1)
        .collect();
    if line.chars().count() <= MAX_SAID {
        return line;
    }
    line.chars().take(MAX_SAID).chain(['…']).collect()
}

/// Seconds, or a date. Source: RFC 9110, section 10.2.3.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit is still a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;
    use std::time::UNIX_EPOCH;

    fn answered(status: u16, body: Vec<u8>) -> Delivery {
        let answer = Answer { status, body, ..Answer::default() };
        classify(&answer, "http://c/v1/traces", UNIX_EPOCH)
    }

    fn message(delivery: &Delivery) -> &str {
        match delivery {
            Delivery::Later { error, .. }
            | Delivery::TooLarge(error)
            | Delivery::Refused(error) => &error.message,
            Delivery::Done { complaint, .. } => &complaint.as_ref().unwrap().message,
        }
    }

    fn partial(rejected_spans: i64, error_message: &str) -> Vec<u8> {
        let partial_success = Some(ExportTracePartialSuccess {
            rejected_spans,
            error_message: error_message.to_owned(),
        });
        ExportTraceServiceResponse { partial_success }.encode_to_vec()
    }

    #[test]
    fn only_the_statuses_of_the_standard_are_tried_again() {
        let again = (100..=599_u16)
            .filter(|&status| matches!(answered(status, vec![]), Delivery::Later { .. }))
            .collect::<Vec<_>>();
        assert_eq!(again, [429, 502, 503, 504]);
        assert!(matches!(answered(413, vec![]), Delivery::TooLarge(_)));
        assert!(matches!(answered(500, vec![]), Delivery::Refused(_)));
        assert_eq!(answered(202, vec![]), Delivery::Done { rejected: 0, complaint: None });
    }

    #[test]
    fn the_message_of_a_failure_is_repeated_on_one_line_whatever_it_is() {
        let status = RpcStatus { code: 3, message: "span\nwithout name".to_owned() };
        let refused = answered(400, status.encode_to_vec());
        assert_eq!(
            message(&refused),
            "http://c/v1/traces answered 400 (span without name); the spans are dropped; see the collector's log \
             for the reason"
        );
        assert!(message(&answered(401, b"<html>no</html>".to_vec())).contains("<html>no</html>"));
        assert!(message(&answered(400, vec![0xff; 60_000])).len() < 2000);
        assert!(!message(&answered(404, vec![0x1b; 10])).contains('\x1b'));
    }

    #[test]
    fn a_partial_success_is_counted_whatever_it_claims() {
        let done = |body| match answered(200, body) {
            Delivery::Done { rejected, complaint } => (rejected, complaint.is_some()),
            other => panic!("{other:?}"),
        };
        assert_eq!(done(partial(3, "too old")), (3, true));
        assert_eq!(done(partial(0, "")), (0, false));
        assert_eq!(done(partial(0, "deprecated")), (0, true));
        assert_eq!(done(partial(-5, "odd")), (0, true));
        assert_eq!(done(b"{}".to_vec()), (0, false));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Fri, 31 Dec 1999 23:59:00 GMT").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(59)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn a_redirect_is_named_without_its_query() {
        let answer = Answer {
            status: 301,
            location: Some("http://other/x?key=secret".to_owned()),
            ..Answer::default()
        };
        let refused = classify(&answer, "http://c", UNIX_EPOCH);
        assert!(
            message(&refused).contains("http://other/x") && !message(&refused).contains("secret")
        );
    }
}
