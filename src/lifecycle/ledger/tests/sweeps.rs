//! What a sweep does to the ledgers of the dead, and to what only looks like one.

use super::*;
use crate::lifecycle::ledger::SLOT;
use crate::lifecycle::ledger::sweep::{MOST_LEDGERS, sweep_directory, sweep_one};
use crate::platform::faulty::{Call, Fault};
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::time::Duration;

#[test]
fn what_a_dead_owner_left_is_finished_and_what_a_living_one_holds_is_not_touched() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    for (pid, parent) in [(10, 1), (11, 10), (20, 1)] {
        processes.start(pid, parent);
    }
    let (dead, living) = (home.ledger(), home.ledger());
    let directory = home.files.join("directory");
    dead.record_path(&directory, PathKind::Directory).unwrap();
    fs::create_dir_all(directory.join("deep/deeper")).unwrap();
    let file = home.file(&dead, "file");
    dead.record_process(identity(10, 1), b"sh").unwrap();
    dead.record_path(&home.files.join("never made"), PathKind::File).unwrap();
    let held = home.file(&living, "held");
    living.record_process(identity(20, 1), b"sh").unwrap();
    drop(dead);
    let report = home.sweep(&processes);
    assert_eq!((report.ledgers, report.living), (1, 1));
    assert_eq!((report.processes_killed, report.files_removed), (2, 1));
    assert_eq!((report.directories_removed, &report.kept[..]), (1, &[][..]));
    assert_eq!(kills(&processes), [10]);
    assert!(!file.exists() && !directory.exists() && held.exists());
    assert_eq!(home.ledger_count(), 1);
    let again = home.sweep(&processes);
    assert_eq!(again, SweepReport { living: 1, ..SweepReport::default() });
}

#[test]
fn a_process_that_got_the_number_of_a_dead_one_is_never_signalled() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    let ledger = home.ledger();
    processes.start(10, 1);
    for pid in [10, 11, 12] {
        ledger.record_process(identity(pid, 1), b"sh").unwrap();
    }
    processes.exit(10);
    // Another one, with start 2; 11 was never seen; 12 ended.
    processes.start(10, 1);
    processes.start(12, 1);
    processes.exit(12);
    drop(ledger);
    let report = home.sweep(&processes);
    assert_eq!((report.processes_killed, report.ledgers, &report.kept[..]), (0, 1, &[][..]));
    assert_eq!(kills(&processes), Vec::<i32>::new());
}

#[test]
fn a_process_that_cannot_be_held_stays_in_the_ledger_and_is_told() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    let ledger = home.ledger();
    let file = home.file(&ledger, "file");
    // One the system refuses to open: never a process of ours, but a damaged disk may say so.
    ledger.record_process(identity(1, 1), b"init").unwrap();
    drop(ledger);
    for files in [1, 0] {
        let report = home.sweep(&processes);
        assert_eq!((report.ledgers, report.files_removed, report.kept.len()), (0, files, 1));
        assert!(report.kept[0].reason.contains("process 1 (init) was not killed"), "{report:?}");
    }
    assert!(!file.exists());
    assert_eq!(home.ledger_count(), 1);
}

#[test]
fn a_process_that_does_not_end_is_told_and_its_record_stays() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    processes.start(10, 1);
    processes.make_undying(10);
    let ledger = home.ledger();
    ledger.record_process(identity(10, 1), b"stuck").unwrap();
    drop(ledger);
    let report = home.sweep(&processes);
    assert!(
        report.kept[0].reason.contains("(stuck) was not killed: it does not end"),
        "{report:?}"
    );
    processes.exit(10);
    assert_eq!(home.sweep(&processes).ledgers, 1);
}

#[test]
fn of_an_earlier_boot_only_files_are_left() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    processes.start(10, 1);
    let earlier = Place { boot: [1; 16], ..Place::here() };
    let ledger = Ledger::at(Arc::new(RealFileSystem), Ok(home.ledgers.clone()), earlier);
    ledger.record_process(identity(10, 1), b"sh").unwrap();
    let file = home.file(&ledger, "file");
    drop(ledger);
    let report = home.sweep(&processes);
    assert_eq!((report.foreign_boot, report.ledgers, report.files_removed), (1, 1, 1));
    assert_eq!((processes.asked(), &report.kept[..]), (Vec::new(), &[][..]));
    assert!(!file.exists());
}

#[test]
fn of_another_pid_namespace_files_go_and_processes_are_left_to_a_sweep_there() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    processes.start(10, 1);
    let there = Place { namespace: 1, ..Place::here() };
    let ledger = Ledger::at(Arc::new(RealFileSystem), Ok(home.ledgers.clone()), there);
    ledger.record_process(identity(10, 1), b"sh").unwrap();
    let file = home.file(&ledger, "file");
    drop(ledger);
    let report = home.sweep(&processes);
    assert_eq!((report.foreign_namespace, report.ledgers, report.files_removed), (1, 0, 1));
    assert!(report.kept[0].reason.contains("another PID namespace"), "{report:?}");
    assert!(processes.asked().is_empty() && !file.exists());
    let mut sweep = Sweep::new(&RealFileSystem, &processes, there);
    sweep.directory(&home.ledgers);
    assert_eq!((sweep.report.ledgers, sweep.report.processes_killed), (1, 1));
}

#[test]
fn nothing_is_killed_where_the_place_is_unknown() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    processes.start(10, 1);
    let nowhere = Place::default();
    let ledger = Ledger::at(Arc::new(RealFileSystem), Ok(home.ledgers.clone()), nowhere);
    ledger.record_process(identity(10, 1), b"sh").unwrap();
    drop(ledger);
    let mut sweep = Sweep::new(&RealFileSystem, &processes, nowhere);
    sweep.directory(&home.ledgers);
    assert_eq!((sweep.report.ledgers, sweep.report.kept.len()), (1, 1));
    assert!(processes.asked().is_empty());
}

#[test]
fn of_a_damaged_ledger_everything_readable_is_used() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    processes.start(10, 1);
    let ledger = home.ledger();
    let files = ["a", "b", "c"].map(|name| home.file(&ledger, name));
    ledger.record_process(identity(10, 1), b"sh").unwrap();
    let path = ledger.path().unwrap();
    drop(ledger);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"#", 2 * SLOT as u64 + 9).unwrap();
    let report = home.sweep(&processes);
    assert_eq!((report.garbage, report.files_removed, report.processes_killed), (1, 2, 1));
    assert_eq!((report.ledgers, files.map(|path| path.exists())), (1, [false, true, false]));
}

#[test]
fn under_a_damaged_header_files_go_and_no_process_is_touched() {
    let home = Home::new();
    let processes = FakeProcesses::default();
    processes.start(10, 1);
    let ledger = home.ledger();
    let file = home.file(&ledger, "file");
    ledger.record_process(identity(10, 1), b"sh").unwrap();
    let path = ledger.path().unwrap();
    drop(ledger);
    fs::OpenOptions::new().write(true).open(&path).unwrap().write_all_at(b"#", 20).unwrap();
    let report = home.sweep(&processes);
    assert_eq!((report.ledgers, report.files_removed, report.kept.len()), (1, 1, 2));
    assert!(processes.asked().is_empty() && !file.exists());
}

#[test]
fn what_was_only_begun_is_removed_and_what_is_not_ours_is_left_alone() {
    let home = Home::new();
    drop(home.ledger().path());
    for name in fs::read_dir(&home.ledgers).unwrap() {
        fs::remove_file(name.unwrap().path()).unwrap();
    }
    let name = |number: u64| home.ledgers.join(format!("1-{number:016x}.ledger"));
    for (number, begun) in [&b""[..], b"PLI", b"PLIMLED1", b"PLIMLED1\0\0\0\0"].iter().enumerate() {
        fs::write(name(number as u64), begun).unwrap();
    }
    fs::write(name(10), "precious").unwrap();
    fs::write(name(11), vec![7; 3 * SLOT]).unwrap();
    fs::write(home.root.path().join("target"), b"PLIMLED1").unwrap();
    symlink(home.root.path().join("target"), name(12)).unwrap();
    fs::create_dir(name(13)).unwrap();
    let others = ["notes", "1-x.ledger", "-0000000000000000.ledger", "1-000000000000000G.ledger"];
    for name in others {
        fs::write(home.ledgers.join(name), "").unwrap();
    }
    let report = home.sweep(&FakeProcesses::default());
    assert_eq!((report.ledgers, report.strangers, &report.kept[..]), (4, 4, &[][..]));
    assert_eq!(home.ledger_count(), 4 + others.len());
    assert!(home.root.path().join("target").exists());
}

#[test]
fn what_cannot_be_removed_stays_is_told_and_goes_with_the_next_sweep() {
    let home = Home::new();
    let ledger = home.ledger();
    let files = ["a", "b", "c"].map(|name| home.file(&ledger, name));
    drop(ledger);
    let fs = faulty();
    fs.fail_nth(Call::Remove, 2, Fault::Error(libc::EBUSY));
    let report = home.sweep_on(&*fs, &FakeProcesses::default());
    assert_eq!((report.files_removed, report.ledgers, report.kept.len()), (2, 0, 1));
    assert_eq!(report.kept[0].path, files[1]);
    // Somebody else's by now: it was struck out.
    fs::write(&files[0], "").unwrap();
    let report = home.sweep(&FakeProcesses::default());
    assert_eq!((report.files_removed, report.ledgers), (1, 1));
    assert!(files[0].exists() && !files[1].exists());
}

#[test]
fn a_directory_that_cannot_be_trusted_is_told_and_nothing_in_it_is_acted_upon() {
    let home = Home::new();
    let ledger = home.ledger();
    let file = home.file(&ledger, "file");
    let path = ledger.path().unwrap();
    drop(ledger);
    fs::set_permissions(&home.ledgers, PermissionsExt::from_mode(0o777)).unwrap();
    let processes = FakeProcesses::default();
    for report in [
        sweep_directory(&RealFileSystem, &processes, &home.ledgers),
        sweep_one(&RealFileSystem, &processes, &path, Duration::ZERO),
    ] {
        assert!(report.kept[0].reason.contains("written by others"), "{report:?}");
        assert_eq!(report.files_removed, 0);
    }
    assert!(file.exists());
    fs::set_permissions(&home.ledgers, PermissionsExt::from_mode(0o700)).unwrap();
    let report = sweep_one(&RealFileSystem, &processes, &path, Duration::ZERO);
    assert_eq!((report.files_removed, report.ledgers), (1, 1));
    let nothing = SweepReport::default();
    assert_eq!(sweep_one(&RealFileSystem, &processes, &path, Duration::ZERO), nothing);
    let nowhere = home.root.path().join("nowhere");
    assert_eq!(sweep_directory(&RealFileSystem, &processes, &nowhere), nothing);
}

#[test]
fn more_ledgers_than_one_sweep_takes_are_counted_and_left_for_the_next() {
    let home = Home::new();
    drop(home.ledger().path());
    let extra = 3;
    for number in 1..MOST_LEDGERS + extra {
        let path = home.ledgers.join(format!("1-{number:016x}.ledger"));
        fs::write(path, "").unwrap();
    }
    let report = home.sweep(&FakeProcesses::default());
    assert_eq!((report.ledgers as usize, report.left_for_later as usize), (MOST_LEDGERS, extra));
    let report = home.sweep(&FakeProcesses::default());
    assert_eq!((report.ledgers as usize, report.left_for_later), (extra, 0));
}

#[test]
fn one_ledger_is_waited_for_while_its_owner_is_dying() {
    let home = Home::new();
    let ledger = home.ledger();
    let file = home.file(&ledger, "file");
    let path = ledger.path().unwrap();
    let processes = FakeProcesses::default();
    let report = sweep_one(&RealFileSystem, &processes, &path, Duration::from_millis(3));
    assert_eq!((report.living, file.exists()), (1, true));
    let keeper = std::thread::spawn(move || {
        sweep_one(&RealFileSystem, &FakeProcesses::default(), &path, Duration::from_secs(600))
    });
    drop(ledger);
    let report = keeper.join().unwrap();
    assert_eq!((report.living, report.files_removed, file.exists()), (0, 1, false));
}
