//! What readings of memory and processors do to a limit, alone and beside latency.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Lane {
    limit: AdaptiveLimit,
    now: Duration,
}

impl Lane {
    fn new(mode: Mode, initial: u32) -> Self {
        let settings =
            AdaptiveSettings { mode, initial: Some(initial), ..AdaptiveSettings::default() };
        Lane { limit: AdaptiveLimit::new(settings), now: Duration::from_secs(1000) }
    }

    /// A reading a second later, with as many calls running as given.
    fn reads(&mut self, memory: f64, cpu: f64, in_flight: u32) -> Option<Change> {
        self.now += SECOND;
        self.limit.resources(Resources { memory, cpu, in_flight, now: self.now })
    }

    /// A window of calls that all take 100 ms with the limit in full use.
    fn calls(&mut self) {
        for _ in 0..11 {
            self.now += SECOND / 10;
            self.limit.observe(Sample {
                latency: SECOND / 10,
                in_flight: self.limit.limit(),
                outcome: Outcome::Ok,
                now: self.now,
            });
        }
    }
}

#[test]
fn memory_over_its_target_brings_the_limit_down_while_latency_is_steady() {
    for mode in [Mode::Resources, Mode::Both] {
        let mut lane = Lane::new(mode, 20);
        for _ in 0..10 {
            lane.calls();
            let in_flight = lane.limit.limit();
            lane.reads(0.9, 0.2, in_flight);
        }
        assert!(lane.limit.limit() <= 2, "{mode:?}: {}", lane.limit.limit());
        assert_eq!(lane.limit.explain().reason, Reason::MemoryOverTarget);
    }
}

#[test]
fn processors_over_their_target_count_once_the_readings_last() {
    let mut lane = Lane::new(Mode::Both, 20);
    lane.reads(0.2, 0.5, 4);
    assert_eq!(lane.reads(0.2, 1.0, 20), None);
    for _ in 0..8 {
        lane.reads(0.2, 1.0, 20);
    }
    assert_eq!(lane.limit.explain().reason, Reason::CpuOverTarget);
}

#[test]
fn it_does_not_fall_again_before_the_last_fall_can_have_shown_what_it_does() {
    let mut lane = Lane::new(Mode::Both, 20);
    assert_eq!(lane.reads(0.9, 0.2, 20).unwrap().to, 14);
    for _ in 0..100 {
        assert_eq!(lane.reads(0.9, 0.2, 20), None, "twenty still run");
    }
    assert_eq!(lane.reads(0.9, 0.2, 14).unwrap().to, 9);
    let now = lane.now;
    let reading = Resources { memory: 0.9, cpu: 0.2, in_flight: 5, now };
    assert_eq!(lane.limit.resources(reading), None, "no window has gone by");
}

#[test]
fn memory_others_use_does_not_bring_an_idle_lane_down() {
    let mut lane = Lane::new(Mode::Both, 20);
    for _ in 0..100 {
        assert_eq!(lane.reads(0.99, 0.99, 0), None);
    }
}

#[test]
fn with_room_it_rises_once_a_window_if_it_is_used_and_not_otherwise() {
    let mut lane = Lane::new(Mode::Resources, 4);
    for _ in 0..50 {
        lane.reads(0.2, 0.2, 1);
    }
    assert_eq!(lane.limit.limit(), 4);
    for expected in 5..=14 {
        let in_flight = lane.limit.limit();
        assert_eq!(lane.reads(0.2, 0.2, in_flight).map(|change| change.to), Some(expected));
        let again = Resources { memory: 0.2, cpu: 0.2, in_flight, now: lane.now + SECOND / 2 };
        assert_eq!(lane.limit.resources(again), None, "once a window");
    }
    assert_eq!(lane.limit.explain().reason, Reason::ResourcesFree);
    for _ in 0..50 {
        lane.reads(0.78, 0.2, 14);
    }
    assert_eq!(lane.limit.limit(), 14, "near the target it stays");
}

#[test]
fn what_ran_between_two_readings_counts_as_use() {
    let mut lane = Lane::new(Mode::Resources, 4);
    lane.reads(0.2, 0.2, 0);
    lane.calls();
    assert_eq!(lane.reads(0.2, 0.2, 0).map(|change| change.to), Some(5));
    assert_eq!(lane.limit.counts().windows, 0, "of latency it keeps no account");
}

#[test]
fn steady_latency_does_not_raise_a_limit_that_resources_hold() {
    let mut lane = Lane::new(Mode::Both, 8);
    for _ in 0..20 {
        lane.reads(0.78, 0.2, 8);
        lane.calls();
    }
    assert_eq!(lane.limit.limit(), 8);
    lane.now += SECOND * 60;
    for _ in 0..20 {
        lane.calls();
    }
    assert_eq!(lane.limit.limit(), 8, "and when nobody reads any more, it stays");
    lane.reads(0.2, 0.2, 8);
    lane.calls();
    assert_eq!(lane.limit.limit(), 9);
}

#[test]
fn without_any_reading_latency_decides_alone() {
    let mut lane = Lane::new(Mode::Both, 8);
    lane.calls();
    assert_eq!(lane.limit.limit(), 9);
}

#[test]
fn readings_mean_nothing_to_a_lane_of_latency() {
    let mut lane = Lane::new(Mode::Latency, 8);
    assert_eq!(lane.reads(1.0, 1.0, 8), None);
    lane.calls();
    assert_eq!(lane.limit.limit(), 9);
}
