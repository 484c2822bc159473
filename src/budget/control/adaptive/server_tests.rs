//! Lanes before servers whose latency follows from how many calls they do at once.

use super::trace_tests::{Lane, SECOND, milliseconds, of_latency};
use super::*;

/// A server that does `capacity` calls at once and shares itself among more.
fn served(capacity: f64) -> impl FnMut(u32, usize) -> (Duration, Outcome) {
    move |in_flight, _| {
        (milliseconds(100.0 * (f64::from(in_flight) / capacity).max(1.0)), Outcome::Ok)
    }
}

#[test]
fn before_a_server_of_a_fixed_capacity_the_limit_settles_near_it() {
    for (capacity, initial) in [(6.0, 1), (6.0, 4), (16.0, 4), (16.0, 10)] {
        let mut lane =
            Lane::new(AdaptiveSettings { initial: Some(initial), max: 100, ..of_latency(100) });
        lane.windows(200, served(capacity));
        let (mut least, mut most) = (u32::MAX, 0);
        for _ in 0..200 {
            lane.windows(1, served(capacity));
            least = least.min(lane.standing());
            most = most.max(lane.standing());
        }
        assert!(f64::from(least) >= capacity * 0.6, "{least} before {capacity}");
        assert!(f64::from(most) <= capacity * 1.8 + 1.0, "{most} before {capacity}");
    }
}

/// What such servers get done under a limit that adapts, as a share of what the best fixed limit would.
fn share_of_best(max: u32, latency: impl Fn(f64) -> f64) -> f64 {
    let done = |limit: u32| f64::from(limit) / latency(f64::from(limit));
    let best = (1..=max).map(done).fold(0.0, f64::max);
    let mut lane = Lane::new(of_latency(max));
    let (mut sum, windows) = (0.0, 500);
    for window in 0..windows + 200 {
        lane.windows(1, |in_flight, _| (milliseconds(latency(f64::from(in_flight))), Outcome::Ok));
        if window >= 200 {
            sum += done(lane.limit.limit());
        }
    }
    sum / f64::from(windows) / best
}

#[test]
fn nine_tenths_of_what_the_best_fixed_limit_gets_done_get_done() {
    for capacity in [4.0, 8.0, 20.0] {
        let sharing = share_of_best(32, |running| 100.0 * (running / capacity).max(1.0));
        assert!(sharing >= 0.9, "sharing, {capacity}: {sharing}");
        let scaling = share_of_best(32, |running| 100.0 + running / capacity);
        assert!(scaling >= 0.9, "scaling, {capacity}: {scaling}");
    }
}

#[test]
fn a_server_that_thrashes_beyond_its_capacity_is_kept_from_it() {
    // At the tolerance of 1.5 such a server does 1 / √1.5 = 0.82 of its best, and rounding to whole calls and
    // the probes cost some; at the maximum it does an eighth of it.
    for capacity in [8.0, 20.0] {
        let thrashing = share_of_best(64, |running| 100.0 * (running / capacity).max(1.0).powi(2));
        assert!(thrashing >= 0.7, "{capacity}: {thrashing}");
    }
}

#[test]
fn a_lane_that_is_overloaded_from_its_first_call_finds_out_by_probing() {
    let after = |probe_windows: u32| {
        let mut lane = Lane::new(AdaptiveSettings { probe_windows, ..of_latency(32) });
        lane.windows(300, served(4.0));
        lane.standing()
    };
    assert_eq!(after(0), 32, "without, it takes eight times the latency for usual");
    assert!((4..=8).contains(&after(60)), "{}", after(60));
}

#[test]
fn a_probe_halves_the_limit_for_one_window_and_gives_it_back_without_a_ramp() {
    let mut lane = Lane::new(of_latency(32));
    lane.limit.admitted(lane.now);
    lane.steady(10, 100.0);
    assert_eq!(lane.limit.counts().probes, 1, "the first comes soon");
    assert_eq!(lane.limit.limit(), 16);
    assert_eq!(lane.limit.explain().reason, Reason::Probing);
    lane.steady(1, 100.0);
    assert_eq!((lane.limit.limit(), lane.limit.explain().reason), (32, Reason::Initial));
    lane.limit.admitted(lane.now);
    assert_eq!(lane.limit.admits_at(lane.now), Ok(()));
    lane.steady(601, 100.0);
    assert_eq!(lane.limit.counts().probes, 10, "one in sixty, two windows each");
}

#[test]
fn timeouts_under_a_probe_are_timeouts_under_half_the_limit() {
    let mut lane = Lane::new(of_latency(32));
    lane.steady(10, 100.0);
    assert_eq!(lane.limit.counts().probes, 1, "the first comes soon");
    lane.windows(1, |_, _| (SECOND, Outcome::TimedOut));
    assert_eq!(lane.limit.limit(), 11);
    assert_eq!(lane.limit.explain().from, 16);
}
