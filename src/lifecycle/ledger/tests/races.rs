//! Owners and sweeps at the same moment, one step of the one between any two steps of the other; and sweeps that
//! die at any step.

use super::*;
use crate::platform::faulty::{Call, Fault};
use std::sync::atomic::{AtomicU32, Ordering};

/// The tests play every step; shorter runs would prove nothing.
const LEAST_STEPS: u64 = 6;

#[test]
fn an_owner_that_begins_its_ledger_under_a_sweep_has_one_that_counts() {
    for nth in 1.. {
        let home = Arc::new(Home::new());
        let fs = faulty();
        let sweeper = Arc::clone(&home);
        fs.before_nth(nth, move || {
            let report = sweeper.sweep(&FakeProcesses::default());
            assert_eq!((report.files_removed, &report.kept[..]), (0, &[][..]), "{nth}");
        });
        let ledger = home.ledger_on(fs.clone());
        let file = home.file(&ledger, "file");
        assert_eq!(home.sweep(&FakeProcesses::default()).living, 1, "{nth}");
        assert!(file.exists(), "{nth}");
        drop(ledger);
        let report = home.sweep(&FakeProcesses::default());
        assert_eq!((report.ledgers, report.files_removed), (1, 1), "{nth}");
        assert!(!file.exists() && home.ledger_count() == 0, "{nth}");
        if !fs.has_acted() {
            assert!(nth > LEAST_STEPS, "{nth}");
            return;
        }
    }
}

#[test]
fn two_sweeps_of_one_ledger_at_any_offset_do_everything_once() {
    for nth in 1.. {
        let home = Arc::new(Home::new());
        let processes = Arc::new(FakeProcesses::default());
        processes.start(10, 1);
        let ledger = home.ledger();
        home.file(&ledger, "a");
        home.file(&ledger, "b");
        ledger.record_process(identity(10, 1), b"sh").unwrap();
        drop(ledger);
        let fs = faulty();
        let removed = Arc::new(AtomicU32::new(0));
        let other = (Arc::clone(&home), Arc::clone(&processes), Arc::clone(&removed));
        fs.before_nth(nth, move || {
            let report = other.0.sweep(&other.1);
            other.2.fetch_add(report.files_removed as u32, Ordering::Relaxed);
            assert_eq!(report.kept, Vec::new(), "{nth}");
        });
        let report = home.sweep_on(&*fs, &processes);
        assert_eq!(report.kept, Vec::new(), "{nth}");
        let removed = removed.load(Ordering::Relaxed) + report.files_removed as u32;
        assert_eq!((removed, kills(&processes)), (2, vec![10]), "{nth}");
        assert_eq!((home.file_count(), home.ledger_count()), (0, 0), "{nth}");
        if !fs.has_acted() {
            assert!(nth > LEAST_STEPS, "{nth}");
            return;
        }
    }
}

#[test]
fn a_sweep_that_dies_at_any_step_is_finished_by_the_next() {
    for nth in 1.. {
        let home = Home::new();
        let processes = FakeProcesses::default();
        processes.start(10, 1);
        let (dead, living) = (home.ledger(), home.ledger());
        home.file(&dead, "a");
        dead.record_process(identity(10, 1), b"sh").unwrap();
        home.file(&dead, "b");
        let held = home.file(&living, "held");
        drop(dead);
        let fs = faulty();
        fs.fail_nth(Call::Any, nth, Fault::Crash);
        home.sweep_on(&*fs, &processes);
        home.sweep(&processes);
        assert_eq!((home.file_count(), home.ledger_count()), (1, 1), "{nth}");
        assert_eq!((kills(&processes), held.exists()), (vec![10], true), "{nth}");
        if !fs.crashed() {
            assert!(nth > LEAST_STEPS, "{nth}");
            return;
        }
    }
}

#[test]
fn an_owner_that_dies_at_any_step_of_recording_leaves_nothing() {
    for nth in 1.. {
        let home = Home::new();
        let processes = FakeProcesses::default();
        processes.start(10, 1);
        let fs = faulty();
        fs.fail_nth(Call::Any, nth, Fault::Crash);
        let ledger = home.ledger_on(fs.clone());
        let file = home.files.join("file");
        for round in 0..3 {
            let process = ledger.record_process(identity(10, 1), b"sh");
            let path = ledger.record_path(&file, PathKind::File);
            if path.is_ok() {
                std::fs::write(&file, "").unwrap();
            }
            if round < 2 && !fs.crashed() {
                std::fs::remove_file(&file).unwrap();
                for record in [process, path] {
                    ledger.strike(record.unwrap());
                }
            }
        }
        drop(ledger);
        home.sweep(&processes);
        assert_eq!((home.file_count(), home.ledger_count()), (0, 0), "{nth}");
        if !fs.crashed() {
            assert_eq!(kills(&processes), [10]);
            assert!(nth > LEAST_STEPS, "{nth}");
            return;
        }
    }
}
