//! What is told of shared lanes.

use super::{Loss, Repair};
use std::path::PathBuf;

/// What attaching found and changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Nobody else used the segment, or what was in it could not be believed: it began anew.
    pub fresh: bool,
    /// What was wrong with the file and has been put right.
    pub repaired: Option<Repair>,
    /// The limits this process replaced, for every process.
    pub changes: Vec<LimitChange>,
}

/// A limit that was another before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitChange {
    /// The lane; `None` for the global limit.
    pub lane: Option<String>,
    /// What it was. [`u32::MAX`] is no limit.
    pub was: u32,
    /// What it is.
    pub now: u32,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Dead processes whose slots came back.
    pub reclaimed: u32,
    /// Whether somebody else had written to our row.
    pub restored: bool,
    /// Whether a lost segment was taken up again.
    pub reattached: bool,
}

/// The state of the segment. Without a segment ([`SharedStatus::lost`]) nothing is known of the others and
/// the lists are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedStatus {
    /// The file.
    pub path: PathBuf,
    /// Every lane of the segment, also those other processes configured.
    pub lanes: Vec<LaneStatus>,
    /// All lanes together.
    pub global: GlobalStatus,
    /// The processes attached, as far as their death was not noticed yet.
    pub processes: Vec<ProcessStatus>,
    /// Dead processes whose slots came back, by whoever noticed, since the segment began.
    pub reclaimed: u64,
    /// How often the limits were changed, by anybody.
    pub configuration: u64,
    /// How often this process took up a segment that was cut, removed or made anew.
    pub reattached: u64,
    /// How often this process found its row changed by a stranger.
    pub restored: u64,
    /// Callbacks of [`super::SharedLanes::watch`] that panicked.
    pub failed_callbacks: u64,
    /// What happened to the segment, while it is lost.
    pub lost: Option<Loss>,
    /// Why it could not be taken up again so far, and what to do.
    pub failure: Option<String>,
}

/// A lane over all processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneStatus {
    /// Its name; empty when the table was damaged, which the next sweep repairs.
    pub name: String,
    /// How much may run in it; [`u32::MAX`] for no limit.
    pub limit: u32,
    /// How much runs in it, in all processes. For some hundred nanoseconds it may show one that is refused.
    pub active: u64,
    /// How much of that is ours.
    pub mine: u32,
}

/// All lanes over all processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlobalStatus {
    /// How much may run; [`u32::MAX`] for no limit.
    pub limit: u32,
    /// How much runs in all processes.
    pub active: u64,
    /// How much of that is ours.
    pub mine: u32,
}

/// A process that shares the lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessStatus {
    /// Its process id, in its own PID namespace. For people to read: nothing here rests on it.
    pub pid: u32,
    /// What it holds.
    pub slots: u32,
    /// Whether it is we.
    pub is_this: bool,
}
