//! Calls refused by what is not the gate, and that nothing is lost by it.

use super::*;
use crate::budget::control::breaker::{BreakerSettings, State};
use crate::budget::gate::LaneIndex;
use crate::budget::memory::{MemorySettings, PredictionSettings};

fn limit_of(max_rss: u64) -> MemorySettings {
    MemorySettings { max_rss, interval: ms(50), ..MemorySettings::default() }
}

/// Every call is taken to need 60 MB.
fn predicting(max_rss: u64) -> MemorySettings {
    let default_bytes = 60 * MB;
    let predicted =
        PredictionSettings { default_bytes, margin: 0.0, ..PredictionSettings::default() };
    MemorySettings { predicted: Some(predicted), ..limit_of(max_rss) }
}

/// Opens after two failures, for a second, and then tries with one call.
fn breaker() -> BreakerSettings {
    BreakerSettings {
        minimum_calls: 2,
        open_for: Duration::from_secs(1),
        half_open_calls: 1,
        ..BreakerSettings::default()
    }
}

impl Bench {
    pub(super) fn reserved(&self) -> u64 {
        self.manager.state().admission.memory().map_or(0, |guard| guard.reserved)
    }

    pub(super) fn breaker(&self, lane: &str) -> String {
        let status = self.status();
        let lanes = status["lanes"].as_array().unwrap();
        let lane = lanes.iter().find(|other| other["name"] == lane).unwrap();
        lane["breaker"].as_str().unwrap().to_owned()
    }

    /// Whether as many probes as may would be let in, were the breaker asked once its time has come.
    fn has_all_probes(&self, lane: LaneIndex, probes: u32) -> bool {
        let state = self.manager.state();
        let mut breaker = state.admission.lane(lane).unwrap().breaker.clone().unwrap();
        drop(state);
        let now = breaker.retry_at().unwrap_or(self.now()).max(self.now());
        assert_eq!(breaker.state(now), State::HalfOpen);
        (0..probes).all(|_| breaker.allow(now).is_ok()) && breaker.allow(now).is_err()
    }
}

fn open(client: &Client<'_>, lane: &str) {
    for _ in 0..2 {
        let call = client.acquire(lane).unwrap();
        client.fail(call);
    }
    assert_eq!(client.bench.breaker(lane), "open");
}

#[test]
fn a_refusal_for_memory_says_what_was_read_when_and_what_to_do() {
    let bench = Bench::new(|settings| settings.memory = Some(limit_of(200 * MB)));
    let client = bench.client();
    bench.memory.resident_next([Scripted::Is(250 * MB)]);
    assert_eq!(client.acquire("a"), Err(Refusal::Memory));
    let rejection = bench.rejection();
    assert_eq!((&rejection["reason"], &rejection["taskId"]), (&"memory".into(), &"task".into()));
    assert_eq!((&rejection["lane"], &rejection["atMs"]), (&"a".into(), &WALL_START.into()));
    let detail = "resident memory is 250.0 MB of 200.0 MB, read 0 ms before; \
                  free some or raise the limit";
    assert_eq!(rejection["detail"], detail);
    assert_eq!((bench.refused(Refusal::Memory), bench.load()), (1, (0, 0)));
}

#[test]
fn a_prediction_that_makes_no_sense_does_not_switch_the_guard_off() {
    let predicted =
        Some(PredictionSettings { minimum_samples: 0, ..PredictionSettings::default() });
    let bench = Bench::new(|all| {
        all.memory = Some(MemorySettings { predicted, cgroup_fraction: Some(7.0), ..limit_of(1) });
    });
    assert_eq!(bench.client().acquire("a"), Err(Refusal::Memory));
}

#[test]
fn whoever_waits_for_memory_is_let_in_when_a_reading_shows_that_it_has_fallen() {
    let bench = Bench::new(|settings| settings.memory = Some(limit_of(200 * MB)));
    let client = bench.client();
    bench.memory.resident_next([Scripted::Is(250 * MB)]);
    let serial = client.queue("a");
    assert_eq!(bench.sampler.stats().subscribers, 1, "nothing runs, and yet memory is watched");
    bench.sample(240 * MB);
    assert_eq!(client.events(), []);
    bench.sample(150 * MB);
    let [Event::Granted(granted, call)] = client.events()[..] else { panic!("not let in") };
    assert_eq!((granted, client.wakes()), (serial, 1));
    client.release(call);
    bench.sample(150 * MB);
    assert_eq!(bench.sampler.step(bench.now()), None, "nobody looks any more");
}

#[test]
fn the_highest_reading_while_a_call_ran_is_its_peak() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let request = Request { timeout: Timeout::Milliseconds(500.0), ..client.request("a") };
    let call = bench.manager.acquire(&client.holder, request).unwrap();
    for resident in [120, 190, 140] {
        bench.sample(resident * MB);
    }
    client.release_ended(call);
    let record = &bench.metrics()[0];
    let memory = ["rssStartMb", "rssPeakMb", "rssEndMb", "rssDeltaMb"]
        .map(|name| record[name].as_f64().unwrap());
    assert_eq!(memory, [100.0, 190.0, 140.0, 40.0]);
    assert_eq!(record["heapStartMb"], 3.0);
}

#[test]
fn what_a_call_is_expected_to_need_is_held_while_it_runs_and_given_back_with_it() {
    let bench = Bench::new(|settings| settings.memory = Some(predicting(230 * MB)));
    let client = bench.client();
    let calls = [client.acquire("a").unwrap(), client.acquire("a").unwrap()];
    assert_eq!(bench.reserved(), 120 * MB);
    assert_eq!(client.acquire("b"), Err(Refusal::MemoryPredicted));
    let detail = "resident memory is 100.0 MB of 230.0 MB, read 0 ms before, 120.0 MB are promised \
                  to calls that run, and the call is expected to need 60.0 MB; wait for others to end";
    assert_eq!(bench.rejection()["detail"], detail);
    let waiting = client.queue("b");
    client.release(calls[0]);
    let [Event::Granted(serial, call)] = client.events()[..] else { panic!("not let in") };
    assert_eq!((serial, bench.reserved()), (waiting, 120 * MB));
    client.release(call);
    bench.manager.detach(&client.holder);
    assert_eq!((bench.reserved(), bench.load()), (0, (0, 0)));
}

#[test]
fn a_full_lane_costs_no_promise_of_memory() {
    let bench = Bench::new(|settings| settings.memory = Some(predicting(10_000 * MB)));
    let client = bench.client();
    let call = client.acquire("b").unwrap();
    for _ in 0..20 {
        assert_eq!(client.acquire("b"), Err(Refusal::LaneFull));
        assert_eq!(bench.reserved(), 60 * MB);
    }
    client.queue("b");
    assert_eq!(bench.reserved(), 60 * MB, "who waits holds none");
    bench.manager.close();
    client.release(call);
    assert_eq!(bench.reserved(), 0);
}

#[test]
fn a_lane_that_keeps_failing_is_closed_for_a_time_and_then_tried() {
    let bench = Bench::new(|settings| settings.breaker = Some(breaker()));
    let client = bench.client();
    open(&client, "a");
    assert_eq!(client.acquire("a"), Err(Refusal::BreakerOpen));
    assert!(bench.rejection()["detail"].as_str().unwrap().ends_with("open for another 1000 ms"));
    assert!(client.acquire("b").is_ok(), "another lane");
    let serial = client.queue("a");
    bench.pass(ms(999));
    assert!(!client.events().iter().any(|event| matches!(event, Event::Granted(..))));
    bench.pass(ms(1));
    let [Event::Granted(granted, probe)] = client.events()[..] else { panic!("not let in") };
    assert_eq!((granted, bench.breaker("a")), (serial, "half_open".to_owned()));
    assert_eq!(client.acquire("a"), Err(Refusal::BreakerOpen), "one is tried");
    client.release(probe);
    assert_eq!(bench.breaker("a"), "closed");
    assert!(client.acquire("a").is_ok());
}

#[test]
fn a_call_ended_at_its_deadline_is_a_failure_for_the_breaker() {
    let bench = Bench::new(|settings| settings.breaker = Some(breaker()));
    let client = bench.client();
    for _ in 0..2 {
        let call = client.acquire("a").unwrap();
        bench.pass(ms(150));
        client.release_ended(call);
    }
    assert_eq!(bench.breaker("a"), "open");
}

#[test]
fn a_probe_refused_elsewhere_does_not_lose_its_permit() {
    let bench = Bench::new(|settings| {
        settings.breaker = Some(breaker());
        settings.memory = Some(limit_of(200 * MB));
        settings.global = 1;
    });
    let client = bench.client();
    let lane = bench.manager.lane("a").unwrap();
    open(&client, "a");
    bench.pass(Duration::from_secs(2));
    bench.memory.resident_next([Scripted::Is(250 * MB)]);
    assert_eq!(client.acquire("a"), Err(Refusal::Memory));
    assert!(bench.has_all_probes(lane, 1), "memory was refused after the permit");
    bench.memory.resident_next([Scripted::Is(100 * MB)]);
    bench.pass(ms(200));
    let other = client.acquire("b").unwrap();
    assert_eq!(client.acquire("a"), Err(Refusal::GlobalFull));
    assert!(bench.has_all_probes(lane, 1), "the gate refused after the permit");
    client.release(other);
    let probe = client.acquire("a").unwrap();
    assert!(!bench.has_all_probes(lane, 1));
    let collected = Release { collected: true, ..Release::default() };
    bench.manager.release(&client.holder, probe, collected);
    assert!(bench.has_all_probes(lane, 1), "a forgotten context says nothing of the lane");
    let probe = client.acquire("a").unwrap();
    bench.manager.detach(&client.holder);
    assert!(bench.has_all_probes(lane, 1), "nor does the end of a thread");
    assert_eq!(client.release(probe), Released::NotRunning);
}

#[test]
fn waiters_that_may_not_come_in_yet_lose_no_permit_and_no_memory() {
    let bench = Bench::new(|settings| {
        settings.breaker = Some(breaker());
        settings.memory = Some(predicting(170 * MB));
    });
    let client = bench.client();
    let lane = bench.manager.lane("a").unwrap();
    open(&client, "a");
    bench.pass(Duration::from_secs(2));
    let request = Request { timeout: Timeout::Milliseconds(1e9), ..client.request("b") };
    let other = bench.manager.acquire(&client.holder, request).unwrap();
    let held = bench.reserved();
    let serial = client.queue("a");
    for _ in 0..5 {
        bench.sample(100 * MB);
        assert_eq!((client.events(), bench.reserved()), (vec![], held));
        assert!(bench.has_all_probes(lane, 1));
    }
    client.release(other);
    assert!(matches!(client.events()[..], [Event::Granted(granted, _)] if granted == serial));
}

#[cfg(unix)]
mod shared {
    use super::*;

    fn attach(directory: &tempfile::TempDir, lanes: &[(&str, u32)]) -> SharedLanes {
        SharedLanes::attach(&directory.path().join("lanes"), lanes, Some(9)).unwrap().0
    }

    #[test]
    fn a_slot_refused_by_other_processes_costs_nothing_here() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = attach(&directory, &[("a", 2), ("b", 1)]);
        let theirs = elsewhere.try_acquire(elsewhere.lane("b").unwrap()).unwrap();
        let change = |settings: &mut Settings| {
            settings.breaker = Some(breaker());
            settings.memory = Some(predicting(10_000 * MB));
        };
        let bench = Bench::with(change, Some(attach(&directory, &[("a", 2), ("b", 1)])), None);
        let client = bench.client();
        let lane = bench.manager.lane("b").unwrap();
        assert_eq!(client.acquire("b"), Err(Refusal::LaneFull));
        assert_eq!((bench.load(), bench.reserved()), ((0, 0), 0));
        drop(theirs);
        open(&client, "b");
        bench.pass(Duration::from_secs(2));
        let theirs = elsewhere.try_acquire(elsewhere.lane("b").unwrap()).unwrap();
        assert_eq!(client.acquire("b"), Err(Refusal::LaneFull));
        assert!(bench.has_all_probes(lane, 1), "the segment refused after the permit");
        assert_eq!((bench.load(), bench.reserved()), ((0, 0), 0));
        drop(theirs);
        let ours = client.acquire("b").unwrap();
        assert!(elsewhere.try_acquire(elsewhere.lane("b").unwrap()).is_err());
        client.release(ours);
        assert!(elsewhere.try_acquire(elsewhere.lane("b").unwrap()).is_ok());
    }

    #[test]
    fn whoever_waits_is_let_in_when_another_process_gives_a_slot_back() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = attach(&directory, &[("b", 1)]);
        let bench = Bench::with(|_| {}, Some(attach(&directory, &[("b", 1)])), None);
        let client = bench.client();
        let theirs = elsewhere.try_acquire(elsewhere.lane("b").unwrap()).unwrap();
        let serial = client.queue("b");
        drop(theirs);
        let events = client.await_events();
        assert!(matches!(events[..], [Event::Granted(granted, _)] if granted == serial));
    }

    #[test]
    fn the_segment_is_swept_while_calls_run_and_not_when_nothing_does() {
        let directory = tempfile::tempdir().unwrap();
        let bench = Bench::with(|_| {}, Some(attach(&directory, &[("b", 1)])), None);
        let client = bench.client();
        let request = Request { timeout: Timeout::Milliseconds(1e9), ..client.request("a") };
        let call = bench.manager.acquire(&client.holder, request).unwrap();
        bench.pass(ms(0));
        for _ in 0..3 {
            assert_eq!(bench.timer.next(), Some(bench.now() + ms(500)));
            bench.pass(ms(500));
        }
        client.release(call);
        bench.pass(ms(500));
        assert!(bench.timer.next().is_none_or(|at| at > bench.now() + ms(500)));
    }

    #[test]
    fn limits_the_segment_cannot_take_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let bench = Bench::with(|_| {}, Some(attach(&directory, &[("b", 1)])), None);
        let name = "x".repeat(crate::budget::shared::MAX_NAME + 1);
        let lane = LaneLimit { name: name.into(), limit: 7, ceiling: 7 };
        let refused = bench.manager.set_limits(Some(vec![lane]), Some(2));
        assert_eq!(refused, Err(Refusal::SharedUnavailable));
        assert_eq!(bench.status()["global"]["limit"], 4);
        assert_eq!(bench.client().acquire("b").map(|_| ()), Ok(()));
        assert_eq!(bench.status()["lanes"][1]["configured"], 1);
    }
}
