//! Ending processes that somebody else started.
//!
//! # What it promises
//!
//! - A signal reaches the process that was opened, or nobody: never another one that was given the same
//!   number since. On Linux a handle is a pidfd (`pidfd_open(2)`), proven by the start time of the process,
//!   read before and after; each descendant gets a pidfd of its own, taken only when its parent is, at that
//!   moment, a living member of the tree.
//! - [`ProcessHandle::kill_tree`] ends the process and all its descendants, those that called `setsid`
//!   included. The tree is stopped from the top downwards before anything is ended, so that nothing can
//!   fork away meanwhile; then it is signalled from the leaves upwards.
//! - No exit status is collected here: whoever started a process, Node's `child_process` above all, learns
//!   of its end as if it had been ended from outside.
//! - Process 0 and 1, negative numbers (they name groups), this process and its ancestors are refused.
//!
//! # Limits
//!
//! - A descendant whose parent had ended before the call belongs to another process by then (init or a
//!   subreaper) and is not found.
//! - A tree of more than 4096 processes is ended in rounds of 4096 by `Kill`, at most 16 of them; any other
//!   signal reaches the first 4096. Processes that do not come to a stop within 10 ms (waiting for a disk) are
//!   signalled all the same. Both are counted in [`KillReport::cut`].
//! - A process of another user is counted in [`KillReport::refused`]; its children are still looked for.
//! - Linux before 5.3 has no pidfds, and some sandboxes forbid them: `open` fails, nothing is signalled.
//! - Unix other than Linux: the number alone names the process (`kill(2)`), which may have been given to
//!   another one since, and only its process group goes with it, if it leads one. Windows: `Unsupported`.

use std::fmt;
use std::io;
use std::time::Duration;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(unix, any(not(target_os = "linux"), test)))]
#[cfg_attr(target_os = "linux", allow(dead_code))] // compiled there for its tests alone
mod numbered;
#[cfg(target_os = "linux")]
mod stat;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(not(unix))]
mod unsupported;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(all(unix, not(target_os = "linux")))]
use numbered as system;
#[cfg(not(unix))]
use unsupported as system;

/// A signal that ends a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// `SIGHUP`.
    Hangup,
    /// `SIGINT`.
    Interrupt,
    /// `SIGQUIT`.
    Quit,
    /// `SIGTERM`.
    Terminate,
    /// `SIGKILL`, which no process can ignore.
    Kill,
}

/// A process as no later one can be mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The number of the process.
    pub pid: i32,
    /// When it started, in clock ticks since boot (field 22 of `proc_pid_stat(5)`); 0 where the system
    /// does not say.
    pub start: u64,
}

/// Which process this is.
#[must_use]
pub fn this_process() -> ProcessIdentity {
    let pid = i32::try_from(std::process::id()).unwrap_or(0);
    ProcessIdentity { pid, start: start_of(pid).unwrap_or(0) }
}

/// When the process that has this number now started, as in [`ProcessIdentity`]. `None` when there is none, when
/// it has ended and only its status was not collected yet, and where the system does not say.
#[must_use]
pub fn start_of(pid: i32) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let stat = stat::read(pid).ok()?;
        (!matches!(stat.state, b'Z' | b'X')).then_some(stat.start)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _: i32 = pid;
        None
    }
}

/// What became of a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KillReport {
    /// Processes that took the signal.
    pub signalled: u32,
    /// Processes of the tree that had ended before it.
    pub already_gone: u32,
    /// Processes that could not be signalled: another user's, or this very one.
    pub refused: u32,
    /// Processes that were signalled without having come to a stop before, or not opened because a bound
    /// was reached. Above 0 something of the tree may have got away.
    pub cut: u32,
}

impl KillReport {
    /// Adds what became of another tree.
    pub fn add(&mut self, other: KillReport) {
        for (sum, more) in [
            (&mut self.signalled, other.signalled),
            (&mut self.already_gone, other.already_gone),
            (&mut self.refused, other.refused),
            (&mut self.cut, other.cut),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// The descendants found below a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Descendants {
    /// Who they are, parents before their children.
    pub found: Vec<ProcessIdentity>,
    /// How many were seen but not followed, for want of room or of file descriptors.
    pub cut: u32,
}

/// What became of everything below this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The processes that took the signal.
    pub processes: Vec<ProcessIdentity>,
    /// Processes that could not be signalled: another user's.
    pub refused: u32,
    /// As [`KillReport::cut`].
    pub cut: u32,
}

/// Signals everything that descends from this very process, stopped before as
/// [`ProcessHandle::kill_tree`] does; this process itself goes on. Where it is a subreaper
/// (`PR_SET_CHILD_SUBREAPER`, `prctl(2)`), nothing that ever descended from it is missed but what is born to a
/// process that does not come to a stop: repeated until there is no child, it ends everything.
///
/// One call reaches at most 32,768 processes, fewer where not so many descriptors may be open.
///
/// Stopping signals leave everything stopped; after any other, what was stopped before goes on too.
///
/// # Errors
///
/// `EINVAL`: there is no such signal. `Unsupported`: not Linux, or no pidfds, or no `/proc`.
pub fn signal_descendants(signal: i32) -> io::Result<Reached> {
    system::signal_descendants(signal)
}

/// One process, held so that signals reach it or nobody.
pub struct ProcessHandle {
    identity: ProcessIdentity,
    system: system::Handle,
}

impl ProcessHandle {
    /// Takes hold of a process.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: 0, 1, a negative number, this process or an ancestor of it.
    /// - `ESRCH`: there is no such process, or its number changed hands while it was opened.
    /// - `EINVAL` or `ENOENT`, by the version of Linux: the number is that of a thread.
    /// - `Unsupported`: the system has no way to hold a process, or hides it in `/proc`.
    /// - Whatever the system says otherwise (`EMFILE`, `EPERM`).
    pub fn open(pid: i32) -> io::Result<ProcessHandle> {
        if pid <= 1 {
            return Err(refuse(pid, "is no single process one may end"));
        }
        if u32::try_from(pid) == Ok(std::process::id()) {
            return Err(refuse(pid, "is this very process"));
        }
        let (identity, system) = system::open(pid)?;
        Ok(ProcessHandle { identity, system })
    }

    /// Which process this is.
    #[must_use]
    pub fn identity(&self) -> ProcessIdentity {
        self.identity
    }

    /// Whether it still runs. A process that has ended but whose status nobody collected yet (a zombie)
    /// does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.system.is_alive(self.identity)
    }

    /// Waits for its end, at most this long. Returns whether it has ended.
    #[must_use]
    pub fn wait(&self, longest: Duration) -> bool {
        self.system.wait(self.identity, longest)
    }

    /// Signals this process alone.
    ///
    /// # Errors
    ///
    /// `ESRCH`: it has ended. `EPERM`: it is another user's.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.system.signal(self.identity, signal)
    }

    /// Signals the process and all its descendants; see the module for what is stopped, in which order,
    /// and what can be missed.
    ///
    /// It blocks until all are signalled. Measured on two cores with thirty threads competing for them:
    /// a median of 2.5 ms for 2 processes, 23 ms for 52, 75 ms for 202. What will not stop adds at most 40
    /// pauses of 0.25 ms.
    #[must_use]
    pub fn kill_tree(&self, signal: Signal) -> KillReport {
        system::kill_tree(self, signal)
    }

    /// The descendants that run at this moment. Nothing is stopped, so one that is just being born or
    /// just ending may be missed.
    #[must_use]
    pub fn descendants(&self) -> Descendants {
        system::descendants(self)
    }
}

impl fmt::Debug for ProcessHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProcessHandle").field("identity", &self.identity).finish()
    }
}

fn refuse(pid: i32, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("process {pid} {why}"))
}

/// The signal as the system knows it.
#[cfg(unix)]
fn native(signal: Signal) -> rustix::process::Signal {
    match signal {
        Signal::Hangup => rustix::process::Signal::HUP,
        Signal::Interrupt => rustix::process::Signal::INT,
        Signal::Quit => rustix::process::Signal::QUIT,
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    }
}

/// The processes of the machine, so that what ends them can be tested without any.
pub trait Processes: Send + Sync {
    /// [`ProcessHandle::open`].
    ///
    /// # Errors
    ///
    /// As there.
    fn open(&self, pid: i32) -> io::Result<ProcessHandle>;
    /// [`ProcessHandle::is_alive`].
    fn is_alive(&self, process: &ProcessHandle) -> bool;
    /// [`ProcessHandle::wait`].
    fn wait(&self, process: &ProcessHandle, longest: Duration) -> bool;
    /// [`ProcessHandle::kill_tree`].
    fn kill_tree(&self, process: &ProcessHandle, signal: Signal) -> KillReport;
    /// [`ProcessHandle::descendants`].
    fn descendants(&self, process: &ProcessHandle) -> Descendants;
}

/// The machine's own processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemProcesses;

impl Processes for SystemProcesses {
    fn open(&self, pid: i32) -> io::Result<ProcessHandle> {
        ProcessHandle::open(pid)
    }

    fn is_alive(&self, process: &ProcessHandle) -> bool {
        process.is_alive()
    }

    fn wait(&self, process: &ProcessHandle, longest: Duration) -> bool {
        process.wait(longest)
    }

    fn kill_tree(&self, process: &ProcessHandle, signal: Signal) -> KillReport {
        process.kill_tree(signal)
    }

    fn descendants(&self, process: &ProcessHandle) -> Descendants {
        process.descendants()
    }
}
