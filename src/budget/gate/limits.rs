//! What the gate is told to keep.

use std::collections::HashMap;
use std::time::Duration;

/// The name of a lane, as a number: valid for the life of the gate that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneIndex(pub u32);

impl LaneIndex {
    pub(super) fn place(self) -> usize {
        self.0 as usize
    }
}

/// A task, as a hash of its id made by the caller. Two tasks of one hash share their quota and their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey(pub u64);

/// How urgent a waiter is on arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Before all others.
    High = 0,
    /// The usual one.
    Normal = 1,
    /// After all others.
    Low = 2,
}

/// What happens to a newcomer when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// It is refused.
    RejectNew,
    /// The last in line is sent away for it, if the newcomer stands higher; else it is refused.
    DropLowest,
}

/// What a lane may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneLimit {
    /// Any text; no name has a meaning of its own. Of two limits of one name the later counts.
    pub name: Box<str>,
    /// Most calls at once on the lane's own capacity. Zero closes the lane.
    pub limit: u32,
    /// Most calls at once with capacity borrowed from other lanes; not above `limit`: it never borrows.
    pub ceiling: u32,
}

/// What one task may use. `None` leaves it free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Most calls at once, over all lanes.
    pub slots: Option<u32>,
    /// Most calls let in within any 60 seconds.
    pub calls_per_minute: Option<u32>,
    /// Time its calls may take in total; a call is charged when it ends.
    pub total: Option<Duration>,
}

impl Quota {
    pub(super) fn is_free(&self) -> bool {
        *self == Quota::default()
    }
}

/// Everything a gate keeps.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most calls at once in the process.
    pub global: u32,
    /// The configured lanes. Every other lane is held by `global` alone.
    pub lanes: Vec<LaneLimit>,
    /// Most waiters, over all lanes. Zero: nobody waits.
    pub queue: u32,
    /// What happens when that many wait.
    pub shed: Shed,
    /// What every task may use, unless it is named below.
    pub quota: Quota,
    /// What certain tasks may use, instead of `quota`.
    pub named_quotas: HashMap<TaskKey, Quota>,
    /// After how long a waiter rises by one priority; counted as a year when longer. Zero: priorities
    /// mean nothing.
    pub ageing: Duration,
}
