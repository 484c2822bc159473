//! A host, requests, and a listener that is waited for.

use plimsoll::lifecycle::group::{Groups, WHOLE_PROCESS};
use plimsoll::lifecycle::keeper::order::Order;
use plimsoll::lifecycle::ledger::{Journal, LedgerError, PathKind, Record};
use plimsoll::lifecycle::process::host::{Host, HostSettings, SystemKeepers};
use plimsoll::lifecycle::process::{
    Ending, Event, Input, Listener, Output, ProcessId, Processes, Request,
};
use plimsoll::platform::process::ProcessIdentity;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything takes on a machine that is busy with something else.
pub(crate) const FOREVER: Duration = Duration::from_secs(120);

/// A ledger in memory that knows what is in it.
#[derive(Default)]
pub(crate) struct Memory {
    table: Mutex<(u32, HashSet<u32>)>,
}

impl Memory {
    /// How many were recorded, and how many of them are there still.
    pub(crate) fn counts(&self) -> (u32, usize) {
        let table = self.table.lock().unwrap();
        (table.0, table.1.len())
    }
}

impl Journal for Memory {
    fn record_process(&self, process: ProcessIdentity, _: &[u8]) -> Result<Record, LedgerError> {
        assert!(process.start > 0);
        let mut table = self.table.lock().unwrap();
        table.0 += 1;
        let record = table.0;
        table.1.insert(record);
        Ok(Record(record))
    }

    fn record_path(&self, _: &Path, _: PathKind) -> Result<Record, LedgerError> {
        Err(LedgerError::Full)
    }

    fn strike(&self, record: Record) {
        assert!(self.table.lock().unwrap().1.remove(&record.0), "struck twice");
    }

    fn path(&self) -> Option<PathBuf> {
        None
    }
}

/// A host with the keepers of this build.
pub(crate) struct Bench {
    pub(crate) host: Host,
    pub(crate) journal: Arc<Memory>,
    pub(crate) groups: Arc<Groups>,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with_keeper(env!("CARGO_BIN_EXE_plimsoll-keeper"))
    }

    pub(crate) fn with_keeper(program: &str) -> Bench {
        let keepers = Arc::new(SystemKeepers::new(program.into()));
        let journal = Arc::<Memory>::default();
        let groups = Arc::<Groups>::default();
        let host = Host::new(HostSettings::new(keepers, journal.clone(), groups.clone()));
        Bench { host, journal, groups }
    }

    pub(crate) fn start(&self, request: Request) -> (ProcessId, Arc<Ear>) {
        let ear = Arc::<Ear>::default();
        (self.host.start(request, ear.clone()).unwrap(), ear)
    }

    /// Runs one to its end.
    pub(crate) fn run(&self, request: Request) -> Ending {
        self.start(request).1.ending()
    }

    /// Nothing is left: no process, no keeper, no record.
    pub(crate) fn assert_settled(&self) {
        assert_eq!(self.host.wait_until_settled(FOREVER), 0);
        assert_eq!(self.host.list(), []);
        assert_eq!(self.journal.counts().1, 0);
    }
}

/// Hears, and can be asked.
#[derive(Default)]
pub(crate) struct Ear {
    heard: Mutex<Vec<Event>>,
    more: Condvar,
}

impl Listener for Ear {
    fn hear(&self, _: ProcessId, event: Event) {
        self.heard.lock().unwrap().push(event);
        self.more.notify_all();
    }
}

impl Ear {
    /// Waits until what was heard gives an answer.
    pub(crate) fn wait<T>(&self, mut answer: impl FnMut(&[Event]) -> Option<T>) -> T {
        let end = Instant::now() + FOREVER;
        let mut heard = self.heard.lock().unwrap();
        loop {
            if let Some(found) = answer(&heard) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited too long, heard {}", heard.len());
            heard = self.more.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// The end; there is one, and nothing comes after it.
    pub(crate) fn ending(&self) -> Ending {
        self.wait(|heard| {
            let at = heard.iter().position(|event| matches!(event, Event::Ended(_)))?;
            assert_eq!(at, heard.len() - 1);
            match &heard[at] {
                Event::Ended(ending) => Some(Ending::clone(ending)),
                _ => None,
            }
        })
    }

    /// Its number, once it is executed.
    pub(crate) fn pid(&self) -> i32 {
        self.wait(|heard| {
            heard.iter().find_map(|event| match event {
                Event::Started { pid } => Some(*pid),
                _ => None,
            })
        })
    }

    /// Everything that was streamed so far.
    pub(crate) fn bytes(heard: &[Event]) -> Vec<u8> {
        let parts = heard.iter().map(|event| match event {
            Event::Bytes { bytes, .. } => bytes.as_slice(),
            _ => &[],
        });
        parts.collect::<Vec<_>>().concat()
    }
}

pub(crate) fn command(program: &str, arguments: &[&str]) -> Request {
    let arguments = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    Request {
        order: Order {
            program: program.as_bytes().to_vec(),
            arguments,
            environment: vec![b"PATH=/usr/local/bin:/usr/bin:/bin".to_vec()],
            ..Order::default()
        },
        input: Input::Nothing,
        output: Output::Kept { most_bytes: 1 << 20 },
        error: Output::Kept { most_bytes: 1 << 20 },
        timeout: None,
        end_signal: libc::SIGTERM,
        grace: Duration::from_millis(100),
        group: WHOLE_PROCESS,
    }
}

pub(crate) fn script(text: &str) -> Request {
    command("sh", &["-c", text])
}
