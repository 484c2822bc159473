//! A process and what descends from it: found, stopped, signalled.
//!
//! A process that forks while it is looked at leaves a child that nobody saw, and one whose parent has ended
//! is nobody's descendant any more. So the tree is stopped first (`SIGSTOP` cannot be caught), parents before
//! children, and looked through again until one whole pass has found every thread at rest and no new child.
//! Only then is it signalled, children before parents, and, unless killed, sent on its way (`SIGCONT`) to
//! meet its signal.
//!
//! Sending `SIGSTOP` is not enough: a fork under way when it arrives is completed (Linux 4.20 and later), which
//! is why the threads are watched until they rest. The parent of a `vfork` never does: it waits, deaf to
//! signals, for a child that was stopped before it could `exec`. It is known by that child, which shares its
//! address space and so has its very size; its fork is done, and it starts no other with a stop pending.

use super::linux::{Handle, open_proven};
use super::stat::{self, Threads};
use super::{Descendants, KillReport, ProcessHandle, ProcessIdentity, Reached, Signal, native};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

/// How far one call goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Processes held at once, each by a file descriptor.
    pub(super) processes: usize,
    /// Looks at the whole tree while it comes to rest.
    pub(super) passes: u32,
    /// Times the whole is done again for a tree with more processes than may be held.
    pub(super) rounds: u32,
    /// Whether children are searched among all processes even where the kernel lists them.
    pub(super) search: bool,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { processes: 4096, passes: 40, rounds: 16, search: !stat::lists_children() }
    }
}

/// Between two looks at a tree that is coming to rest.
const PAUSE: Duration = Duration::from_micros(250);

/// Signals `process` and its descendants.
pub(super) fn kill(process: &ProcessHandle, signal: Signal, bounds: Bounds) -> KillReport {
    let mut report = KillReport::default();
    let mut done = HashSet::new();
    for round in 1..=bounds.rounds.max(1) {
        let mut tree = Tree::new(process, bounds);
        tree.settle(&done);
        let everything = tree.unheld() == 0 || signal != Signal::Kill || round >= bounds.rounds;
        let before = report.signalled;
        tree.signal(native(signal), everything, &mut report, &mut done);
        if everything {
            return report;
        }
        if report.signalled == before {
            // Nothing in it could be ended without losing sight of its children: they are lost then.
            tree.signal(native(signal), true, &mut report, &mut done);
            return report;
        }
    }
    report
}

/// Signals everything below this very process, which is neither stopped nor signalled itself.
pub(super) fn signal_below(
    root: &ProcessHandle,
    signal: rustix::process::Signal,
    bounds: Bounds,
) -> Reached {
    let mut tree = Tree::new(root, bounds);
    tree.root_is_self = true;
    tree.settle(&HashSet::new());
    let (mut report, mut done) = (KillReport::default(), HashSet::new());
    tree.signal(signal, true, &mut report, &mut done);
    Reached { processes: done.into_iter().collect(), refused: report.refused, cut: report.cut }
}

/// A tree as far as it is held.
pub(super) struct Tree<'a> {
    root: &'a ProcessHandle,
    /// The root is this process: it forks nothing while it looks.
    root_is_self: bool,
    descendants: Vec<Descendant>,
    /// By position: 0 is the root, n the n-th descendant.
    state: Vec<State>,
    position: HashMap<i32, usize>,
    bounds: Bounds,
    full: bool,
    refused_own: bool,
    /// Kept so that `/proc` can still be read when this process runs out of file descriptors.
    spare: Option<OwnedFd>,
}

struct Descendant {
    process: ProcessHandle,
    parent: usize,
}

#[derive(Clone, Copy, Default)]
struct State {
    at_rest: bool,
    foreign: bool,
    size: u64,
    unheld: u32,
}

/// Whether what was stopped to be found is sent on its way: not to be stopped again, and not the dead.
fn goes_on(signal: rustix::process::Signal) -> bool {
    use rustix::process::Signal;
    ![Signal::KILL, Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU].contains(&signal)
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a ProcessHandle, bounds: Bounds) -> Tree<'a> {
        let spare = root.system.0.try_clone().ok();
        Tree {
            root,
            root_is_self: false,
            descendants: Vec::new(),
            state: vec![State::default()],
            position: HashMap::from([(root.identity.pid, 0)]),
            bounds,
            full: spare.is_none(),
            refused_own: false,
            spare,
        }
    }

    /// One look at everything, stopping nothing.
    pub(super) fn look(&mut self) {
        self.pass(false, &HashSet::new());
    }

    pub(super) fn into_descendants(self) -> Descendants {
        let cut = self.unheld();
        let found = self.descendants.into_iter().map(|member| member.process.identity).collect();
        Descendants { found, cut }
    }

    /// Stops everything and finds everything, within the bounds.
    fn settle(&mut self, done: &HashSet<ProcessIdentity>) {
        for _ in 0..self.bounds.passes {
            if self.pass(true, done) {
                return;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Looks at every process once, those found on the way included. Returns whether all were at rest
    /// already and none was new.
    fn pass(&mut self, stop: bool, done: &HashSet<ProcessIdentity>) -> bool {
        let mut all = match self.bounds.search.then(stat::all_children) {
            None => None,
            Some(Ok(all)) => Some(all),
            Some(Err(_)) => {
                self.state[0].unheld = 1;
                return false;
            }
        };
        let mut quiet = true;
        let mut at = 0;
        while at < self.state.len() {
            let known = self.state.len();
            let threads = self.observe(at, all.as_mut(), stop);
            self.adopt(at, &threads.children, done);
            let state = &self.state[at];
            quiet &= self.state.len() == known && (state.at_rest || state.foreign);
            at += 1;
        }
        quiet
    }

    /// Reads the threads of a process, and stops it if it moves.
    fn observe(
        &mut self,
        at: usize,
        all: Option<&mut HashMap<i32, Vec<i32>>>,
        stop: bool,
    ) -> Threads {
        self.state[at].unheld = 0;
        let gone = Threads { at_rest: true, ..Threads::default() };
        let process = self.process(at);
        let identity = process.identity;
        if !process.is_alive() {
            self.state[at].at_rest = true;
            return gone;
        }
        let mut threads = match stat::threads(identity.pid, all.is_none()) {
            Ok(threads) => threads,
            Err(error) if stat::is_gone(&error) => gone,
            Err(_) => {
                self.state[at].unheld = 1;
                Threads::default()
            }
        };
        if let Some(all) = all {
            threads.children = all.remove(&identity.pid).unwrap_or_default();
        }
        if at == 0 && self.root_is_self {
            self.state[at].at_rest = true;
            return threads;
        }
        if stop && !threads.at_rest && !self.state[at].foreign {
            let sent = self.process(at).system.send(rustix::process::Signal::STOP);
            self.state[at].foreign = sent == Err(Errno::PERM);
        }
        self.state[at].size = threads.size;
        self.state[at].at_rest = threads.at_rest || (threads.waiting && self.waits_for_child(at));
        threads
    }

    /// Whether a child at rest has the very size of its waiting parent.
    fn waits_for_child(&self, at: usize) -> bool {
        let resting = self.descendants.iter().zip(&self.state[1..]);
        resting
            .filter(|(member, state)| member.parent == at && state.at_rest)
            .any(|(_, state)| state.size == self.state[at].size)
    }

    /// Takes hold of the children that are not held yet.
    fn adopt(&mut self, at: usize, children: &[i32], done: &HashSet<ProcessIdentity>) {
        for &pid in children {
            if u32::try_from(pid) == Ok(std::process::id()) {
                self.refused_own = true;
                continue;
            }
            if self.position.get(&pid).is_some_and(|&known| self.process(known).is_alive()) {
                continue;
            }
            if self.full || self.descendants.len() >= self.bounds.processes {
                self.state[at].unheld += u32::from(self.is_unheld(at, pid, done));
                continue;
            }
            match open_proven(pid) {
                Ok((handle, stat)) => self.add(at, pid, handle, stat, done),
                Err(error) if stat::is_gone(&error) => {}
                Err(_) => {
                    self.full = true;
                    self.spare = None;
                    self.state[at].unheld += 1;
                }
            }
        }
    }

    /// Holds a process if it is, now, a living child of a living member.
    fn add(
        &mut self,
        parent: usize,
        pid: i32,
        handle: Handle,
        stat: stat::Stat,
        done: &HashSet<ProcessIdentity>,
    ) {
        let identity = ProcessIdentity { pid, start: stat.start };
        let process = ProcessHandle { identity, system: handle };
        let is_child = stat.parent == self.process(parent).identity.pid;
        // In this order: the parent's number was the parent's as long as it lives.
        if is_child
            && process.is_alive()
            && self.process(parent).is_alive()
            && !done.contains(&identity)
        {
            self.descendants.push(Descendant { process, parent });
            self.state.push(State::default());
            self.position.insert(pid, self.descendants.len());
        }
    }

    /// Whether a child for which there is no room counts: the dead and those dealt with do not.
    fn is_unheld(&self, at: usize, pid: i32, done: &HashSet<ProcessIdentity>) -> bool {
        match stat::read(pid) {
            Ok(stat) => {
                stat.parent == self.process(at).identity.pid
                    && !matches!(stat.state, b'Z' | b'X')
                    && !done.contains(&ProcessIdentity { pid, start: stat.start })
            }
            Err(error) => !stat::is_gone(&error),
        }
    }

    /// Signals children before parents: everything, or only what has no child that is not held, at any
    /// depth, so that the others can be found again below it.
    fn signal(
        &self,
        signal: rustix::process::Signal,
        everything: bool,
        report: &mut KillReport,
        done: &mut HashSet<ProcessIdentity>,
    ) {
        let whole = self.whole();
        let first = usize::from(self.root_is_self);
        let chosen = || (first..self.state.len()).rev().filter(|&at| everything || whole[at]);
        for at in chosen() {
            let process = self.process(at);
            let sent =
                if process.is_alive() { process.system.send(signal) } else { Err(Errno::SRCH) };
            match sent {
                Ok(()) => {
                    report.signalled += 1;
                    done.insert(process.identity);
                    report.cut += u32::from(!self.state[at].at_rest);
                }
                Err(Errno::SRCH) => report.already_gone += 1,
                Err(_) => report.refused += u32::from(everything),
            }
        }
        if goes_on(signal) {
            for at in chosen() {
                // Gone, or another user's, which was never stopped.
                self.process(at).system.send(rustix::process::Signal::CONT).ok();
            }
        }
        if everything {
            report.refused += u32::from(self.refused_own);
            report.cut += self.unheld();
        }
    }

    fn whole(&self) -> Vec<bool> {
        let mut whole: Vec<bool> = self.state.iter().map(|state| state.unheld == 0).collect();
        for (index, member) in self.descendants.iter().enumerate().rev() {
            let complete = whole[index + 1];
            whole[member.parent] &= complete;
        }
        whole
    }

    fn unheld(&self) -> u32 {
        self.state.iter().map(|state| state.unheld).fold(0, u32::saturating_add)
    }

    fn process(&self, at: usize) -> &ProcessHandle {
        match at.checked_sub(1) {
            None => self.root,
            Some(index) => &self.descendants[index].process,
        }
    }
}
