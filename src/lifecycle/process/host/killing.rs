//! Ends trees whose keeper has failed.
//!
//! It takes milliseconds to stop, look through and signal a tree; the other processes are watched meanwhile. So
//! it is done by helpers, short-lived threads named `plimsoll-kill`, at most [`MOST_HELPERS`]. Where the system
//! gives no thread, the watching thread does it itself.

use super::super::ProcessId;
use super::mailbox::{Command, Shared};
use crate::platform::process::{ProcessHandle, ProcessIdentity, Processes, Signal};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const MOST_HELPERS: usize = 4;
/// How long the death of what was killed is waited for. It takes longer only while it waits for a disk.
const LONGEST_DEATH: Duration = Duration::from_secs(1);

/// A tree to be ended.
#[derive(Debug)]
pub(super) struct Kill {
    pub(super) process: ProcessId,
    /// The keeper, where it still runs and nobody collects it meanwhile.
    pub(super) keeper: Option<i32>,
    /// The command, as the keeper named it.
    pub(super) command: Option<ProcessIdentity>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Kill>,
    helpers: usize,
}

/// See the module.
pub(super) struct Killer {
    line: Mutex<Line>,
    processes: Arc<dyn Processes>,
    shared: Arc<Shared>,
    threaded: bool,
}

impl Killer {
    pub(super) fn new(
        processes: Arc<dyn Processes>,
        shared: Arc<Shared>,
        threaded: bool,
    ) -> Arc<Killer> {
        Arc::new(Killer { line: Mutex::default(), processes, shared, threaded })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a tree; [`Command::Killed`] says when it is done.
    pub(super) fn kill(self: &Arc<Killer>, kill: Kill) {
        let mut line = self.line();
        line.waiting.push_back(kill);
        if line.helpers == MOST_HELPERS {
            return;
        }
        line.helpers += 1;
        drop(line);
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("plimsoll-kill".to_owned());
        if !self.threaded || thread.spawn(move || this.work()).is_err() {
            self.work();
        }
    }

    fn work(&self) {
        loop {
            let mut line = self.line();
            let Some(kill) = line.waiting.pop_front() else {
                line.helpers -= 1;
                return;
            };
            drop(line);
            let refused = self.end(&kill);
            self.shared.lock().push(Command::Killed(kill.process, refused));
        }
    }

    /// The keeper first: whatever its command started is below it.
    fn end(&self, kill: &Kill) -> u64 {
        let keeper = kill.keeper.and_then(|pid| self.processes.open(pid).ok());
        let command = kill.command.and_then(|command| {
            let handle = self.processes.open(command.pid).ok()?;
            // Of a system that knows no start times, the number is all there is.
            (handle.identity().start == command.start).then_some(handle)
        });
        let handles: Vec<ProcessHandle> = keeper.into_iter().chain(command).collect();
        let refused =
            handles.iter().map(|handle| self.processes.kill_tree(handle, Signal::Kill).refused);
        let refused = refused.max().unwrap_or(0);
        let end = Instant::now() + LONGEST_DEATH;
        while handles.iter().any(|handle| self.processes.is_alive(handle)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        u64::from(refused)
    }
}
