//! One span as one line of JSON.
//!
//! ```text
//! {"traceId":"0af7…","spanId":"b7ad…","parentSpanId":"53ce…","name":"worker_call:critic",
//!  "startTimeUnixNano":1763726264000000123,"endTimeUnixNano":1763726264001500123,"durationMs":1.5,
//!  "status":{"code":"ERROR","message":"…"},"attributes":{"lane":"critic"},
//!  "events":[{"name":"timeout","timeUnixNano":1763726264001000000,"attributes":{"escalated":true}}]}
//! ```
//!
//! | Key | Value |
//! |---|---|
//! | `traceId`, `spanId` | 32 and 16 lower-case hexadecimal digits |
//! | `parentSpanId` | 16 digits, `null` for a root |
//! | `startTimeUnixNano`, `endTimeUnixNano` | integers, exact to the digit: `JSON.parse` rounds them to the next 256 ns; a reader that needs all digits takes them from the text |
//! | `durationMs` | milliseconds, never negative |
//! | `status` | `code` is `UNSET`, `OK` or `ERROR`; `message` where there is one |
//! | `attributes` | an object; numbers that JSON has not are `"NaN"`, `"Infinity"`, `"-Infinity"`, as in the JSON mapping of Protocol Buffers |
//! | `events` | in order, each with `name`, `timeUnixNano`, `attributes` |
//! | `droppedAttributesCount`, `droppedEventsCount` | where something was left out |

use crate::export::span::{Attribute, AttributeValue, SpanEvent, SpanRecord, SpanStatus};
use crate::export::trace_context::Hex;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::io;

/// Appends the line, its end included.
pub(super) fn write_line(span: &SpanRecord, lines: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, &Line(span))?;
    lines.push(b'\n');
    Ok(())
}

struct Line<'a>(&'a SpanRecord);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let id = |bytes: &[u8]| Hex(bytes).to_string();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &id(&span.trace_id))?;
        map.serialize_entry("spanId", &id(&span.span_id))?;
        map.serialize_entry("parentSpanId", &span.parent_span_id.as_ref().map(|bytes| id(bytes)))?;
        map.serialize_entry("name", &span.name)?;
        map.serialize_entry("startTimeUnixNano", &span.start_unix_nanos)?;
        map.serialize_entry("endTimeUnixNano", &span.end_unix_nanos)?;
        let nanos = span.end_unix_nanos.saturating_sub(span.start_unix_nanos);
        map.serialize_entry("durationMs", &(nanos as f64 / 1e6))?;
        map.serialize_entry("status", &Status(&span.status))?;
        map.serialize_entry("attributes", &Attributes(&span.attributes))?;
        map.serialize_entry("events", &Events(&span.events))?;
        if span.dropped_attributes > 0 {
            map.serialize_entry("droppedAttributesCount", &span.dropped_attributes)?;
        }
        if span.dropped_events > 0 {
            map.serialize_entry("droppedEventsCount", &span.dropped_events)?;
        }
        map.end()
    }
}

struct Status<'a>(&'a SpanStatus);

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (code, message) = match self.0 {
            SpanStatus::Unset => ("UNSET", ""),
            SpanStatus::Ok => ("OK", ""),
            SpanStatus::Error(message) => ("ERROR", message.as_ref()),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", code)?;
        if !message.is_empty() {
            map.serialize_entry("message", message)?;
        }
        map.end()
    }
}

struct Events<'a>(&'a [SpanEvent]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Event))
    }
}

struct Event<'a>(&'a SpanEvent);

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.0.name)?;
        map.serialize_entry("timeUnixNano", &self.0.time_unix_nanos)?;
        map.serialize_entry("attributes", &Attributes(&self.0.attributes))?;
        if self.0.dropped_attributes > 0 {
            map.serialize_entry("droppedAttributesCount", &self.0.dropped_attributes)?;
        }
        map.end()
    }
}

struct Attributes<'a>(&'a [Attribute]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, Value(value))))
    }
}

struct Value<'a>(&'a AttributeValue);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::Str(text) => serializer.serialize_str(text),
            AttributeValue::Bool(value) => serializer.serialize_bool(*value),
            AttributeValue::I64(value) => serializer.serialize_i64(*value),
            AttributeValue::F64(value) => Number(*value).serialize(serializer),
            AttributeValue::StrArray(texts) => texts.serialize(serializer),
            AttributeValue::BoolArray(values) => values.serialize(serializer),
            AttributeValue::I64Array(values) => values.serialize(serializer),
            AttributeValue::F64Array(values) => {
                let mut sequence = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    sequence.serialize_element(&Number(*value))?;
                }
                sequence.end()
            }
        }
    }
}

struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f64(value),
            value if value.is_nan() => serializer.serialize_str("NaN"),
            value if value > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}
