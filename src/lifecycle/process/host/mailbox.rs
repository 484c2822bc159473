//! What all threads share: the commands that the watching thread has not taken yet, and what is known of each
//! process without asking that thread.

use super::super::{EndedBy, Listener, MOST_UNREAD_INPUT, ProcessId, Refusal, Request, Stream};
use super::stats::Counters;
use crate::lifecycle::group::GroupId;
use crate::platform::poller::Poller;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Signals that may wait to be taken. Of everything else no more can wait than there are processes and bytes.
const MOST_COMMANDS: usize = 65_536;

/// What the watching thread is to do.
pub(super) enum Command {
    Start(ProcessId, Box<Request>, Arc<dyn Listener>),
    Write(ProcessId, Vec<u8>),
    CloseInput(ProcessId),
    Taken(ProcessId, Stream, usize),
    Ignore(ProcessId, Stream),
    Signal(ProcessId, i32, bool),
    End(ProcessId, EndedBy, Option<Duration>),
    /// A tree whose keeper had failed was ended; so many processes of it could not be.
    Killed(ProcessId, u64),
}

/// A process as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: ProcessId,
    /// Its number; 0 while it waits to be started.
    pub pid: i32,
    /// Program and arguments, separated by spaces, cut.
    pub command: Arc<[u8]>,
    /// Whose it is.
    pub group: GroupId,
    /// When it was executed, in milliseconds since the Unix epoch; `None` before.
    pub started_ms: Option<i64>,
    /// The command itself has ended; what it left behind goes on ([`Leftovers::Keep`]).
    ///
    /// [`Leftovers::Keep`]: crate::lifecycle::keeper::order::Leftovers::Keep
    pub lingers: bool,
}

pub(super) struct Known {
    pub(super) listed: Listed,
    /// Bytes written and not passed on; `None` when it takes no input.
    pub(super) unread: Option<usize>,
    /// It does not wait in line any more.
    pub(super) launched: bool,
}

#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) commands: Vec<Command>,
    pub(super) known: BTreeMap<ProcessId, Known>,
    pub(super) last_id: ProcessId,
    /// Of the thread that runs.
    pub(super) poller: Option<Poller>,
    /// Keepers that are not quite gone, and processes that run.
    pub(super) occupied: usize,
    pub(super) most_occupied: usize,
    /// The host is no more.
    pub(super) closed: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Shared {
    mailbox: Mutex<Mailbox>,
    /// Whenever `known` or `occupied` becomes empty.
    settled: Condvar,
    pub(super) counters: Arc<Counters>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a command over, if there is such a process still.
    pub(super) fn command(&self, process: ProcessId, command: Command) {
        let mut mailbox = self.lock();
        if mailbox.known.contains_key(&process) {
            if matches!(command, Command::Signal(..)) && mailbox.commands.len() >= MOST_COMMANDS {
                self.counters.dropped_signals.fetch_add(1, Ordering::Relaxed);
                return;
            }
            mailbox.push(command);
        }
    }

    pub(super) fn write(&self, process: ProcessId, bytes: Vec<u8>) -> Result<(), Refusal> {
        let mut mailbox = self.lock();
        let unread = mailbox.known.get_mut(&process).and_then(|known| known.unread.as_mut());
        match unread {
            Some(unread) if unread.saturating_add(bytes.len()) <= MOST_UNREAD_INPUT => {
                *unread += bytes.len();
            }
            _ => {
                self.counters.refused_writes.fetch_add(1, Ordering::Relaxed);
                return Err(Refusal::NoInput);
            }
        }
        if !bytes.is_empty() {
            mailbox.push(Command::Write(process, bytes));
        }
        Ok(())
    }

    pub(super) fn close_input(&self, process: ProcessId) {
        let mut mailbox = self.lock();
        let known = mailbox.known.get_mut(&process);
        if known.is_some_and(|known| known.unread.take().is_some()) {
            mailbox.push(Command::CloseInput(process));
        }
    }

    pub(super) fn input_passed(&self, process: ProcessId, bytes: usize) {
        if let Some(known) = self.lock().known.get_mut(&process) {
            known.unread = known.unread.map(|unread| unread.saturating_sub(bytes));
        }
    }

    pub(super) fn input_closed(&self, process: ProcessId) {
        if let Some(known) = self.lock().known.get_mut(&process) {
            known.unread = None;
        }
    }

    pub(super) fn launched(&self, process: ProcessId) {
        if let Some(known) = self.lock().known.get_mut(&process) {
            known.launched = true;
        }
    }

    pub(super) fn command_of(&self, process: ProcessId) -> Arc<[u8]> {
        let mailbox = self.lock();
        let known = mailbox.known.get(&process);
        known.map_or_else(|| Arc::from([]), |known| Arc::clone(&known.listed.command))
    }

    pub(super) fn started(&self, process: ProcessId, pid: i32, wall_ms: i64) {
        if let Some(known) = self.lock().known.get_mut(&process) {
            known.listed.pid = pid;
            known.listed.started_ms = Some(wall_ms);
        }
    }

    pub(super) fn lingers(&self, process: ProcessId) {
        if let Some(known) = self.lock().known.get_mut(&process) {
            known.listed.lingers = true;
            known.unread = None;
        }
    }

    pub(super) fn forget(&self, process: ProcessId) {
        let mut mailbox = self.lock();
        mailbox.known.remove(&process);
        self.settled.notify_all();
    }

    pub(super) fn occupied(&self, count: usize) {
        let mut mailbox = self.lock();
        mailbox.occupied = count;
        mailbox.most_occupied = mailbox.most_occupied.max(count);
        if count == 0 {
            self.settled.notify_all();
        }
    }

    /// Waits until nothing is left of what `count` counts; returns how much is when the time is over.
    pub(super) fn wait_settled(
        &self,
        timeout: Duration,
        count: impl Fn(&Mailbox) -> usize,
    ) -> usize {
        let end = Instant::now().checked_add(timeout);
        let mut mailbox = self.lock();
        loop {
            let left = count(&mailbox);
            if left == 0 {
                return 0;
            }
            // A time too far away to be named is looked at again in an hour.
            let wait = end.map_or(Duration::from_secs(3600), |end| {
                end.saturating_duration_since(Instant::now())
            });
            if wait.is_zero() {
                return left;
            }
            mailbox =
                self.settled.wait_timeout(mailbox, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Mailbox {
    /// Processes or, where there are more, keepers that are left.
    pub(super) fn left(&self) -> usize {
        self.known.len().max(self.occupied)
    }

    /// Adds a command; the thread is woken by the first one, and takes all.
    pub(super) fn push(&mut self, command: Command) {
        let first = self.commands.is_empty();
        self.commands.push(command);
        if let (true, Some(poller)) = (first, &self.poller) {
            // It cannot fail for a poller that exists (eventfd(2): the counter is not near its end).
            poller.wake().ok();
        }
    }
}
