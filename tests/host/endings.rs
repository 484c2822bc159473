//! Ending trees, by whom and however they resist.

use crate::fixtures::{Bench, Ear, FOREVER, command, script};
use plimsoll::lifecycle::group::WHOLE_PROCESS;
use plimsoll::lifecycle::process::{EndedBy, Outcome, Output, Processes, Request};
use plimsoll::platform::process::{ProcessHandle, Signal};
use std::time::Duration;

/// Prints its own number and those of what it started, and ignores TERM with all of them.
const STUBBORN: &str = "trap '' TERM; echo $$; sh -c 'sleep 600' & echo $!; setsid sleep 600 & echo $!; \
                        echo .; wait; wait";

fn streamed(text: &str) -> Request {
    Request { output: Output::Streamed, ..script(text) }
}

/// Takes hold of the processes a script has named.
fn named(ear: &Ear) -> Vec<ProcessHandle> {
    let text = ear.wait(|heard| {
        let bytes = Ear::bytes(heard);
        bytes.ends_with(b".\n").then_some(bytes)
    });
    let text = String::from_utf8(text).unwrap();
    let pids = text.lines().filter(|line| *line != ".");
    pids.map(|pid| ProcessHandle::open(pid.parse().unwrap()).unwrap()).collect()
}

#[test]
fn a_timeout_ends_a_tree_that_ignores_term() {
    let bench = Bench::new();
    let timeout = Some(Duration::from_millis(500));
    let (_, ear) = bench.start(Request { timeout, ..streamed(STUBBORN) });
    let tree = named(&ear);
    assert_eq!(tree.len(), 3);
    let ending = ear.ending();
    assert_eq!(ending.outcome, Outcome::Signalled(libc::SIGKILL));
    assert_eq!(ending.ended_by, Some(EndedBy::Timeout));
    assert!(ending.duration >= Duration::from_millis(600));
    assert!(tree.iter().all(|process| !process.is_alive()));
    bench.assert_settled();
}

#[test]
fn whoever_is_ended_while_it_is_started_has_one_end_and_leaves_nothing() {
    let bench = Bench::new();
    let ears: Vec<_> = (0..60)
        .map(|round| {
            let (id, ear) = bench.start(command("sleep", &["600"]));
            // At once, or after whatever happens in that time.
            for _ in 0..round {
                std::thread::yield_now();
            }
            bench.host.end(id, EndedBy::Request, None);
            ear
        })
        .collect();
    for ear in ears {
        let ending = ear.ending();
        let expected = [Outcome::Cancelled, Outcome::Signalled(libc::SIGTERM)];
        assert!(expected.contains(&ending.outcome), "{:?}", ending.outcome);
        assert_eq!(ending.ended_by, Some(EndedBy::Request));
    }
    bench.assert_settled();
}

#[test]
fn a_group_ends_with_its_trees_and_others_go_on() {
    let bench = Bench::new();
    let outer = bench.groups.open(WHOLE_PROCESS).unwrap();
    let inner = bench.groups.open(outer).unwrap();
    let start = |group| bench.start(Request { group, ..streamed(STUBBORN) });
    let [(_, first), (_, second), (_, other)] = [start(outer), start(inner), start(WHOLE_PROCESS)];
    let trees = [named(&first), named(&second)];
    let others = named(&other);
    assert_eq!(bench.host.end_group(outer, EndedBy::Deadline, Some(Duration::ZERO)), 2);
    for ear in [first, second] {
        let ending = ear.ending();
        assert_eq!(ending.outcome, Outcome::Signalled(libc::SIGKILL));
        assert_eq!(ending.ended_by, Some(EndedBy::Deadline));
    }
    assert!(trees.iter().flatten().all(|process| !process.is_alive()));
    assert!(others.iter().all(ProcessHandle::is_alive));
    assert_eq!(bench.host.end_all(EndedBy::Request, None, FOREVER), 0);
    assert!(!others.iter().any(ProcessHandle::is_alive));
    bench.assert_settled();
}

#[test]
fn when_a_keeper_is_killed_its_command_goes_with_all_below() {
    let bench = Bench::new();
    let (_, ear) = bench.start(streamed(STUBBORN));
    let tree = named(&ear);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", ear.pid())).unwrap();
    let parent = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap();
    let keeper = ProcessHandle::open(parent.parse().unwrap()).unwrap();
    keeper.signal(Signal::Kill).unwrap();
    assert_eq!(ear.ending().outcome, Outcome::Lost { errno: 0 });
    // The command is waited for; what was below it has been signalled as well.
    let end = std::time::Instant::now() + FOREVER;
    while tree.iter().any(ProcessHandle::is_alive) && std::time::Instant::now() < end {
        std::thread::yield_now();
    }
    assert!(!tree.iter().any(ProcessHandle::is_alive));
    bench.assert_settled();
    assert_eq!(bench.host.stats().lost, 1);
}

#[test]
fn a_host_that_goes_takes_everything_with_it() {
    let bench = Bench::new();
    let (_, ear) = bench.start(streamed(STUBBORN));
    let tree = named(&ear);
    drop(bench);
    assert_eq!(ear.ending().outcome, Outcome::Lost { errno: 0 });
    let end = std::time::Instant::now() + FOREVER;
    while tree.iter().any(ProcessHandle::is_alive) && std::time::Instant::now() < end {
        std::thread::yield_now();
    }
    assert!(!tree.iter().any(ProcessHandle::is_alive));
}
