//! The spans of ended calls: the contract's names, attributes, events and their order.

use crate::budget::call::{Holder, Trace};
use crate::budget::events::Outbox;
use crate::budget::span::{EndedCall, SpanOutcome};
use crate::export::current::Service;
use crate::export::ids::Ids;
use crate::export::span::{AttributeValue, SpanEvent, SpanRecord, SpanSource, SpanStatus};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const WALL: u64 = 1_700_000_000_000;

fn holder() -> Arc<Holder> {
    Arc::new(Holder {
        id: 1,
        prefix: "wc-1-".to_owned(),
        seed: 7,
        ids: Ids::new(7),
        outbox: Outbox::new(Box::new(|| {})),
        left: AtomicBool::new(false),
    })
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The fifth call, which succeeded after 40 ms.
fn ended() -> EndedCall {
    let service = Service {
        name: "orchestrator".to_owned(),
        version: "1.2.3".to_owned(),
        environment: "test".to_owned(),
    };
    EndedCall {
        holder: holder(),
        service: Arc::new(service),
        serial: 5,
        task: "task-1".into(),
        lane: "critic".into(),
        trace: Trace { sampled: true, ..Trace::default() },
        concurrent: 3,
        concurrent_in_lane: 2,
        observed: true,
        started_wall_ms: WALL as i64,
        duration: ms(40),
        warned: None,
        ended: None,
        timeout: ms(300),
        killed: 0,
        outcome: SpanOutcome::Success,
        error_type: None,
        additions: None,
    }
}

fn names(span: &SpanRecord) -> Vec<&str> {
    span.events.iter().map(|event| &*event.name).collect()
}

fn attribute<'a>(span: &'a SpanRecord, name: &str) -> Option<&'a AttributeValue> {
    span.attributes.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn shown(event: &SpanEvent) -> Vec<(&str, AttributeValue)> {
    event.attributes.iter().map(|(key, value)| (&**key, value.clone())).collect()
}

#[test]
fn a_call_that_succeeded_has_the_names_and_events_of_the_contract() {
    let span = ended().span();
    assert_eq!(span.name, "worker_call:critic");
    let attributes: Vec<(&str, AttributeValue)> =
        span.attributes.iter().map(|(key, value)| (&**key, value.clone())).collect();
    let expected: [(&str, AttributeValue); 5] = [
        ("service", "orchestrator".into()),
        ("version", "1.2.3".into()),
        ("environment", "test".into()),
        ("taskId", "task-1".into()),
        ("lane", "critic".into()),
    ];
    assert_eq!(attributes, expected);
    let order = ["acquired_slot", "execution_started", "execution_succeeded", "call_completed"];
    assert_eq!(names(&span), order);
    let acquired = [("globalConcurrency", 3i64.into()), ("laneConcurrency", 2i64.into())];
    assert_eq!(shown(&span.events[0]), acquired);
    let completed = [("status", "success".into()), ("durationMs", 40.0.into())];
    assert_eq!(shown(&span.events[3]), completed);
    assert_eq!((span.status, span.trace_flags), (SpanStatus::Ok, 3));
    assert_eq!(span.end_unix_nanos - span.start_unix_nanos, 40_000_000);
    assert_eq!(span.start_unix_nanos, WALL * 1_000_000);
}

#[test]
fn a_call_nobody_wraps_says_nothing_of_an_execution() {
    let span = EndedCall { observed: false, ..ended() }.span();
    assert_eq!(names(&span), ["acquired_slot", "call_completed"]);
}

#[test]
fn a_failed_call_is_completed_with_an_error() {
    let failed = || EndedCall {
        outcome: SpanOutcome::Failure,
        error_type: Some("TypeError".into()),
        ..ended()
    };
    let span = failed().span();
    assert_eq!(names(&span), ["acquired_slot", "execution_started", "call_completed"]);
    assert_eq!(shown(&span.events[2])[0], ("status", "error".into()));
    assert_eq!(span.status, SpanStatus::Error("TypeError".into()));
    let additions = r#"{"status":{"code":"error","message":"no such file"}}"#.to_owned();
    let span = EndedCall { additions: Some(additions), ..failed() }.span();
    assert_eq!(span.status, SpanStatus::Error("no such file".into()));
}

#[test]
fn a_call_ended_at_its_deadline_has_both_phases_whatever_was_added() {
    let span = EndedCall {
        outcome: SpanOutcome::Deadline,
        duration: ms(450),
        warned: Some(ms(300)),
        ended: Some(ms(450)),
        killed: 2,
        additions: Some(r#"{"status":{"code":"ok"}}"#.to_owned()),
        ..ended()
    }
    .span();
    let order = ["acquired_slot", "execution_started", "timeout", "timeout", "call_completed"];
    assert_eq!(names(&span), order);
    let warning = [("escalated", false.into()), ("timeoutMs", 300.0.into())];
    assert_eq!(shown(&span.events[2]), warning);
    assert_eq!(span.events[2].time_unix_nanos, (WALL + 300) * 1_000_000);
    let end =
        [("escalated", true.into()), ("timeoutMs", 300.0.into()), ("killedProcesses", 2i64.into())];
    assert_eq!(shown(&span.events[3]), end);
    assert!(matches!(&span.status, SpanStatus::Error(text) if text.contains("deadline")));
}

#[test]
fn what_the_holder_added_is_in_the_order_of_its_time_and_the_end_is_last() {
    let at = |after: u64| WALL + after;
    let additions = format!(
        r#"{{"attributes":{{"n":7,"f":1.5,"ok":true,"lane":"own","list":["a","b"],"mixed":[1,2.5]}},
            "events":[{{"name":"late","time":{},"attributes":{{"x":1}}}},
                      {{"name":"early","time":{}}},{{"name":"same","time":{}}}],
            "droppedAttributes":3,"droppedEvents":4}}"#,
        at(39),
        at(10),
        at(0)
    );
    let span = EndedCall { additions: Some(additions), ..ended() }.span();
    let order = [
        "acquired_slot",
        "execution_started",
        "same",
        "early",
        "late",
        "execution_succeeded",
        "call_completed",
    ];
    assert_eq!(names(&span), order);
    assert_eq!(shown(&span.events[4]), [("x", 1i64.into())]);
    assert_eq!(attribute(&span, "n"), Some(&7i64.into()));
    assert_eq!(attribute(&span, "f"), Some(&1.5.into()));
    assert_eq!(attribute(&span, "ok"), Some(&true.into()));
    assert_eq!(attribute(&span, "lane"), Some(&"own".into()), "the last of a name counts");
    let list = AttributeValue::StrArray(vec!["a".into(), "b".into()]);
    assert_eq!(attribute(&span, "list"), Some(&list));
    assert_eq!(attribute(&span, "mixed"), Some(&AttributeValue::F64Array(vec![1.0, 2.5])));
    assert_eq!((span.dropped_attributes, span.dropped_events), (3, 4));
}

#[test]
fn additions_that_cannot_be_read_cost_themselves_and_not_the_span() {
    for text in ["", "{", "7", r#"{"events":7}"#, r#"{"attributes":{"a":1}"#] {
        let span = EndedCall { additions: Some(text.to_owned()), ..ended() }.span();
        assert!(matches!(attribute(&span, "plimsoll.additions"), Some(AttributeValue::Str(_))));
        assert_eq!((names(&span).len(), attribute(&span, "a")), (4, None), "{text}");
    }
}

#[test]
fn a_call_by_itself_begins_a_trace() {
    let span = ended().span();
    let ids = holder().ids;
    assert_eq!((span.trace_id, span.span_id), (ids.trace_id(5), ids.span_id(5)));
    assert_eq!(span.parent_span_id, None);
}

#[test]
fn a_call_within_another_is_its_child_in_the_trace_of_the_first() {
    let trace = Trace { sampled: true, root: 2, parent: 4, foreign: None };
    let span = EndedCall { trace, ..ended() }.span();
    let ids = holder().ids;
    assert_eq!((span.trace_id, span.parent_span_id), (ids.trace_id(2), Some(ids.span_id(4))));
}

#[test]
fn a_trace_that_began_elsewhere_goes_on_here() {
    let place = |foreign, parent| {
        let trace = Trace { sampled: true, root: 0, parent, foreign: Some(Box::new(foreign)) };
        let span = EndedCall { trace, ..ended() }.span();
        (span.trace_id, span.parent_span_id)
    };
    let (trace, there) = ([9; 16], [8; 8]);
    assert_eq!(place((trace, Some(there)), 0), (trace, Some(there)));
    let ids = holder().ids;
    assert_eq!(place((trace, None), 4), (trace, Some(ids.span_id(4))), "a call within that one");
    assert_eq!(place((trace, None), 0), (trace, None));
}

#[test]
fn a_clock_before_the_epoch_gives_a_span_at_the_epoch() {
    let span = EndedCall { started_wall_ms: -5, ..ended() }.span();
    assert_eq!((span.start_unix_nanos, span.end_unix_nanos), (0, 40_000_000));
}
