//! Processes that exist only in a test.

use super::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What was asked of a [`FakeProcesses`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Opened(i32),
    Killed(i32, Signal),
}

/// A table of processes. Opening takes hold of what is in it; ending a tree takes it out, with all below.
#[derive(Default)]
pub(crate) struct FakeProcesses {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    parents: BTreeMap<i32, i32>,
    starts: BTreeMap<i32, u64>,
    deaf: Vec<i32>,
    undying: Vec<i32>,
    asked: Vec<Asked>,
}

impl FakeProcesses {
    /// Starts a process; one of the same number that ran before is a different one.
    pub(crate) fn start(&self, pid: i32, parent: i32) {
        let mut table = self.table();
        table.parents.insert(pid, parent);
        *table.starts.entry(pid).or_default() += 1;
    }

    /// From now on `pid` ignores every signal but `Kill`.
    pub(crate) fn deafen(&self, pid: i32) {
        self.table().deaf.push(pid);
    }

    /// From now on not even `Kill` ends `pid`, as if it waited for a disk.
    pub(crate) fn make_undying(&self, pid: i32) {
        self.table().undying.push(pid);
    }

    /// Whether a process of this number runs, and when it started.
    pub(crate) fn running(&self, pid: i32) -> Option<u64> {
        let table = self.table();
        table.parents.contains_key(&pid).then(|| table.starts[&pid])
    }

    /// Ends a process from outside.
    pub(crate) fn exit(&self, pid: i32) {
        self.table().parents.remove(&pid);
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.table().asked.clone()
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn holds(&self, identity: ProcessIdentity) -> bool {
        self.parents.contains_key(&identity.pid)
            && self.starts.get(&identity.pid) == Some(&identity.start)
    }

    fn below(&self, pid: i32) -> Vec<i32> {
        let mut found = vec![pid];
        let mut at = 0;
        while at < found.len() {
            let parent = found[at];
            found.extend(self.parents.iter().filter(|(_, p)| **p == parent).map(|(pid, _)| *pid));
            at += 1;
        }
        found.split_off(1)
    }
}

impl Processes for FakeProcesses {
    fn open(&self, pid: i32) -> io::Result<ProcessHandle> {
        let mut table = self.table();
        table.asked.push(Asked::Opened(pid));
        if pid <= 1 {
            return Err(refuse(pid, "is no single process one may end"));
        }
        if !table.parents.contains_key(&pid) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        let identity = ProcessIdentity { pid, start: table.starts[&pid] };
        // Holds nothing that a signal could reach.
        #[cfg(target_os = "linux")]
        let system = linux::Handle(std::fs::File::open("/dev/null")?.into());
        #[cfg(all(unix, not(target_os = "linux")))]
        let system = numbered::Handle;
        #[cfg(not(unix))]
        let system = return Err(io::ErrorKind::Unsupported.into());
        Ok(ProcessHandle { identity, system })
    }

    fn is_alive(&self, process: &ProcessHandle) -> bool {
        self.table().holds(process.identity())
    }

    /// Nothing happens meanwhile.
    fn wait(&self, process: &ProcessHandle, _: Duration) -> bool {
        !self.is_alive(process)
    }

    fn kill_tree(&self, process: &ProcessHandle, signal: Signal) -> KillReport {
        let mut table = self.table();
        let identity = process.identity();
        table.asked.push(Asked::Killed(identity.pid, signal));
        if !table.holds(identity) {
            return KillReport { already_gone: 1, ..KillReport::default() };
        }
        let mut tree = table.below(identity.pid);
        tree.push(identity.pid);
        for pid in &tree {
            let hears = signal == Signal::Kill || !table.deaf.contains(pid);
            if hears && !table.undying.contains(pid) {
                table.parents.remove(pid);
            }
        }
        KillReport { signalled: u32::try_from(tree.len()).unwrap(), ..KillReport::default() }
    }

    fn descendants(&self, process: &ProcessHandle) -> Descendants {
        let table = self.table();
        if !table.holds(process.identity()) {
            return Descendants::default();
        }
        let below = table.below(process.identity().pid);
        let found = below.into_iter().map(|pid| ProcessIdentity { pid, start: table.starts[&pid] });
        Descendants { found: found.collect(), cut: 0 }
    }
}

#[test]
fn the_fake_ends_trees_and_never_a_later_process_of_the_same_number() {
    let processes = FakeProcesses::default();
    for (pid, parent) in [(10, 1), (11, 10), (12, 11), (13, 1)] {
        processes.start(pid, parent);
    }
    processes.deafen(12);
    let handle = processes.open(10).unwrap();
    assert_eq!(processes.descendants(&handle).found.len(), 2);
    assert_eq!(processes.kill_tree(&handle, Signal::Terminate).signalled, 3);
    assert!(!processes.is_alive(&handle));
    assert!(processes.is_alive(&processes.open(12).unwrap()));
    processes.start(10, 1);
    assert!(!processes.is_alive(&handle));
    assert_eq!(processes.kill_tree(&handle, Signal::Kill).already_gone, 1);
    processes.exit(13);
    assert_eq!(processes.open(13).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    let killed = [Asked::Killed(10, Signal::Terminate), Asked::Killed(10, Signal::Kill)];
    assert!(killed.iter().all(|asked| processes.asked().contains(asked)));
}
