//! The span of a call that has ended; formed on the exporter's thread.
//!
//! Name `worker_call:<lane>`. Attributes `service`, `version`, `environment`, `taskId`, `lane`, then what its
//! holder added, the metadata among it. Events in the order of their time:
//!
//! | Event | Attributes | When |
//! |---|---|---|
//! | `acquired_slot` | `globalConcurrency`, `laneConcurrency` | the start |
//! | `execution_started` | | the start, when a wrapper runs the call |
//! | what the holder added | | |
//! | `timeout` | `escalated`, `timeoutMs` | the warning; the end with `killedProcesses` |
//! | `execution_succeeded` | | the end, when a wrapper ran it and it succeeded |
//! | `call_completed` | `status`, `durationMs` | the end |
//!
//! The holder's additions arrive as one JSON text, `{ attributes, events: [{ name, time, attributes }], status,
//! droppedAttributes, droppedEvents }`, times in milliseconds since the epoch. A text that cannot be read
//! costs the additions, not the span: it is said in the attribute `plimsoll.additions`.

use super::call::{Holder, Trace};
use crate::export::current::Service;
use crate::export::span::{
    Attribute, AttributeValue, SpanEvent, SpanRecord, SpanSource, SpanStatus, Text,
};
use serde::Deserialize;
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The span's kind of outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanOutcome {
    /// Released as a success.
    Success,
    /// Released as a failure, collected, or orphaned.
    Failure,
    /// Ended at its deadline.
    Deadline,
}

/// A call that has ended, with what its span needs.
#[derive(Debug)]
pub(super) struct EndedCall {
    pub(super) holder: Arc<Holder>,
    pub(super) service: Arc<Service>,
    pub(super) serial: u64,
    pub(super) task: Box<str>,
    pub(super) lane: Arc<str>,
    pub(super) trace: Trace,
    pub(super) concurrent: u32,
    pub(super) concurrent_in_lane: u32,
    pub(super) observed: bool,
    pub(super) started_wall_ms: i64,
    /// Durations since the start.
    pub(super) duration: Duration,
    pub(super) warned: Option<Duration>,
    pub(super) ended: Option<Duration>,
    pub(super) timeout: Duration,
    pub(super) killed: u32,
    pub(super) outcome: SpanOutcome,
    pub(super) error_type: Option<Box<str>>,
    pub(super) additions: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Additions {
    attributes: serde_json::Map<String, Value>,
    events: Vec<AddedEvent>,
    status: Option<AddedStatus>,
    dropped_attributes: u32,
    dropped_events: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AddedEvent {
    name: String,
    time: f64,
    attributes: serde_json::Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AddedStatus {
    code: String,
    message: String,
}

impl SpanSource for EndedCall {
    fn bytes(&self) -> usize {
        size_of::<EndedCall>()
            + self.task.len()
            + self.additions.as_ref().map_or(0, String::len)
            + 512
    }

    fn span(&self) -> SpanRecord {
        let start = nanos(self.started_wall_ms);
        let at = |since: Duration| {
            start.saturating_add(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
        };
        let (additions, unread) = self.read_additions();
        let (trace_id, parent_span_id) = self.place();
        let mut attributes = self.own_attributes();
        if let Some(problem) = unread {
            attributes.push(("plimsoll.additions".into(), problem.into()));
        }
        attributes.extend(read_attributes(additions.attributes));
        let end = at(self.duration);
        let mut events = self.own_events(&at);
        events.extend(additions.events.into_iter().map(|event| SpanEvent {
            name: event.name.into(),
            // The holder's clock is another one than the core's.
            time_unix_nanos: ((event.time * 1e6) as u64).clamp(start, end),
            attributes: read_attributes(event.attributes).collect(),
            dropped_attributes: 0,
        }));
        // Stable: of two events at one time the core's own stays where it was.
        events.sort_by_key(|event| event.time_unix_nanos);
        events.extend(self.last_events(end));
        SpanRecord {
            trace_id,
            span_id: self.holder.ids.span_id(self.serial),
            parent_span_id,
            trace_flags: 3,
            name: format!("worker_call:{}", self.lane).into(),
            start_unix_nanos: start,
            end_unix_nanos: end,
            status: self.status(additions.status),
            attributes,
            events,
            dropped_attributes: additions.dropped_attributes,
            dropped_events: additions.dropped_events,
        }
    }
}

impl EndedCall {
    fn read_additions(&self) -> (Additions, Option<String>) {
        match self.additions.as_deref().map(serde_json::from_str) {
            None => (Additions::default(), None),
            Some(Ok(additions)) => (additions, None),
            Some(Err(problem)) => (Additions::default(), Some(problem.to_string())),
        }
    }

    /// The trace, and the parent in it.
    fn place(&self) -> ([u8; 16], Option<[u8; 8]>) {
        let ids = &self.holder.ids;
        let parent = (self.trace.parent != 0).then(|| ids.span_id(self.trace.parent));
        match self.trace.foreign.as_deref() {
            Some((trace, span)) => (*trace, span.or(parent)),
            None if self.trace.root != 0 => (ids.trace_id(self.trace.root), parent),
            None => (ids.trace_id(self.serial), parent),
        }
    }

    fn own_attributes(&self) -> Vec<Attribute> {
        vec![
            ("service".into(), self.service.name.clone().into()),
            ("version".into(), self.service.version.clone().into()),
            ("environment".into(), self.service.environment.clone().into()),
            ("taskId".into(), self.task.to_string().into()),
            ("lane".into(), self.lane.to_string().into()),
        ]
    }

    fn own_events(&self, at: &dyn Fn(Duration) -> u64) -> Vec<SpanEvent> {
        let mut events = vec![event(
            "acquired_slot",
            at(Duration::ZERO),
            vec![
                ("globalConcurrency".into(), i64::from(self.concurrent).into()),
                ("laneConcurrency".into(), i64::from(self.concurrent_in_lane).into()),
            ],
        )];
        if self.observed {
            events.push(event("execution_started", at(Duration::ZERO), Vec::new()));
        }
        let timeout = ("timeoutMs".into(), (self.timeout.as_secs_f64() * 1000.0).into());
        if let Some(warned) = self.warned {
            let attributes = vec![("escalated".into(), false.into()), timeout.clone()];
            events.push(event("timeout", at(warned), attributes));
        }
        if let Some(ended) = self.ended {
            let killed = ("killedProcesses".into(), i64::from(self.killed).into());
            let attributes = vec![("escalated".into(), true.into()), timeout, killed];
            events.push(event("timeout", at(ended), attributes));
        }
        events
    }

    fn last_events(&self, at: u64) -> Vec<SpanEvent> {
        let success = self.outcome == SpanOutcome::Success;
        let mut events = Vec::with_capacity(2);
        if self.observed && success {
            events.push(event("execution_succeeded", at, Vec::new()));
        }
        let status = if success { "success" } else { "error" };
        let duration = self.duration.as_secs_f64() * 1000.0;
        let attributes =
            vec![("status".into(), status.into()), ("durationMs".into(), duration.into())];
        events.push(event("call_completed", at, attributes));
        events
    }

    fn status(&self, added: Option<AddedStatus>) -> SpanStatus {
        if self.outcome == SpanOutcome::Deadline {
            return SpanStatus::Error("the call was ended at its deadline".into());
        }
        match added {
            Some(status) if status.code == "ok" => SpanStatus::Ok,
            Some(status) => SpanStatus::Error(status.message.into()),
            None if self.outcome == SpanOutcome::Success => SpanStatus::Ok,
            None => SpanStatus::Error(
                self.error_type
                    .as_deref()
                    .map_or(Cow::Borrowed(""), |name| Cow::Owned(name.to_owned())),
            ),
        }
    }
}

fn nanos(wall_ms: i64) -> u64 {
    u64::try_from(wall_ms).unwrap_or(0).saturating_mul(1_000_000)
}

fn event(name: &'static str, time_unix_nanos: u64, attributes: Vec<Attribute>) -> SpanEvent {
    SpanEvent { name: Cow::Borrowed(name), time_unix_nanos, attributes, dropped_attributes: 0 }
}

fn read_attributes(map: serde_json::Map<String, Value>) -> impl Iterator<Item = Attribute> {
    map.into_iter().map(|(key, value)| (Text::Owned(key), read_value(value)))
}

fn read_value(value: Value) -> AttributeValue {
    match value {
        Value::String(text) => text.into(),
        Value::Bool(value) => value.into(),
        Value::Number(number) => match whole(&number) {
            Some(whole) => whole.into(),
            None => AttributeValue::F64(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Array(values) => read_array(values),
        other => other.to_string().into(),
    }
}

/// Beyond 2^53 JavaScript writes a number with digits it does not have: as a double it stays what it was.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().filter(|whole| whole.unsigned_abs() <= 1 << 53)
}

/// The facade sends arrays of one type; numbers among which one has a fraction are all of that kind.
fn read_array(values: Vec<Value>) -> AttributeValue {
    if values.iter().all(Value::is_boolean) {
        return AttributeValue::BoolArray(values.iter().filter_map(Value::as_bool).collect());
    }
    let all_whole: Option<Vec<i64>> =
        values.iter().map(|value| value.as_number().and_then(whole)).collect();
    if let Some(values) = all_whole {
        return AttributeValue::I64Array(values);
    }
    if values.iter().all(Value::is_number) {
        return AttributeValue::F64Array(values.iter().filter_map(Value::as_f64).collect());
    }
    let text = |value: Value| match value {
        Value::String(text) => Text::Owned(text),
        other => Text::Owned(other.to_string()),
    };
    AttributeValue::StrArray(values.into_iter().map(text).collect())
}
