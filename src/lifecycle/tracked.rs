//! Processes that somebody else started, and a scope or the manager is to end.
//!
//! Such a process is held by pidfd from the moment it is tracked and recorded in the ledger; its exit status is
//! never collected here, so Node's `child_process` learns of its end as if it had ended by itself. It is ended with
//! its tree: TERM, at most the grace, then KILL for what is left of those seen at TERM. Descendants that were
//! forked twice before it was tracked are not found: only a command started here has a keeper that knows them.
//!
//! At most [`MOST_TRACKED`] are tracked at once; those that have ended are forgotten first.

use super::group::{GroupId, Groups};
use super::ledger::{Journal, LedgerError, Record};
use crate::platform::clock::Clock;
use crate::platform::process::{KillReport, ProcessHandle, ProcessIdentity, Processes, Signal};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most at once.
pub const MOST_TRACKED: usize = 16_384;

/// Names one tracked process.
pub type TrackedId = u32;

/// What is known of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedProcess {
    /// Its name here.
    pub id: TrackedId,
    /// Which process.
    pub identity: ProcessIdentity,
    /// What runs in it, for people.
    pub command: String,
    /// Which scope it belongs to.
    pub group: GroupId,
    /// When it was tracked, milliseconds since the epoch.
    pub since_ms: i64,
}

/// Why one is not tracked.
#[derive(Debug, thiserror::Error)]
pub enum Untracked {
    /// There is no such process.
    #[error("there is no process {0}")]
    Gone(i32),
    /// It may not be ended, or the system cannot hold it.
    #[error("process {pid} cannot be tracked: {cause}")]
    Refused {
        /// Its number.
        pid: i32,
        /// The system's reason.
        cause: io::Error,
    },
    /// As many are tracked as may.
    #[error("{MOST_TRACKED} processes are tracked already; end some scopes first")]
    Full,
    /// It could not be recorded.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Untracked {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Untracked::Gone(_) => "ERR_PLIMSOLL_ABSENT",
            Untracked::Refused { .. } => "ERR_PLIMSOLL_ARGUMENT",
            Untracked::Full => "ERR_PLIMSOLL_OVERFLOW",
            Untracked::Ledger(_) => "ERR_PLIMSOLL_WRITE",
        }
    }
}

/// See the module.
pub struct TrackedProcesses {
    processes: Arc<dyn Processes>,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: TrackedId,
    tracked: BTreeMap<TrackedId, Entry>,
}

struct Entry {
    process: Arc<ProcessHandle>,
    shown: TrackedProcess,
    record: Option<Record>,
}

impl TrackedProcesses {
    /// None yet.
    pub fn new(
        processes: Arc<dyn Processes>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
    ) -> TrackedProcesses {
        TrackedProcesses { processes, journal, clock, table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes hold of a process.
    ///
    /// # Errors
    ///
    /// See [`Untracked`]; nothing is tracked then.
    pub fn track(&self, pid: i32, command: &str, group: GroupId) -> Result<TrackedId, Untracked> {
        let process = self.processes.open(pid).map_err(|cause| match cause.raw_os_error() {
            Some(libc::ESRCH) => Untracked::Gone(pid),
            _ => Untracked::Refused { pid, cause },
        })?;
        if self.table().tracked.len() >= MOST_TRACKED {
            self.forget_ended();
        }
        if self.table().tracked.len() >= MOST_TRACKED {
            return Err(Untracked::Full);
        }
        let record = match self.journal.record_process(process.identity(), command.as_bytes()) {
            Ok(record) => Some(record),
            Err(LedgerError::Unavailable { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let mut table = self.table();
        let mut id = table.last.wrapping_add(1);
        while table.tracked.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        table.last = id;
        let shown = TrackedProcess {
            id,
            identity: process.identity(),
            command: command.to_owned(),
            group,
            since_ms: self.clock.wall_ms(),
        };
        table.tracked.insert(id, Entry { process: Arc::new(process), shown, record });
        Ok(id)
    }

    /// Lets go of one without ending it.
    pub fn untrack(&self, id: TrackedId) {
        let entry = self.table().tracked.remove(&id);
        if let Some(record) = entry.and_then(|entry| entry.record) {
            self.journal.strike(record);
        }
    }

    /// Those that run, the oldest first. Those that have ended are forgotten by the way.
    #[must_use]
    pub fn list(&self) -> Vec<TrackedProcess> {
        self.forget_ended();
        self.table().tracked.values().map(|entry| entry.shown.clone()).collect()
    }

    fn forget_ended(&self) {
        let all: Vec<(TrackedId, Arc<ProcessHandle>)> = self
            .table()
            .tracked
            .iter()
            .map(|(id, entry)| (*id, Arc::clone(&entry.process)))
            .collect();
        for (id, process) in all {
            if !self.processes.is_alive(&process) {
                self.untrack(id);
            }
        }
    }

    /// Those of a group and of the groups within it.
    #[must_use]
    pub fn of_group(&self, group: GroupId, groups: &Groups) -> Vec<TrackedId> {
        let table = self.table();
        let within =
            table.tracked.values().filter(|entry| groups.is_within(entry.shown.group, group));
        within.map(|entry| entry.shown.id).collect()
    }

    /// Ends some with their trees and forgets them; blocks for the grace at most, the same for all, and for the
    /// time killing takes.
    pub fn end(&self, ids: &[TrackedId], grace: Duration) -> KillReport {
        let start = self.clock.monotonic();
        let asked: Vec<Asked> = ids.iter().filter_map(|&id| self.ask(id, grace)).collect();
        let mut report = KillReport::default();
        for Asked { id, process, descendants, signalled } in asked {
            let left = (start + grace).saturating_sub(self.clock.monotonic());
            let ended = self.processes.wait(&process, left);
            let mut killed = KillReport::default();
            if !ended {
                killed.add(self.processes.kill_tree(&process, Signal::Kill));
            }
            // Children of one that has ended are nobody's descendants now; those seen before are known by their
            // start.
            for identity in descendants.into_iter().filter(|_| ended) {
                let Ok(child) = self.processes.open(identity.pid) else { continue };
                if child.identity() == identity && self.processes.is_alive(&child) {
                    killed.add(self.processes.kill_tree(&child, Signal::Kill));
                }
            }
            // What was sent both signals is counted once.
            let signalled = signalled.max(killed.signalled);
            report.add(KillReport { signalled, ..killed });
            self.untrack(id);
        }
        report
    }

    /// Sends the first signal to a tree.
    fn ask(&self, id: TrackedId, grace: Duration) -> Option<Asked> {
        let process = self.table().tracked.get(&id).map(|entry| Arc::clone(&entry.process))?;
        if grace.is_zero() {
            return Some(Asked { id, process, descendants: Vec::new(), signalled: 0 });
        }
        let descendants = self.processes.descendants(&process).found;
        let signalled = self.processes.kill_tree(&process, Signal::Terminate).signalled;
        Some(Asked { id, process, descendants, signalled })
    }
}

/// A tree that was sent the first signal.
struct Asked {
    id: TrackedId,
    process: Arc<ProcessHandle>,
    descendants: Vec<ProcessIdentity>,
    signalled: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::ledger::PathKind;
    use crate::platform::clock::SystemClock;
    use crate::platform::process::fake::{Asked as FakeAsked, FakeProcesses};
    use std::path::{Path, PathBuf};

    #[derive(Default)]
    struct Recorded {
        records: Mutex<Vec<Option<ProcessIdentity>>>,
        refuses: bool,
        absent: bool,
    }

    impl Recorded {
        fn open(&self) -> usize {
            self.records.lock().unwrap().iter().flatten().count()
        }
    }

    impl Journal for Recorded {
        fn record_process(
            &self,
            process: ProcessIdentity,
            _: &[u8],
        ) -> Result<Record, LedgerError> {
            if self.refuses {
                return Err(LedgerError::Full);
            }
            if self.absent {
                let cause = io::ErrorKind::PermissionDenied.into();
                return Err(LedgerError::Unavailable { path: "/".to_owned(), cause });
            }
            let mut records = self.records.lock().unwrap();
            records.push(Some(process));
            Ok(Record(u32::try_from(records.len()).unwrap() - 1))
        }

        fn record_path(&self, _: &Path, _: PathKind) -> Result<Record, LedgerError> {
            Err(LedgerError::Full)
        }

        fn strike(&self, record: Record) {
            let struck = self.records.lock().unwrap()[record.0 as usize].take();
            assert!(struck.is_some(), "struck twice");
        }

        fn path(&self) -> Option<PathBuf> {
            None
        }
    }

    fn tracked(
        processes: &Arc<FakeProcesses>,
        journal: Recorded,
    ) -> (TrackedProcesses, Arc<Recorded>) {
        let journal = Arc::new(journal);
        let table =
            TrackedProcesses::new(processes.clone(), journal.clone(), Arc::new(SystemClock));
        (table, journal)
    }

    #[test]
    fn a_tracked_process_is_recorded_until_it_is_let_go_or_ended() {
        let processes = Arc::new(FakeProcesses::default());
        for pid in [10, 11, 12] {
            processes.start(pid, 1);
        }
        let (table, journal) = tracked(&processes, Recorded::default());
        let ids = [10, 11, 12].map(|pid| table.track(pid, "sleep 600", 0).unwrap());
        assert_eq!((journal.open(), table.list().len()), (3, 3));
        table.untrack(ids[0]);
        table.untrack(ids[0]);
        table.end(&ids[1..2], Duration::ZERO);
        assert_eq!((journal.open(), table.list().len()), (1, 1));
        processes.exit(12);
        assert_eq!((table.list(), journal.open()), (Vec::new(), 0));
        let kills = |asked: &FakeAsked| matches!(asked, FakeAsked::Killed(..));
        let asked: Vec<_> = processes.asked().into_iter().filter(kills).collect();
        assert_eq!(asked, [FakeAsked::Killed(11, Signal::Kill)]);
    }

    #[test]
    fn what_ignores_the_term_is_killed_and_so_are_children_that_outlive_their_parent() {
        let processes = Arc::new(FakeProcesses::default());
        for (pid, parent) in [(10, 1), (11, 10), (20, 1), (21, 20)] {
            processes.start(pid, parent);
        }
        processes.deafen(10);
        processes.deafen(21);
        let (table, _) = tracked(&processes, Recorded::default());
        let ids = [10, 20].map(|pid| table.track(pid, "", 0).unwrap());
        assert_eq!(table.end(&ids, Duration::from_millis(1)).signalled, 4);
        let end = |pid| processes.open(pid).unwrap_err().raw_os_error();
        assert_eq!([10, 11, 20, 21].map(end), [Some(libc::ESRCH); 4]);
    }

    #[test]
    fn the_number_of_an_ended_process_that_another_has_now_is_not_touched() {
        let processes = Arc::new(FakeProcesses::default());
        processes.start(10, 1);
        let (table, _) = tracked(&processes, Recorded::default());
        let id = table.track(10, "", 0).unwrap();
        processes.exit(10);
        processes.start(10, 1);
        table.end(&[id], Duration::from_millis(1));
        assert!(processes.open(10).is_ok());
    }

    #[test]
    fn groups_are_ended_with_those_within_them() {
        let processes = Arc::new(FakeProcesses::default());
        let groups = Groups::default();
        let outer = groups.open(0).unwrap();
        let inner = groups.open(outer).unwrap();
        let (table, _) = tracked(&processes, Recorded::default());
        let ids: Vec<TrackedId> = [(10, outer), (11, inner), (12, 0)]
            .into_iter()
            .map(|(pid, group)| {
                processes.start(pid, 1);
                table.track(pid, "", group).unwrap()
            })
            .collect();
        assert_eq!(table.of_group(outer, &groups), ids[..2]);
        assert_eq!(table.of_group(inner, &groups), ids[1..2]);
    }

    #[test]
    fn what_cannot_be_recorded_is_not_tracked_unless_there_is_no_ledger_at_all() {
        let processes = Arc::new(FakeProcesses::default());
        processes.start(10, 1);
        let (table, _) = tracked(&processes, Recorded { refuses: true, ..Recorded::default() });
        assert_eq!(table.track(10, "", 0).unwrap_err().code(), "ERR_PLIMSOLL_WRITE");
        assert_eq!(table.list(), Vec::new());
        let (table, _) = tracked(&processes, Recorded { absent: true, ..Recorded::default() });
        table.track(10, "", 0).unwrap();
        assert_eq!(table.list().len(), 1);
        assert_eq!(table.track(11, "", 0).unwrap_err().code(), "ERR_PLIMSOLL_ABSENT");
        assert_eq!(table.track(1, "", 0).unwrap_err().code(), "ERR_PLIMSOLL_ARGUMENT");
    }
}
