//! What is too much, and what is garbage.

use super::*;
use crate::lifecycle::pool::framing::FramingError;

fn line() -> Settings {
    settings(Protocol::Line)
}

/// A worker that has one request, in a pool of one.
fn with_request(settings: Settings, text: &str) -> (Bench, ProcessId, RequestId) {
    let bench = Bench::new(Settings { max: 1, ..settings });
    let request = bench.ask(text);
    let worker = bench.worker();
    bench.start(worker);
    (bench, worker, request)
}

#[test]
fn a_request_more_than_may_wait_is_refused() {
    let bench = Bench::new(Settings { max: 1, queue: 3, ..line() });
    let all: Vec<_> = (0..5).map(|_| bench.ask("a")).collect();
    let full = Outcome::Refused(Refused::Full { most: 3 });
    assert_eq!(bench.outcomes(), [(all[3], full.clone()), (all[4], full.clone())]);
    bench.start(bench.worker());
    bench.ask("one is with the worker now");
    let over = bench.ask("over");
    assert_eq!(bench.outcomes(), [(over, full)]);
    assert_eq!((bench.counts().refused, bench.counts().waiting), (3, 3));
}

#[test]
fn an_inbox_that_nobody_works_is_bounded_too() {
    let bench = Bench::new(Settings { max: 1, queue: 3, ..line() });
    let answers: Vec<_> = (0..6).map(|_| bench.pool.request(Vec::new(), None)).collect();
    assert_eq!(answers[..4], [Ok(1), Ok(2), Ok(3), Ok(4)]);
    assert_eq!(answers[4..], [Err(Refused::Full { most: 3 }); 2]);
    assert_eq!((bench.counts().waiting, bench.counts().refused), (4, 2));
}

#[test]
fn requests_that_wait_have_so_many_bytes_at_most() {
    let bench = Bench::new(Settings { max: 1, queue_bytes: 100, ..line() });
    let large = "x".repeat(60);
    bench.ask(&large);
    let over = bench.ask(&large);
    let most = 100;
    assert_eq!(bench.outcomes(), [(over, Outcome::Refused(Refused::TooManyBytes { most }))]);
    assert!(bench.pool.request(vec![b'x'; 60], None).is_ok());
    assert_eq!(bench.pool.request(vec![b'x'; 60], None), Err(Refused::TooManyBytes { most }));
    assert_eq!(bench.counts().waiting_bytes, 120);
}

#[test]
fn a_request_that_cannot_be_sent_is_refused() {
    let bench = Bench::new(Settings { message_bytes: 10, ..line() });
    let (lines, long) = (bench.ask("a\nb"), bench.ask("12345678901"));
    let refused = |unfit| Outcome::Refused(Refused::Unfit(unfit));
    let expected =
        [(lines, refused(Unfit::SeveralLines)), (long, refused(Unfit::TooLong { most: 10 }))];
    assert_eq!(bench.outcomes(), expected);
    assert_eq!(expected[0].1.code(), "ERR_PLIMSOLL_ARGUMENT");
    assert!(bench.processes.running().is_empty());
}

/// The request fails with this, and the worker is ended.
fn breaks(bench: &Bench, worker: ProcessId, request: RequestId, cause: Cause) {
    let told = bench.outcomes();
    let [(finished, Outcome::ProtocolError(death))] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*finished, &death.cause, death.pid), (request, &cause, pid(worker)));
    assert!(bench.is_told_to_end(worker));
    assert_eq!(bench.counts().protocol_errors, 1);
}

#[test]
fn a_line_without_an_end_costs_the_worker_and_no_memory() {
    let (bench, worker, request) = with_request(Settings { message_bytes: 1000, ..line() }, "a");
    bench.complain(worker, "swap space is low\n");
    for _ in 0..20 {
        bench.print(worker, [b'x'; 100]);
    }
    let told = bench.heard.outcomes.lock().unwrap()[0].1.clone();
    assert!(told.to_string().ends_with("\nswap space is low"), "{told}");
    breaks(&bench, worker, request, Cause::Framing(FramingError::TooLong { most: 1000 }));
}

#[test]
fn what_is_no_json_costs_the_worker() {
    for garbage in [&b"Listening on 80\n"[..], b"\0\n", b"\"\xff\"\n"] {
        let (bench, worker, request) = with_request(settings(Protocol::Jsonl), "{}");
        bench.print(worker, garbage);
        let told = bench.outcomes();
        let [(finished, Outcome::ProtocolError(death))] = &told[..] else { panic!("{told:?}") };
        assert!(*finished == request && matches!(death.cause, Cause::Framing(_)), "{death}");
        assert!(bench.is_told_to_end(worker));
    }
}

#[test]
fn an_answer_without_a_request_costs_the_worker_and_no_request() {
    let (bench, worker, request) = with_request(line(), "a");
    bench.print(worker, "A\n");
    bench.print(worker, "B\n");
    assert_eq!(bench.outcomes(), [answer(request, "A")]);
    assert!(bench.is_told_to_end(worker));
    assert_eq!(bench.counts().protocol_errors, 1);
}

#[test]
fn two_answers_at_once_are_not_taken_for_answers_to_two_requests() {
    for second in ["B\n", "B"] {
        let (bench, worker, first) = with_request(line(), "a");
        let next = bench.ask("b");
        bench.print(worker, format!("A\n{second}"));
        assert_eq!(bench.outcomes(), [answer(first, "A")]);
        assert_eq!(bench.told(worker), ("a\n".to_owned(), true));
        bench.exit(worker, 0);
        let other = bench.worker();
        bench.start(other);
        bench.print(other, "mine\n");
        assert_eq!(bench.outcomes(), [answer(next, "mine")]);
    }
}

#[test]
fn blank_lines_between_json_mean_nothing() {
    let (bench, worker, request) = with_request(settings(Protocol::Jsonl), "{}");
    bench.print(worker, "\n {\"a\":1}\n\n \r\n ");
    assert_eq!(bench.outcomes(), [answer(request, " {\"a\":1}")]);
    assert_eq!(bench.counts().protocol_errors, 0);
}

#[test]
fn a_hundred_thousand_answers_at_once_are_one_error() {
    let (bench, worker, request) = with_request(line(), "a");
    bench.print(worker, "\n".repeat(100_000));
    assert_eq!(bench.outcomes(), [answer(request, "")]);
    assert_eq!(bench.counts().protocol_errors, 1);
    bench.print(worker, "\n".repeat(100_000));
    assert_eq!(bench.counts().protocol_errors, 1);
}
