//! The telemetry of this process: one writer thread, started with the first handle, for all handles.

use super::archive::Compressor;
use super::handle::{EventSink, Handle};
use super::hub::Hub;
use super::settings::Settings;
use super::writer::Writer;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::exit::at_exit;
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long the end of the process may be held up by writing what is left. What takes longer waits in
/// its ring for the next start.
pub const EXIT_BOUND: Duration = Duration::from_secs(2);

/// Everything the handles of this process share.
pub struct Runtime {
    hub: Arc<Hub>,
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    compressor: Arc<Compressor>,
    started: OnceLock<bool>,
    finished: Arc<(Mutex<bool>, Condvar)>,
}

static GLOBAL: OnceLock<Runtime> = OnceLock::new();

impl Runtime {
    /// The one of this process. Making it starts nothing.
    pub fn global() -> &'static Runtime {
        GLOBAL.get_or_init(|| Runtime::new(Arc::new(RealFileSystem), Arc::new(SystemClock)))
    }

    /// A runtime of its own, for tests.
    #[must_use]
    pub fn new(fs: Arc<dyn FileSystem>, clock: Arc<dyn Clock>) -> Runtime {
        let compressor = Arc::new(Compressor::new(Arc::clone(&fs), Arc::clone(&clock)));
        Runtime {
            hub: Arc::default(),
            fs,
            clock,
            compressor,
            started: OnceLock::new(),
            finished: Arc::default(),
        }
    }

    /// Makes a handle. It takes entries once [`super::handle::Event::Opened`] was told.
    ///
    /// Returns `None` when the writer thread could not be started.
    pub fn open(&self, settings: Settings, events: EventSink) -> Option<Arc<Handle>> {
        if !*self.started.get_or_init(|| self.start()) {
            return None;
        }
        // Random ids keep the rings of many processes apart without asking anyone; the standard
        // library seeds each `RandomState` differently.
        let id = RandomState::new().build_hasher().finish();
        let (hub, clock) = (Arc::clone(&self.hub), Arc::clone(&self.clock));
        let handle = Arc::new(Handle::new(id, settings, hub, clock, events));
        self.hub.open(Arc::clone(&handle));
        Some(handle)
    }

    fn start(&self) -> bool {
        let (hub, fs) = (Arc::clone(&self.hub), Arc::clone(&self.fs));
        let (clock, compressor) = (Arc::clone(&self.clock), Arc::clone(&self.compressor));
        let finished = Arc::clone(&self.finished);
        let work = move || {
            let mut writer = Writer::new(hub, fs, clock, compressor);
            let finished = || {
                *finished.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
                finished.1.notify_all();
            };
            // Work for a handle catches its own panics; this is for what lies between.
            while catch_unwind(AssertUnwindSafe(|| writer.run(&finished))).is_err() {}
        };
        std::thread::Builder::new().name("plimsoll-writer".to_owned()).spawn(work).is_ok()
    }

    /// Writes out and closes every handle, waiting at most `bound`. Returns whether all was written.
    /// For the end of the process: archives being compressed are left to the next start.
    pub fn finish(&self, bound: Duration) -> bool {
        if self.started.get() != Some(&true) {
            return true;
        }
        let (flag, bell) = &*self.finished;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.hub.exit();
        let waiting = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, _) = bell
            .wait_timeout_while(waiting, bound, |done| !*done)
            .unwrap_or_else(PoisonError::into_inner);
        *done
    }

    /// Has [`Runtime::finish`] run when the process exits.
    pub fn finish_at_exit() -> bool {
        at_exit(|| {
            Runtime::global().finish(EXIT_BOUND);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::Retention;
    use super::super::handle::{Event, Stored};
    use super::super::level::Level;
    use super::super::paths::{Compression, LogPaths};
    use super::super::profile::Profile;
    use super::super::ring::{Encoding, Geometry, Producer, Ring};
    use super::super::settings::{Durability, Overflow};
    use super::*;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, channel};

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
}
