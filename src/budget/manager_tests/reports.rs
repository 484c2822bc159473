//! What a manager says of itself, as the facade is given it.

use super::*;
use crate::budget::control::breaker::BreakerSettings;
use crate::budget::memory::MemorySettings;
use serde_json::json;

#[test]
fn the_status_says_what_runs_what_waits_and_what_happened() {
    let bench = Bench::new(|settings| {
        settings.memory = Some(MemorySettings { max_rss: 500 * MB, ..MemorySettings::default() });
        settings.breaker = Some(BreakerSettings::default());
    });
    let client = bench.client();
    let call = client.acquire("b").unwrap();
    client.queue("b");
    assert_eq!(client.acquire("b"), Err(Refusal::LaneFull));
    bench.manager.count_heap_warning();
    bench.manager.count_abandoned(true);
    bench.manager.count_abandoned(true);
    bench.manager.count_abandoned(false);
    bench.clock.set(START + ms(40));
    let lane = |name: &str, active: u32, limit: u32, waiting: u32| {
        json!({
            "name": name, "active": active, "limit": limit, "configured": limit,
            "waiting": waiting, "borrowed": 0, "lent": 0, "breaker": "closed", "adaptive": null,
        })
    };
    let expected = json!({
        "global": { "active": 1, "limit": 4, "configured": 4 },
        "lanes": [lane("a", 0, 2, 0), lane("b", 1, 1, 1)],
        "queue": { "waiting": 1, "max": 8 },
        "memory": {
            "rssBytes": 100 * MB, "rssAgeMs": 40.0, "childrenBytes": null,
            "containerUsedBytes": null, "containerLimitBytes": null, "reservedBytes": 0,
        },
        "refusals": { "lane_full": 1 },
        "counts": {
            "warnings": 0, "deadlines": 0, "killedProcesses": 0, "unkilledProcesses": 0,
            "collectedContexts": 0, "orphanedCalls": 0, "heapWarnings": 1, "abandoned": 2,
            "abandonedRunning": 1, "shed": 0, "waitsExpired": 0, "waitsCancelled": 0, "loans": 0,
            "forgottenTasks": 0, "timerPanics": 0,
        },
        "shared": null,
        "misuse": {},
    });
    assert_eq!(bench.status(), expected);
    client.release(call);
}

#[test]
fn before_anything_was_refused_there_is_no_last_rejection() {
    let bench = Bench::new(|_| {});
    assert_eq!(bench.manager.last_rejection(), None);
}

#[test]
fn the_last_rejection_says_what_to_do_with_the_figures_of_now() {
    let bench = Bench::new(|settings| settings.global = 2);
    let client = bench.client();
    client.acquire("b").unwrap();
    client.acquire("b").unwrap_err();
    bench.clock.set(START + ms(7));
    let expected = json!({
        "reason": "lane_full",
        "detail": "the lane \"b\" is full: 1 of 1 run; wait for a slot or raise its limit",
        "taskId": "task", "lane": "b", "atMs": WALL_START,
    });
    assert_eq!(bench.rejection(), expected);
    client.acquire("a").unwrap();
    client.acquire("a").unwrap_err();
    let expected = json!({
        "reason": "global_full",
        "detail": "the process is full: 2 of 2 run; wait for a slot or raise globalConcurrencyLimit",
        "taskId": "task", "lane": "a", "atMs": WALL_START + 7,
    });
    assert_eq!(bench.rejection(), expected);
}

#[test]
fn the_note_of_a_call_says_when_it_was_warned_of_and_when_it_ended() {
    let bench = Bench::new(|_| {});
    let (client, other) = (bench.client(), bench.client());
    let call = client.acquire("a").unwrap();
    let note = || -> Value {
        serde_json::from_str(&bench.manager.call_note(&client.holder, call).unwrap()).unwrap()
    };
    bench.pass(ms(100));
    let expected = |at_ms: f64, ended_at_ms: f64| {
        json!({
            "callId": format!("{}1", client.holder.prefix), "taskId": "task", "lane": "a",
            "timeoutMs": 100.0, "deadlineMs": 150.0, "atMs": at_ms, "endedAtMs": ended_at_ms,
            "killedProcesses": 0,
        })
    };
    let wall = WALL_START as f64;
    assert_eq!(note(), expected(wall + 100.0, 0.0));
    bench.pass(ms(50));
    assert_eq!(note(), expected(wall + 150.0, wall + 150.0));
    assert_eq!(bench.manager.call_note(&other.holder, call), None);
    assert_eq!(bench.manager.timeout_of(call), Some(100.0));
    client.release_ended(call);
    assert_eq!(bench.manager.call_note(&client.holder, call), None);
    assert_eq!(bench.manager.timeout_of(call), None);
}

#[test]
fn records_bear_the_ids_their_holders_gave_and_can_be_forgotten() {
    let bench = Bench::new(|_| {});
    let (first, second) = (bench.client(), bench.client());
    for client in [&first, &second, &second] {
        let call = client.acquire("a").unwrap();
        bench.pass(ms(10));
        assert_eq!(client.fail(call), Released::Done);
    }
    let ids: Vec<Value> = bench.metrics().iter().map(|record| record["callId"].clone()).collect();
    let id = |client: &Client<'_>, number| json!(format!("{}{number}", client.holder.prefix));
    assert_eq!(ids, [id(&first, 1), id(&second, 1), id(&second, 2)]);
    assert!(first.holder.prefix.starts_with("wc-") && first.holder.prefix != second.holder.prefix);
    let statistics: Value = serde_json::from_str(&bench.manager.statistics()).unwrap();
    assert_eq!(statistics["failureCount"], 3);
    assert_eq!(statistics["averageDurationMs"], 10.0);
    assert_eq!(bench.metrics()[0]["errorType"], "TypeError");
    bench.manager.clear_metrics();
    let statistics: Value = serde_json::from_str(&bench.manager.statistics()).unwrap();
    assert_eq!((bench.metrics().len(), &statistics["totalCalls"]), (0, &json!(0)));
}

#[test]
fn prometheus_is_told_of_lanes_memory_and_breakers() {
    let bench = Bench::new(|settings| settings.breaker = Some(BreakerSettings::default()));
    let client = bench.client();
    client.acquire("b").unwrap();
    client.queue("b");
    for _ in 0..10 {
        let call = client.acquire("a").unwrap();
        client.fail(call);
    }
    let text = bench.manager.prometheus();
    for line in [
        "plimsoll_budget_active_calls 1",
        "plimsoll_budget_lane_active_calls{lane=\"b\"} 1",
        "plimsoll_budget_lane_waiting_calls{lane=\"b\"} 1",
        "plimsoll_budget_lane_call_limit{lane=\"a\"} 2",
        "plimsoll_budget_lane_breaker_state{lane=\"a\"} 1",
        "plimsoll_budget_calls_total{outcome=\"failure\"} 10",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
}
