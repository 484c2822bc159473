use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new(BreakerSettings::default())
}

fn call(breaker: &mut CircuitBreaker, outcome: Outcome, now: Duration) {
    let permit = breaker.allow(now).unwrap();
    breaker.record(permit, outcome, SECOND, now);
}

fn opened_at(now: Duration) -> CircuitBreaker {
    let mut breaker = breaker();
    for _ in 0..10 {
        call(&mut breaker, Outcome::Error, now);
    }
    assert_eq!(breaker.state(now), State::Open);
    breaker
}

#[test]
fn it_opens_when_half_of_the_least_number_of_calls_failed_and_not_before() {
    let mut breaker = breaker();
    for index in 0..9 {
        let outcome = if index < 4 { Outcome::TimedOut } else { Outcome::Ok };
        call(&mut breaker, outcome, SECOND);
    }
    assert_eq!(breaker.state(SECOND), State::Closed);
    call(&mut breaker, Outcome::Error, SECOND);
    assert_eq!(breaker.state(SECOND), State::Open);
    assert_eq!(breaker.allow(SECOND).unwrap_err(), Refusal::BreakerOpen);
    assert_eq!((breaker.counts().opened, breaker.counts().refused), (1, 1));
}

#[test]
fn failures_that_left_the_window_do_not_count() {
    let mut breaker = breaker();
    for _ in 0..9 {
        call(&mut breaker, Outcome::Error, SECOND);
    }
    call(&mut breaker, Outcome::Error, SECOND * 62);
    assert_eq!(breaker.state(SECOND * 62), State::Closed);
}

#[test]
fn slow_calls_open_it_though_all_succeed() {
    let settings =
        BreakerSettings { slow_call: Some(SECOND), slow_rate: 0.8, ..BreakerSettings::default() };
    let mut breaker = CircuitBreaker::new(settings);
    for index in 0..10 {
        assert_eq!(breaker.state(SECOND), State::Closed);
        let permit = breaker.allow(SECOND).unwrap();
        breaker.record(permit, Outcome::Ok, SECOND * u32::from(index >= 2), SECOND);
    }
    assert_eq!(breaker.state(SECOND), State::Open);
}

#[test]
fn half_open_it_lets_three_probes_run_and_closes_when_they_succeed() {
    let mut breaker = opened_at(SECOND);
    assert_eq!(breaker.state(SECOND * 60), State::Open);
    assert_eq!(breaker.state(SECOND * 61), State::HalfOpen);
    let probes: Vec<Permit> =
        std::iter::from_fn(|| breaker.allow(SECOND * 61).ok()).take(10).collect();
    assert_eq!(probes.len(), 3);
    assert!(probes.iter().all(Permit::is_probe));
    for probe in probes {
        assert_eq!(breaker.state(SECOND * 61), State::HalfOpen);
        breaker.record(probe, Outcome::Ok, SECOND, SECOND * 62);
        assert_eq!(breaker.retry_at(), None);
    }
    assert_eq!(breaker.state(SECOND * 62), State::Closed);
    assert_eq!((breaker.counts().half_opened, breaker.counts().closed), (1, 1));
}

#[test]
fn probes_that_have_reported_are_not_replaced() {
    let mut breaker = opened_at(SECOND);
    for _ in 0..2 {
        call(&mut breaker, Outcome::Ok, SECOND * 61);
    }
    let last = breaker.allow(SECOND * 61).unwrap();
    assert!(breaker.allow(SECOND * 61).is_err());
    breaker.record(last, Outcome::Ok, SECOND, SECOND * 61);
    assert_eq!(breaker.state(SECOND * 61), State::Closed);
}

#[test]
fn it_opens_again_as_soon_as_the_probes_cannot_save_it_any_more() {
    let mut breaker = opened_at(SECOND);
    call(&mut breaker, Outcome::Error, SECOND * 61);
    assert_eq!(breaker.state(SECOND * 61), State::HalfOpen, "one of three is no half");
    call(&mut breaker, Outcome::Error, SECOND * 61);
    assert_eq!(breaker.state(SECOND * 61), State::Open);
    assert_eq!(breaker.counts().reopened, 1);
}

#[test]
fn every_opening_in_a_row_lasts_twice_as_long_up_to_the_most() {
    let mut breaker = opened_at(Duration::ZERO);
    let mut now = Duration::ZERO;
    for expected in [60, 120, 240, 480, 600, 600, 600] {
        let until = breaker.retry_at().unwrap();
        assert_eq!((until - now).as_secs(), expected);
        now = until;
        for _ in 0..2 {
            call(&mut breaker, Outcome::Error, now);
        }
    }
    now = breaker.retry_at().unwrap();
    for _ in 0..3 {
        call(&mut breaker, Outcome::Ok, now);
    }
    for _ in 0..10 {
        call(&mut breaker, Outcome::Error, now);
    }
    assert_eq!((breaker.retry_at().unwrap() - now).as_secs(), 60, "closed between, it starts anew");
}

#[test]
fn a_probe_that_is_lost_frees_its_place() {
    let mut breaker = opened_at(SECOND);
    let now = SECOND * 61;
    let lost: Vec<Permit> = (0..3).map(|_| breaker.allow(now).unwrap()).collect();
    assert!(breaker.allow(now).is_err());
    for permit in lost {
        breaker.abandon(permit);
    }
    for _ in 0..3 {
        call(&mut breaker, Outcome::Ok, now);
    }
    assert_eq!(breaker.state(now), State::Closed);
    assert_eq!(breaker.counts().abandoned, 3);
}

#[test]
fn calls_of_an_earlier_state_neither_close_nor_open_it() {
    let mut breaker = breaker();
    let early: Vec<Permit> = (0..20).map(|_| breaker.allow(SECOND).unwrap()).collect();
    for _ in 0..10 {
        call(&mut breaker, Outcome::Error, SECOND);
    }
    let mut early = early.into_iter();
    let now = SECOND * 61;
    let probe = breaker.allow(now).unwrap();
    for permit in early.by_ref().take(5) {
        breaker.record(permit, Outcome::Ok, SECOND, now);
    }
    for permit in early.by_ref().take(5) {
        breaker.record(permit, Outcome::Error, SECOND, now);
    }
    for permit in early {
        breaker.abandon(permit);
    }
    assert_eq!(breaker.state(now), State::HalfOpen);
    assert_eq!(breaker.counts().late, 10);
    let rest: Vec<Permit> = (0..2).map(|_| breaker.allow(now).unwrap()).collect();
    assert!(breaker.allow(now).is_err(), "late calls free no place of a probe");
    for permit in rest.into_iter().chain([probe]) {
        breaker.record(permit, Outcome::Ok, SECOND, now);
    }
    assert_eq!(breaker.state(now), State::Closed);
}

#[test]
fn reset_closes_it_and_what_still_ran_is_late() {
    let mut breaker = opened_at(SECOND);
    let probe = breaker.allow(SECOND * 61).unwrap();
    breaker.reset();
    assert_eq!(breaker.state(SECOND * 61), State::Closed);
    breaker.record(probe, Outcome::Error, SECOND, SECOND * 62);
    assert_eq!((breaker.counts().late, breaker.counts().reset), (1, 1));
    let permit = breaker.allow(SECOND * 62).unwrap();
    assert!(!permit.is_probe());
    breaker.abandon(permit);
}

#[test]
fn settings_out_of_range_are_brought_into_it() {
    assert_eq!(BreakerSettings::default().sane(), BreakerSettings::default());
    let sane = BreakerSettings {
        failure_rate: f64::NAN,
        minimum_calls: 0,
        window: Duration::ZERO,
        open_for: Duration::ZERO,
        open_for_max: Duration::ZERO,
        half_open_calls: 0,
        slow_call: None,
        slow_rate: -3.0,
    }
    .sane();
    assert_eq!((sane.failure_rate, sane.slow_rate), (0.5, 0.01));
    assert_eq!((sane.minimum_calls, sane.half_open_calls), (1, 1));
    assert!(sane.open_for > Duration::ZERO && sane.open_for_max == sane.open_for);
}
