//! Whatever is reported, in whatever order: the limit stays within its bounds.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Observe(Sample),
    Read(Resources),
    Admit(Duration),
    Bounds(u32, u32, Duration),
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (0..10_000_u64).prop_map(Duration::from_millis),
        any::<u64>().prop_map(Duration::from_nanos),
        any::<u64>().prop_map(Duration::from_secs),
    ]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Ok), Just(Outcome::Error), Just(Outcome::TimedOut)]
}

fn any_count() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..100_u32, 1 => any::<u32>()]
}

fn any_step() -> impl Strategy<Value = Step> {
    let sample = (any_duration(), any_count(), any_outcome(), any_duration())
        .prop_map(|(latency, in_flight, outcome, now)| Sample { latency, in_flight, outcome, now });
    let resources = (any::<f64>(), any::<f64>(), any_count(), any_duration())
        .prop_map(|(memory, cpu, in_flight, now)| Resources { memory, cpu, in_flight, now });
    prop_oneof![
        8 => sample.prop_map(Step::Observe),
        2 => resources.prop_map(Step::Read),
        1 => any_duration().prop_map(Step::Admit),
        1 => (any_count(), any_count(), any_duration())
            .prop_map(|(min, max, now)| Step::Bounds(min, max, now)),
    ]
}

fn any_settings() -> impl Strategy<Value = AdaptiveSettings> {
    (
        (
            0..3_usize,
            any_count(),
            any_count(),
            any::<Option<u32>>(),
            any_duration(),
            0..20_u32,
            0..20_u32,
        ),
        (any::<f64>(), any::<f64>(), any::<u32>(), any::<f64>(), any::<f64>()),
        (any::<Option<Duration>>(), any::<u32>(), any_duration(), any::<f64>(), any::<f64>()),
    )
        .prop_map(|(first, second, third)| AdaptiveSettings {
            mode: [Mode::Latency, Mode::Resources, Mode::Both][first.0],
            min: first.1,
            max: first.2,
            initial: first.3,
            window: first.4,
            least_samples: first.5,
            smoothing: second.0,
            tolerance: second.1,
            long_windows: second.2,
            backoff_ratio: second.3,
            overload_share: second.4,
            timeout: third.0,
            hold_windows: third.1,
            probe_windows: first.6,
            ramp: third.2,
            memory_target: third.3,
            cpu_target: third.4,
        })
}

proptest! {
    #[test]
    fn the_limit_is_a_number_within_its_bounds_whatever_is_reported(
        settings in any_settings(),
        steps in proptest::collection::vec(any_step(), 0..300),
    ) {
        let mut lane = AdaptiveLimit::new(settings);
        for step in steps {
            let before = lane.limit();
            let change = match step {
                Step::Observe(sample) => lane.observe(sample),
                Step::Read(resources) => lane.resources(resources),
                Step::Bounds(min, max, now) => lane.set_bounds(min, max, now),
                Step::Admit(now) => {
                    if let Err(wait) = lane.admits_at(now) {
                        prop_assert!(wait > Duration::ZERO && wait <= lane.settings.ramp);
                    }
                    lane.admitted(now);
                    None
                }
            };
            let (limit, sane) = (lane.limit(), lane.settings);
            prop_assert!(lane.limit.is_finite() && lane.in_force().is_finite());
            prop_assert!((sane.min..=sane.max).contains(&limit));
            prop_assert_eq!(change.map_or(before, |change| change.to), limit);
            prop_assert!(change.is_none_or(|change| change.from == before && change.to != before));
        }
    }

    #[test]
    fn timeouts_alone_never_raise_the_limit(
        latencies in proptest::collection::vec(any_duration(), 1..300),
        initial in 1..100_u32,
    ) {
        let settings = AdaptiveSettings { max: 100, initial: Some(initial), ..AdaptiveSettings::default() };
        let mut lane = AdaptiveLimit::new(settings);
        let mut now = Duration::ZERO;
        for latency in latencies {
            now = now.saturating_add(latency);
            let in_flight = lane.limit();
            lane.observe(Sample { latency, in_flight, outcome: Outcome::TimedOut, now });
            prop_assert!(lane.limit() <= in_flight);
        }
    }
}
