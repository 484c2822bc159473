//! Requests and their answers, in turn.

use super::*;

fn line() -> Settings {
    settings(Protocol::Line)
}

#[test]
fn a_worker_is_started_by_the_first_request_and_kept_for_the_next() {
    let bench = Bench::new(line());
    assert!(bench.processes.running().is_empty());
    let first = bench.ask("one");
    let worker = bench.worker();
    assert_eq!(bench.written(worker), "");
    bench.start(worker);
    assert_eq!(bench.written(worker), "one\n");
    bench.print(worker, "ei");
    bench.print(worker, "ns\r\n");
    assert_eq!(bench.outcomes(), [answer(first, "eins")]);
    let second = bench.ask("two");
    assert_eq!((bench.worker(), bench.written(worker).as_str()), (worker, "two\n"));
    bench.print(worker, b"\0\xff\n");
    assert_eq!(bench.outcomes(), [(second, Outcome::Answer(b"\0\xff".to_vec()))]);
    assert_eq!(bench.counts().answered, 2);
}

#[test]
fn a_worker_is_started_as_the_settings_say() {
    let order =
        Order { program: b"node".to_vec(), arguments: vec![b"-p".to_vec()], ..Order::default() };
    let settings = Settings {
        group: 7,
        end_signal: 2,
        grace: ms(50),
        ..Settings::new(order.clone(), Protocol::Line)
    };
    let bench = Bench::new(settings);
    bench.ask("a");
    let request = bench.processes.request(bench.worker());
    let streamed = process::Output::Streamed;
    assert_eq!((request.order, request.group, request.timeout), (order, 7, None));
    assert_eq!((request.input, request.output), (process::Input::Written, streamed));
    assert_eq!((request.error, request.end_signal, request.grace), (streamed, 2, ms(50)));
}

#[test]
fn workers_that_are_to_be_warm_are_started_at_once_and_idle() {
    let bench = Bench::new(Settings { min: 3, ..line() });
    assert_eq!(bench.processes.running().len(), 3);
    bench.processes.running().into_iter().for_each(|process| bench.start(process));
    assert_eq!(bench.counts().workers, WorkerCounts { idle: 3, ..WorkerCounts::default() });
    assert_eq!(bench.counts().most_workers, 3);
}

#[test]
fn what_more_workers_cannot_take_waits_in_its_order() {
    let bench = Bench::new(Settings { max: 2, ..line() });
    let requests: Vec<_> = (0..5).map(|number| bench.ask(&number.to_string())).collect();
    let [one, two] = bench.processes.running()[..] else { panic!("two workers") };
    bench.start(two);
    assert_eq!(bench.written(two), "0\n");
    bench.start(one);
    assert_eq!(bench.written(one), "1\n");
    bench.print(one, "b\n");
    assert_eq!(bench.written(one), "2\n");
    bench.print(one, "c\n");
    bench.print(two, "a\n");
    assert_eq!((bench.written(one), bench.written(two)), ("3\n".into(), "4\n".into()));
    let told = bench.outcomes();
    assert_eq!(
        told,
        [answer(requests[1], "b"), answer(requests[2], "c"), answer(requests[0], "a")]
    );
    let counts = bench.counts();
    assert_eq!((counts.in_flight, counts.waiting, counts.most_waiting), (2, 0, 5));
}

#[test]
fn the_worker_used_last_is_asked_first_so_that_others_become_idle_and_end() {
    let bench = Bench::new(Settings { max: 2, idle_timeout: ms(1000), ..line() });
    bench.ask("a");
    bench.ask("b");
    let [one, two] = bench.processes.running()[..] else { panic!("two workers") };
    bench.start(one);
    bench.start(two);
    bench.print(two, "\n");
    bench.print(one, "\n");
    for _ in 0..3 {
        bench.pass(ms(400));
        bench.processes.asked(two);
        bench.ask("c");
        assert_eq!(bench.written(two), "c\n");
        bench.print(two, "\n");
    }
    assert!(bench.processes.asked(one).contains(&Asked::InputClosed));
    assert_eq!(bench.counts().recycled.idle, 1);
    bench.exit(one, 0);
    bench.pass(ms(1000));
    assert!(bench.processes.asked(two).contains(&Asked::InputClosed));
    assert_eq!((bench.counts().recycled.idle, bench.counts().crashes), (2, 0));
}

#[test]
fn a_request_is_told_in_time_that_its_time_is_over() {
    let bench = Bench::new(Settings { max: 1, ..line() });
    let given = bench.ask_for("a", Some(ms(100)));
    let waits = bench.ask_for("b", Some(ms(50)));
    let worker = bench.worker();
    bench.start(worker);
    bench.pass(ms(49));
    assert!(bench.outcomes().is_empty());
    bench.pass(ms(1));
    assert_eq!(bench.outcomes(), [(waits, Outcome::TimedOut { started: false })]);
    assert!(!bench.is_told_to_end(worker));
    bench.pass(ms(50));
    assert_eq!(bench.outcomes(), [(given, Outcome::TimedOut { started: true })]);
    assert!(bench.is_told_to_end(worker), "its answer would be taken for that of the next");
    let next = bench.ask("c");
    bench.print(worker, "late\n");
    assert!(bench.outcomes().is_empty() && bench.written(worker).is_empty());
    bench.exit(worker, 0);
    let other = bench.worker();
    bench.start(other);
    bench.print(other, "C\n");
    assert_eq!(bench.outcomes(), [answer(next, "C")]);
    let counts = bench.counts();
    assert_eq!((counts.timed_out, counts.recycled.unsynchronised, counts.crashes), (2, 1, 0));
}

#[test]
fn a_cancelled_request_is_told_so_once_and_its_worker_is_replaced() {
    let bench = Bench::new(Settings { max: 1, ..settings(Protocol::Jsonl) });
    let (given, waits) = (bench.ask("1"), bench.ask("2"));
    let worker = bench.worker();
    bench.start(worker);
    bench.cancel(waits);
    assert!(!bench.is_told_to_end(worker));
    bench.cancel(given);
    assert!(bench.is_told_to_end(worker));
    [given, waits, 99].into_iter().for_each(|request| bench.cancel(request));
    assert_eq!(bench.outcomes(), [(waits, Outcome::Cancelled), (given, Outcome::Cancelled)]);
    assert_eq!(bench.counts().cancelled, 2);
}

#[test]
fn what_is_printed_is_taken_so_that_more_may_come() {
    let bench = Bench::new(line());
    bench.ask("a");
    let worker = bench.worker();
    bench.start(worker);
    bench.processes.asked(worker);
    bench.print(worker, "abc");
    bench.complain(worker, "warning");
    let taken = [Asked::Taken(Stream::Output, 3), Asked::Taken(Stream::Error, 7)];
    assert_eq!(bench.processes.asked(worker), taken);
}

#[test]
fn waiting_and_serving_are_measured() {
    let bench = Bench::new(Settings { max: 1, ..line() });
    bench.ask("a");
    let worker = bench.worker();
    bench.pass(ms(30));
    bench.start(worker);
    bench.pass(ms(70));
    bench.print(worker, "\n");
    let stats = bench.pool.stats();
    assert_eq!((stats.wait.count, stats.service.count), (1, 1));
    assert!((stats.wait.max - 30.0).abs() < 1.0 && (stats.service.max - 70.0).abs() < 1.0);
}
