use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

const MB: u64 = 1_048_576;

fn record(call: u64) -> CallRecord {
    CallRecord {
        call,
        task: "task".into(),
        lane: 0,
        duration: Duration::from_millis(10),
        success: true,
        error_type: None,
        rss_start: 100 * MB,
        rss_end: 101 * MB,
        rss_peak: 102 * MB,
        rss_age: Duration::from_micros(1500),
        heap_start: 10 * MB,
        heap_end: 9 * MB,
        concurrent_start: 1,
        concurrent_end: 2,
        timeout_reached: false,
        ended_by: EndedBy::Release,
        waited: Duration::ZERO,
        wall_ms: 1_700_000_000_000,
    }
}

fn json(metrics: &Metrics, limit: usize) -> Value {
    let text = metrics.latest_json(limit, |_| "tool_call", |call| format!("call-{call}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn nothing_recorded_is_zero_everywhere() {
    let metrics = Metrics::new();
    assert_eq!(metrics.statistics(), Statistics::default());
    assert_eq!(metrics.latest(100).len(), 0);
    assert_eq!(metrics.latest_json(100, |_| "", |_| String::new()).unwrap(), "[]");
    assert_eq!(metrics.lane(0), None);
}

#[test]
fn a_record_is_shown_in_the_shape_of_the_contract() {
    let mut metrics = Metrics::new();
    metrics.record(CallRecord {
        task: "t\"1\n".into(),
        duration: Duration::from_nanos(1_234_567_890),
        success: false,
        error_type: Some("TypeError".into()),
        rss_end: 100 * MB - 1,
        heap_end: 10 * MB + 123_456,
        timeout_reached: true,
        ended_by: EndedBy::Deadline,
        waited: Duration::from_micros(2500),
        ..record(7)
    });
    let expected = serde_json::json!([{
        "callId": "call-7", "taskId": "t\"1\n", "lane": "tool_call", "durationMs": 1234.568,
        "success": false, "errorType": "TypeError",
        "rssStartMb": 100.0, "rssEndMb": 100.0, "rssDeltaMb": 0.0,
        "heapStartMb": 10.0, "heapEndMb": 10.12, "heapDeltaMb": 0.12,
        "concurrentCallsAtStart": 1, "concurrentCallsAtEnd": 2, "timeoutReached": true,
        "timestamp": "2023-11-14T22:13:21.234Z",
        "rssPeakMb": 102.0, "rssAgeMs": 1.5, "waitedMs": 2.5, "endedBy": "deadline",
    }]);
    assert_eq!(json(&metrics, 100), expected);
    assert!(!metrics.latest_json(1, |_| "", |_| String::new()).unwrap().contains("-0"));
}

#[test]
fn a_call_without_an_error_has_no_error_type_and_hostile_values_are_shown_all_the_same() {
    let mut metrics = Metrics::new();
    metrics.record(CallRecord {
        duration: Duration::MAX,
        rss_start: u64::MAX,
        rss_end: 0,
        rss_age: Duration::MAX,
        wall_ms: i64::MAX,
        lane: u32::MAX,
        ..record(u64::MAX)
    });
    metrics.record(CallRecord { wall_ms: i64::MIN, rss_start: 0, rss_end: u64::MAX, ..record(1) });
    let shown = json(&metrics, usize::MAX);
    assert!(shown[0].get("errorType").is_none());
    assert_eq!(shown[0]["timestamp"], "9999-12-31T23:59:59.999Z");
    assert_eq!(shown[0]["rssDeltaMb"], -17_592_186_044_416.0);
    assert_eq!(shown[1]["timestamp"], "0000-01-01T00:00:00.000Z");
    assert_eq!(metrics.counters().unmeasured_calls, 1);
    assert_eq!(metrics.statistics().average_rss_delta_mb, 0.0);
}

#[test]
fn the_latest_are_shown_with_the_oldest_of_them_first() {
    let mut metrics = Metrics::new();
    for call in 0..2 * KEPT_RECORDS as u64 + 7 {
        metrics.record(record(call));
    }
    let last = 2 * KEPT_RECORDS as u64 + 6;
    let calls = |limit| metrics.latest(limit).map(|record| record.call).collect::<Vec<_>>();
    assert_eq!(calls(3), [last - 2, last - 1, last]);
    assert!(calls(0).is_empty());
    let all: Vec<u64> = (last + 1 - KEPT_RECORDS as u64..=last).collect();
    assert_eq!(calls(usize::MAX), all);
    assert_eq!(metrics.counters().overwritten_records, KEPT_RECORDS as u64 + 7);
    assert_eq!(metrics.statistics().total_calls, last + 1);
}

#[test]
fn statistics_are_over_all_calls_since_clear_not_over_those_kept() {
    let mut metrics = Metrics::new();
    for call in 0..3 * KEPT_RECORDS as u64 {
        metrics.record(CallRecord {
            success: call % 3 != 0,
            timeout_reached: call % 10 == 0,
            duration: Duration::from_millis(call % 2),
            concurrent_start: u32::try_from(call % 32).unwrap(),
            rss_end: record(0).rss_start + (call % 2) * MB,
            ..record(call)
        });
    }
    let expected = Statistics {
        total_calls: 3000,
        success_count: 2000,
        failure_count: 1000,
        average_duration_ms: 0.5,
        average_rss_delta_mb: 0.5,
        max_concurrent_calls: 31,
        timeout_count: 300,
    };
    assert_eq!(metrics.statistics(), expected);
    let text = serde_json::to_value(expected).unwrap();
    assert_eq!(text["averageRssDeltaMb"], 0.5);
    assert_eq!(text.as_object().unwrap().len(), 7);
    let counters = metrics.counters().clone();
    let histograms = metrics.lane(0).cloned();
    metrics.clear();
    assert_eq!(metrics.statistics(), Statistics::default());
    assert_eq!(metrics.latest(10).len(), 0);
    assert_eq!(metrics.high_water(), HighWater::default());
    assert_eq!((metrics.counters(), metrics.lane(0)), (&counters, histograms.as_ref()));
    metrics.record(record(9));
    assert_eq!(metrics.latest(10).map(|record| record.call).collect::<Vec<_>>(), [9]);
}

#[test]
fn a_mean_of_many_small_and_huge_values_is_exact() {
    let mut metrics = Metrics::new();
    let huge = Duration::from_secs(1 << 40);
    metrics.record(CallRecord { duration: huge, ..record(0) });
    for call in 1..1024 {
        metrics.record(CallRecord { duration: Duration::from_nanos(1), ..record(call) });
    }
    // The sum of the small ones alone is below what a floating-point sum of all could tell apart.
    let whole = (1_u128 << 40) * 1_000_000_000 + 1023;
    assert_eq!(metrics.sums.nanoseconds, whole);
    assert_ne!(whole as f64 as u128, whole);
}

#[test]
fn events_are_counted_each_in_its_place() {
    let mut metrics = Metrics::new();
    for (times, reason) in Refusal::ALL.iter().enumerate() {
        (0..=times).for_each(|_| metrics.count_refusal(*reason));
    }
    for (times, ended_by) in EndedBy::ALL.iter().enumerate() {
        (0..=times).for_each(|_| metrics.record(CallRecord { ended_by: *ended_by, ..record(0) }));
    }
    for (times, reason) in Refusal::ALL.iter().enumerate() {
        assert_eq!(metrics.counters().refusals(*reason), times as u64 + 1, "{reason}");
    }
    for (times, ended_by) in EndedBy::ALL.iter().enumerate() {
        assert_eq!(metrics.counters().releases(*ended_by), times as u64 + 1);
    }
    metrics.count_warning();
    metrics.count_end();
    metrics.count_abandoned();
    let report = KillReport { signalled: 1, already_gone: 2, refused: 3, cut: 4 };
    metrics.count_kill(&report);
    metrics.count_kill(&report);
    let counters = metrics.counters();
    assert_eq!((counters.warnings, counters.ends, counters.abandoned), (1, 1, 1));
    assert_eq!((counters.processes.already_gone, counters.processes.cut), (4, 8));
}

#[test]
fn high_water_marks_rise_and_never_fall() {
    let mut metrics = Metrics::new();
    for (active, waiting, rss) in [(3, 1, 500), (1, 9, 200)] {
        metrics.observe_active(active);
        metrics.observe_waiting(waiting);
        metrics.observe_rss(rss);
    }
    assert_eq!(metrics.high_water(), HighWater { active: 3, waiting: 9, rss: 500 });
    metrics.record(record(1));
    assert_eq!(metrics.high_water().rss, 102 * MB);
}

#[test]
fn lanes_beyond_the_bound_have_no_histograms_and_cost_no_memory() {
    let mut metrics = Metrics::new();
    for lane in [0, MEASURED_LANES as u32 - 1, MEASURED_LANES as u32, u32::MAX] {
        metrics.record(CallRecord { lane, waited: Duration::from_secs(2), ..record(0) });
    }
    assert_eq!(metrics.snapshot().lanes.len(), MEASURED_LANES);
    assert_eq!(metrics.counters().unmeasured_calls, 2);
    let lane = metrics.lane(MEASURED_LANES as u32 - 1).unwrap();
    assert_eq!((lane.duration.sum_seconds(), lane.waited.sum_seconds()), (0.01, 2.0));
    assert_eq!(metrics.lane(1).unwrap().duration.count(), 0);
}

proptest! {
    #[test]
    fn the_ring_is_the_end_of_a_list(
        steps in proptest::collection::vec((0..700usize, any::<bool>(), 0..1200usize), 1..12)
    ) {
        let (mut metrics, mut model, mut next) = (Metrics::new(), VecDeque::new(), 0);
        for (count, clear, limit) in steps {
            if clear {
                metrics.clear();
                model.clear();
            }
            for _ in 0..count {
                metrics.record(record(next));
                model.push_back(next);
                next += 1;
            }
            while model.len() > KEPT_RECORDS {
                model.pop_front();
            }
            let expected: Vec<u64> =
                model.iter().skip(model.len().saturating_sub(limit)).copied().collect();
            prop_assert_eq!(metrics.latest(limit).map(|r| r.call).collect::<Vec<_>>(), expected);
        }
    }
}
