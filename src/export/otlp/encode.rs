//! From our spans to the messages of OTLP.
//!
//! Source: `opentelemetry/proto/trace/v1/trace.proto` of
//! <https://github.com/open-telemetry/opentelemetry-proto>, through the generated types.

use super::SCOPE;
use super::settings::OtlpSettings;
use crate::export::span::{Attribute, AttributeValue, SpanEvent, SpanRecord, SpanStatus};
use libdeflater::{CompressionLvl, Compressor};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is said in each request, and the compressor.
pub(super) struct Encoder {
    resource: Resource,
    compressor: Option<Compressor>,
}

impl Encoder {
    pub(super) fn new(settings: &OtlpSettings) -> Encoder {
        let compressor = settings.gzip.then(|| Compressor::new(CompressionLvl::default()));
        Encoder { resource: resource(settings), compressor }
    }

    /// The body of a request, and its `content-encoding` if it has one.
    pub(super) fn encode(&mut self, spans: &[SpanRecord]) -> (Vec<u8>, Option<&'static str>) {
        let scope_spans = ScopeSpans {
            scope: Some(InstrumentationScope {
                name: SCOPE.to_owned(),
                version: VERSION.to_owned(),
                ..InstrumentationScope::default()
            }),
            spans: spans.iter().map(span).collect(),
            schema_url: String::new(),
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![scope_spans],
                schema_url: String::new(),
            }],
        };
        let body = request.encode_to_vec();
        if let Some(compressor) = &mut self.compressor {
            let mut packed = vec![0; compressor.gzip_compress_bound(body.len())];
            // The bound is always enough; should it ever not be, the plain body says the same.
            if let Ok(length) = compressor.gzip_compress(&body, &mut packed) {
                packed.truncate(length);
                return (packed, Some("gzip"));
            }
        }
        (body, None)
    }
}

fn resource(settings: &OtlpSettings) -> Resource {
    let name = match settings.service_name.as_str() {
        "" => "unknown_service:node",
        name => name,
    };
    // https://opentelemetry.io/docs/specs/semconv/resource/ names them.
    let mut attributes = vec![text_attribute("service.name", name)];
    if let Some(version) = &settings.service_version {
        attributes.push(text_attribute("service.version", version));
    }
    if let Some(environment) = &settings.environment {
        attributes.push(text_attribute("deployment.environment.name", environment));
        attributes.push(text_attribute("deployment.environment", environment));
    }
    attributes.push(text_attribute("telemetry.sdk.name", SCOPE));
    attributes.push(text_attribute("telemetry.sdk.language", "nodejs"));
    attributes.push(text_attribute("telemetry.sdk.version", VERSION));
    for own in settings.resource.iter().map(attribute) {
        attributes.retain(|known| known.key != own.key);
        attributes.push(own);
    }
    Resource { attributes, ..Resource::default() }
}

fn text_attribute(key: &str, value: &str) -> KeyValue {
    key_value(key, Value::StringValue(value.to_owned()))
}

fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: any(value), ..KeyValue::default() }
}

fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn attribute((key, value): &Attribute) -> KeyValue {
    fn array<T: Clone>(values: &[T], value: impl Fn(T) -> Value) -> Value {
        let values =
            values.iter().map(|one| AnyValue { value: Some(value(one.clone())) }).collect();
        Value::ArrayValue(ArrayValue { values })
    }
    let value = match value {
        AttributeValue::Str(text) => Value::StringValue(text.clone().into_owned()),
        AttributeValue::Bool(value) => Value::BoolValue(*value),
        AttributeValue::I64(value) => Value::IntValue(*value),
        AttributeValue::F64(value) => Value::DoubleValue(*value),
        AttributeValue::StrArray(texts) => {
            array(texts, |text| Value::StringValue(text.into_owned()))
        }
        AttributeValue::BoolArray(values) => array(values, Value::BoolValue),
        AttributeValue::I64Array(values) => array(values, Value::IntValue),
        AttributeValue::F64Array(values) => array(values, Value::DoubleValue),
    };
    key_value(key, value)
}

fn event(event: &SpanEvent) -> Event {
    Event {
        time_unix_nano: event.time_unix_nanos,
        name: event.name.clone().into_owned(),
        attributes: event.attributes.iter().map(attribute).collect(),
        dropped_attributes_count: event.dropped_attributes,
    }
}

fn span(span: &SpanRecord) -> Span {
    let (code, message) = match &span.status {
        SpanStatus::Unset => (StatusCode::Unset, String::new()),
        SpanStatus::Ok => (StatusCode::Ok, String::new()),
        SpanStatus::Error(message) => (StatusCode::Error, message.clone().into_owned()),
    };
    Span {
        trace_id: span.trace_id.to_vec(),
        span_id: span.span_id.to_vec(),
        parent_span_id: span.parent_span_id.map_or_else(Vec::new, |id| id.to_vec()),
        flags: u32::from(span.trace_flags),
        name: span.name.clone().into_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: span.start_unix_nanos,
        end_time_unix_nano: span.end_unix_nanos,
        attributes: span.attributes.iter().map(attribute).collect(),
        dropped_attributes_count: span.dropped_attributes,
        events: span.events.iter().map(event).collect(),
        dropped_events_count: span.dropped_events,
        status: Some(Status { message, code: code.into() }),
        ..Span::default()
    }
}
