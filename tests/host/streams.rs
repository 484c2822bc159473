//! Inputs that are written and outputs that are read as they come.

use crate::fixtures::{Bench, Ear, command, script};
use plimsoll::lifecycle::process::{
    Event, Input, Outcome, Output, Processes, Refusal, Request, STREAM_CREDIT, Stream,
};

#[test]
fn ten_megabytes_go_through_a_command_and_back() {
    let bench = Bench::new();
    let (id, ear) = bench.start(Request {
        input: Input::Written,
        output: Output::Streamed,
        ..command("cat", &[])
    });
    let part: Vec<u8> = (0..=u8::MAX).cycle().take(50_000).collect();
    let whole = part.repeat(200);
    for _ in 0..200 {
        bench.host.write(id, part.clone()).unwrap();
    }
    bench.host.close_input(id);
    let mut taken = 0;
    let back = ear.wait(|heard| {
        let bytes: usize = heard
            .iter()
            .map(|event| match event {
                Event::Bytes { bytes, .. } => bytes.len(),
                _ => 0,
            })
            .sum();
        bench.host.taken(id, Stream::Output, bytes - taken);
        taken = bytes;
        let ended = heard.contains(&Event::StreamEnded { stream: Stream::Output });
        ended.then(|| Ear::bytes(heard))
    });
    assert!(back == whole);
    assert_eq!(ear.ending().outcome, Outcome::Exited(0));
    ear.wait(|heard| {
        assert!(heard.contains(&Event::InputClosed));
        let passed: usize = heard
            .iter()
            .map(|event| match event {
                Event::InputPassed { bytes } => *bytes,
                _ => 0,
            })
            .sum();
        assert_eq!(passed, whole.len());
        Some(())
    });
    bench.assert_settled();
}

#[test]
fn a_stream_that_nobody_takes_holds_the_command_up_and_not_the_host() {
    let bench = Bench::new();
    let (loud, ear) =
        bench.start(Request { output: Output::Streamed, ..script("exec cat /dev/zero") });
    ear.wait(|heard| (Ear::bytes(heard).len() >= STREAM_CREDIT).then_some(()));
    assert_eq!(bench.run(command("true", &[])).outcome, Outcome::Exited(0));
    let read = ear.wait(|heard| Some(Ear::bytes(heard).len()));
    assert_eq!(read, STREAM_CREDIT);
    bench.host.ignore(loud, Stream::Output);
    bench.host.end(loud, plimsoll::lifecycle::process::EndedBy::Request, None);
    assert_eq!(ear.ending().outcome, Outcome::Signalled(libc::SIGTERM));
    bench.assert_settled();
}

#[test]
fn input_that_nobody_reads_ends_with_the_command() {
    let bench = Bench::new();
    let bytes = vec![7; 10 << 20];
    let ending = bench.run(Request { input: Input::Bytes(bytes), ..script("exec true") });
    assert_eq!(ending.outcome, Outcome::Exited(0));
    let (id, ear) =
        bench.start(Request { input: Input::Written, ..script("exec <&-; echo x; sleep 600") });
    ear.pid();
    let mut written = 0_u32;
    // The command closes its input some time after it is executed.
    while bench.host.write(id, vec![7; 1 << 16]) != Err(Refusal::NoInput) {
        written += 1;
        std::thread::yield_now();
    }
    assert!(written > 0);
    bench.host.end(id, plimsoll::lifecycle::process::EndedBy::Request, None);
    ear.ending();
    bench.assert_settled();
}
