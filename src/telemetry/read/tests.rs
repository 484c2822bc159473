use super::super::archive::compress::compress_archive;
use super::super::counters::Counters;
use super::super::dedup::Dedup;
use super::super::drain::{Drain, SharedLog, Terms};
use super::super::level::Level;
use super::super::log_file::LogFile;
use super::super::paths::LogPaths;
use super::super::profile::Profile;
use super::super::ring::{Encoding, Geometry, Producer, Ring};
use super::*;
use crate::compression::Compression;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

static GO_ON: AtomicBool = AtomicBool::new(false);
const NOON: i64 = 1_761_220_800_000;
const GEOMETRY: Geometry = Geometry { capacity: 65_536, max_entries: 1000 };

struct Home {
    _directory: tempfile::TempDir,
    named: Named,
    archives: i64,
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
}

impl Home {
    fn new() -> Home {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().canonicalize().unwrap().join("log.jsonl");
        let named = resolve(&RealFileSystem, &log).unwrap();
        let (fs, clock) = (Arc::new(RealFileSystem), Arc::new(SystemClock));
        Home { _directory: directory, named, archives: 0, fs, clock }
    }

    fn paths(&self) -> &LogPaths {
        &self.named.paths
    }

    fn append(&self, text: &str) {
        let mut log = RealFileSystem.open_append(&self.paths().log()).unwrap();
        log.write_all(text.as_bytes()).unwrap();
    }

    fn append_numbers(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.append(&format!("{}\n", line(number)));
        }
    }

    /// Makes the log an archive and starts a new one.
    fn rotate(&mut self, compression: Compression) -> PathBuf {
        self.archives += 1;
        let plain = self.paths().archive(NOON + self.archives);
        std::fs::rename(self.paths().log(), &plain).unwrap();
        self.append("");
        if compression == Compression::None {
            return plain;
        }
        let name = plain.file_name().unwrap().to_str().unwrap().to_owned();
        compress_archive(&RealFileSystem, self.paths(), &name, compression, &GO_ON).unwrap();
        self.paths().directory().join(format!("{name}{}", compression.suffix()))
    }

    fn ring(&self, id: u64, profile: &Profile) -> Producer {
        let path = self.paths().ring(id);
        let ring = Ring::create(&*self.fs, &path, id, GEOMETRY, NOON, &profile.encode()).unwrap();
        Producer::new(Arc::new(ring))
    }

    fn drain(&self, producer: &Producer) {
        let file =
            LogFile::new(Arc::clone(&self.fs), Arc::clone(&self.clock), self.paths().clone());
        let mut log = SharedLog { file, dedup: Dedup::default() };
        let sanitizer = Profile::default().sanitizer().unwrap();
        let mut drain = Drain::new(Arc::clone(producer.ring()), sanitizer, Arc::clone(&self.clock));
        let terms = Terms { rotation_threshold: u64::MAX, sync: false };
        drain.step(&mut log, terms, &Counters::default(), true).unwrap();
        while !drain.is_done() {
            drain.step(&mut log, terms, &Counters::default(), true).unwrap();
        }
    }

    fn read(&self, settings: &ReadSettings) -> (Vec<String>, ReadReport) {
        self.read_with(settings, |_| {})
    }

    fn read_with(
        &self,
        settings: &ReadSettings,
        mut each: impl FnMut(usize),
    ) -> (Vec<String>, ReadReport) {
        let mut lines = Vec::new();
        let mut show = |line: &[u8]| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            each(lines.len());
            ControlFlow::Continue(())
        };
        let report = read_log(&self.fs, &self.named, settings, &GO_ON, None, &mut show).unwrap();
        (lines, report)
    }
}

fn line(number: u64) -> String {
    let time = NOON + number as i64;
    format!("{{\"timestamp\":{time},\"level\":\"info\",\"data\":{{\"n\":{number}}}}}")
}

fn store(producer: &mut Producer, number: u64) {
    store_json(producer, &format!("{{\"n\":{number}}}"), number);
}

fn store_json(producer: &mut Producer, json: &str, number: u64) {
    let room = producer.reserve(json.len(), 100).unwrap();
    producer.write(&room, json.as_bytes());
    let time = NOON + number as i64;
    producer.commit(&room, json.len(), Level::Info, Encoding::Utf8, false, time);
}

fn numbers(lines: &[String]) -> Vec<u64> {
    let number = |line: &String| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["data"]["n"].as_u64().unwrap()
    };
    lines.iter().map(number).collect()
}

fn all() -> ReadSettings {
    ReadSettings::default()
}

fn last(count: u64) -> ReadSettings {
    ReadSettings { last: Some(count), ..ReadSettings::default() }
}

/// Archives of every kind, a log, a dead ring and a living one, with the numbers 0 to 59.
fn full_house() -> (Home, Producer) {
    let mut home = Home::new();
    for (start, compression) in
        [(0, Compression::Gzip), (10, Compression::Zstd), (20, Compression::None)]
    {
        home.append_numbers(start..start + 10);
        home.rotate(compression);
    }
    home.append_numbers(30..40);
    let mut dead = home.ring(1, &Profile::default());
    let mut living = home.ring(2, &Profile::default());
    for number in 40..60 {
        store(if number % 2 == 0 { &mut dead } else { &mut living }, number);
    }
    (home, living)
}

#[test]
fn archives_log_and_rings_are_one_text_in_order() {
    let (home, _living) = full_house();
    let names = RealFileSystem.list(home.paths().directory()).unwrap();
    let (lines, report) = home.read(&all());
    assert_eq!(numbers(&lines), (0..60).collect::<Vec<_>>());
    assert_eq!((report.shown, report.damaged_count), (60, 0));
    let mut after = RealFileSystem.list(home.paths().directory()).unwrap();
    after.sort_unstable();
    let mut before = names;
    before.sort_unstable();
    assert_eq!(after, before, "reading changed something");
}

#[test]
fn the_last_lines_are_the_end_of_the_whole_text() {
    let (home, _living) = full_house();
    let (whole, _) = home.read(&all());
    for count in [0, 1, 5, 19, 20, 21, 30, 35, 59, 60, 61, 1000] {
        let (lines, report) = home.read(&last(count));
        let expected = &whole[whole.len().saturating_sub(count as usize)..];
        assert_eq!(lines, expected, "the last {count}");
        assert_eq!(report.shown, expected.len() as u64);
    }
}

#[test]
fn filters_hold_for_every_source_and_for_the_last_lines() {
    let (home, _living) = full_house();
    let pattern = Some(Pattern::new("\"n\":[0-9]*5}", false).unwrap());
    let filter = Filter { pattern, ..Filter::default() };
    let fives = ReadSettings { filter: filter.clone(), last: None };
    assert_eq!(numbers(&home.read(&fives).0), [5, 15, 25, 35, 45, 55]);
    let two = ReadSettings { filter, last: Some(2) };
    assert_eq!(numbers(&home.read(&two).0), [45, 55]);
    let filter = Filter { since_ms: Some(NOON + 57), ..Filter::default() };
    assert_eq!(numbers(&home.read(&ReadSettings { filter, last: None }).0), [57, 58, 59]);
    let filter = Filter { level: Some(Level::Warn), ..Filter::default() };
    assert_eq!(home.read(&ReadSettings { filter, last: None }).0, Vec::<String>::new());
}

#[test]
fn an_archive_from_long_before_is_not_opened() {
    let mut home = Home::new();
    home.append_numbers(0..3);
    let old = home.rotate(Compression::Gzip);
    std::fs::write(&old, b"damaged").unwrap();
    home.append_numbers(10..12);
    let since = |ms| ReadSettings {
        filter: Filter { since_ms: Some(ms), ..Filter::default() },
        last: None,
    };
    assert_eq!(home.read(&since(NOON)).1.damaged_count, 1);
    assert_eq!(home.read(&since(NOON + 2 * 86_400_000)).1.damaged_count, 0);
}

#[test]
fn a_damaged_archive_gives_what_it_can_and_is_told_of() {
    let mut home = Home::new();
    home.append_numbers(0..2000);
    let cut = home.rotate(Compression::Gzip);
    home.append_numbers(2000..2010);
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 4]).unwrap();
    let (lines, report) = home.read(&all());
    assert_eq!(numbers(&lines), (0..2010).collect::<Vec<_>>());
    let name = cut.file_name().unwrap().to_str().unwrap();
    assert_eq!((report.damaged_count, report.damaged[0].0.as_str()), (1, name));
}

#[test]
fn a_line_without_an_end_is_shown_before_the_rings() {
    let home = Home::new();
    home.append("{\"torn");
    let mut ring = home.ring(1, &Profile::default());
    store(&mut ring, 7);
    let (lines, _) = home.read(&all());
    assert_eq!(lines, ["{\"torn".to_owned(), line(7)]);
}

#[test]
fn a_line_beyond_the_bound_is_cut_and_counted() {
    let home = Home::new();
    home.append(&"x".repeat(LINE_BOUND + 1000));
    home.append("\nnext\n");
    let mut lengths = Vec::new();
    let mut show = |line: &[u8]| {
        lengths.push(line.len());
        ControlFlow::Continue(())
    };
    let report = read_log(&home.fs, &home.named, &all(), &GO_ON, None, &mut show).unwrap();
    assert_eq!(lengths, [LINE_BOUND, 4]);
    assert_eq!((report.cut, report.shown), (1, 2));
}

#[test]
fn rotations_and_compression_while_reading_lose_and_double_nothing() {
    for compression in [Compression::None, Compression::Gzip] {
        for rotations in 1..4 {
            let mut home = Home::new();
            home.append_numbers(0..10);
            home.rotate(Compression::None);
            home.append_numbers(10..20);
            let mut lines = Vec::new();
            let named = home.named.clone();
            let fs = Arc::clone(&home.fs);
            let mut show = |line: &[u8]| {
                lines.push(String::from_utf8_lossy(line).into_owned());
                if lines.len() == 15 {
                    for round in 0..rotations {
                        home.append_numbers(20 + round * 5..25 + round * 5);
                        home.rotate(compression);
                    }
                    home.append_numbers(20 + rotations * 5..25 + rotations * 5);
                }
                ControlFlow::Continue(())
            };
            read_log(&fs, &named, &all(), &GO_ON, None, &mut show).unwrap();
            let expected: Vec<u64> = (0..25 + rotations * 5).collect();
            assert_eq!(numbers(&lines), expected, "{compression:?} {rotations}");
        }
    }
}

#[test]
fn a_clock_that_steps_back_between_rotations_loses_nothing() {
    let mut home = Home::new();
    home.append_numbers(0..5);
    home.rotate(Compression::None);
    home.append_numbers(5..10);
    let mut lines = follow(&mut home, &all(), |home, step| {
        if step > 1 {
            return false;
        }
        home.rotate(Compression::None);
        home.append_numbers(10..15);
        home.archives = -100;
        home.rotate(Compression::None);
        home.append_numbers(15..20);
        true
    });
    lines.sort_unstable();
    let mut expected: Vec<String> = (0..20).map(line).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn an_archive_compressed_before_it_is_opened_is_read_all_the_same() {
    let mut home = Home::new();
    home.append_numbers(0..5);
    home.rotate(Compression::None);
    home.append_numbers(5..10);
    let second = home.rotate(Compression::None);
    home.append_numbers(10..12);
    let name = second.file_name().unwrap().to_str().unwrap().to_owned();
    let paths = home.paths().clone();
    let (lines, report) = home.read_with(&all(), |count| {
        if count == 2 {
            compress_archive(&RealFileSystem, &paths, &name, Compression::Gzip, &GO_ON).unwrap();
        }
    });
    assert_eq!(numbers(&lines), (0..12).collect::<Vec<_>>());
    assert_eq!(report.vanished, 0);
}

/// Follows the log; `step` is what happens between two looks and says whether to go on.
fn follow(
    home: &mut Home,
    settings: &ReadSettings,
    mut step: impl FnMut(&mut Home, usize) -> bool,
) -> Vec<String> {
    let (fs, named) = (Arc::clone(&home.fs), home.named.clone());
    let mut lines = Vec::new();
    let mut count = 0;
    let mut wait = || {
        count += 1;
        step(home, count)
    };
    let mut show = |line: &[u8]| {
        lines.push(String::from_utf8_lossy(line).into_owned());
        ControlFlow::Continue(())
    };
    read_log(&fs, &named, settings, &GO_ON, Some(&mut wait), &mut show).unwrap();
    lines
}

#[test]
fn following_shows_growth_and_passes_over_rotations() {
    for compression in [Compression::None, Compression::Zstd] {
        let mut home = Home::new();
        home.append_numbers(0..3);
        let lines = follow(&mut home, &last(1), |home, step| {
            match step {
                1 => home.append_numbers(3..5),
                2 => home.append(&line(5)[..10]),
                3 => home.append(&format!("{}\n", &line(5)[10..])),
                4 => {
                    home.append_numbers(6..8);
                    home.rotate(compression);
                }
                5 => home.append_numbers(8..9),
                6 => {
                    for round in 0..3 {
                        home.append_numbers(9 + round..10 + round);
                        home.rotate(compression);
                    }
                    home.append_numbers(12..13);
                }
                _ => return false,
            }
            true
        });
        assert_eq!(numbers(&lines), (2..13).collect::<Vec<_>>(), "{compression:?}");
    }
}

#[test]
fn following_survives_a_log_that_is_cut_deleted_or_not_there_yet() {
    let mut home = Home::new();
    let mut ring = home.ring(1, &Profile::default());
    let lines = follow(&mut home, &all(), |home, step| {
        match step {
            1 => home.append_numbers(0..3),
            2 => {
                std::fs::write(home.paths().log(), "").unwrap();
                home.append_numbers(3..4);
            }
            3 => std::fs::remove_file(home.paths().log()).unwrap(),
            4 => home.append_numbers(4..6),
            5 => store(&mut ring, 6),
            _ => return false,
        }
        true
    });
    assert_eq!(numbers(&lines), (0..7).collect::<Vec<_>>());
}

#[test]
fn an_entry_shown_from_a_ring_is_not_shown_again_from_the_log() {
    let mut home = Home::new();
    let mut ring = home.ring(1, &Profile::default());
    let repeated = r#"{"n":100,"error":"the same"}"#;
    let lines = follow(&mut home, &all(), |home, step| {
        match step {
            1 => (0..5).for_each(|number| store(&mut ring, number)),
            2 => home.drain(&ring),
            3 => {
                store(&mut ring, 5);
                home.drain(&ring);
                store(&mut ring, 6);
            }
            4 => {
                for _ in 0..3 {
                    store_json(&mut ring, repeated, 7);
                }
            }
            5 => home.drain(&ring),
            6 => home.append(&format!("{}\n", line(8))),
            _ => return false,
        }
        true
    });
    let (kept, count): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| !line.contains("\"repeats\":"));
    assert_eq!(numbers(&kept), [0, 1, 2, 3, 4, 5, 6, 100, 100, 100, 8]);
    assert_eq!(count.len(), 1, "the count itself is a line of the log");
}

#[test]
fn entries_in_a_ring_are_blackened_as_their_owner_asked() {
    let home = Home::new();
    let profile = Profile { redact_paths: vec!["password".to_owned()], ..Profile::default() };
    let mut ring = home.ring(1, &profile);
    store_json(&mut ring, r#"{"n":1,"password":"hunter2"}"#, 1);
    let (lines, _) = home.read(&all());
    assert_eq!(numbers(&lines), [1]);
    assert!(!lines[0].contains("hunter2"), "{}", lines[0]);
}

#[test]
fn a_ring_of_another_version_is_told_of_and_the_others_are_read() {
    let home = Home::new();
    let mut ring = home.ring(1, &Profile::default());
    store(&mut ring, 1);
    std::fs::write(home.paths().ring(2), vec![7; 100_000]).unwrap();
    let (lines, report) = home.read(&all());
    assert_eq!(numbers(&lines), [1]);
    assert!(report.damaged[0].1.contains("is not a ring"), "{:?}", report.damaged);
}

#[test]
fn a_ring_that_wraps_and_one_with_a_flipped_bit_are_read() {
    let home = Home::new();
    let mut ring = home.ring(1, &Profile::default());
    let fill = "x".repeat(3000);
    for number in 0..50 {
        store_json(&mut ring, &format!("{{\"n\":{number},\"fill\":\"{fill}\"}}"), number);
        if number % 10 == 9 {
            home.drain(&ring);
        }
    }
    for number in 50..65 {
        store_json(&mut ring, &format!("{{\"n\":{number},\"fill\":\"{fill}\"}}"), number);
    }
    assert_eq!(numbers(&home.read(&all()).0), (0..65).collect::<Vec<_>>());
    let path = home.paths().ring(1);
    let mut bytes = std::fs::read(&path).unwrap();
    let place = memchr::memmem::find(&bytes, b"{\"n\":57,").unwrap();
    bytes[place + 5] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let expected: Vec<u64> = (0..65).filter(|number| *number != 57).collect();
    assert_eq!(numbers(&home.read(&all()).0), expected);
}

#[test]
fn what_is_no_log_is_refused() {
    let home = Home::new();
    let mut show = |_: &[u8]| ControlFlow::Continue(());
    let nothing = read_log(&home.fs, &home.named, &all(), &GO_ON, None, &mut show);
    assert!(matches!(nothing, Err(ReadError::NoLog(_))));
    let directory = home.paths().directory();
    assert!(matches!(resolve(&RealFileSystem, directory), Err(ReadError::NotAFile(_))));
    assert!(resolve(&RealFileSystem, &directory.join("none/log.jsonl")).is_err());
}

#[test]
fn a_link_to_a_log_and_an_archive_by_its_own_name_are_read() {
    let mut home = Home::new();
    home.append_numbers(0..3);
    let archive = home.rotate(Compression::Gzip);
    home.append_numbers(3..5);
    let link = home.paths().directory().join("link");
    std::os::unix::fs::symlink(home.paths().log(), &link).unwrap();
    let read = |path: &std::path::Path| {
        let named = resolve(&RealFileSystem, path).unwrap();
        let mut lines = Vec::new();
        let mut show = |line: &[u8]| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            ControlFlow::Continue(())
        };
        read_log(&home.fs, &named, &all(), &GO_ON, None, &mut show).unwrap();
        numbers(&lines)
    };
    assert_eq!(read(&link), [0, 1, 2, 3, 4]);
    assert_eq!(read(&archive), [0, 1, 2]);
}

#[test]
fn reading_stops_when_told() {
    let (home, _living) = full_house();
    let stop = AtomicBool::new(true);
    let mut show = |_: &[u8]| panic!("a line was shown");
    let mut wait = || panic!("it went on");
    read_log(&home.fs, &home.named, &all(), &stop, Some(&mut wait), &mut show).unwrap();
    let mut shown = 0;
    let mut once = |_: &[u8]| {
        shown += 1;
        ControlFlow::Break(())
    };
    read_log(&home.fs, &home.named, &all(), &GO_ON, None, &mut once).unwrap();
    assert_eq!(shown, 1);
}
