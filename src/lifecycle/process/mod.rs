//! Commands and the processes they become, as the owner sees them.
//!
//! [`host::Host`] starts keepers, one a command, and watches all of them on one thread named
//! `plimsoll-process`; [`Processes`] is what the rest of the core asks it.
//!
//! # Limits
//!
//! - [`MOST_RUNNING`] processes run at once, and as many keepers; more wait in line, at most [`MOST_WAITING`];
//!   one more is refused. The limit is lower where the process may not open so many files.
//! - An output that is kept keeps its head and its tail, together at most the bytes the request names; what is
//!   between is counted and dropped. An output that streams is read no further than
//!   [`STREAM_CREDIT`] bytes ahead of what was taken ([`Processes::taken`]): the command waits then.
//! - What is written to a process and not read by it waits, at most [`MOST_UNREAD_INPUT`] bytes; more is refused.

use super::group::GroupId;
use super::keeper::messages::Step;
use super::keeper::order::Order;
use std::sync::Arc;
use std::time::Duration;

/// Most processes at once.
pub const MOST_RUNNING: usize = 1024;
/// Most requests that wait for one of them to end.
pub const MOST_WAITING: usize = 16_384;
/// Bytes of a streamed output that may be on their way to whoever takes it.
pub const STREAM_CREDIT: usize = 256 * 1024;
/// Bytes written to a process that it has not read.
pub const MOST_UNREAD_INPUT: usize = 64 * 1024 * 1024;

/// Names one process of this owner, never used again.
pub type ProcessId = u64;

/// One of the outputs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Where the standard input of a process comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Input {
    /// `/dev/null`.
    #[default]
    Nothing,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// What is written ([`Processes::write`]) until it is closed.
    Written,
    /// The owner's own.
    Inherited,
}

/// Where an output of a process goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `/dev/null`.
    Dropped,
    /// Into [`Ending::output`] or [`Ending::error`]: head and tail, at most so many bytes.
    Kept {
        /// Most bytes kept.
        most_bytes: usize,
    },
    /// To the listener, as it comes, under credit.
    Streamed,
    /// The owner's own.
    Inherited,
}

/// A command to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What runs. `ledger` is filled in by the host.
    pub order: Order,
    /// See [`Input`].
    pub input: Input,
    /// Standard output.
    pub output: Output,
    /// Standard error.
    pub error: Output,
    /// Ended when this much time has passed since it was executed.
    pub timeout: Option<Duration>,
    /// The first signal when it is to end.
    pub end_signal: i32,
    /// Between that and KILL.
    pub grace: Duration,
    /// Which scope it belongs to.
    pub group: GroupId,
}

/// Why a process was ended from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// Its time was over.
    Timeout,
    /// Somebody asked ([`Processes::end`]).
    Request,
    /// Its scope ended natively, by the deadline of a call.
    Deadline,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It never ran.
    NotRun {
        /// What failed.
        step: Step,
        /// The system's reason.
        errno: i32,
    },
    /// It never ran: the ledger did not take it.
    NotRecorded {
        /// The system's reason; `ENOSPC` when there are too many records.
        errno: i32,
    },
    /// It was cancelled while it waited in line or before it was executed.
    Cancelled,
    /// Its keeper was killed or could not be started; what was known of the tree was ended. `errno` is 0
    /// where the keeper just vanished.
    Lost {
        /// The system's reason.
        errno: i32,
    },
}

/// What is kept of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// Its beginning; all of it when nothing was dropped.
    pub head: Vec<u8>,
    /// Its end, empty when nothing was dropped.
    pub tail: Vec<u8>,
    /// Bytes there were in all.
    pub total: u64,
}

impl Captured {
    /// Bytes between head and tail that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }
}

/// The end of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub outcome: Outcome,
    /// Who ended it, if anybody here did.
    pub ended_by: Option<EndedBy>,
    /// Its standard output, where it was kept.
    pub output: Captured,
    /// Its standard error, where it was kept.
    pub error: Captured,
    /// Its number; 0 when there never was a process.
    pub pid: i32,
    /// From its execution to its end.
    pub duration: Duration,
    /// Processor time in microseconds, of it and the descendants it waited for.
    pub cpu_us: u64,
    /// The most memory it had at once, in KiB.
    pub max_rss_kib: u64,
    /// Processes it left behind that were ended.
    pub leftovers_ended: u64,
    /// Processes that could not be signalled.
    pub refused: u64,
}

/// What happens to a process, in this order: `Started`, `Bytes` and `StreamEnded`, `Ended` last. A process that
/// never runs has `Ended` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is being executed.
    Started {
        /// Its number.
        pid: i32,
    },
    /// A part of a streamed output.
    Bytes {
        /// Which.
        stream: Stream,
        /// The part, never empty.
        bytes: Vec<u8>,
    },
    /// A streamed output has ended.
    StreamEnded {
        /// Which.
        stream: Stream,
    },
    /// So many of the bytes written to it were passed on; said when they are all gone.
    InputPassed {
        /// Bytes since it was said last.
        bytes: usize,
    },
    /// It reads no more (`EPIPE`), or its input was closed and everything is passed on.
    InputClosed,
    /// Nothing of it is left.
    Ended(Box<Ending>),
}

/// Hears of one process. Called on the thread that watches all of them: it must not block, and may ask
/// [`Processes`] for anything.
pub trait Listener: Send + Sync {
    /// See [`Event`].
    fn hear(&self, process: ProcessId, event: Event);
}

/// Why something was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As many wait as may.
    #[error("{MOST_WAITING} commands wait for a process already; wait for some to end")]
    Full,
    /// The order is larger than any system would execute.
    #[error("the command with its arguments and environment is larger than 64 MiB")]
    TooLarge,
    /// As much input waits as may, or there is no such process any more, or its input was closed.
    #[error("the process takes no more input now")]
    NoInput,
    /// The thread that watches processes could not be started.
    #[error("no thread could be started: {0}")]
    NoThread(i32),
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Refusal::Full | Refusal::NoInput => "ERR_PLIMSOLL_OVERFLOW",
            Refusal::TooLarge => "ERR_PLIMSOLL_ARGUMENT",
            Refusal::NoThread(_) => "ERR_PLIMSOLL_INTERNAL",
        }
    }
}

/// What can be asked of processes. Nothing blocks; what is asked of one that has ended changes nothing.
pub trait Processes: Send + Sync {
    /// Has a command started, in its turn.
    ///
    /// # Errors
    ///
    /// `Full`, `TooLarge`, `NoThread`; the listener hears nothing then.
    fn start(&self, request: Request, listener: Arc<dyn Listener>) -> Result<ProcessId, Refusal>;
    /// Writes to its input.
    ///
    /// # Errors
    ///
    /// `NoInput`; nothing was written then.
    fn write(&self, process: ProcessId, bytes: Vec<u8>) -> Result<(), Refusal>;
    /// Ends its input once everything is passed on.
    fn close_input(&self, process: ProcessId);
    /// So many bytes of a streamed output were taken: as many more may be read.
    fn taken(&self, process: ProcessId, stream: Stream, bytes: usize);
    /// Nobody wants the rest of a streamed output: it is read and dropped.
    fn ignore(&self, process: ProcessId, stream: Stream);
    /// Sends a signal to the command, or to its whole tree.
    fn signal(&self, process: ProcessId, signal: i32, tree: bool);
    /// Ends its tree: its end signal, then KILL after `grace`, or after its own. One that waits in line is
    /// cancelled.
    fn end(&self, process: ProcessId, by: EndedBy, grace: Option<Duration>);
    /// Ends every process of a group and of those within it; returns how many there are.
    fn end_group(&self, group: GroupId, by: EndedBy, grace: Option<Duration>) -> usize;
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(unix)]
pub mod host;
