//! Any interleaving of calls, results, losses and time, against a model that keeps every permit.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Allow,
    Record(usize, Outcome, u64),
    Abandon(usize),
    Wait(i64),
    Reset,
}

fn any_step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Ok), Just(Outcome::Error), Just(Outcome::TimedOut)];
    prop_oneof![
        8 => Just(Step::Allow),
        8 => (any::<usize>(), outcome, 0..3000_u64).prop_map(|(which, how, ms)| Step::Record(which, how, ms)),
        2 => any::<usize>().prop_map(Step::Abandon),
        4 => (-500..4000_i64).prop_map(Step::Wait),
        1 => prop_oneof![Just(Step::Wait(i64::MAX / 2)), Just(Step::Wait(i64::MIN / 2)), Just(Step::Reset)],
    ]
}

fn any_settings() -> impl Strategy<Value = BreakerSettings> {
    (
        any::<f64>(),
        0..6_u32,
        0..5000_u64,
        0..3000_u64,
        0..9000_u64,
        0..5_u32,
        any::<bool>(),
        0.0..1.5_f64,
    )
        .prop_map(|(rate, minimum, window, open, most, probes, slow, slow_rate)| {
            BreakerSettings {
                failure_rate: if rate.is_finite() { rate.abs() % 1.0 } else { rate },
                minimum_calls: minimum,
                window: Duration::from_millis(window),
                open_for: Duration::from_millis(open),
                open_for_max: Duration::from_millis(most),
                half_open_calls: probes,
                slow_call: slow.then(|| Duration::from_millis(1500)),
                slow_rate,
            }
        })
}

/// The state as it stands, without what time would make of it.
fn phase(breaker: &CircuitBreaker) -> State {
    match breaker.phase {
        Phase::Closed(_) => State::Closed,
        Phase::Open { .. } => State::Open,
        Phase::HalfOpen { .. } => State::HalfOpen,
    }
}

fn moved(after: BreakerCounts, before: BreakerCounts) -> [u64; 5] {
    [
        after.opened - before.opened,
        after.half_opened - before.half_opened,
        after.reopened - before.reopened,
        after.closed - before.closed,
        after.reset - before.reset,
    ]
}

/// What one step may count, in the order of [`moved`]; none if there is no such way.
fn edge(step: Step, before: State, after: State) -> Option<[u64; 5]> {
    use State::{Closed, HalfOpen, Open};
    match (step, before, after) {
        (Step::Reset, _, Closed) => Some([0, 0, 0, 0, 1]),
        (Step::Allow, Open, HalfOpen) => Some([0, 1, 0, 0, 0]),
        (Step::Record(..), Closed, Open) => Some([1, 0, 0, 0, 0]),
        (Step::Record(..), HalfOpen, Open) => Some([0, 0, 1, 0, 0]),
        (Step::Record(..), HalfOpen, Closed) => Some([0, 0, 0, 1, 0]),
        (_, one, other) if one == other => Some([0; 5]),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn states_change_along_their_edges_only_and_probes_never_exceed_their_number(
        settings in any_settings(),
        steps in proptest::collection::vec(any_step(), 0..400),
    ) {
        let mut breaker = CircuitBreaker::new(settings);
        let settings = breaker.settings;
        let mut now = 1_000_000_i64;
        let mut held: Vec<Permit> = Vec::new();
        for step in steps {
            let (before, counts, epoch) = (phase(&breaker), breaker.counts(), breaker.epoch);
            let time = Duration::from_millis(now.unsigned_abs());
            let mut is_late = false;
            match step {
                Step::Allow => {
                    let seen = breaker.state(time);
                    match breaker.allow(time) {
                        Ok(permit) => {
                            prop_assert_ne!(seen, State::Open);
                            prop_assert_eq!(permit.is_probe(), seen == State::HalfOpen);
                            held.push(permit);
                        }
                        Err(refusal) => {
                            prop_assert_eq!(refusal, Refusal::BreakerOpen);
                            prop_assert_ne!(seen, State::Closed);
                        }
                    }
                }
                Step::Record(which, outcome, ms) if !held.is_empty() => {
                    let permit = held.swap_remove(which % held.len());
                    is_late = permit.epoch != epoch;
                    breaker.record(permit, outcome, Duration::from_millis(ms), time);
                    prop_assert_eq!(breaker.counts().late - counts.late, u64::from(is_late));
                }
                Step::Abandon(which) if !held.is_empty() => {
                    let permit = held.swap_remove(which % held.len());
                    breaker.abandon(permit);
                }
                Step::Record(..) | Step::Abandon(_) => {}
                Step::Wait(ms) => now = now.saturating_add(ms).max(0),
                Step::Reset => breaker.reset(),
            }
            let after = phase(&breaker);
            prop_assert!(!is_late || before == after, "a late result moved it");
            let way = moved(breaker.counts(), counts);
            prop_assert_eq!(Some(way), edge(step, before, after), "{:?}: {:?} to {:?}", step, before, after);
            prop_assert_eq!(breaker.epoch == epoch, way == [0; 5]);

            let probes = held
                .iter()
                .filter(|permit| permit.is_probe() && permit.epoch == breaker.epoch)
                .count();
            prop_assert!(probes <= settings.half_open_calls as usize);
            if let Phase::HalfOpen { running, done } = breaker.phase {
                prop_assert_eq!(running as usize, probes, "places held are the permits out");
                prop_assert!(done.calls < settings.half_open_calls);
                prop_assert!(
                    probes > 0 || breaker.clone().allow(time).is_ok(),
                    "with no probe out another gets in: it cannot be stuck half-open"
                );
            }
            if let Some(until) = breaker.retry_at() {
                let latest = Duration::from_nanos(breaker.now).saturating_add(settings.open_for_max);
                prop_assert!(after == State::Open && until <= latest);
            } else {
                prop_assert_ne!(after, State::Open);
            }
        }
    }
}
