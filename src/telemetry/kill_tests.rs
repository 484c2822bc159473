//! Kills at every point where the process touches the disk, and what the next start makes of it.
//!
//! A kill is played by a disk on which, from a chosen call on, nothing happens any more: a write it
//! strikes is half done. Everything in memory is then thrown away, the ring's lock with it, and the
//! directory is recovered with the real disk. Afterwards every entry stored must be
//! in the log or its archives exactly once, and every line must be whole.

use super::counters::Counters;
use super::dedup::Dedup;
use super::drain::{Drain, SharedLog, Terms};
use super::level::Level;
use super::log_file::{LogError, LogFile};
use super::paths::LogPaths;
use super::profile::Profile;
use super::recovery::recover_directory;
use super::ring::{Encoding, Geometry, Producer, Refusal, Ring};
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const GEOMETRY: Geometry = Geometry { capacity: 65_536, max_entries: 1000 };
const ROTATION: u64 = 700;

struct Life {
    producer: Producer,
    drain: Drain,
    log: SharedLog,
    counters: Counters,
}

impl Life {
    /// An owner of a ring who dies at the nth call of the disk, or never.
    fn begin(paths: &LogPaths, id: u64, dies_at: Option<u64>) -> Life {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let profile = Profile { rotation_threshold: ROTATION, ..Profile::default() };
        let ring =
            Ring::create(&RealFileSystem, &paths.ring(id), id, GEOMETRY, 0, &profile.encode());
        let ring = Arc::new(ring.unwrap());
        let fs = FaultyFileSystem::new();
        if let Some(nth) = dies_at {
            fs.fail_nth(Call::Any, nth, Fault::Crash);
        }
        let file = LogFile::new(Arc::new(fs), Arc::clone(&clock), paths.clone());
        Life {
            producer: Producer::new(Arc::clone(&ring)),
            drain: Drain::new(ring, profile.sanitizer().unwrap(), clock),
            log: SharedLog { file, dedup: Dedup::default() },
            counters: Counters::default(),
        }
    }

    /// `false` when the ring is full.
    fn store(&mut self, json: &str) -> bool {
        match self.producer.reserve(json.len(), 100) {
            Ok(room) => {
                self.producer.write(&room, json.as_bytes());
                let (length, level) = (json.len(), Level::Error);
                self.producer.commit(&room, length, level, Encoding::Utf8, false, 1);
                true
            }
            Err(Refusal::Full) => false,
            Err(Refusal::TooLarge) => panic!("{json}"),
        }
    }

    /// `false` when it was killed.
    fn step(&mut self, finish: bool) -> bool {
        let terms = Terms { rotation_threshold: ROTATION, sync: false };
        match self.drain.step(&mut self.log, terms, &self.counters, finish) {
            Ok(step) => step.rotation_error.is_none(),
            Err(LogError::Busy) => panic!("nobody else is there"),
            Err(_) => false,
        }
    }
}

/// How often each number occurs in the log and its archives, repeats counted.
fn occurrences(paths: &LogPaths) -> BTreeMap<u64, u64> {
    let mut found = BTreeMap::new();
    for name in RealFileSystem.list(paths.directory()).unwrap() {
        assert!(!name.ends_with(".ring"), "{name} was left behind");
        if !name.ends_with(".jsonl") {
            continue;
        }
        let text = std::fs::read_to_string(paths.directory().join(&name)).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{name} ends in a torn line");
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let number = line["data"]["n"].as_u64().unwrap();
            *found.entry(number).or_default() += line["repeats"].as_u64().unwrap_or(1);
        }
    }
    found
}

fn recover(paths: &LogPaths) {
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    for (log, recovery) in recover_directory(&fs, &clock, paths.directory()).unwrap() {
        assert_eq!(recovery.failures, Vec::new(), "{log}");
        assert_eq!((recovery.damaged, recovery.damaged_bytes), (0, 0), "{log}");
    }
}

fn home() -> (tempfile::TempDir, LogPaths) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().canonicalize().unwrap();
    (home, LogPaths::new(directory, "log.jsonl".to_owned()))
}

#[test]
fn a_kill_at_any_call_of_the_disk_loses_and_doubles_nothing() {
    for nth in 1.. {
        let (_home, paths) = home();
        let mut life = Life::begin(&paths, 1, Some(nth));
        let mut stored = BTreeMap::new();
        for number in 0..60 {
            // Every third is one of four identical ones.
            let number = if number % 3 == 0 { number % 4 } else { number + 100 };
            assert!(life.store(&format!("{{\"error\":\"e{}\",\"n\":{number}}}", number % 7)));
            *stored.entry(number).or_default() += 1;
        }
        let survived = (0..100).all(|_| life.drain.is_done() || life.step(true));
        let done = life.drain.is_done();
        drop(life);
        recover(&paths);
        assert_eq!(occurrences(&paths), stored, "killed at call {nth}");
        if survived && done {
            assert!(nth > 20, "the run was too short to prove anything: {nth}");
            return;
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Store(u64),
    Step,
    Kill,
    Rebirth(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (0..40_u64).prop_map(Act::Store),
        2 => Just(Act::Step),
        1 => Just(Act::Kill),
        1 => (1..120_u64).prop_map(Act::Rebirth),
    ];
    proptest::collection::vec(act, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Owners come, store, write, and die anywhere; some of their rings are drained by the next owner,
    /// some by the end of the test.
    #[test]
    fn any_history_of_kills_loses_and_doubles_nothing(history in acts()) {
        let (_home, paths) = home();
        let mut stored = BTreeMap::new();
        let mut id = 1;
        let mut life = Life::begin(&paths, id, None);
        for act in history {
            match act {
                Act::Store(number) => {
                    // Sizes from a few bytes to several frames of the rotation threshold.
                    let filler = "x".repeat((number as usize * 37) % 900);
                    let json = format!("{{\"n\":{number},\"error\":\"{filler}\"}}");
                    if life.store(&json) {
                        *stored.entry(number).or_default() += 1;
                    }
                }
                Act::Step => {
                    life.step(false);
                }
                Act::Kill => {
                    id += 1;
                    life = Life::begin(&paths, id, None);
                }
                Act::Rebirth(nth) => {
                    drop(life);
                    recover(&paths);
                    id += 1;
                    life = Life::begin(&paths, id, Some(nth));
                }
            }
        }
        drop(life);
        recover(&paths);
        prop_assert_eq!(occurrences(&paths), stored);
    }
}
