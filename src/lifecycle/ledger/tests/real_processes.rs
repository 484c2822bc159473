//! The sweep with processes of the system.

use super::*;
use crate::lifecycle::ledger::slots::Header;
use crate::lifecycle::ledger::sweep::{sweep_directory, sweep_one};
use crate::platform::process::{ProcessHandle, SystemProcesses};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A process that is gone with the test, whatever becomes of it.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Sleeper {
        let mut command = Command::new("sleep");
        Sleeper(command.arg("600").stdin(Stdio::null()).spawn().unwrap())
    }

    fn identity(&self) -> ProcessIdentity {
        let pid = i32::try_from(self.0.id()).unwrap();
        ProcessHandle::open(pid).unwrap().identity()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn processes_of_a_dead_owner_are_killed_and_those_of_the_living_and_of_nobody_live_on() {
    let home = Home::new();
    let [mut left, mut held, mut reused] = [(); 3].map(|()| Sleeper::start());
    let (dead, living) = (home.ledger(), home.ledger());
    dead.record_process(left.identity(), b"sleep 600").unwrap();
    // The number of a process that has ended, given to another one since.
    let ended = ProcessIdentity { start: reused.identity().start - 1, ..reused.identity() };
    dead.record_process(ended, b"sleep 600").unwrap();
    living.record_process(held.identity(), b"sleep 600").unwrap();
    drop(dead);
    let report = sweep_directory(&RealFileSystem, &SystemProcesses, &home.ledgers);
    assert_eq!((report.ledgers, report.living, report.processes_killed), (1, 1, 1));
    assert_eq!(report.kept, Vec::new());
    assert_eq!(left.0.wait().unwrap().signal(), Some(libc::SIGKILL));
    for sleeper in [&mut held, &mut reused] {
        assert_eq!(sleeper.0.try_wait().unwrap(), None);
    }
}

#[test]
fn an_owner_that_runs_keeps_its_things_even_where_its_lock_is_worth_nothing() {
    let home = Home::new();
    let mut owner = Sleeper::start();
    let ledger = home.ledger();
    let file = home.file(&ledger, "file");
    let path = ledger.path().unwrap();
    drop(ledger);
    let header = Header { place: Place::here(), owner: owner.identity() };
    let written = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    written.write_all_at(&header.encode(), 0).unwrap();
    let report = sweep_directory(&RealFileSystem, &SystemProcesses, &home.ledgers);
    assert_eq!((report.living, report.files_removed, file.exists()), (1, 0, true));
    let keeper = std::thread::spawn(move || {
        sweep_one(&RealFileSystem, &SystemProcesses, &path, Duration::from_secs(600))
    });
    // Dead, although nobody collected its status yet.
    owner.0.kill().unwrap();
    let report = keeper.join().unwrap();
    assert_eq!((report.living, report.files_removed, file.exists()), (0, 1, false));
}

#[test]
fn this_very_process_and_its_parent_are_told_and_live_on() {
    let home = Home::new();
    let ledger = home.ledger();
    let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
    for pid in [i32::try_from(std::process::id()).unwrap(), parent] {
        ledger.record_process(identity(pid, 1), b"").unwrap();
    }
    drop(ledger);
    let report = sweep_directory(&RealFileSystem, &SystemProcesses, &home.ledgers);
    assert_eq!((report.processes_killed, report.kept.len()), (0, 2), "{report:?}");
}
