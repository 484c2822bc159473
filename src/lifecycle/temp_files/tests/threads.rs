//! Owners and sweeps on threads of their own, all at once.

use super::*;
use crate::lifecycle::ledger::tests::identity;
use crate::platform::process::fake::FakeProcesses;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;

const OWNERS: i32 = 4;
const SWEEPERS: usize = 2;
const LIVES: i32 = 25;

#[test]
fn owners_that_live_and_die_while_several_sweep_leave_nothing_and_lose_nothing() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    let (barrier, over) = (Barrier::new(OWNERS as usize + SWEEPERS), AtomicBool::new(false));
    let survivors: Vec<(Owner, PathBuf)> = std::thread::scope(|scope| {
        let mut sweepers = Vec::new();
        for _ in 0..SWEEPERS {
            sweepers.push(scope.spawn(|| {
                barrier.wait();
                let mut sweeps = 0;
                while sweeps == 0 || !over.load(Ordering::Acquire) {
                    assert_eq!(home.sweep(&processes).kept, Vec::new());
                    sweeps += 1;
                }
            }));
        }
        let (home, processes, barrier) = (&home, &processes, &barrier);
        let owners: Vec<_> = (0..OWNERS)
            .map(|number| {
                scope.spawn(move || {
                    barrier.wait();
                    (0..LIVES)
                        .map(|life| live(home, processes, number * LIVES + life))
                        .last()
                        .unwrap()
                })
            })
            .collect();
        let survivors = owners.into_iter().map(|owner| owner.join().unwrap()).collect();
        over.store(true, Ordering::Release);
        sweepers.into_iter().for_each(|sweeper| sweeper.join().unwrap());
        survivors
    });
    home.sweep(&processes);
    assert_eq!(home.file_count(), OWNERS as usize);
    assert_eq!(home.ledger_count(), OWNERS as usize);
    for (owner, path) in &survivors {
        assert!(path.exists());
        assert_eq!(owner.files.list().len(), 1);
    }
    let alive = (0..OWNERS * LIVES).filter(|number| processes.running(100 + number).is_some());
    assert_eq!(alive.count(), OWNERS as usize, "exactly the processes of the living run");
}

/// One life: its death is that the owner is dropped.
fn live(home: &Home, processes: &FakeProcesses, number: i32) -> (Owner, PathBuf) {
    let owner = Owner::new(home);
    let kept = owner.file(WHOLE_PROCESS);
    processes.start(100 + number, 1);
    owner.ledger.record_process(identity(100 + number, 1), b"sh").unwrap();
    for round in 0..10 {
        let directory = owner.files.create_directory("round", "", None, WHOLE_PROCESS).unwrap();
        std::fs::write(directory.join("inside"), "x").unwrap();
        let file = owner.file(round);
        assert!(file.exists() && kept.exists() && directory.join("inside").exists());
        owner.files.delete(&file).unwrap();
        owner.files.delete(&directory).unwrap();
    }
    assert_eq!(processes.running(100 + number), Some(1), "the process of a living owner is gone");
    (owner, kept)
}

#[test]
fn threads_that_share_an_owner_share_its_ledger() {
    let home = Home::new();
    let owner = Owner::new(&home);
    std::thread::scope(|scope| {
        for group in 0..4 {
            let owner = &owner;
            scope.spawn(move || {
                let paths: Vec<PathBuf> = (0..50).map(|_| owner.file(group)).collect();
                for path in &paths[..40] {
                    owner.files.delete(path).unwrap();
                }
            });
        }
    });
    assert_eq!((home.file_count(), owner.ledger.stats().records), (40, 40));
    assert_eq!((owner.files.stats().created, home.ledger_count()), (200, 1));
    drop(owner);
    let report = home.sweep(&FakeProcesses::default());
    assert_eq!((report.files_removed, report.garbage), (40, 0));
}
