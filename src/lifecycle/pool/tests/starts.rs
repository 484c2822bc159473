//! Workers that do not start, crash, or stop answering.

use super::*;
use crate::lifecycle::keeper::messages::Step;
use crate::lifecycle::pool::backoff::{LONGEST_PAUSE, MOST_FAILURES};

fn line() -> Settings {
    settings(Protocol::Line)
}

fn probe() -> Option<StartupProbe> {
    Some(StartupProbe { text: b"ready?".to_vec(), timeout: ms(10_000), then: None })
}

const MISSING: process::Outcome = process::Outcome::NotRun { step: Step::Execute, errno: 2 };

/// Lets every pause pass.
fn next_worker(bench: &Bench) -> ProcessId {
    if bench.processes.running().is_empty() {
        bench.pass(LONGEST_PAUSE);
    }
    bench.worker()
}

#[test]
fn a_worker_is_ready_when_it_has_answered_the_probe() {
    let bench = Bench::new(Settings { startup_probe: probe(), ..line() });
    let request = bench.ask("a");
    let worker = bench.worker();
    bench.start(worker);
    assert_eq!(bench.written(worker), "ready?\n");
    bench.print(worker, "yes\n");
    assert_eq!(bench.written(worker), "a\n");
    bench.print(worker, "A\n");
    assert_eq!(bench.outcomes(), [answer(request, "A")]);
}

#[test]
fn one_that_does_not_answer_the_probe_is_ended_and_another_is_started() {
    let bench = Bench::new(Settings { startup_probe: probe(), ..line() });
    bench.ask("a");
    let worker = bench.worker();
    bench.start(worker);
    bench.pass(ms(9_999));
    assert!(!bench.is_told_to_end(worker));
    bench.pass(ms(1));
    assert!(bench.is_told_to_end(worker));
    bench.pass(LONGEST_PAUSE);
    assert_eq!(bench.worker(), worker, "the failure is not over before its process is");
    bench.end(worker, process::Outcome::Signalled(15));
    assert_ne!(next_worker(&bench), worker);
    assert_eq!((bench.counts().failed_starts, bench.counts().restarted), (1, 1));
    assert!(bench.outcomes().is_empty());
}

#[test]
fn after_some_failures_in_a_row_what_waits_is_told_why_and_later_requests_try_again() {
    let bench = Bench::new(line());
    let (one, two) = (bench.ask("a"), bench.ask("b"));
    let first = bench.processes.running();
    assert_eq!(first.len(), 2);
    first.into_iter().for_each(|process| bench.end(process, MISSING));
    for _ in 2..MOST_FAILURES {
        assert!(bench.outcomes().is_empty());
        bench.end(next_worker(&bench), MISSING);
    }
    let told = bench.outcomes();
    assert_eq!(told.iter().map(|(request, _)| *request).collect::<Vec<_>>(), [one, two]);
    for (_, outcome) in told {
        let Outcome::NoWorker(death) = &outcome else { panic!("{outcome}") };
        assert_eq!((&death.cause, death.failures), (&Cause::Ended(MISSING), MOST_FAILURES));
        assert!(outcome.to_string().contains("No such file"), "{outcome}");
        assert_eq!(outcome.code(), "ERR_PLIMSOLL_WORKER");
    }
    bench.pass(LONGEST_PAUSE);
    assert!(bench.processes.running().is_empty(), "nobody waits");
    let third = bench.ask("c");
    let worker = next_worker(&bench);
    bench.start(worker);
    bench.print(worker, "C\n");
    assert_eq!(bench.outcomes(), [answer(third, "C")]);
    bench.ask("d");
    bench.ask("e");
    bench.ask("f");
    assert_eq!(bench.processes.running().len(), 3, "several may start again");
}

#[test]
fn one_more_failure_after_that_fails_what_waits_at_once() {
    let bench = Bench::new(line());
    bench.ask("a");
    for _ in 0..MOST_FAILURES {
        bench.end(next_worker(&bench), MISSING);
    }
    bench.outcomes();
    let request = bench.ask("b");
    bench.end(next_worker(&bench), MISSING);
    let told = bench.outcomes();
    assert!(matches!(&told[..], [(id, Outcome::NoWorker(_))] if *id == request), "{told:?}");
}

#[test]
fn a_start_that_is_refused_is_a_failure_too() {
    let bench = Bench::new(line());
    bench.processes.refuse(Some(process::Refusal::Full));
    bench.ask("a");
    for _ in 0..MOST_FAILURES {
        bench.pass(LONGEST_PAUSE);
    }
    let told = bench.outcomes();
    let [(_, Outcome::NoWorker(death))] = &told[..] else { panic!("{told:?}") };
    assert_eq!(death.cause, Cause::NotStarted(process::Refusal::Full));
    bench.processes.refuse(None);
    bench.ask("b");
    next_worker(&bench);
}

#[test]
fn a_crash_fails_the_request_in_flight_alone_and_tells_what_the_worker_said() {
    let bench = Bench::new(Settings { max: 1, ..line() });
    let (crashed, waits) = (bench.ask("a"), bench.ask("b"));
    let worker = bench.worker();
    bench.start(worker);
    bench.complain(worker, &"x".repeat(5000));
    bench.complain(worker, "out of memory\n");
    bench.exit(worker, 134);
    let told = bench.outcomes();
    let [(id, Outcome::WorkerDied(death))] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*id, death.pid, death.error_tail.len()), (crashed, pid(worker), ERROR_TAIL));
    assert_eq!(death.cause, Cause::Ended(process::Outcome::Exited(134)));
    assert!(told[0].1.to_string().ends_with("out of memory"));
    let other = next_worker(&bench);
    bench.start(other);
    bench.print(other, "B\n");
    assert_eq!(bench.outcomes(), [answer(waits, "B")]);
    assert_eq!((bench.counts().crashes, bench.counts().failed), (1, 1));
}

#[test]
fn one_that_had_answered_is_replaced_without_a_pause() {
    let bench = Bench::new(Settings { min: 1, max: 1, ..line() });
    let worker = bench.worker();
    bench.start(worker);
    bench.ask("a");
    bench.print(worker, "A\n");
    bench.exit(worker, 1);
    assert_ne!(bench.worker(), worker);
}

#[test]
fn warm_workers_that_die_at_once_are_started_ever_more_rarely() {
    let bench = Bench::new(Settings { min: 1, max: 1, startup_probe: probe(), ..line() });
    for _ in 0..1000 {
        if let Some(&worker) = bench.processes.running().first() {
            bench.start(worker);
            bench.print(worker, "yes\n");
            bench.exit(worker, 0);
        }
        bench.pass(ms(100));
    }
    // Of a thousand starts in 100 s: the mean of a pause is half its limit, in the end 15 s.
    assert!(bench.counts().started < 60, "{}", bench.counts().started);
}

#[test]
fn a_worker_that_closes_its_output_is_ended_and_its_request_told_how() {
    let bench = Bench::new(line());
    let request = bench.ask("a");
    let worker = bench.worker();
    bench.start(worker);
    bench.happen(worker, Event::StreamEnded { stream: Stream::Output });
    assert!(bench.is_told_to_end(worker) && bench.outcomes().is_empty());
    bench.exit(worker, 3);
    let told = bench.outcomes();
    let [(id, Outcome::WorkerDied(death))] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*id, &death.cause), (request, &Cause::Ended(process::Outcome::Exited(3))));
}

#[test]
fn an_idle_worker_is_asked_whether_it_still_answers() {
    let check = HealthCheck { text: b"ping".to_vec(), interval: ms(1000), timeout: ms(100) };
    let bench = Bench::new(Settings { min: 1, max: 1, health_check: Some(check), ..line() });
    let worker = bench.worker();
    bench.start(worker);
    for _ in 0..3 {
        bench.pass(ms(999));
        assert_eq!(bench.written(worker), "");
        bench.pass(ms(1));
        assert_eq!(bench.written(worker), "ping\n");
        bench.print(worker, "pong\n");
    }
    bench.pass(ms(1000));
    let request = bench.ask("a");
    assert_eq!(bench.written(worker), "ping\n", "the request waits for the check");
    bench.pass(ms(100));
    assert!(bench.is_told_to_end(worker));
    bench.end(worker, process::Outcome::Signalled(9));
    let other = next_worker(&bench);
    bench.start(other);
    bench.print(other, "A\n");
    assert_eq!(bench.outcomes(), [answer(request, "A")]);
    assert_eq!(bench.counts().failed_checks, 1);
}
