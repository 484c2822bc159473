//! Thousands of commands at once beside children that somebody else started, and what is left afterwards. Alone
//! in its process, because it counts descriptors, threads and children.

#![cfg(target_os = "linux")]
#![cfg(test)]

#[path = "host/fixtures.rs"]
#[allow(dead_code)] // shared with the tests that are not alone
mod fixtures;

use fixtures::{Bench, FOREVER, command, script};
use plimsoll::lifecycle::process::Outcome;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Instant;

const COMMANDS: usize = 3000;
const OTHERS: usize = 500;

/// Descriptors, threads, children of this process.
fn counts() -> [usize; 3] {
    let entries = |directory| std::fs::read_dir(directory).unwrap().count();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let children: BTreeSet<String> = tasks
        // A thread may end meanwhile.
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    [entries("/proc/self/fd"), entries("/proc/self/task"), children.len()]
}

#[test]
fn thousands_at_once_lose_no_exit_status_on_either_side_and_leave_nothing() {
    // What the C library and the test runner open on first use is there before.
    Command::new("true").status().unwrap();
    let before = counts();
    {
        let bench = Bench::new();
        let others = std::thread::spawn(|| {
            for round in 0..OTHERS {
                let code = i32::try_from(round % 256).unwrap();
                let mut child =
                    Command::new("sh").args(["-c", &format!("exit {code}")]).spawn().unwrap();
                assert_eq!(child.wait().unwrap().code(), Some(code));
            }
        });
        let started = Instant::now();
        let ears: Vec<_> = (0..COMMANDS)
            .map(|number| match number % 3 {
                0 => bench.start(script(&format!("exit {}", number % 256))).1,
                _ => bench.start(command("true", &[])).1,
            })
            .collect();
        let asked = started.elapsed();
        for (number, ear) in ears.iter().enumerate() {
            let code = if number % 3 == 0 { number % 256 } else { 0 };
            assert_eq!(ear.ending().outcome, Outcome::Exited(i32::try_from(code).unwrap()));
        }
        println!("{COMMANDS} commands: asked in {asked:?}, ended in {:?}", started.elapsed());
        others.join().unwrap();
        bench.assert_settled();
        assert_eq!(bench.journal.counts().0, u32::try_from(COMMANDS).unwrap());
        let stats = bench.host.stats();
        assert_eq!((stats.started, stats.ended, stats.lost), (COMMANDS as u64, COMMANDS as u64, 0));
        println!("{stats:?}");
    }
    // The thread ends a moment after its host.
    let end = Instant::now() + FOREVER;
    while counts() != before && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!(counts(), before);
}
