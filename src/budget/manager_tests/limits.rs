//! Limits and timeouts that move.

use super::*;
use crate::budget::control::adaptive::{AdaptiveSettings, Mode};
use crate::budget::control::history::AdaptiveTimeout;
use crate::budget::memory::MemorySettings;
use crate::budget::settings::Adaptive;

fn adaptive(settings: AdaptiveSettings) -> impl FnOnce(&mut Settings) {
    move |all| {
        all.global = 20;
        all.lanes = vec![LaneLimit { name: "a".into(), limit: 8, ceiling: 8 }];
        all.adaptive = Some(Adaptive { lanes: None, settings });
    }
}

impl Bench {
    fn limit(&self, lane: &str) -> u64 {
        let status = self.status();
        let lanes = status["lanes"].as_array().unwrap();
        lanes.iter().find(|other| other["name"] == lane).unwrap()["limit"].as_u64().unwrap()
    }
}

fn fill(client: &Client<'_>, lane: &str) -> Vec<CallKey> {
    let request = || Request { timeout: Timeout::Milliseconds(1e9), ..client.request(lane) };
    std::iter::from_fn(|| client.bench.manager.acquire(&client.holder, request()).ok()).collect()
}

#[test]
fn an_adaptive_lane_starts_at_its_initial_limit() {
    let settings = AdaptiveSettings { initial: Some(3), ..AdaptiveSettings::default() };
    let bench = Bench::new(adaptive(settings));
    let client = bench.client();
    assert_eq!((fill(&client, "a").len(), bench.limit("a")), (3, 3));
    assert_eq!(fill(&client, "free").len(), 17, "a lane without a limit has none that moves");
}

#[test]
fn a_lane_at_its_highest_limit_may_borrow_as_any_other() {
    let bench = Bench::new(|all| {
        adaptive(AdaptiveSettings::default())(all);
        all.lanes[0].ceiling = 9;
        all.lanes.push(LaneLimit { name: "b".into(), limit: 4, ceiling: 4 });
    });
    let client = bench.client();
    assert_eq!(fill(&client, "a").len(), 9);
}

#[test]
fn timeouts_lower_the_limit_the_gate_enforces() {
    let settings = AdaptiveSettings { mode: Mode::Latency, ..AdaptiveSettings::default() };
    let bench = Bench::new(adaptive(settings));
    let client = bench.client();
    for _ in 0..4 {
        let calls: Vec<CallKey> = (0..8).filter_map(|_| client.acquire("a").ok()).collect();
        bench.pass(ms(1000));
        for call in calls {
            client.release_ended(call);
        }
        client.events();
    }
    let limit = bench.limit("a");
    assert!(limit < 8, "{limit}");
    assert_eq!(fill(&client, "a").len() as u64, limit);
    assert_eq!(bench.status()["lanes"][0]["configured"], 8);
}

#[test]
fn memory_near_its_limit_lowers_the_lane_and_waiters_come_in_when_it_rises_again() {
    let settings = AdaptiveSettings { mode: Mode::Resources, ..AdaptiveSettings::default() };
    let memory = MemorySettings { max_rss: 1000 * MB, ..MemorySettings::default() };
    let bench = Bench::new(|all| {
        adaptive(settings)(all);
        all.memory = Some(memory);
    });
    let client = bench.client();
    let calls = fill(&client, "a");
    assert_eq!(calls.len(), 8);
    for _ in 0..200 {
        bench.sample(950 * MB);
    }
    let low = bench.limit("a");
    assert!(low < 8, "{low}");
    let far = Duration::from_secs(100_000);
    let request = Request { timeout: Timeout::Milliseconds(1e9), ..client.request("a") };
    let (serial, waiting) = client.wait_as(request, Priority::Normal, far);
    assert_eq!(waiting, Waiting::Queued);
    client.release(calls[0]);
    assert_eq!(client.events(), [], "more run than may now");
    let mut samples = 0;
    let granted = loop {
        bench.sample(100 * MB);
        if let [event] = client.events()[..] {
            break event;
        }
        samples += 1;
        assert!(samples < 20_000, "the limit never rises");
    };
    assert!(matches!(granted, Event::Granted(number, _) if number == serial), "{granted:?}");
}

#[test]
fn other_limits_reach_an_adaptive_lane_and_one_without_a_limit_is_free_again() {
    let settings = AdaptiveSettings { initial: Some(3), ..AdaptiveSettings::default() };
    let bench = Bench::new(adaptive(settings));
    let lane = |name: &str, limit| LaneLimit { name: name.into(), limit, ceiling: limit };
    bench.manager.set_limits(Some(vec![lane("a", 2), lane("new", 5)]), None).unwrap();
    assert_eq!((bench.limit("a"), bench.limit("new")), (2, 3), "one begins at its initial limit");
    bench.manager.set_limits(Some(vec![lane("a", 6)]), None).unwrap();
    assert_eq!(bench.limit("a"), 6, "it stood at its highest");
    bench.manager.set_limits(Some(vec![]), None).unwrap();
    assert_eq!((bench.limit("a"), bench.limit("new")), (20, 20));
    let lanes = bench.status()["lanes"].as_array().unwrap().clone();
    assert!(lanes.iter().all(|lane| lane["adaptive"].is_null()));
}

#[test]
fn an_adaptive_timeout_follows_what_calls_took() {
    let bench = Bench::new(|settings| {
        let few =
            AdaptiveTimeout { minimum_samples: 10, floor_ms: 1, ..AdaptiveTimeout::default() };
        settings.adaptive_timeout = few;
        settings.default_timeout = ms(5000);
    });
    let client = bench.client();
    let acquire = || {
        let request = Request { timeout: Timeout::Adaptive, ..client.request("a") };
        bench.manager.acquire(&client.holder, request).unwrap()
    };
    for _ in 0..20 {
        let call = acquire();
        bench.pass(ms(40));
        client.release(call);
    }
    let call = acquire();
    let timeout = bench.manager.timeout_of(call).unwrap();
    assert!((79.0..82.0).contains(&timeout), "twice what they took: {timeout}");
    bench.pass(ms(82));
    assert_eq!(client.events(), [Event::Warned(call)]);
    let other = Request { timeout: Timeout::Adaptive, ..client.request("b") };
    let other = bench.manager.acquire(&client.holder, other).unwrap();
    assert_eq!(bench.manager.timeout_of(other), Some(5000.0), "a lane without a history");
}
