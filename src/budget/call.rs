//! One call, from its slot to its record.

use super::admission::Passed;
use super::events::Outbox;
use super::gate::{LaneIndex, Priority, SlotToken};
use super::memory::KindKey;
use super::shared::SharedSlot;
use crate::export::ids::Ids;
use crate::platform::process::ProcessHandle;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Numbers of callers are below 2^40, which takes a million calls a second twelve days.
pub(super) const SERIAL_BITS: u32 = 40;
/// Most processes a call registers.
pub const MOST_PROCESSES: usize = 64;
/// Most scopes a call registers.
pub const MOST_SCOPES: usize = 256;

/// One manager object of one JavaScript thread. Several may hold the same manager.
#[derive(Debug)]
pub struct Holder {
    /// Unique within the manager.
    pub id: u32,
    /// What the ids of its calls begin with; the number of the call follows.
    pub prefix: String,
    /// Where those of its spans come from.
    pub seed: u128,
    /// The ids of its spans, by the number of the call.
    pub ids: Ids,
    /// What it is to be told.
    pub outbox: Outbox,
    /// Whether it lets no more in; others that hold the manager go on.
    pub(super) left: AtomicBool,
}

/// When a call is warned of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Timeout {
    /// After this many milliseconds; what is negative or no number refuses the call.
    Milliseconds(f64),
    /// As the history of the lane has it.
    Adaptive,
}

/// A trace that began elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignTrace {
    /// Its id.
    pub trace: [u8; 16],
    /// The span there that is the parent, if that is not a call of the same manager.
    pub span: Option<[u8; 8]>,
}

/// Where the span of a call belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Whether there is a span at all.
    pub sampled: bool,
    /// The number of the first call of the trace; 0: the trace began elsewhere.
    pub root: u64,
    /// The number of the call it runs in; 0: none.
    pub parent: u64,
    /// Where the trace began, if elsewhere.
    pub foreign: Option<Box<Foreign>>,
}

/// The id of a trace that began elsewhere, and of the span there a call runs in.
pub type Foreign = ([u8; 16], Option<[u8; 8]>);

/// What is asked of [`super::manager::Manager::acquire`].
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The holder's number for it.
    pub serial: u64,
    /// Whose call it is.
    pub task: &'a str,
    /// The lane; `None` when there are too many.
    pub lane: Option<LaneIndex>,
    /// What is known of its need for memory is known under this.
    pub kind: Option<KindKey>,
    /// When it is warned of.
    pub timeout: Timeout,
    /// Bytes of heap in use.
    pub heap: u64,
    /// The time by the calendar, milliseconds since the epoch.
    pub wall_ms: i64,
    /// Whether a wrapper runs it, which says when the work began and how it ended.
    pub observed: bool,
    /// Its place among the spans.
    pub trace: Trace,
}

impl Request<'_> {
    /// The request for whoever keeps the task elsewhere.
    pub(super) fn without_task(&self) -> Request<'static> {
        Request {
            serial: self.serial,
            task: "",
            lane: self.lane,
            kind: self.kind,
            timeout: self.timeout,
            heap: self.heap,
            wall_ms: self.wall_ms,
            observed: self.observed,
            trace: self.trace.clone(),
        }
    }
}

/// How long a caller waits, and how urgently.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// At most this long.
    pub longest: Duration,
    /// Before whom.
    pub priority: Priority,
}

/// Everything a running call occupies; each is given back exactly once.
pub(super) struct Occupied {
    pub(super) slot: SlotToken,
    pub(super) passed: Passed,
    pub(super) shared: Option<SharedSlot>,
}

/// How far a call's time has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Within its timeout.
    Running,
    /// Over its timeout.
    Warned,
    /// Over its deadline; its processes are being killed.
    Ending,
    /// Its processes are dead and its holder was told; the slot waits for the release.
    Ended,
}

/// A call that runs.
pub(super) struct Call {
    pub(super) holder: Arc<Holder>,
    pub(super) serial: u64,
    pub(super) task: Box<str>,
    pub(super) lane: LaneIndex,
    pub(super) occupied: Occupied,
    pub(super) started: Duration,
    pub(super) started_wall_ms: i64,
    pub(super) waited: Duration,
    pub(super) warn_at: Duration,
    pub(super) end_at: Duration,
    pub(super) phase: Phase,
    /// When it was warned of.
    pub(super) warned_at: Duration,
    /// When its time was over.
    pub(super) ended_at: Duration,
    pub(super) killed: u32,
    pub(super) processes: Vec<ProcessHandle>,
    pub(super) scopes: Vec<u32>,
    pub(super) rss_start: u64,
    pub(super) rss_peak: u64,
    pub(super) heap_start: u64,
    pub(super) concurrent: u32,
    pub(super) concurrent_in_lane: u32,
    pub(super) observed: bool,
    pub(super) trace: Trace,
}

impl Call {
    /// When the timer must look at it next.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Running => Some(self.warn_at),
            Phase::Warned => Some(self.end_at),
            Phase::Ending | Phase::Ended => None,
        }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Ended)
    }

    /// Its id, as users see it.
    pub(super) fn id(&self) -> String {
        format!("{}{}", self.holder.prefix, self.serial)
    }

    /// Its id as one number, for its record: the holder, and the holder's number for it.
    pub(super) fn record_number(&self) -> u64 {
        u64::from(self.holder.id) << SERIAL_BITS | self.serial
    }
}
