//! What the owner of a ledger sees.

use super::*;
use crate::lifecycle::ledger::{LedgerError, SLOT};
use crate::platform::faulty::{Call, Fault};
use std::io;

#[test]
fn nothing_is_on_disk_before_the_first_record_and_then_one_private_file() {
    let home = Home::new();
    let ledger = home.ledger();
    assert!(!home.ledgers.exists());
    let record = ledger.record_process(identity(4711, 9), b"sleep 1").unwrap();
    let path = ledger.path().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(&format!("{}-", std::process::id())), "{name}");
    assert_eq!((mode(&path), mode(&home.ledgers)), (0o600, 0o700));
    assert_eq!(home.ledger_count(), 1);
    ledger.strike(record);
    assert_eq!(home.ledger_count(), 1);
    ledger.remove_if_empty();
    assert_eq!(home.ledger_count(), 0);
    ledger.record_process(identity(4711, 9), b"sleep 1").unwrap();
    assert_eq!(home.ledger_count(), 1, "it can be used again");
    ledger.remove_if_empty();
    assert_eq!(home.ledger_count(), 1, "it is not empty");
}

#[test]
fn asking_for_the_path_begins_the_ledger_so_that_a_keeper_can_be_told() {
    let home = Home::new();
    let ledger = home.ledger();
    let path = ledger.path().unwrap();
    assert!(path.exists());
    assert_eq!(ledger.path(), Some(path));
}

#[test]
fn slots_are_used_again_and_the_file_stays_as_small_as_what_is_held_at_once() {
    let home = Home::new();
    let ledger = home.ledger();
    for round in 0..1000 {
        let path = home.files.join(round.to_string());
        let records = [(); 3].map(|()| ledger.record_path(&path, PathKind::File).unwrap());
        records.into_iter().for_each(|record| ledger.strike(record));
    }
    let length = std::fs::metadata(ledger.path().unwrap()).unwrap().len();
    assert!(length <= 4 * SLOT as u64, "{length}");
    let stats = ledger.stats();
    assert_eq!(
        (stats.records, stats.most_records, stats.written, stats.struck),
        (0, 3, 3000, 3000)
    );
    let many: Vec<_> =
        (0..1000).map(|n| ledger.record_process(identity(n + 2, 1), b"").unwrap()).collect();
    many.into_iter().for_each(|record| ledger.strike(record));
    let length = std::fs::metadata(ledger.path().unwrap()).unwrap().len();
    assert_eq!(length, SLOT as u64, "a burst leaves no large file behind");
}

#[test]
fn striking_twice_strikes_nobody_elses_record() {
    let home = Home::new();
    let ledger = home.ledger();
    let first = ledger.record_path(&home.files.join("a"), PathKind::File).unwrap();
    ledger.strike(first);
    let path = home.file(&ledger, "b");
    ledger.strike(first);
    assert_eq!((ledger.stats().records, ledger.stats().struck), (1, 1));
    drop(ledger);
    assert_eq!(home.sweep(&FakeProcesses::default()).files_removed, 1);
    assert!(!path.exists());
}

#[test]
fn one_record_too_many_and_a_path_that_does_not_fit_are_refused_and_counted() {
    let home = Home::new();
    let mut ledger = home.ledger();
    ledger.most_records = 3;
    let record = [(); 3].map(|()| ledger.record_process(identity(2, 1), b"").unwrap())[1];
    let full = ledger.record_process(identity(2, 1), b"").unwrap_err();
    assert!(matches!(full, LedgerError::Full), "{full}");
    assert_eq!(full.code(), "ERR_PLIMSOLL_OVERFLOW");
    ledger.strike(record);
    ledger.record_process(identity(2, 1), b"").unwrap();
    let long = format!("/{}", "x".repeat(SLOT));
    for path in ["relative", "", &long] {
        let bad = ledger.record_path(Path::new(path), PathKind::File).unwrap_err();
        assert_eq!(bad.code(), "ERR_PLIMSOLL_ARGUMENT");
    }
    assert_eq!((ledger.stats().refused, ledger.stats().records), (4, 3));
}

#[test]
fn a_full_disk_is_told_wherever_it_strikes_and_later_records_are_whole() {
    // A header, and then a record, that fit to this many bytes.
    for room in [0, 100, SLOT as u64, SLOT as u64 + 1, SLOT as u64 + 9] {
        let home = Home::new();
        let fs = faulty();
        let ledger = home.ledger_on(fs.clone());
        fs.limit_space(room);
        let path = home.files.join("file");
        let full = ledger.record_path(&path, PathKind::File).unwrap_err();
        assert_eq!(full.code(), "ERR_PLIMSOLL_WRITE");
        assert!(full.to_string().contains("make room"), "{full}");
        assert_eq!((ledger.stats().write_failures, ledger.stats().records), (1, 0));
        if room < SLOT as u64 {
            assert_eq!(home.ledger_count(), 0, "a ledger without a header was left behind");
        }
        fs.heal();
        home.file(&ledger, "file");
        drop((ledger, fs));
        let report = home.sweep(&FakeProcesses::default());
        assert_eq!((report.files_removed, report.garbage, report.ledgers), (1, 0, 1));
    }
}

#[test]
fn writes_of_any_few_bytes_make_whole_records() {
    for bytes in [1, 2, 5, 7, 8, 30] {
        let home = Home::new();
        let fs = faulty();
        fs.fail_from(Call::WriteAt, 1, Fault::Short(bytes));
        let ledger = home.ledger_on(fs);
        home.file(&ledger, "file");
        drop(ledger);
        let report = home.sweep(&FakeProcesses::default());
        assert_eq!((report.files_removed, report.garbage), (1, 0), "{bytes} bytes at once");
    }
}

#[test]
fn a_record_that_could_not_be_struck_out_is_harmless_and_overwritten_by_the_next() {
    let home = Home::new();
    let fs = faulty();
    let ledger = home.ledger_on(fs.clone());
    let stale = home.files.join("stale");
    let record = ledger.record_path(&stale, PathKind::File).unwrap();
    fs.fail_nth(Call::WriteAt, 1, Fault::Error(libc::EIO));
    ledger.strike(record);
    assert_eq!((ledger.stats().write_failures, ledger.stats().records), (1, 0));
    home.file(&ledger, "fresh");
    std::fs::write(&stale, "of somebody else by now").unwrap();
    drop((ledger, fs));
    assert_eq!(home.sweep(&FakeProcesses::default()).files_removed, 1);
    assert!(stale.exists());
}

#[test]
fn without_a_usable_directory_there_is_no_ledger_and_that_is_told_and_counted() {
    let home = Home::new();
    std::fs::create_dir_all(&home.ledgers).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&home.ledgers, open).unwrap();
    let read_only = faulty();
    read_only.fail_from(Call::CreateNew, 1, Fault::Error(libc::EROFS));
    let no_locks = faulty();
    no_locks.fail_from(Call::TryLock, 1, Fault::Error(libc::ENOLCK));
    let elsewhere = Ok(home.root.path().join("b/ledger"));
    let cause = io::Error::from(io::ErrorKind::NotFound);
    let homeless = LedgerError::Unavailable { path: "~".to_owned(), cause };
    let ledgers = [
        (home.ledger(), "can be written by others"),
        (Ledger::open(read_only, elsewhere), "Read-only"),
        (Ledger::open(no_locks, Ok(home.root.path().join("c/ledger"))), "No locks"),
        (Ledger::open(Arc::new(RealFileSystem), Err(homeless)), "not found"),
    ];
    for (ledger, reason) in ledgers {
        let error = ledger.record_path(Path::new("/a"), PathKind::File).unwrap_err();
        assert_eq!(error.code(), "ERR_PLIMSOLL_OPEN");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(ledger.path(), None);
        let stats = ledger.stats();
        assert_eq!((stats.unrecorded, stats.written), (1, 0));
        assert!(stats.unavailable.unwrap().contains(reason));
        ledger.remove_if_empty();
    }
    assert_eq!(home.ledger_count(), 0);
}

#[test]
fn a_ledger_whose_name_was_removed_is_begun_anew_with_all_its_records() {
    let home = Home::new();
    let ledger = home.ledger();
    let paths = ["a", "b", "c"].map(|name| home.file(&ledger, name));
    let gone = ledger.record_path(&home.files.join("gone"), PathKind::File).unwrap();
    ledger.strike(gone);
    std::fs::remove_dir_all(home.root.path().join("state")).unwrap();
    home.file(&ledger, "d");
    assert_eq!((home.ledger_count(), ledger.stats().records), (1, 4));
    assert_eq!(home.sweep(&FakeProcesses::default()).living, 1);
    drop(ledger);
    assert_eq!(home.sweep(&FakeProcesses::default()).files_removed, 4);
    assert!(paths.iter().all(|path| !path.exists()));
}
