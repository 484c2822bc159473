//! Calls over their time, and every other way a call ends.

use super::*;
use crate::platform::process::Signal;
use crate::platform::process::fake::Asked;

#[test]
fn a_call_is_warned_of_at_its_timeout_and_ended_at_that_times_the_factor() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    bench.pass(ms(99));
    assert_eq!(client.events(), []);
    bench.pass(ms(1));
    assert_eq!((client.events(), client.wakes()), (vec![Event::Warned(call)], 1));
    bench.pass(ms(49));
    assert_eq!(client.events(), []);
    bench.pass(ms(1));
    assert_eq!((client.events(), client.wakes()), (vec![Event::Ended(call)], 1));
    assert_eq!((bench.counts("warnings"), bench.counts("deadlines")), (1, 1));
    bench.pass(Duration::from_secs(100));
    assert_eq!(client.events(), []);
}

#[test]
fn the_record_of_an_ended_call_says_when_it_was_ended_and_not_when_it_was_released() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    bench.pass(ms(150));
    let recorded = bench.metrics();
    assert_eq!(recorded.len(), 1, "the record does not wait for the holder");
    bench.pass(ms(5000));
    assert_eq!(client.release_ended(call), Released::Done);
    assert_eq!(bench.metrics(), recorded);
    let record = &recorded[0];
    assert_eq!(record["durationMs"], 150.0);
    assert_eq!(record["timeoutReached"], true);
    assert_eq!(record["endedBy"], "deadline");
    assert_eq!(record["errorType"], "WorkerCallTimeoutError");
    assert_eq!(record["success"], false);
    assert_eq!(record["concurrentCallsAtEnd"], 0);
}

#[test]
fn an_ended_call_keeps_its_slot_until_its_holder_releases_it() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("b").unwrap();
    bench.pass(ms(150));
    assert_eq!(client.acquire("b"), Err(Refusal::LaneFull));
    assert_eq!(client.release(call), Released::OverTime);
    assert_eq!(client.acquire("b"), Err(Refusal::LaneFull), "nothing was freed by that");
    assert_eq!(client.release_ended(call), Released::Done);
    assert_eq!(client.release_ended(call), Released::NotRunning);
    assert!(client.acquire("b").is_ok());
}

#[test]
fn a_call_released_between_warning_and_end_is_not_ended() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    bench.pass(ms(120));
    assert_eq!(client.release(call), Released::Done);
    bench.pass(ms(1000));
    assert_eq!(client.events(), [Event::Warned(call)]);
    let record = &bench.metrics()[0];
    assert_eq!((&record["timeoutReached"], &record["endedBy"]), (&true.into(), &"release".into()));
    assert_eq!((record["success"].clone(), bench.counts("deadlines")), (true.into(), 0));
}

#[test]
fn a_timer_that_comes_late_tells_of_the_warning_before_the_end() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    bench.clock.set(START + ms(900));
    bench.timer.step(bench.now());
    assert_eq!(client.events(), [Event::Warned(call), Event::Ended(call)]);
    assert_eq!(bench.metrics()[0]["durationMs"], 900.0, "what was measured, not what was planned");
}

#[test]
fn an_earlier_deadline_wakes_the_timer_and_a_later_one_does_not_delay_it() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    for (timeout, expected) in [(500.0, 500), (900.0, 500), (40.0, 40)] {
        let request = Request { timeout: Timeout::Milliseconds(timeout), ..client.request("free") };
        bench.manager.acquire(&client.holder, request).unwrap();
        assert_eq!(bench.timer.next(), Some(START + ms(expected)));
    }
    bench.pass(ms(40));
    assert_eq!(bench.timer.next(), Some(START + ms(60)));
}

#[test]
fn a_timeout_without_end_is_none_and_one_that_is_no_number_is_refused() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let request =
        |timeout| Request { timeout: Timeout::Milliseconds(timeout), ..client.request("free") };
    for timeout in [f64::INFINITY, f64::MAX, 1.3e22] {
        assert!(bench.manager.acquire(&client.holder, request(timeout)).is_ok(), "{timeout}");
    }
    bench.pass(Duration::from_secs(10 * 365 * 24 * 3600));
    assert_eq!(client.events(), []);
    for timeout in [-1.0, -f64::INFINITY, f64::NAN] {
        let refused = bench.manager.acquire(&client.holder, request(timeout));
        assert_eq!(refused, Err(Refusal::Timeout), "{timeout}");
    }
    let zero = bench.manager.acquire(&client.holder, request(-0.0)).unwrap();
    bench.pass(ms(0));
    assert_eq!(client.events(), [Event::Warned(zero), Event::Ended(zero)]);
}

#[test]
fn registered_processes_are_killed_before_the_holder_is_told() {
    let bench = Bench::new(|_| {});
    for (pid, parent) in [(10, 1), (11, 10), (20, 1), (30, 1)] {
        bench.processes.start(pid, parent);
    }
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    for pid in [10, 20, 30] {
        bench.manager.register_process(&client.holder, call, pid).unwrap();
    }
    bench.manager.unregister_process(&client.holder, call, 30);
    bench.processes.exit(20);
    bench.pass(ms(100));
    assert_eq!(client.events(), [Event::Warned(call)]);
    assert!(!bench.processes.asked().iter().any(|asked| matches!(asked, Asked::Killed(..))));
    bench.pass(ms(50));
    assert_eq!(client.await_events(), [Event::Ended(call)]);
    let killed: Vec<Asked> =
        bench.processes.asked().into_iter().filter(|a| matches!(a, Asked::Killed(..))).collect();
    assert_eq!(killed, [Asked::Killed(10, Signal::Kill), Asked::Killed(20, Signal::Kill)]);
    assert_eq!(bench.counts("killedProcesses"), 2, "its child went with 10, and 20 was gone");
    let note: Value =
        serde_json::from_str(&bench.manager.call_note(&client.holder, call).unwrap()).unwrap();
    assert_eq!(note["killedProcesses"], 2);
}

#[test]
fn processes_are_registered_with_calls_that_run_and_by_their_holder_only() {
    use crate::budget::ending::Unregistered;
    let bench = Bench::new(|_| {});
    bench.processes.start(10, 1);
    let (client, other) = (bench.client(), bench.client());
    let call = client.acquire("a").unwrap();
    let register =
        |client: &Client<'_>, pid| bench.manager.register_process(&client.holder, call, pid);
    assert_eq!(register(&other, 10), Err(Unregistered::NotRunning));
    assert_eq!(register(&client, 11), Err(Unregistered::Gone));
    assert_eq!(register(&client, 1), Err(Unregistered::Refused));
    for _ in 0..crate::budget::call::MOST_PROCESSES {
        assert_eq!(register(&client, 10), Ok(()));
    }
    assert_eq!(register(&client, 10), Err(Unregistered::TooMany));
    bench.processes.exit(10);
    bench.processes.start(12, 1);
    assert_eq!(register(&client, 12), Ok(()), "those that have ended make room");
    bench.pass(ms(150));
    assert_eq!(client.await_end(call), [Event::Warned(call), Event::Ended(call)]);
    assert_eq!(register(&client, 12), Err(Unregistered::Gone), "it was killed");
    bench.processes.start(13, 1);
    assert_eq!(register(&client, 13), Err(Unregistered::NotRunning));
}

#[test]
fn a_call_is_released_once_and_by_its_holder() {
    let bench = Bench::new(|_| {});
    let (client, other) = (bench.client(), bench.client());
    let call = client.acquire("b").unwrap();
    assert_eq!(other.release(call), Released::NotRunning);
    assert_eq!(other.release_ended(call), Released::NotRunning);
    assert_eq!(bench.load(), (1, 0));
    assert_eq!(client.release(call), Released::Done);
    assert_eq!(client.release(call), Released::NotRunning);
    let next = client.acquire("b").unwrap();
    assert_eq!(client.release(call), Released::NotRunning, "the same place in the table");
    assert_eq!(bench.load(), (1, 0));
    assert_eq!(client.release(next), Released::Done);
    assert_eq!((bench.load(), bench.metrics().len()), ((0, 0), 2));
}

#[test]
fn a_forgotten_context_frees_its_slot_and_counts_as_a_failure() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("b").unwrap();
    let release = Release { success: true, collected: true, ..Release::default() };
    assert_eq!(bench.manager.release(&client.holder, call, release), Released::Done);
    assert_eq!((bench.load(), bench.counts("collectedContexts")), ((0, 0), 1));
    let record = &bench.metrics()[0];
    assert_eq!((&record["endedBy"], &record["success"]), (&"collected".into(), &false.into()));
}

#[test]
fn a_holder_that_goes_frees_what_it_had_and_nothing_of_others() {
    let bench = Bench::new(|_| {});
    let (gone, stays) = (bench.client(), bench.client());
    gone.acquire("a").unwrap();
    let theirs = stays.acquire("a").unwrap();
    gone.acquire("b").unwrap();
    let forgotten = gone.queue("a");
    let waiting = stays.queue("a");
    bench.manager.detach(&gone.holder);
    let [Event::Granted(serial, granted)] = stays.events()[..] else { panic!("not let in") };
    assert_eq!((serial, stays.wakes()), (waiting, 1));
    assert_eq!(gone.events(), [], "nobody is there to be told");
    assert!(!bench.manager.cancel_wait(&gone.holder, forgotten));
    assert_eq!((bench.load(), bench.counts("orphanedCalls")), ((2, 0), 2));
    assert!(bench.metrics().iter().all(|record| record["endedBy"] == "worker_end"));
    for call in [theirs, granted] {
        assert_eq!(stays.release(call), Released::Done);
    }
    bench.manager.detach(&gone.holder);
    assert_eq!(bench.load(), (0, 0));
}

#[test]
fn a_holder_that_goes_after_the_end_of_its_call_leaves_one_record() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    client.acquire("b").unwrap();
    bench.pass(ms(150));
    bench.manager.detach(&client.holder);
    assert_eq!((bench.load(), bench.metrics().len()), ((0, 0), 1));
    assert_eq!((bench.counts("deadlines"), bench.counts("orphanedCalls")), (1, 0));
}

#[test]
fn after_closing_nobody_comes_in_and_what_runs_goes_on() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("b").unwrap();
    let waiting = client.queue("b");
    bench.manager.close();
    assert_eq!(client.events(), [Event::Refused(waiting, Refusal::Closed)]);
    assert_eq!((client.wakes(), bench.load()), (1, (1, 0)));
    assert_eq!(client.acquire("a"), Err(Refusal::Closed));
    assert_eq!(client.wait("a").1, Waiting::Refused(Refusal::Closed));
    assert!(bench.rejection()["detail"].as_str().unwrap().contains("make a new one"));
    bench.pass(ms(150));
    assert_eq!(client.events(), [Event::Warned(call), Event::Ended(call)]);
    assert_eq!(client.release_ended(call), Released::Done);
    assert_eq!(bench.load(), (0, 0));
}
