//! JSON-RPC: numbers, cancelling, notifications, requests of workers.

use super::*;
use serde_json::{Value, json};

fn rpc() -> Settings {
    settings(Protocol::ContentLength)
}

/// What was written to a worker since this was asked last, as messages.
fn said(bench: &Bench, worker: ProcessId) -> Vec<Value> {
    let mut decoder = framing::Decoder::new(Protocol::ContentLength, 1 << 20);
    decoder.push(bench.written(worker).as_bytes());
    let messages = std::iter::from_fn(|| decoder.next_message().unwrap());
    messages.map(|message| serde_json::from_slice(&message).unwrap()).collect()
}

fn say(bench: &Bench, worker: ProcessId, message: &Value) {
    bench.print(worker, framing::encode(Protocol::ContentLength, message.to_string().as_bytes()));
}

fn reply(bench: &Bench, worker: ProcessId, id: &Value) -> String {
    let message = json!({"jsonrpc": "2.0", "id": id, "result": null});
    say(bench, worker, &message);
    message.to_string()
}

const CALL: &str = r#"{"jsonrpc":"2.0","method":"do"}"#;

/// A worker with so many requests, in a pool of one, and their numbers.
fn busy(in_flight: usize) -> (Bench, ProcessId, Vec<RequestId>, Vec<Value>) {
    let bench = Bench::new(Settings { max: 1, in_flight, ..rpc() });
    let requests = (0..in_flight).map(|_| bench.ask(CALL)).collect();
    let worker = bench.worker();
    bench.start(worker);
    let ids = said(&bench, worker).iter().map(|message| message["id"].clone()).collect();
    (bench, worker, requests, ids)
}

#[test]
fn answers_find_their_requests_by_number_in_any_order() {
    let (bench, worker, requests, ids) = busy(3);
    assert_eq!(bench.counts().in_flight, 3);
    for at in [2, 0, 1] {
        let text = reply(&bench, worker, &ids[at]);
        assert_eq!(bench.outcomes(), [answer(requests[at], &text)]);
    }
    assert_eq!(bench.counts().protocol_errors, 0);
}

#[test]
fn an_error_is_an_answer() {
    let (bench, worker, requests, ids) = busy(1);
    let message = json!({"id": ids[0], "error": {"code": -1, "message": "no"}});
    say(&bench, worker, &message);
    assert_eq!(bench.outcomes(), [answer(requests[0], &message.to_string())]);
}

#[test]
fn a_cancelled_request_is_told_to_the_worker_whose_late_answer_is_dropped() {
    let (bench, worker, requests, ids) = busy(2);
    bench.cancel(requests[0]);
    let cancel = json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": ids[0]}});
    assert_eq!(said(&bench, worker), [cancel]);
    assert_eq!(bench.outcomes(), [(requests[0], Outcome::Cancelled)]);
    let next = bench.ask(CALL);
    let id = said(&bench, worker)[0]["id"].clone();
    assert!(!ids.contains(&id));
    reply(&bench, worker, &ids[0]);
    assert!(bench.outcomes().is_empty());
    let text = reply(&bench, worker, &id);
    assert_eq!(bench.outcomes(), [answer(next, &text)]);
    let counts = bench.counts();
    assert_eq!((counts.late_answers, counts.protocol_errors), (1, 0));
}

#[test]
fn an_answer_to_nothing_or_a_second_one_costs_the_worker() {
    for wrong in [json!(99), json!("1"), json!(null), Value::Null] {
        let (bench, worker, requests, _) = busy(2);
        reply(&bench, worker, &wrong);
        let told = bench.outcomes();
        assert!(told.iter().all(|(_, outcome)| matches!(outcome, Outcome::ProtocolError(_))));
        assert_eq!(told.len(), requests.len());
    }
    let (bench, worker, requests, ids) = busy(2);
    let text = reply(&bench, worker, &ids[0]);
    reply(&bench, worker, &ids[0]);
    let told = bench.outcomes();
    assert_eq!(told[0], answer(requests[0], &text));
    assert!(matches!(&told[1], (id, Outcome::ProtocolError(death))
        if *id == requests[1] && death.cause == Cause::Unasked));
}

#[test]
fn a_worker_that_answers_no_abandoned_request_is_replaced() {
    let bench = Bench::new(Settings { max: 1, ..rpc() });
    for number in 0..=state::MOST_ABANDONED {
        let request = bench.ask_for(CALL, Some(ms(10)));
        if number == 0 {
            bench.start(bench.worker());
        }
        bench.pass(ms(10));
        assert_eq!(bench.outcomes(), [(request, Outcome::TimedOut { started: true })]);
    }
    assert_eq!(bench.counts().recycled.unresponsive, 1);
    assert!(bench.processes.asked(bench.worker()).contains(&Asked::InputClosed));
}

#[test]
fn notifications_and_requests_of_a_worker_wait_to_be_taken() {
    let (bench, worker, _, _) = busy(1);
    let note = json!({"method": "window/logMessage"});
    let request = json!({"id": "x\"y", "method": "workspace/configuration"});
    say(&bench, worker, &note);
    say(&bench, worker, &request);
    assert_eq!(*bench.heard.rings.lock().unwrap(), 1);
    let refusal = json!({"jsonrpc": "2.0", "id": "x\"y",
        "error": {"code": -32601, "message": "Method not found"}});
    assert_eq!(said(&bench, worker), [refusal]);
    let taken = bench.pool.take_notifications(10);
    let is = |at: usize| (taken[at].text.clone(), taken[at].is_request, taken[at].pid);
    assert_eq!(is(0), (note.to_string().into_bytes(), false, pid(worker)));
    assert_eq!(is(1), (request.to_string().into_bytes(), true, pid(worker)));
    for _ in 0..MOST_NOTIFICATIONS + 7 {
        say(&bench, worker, &note);
    }
    assert_eq!(bench.pool.take_notifications(usize::MAX).len(), MOST_NOTIFICATIONS);
    assert_eq!(bench.pool.stats().notifications_dropped, 7);
}

#[test]
fn headers_of_a_megabyte_and_lengths_below_nothing_cost_the_worker() {
    for garbage in [format!("X: {}", "a".repeat(1 << 20)), "Content-Length: -1\r\n\r\n".to_owned()]
    {
        let (bench, worker, requests, _) = busy(1);
        bench.print(worker, garbage);
        let told = bench.outcomes();
        assert!(matches!(&told[..], [(id, Outcome::ProtocolError(_))] if *id == requests[0]));
        assert!(bench.is_told_to_end(worker));
    }
}

#[test]
fn a_request_with_an_id_of_its_own_or_no_object_is_refused() {
    let bench = Bench::new(rpc());
    for text in [r#"{"id":1}"#, "[]", "{", "", "{}{}", "null"] {
        bench.ask(text);
    }
    let told = bench.outcomes();
    let refused = Outcome::Refused(Refused::Unfit(Unfit::NoObject));
    assert!(told.len() == 6 && told.iter().all(|(_, outcome)| *outcome == refused));
}

#[test]
fn a_language_server_is_initialised_before_it_is_asked() {
    let probe = StartupProbe {
        text: br#"{"jsonrpc":"2.0","method":"initialize"}"#.to_vec(),
        timeout: ms(100),
        then: Some(br#"{"jsonrpc":"2.0","method":"initialized"}"#.to_vec()),
    };
    let bench = Bench::new(Settings { startup_probe: Some(probe), ..rpc() });
    bench.ask(CALL);
    let worker = bench.worker();
    bench.start(worker);
    let asked = said(&bench, worker);
    assert_eq!((asked.len(), &asked[0]["method"]), (1, &json!("initialize")));
    say(&bench, worker, &json!({"method": "window/logMessage"}));
    assert_eq!(bench.counts().workers.starting, 1);
    reply(&bench, worker, &asked[0]["id"]);
    let methods: Vec<_> = said(&bench, worker).iter().map(|m| m["method"].clone()).collect();
    assert_eq!(methods, [json!("initialized"), json!("do")]);
}

#[test]
fn a_server_that_refuses_to_be_initialised_failed_to_start() {
    let text = br#"{"method":"initialize"}"#.to_vec();
    let probe = StartupProbe { text, timeout: ms(100), then: None };
    let bench = Bench::new(Settings { startup_probe: Some(probe), ..rpc() });
    bench.ask(CALL);
    let worker = bench.worker();
    bench.start(worker);
    let id = said(&bench, worker)[0]["id"].clone();
    say(&bench, worker, &json!({"id": id, "error": {"code": 1, "message": "no"}}));
    assert!(bench.is_told_to_end(worker));
    bench.end(worker, process::Outcome::Signalled(15));
    assert_eq!(bench.counts().failed_starts, 1);
}
