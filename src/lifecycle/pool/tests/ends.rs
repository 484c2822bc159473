//! Recycling, and the end of a pool.

use super::*;
use crate::lifecycle::process::EndedBy;

fn line() -> Settings {
    settings(Protocol::Line)
}

/// A pool of one with a worker that has nothing to do.
fn idle(settings: Settings) -> (Bench, ProcessId) {
    let bench = Bench::new(Settings { min: 1, max: 1, ..settings });
    let worker = bench.worker();
    bench.start(worker);
    bench.processes.asked(worker);
    (bench, worker)
}

fn is_retired(bench: &Bench, worker: ProcessId) -> bool {
    bench.processes.asked(worker).contains(&Asked::InputClosed)
}

#[test]
fn a_worker_is_replaced_after_so_many_requests() {
    let (bench, worker) = idle(Settings { max_requests: Some(2), ..line() });
    for _ in 0..2 {
        bench.ask("a");
        bench.print(worker, "\n");
    }
    assert!(is_retired(&bench, worker));
    bench.ask("b");
    assert_eq!(bench.written(worker), "");
    bench.exit(worker, 0);
    assert_ne!(bench.worker(), worker);
    assert_eq!((bench.counts().recycled.requests, bench.counts().crashes), (1, 0));
}

#[test]
fn one_that_does_not_end_when_its_input_does_is_told_to() {
    let (bench, worker) = idle(Settings { max_age: Some(ms(1000)), ..line() });
    bench.pass(ms(1000));
    assert!(is_retired(&bench, worker));
    bench.pass(state::INPUT_GRACE);
    assert_eq!(bench.processes.asked(worker).last(), Some(&Asked::Ended(EndedBy::Request, None)));
    assert_eq!(bench.counts().recycled.age, 1);
}

#[test]
fn a_busy_worker_is_recycled_only_when_it_has_answered() {
    let (bench, worker) = idle(Settings { max_age: Some(ms(1000)), ..line() });
    let request = bench.ask("a");
    bench.pass(ms(5000));
    assert!(!is_retired(&bench, worker));
    assert_eq!(bench.counts().workers.draining, 1);
    bench.ask("b");
    bench.print(worker, "A\n");
    assert_eq!(bench.outcomes(), [answer(request, "A")]);
    assert!(is_retired(&bench, worker));
}

#[test]
fn a_worker_whose_tree_has_too_much_memory_is_replaced_after_its_answer() {
    let (bench, worker) = idle(Settings { max_rss: Some(1000), ..line() });
    bench.memory.0.lock().unwrap().insert(pid(worker), 1000);
    bench.ask("a");
    bench.print(worker, "\n");
    bench.pass(ms(1000));
    assert!(!is_retired(&bench, worker));
    bench.memory.0.lock().unwrap().insert(pid(worker), 1001);
    bench.ask("b");
    bench.pass(ms(1000));
    assert!(!is_retired(&bench, worker));
    bench.print(worker, "\n");
    assert!(is_retired(&bench, worker));
    assert_eq!(bench.counts().recycled.memory, 1);
}

#[test]
fn memory_that_cannot_be_read_is_counted_and_recycles_nothing() {
    let (bench, worker) = idle(Settings { max_rss: Some(1), ..line() });
    bench.ask("a");
    bench.print(worker, "\n");
    bench.pass(ms(1000));
    assert!(!is_retired(&bench, worker));
    assert_eq!(bench.counts().unread_memory, 1);
}

#[test]
fn a_pool_of_which_nobody_wants_anything_has_nothing_to_wait_for() {
    let (bench, worker) = idle(Settings { max_rss: Some(1), ..line() });
    bench.memory.0.lock().unwrap().insert(pid(worker), 1);
    bench.ask("a");
    bench.print(worker, "\n");
    bench.pass(ms(2000));
    assert_eq!(bench.driver.turn(), None);
}

#[test]
fn closing_fails_what_waits_and_lets_what_is_in_flight_end() {
    let bench = Bench::new(Settings { max: 2, ..line() });
    let all: Vec<_> = (0..3).map(|_| bench.ask("a")).collect();
    let [one, two] = bench.processes.running()[..] else { panic!("two workers") };
    bench.start(one);
    bench.start(two);
    bench.print(two, "1\n");
    bench.print(two, "2\n");
    bench.outcomes();
    let last = bench.ask("b");
    bench.close(ms(1000));
    assert!(bench.outcomes().is_empty());
    assert_eq!(bench.pool.request(Vec::new(), None), Err(Refused::Closed));
    bench.print(two, "3\n");
    assert_eq!(bench.outcomes(), [answer(last, "3")]);
    assert!(is_retired(&bench, two) && !is_retired(&bench, one));
    bench.exit(two, 0);
    bench.pass(ms(1000));
    assert_eq!(bench.outcomes(), [(all[0], Outcome::Closed)]);
    assert!(bench.is_told_to_end(one));
    assert_eq!((*bench.heard.closed.lock().unwrap(), bench.driver.pools()), (0, 1));
    bench.end(one, process::Outcome::Signalled(15));
    assert_eq!((*bench.heard.closed.lock().unwrap(), bench.driver.pools()), (1, 0));
}

#[test]
fn closing_without_grace_ends_everything_now_and_again_changes_nothing() {
    let bench = Bench::new(Settings { max: 1, ..line() });
    let (given, waits) = (bench.ask("a"), bench.ask("b"));
    let worker = bench.worker();
    bench.start(worker);
    bench.close(Duration::MAX);
    assert_eq!(bench.outcomes(), [(waits, Outcome::Closed)]);
    bench.close(Duration::ZERO);
    assert_eq!(bench.outcomes(), [(given, Outcome::Closed)]);
    assert!(bench.is_told_to_end(worker));
    bench.close(Duration::ZERO);
    assert!(!bench.is_told_to_end(worker));
    bench.end(worker, process::Outcome::Signalled(9));
    assert_eq!((*bench.heard.closed.lock().unwrap(), bench.counts().closed), (1, 2));
}

#[test]
fn a_pool_with_no_worker_is_closed_at_once() {
    let bench = Bench::new(line());
    bench.close(ms(1000));
    assert_eq!((*bench.heard.closed.lock().unwrap(), bench.driver.pools()), (1, 0));
}

#[test]
fn workers_that_are_starting_are_ended_when_the_pool_is_closed() {
    let bench = Bench::new(Settings { min: 2, ..line() });
    let [one, two] = bench.processes.running()[..] else { panic!("two workers") };
    bench.start(one);
    bench.close(ms(1000));
    assert!(bench.is_told_to_end(two) && is_retired(&bench, one));
}

#[test]
fn a_pool_that_is_dropped_is_closed() {
    let bench = Bench::new(line());
    let request = bench.ask("a");
    let Bench { pool, driver, heard, processes, .. } = bench;
    drop(pool);
    driver.turn();
    assert_eq!(*heard.outcomes.lock().unwrap(), [(request, Outcome::Closed)]);
    let worker = processes.running()[0];
    assert!(processes.asked(worker).contains(&Asked::Ended(EndedBy::Request, None)));
}

#[test]
fn a_pool_whose_scope_is_ended_natively_closes_with_it() {
    let bench = Bench::new(Settings { min: 1, max: 2, ..line() });
    let [one] = bench.processes.running()[..] else { panic!("one worker") };
    bench.start(one);
    let request = bench.ask("a");
    let waits = (0..2).map(|_| bench.ask("b")).collect::<Vec<_>>();
    let two = bench.processes.running()[1];
    let ending = process::Ending {
        outcome: process::Outcome::Signalled(15),
        ended_by: Some(EndedBy::Deadline),
        output: process::Captured::default(),
        error: process::Captured::default(),
        pid: pid(one),
        duration: Duration::ZERO,
        cpu_us: 0,
        max_rss_kib: 0,
        leftovers_ended: 0,
        refused: 0,
    };
    bench.happen(one, Event::Ended(Box::new(ending.clone())));
    let closed = |request| (request, Outcome::Closed);
    assert_eq!(bench.outcomes(), [closed(waits[0]), closed(waits[1]), closed(request)]);
    assert!(bench.is_told_to_end(two));
    bench.happen(two, Event::Ended(Box::new(ending)));
    assert_eq!((bench.processes.running().len(), bench.driver.pools()), (0, 0));
}

#[test]
fn after_a_fault_of_the_pool_itself_every_request_is_told_and_every_worker_ended() {
    let bench = Bench::new(Settings { max: 1, ..line() });
    let (given, waits) = (bench.ask("a"), bench.ask("b"));
    let worker = bench.worker();
    bench.start(worker);
    let unworked = bench.pool.request(b"c".to_vec(), None).unwrap();
    bench.pool.inner.fail();
    let mut told = bench.outcomes();
    told.sort_by_key(|(request, _)| *request);
    let internal = |request| (request, Outcome::Refused(Refused::Internal));
    assert_eq!(told, [internal(given), internal(waits), internal(unworked)]);
    assert!(bench.is_told_to_end(worker));
    assert_eq!(bench.pool.request(Vec::new(), None), Err(Refused::Closed));
    bench.driver.turn();
    assert_eq!((bench.driver.pools(), bench.pool.stats().panics), (0, 1));
    assert_eq!(*bench.heard.closed.lock().unwrap(), 1);
}
