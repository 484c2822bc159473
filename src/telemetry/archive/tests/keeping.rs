use super::super::retention::{Retention, enforce};
use super::*;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use std::time::{Duration, SystemTime};

const DAY: i64 = 86_400_000;

fn keep(home: &Home, retention: Retention, now_ms: i64) -> (u64, u64) {
    let report = enforce(&RealFileSystem, &home.paths, &retention, now_ms);
    assert!(report.error.is_none(), "{:?}", report.error);
    (report.deleted, report.bytes)
}

fn age(days: u64) -> Retention {
    Retention { max_age: Some(Duration::from_secs(days * 86_400)), ..Retention::default() }
}

fn set_modified(home: &Home, name: &str, ms: i64) {
    let file = std::fs::File::options().write(true).open(home.path(name)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(ms as u64)).unwrap();
}

#[test]
fn an_archive_is_as_old_as_its_name_or_its_modification_whichever_is_earlier() {
    let home = Home::new();
    let (old_name, old_file, young) = (home.name(-40 * DAY), home.name(0), home.name(1));
    for name in [&old_name, &old_file, &young] {
        home.put(name, b"{}\n");
        set_modified(&home, name, NOON);
    }
    set_modified(&home, &old_file, NOON - 31 * DAY);
    assert_eq!(keep(&home, age(30), NOON), (2, 6));
    assert_eq!(home.names(), [young]);
}

#[test]
fn exactly_the_greatest_age_is_kept_and_a_time_in_the_future_is_no_age() {
    let home = Home::new();
    for ms in [-30 * DAY, -30 * DAY - 1, 5 * DAY] {
        home.put(&home.name(ms), b"{}\n");
        set_modified(&home, &home.name(ms), NOON + 10 * DAY);
    }
    assert_eq!(keep(&home, age(30), NOON).0, 1);
    assert_eq!(home.names(), [home.name(-30 * DAY), home.name(5 * DAY)]);
}

#[test]
fn the_newest_are_kept_by_number_and_a_pair_counts_once() {
    let home = Home::new();
    for ms in 0..5 {
        home.put(&suffixed(&home.name(ms), Compression::Gzip), b"1234");
    }
    home.put(&home.name(3), b"123456");
    home.put(&home.name(0), b"123456");
    let newest = Retention { max_archives: Some(2), ..Retention::default() };
    assert_eq!(keep(&home, newest, NOON), (3, 18));
    let gz = |ms| suffixed(&home.name(ms), Compression::Gzip);
    assert_eq!(home.names(), [home.name(3), gz(3), gz(4)]);
    let none = Retention { max_archives: Some(0), ..Retention::default() };
    assert_eq!(keep(&home, none, NOON), (2, 14));
    assert_eq!(home.names(), Vec::<String>::new());
}

#[test]
fn all_archives_together_stay_under_the_most_bytes() {
    let home = Home::new();
    for ms in 0..4 {
        home.put(&home.name(ms), &[b'x'; 100]);
    }
    let most = |bytes| Retention { max_total_bytes: Some(bytes), ..Retention::default() };
    assert_eq!(keep(&home, most(400), NOON), (0, 0));
    assert_eq!(keep(&home, most(399), NOON), (1, 100));
    assert_eq!(keep(&home, most(100), NOON), (2, 200));
    assert_eq!(home.names(), [home.name(3)]);
}

#[test]
fn nothing_but_archives_of_exactly_this_log_is_touched() {
    let home = Home::new();
    let strangers = [
        "policy.jsonl",
        ".policy.jsonl.lock",
        ".policy.jsonl.00000000000000ff.ring",
        "policy2.2001-01-01T00-00-00-000Z.jsonl",
        "policy.backup.2001-01-01T00-00-00-000Z.jsonl",
        "policy.2001-01-01T00-00-00-000Z.jsonl.bak",
        "policy.2001-01-01T00-00-00-000Z.jsonl.gz.gz",
        "policy.2001-13-01T00-00-00-000Z.jsonl",
    ];
    for name in strangers {
        home.put(name, b"{}\n");
    }
    std::fs::create_dir(home.path("policy.2001-01-01T00-00-00-000Z.jsonl")).unwrap();
    let nothing = Retention {
        max_age: Some(Duration::ZERO),
        max_archives: Some(0),
        max_total_bytes: Some(0),
    };
    let before = home.names();
    assert_eq!(keep(&home, nothing, NOON), (0, 0));
    assert_eq!(home.names(), before);
}

#[test]
fn an_archive_being_compressed_is_left_and_no_younger_one_goes_in_its_place() {
    let home = Home::new();
    for ms in 0..3 {
        home.put(&home.name(ms), b"{}\n");
    }
    let compressor = RealFileSystem.open_read(&home.path(&home.name(0))).unwrap();
    assert!(RealFileSystem.try_lock(&compressor).unwrap());
    let two = Retention { max_archives: Some(2), ..Retention::default() };
    let report = enforce(&RealFileSystem, &home.paths, &two, NOON);
    assert_eq!((report.deleted, report.busy), (0, 1));
    drop(compressor);
    assert_eq!(keep(&home, two, NOON), (1, 3));
    assert_eq!(home.names(), [home.name(1), home.name(2)]);
}

#[test]
fn somebody_deleting_first_is_success_and_a_refusal_is_told() {
    let home = Home::new();
    for ms in 0..3 {
        home.put(&suffixed(&home.name(ms), Compression::Gzip), b"x");
    }
    let fs = FaultyFileSystem::new();
    fs.fail_nth(Call::Remove, 1, Fault::Error(libc::ENOENT));
    fs.fail_nth(Call::Remove, 2, Fault::Error(libc::EPERM));
    let none = Retention { max_archives: Some(0), ..Retention::default() };
    let report = enforce(&fs, &home.paths, &none, NOON);
    assert_eq!((report.deleted, report.failed), (2, 1));
    assert!(report.error.unwrap().to_string().starts_with("remove "));
}

#[test]
fn processes_that_enforce_at_once_delete_no_more_than_one_would() {
    let home = Home::new();
    for ms in 0..200 {
        home.put(&home.name(ms), b"x");
    }
    let fifty = Retention { max_archives: Some(50), ..Retention::default() };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let report = enforce(&RealFileSystem, &home.paths, &fifty, NOON);
                assert!(report.error.is_none(), "{:?}", report.error);
            });
        }
    });
    keep(&home, fifty, NOON);
    let expected: Vec<String> = (150..200).map(|ms| home.name(ms)).collect();
    assert_eq!(home.names(), expected);
}
