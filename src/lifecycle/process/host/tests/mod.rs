//! The host with keepers that a test plays: no process is started.

mod faults;
mod model;
mod outputs;
mod states;

use super::reactor::Reactor;
use super::*;
use crate::lifecycle::group::Groups;
use crate::lifecycle::keeper::messages::{LENGTH, ToKeeper, ToOwner};
use crate::lifecycle::keeper::order::Leftovers;
use crate::lifecycle::ledger::{Journal, LedgerError, PathKind, Record};
use crate::lifecycle::process::{Captured, Ending, Event, Outcome, Output};
use crate::platform::clock::Clock;
use crate::platform::process::ProcessIdentity;
use crate::platform::process::fake::FakeProcesses;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other end of what the host started.
struct Keeper {
    number: i32,
    /// `None`: it is dead.
    control: Option<UnixStream>,
    order: Order,
    input: File,
    /// Standard output and error.
    outputs: [Option<File>; 2],
}

impl Keeper {
    fn say(&mut self, message: ToOwner) {
        self.say_bytes(&message.encode());
    }

    fn say_bytes(&mut self, bytes: &[u8]) {
        // The host may have hung up.
        self.control.as_mut().unwrap().write_all(bytes).ok();
    }

    fn ready(&mut self) {
        let pid = self.pid();
        self.say(ToOwner::Ready { pid, start: 1 });
    }

    /// The number of its command.
    fn pid(&self) -> i32 {
        self.number + 1
    }

    /// What it was told and has not read yet.
    fn told(&mut self) -> Vec<ToKeeper> {
        let mut told = Vec::new();
        let mut bytes = [0; LENGTH];
        while let Some(control) = &mut self.control {
            control.set_nonblocking(true).unwrap();
            if control.read_exact(&mut bytes).is_err() {
                break;
            }
            told.push(ToKeeper::decode(&bytes).unwrap());
        }
        told
    }

    /// Whether the host has hung up.
    fn is_left(&mut self) -> bool {
        self.told();
        let mut bytes = [0; LENGTH];
        matches!(self.control.as_mut().unwrap().read(&mut bytes), Ok(0))
    }

    fn print(&mut self, bytes: &[u8]) {
        self.outputs[0].as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn finish(&mut self, ended: ToOwner) {
        self.outputs = [None, None];
        self.say(ended);
        self.say(ToOwner::Gone { ended: 0, refused: 0 });
        self.control = None;
    }
}

#[derive(Default)]
struct FakeKeepers {
    launched: Mutex<VecDeque<Keeper>>,
    /// Errors for the next launches.
    failures: Mutex<VecDeque<i32>>,
    launches: Mutex<i32>,
    collected: Mutex<Vec<i32>>,
    killed: Mutex<Vec<i32>>,
    /// They do not end by themselves.
    immortal: Mutex<bool>,
}

impl Keepers for FakeKeepers {
    fn launch(&self, order: &[u8], standard: [BorrowedFd<'_>; 3]) -> io::Result<Launched> {
        *lock(&self.launches) += 1;
        let number = *lock(&self.launches) * 10;
        if let Some(errno) = lock(&self.failures).pop_front() {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let (ours, theirs) = UnixStream::pair()?;
        let [input, output, error] = standard.map(|end| end.try_clone_to_owned().unwrap().into());
        lock(&self.launched).push_back(Keeper {
            number,
            control: Some(theirs),
            order: Order::decode(order).unwrap(),
            input,
            outputs: [Some(output), Some(error)],
        });
        Ok(Launched { control: ours.into(), keeper: number })
    }

    fn collect(&self, keeper: i32) -> bool {
        let gone = !*lock(&self.immortal) || lock(&self.killed).contains(&keeper);
        if gone {
            lock(&self.collected).push(keeper);
        }
        gone
    }

    fn kill(&self, keeper: i32) {
        lock(&self.killed).push(keeper);
    }
}

/// A ledger that counts what is done with each of its records.
#[derive(Default)]
struct FakeJournal {
    recorded: Mutex<Vec<(ProcessIdentity, Vec<u8>)>>,
    struck: Mutex<BTreeMap<u32, u32>>,
    /// What the next record is answered with.
    failures: Mutex<VecDeque<LedgerError>>,
}

impl Journal for FakeJournal {
    fn record_process(
        &self,
        process: ProcessIdentity,
        command: &[u8],
    ) -> Result<Record, LedgerError> {
        if let Some(failure) = lock(&self.failures).pop_front() {
            return Err(failure);
        }
        let mut recorded = lock(&self.recorded);
        recorded.push((process, command.to_vec()));
        let record = u32::try_from(recorded.len() - 1).unwrap();
        lock(&self.struck).insert(record, 0);
        Ok(Record(record))
    }

    fn record_path(&self, _: &Path, _: PathKind) -> Result<Record, LedgerError> {
        Err(LedgerError::Full)
    }

    fn strike(&self, record: Record) {
        *lock(&self.struck).get_mut(&record.0).unwrap() += 1;
    }

    fn path(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/ledger/of/a/test"))
    }
}

#[derive(Default)]
struct SetClock(Mutex<Duration>);

impl Clock for SetClock {
    fn wall_ms(&self) -> i64 {
        1_000_000 + i64::try_from(self.monotonic().as_millis()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        *lock(&self.0)
    }
}

/// Everything a listener heard.
#[derive(Default)]
struct Heard(Mutex<Vec<(ProcessId, Event)>>);

impl Listener for Heard {
    fn hear(&self, process: ProcessId, event: Event) {
        lock(&self.0).push((process, event));
    }
}

impl Heard {
    fn take(&self) -> Vec<Event> {
        lock(&self.0).drain(..).map(|(_, event)| event).collect()
    }

    /// The one end that was heard last.
    fn ending(&self) -> Ending {
        match self.take().pop() {
            Some(Event::Ended(ending)) => *ending,
            other => panic!("not an end: {other:?}"),
        }
    }
}

/// A host whose thread is the test.
struct Bench {
    host: Host,
    reactor: Reactor,
    keepers: Arc<FakeKeepers>,
    journal: Arc<FakeJournal>,
    processes: Arc<FakeProcesses>,
    groups: Arc<Groups>,
    clock: Arc<SetClock>,
    heard: Arc<Heard>,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(8)
    }

    fn with(most_running: usize) -> Bench {
        let keepers = Arc::<FakeKeepers>::default();
        let journal = Arc::<FakeJournal>::default();
        let processes = Arc::<FakeProcesses>::default();
        let groups = Arc::<Groups>::default();
        let clock = Arc::<SetClock>::default();
        let settings = HostSettings {
            keepers: keepers.clone(),
            journal: journal.clone(),
            groups: groups.clone(),
            clock: clock.clone(),
            processes: processes.clone(),
            most_running,
        };
        let host = Host::with(settings, false);
        let poller = Poller::new().unwrap();
        host.shared.lock().poller = Some(poller.clone());
        let reactor = Reactor::new(host.context(poller));
        let heard = Arc::default();
        Bench { host, reactor, keepers, journal, processes, groups, clock, heard }
    }

    fn start(&self, request: Request) -> ProcessId {
        self.host.start(request, self.heard.clone()).unwrap()
    }

    /// Turns until nothing more happens.
    fn turn(&mut self) {
        for _ in 0..6 {
            self.reactor.turn(Duration::ZERO).unwrap();
        }
    }

    fn pass(&mut self, time: Duration) {
        *lock(&self.clock.0) += time;
        self.turn();
    }

    fn keeper(&self) -> Keeper {
        lock(&self.keepers.launched).pop_front().expect("a keeper was launched")
    }

    /// Starts one and has it executed.
    fn run(&mut self, request: Request) -> (ProcessId, Keeper) {
        let id = self.start(request);
        self.turn();
        let mut keeper = self.keeper();
        self.processes.start(keeper.pid(), 1);
        keeper.ready();
        self.turn();
        assert_eq!(keeper.told(), [ToKeeper::Go]);
        keeper.say(ToOwner::Running);
        self.turn();
        assert_eq!(self.heard.take(), [Event::Started { pid: keeper.pid() }]);
        (id, keeper)
    }

    /// Nothing is left of anything, and every record was struck once.
    fn assert_settled(&mut self) {
        self.pass(Duration::from_secs(1));
        assert_eq!(self.host.wait_until_settled(Duration::ZERO), 0);
        assert!(self.reactor.is_idle());
        assert_eq!(self.host.list(), []);
        assert!(lock(&self.journal.struck).values().all(|times| *times == 1));
    }
}

fn request() -> Request {
    Request {
        order: Order {
            program: b"true".to_vec(),
            arguments: vec![b"-x".to_vec()],
            ..Order::default()
        },
        input: Input::Nothing,
        output: Output::Kept { most_bytes: 1000 },
        error: Output::Kept { most_bytes: 1000 },
        timeout: None,
        end_signal: libc::SIGTERM,
        grace: Duration::from_secs(5),
        group: WHOLE_PROCESS,
    }
}

const EXITED: ToOwner = ToOwner::Exited { code: 3, cpu_us: 40, max_rss_kib: 500 };
const END: ToKeeper = ToKeeper::End { signal: libc::SIGTERM, grace_ms: 5000 };
const KILL: ToKeeper = ToKeeper::End { signal: libc::SIGKILL, grace_ms: 0 };
