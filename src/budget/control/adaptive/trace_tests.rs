//! Traces: what a limit does under loads that are known to mislead such controllers.

use super::*;

/// A lane under a trace: a clock, and as many calls as the limit allows.
pub(super) struct Lane {
    pub(super) limit: AdaptiveLimit,
    pub(super) now: Duration,
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn of_latency(max: u32) -> AdaptiveSettings {
    AdaptiveSettings { mode: Mode::Latency, max, ..AdaptiveSettings::default() }
}

pub(super) fn milliseconds(value: f64) -> Duration {
    Duration::from_secs_f64(value / 1000.0)
}

impl Lane {
    pub(super) fn new(settings: AdaptiveSettings) -> Self {
        Lane { limit: AdaptiveLimit::new(settings), now: Duration::from_secs(1000) }
    }

    pub(super) fn call(&mut self, latency: Duration, in_flight: u32, outcome: Outcome) {
        self.limit.observe(Sample { latency, in_flight, outcome, now: self.now });
    }

    /// Runs whole windows of one second with the limit in full use: in each twenty calls end, evenly.
    pub(super) fn windows(
        &mut self,
        count: usize,
        mut call: impl FnMut(u32, usize) -> (Duration, Outcome),
    ) {
        for _ in 0..count {
            let before = self.limit.counts().windows;
            for index in 0.. {
                self.now += SECOND / 20;
                let in_flight = self.limit.limit();
                let (latency, outcome) = call(in_flight, index);
                self.call(latency, in_flight, outcome);
                if self.limit.counts().windows > before {
                    break;
                }
                assert!(index < 10_000, "the window never closes");
            }
        }
    }

    /// The limit as it stands, whether or not a probe runs just now.
    pub(super) fn standing(&self) -> u32 {
        (self.limit.limit + 1e-9) as u32
    }

    pub(super) fn steady(&mut self, count: usize, latency_ms: f64) {
        self.windows(count, |_, _| (milliseconds(latency_ms), Outcome::Ok));
    }
}

/// A reproducible sequence of numbers in 0..1 (a linear congruential generator: Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn uniform(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of a standard normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().max(1e-12).ln()).sqrt()
            * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[test]
fn a_lane_whose_every_call_takes_exactly_its_timeout_falls_within_ten_windows() {
    for calls_before in [0, 50] {
        let mut lane = Lane::new(of_latency(32));
        lane.steady(calls_before, 100.0);
        lane.windows(10, |_, _| (SECOND, Outcome::TimedOut));
        assert!(lane.standing() <= 8, "{}", lane.standing());
        assert_eq!(lane.limit.explain().reason, Reason::CallsTimedOut);
    }
}

#[test]
fn timeouts_that_are_swallowed_or_thrown_as_errors_count_all_the_same() {
    let timeout = Some(Duration::from_secs(5));
    let mut swallowed = Lane::new(AdaptiveSettings { timeout, ..of_latency(32) });
    swallowed.windows(10, |_, _| (Duration::from_secs(5), Outcome::Ok));
    assert!(swallowed.standing() < 32 / 2);

    let mut thrown = Lane::new(of_latency(32));
    thrown.steady(20, 100.0);
    thrown.windows(10, |_, _| (Duration::from_secs(5), Outcome::Error));
    assert!(thrown.standing() < 32 / 2);
    assert_eq!(thrown.limit.explain().reason, Reason::CallsTimedOut);

    let mut never_better = Lane::new(of_latency(32));
    never_better.windows(10, |_, _| (Duration::from_secs(5), Outcome::Error));
    assert!(never_better.standing() < 32 / 2);
    assert_eq!(never_better.limit.explain().reason, Reason::NothingSucceeded);
}

#[test]
fn a_lane_whose_latency_drifts_falls_within_ten_windows_however_slow_the_drift() {
    for percent in [1.5, 2.0, 5.0, 10.0, 30.0] {
        let mut lane = Lane::new(of_latency(32));
        lane.steady(30, 100.0);
        let mut latency = 100.0;
        for _ in 0..10 {
            latency *= 1.0 + percent / 100.0;
            lane.steady(1, latency);
        }
        assert!(lane.standing() < 32, "{percent} % a window");
    }
}

#[test]
fn a_drift_too_slow_for_a_trend_meets_the_minimum_of_the_horizon() {
    let mut lane = Lane::new(of_latency(32));
    let mut latency = 100.0;
    let mut windows_beyond = 0;
    while lane.standing() == 32 {
        latency *= 1.005;
        lane.steady(1, latency);
        windows_beyond += i32::from(latency > 150.0 * 1.01);
        assert!(windows_beyond <= 10, "the average has followed, and so has the limit");
    }
    assert!(matches!(lane.limit.explain().reason, Reason::LatencyRisen | Reason::LatencyDrifting));
}

#[test]
fn a_limit_that_is_not_used_does_not_grow() {
    let mut lane =
        Lane::new(AdaptiveSettings { initial: Some(10), probe_windows: 0, ..of_latency(32) });
    for _ in 0..2000 {
        lane.now += SECOND / 20;
        lane.call(milliseconds(100.0), 4, Outcome::Ok);
    }
    assert!(lane.limit.counts().windows > 50);
    assert_eq!(lane.standing(), 10);
    lane.steady(3, 100.0);
    assert_eq!(lane.standing(), 13, "in use it does");
}

#[test]
fn idle_time_neither_closes_a_window_nor_moves_anything() {
    let mut lane = Lane::new(AdaptiveSettings { initial: Some(4), ..of_latency(32) });
    for _ in 0..100 {
        lane.call(milliseconds(10.0), 1, Outcome::Ok);
        lane.now += Duration::from_secs(3600);
    }
    assert_eq!(lane.limit.counts().windows, 0, "a hundred calls of 10 ms are one second of work");
    assert_eq!(lane.standing(), 4);
}

#[test]
fn a_night_of_idleness_leaves_the_baseline_as_it_was() {
    let mut lane = Lane::new(of_latency(32));
    lane.steady(100, 100.0);
    lane.now += Duration::from_secs(12 * 3600);
    lane.steady(10, 400.0);
    assert!(lane.standing() < 20, "what was usual yesterday is usual today");
}

#[test]
fn one_call_a_thousand_times_slower_does_not_move_the_limit() {
    let mut lane = Lane::new(of_latency(32));
    lane.steady(50, 100.0);
    lane.windows(50, |_, index| {
        (milliseconds(if index == 5 { 100_000.0 } else { 100.0 }), Outcome::Ok)
    });
    assert_eq!(lane.standing(), 32);
    lane.windows(50, |_, index| {
        let is_out = index == 5;
        (milliseconds(100.0), if is_out { Outcome::TimedOut } else { Outcome::Ok })
    });
    assert_eq!(lane.standing(), 32, "one in twenty times out");
}

#[test]
fn one_slow_window_costs_a_tenth_and_no_more() {
    let mut lane = Lane::new(of_latency(32));
    lane.steady(50, 100.0);
    lane.steady(1, 5000.0);
    assert!((28..32).contains(&lane.standing()));
    lane.steady(5, 100.0);
    assert_eq!(lane.standing(), 32);
}

#[test]
fn the_limit_is_back_at_nine_tenths_within_the_stated_windows_after_trouble() {
    for max in [4, 8, 32, 200] {
        let settings = of_latency(max);
        let mut lane = Lane::new(settings);
        lane.steady(50, 100.0);
        lane.windows(60, |_, _| (SECOND, Outcome::TimedOut));
        assert_eq!(lane.standing(), 1);
        lane.steady((max - 1 + settings.hold_windows) as usize, 100.0);
        assert!(lane.standing() * 10 >= max * 9, "{} of {max}", lane.standing());
    }
}

#[test]
fn quick_failures_move_nothing() {
    let mut lane = Lane::new(AdaptiveSettings { initial: Some(16), ..of_latency(32) });
    lane.steady(3, 100.0);
    let before = lane.standing();
    lane.windows(50, |_, _| (milliseconds(2.0), Outcome::Error));
    assert_eq!(lane.standing(), before);
    lane.steady(2, 100.0);
    assert!(lane.standing() > before, "and they are no baseline that successes are held against");
}

#[test]
fn calls_that_run_at_a_backoff_do_not_count_for_another() {
    let mut lane = Lane::new(of_latency(32));
    lane.now += Duration::from_secs(100);
    for _ in 0..10 {
        lane.call(Duration::from_secs(30), 32, Outcome::TimedOut);
    }
    lane.now += SECOND;
    for _ in 0..22 {
        lane.call(Duration::from_secs(31), 22, Outcome::TimedOut);
    }
    assert_eq!(lane.standing(), 22, "one backoff, not three");
    assert_eq!(lane.limit.counts().passed_over, 21);
}

#[test]
fn a_latency_that_falling_does_not_better_is_accepted_and_the_limit_comes_back() {
    let mut lane = Lane::new(of_latency(32));
    lane.steady(50, 100.0);
    let mut least = 32;
    for _ in 0..60 {
        lane.steady(1, 300.0);
        least = least.min(lane.standing());
    }
    assert!((8..=16).contains(&least), "it falls to half and looks: {least}");
    assert_eq!(lane.standing(), 32);
}

#[test]
fn work_of_very_different_lengths_does_not_bring_the_limit_down() {
    let mut numbers = Numbers(7);
    let mut lane = Lane::new(of_latency(32));
    let (mut sum, windows) = (0, 2000);
    for _ in 0..windows {
        lane.windows(1, |_, _| (milliseconds(1000.0 * numbers.normal().exp()), Outcome::Ok));
        sum += lane.standing();
    }
    assert!(sum / windows >= 28, "{} on average", sum / windows);
}

#[test]
fn many_fast_calls_are_judged_once_a_window_and_few_slow_ones_when_there_are_enough() {
    let mut fast = Lane::new(of_latency(32));
    for _ in 0..100_001 {
        fast.now += Duration::from_micros(100);
        fast.call(Duration::from_micros(50), 32, Outcome::Ok);
    }
    assert!((8..=10).contains(&fast.limit.counts().windows));

    let mut slow = Lane::new(AdaptiveSettings { initial: Some(4), ..of_latency(32) });
    for _ in 0..100 {
        slow.now += Duration::from_secs(60);
        slow.call(Duration::from_secs(240), 4, Outcome::Ok);
    }
    assert_eq!(slow.limit.counts().windows, 10);
}

#[test]
fn after_a_rise_admissions_come_one_after_another() {
    let mut lane = Lane::new(AdaptiveSettings { initial: Some(4), ..of_latency(32) });
    lane.limit.admitted(lane.now);
    assert_eq!(lane.limit.admits_at(lane.now), Ok(()), "nothing has risen yet");
    lane.steady(2, 100.0);
    let now = lane.now;
    assert_eq!(lane.standing(), 6);
    assert_eq!(lane.limit.admits_at(now), Ok(()), "the last admission is long ago");
    lane.limit.admitted(now);
    let wait = lane.limit.admits_at(now).unwrap_err();
    assert_eq!(wait, Duration::from_millis(50));
    assert_eq!(lane.limit.admits_at(now + wait), Ok(()));
    lane.limit.admitted(now + wait);
    assert_eq!(lane.limit.admits_at(now + wait), Ok(()), "both new places are taken");
}

#[test]
fn new_bounds_hold_at_once_and_only_a_limit_at_its_maximum_rises_with_it() {
    let mut lane = Lane::new(of_latency(8));
    let change = lane.limit.set_bounds(1, 16, lane.now).unwrap();
    assert_eq!((change.reason, change.from, change.to), (Reason::BoundsChanged, 8, 16));
    assert_eq!(lane.limit.set_bounds(1, 4, lane.now).unwrap().to, 4);
    assert_eq!(lane.limit.set_bounds(6, 9, lane.now).unwrap().to, 9);
    lane.windows(1, |_, _| (SECOND, Outcome::TimedOut));
    assert_eq!(lane.standing(), 6);
    assert_eq!(lane.limit.set_bounds(6, 20, lane.now), None);
    assert_eq!(lane.limit.set_bounds(7, 20, lane.now).unwrap().to, 7);
}

#[test]
fn overload_that_lasts_is_met_with_the_ratio_again_and_again_down_to_the_minimum() {
    let mut lane = Lane::new(AdaptiveSettings { min: 2, ..of_latency(32) });
    let mut limits = Vec::new();
    for _ in 0..12 {
        lane.windows(1, |_, _| (SECOND, Outcome::TimedOut));
        limits.push(lane.standing());
    }
    assert_eq!(limits, [22, 15, 10, 7, 5, 3, 2, 2, 2, 2, 2, 2]);
    let held_until = lane.limit.counts().windows + 2;
    while lane.standing() == 2 {
        lane.steady(1, 100.0);
    }
    assert_eq!(lane.limit.counts().windows, held_until + 1, "two windows pass before it rises");
}
