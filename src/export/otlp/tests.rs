//! What reaches a collector, byte by byte, and what each of its answers does.

use super::receiver::{Receiver, Reply};
use super::*;
use crate::export::fixtures::{ManualClock, full_span, span};
use crate::export::stats::{DeliveryError, REJECTED, UNREACHABLE};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use std::sync::mpsc::channel;
use std::time::Duration;

fn settings(receiver: &Receiver) -> OtlpSettings {
    OtlpSettings {
        endpoint: receiver.endpoint(),
        service_name: "orchestrator".to_owned(),
        service_version: Some("1.2.3".to_owned()),
        environment: Some("test".to_owned()),
        ..OtlpSettings::default()
    }
}

fn destination(receiver: &Receiver) -> OtlpDestination {
    start(settings(receiver))
}

fn start(settings: OtlpSettings) -> OtlpDestination {
    OtlpDestination::new(settings, Arc::new(ManualClock::default())).unwrap()
}

fn delivered() -> Delivery {
    Delivery::Done { rejected: 0, complaint: None }
}

fn later(delivery: Delivery) -> (Option<Duration>, DeliveryError) {
    match delivery {
        Delivery::Later { after, error } => (after, error),
        other => panic!("{other:?}"),
    }
}

fn shown(attributes: &[KeyValue]) -> Vec<(String, Option<Value>)> {
    let value = |attribute: &KeyValue| attribute.value.clone().and_then(|any| any.value);
    attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute))).collect()
}

fn text(text: &str) -> Option<Value> {
    Some(Value::StringValue(text.to_owned()))
}

#[test]
fn a_span_arrives_field_by_field_as_the_official_definitions_have_it() {
    let receiver = Receiver::start(vec![]);
    assert_eq!(destination(&receiver).deliver(&[full_span(), span(0)]), delivered());
    let request = receiver.request();
    assert!(request.head.starts_with("post /v1/traces http/1.1\r\n"), "{}", request.head);
    for header in [
        "content-type: application/x-protobuf",
        concat!("user-agent: plimsoll/", env!("CARGO_PKG_VERSION")),
        &format!("host: {}", receiver.address()),
        &format!("content-length: {}", request.body.len()),
    ] {
        assert!(request.head.lines().any(|line| line == header), "{header}: {}", request.head);
    }
    let message = request.message();
    assert_eq!(message.resource_spans.len(), 1);
    let resource_spans = &message.resource_spans[0];
    assert_eq!(
        shown(&resource_spans.resource.as_ref().unwrap().attributes),
        [
            ("service.name".to_owned(), text("orchestrator")),
            ("service.version".to_owned(), text("1.2.3")),
            ("deployment.environment.name".to_owned(), text("test")),
            ("deployment.environment".to_owned(), text("test")),
            ("telemetry.sdk.name".to_owned(), text("plimsoll")),
            ("telemetry.sdk.language".to_owned(), text("nodejs")),
            ("telemetry.sdk.version".to_owned(), text(env!("CARGO_PKG_VERSION"))),
        ]
    );
    assert_eq!(resource_spans.scope_spans.len(), 1);
    let scope = resource_spans.scope_spans[0].scope.as_ref().unwrap();
    assert_eq!(
        (scope.name.as_str(), scope.version.as_str()),
        ("plimsoll", env!("CARGO_PKG_VERSION"))
    );
    let [full, plain] = &resource_spans.scope_spans[0].spans[..] else { panic!() };

    let expected = full_span();
    assert_eq!(full.trace_id, expected.trace_id);
    assert_eq!(full.span_id, expected.span_id);
    assert_eq!(full.parent_span_id, [0xab; 8]);
    assert_eq!(full.trace_state, "");
    assert_eq!(full.flags, 3);
    assert_eq!(full.name, "worker_call:critic \"ü\" 𝄞");
    assert_eq!(full.kind(), SpanKind::Internal);
    assert_eq!(full.start_time_unix_nano, 1_763_726_264_000_000_130);
    assert_eq!(full.end_time_unix_nano, 1_763_726_264_001_500_130);
    assert_eq!((full.dropped_attributes_count, full.dropped_events_count), (3, 4));
    assert_eq!((full.links.len(), full.dropped_links_count), (0, 0));
    let status = full.status.as_ref().unwrap();
    assert_eq!((status.code(), status.message.as_str()), (StatusCode::Error, "it\nfailed"));

    let array = |values: Vec<Value>| {
        let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
        Some(Value::ArrayValue(opentelemetry_proto::tonic::common::v1::ArrayValue { values }))
    };
    let strings = ["a", ""].map(|text| Value::StringValue(text.to_owned())).to_vec();
    let mut attributes = shown(&full.attributes);
    let (key, nan) = attributes.remove(4);
    assert!(key == "nan" && matches!(nan, Some(Value::DoubleValue(value)) if value.is_nan()));
    assert_eq!(
        attributes,
        [
            ("str".to_owned(), text("text")),
            ("bool".to_owned(), Some(Value::BoolValue(true))),
            ("i64".to_owned(), Some(Value::IntValue(i64::MIN))),
            ("f64".to_owned(), Some(Value::DoubleValue(1.25))),
            ("strs".to_owned(), array(strings)),
            ("bools".to_owned(), array(vec![Value::BoolValue(true), Value::BoolValue(false)])),
            ("i64s".to_owned(), array(vec![Value::IntValue(1), Value::IntValue(i64::MAX)])),
            (
                "f64s".to_owned(),
                array(vec![Value::DoubleValue(0.5), Value::DoubleValue(f64::NEG_INFINITY)])
            ),
            ("none".to_owned(), array(vec![])),
        ]
    );
    let [timeout, end] = &full.events[..] else { panic!() };
    assert_eq!(
        (timeout.name.as_str(), timeout.time_unix_nano),
        ("timeout", 1_763_726_264_001_000_001)
    );
    assert_eq!(
        shown(&timeout.attributes),
        [("escalated".to_owned(), Some(Value::BoolValue(false)))]
    );
    assert_eq!(timeout.dropped_attributes_count, 2);
    assert_eq!((end.name.as_str(), end.time_unix_nano, end.attributes.len()), ("end", u64::MAX, 0));

    assert_eq!(plain.parent_span_id, [0_u8; 0], "a root has none");
    assert_eq!(plain.status.as_ref().unwrap().code(), StatusCode::Unset);
}

#[test]
fn headers_path_resource_and_compression_follow_the_settings() {
    let receiver = Receiver::start(vec![]);
    let mut destination = start(OtlpSettings {
        endpoint: format!("{}/ingest?key=secret", receiver.endpoint()),
        headers: vec![("X-Tenant".to_owned(), "a b".to_owned())],
        gzip: true,
        resource: vec![("host.name".into(), "h".into()), ("service.name".into(), "mine".into())],
        ..OtlpSettings::default()
    });
    let many: Vec<_> = (0..100).map(span).collect();
    assert_eq!(destination.deliver(&many), delivered());
    let request = receiver.request();
    assert!(request.head.starts_with("post /ingest?key=secret http/1.1\r\n"), "{}", request.head);
    assert!(request.head.contains("\r\nx-tenant: a b\r\n"), "{}", request.head);
    assert!(request.head.lines().any(|line| line == "content-encoding: gzip"), "{}", request.head);
    assert!(request.body.len() < request.message().encode_to_vec().len() / 2);
    assert_eq!(request.spans().len(), 100);
    let resource = request.message().resource_spans[0].resource.clone().unwrap();
    let named = |key: &str| resource.attributes.iter().filter(|known| known.key == key).count();
    assert_eq!((named("service.name"), named("host.name")), (1, 1));
    assert!(shown(&resource.attributes).contains(&("service.name".to_owned(), text("mine"))));
}

#[test]
fn without_a_name_the_service_is_called_unknown() {
    let receiver = Receiver::start(vec![]);
    let endpoint = receiver.endpoint();
    let unnamed = OtlpSettings { endpoint, ..OtlpSettings::default() };
    start(unnamed).deliver(&[span(0)]);
    let resource = receiver.request().message().resource_spans[0].resource.clone().unwrap();
    assert_eq!(shown(&resource.attributes)[0].1, text("unknown_service:node"));
    assert_eq!(resource.attributes.len(), 4, "what is not known is not said");
}

#[test]
fn a_collector_that_is_busy_is_tried_again_when_it_says() {
    let receiver = Receiver::start(vec![
        Reply::Status(503, "Retry-After: 7\r\n", b"starting".to_vec()),
        Reply::Status(429, "retry-after: Fri, 21 Nov 2025 11:58:24 GMT\r\n", vec![]),
        Reply::Status(502, "", vec![]),
        Reply::Status(504, "Retry-After: soon\r\n", vec![]),
    ]);
    let mut destination = destination(&receiver);
    let (after, error) = later(destination.deliver(&[span(0)]));
    assert_eq!(after, Some(Duration::from_secs(7)));
    assert_eq!((error.code, error.cause.as_deref()), (UNREACHABLE, Some("503")));
    assert!(error.message.contains("/v1/traces answered 503 (starting); "), "{}", error.message);
    // The clock of the tests says 11:57:44.
    assert_eq!(later(destination.deliver(&[span(0)])).0, Some(Duration::from_secs(40)));
    assert_eq!(later(destination.deliver(&[span(0)])).0, None);
    assert_eq!(later(destination.deliver(&[span(0)])).0, None);
    assert_eq!(destination.deliver(&[span(0)]), delivered());
}

#[test]
fn a_refusal_for_good_says_what_the_collector_said() {
    let receiver = Receiver::start(vec![
        Reply::Status(400, "", b"\x08\x03\x12\x08bad span".to_vec()),
        Reply::Status(302, "location: http://elsewhere/v1/traces?k=secret\r\n", vec![]),
        Reply::Status(413, "", vec![]),
    ]);
    let mut destination = destination(&receiver);
    let Delivery::Refused(error) = destination.deliver(&[span(0)]) else { panic!() };
    assert_eq!((error.code, error.cause.as_deref()), (REJECTED, Some("400")));
    assert!(error.message.contains("(bad span)"), "{}", error.message);
    let Delivery::Refused(error) = destination.deliver(&[span(0)]) else { panic!() };
    assert!(error.message.contains("http://elsewhere/v1/traces"), "{}", error.message);
    assert!(!error.message.contains("secret"), "{}", error.message);
    assert!(matches!(destination.deliver(&[span(0)]), Delivery::TooLarge(_)));
    assert_eq!(receiver.requests().len(), 3, "a redirect is not followed");
}

#[test]
fn a_partial_success_is_read() {
    let partial_success =
        Some(ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".to_owned() });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    let receiver = Receiver::start(vec![Reply::Status(200, "", body)]);
    let many: Vec<_> = (0..5).map(span).collect();
    let Delivery::Done { rejected: 2, complaint: Some(error) } =
        destination(&receiver).deliver(&many)
    else {
        panic!()
    };
    assert!(error.message.contains("rejected 2 spans") && error.message.contains("too old"));
}

#[test]
fn broken_connections_are_tried_again_and_a_broken_courtesy_is_not() {
    let receiver =
        Receiver::start(vec![Reply::CutRequest, Reply::CutAnswer, Reply::Nonsense, Reply::CutBody]);
    let mut destination = destination(&receiver);
    // Larger than the buffers of a connection, so that the cut strikes in the midst of it.
    let huge: Vec<_> = (0..200).map(|n| heavy(n, 64 * 1024)).collect();
    for _ in 0..3 {
        let (after, error) = later(destination.deliver(&huge));
        assert_eq!((after, error.code), (None, UNREACHABLE));
    }
    assert_eq!(destination.deliver(&[span(0)]), delivered(), "2xx was said");
    assert_eq!(destination.deliver(&[span(1)]), delivered(), "the next connection is a new one");
}

fn heavy(n: u64, bytes: usize) -> SpanRecord {
    SpanRecord { attributes: vec![("text".into(), "x".repeat(bytes).into())], ..span(n) }
}

#[test]
fn a_huge_batch_arrives_whole() {
    let receiver = Receiver::start(vec![]);
    let huge: Vec<_> = (0..512).map(|n| heavy(n, 32 * 1024)).collect();
    assert_eq!(destination(&receiver).deliver(&huge), delivered());
    let request = receiver.request();
    assert!(request.body.len() > 16 << 20);
    let spans = request.spans();
    assert_eq!(spans.len(), 512);
    assert!(spans.iter().zip(&huge).all(|(sent, given)| sent.span_id == given.span_id));
}

#[test]
fn nobody_listening_and_nobody_answering_are_told_apart() {
    let receiver = Receiver::start(vec![]);
    let mut refused = destination(&receiver);
    drop(receiver);
    let (_, error) = later(refused.deliver(&[span(0)]));
    assert_eq!((error.code, error.cause.as_deref()), (UNREACHABLE, Some("ECONNREFUSED")));
    assert!(error.message.contains("Is a collector running"), "{}", error.message);

    let (told, telling) = {
        let (sender, receiver) = channel();
        (receiver, sender)
    };
    let receiver = Receiver::start(vec![Reply::Held(told)]);
    let timeout = Duration::from_millis(50);
    let mut silent = start(OtlpSettings { timeout, ..settings(&receiver) });
    let (_, error) = later(silent.deliver(&[span(0)]));
    assert_eq!(error.cause.as_deref(), Some("ETIMEDOUT"), "{}", error.message);
    drop(telling);
}
