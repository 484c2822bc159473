//! Handles from opening to closing, on a good disk and on bad ones.

use super::archive::Retention;
use super::failure;
use super::handle::Handle;
use super::handle::{Event, Stored};
use super::level::Level;
use super::paths::LogPaths;
use super::profile::Profile;
use super::ring::{Encoding, Geometry, Producer, Ring};
use super::runtime::Runtime;
use super::settings::Settings;
use super::settings::{Durability, Overflow};
use crate::compression::Compression;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);

fn settings(path: &Path) -> Settings {
    Settings {
        path: path.to_owned(),
        wake_entries: 800,
        flush_interval: LONG,
        compression: Compression::None,
        retention: Retention { max_age: None, max_archives: None, max_total_bytes: None },
        ring: Geometry { capacity: 65_536, max_entries: 8000 },
        overflow: Overflow::Wait,
        durability: Durability::Process,
        profile: Profile::default(),
    }
}

fn runtime() -> Runtime {
    Runtime::new(Arc::new(RealFileSystem), Arc::new(SystemClock))
}

fn open(runtime: &Runtime, settings: Settings) -> (Arc<Handle>, Receiver<Event>) {
    let (sender, events) = channel();
    let sink = Box::new(move |event| drop(sender.send(event)));
    let handle = runtime.open(settings, sink).unwrap();
    assert_eq!(events.recv().unwrap(), Event::Opened(Ok(())));
    (handle, events)
}

fn fill(json: &str) -> impl FnOnce(*mut u8) -> Option<usize> {
    move |address| {
        crate::platform::mmap::tests::copy_to(address, json.as_bytes());
        Some(json.len())
    }
}

fn store(handle: &Handle, json: &str) -> Stored {
    handle.store(json.len(), Level::Info, Encoding::Utf8, false, fill(json))
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn hidden(directory: &Path) -> Vec<String> {
    let names = RealFileSystem.list(directory).unwrap();
    names.into_iter().filter(|name| name.ends_with(".ring")).collect()
}

#[test]
fn what_was_stored_is_in_the_log_after_a_flush_and_the_ring_is_gone_after_closing() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let (handle, events) = open(&runtime(), settings(&log));
    for number in 0..100 {
        assert_eq!(store(&handle, &format!("{{\"n\":{number}}}")), Stored::InRing);
    }
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
    handle.flush(7);
    assert_eq!(events.recv().unwrap(), Event::Flushed(7, Ok(())));
    let written = lines(&log);
    assert_eq!(written.len(), 100);
    assert_eq!(written[99]["data"]["n"], 99);
    assert_eq!(written[99]["level"], "info");
    assert_eq!(hidden(home.path()).len(), 1);
    handle.close();
    assert_eq!(events.recv().unwrap(), Event::Closed(Ok(())));
    assert_eq!(store(&handle, "{}"), Stored::Closed);
    assert_eq!(hidden(home.path()), Vec::<String>::new());
}

#[test]
fn the_ring_of_a_dead_owner_is_drained_by_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().canonicalize().unwrap();
    let paths = LogPaths::new(directory, "log.jsonl".to_owned());
    let geometry = Geometry { capacity: 65_536, max_entries: 8000 };
    let ring = Ring::create(&RealFileSystem, &paths.ring(5), 5, geometry, 0, b"").unwrap();
    let mut producer = Producer::new(Arc::new(ring));
    for number in 0..10 {
        let json = format!("{{\"n\":{number}}}");
        let room = producer.reserve(json.len(), 100).unwrap();
        producer.write(&room, json.as_bytes());
        producer.commit(&room, json.len(), Level::Warn, Encoding::Utf8, false, number);
    }
    drop(producer);
    let (handle, _events) = open(&runtime(), settings(&paths.log()));
    assert_eq!(handle.counters.recovered.get(), 10);
    let numbers: Vec<_> =
        lines(&paths.log()).iter().map(|line| line["data"]["n"].clone()).collect();
    assert_eq!(numbers, (0..10).map(serde_json::Value::from).collect::<Vec<_>>());
    assert_eq!(hidden(home.path()).len(), 1);
}

#[test]
fn a_full_ring_refuses_and_offers_room_when_the_writer_has_been() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let mut few = settings(&log);
    few.wake_entries = u64::MAX;
    few.ring.max_entries = 3;
    let (handle, events) = open(&runtime(), few);
    for _ in 0..3 {
        assert_eq!(store(&handle, "1"), Stored::InRing);
    }
    assert_eq!(store(&handle, "1"), Stored::Full);
    assert!(!handle.want_room());
    assert_eq!(events.recv().unwrap(), Event::Room);
    assert_eq!(store(&handle, "1"), Stored::InRing);
}

#[test]
fn every_line_arrives_across_rotations_and_no_file_reaches_the_threshold() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let mut small = settings(&log);
    small.profile.rotation_threshold = 1000;
    let (handle, events) = open(&runtime(), small);
    for number in 0..500 {
        assert_eq!(store(&handle, &format!("{{\"n\":{number}}}")), Stored::InRing);
    }
    handle.flush(1);
    assert_eq!(events.recv().unwrap(), Event::Flushed(1, Ok(())));
    let mut names = RealFileSystem.list(home.path()).unwrap();
    names.retain(|name| name.ends_with(".jsonl"));
    names.sort_unstable();
    let mut numbers = Vec::new();
    for name in &names {
        let path = home.path().join(name);
        assert!(path.metadata().unwrap().len() < 1000 + 100, "{name}");
        numbers.extend(lines(&path).iter().map(|line| line["data"]["n"].as_u64().unwrap()));
    }
    assert!(log.metadata().unwrap().len() < 1000);
    assert_eq!(handle.counters.rotations.get(), names.len() as u64 - 1);
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
}

#[test]
fn finishing_writes_everything_of_everybody() {
    let home = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let log = home.path().join("log.jsonl");
    let (one, _events) = open(&runtime, settings(&log));
    let (other, _others) = open(&runtime, settings(&log));
    store(&one, "1");
    store(&other, "2");
    assert!(runtime.finish(LONG));
    assert_eq!(lines(&log).len(), 2);
    assert_eq!(hidden(home.path()), Vec::<String>::new());
    assert!(runtime.finish(LONG), "a second time there is nothing to do");
}

/// The next event that is no trouble.
fn answer(events: &Receiver<Event>) -> Event {
    loop {
        match events.recv().unwrap() {
            Event::Trouble(_) => {}
            event => return event,
        }
    }
}

fn numbers(path: &Path) -> Vec<u64> {
    lines(path).iter().filter_map(|line| line["data"]["n"].as_u64()).collect()
}

fn on_faulty_disk(home: &Path) -> (Arc<FaultyFileSystem>, Arc<Handle>, Receiver<Event>) {
    let fs = Arc::new(FaultyFileSystem::new());
    let runtime = Runtime::new(Arc::clone(&fs) as Arc<dyn FileSystem>, Arc::new(SystemClock));
    let (handle, events) = open(&runtime, settings(&home.join("log.jsonl")));
    (fs, handle, events)
}

fn store_numbers(handle: &Handle, range: std::ops::Range<u64>) {
    for number in range {
        assert_eq!(store(handle, &format!("{{\"n\":{number}}}")), Stored::InRing);
    }
}

#[test]
fn a_full_disk_keeps_everything_in_the_ring_and_tears_no_line() {
    let home = tempfile::tempdir().unwrap();
    let (fs, handle, events) = on_faulty_disk(home.path());
    store_numbers(&handle, 0..50);
    // Room for the lock's record and for half of the lines.
    fs.limit_space(1500);
    handle.flush(1);
    let Event::Flushed(1, Err(failure)) = answer(&events) else { panic!("it was flushed") };
    assert_eq!((failure.code, failure.cause.as_deref()), (failure::WRITE, Some("ENOSPC")));
    assert!(failure.message.contains("50 entries are safe"), "{}", failure.message);
    assert_eq!(handle.fill().entries, 50);
    assert_eq!(handle.counters.last_error().unwrap().code, failure::WRITE);
    assert_eq!(numbers(&home.path().join("log.jsonl")), Vec::<u64>::new());
    fs.heal();
    store_numbers(&handle, 50..60);
    handle.flush(2);
    assert_eq!(answer(&events), Event::Flushed(2, Ok(())));
    assert_eq!(numbers(&home.path().join("log.jsonl")), (0..60).collect::<Vec<_>>());
}

#[test]
fn any_single_failure_of_any_call_loses_and_doubles_nothing() {
    for errno in [libc::EIO, libc::EACCES, libc::ENOSPC] {
        for nth in 1..60 {
            let home = tempfile::tempdir().unwrap();
            let (fs, handle, events) = on_faulty_disk(home.path());
            store_numbers(&handle, 0..5);
            fs.fail_nth(Call::Any, nth, Fault::Error(errno));
            handle.flush(1);
            answer(&events);
            store_numbers(&handle, 5..10);
            handle.flush(2);
            answer(&events);
            fs.heal();
            handle.flush(3);
            assert_eq!(answer(&events), Event::Flushed(3, Ok(())), "call {nth}");
            let log = home.path().join("log.jsonl");
            assert_eq!(numbers(&log), (0..10).collect::<Vec<_>>(), "call {nth}");
            handle.close();
            assert_eq!(answer(&events), Event::Closed(Ok(())), "call {nth}");
        }
    }
}

#[test]
fn a_batch_that_can_neither_be_finished_nor_cut_off_is_settled_at_the_next_entry() {
    let home = tempfile::tempdir().unwrap();
    let (fs, handle, events) = on_faulty_disk(home.path());
    store_numbers(&handle, 0..5);
    fs.fail_nth(Call::Write, 1, Fault::Short(20));
    fs.fail_nth(Call::Write, 2, Fault::Error(libc::EIO));
    fs.fail_nth(Call::Truncate, 1, Fault::Error(libc::EIO));
    handle.flush(1);
    assert!(matches!(answer(&events), Event::Flushed(1, Err(_))));
    handle.flush(2);
    assert_eq!(answer(&events), Event::Flushed(2, Ok(())));
    assert_eq!(numbers(&home.path().join("log.jsonl")), (0..5).collect::<Vec<_>>());
}

#[test]
fn a_deleted_directory_is_made_again_with_everything_that_was_not_written() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("logs");
    let log = directory.join("log.jsonl");
    let (handle, events) = open(&runtime(), settings(&log));
    store_numbers(&handle, 0..5);
    std::fs::remove_dir_all(&directory).unwrap();
    store_numbers(&handle, 5..10);
    handle.flush(1);
    assert_eq!(answer(&events), Event::Flushed(1, Ok(())));
    assert_eq!(numbers(&log), (0..10).collect::<Vec<_>>());
    assert_eq!(hidden(&directory).len(), 1, "the ring has a name again");
    store_numbers(&handle, 10..12);
    handle.close();
    assert_eq!(answer(&events), Event::Closed(Ok(())));
    assert_eq!(numbers(&log), (0..12).collect::<Vec<_>>());
}

#[test]
fn a_log_that_was_moved_or_deleted_is_begun_anew() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let (handle, events) = open(&runtime(), settings(&log));
    for (token, range) in [(1, 0..3), (2, 3..6)] {
        store_numbers(&handle, range.clone());
        handle.flush(token);
        assert_eq!(answer(&events), Event::Flushed(token, Ok(())));
        assert_eq!(numbers(&log), range.collect::<Vec<_>>());
        std::fs::remove_file(&log).unwrap();
    }
}

#[test]
fn a_line_somebody_left_unfinished_does_not_swallow_ours() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    std::fs::write(&log, "{\"half\":").unwrap();
    let (handle, events) = open(&runtime(), settings(&log));
    store_numbers(&handle, 0..1);
    handle.flush(1);
    answer(&events);
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text.lines().next(), Some("{\"half\":"));
    assert!(text.lines().nth(1).unwrap().starts_with("{\"timestamp\":"));
}

#[test]
fn a_lock_held_by_another_process_is_waited_for_and_then_told() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let (handle, events) = open(&runtime(), settings(&log));
    let stopped = RealFileSystem.open_update(&home.path().join(".log.jsonl.lock")).unwrap();
    assert!(RealFileSystem.try_lock(&stopped).unwrap());
    store_numbers(&handle, 0..1);
    handle.flush(1);
    let Event::Trouble(failure) = events.recv().unwrap() else { panic!("it was flushed") };
    assert!(failure.message.contains("locked by another process"), "{}", failure.message);
    RealFileSystem.unlock(&stopped).unwrap();
    assert_eq!(answer(&events), Event::Flushed(1, Ok(())));
}

#[test]
fn something_else_under_the_locks_name_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".log.jsonl.lock"), "not a lock").unwrap();
    let (sender, events) = channel();
    let sink = Box::new(move |event| drop(sender.send(event)));
    runtime().open(settings(&home.path().join("log.jsonl")), sink).unwrap();
    let Event::Opened(Err(failure)) = answer(&events) else { panic!("it was opened") };
    assert!(failure.message.contains("not a lock of ours"), "{}", failure.message);
    assert_eq!(std::fs::read(home.path().join(".log.jsonl.lock")).unwrap(), b"not a lock");
}

#[test]
fn an_entry_too_long_for_the_ring_is_acknowledged_when_it_is_in_the_log() {
    let home = tempfile::tempdir().unwrap();
    let (fs, handle, events) = on_faulty_disk(home.path());
    let text = "x".repeat(200_000);
    assert_eq!(store(&handle, &text), Stored::TooLarge);
    fs.fail_nth(Call::Write, 1, Fault::Short(1000));
    fs.fail_nth(Call::Write, 2, Fault::Error(libc::ENOSPC));
    assert!(handle.begin_large(9, Level::Warn, false, text.len() + 2));
    assert!(!handle.begin_large(10, Level::Warn, false, 1), "one at a time");
    handle.extend_large(|json| json.extend_from_slice(format!("\"{text}\"").as_bytes()));
    handle.end_large();
    assert_eq!(answer(&events), Event::LargeWritten(9, Ok(())));
    let written = lines(&home.path().join("log.jsonl"));
    assert_eq!(written.len(), 1);
    assert_eq!(written[0]["data"], serde_json::Value::from(text));
}

#[test]
fn dropping_begins_with_the_lowest_level_and_is_told() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let mut dropping = settings(&log);
    dropping.overflow = Overflow::DropLowest;
    dropping.ring.max_entries = 10;
    dropping.wake_entries = u64::MAX;
    let lock = home.path().join(".log.jsonl.lock");
    let (handle, events) = open(&runtime(), dropping);
    let stopped = RealFileSystem.open_update(&lock).unwrap();
    assert!(RealFileSystem.try_lock(&stopped).unwrap());
    let mut kept = Vec::new();
    for level in Level::ALL {
        let mut stored = 0;
        while handle.store(1, level, Encoding::Utf8, false, fill("1")) == Stored::InRing {
            stored += 1;
        }
        assert_eq!(handle.refuse(level), Stored::Dropped);
        kept.push(stored);
    }
    assert_eq!(kept, [7, 1, 1, 1]);
    RealFileSystem.unlock(&stopped).unwrap();
    handle.flush(1);
    assert_eq!(answer(&events), Event::Flushed(1, Ok(())));
    let told = &lines(&log)[0]["data"];
    assert_eq!(told["plimsoll"], "dropped");
    assert_eq!(
        told["dropped"],
        serde_json::json!({ "debug": 1, "info": 1, "warn": 1, "error": 1 })
    );
}

#[test]
fn identical_entries_are_counted_and_the_count_is_written_at_closing() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let (handle, events) = open(&runtime(), settings(&log));
    for _ in 0..5 {
        store(&handle, "{\"error\":\"same\",\"n\":1}");
    }
    store(&handle, "{\"error\":\"same\",\"n\":2}");
    handle.flush(1);
    answer(&events);
    let written = lines(&log);
    assert_eq!(written.len(), 2);
    assert_eq!(written[0]["data"]["error"], "same");
    assert_eq!(written[1]["data"]["n"], 2);
    assert_eq!(handle.counters.deduplicated.get(), 4);
    handle.close();
    answer(&events);
    let count = &lines(&log)[2];
    assert_eq!(count["repeats"], 4);
    assert_eq!(count["hash"], written[0]["hash"]);
    assert!(count["firstTimestamp"].as_i64() <= count["lastTimestamp"].as_i64());
}

/// A clock that is set by hand.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn wall_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

#[test]
fn archives_keep_their_order_when_the_clock_steps_back() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    let clock = Arc::new(SetClock(AtomicI64::new(1_800_000_000_000)));
    let runtime = Runtime::new(Arc::new(RealFileSystem), Arc::clone(&clock) as Arc<dyn Clock>);
    let mut small = settings(&log);
    small.profile.rotation_threshold = 40;
    let (handle, events) = open(&runtime, small);
    for number in 0..6 {
        store_numbers(&handle, number..number + 1);
        handle.flush(1);
        answer(&events);
        clock.0.fetch_sub(1000, Ordering::Relaxed);
    }
    let mut names = RealFileSystem.list(home.path()).unwrap();
    names.retain(|name| name.starts_with("log.2"));
    names.sort_unstable();
    let found: Vec<u64> = names.iter().flat_map(|name| numbers(&home.path().join(name))).collect();
    assert_eq!(found, (0..6).collect::<Vec<_>>());
}
