use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const DEFAULT: Duration = Duration::from_secs(300);

fn record(history: &mut DurationHistory, outcome: Outcome, ms: u64, now: Duration) {
    history.record(outcome, Duration::from_millis(ms), DEFAULT, now);
}

fn of_calls(count: u64, ms: u64) -> DurationHistory {
    let mut history = DurationHistory::new();
    for _ in 0..count {
        record(&mut history, Outcome::Ok, ms, SECOND);
    }
    history
}

fn warning(history: &mut DurationHistory) -> Duration {
    history.warning(AdaptiveTimeout::default(), DEFAULT)
}

/// Within the one percent the histogram is exact to.
fn is_near(warning: Duration, ms: u64) -> bool {
    let exact = Duration::from_millis(ms);
    warning >= exact && warning <= exact.mul_f64(1.011)
}

#[test]
fn it_is_the_default_until_there_are_enough_samples() {
    let mut history = of_calls(99, 5000);
    assert_eq!(warning(&mut history), DEFAULT);
    record(&mut history, Outcome::Error, 5000, SECOND);
    assert_eq!(warning(&mut history), DEFAULT, "failures are no samples");
    record(&mut history, Outcome::Ok, 5000, SECOND);
    assert!(is_near(warning(&mut history), 10_000));
}

#[test]
fn the_warning_is_the_percentile_times_the_margin() {
    let mut history = DurationHistory::new();
    for ms in 1..=1000 {
        record(&mut history, Outcome::Ok, ms * 10, SECOND);
    }
    for (percentile, margin, expected) in
        [(99.0, 2.0, 19_800), (50.0, 1.0, 5000), (100.0, 3.0, 30_000)]
    {
        let timeout = AdaptiveTimeout { percentile, margin, ..AdaptiveTimeout::default() };
        assert!(is_near(history.warning(timeout, DEFAULT), expected), "p{percentile} × {margin}");
    }
}

#[test]
fn it_stays_between_floor_and_ceiling() {
    assert_eq!(warning(&mut of_calls(200, 1)), SECOND);
    assert_eq!(warning(&mut of_calls(200, 10_000_000)), SECOND * 1800);
}

#[test]
fn calls_that_time_out_raise_it_and_never_lower_it() {
    let mut history = of_calls(500, 10_000);
    let mut last = warning(&mut history);
    assert!(is_near(last, 20_000));
    for round in 0..12 {
        for _ in 0..20 {
            // What is reported is short: the kill was booked before the call had run at all.
            history.record(Outcome::TimedOut, Duration::ZERO, last, SECOND);
        }
        let next = warning(&mut history);
        assert!(next >= last, "round {round}");
        last = next;
    }
    assert_eq!(last, SECOND * 1800, "it goes on to the ceiling");
}

#[test]
fn a_lane_that_has_become_slower_than_its_timeout_gets_one_it_fits_into() {
    let mut history = of_calls(1000, 10_000);
    let needs = Duration::from_secs(90);
    let mut lost = 0;
    for call in 0..2000 {
        let timeout = warning(&mut history);
        let outcome = if needs > timeout { Outcome::TimedOut } else { Outcome::Ok };
        lost += u32::from(outcome == Outcome::TimedOut);
        history.record(outcome, needs.min(timeout), timeout, SECOND * call);
    }
    assert!(warning(&mut history) > needs);
    assert!((1..100).contains(&lost), "{lost} calls ended for nothing");
}

#[test]
fn left_out_timeouts_would_lower_it_and_counted_ones_do_not() {
    let mut history = DurationHistory::new();
    for call in 0..1000 {
        let is_long = call % 10 == 0;
        let outcome = if is_long { Outcome::TimedOut } else { Outcome::Ok };
        record(&mut history, outcome, if is_long { 300_000 } else { 1000 }, SECOND);
    }
    assert!(warning(&mut history) >= DEFAULT);
}

#[test]
fn old_calls_are_forgotten_after_two_thousand_younger_ones() {
    let mut history = of_calls(2000, 100_000);
    assert!(is_near(warning(&mut history), 200_000));
    for _ in 0..2100 {
        record(&mut history, Outcome::Ok, 1000, SECOND);
    }
    assert!(is_near(warning(&mut history), 2000), "{:?}", warning(&mut history));
    assert!((1024..=2048).contains(&history.samples()));
}

#[test]
fn old_calls_are_forgotten_after_an_hour_if_there_are_enough_younger_ones() {
    let mut history = of_calls(500, 100_000);
    for minute in 1..=240 {
        record(&mut history, Outcome::Ok, 1000, SECOND * 60 * minute);
    }
    assert!(is_near(warning(&mut history), 2000));
    assert!(history.samples() >= 100);
}

#[test]
fn a_night_without_calls_forgets_nothing() {
    let mut history = of_calls(500, 100_000);
    record(&mut history, Outcome::Ok, 1000, SECOND * 12 * 3600);
    assert!(is_near(warning(&mut history), 200_000));
}

#[test]
fn durations_beyond_a_day_are_counted_and_count_as_a_day() {
    let mut history = DurationHistory::new();
    for _ in 0..100 {
        history.record(Outcome::Ok, Duration::MAX, DEFAULT, Duration::MAX);
    }
    let timeout =
        AdaptiveTimeout { margin: 1.0, ceiling_ms: u64::MAX, ..AdaptiveTimeout::default() };
    assert!(is_near(history.warning(timeout, DEFAULT), 24 * 3_600_000));
    assert_eq!(history.counts().beyond_range, 100);
}

#[test]
fn it_takes_no_more_memory_than_stated() {
    let history = DurationHistory::new();
    let counts =
        history.elder.durations.distinct_values() + history.younger.durations.distinct_values();
    assert!(counts * size_of::<u16>() <= 16 * 1024, "{counts}");
}

proptest! {
    #[test]
    fn the_warning_is_the_default_or_within_its_bounds_whatever_is_recorded(
        calls in proptest::collection::vec((0..3_u8, any::<Duration>(), any::<Duration>(), any::<Duration>()), 0..400),
        percentile in any::<f64>(),
        margin in any::<f64>(),
        floor_ms in any::<u64>(),
        ceiling_ms in any::<u64>(),
        minimum_samples in any::<u64>(),
    ) {
        let timeout = AdaptiveTimeout { percentile, margin, floor_ms, ceiling_ms, minimum_samples };
        let sane = timeout.sane();
        let mut history = DurationHistory::new();
        for (outcome, duration, in_force, now) in calls {
            let outcome = [Outcome::Ok, Outcome::Error, Outcome::TimedOut][usize::from(outcome)];
            history.record(outcome, duration, in_force, now);
            let warning = history.warning(timeout, DEFAULT);
            if history.samples() < sane.minimum_samples {
                prop_assert_eq!(warning, DEFAULT);
            } else {
                prop_assert!(warning >= Duration::from_millis(sane.floor_ms));
                prop_assert!(warning <= Duration::from_millis(sane.ceiling_ms));
            }
        }
    }

    #[test]
    fn a_timeout_never_lowers_the_warning(
        durations in proptest::collection::vec(1..600_000_u64, 100..300),
        timeouts in 1..50_usize,
    ) {
        let mut history = DurationHistory::new();
        for ms in durations {
            record(&mut history, Outcome::Ok, ms, SECOND);
        }
        for _ in 0..timeouts {
            // Computed afresh on both sides: only the timeout between them may differ.
            history.computed = None;
            let before = warning(&mut history);
            history.record(Outcome::TimedOut, Duration::ZERO, before, SECOND);
            prop_assert!(warning(&mut history) >= before);
        }
    }
}
