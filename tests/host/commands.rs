//! How commands end, and what they print.

use crate::fixtures::{Bench, Ear, command, script};
use plimsoll::lifecycle::keeper::messages::Step;
use plimsoll::lifecycle::keeper::order::{Leftovers, MOST_BYTES};
use plimsoll::lifecycle::process::{Input, Outcome, Output, Processes, Refusal, Request};

#[test]
fn a_command_ends_with_its_code_and_what_it_printed() {
    let bench = Bench::new();
    for code in [0, 1, 42, 255] {
        let ending = bench.run(script(&format!("printf out; printf err >&2; exit {code}")));
        assert_eq!(ending.outcome, Outcome::Exited(code));
        assert_eq!((ending.output.head, ending.error.head), (b"out".to_vec(), b"err".to_vec()));
        assert!(ending.pid > 1 && ending.max_rss_kib > 0 && ending.ended_by.is_none());
    }
    bench.assert_settled();
    assert_eq!(bench.journal.counts().0, 4);
}

#[test]
fn a_signal_is_told_as_the_end_it_was() {
    let bench = Bench::new();
    assert_eq!(bench.run(script("kill -USR1 $$")).outcome, Outcome::Signalled(libc::SIGUSR1));
    let (id, ear) = bench.start(command("sleep", &["600"]));
    ear.pid();
    bench.host.signal(id, libc::SIGINT, false);
    assert_eq!(ear.ending().outcome, Outcome::Signalled(libc::SIGINT));
    bench.assert_settled();
}

#[test]
fn every_byte_comes_through() {
    let bench = Bench::new();
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let ending = bench.run(Request { input: Input::Bytes(bytes.clone()), ..command("cat", &[]) });
    assert_eq!(ending.outcome, Outcome::Exited(0));
    assert_eq!((ending.output.head, ending.output.tail), (bytes, Vec::new()));
    bench.assert_settled();
}

#[test]
fn of_a_large_output_head_and_tail_are_kept() {
    let bench = Bench::new();
    let output = Output::Kept { most_bytes: 11 };
    let loud = "printf begin; head -c 50000000 /dev/zero; printf finis";
    let ending = bench.run(Request { output, ..script(loud) });
    assert_eq!(ending.output.head, b"begin\0");
    assert_eq!(ending.output.tail, b"finis");
    assert_eq!(ending.output.total, 50_000_010);
    assert_eq!(bench.host.stats().dropped_output_bytes, 50_000_010 - 11);
    bench.assert_settled();
}

#[test]
fn what_cannot_be_executed_says_why_and_at_which_step() {
    let bench = Bench::new();
    let mut nowhere = command("true", &[]);
    nowhere.order.directory = b"/nowhere/at/all".to_vec();
    let mut nul = command("true", &[]);
    nul.order.arguments.push(b"a\0b".to_vec());
    let mut huge = command("true", &[]);
    huge.order.environment.push([b"HUGE=", vec![b'x'; 10 << 20].as_slice()].concat());
    let cases = [
        (command("no-such-command-anywhere", &[]), Step::Execute, libc::ENOENT),
        (command("/", &[]), Step::Execute, libc::EACCES),
        (nowhere, Step::Directory, libc::ENOENT),
        (nul, Step::Order, libc::EINVAL),
        (huge, Step::Execute, libc::E2BIG),
    ];
    for (request, step, errno) in cases {
        let ending = bench.run(request);
        assert_eq!(ending.outcome, Outcome::NotRun { step, errno });
    }
    let mut larger = command("true", &[]);
    larger.order.environment.push(vec![b'x'; MOST_BYTES]);
    let refused = bench.host.start(larger, std::sync::Arc::<Ear>::default());
    assert_eq!(refused, Err(Refusal::TooLarge));
    bench.assert_settled();
    assert_eq!(bench.host.stats().not_run, 5);
}

#[test]
fn without_the_program_of_the_keeper_nothing_runs() {
    let bench = Bench::with_keeper("/nowhere/plimsoll-keeper");
    let ending = bench.run(command("true", &[]));
    assert_eq!(ending.outcome, Outcome::Lost { errno: libc::ENOENT });
    bench.assert_settled();
}

#[test]
fn what_is_no_keeper_is_no_keeper() {
    let bench = Bench::with_keeper("/bin/true");
    assert_eq!(bench.run(command("true", &[])).outcome, Outcome::Lost { errno: 0 });
    bench.assert_settled();
}

#[test]
fn what_a_command_leaves_behind_is_ended_or_kept_as_was_asked() {
    let bench = Bench::new();
    let daemon = "setsid sleep 600 & echo $!";
    let ending = bench.run(script(daemon));
    assert_eq!((ending.outcome, ending.leftovers_ended), (Outcome::Exited(0), 1));
    bench.assert_settled();

    let mut keep = script(daemon);
    keep.order.leftovers = Leftovers::Keep;
    let ending = bench.run(keep);
    assert_eq!((ending.outcome, ending.leftovers_ended), (Outcome::Exited(0), 0));
    let pid = String::from_utf8(ending.output.head).unwrap().trim().parse().unwrap();
    let daemon = plimsoll::platform::process::ProcessHandle::open(pid).unwrap();
    assert!(bench.host.list()[0].lingers);
    let left = bench.host.end_all(
        plimsoll::lifecycle::process::EndedBy::Request,
        None,
        crate::fixtures::FOREVER,
    );
    assert_eq!(left, 0);
    assert!(!daemon.is_alive());
    bench.assert_settled();
}
