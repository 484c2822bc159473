//! What the tests of the exporter share.

use super::span::{AttributeValue, SpanEvent, SpanRecord, SpanStatus};
use crate::platform::clock::Clock;
use std::sync::Mutex;
use std::time::Duration;

/// A clock that stands still until it is moved.
#[derive(Default)]
pub(super) struct ManualClock(Mutex<Duration>);

impl ManualClock {
    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub(super) fn set(&self, to: Duration) {
        *self.0.lock().unwrap() = to;
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        1_763_726_264_000
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// The `n`th of a row of different spans.
pub(super) fn span(n: u64) -> SpanRecord {
    SpanRecord {
        trace_id: (u128::from(n) + 1).to_be_bytes(),
        span_id: (n + 1).to_be_bytes(),
        trace_flags: 3,
        name: format!("span {n}").into(),
        start_unix_nanos: 1_763_726_264_000_000_123 + n,
        end_unix_nanos: 1_763_726_264_001_500_123 + n,
        ..SpanRecord::default()
    }
}

/// A span that says everything a span can say.
pub(super) fn full_span() -> SpanRecord {
    SpanRecord {
        parent_span_id: Some([0xab; 8]),
        name: "worker_call:critic \"ü\" 𝄞".into(),
        status: SpanStatus::Error("it\nfailed".into()),
        attributes: vec![
            ("str".into(), "text".into()),
            ("bool".into(), true.into()),
            ("i64".into(), i64::MIN.into()),
            ("f64".into(), 1.25.into()),
            ("nan".into(), f64::NAN.into()),
            ("strs".into(), AttributeValue::StrArray(vec!["a".into(), "".into()])),
            ("bools".into(), AttributeValue::BoolArray(vec![true, false])),
            ("i64s".into(), AttributeValue::I64Array(vec![1, i64::MAX])),
            ("f64s".into(), AttributeValue::F64Array(vec![0.5, f64::NEG_INFINITY])),
            ("none".into(), AttributeValue::StrArray(vec![])),
        ],
        events: vec![
            SpanEvent {
                name: "timeout".into(),
                time_unix_nanos: 1_763_726_264_001_000_001,
                attributes: vec![("escalated".into(), false.into())],
                dropped_attributes: 2,
            },
            SpanEvent { name: "end".into(), time_unix_nanos: u64::MAX, ..SpanEvent::default() },
        ],
        dropped_attributes: 3,
        dropped_events: 4,
        ..span(7)
    }
}
