//! What goes in and what comes out.

use super::*;
use crate::lifecycle::process::{MOST_UNREAD_INPUT, STREAM_CREDIT};
use std::os::fd::AsFd;

fn streamed() -> Request {
    Request { output: Output::Streamed, ..request() }
}

fn bytes_in(events: &[Event]) -> usize {
    let lengths = events.iter().map(|event| match event {
        Event::Bytes { stream: Stream::Output, bytes } => bytes.len(),
        _ => 0,
    });
    lengths.sum()
}

/// Prints until the pipe is full; how much it took.
fn print_until_full(keeper: &mut Keeper) -> usize {
    let output = keeper.outputs[0].as_mut().unwrap();
    rustix::io::ioctl_fionbio(output.as_fd(), true).unwrap();
    let mut printed = 0;
    while let Ok(count) = output.write(&[b'x'; 4096]) {
        printed += count;
    }
    printed
}

#[test]
fn a_stream_is_read_no_further_than_its_credit_and_its_rest_comes_before_the_end() {
    let mut bench = Bench::new();
    let (id, mut keeper) = bench.run(streamed());
    let mut printed = 0;
    loop {
        let more = print_until_full(&mut keeper);
        if more == 0 {
            break;
        }
        printed += more;
        bench.turn();
    }
    assert!(printed > STREAM_CREDIT);
    assert_eq!(bytes_in(&bench.heard.take()), STREAM_CREDIT);
    bench.host.taken(id, Stream::Output, 1000);
    bench.turn();
    assert_eq!(bytes_in(&bench.heard.take()), 1000);
    keeper.finish(EXITED);
    bench.turn();
    let events = bench.heard.take();
    assert_eq!(bytes_in(&events), printed - STREAM_CREDIT - 1000);
    let [.., Event::StreamEnded { stream: Stream::Output }, Event::Ended(ending)] =
        events.as_slice()
    else {
        panic!("{:?}", events.last());
    };
    assert_eq!(ending.output, Captured::default());
    bench.assert_settled();
}

#[test]
fn a_stream_that_nobody_wants_is_read_and_dropped() {
    let mut bench = Bench::new();
    let (id, mut keeper) = bench.run(streamed());
    bench.host.ignore(id, Stream::Output);
    bench.turn();
    let mut printed = 0;
    while printed < 2 * STREAM_CREDIT {
        printed += print_until_full(&mut keeper);
        bench.turn();
    }
    bench.turn();
    assert_eq!(bench.heard.take(), []);
    assert_eq!(bench.host.stats().dropped_output_bytes, printed as u64);
    keeper.outputs[0] = None;
    bench.turn();
    assert_eq!(bench.heard.take(), [Event::StreamEnded { stream: Stream::Output }]);
    keeper.finish(EXITED);
    bench.turn();
    assert_eq!(bench.heard.take().len(), 1);
    bench.assert_settled();
}

#[test]
fn one_that_prints_without_end_does_not_keep_the_others_waiting() {
    let mut bench = Bench::new();
    let (_, mut loud) = bench.run(request());
    let (quiet_id, mut quiet) = bench.run(streamed());
    print_until_full(&mut loud);
    quiet.print(b"x");
    bench.reactor.turn(Duration::ZERO).unwrap();
    assert_eq!(
        *lock(&bench.heard.0),
        [(quiet_id, Event::Bytes { stream: Stream::Output, bytes: b"x".to_vec() })]
    );
    loud.finish(EXITED);
    quiet.finish(EXITED);
    bench.assert_settled();
}

#[test]
fn what_an_output_kept_is_its_head_and_its_tail_and_the_rest_is_counted() {
    let mut bench = Bench::new();
    let (_, mut keeper) =
        bench.run(Request { output: Output::Kept { most_bytes: 6 }, ..request() });
    for part in [&b"head"[..], b" and much between ", b"tail"] {
        keeper.print(part);
        bench.turn();
    }
    keeper.finish(EXITED);
    bench.turn();
    let output = bench.heard.ending().output;
    assert_eq!(output, Captured { head: b"hea".to_vec(), tail: b"ail".to_vec(), total: 26 });
    assert_eq!(bench.host.stats().dropped_output_bytes, 20);
    bench.assert_settled();
}

#[test]
fn what_is_written_is_passed_on_and_said_when_it_is_all_gone() {
    let mut bench = Bench::new();
    let id = bench.start(Request { input: Input::Written, ..request() });
    // Before it is even launched.
    bench.host.write(id, b"early ".to_vec()).unwrap();
    bench.turn();
    let mut keeper = bench.keeper();
    keeper.ready();
    keeper.say(ToOwner::Running);
    bench.turn();
    let large = vec![7; 1 << 20];
    bench.host.write(id, large.clone()).unwrap();
    bench.host.close_input(id);
    assert_eq!(bench.host.write(id, vec![1]), Err(Refusal::NoInput));
    bench.turn();
    let started = Event::Started { pid: keeper.pid() };
    assert_eq!(bench.heard.take(), [started, Event::InputPassed { bytes: 6 }]);
    rustix::io::ioctl_fionbio(keeper.input.as_fd(), true).unwrap();
    let mut read = Vec::new();
    let mut part = [0; 8192];
    loop {
        match keeper.input.read(&mut part) {
            Ok(0) => break,
            Ok(count) => read.extend_from_slice(&part[..count]),
            Err(_) => bench.turn(),
        }
    }
    assert_eq!(read, [b"early ", large.as_slice()].concat());
    assert_eq!(bench.heard.take(), [Event::InputPassed { bytes: 1 << 20 }, Event::InputClosed]);
    keeper.finish(EXITED);
    bench.turn();
    assert_eq!(bench.heard.ending().outcome, Outcome::Exited(3));
    bench.assert_settled();
}

#[test]
fn input_that_came_with_the_request_is_passed_on_without_a_word() {
    let mut bench = Bench::new();
    for bytes in [Vec::new(), b"all of it".to_vec()] {
        let (_, mut keeper) =
            bench.run(Request { input: Input::Bytes(bytes.clone()), ..request() });
        let mut read = Vec::new();
        keeper.input.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        keeper.finish(EXITED);
        bench.turn();
        assert_eq!(bench.heard.take().len(), 1);
    }
    bench.assert_settled();
}

#[test]
fn more_input_than_may_wait_is_refused_until_some_is_passed_on() {
    let mut bench = Bench::new();
    let (id, mut keeper) = bench.run(Request { input: Input::Written, ..request() });
    bench.host.write(id, vec![0; MOST_UNREAD_INPUT]).unwrap();
    assert_eq!(bench.host.write(id, vec![0]), Err(Refusal::NoInput));
    bench.turn();
    bench.host.write(id, vec![0]).unwrap();
    assert_eq!(bench.host.stats().refused_writes, 1);
    keeper.finish(EXITED);
    bench.turn();
    let events = bench.heard.take();
    assert!(events.contains(&Event::InputClosed));
    assert!(matches!(events.last(), Some(Event::Ended(_))));
    assert_eq!(bench.host.write(id, vec![0]), Err(Refusal::NoInput));
    bench.assert_settled();
}

#[test]
fn a_command_that_does_not_read_closes_its_input() {
    let mut bench = Bench::new();
    let (id, mut keeper) = bench.run(Request { input: Input::Written, ..request() });
    keeper.input = File::open("/dev/null").unwrap();
    bench.host.write(id, b"into the void".to_vec()).unwrap();
    bench.turn();
    assert_eq!(bench.heard.take(), [Event::InputClosed]);
    assert_eq!(bench.host.write(id, vec![1]), Err(Refusal::NoInput));
    keeper.finish(EXITED);
    bench.turn();
    assert_eq!(bench.heard.take().len(), 1);
    bench.assert_settled();
}
