//! What the gate shows of itself.

use super::Gate;

/// What runs and may run in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalStatus {
    /// Calls that run.
    pub active: u32,
    /// The limit enforced now.
    pub limit: u32,
}

/// What runs, waits and may run in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStatus {
    /// Its name.
    pub name: Box<str>,
    /// Calls that run, on borrowed capacity too.
    pub active: u32,
    /// The limit enforced now, without loans; the global one when the lane has none.
    pub limit: u32,
    /// The configured limit.
    pub configured: Option<u32>,
    /// Callers that wait.
    pub waiting: u32,
    /// How many of those that run do so on capacity of other lanes.
    pub borrowed: u32,
    /// How much of its capacity other lanes use.
    pub lent: u32,
}

/// What happened since the gate was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Waiters sent away for others of higher standing.
    pub shed: u64,
    /// Waiters whose time was over.
    pub expired: u64,
    /// Waiters that gave up.
    pub cancelled: u64,
    /// Idle tasks forgotten although something of their quota was used.
    pub forgotten_tasks: u64,
    /// Slots let in on capacity of another lane.
    pub loans: u64,
}

/// The gate at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The process.
    pub global: GlobalStatus,
    /// The lanes that are configured or were used, in the order in which they became known.
    pub lanes: Vec<LaneStatus>,
    /// Callers that wait, in all lanes.
    pub waiting: u32,
    /// What happened.
    pub counters: Counters,
}

impl Gate {
    /// The gate as it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let lanes = self.lanes.iter().enumerate().map(|(place, lane)| LaneStatus {
            name: lane.name.clone(),
            active: lane.active,
            limit: if lane.configured.is_some() { lane.limit } else { lane.limit.min(self.global) },
            configured: lane.configured.map(|(limit, _)| limit),
            waiting: count(self.waiting.in_lane(place)),
            borrowed: lane.borrowed,
            lent: lane.lent,
        });
        Status {
            global: GlobalStatus { active: self.active, limit: self.global },
            lanes: lanes.collect(),
            waiting: count(self.waiting.len()),
            counters: Counters {
                shed: self.sheds,
                expired: self.expired,
                cancelled: self.cancelled,
                forgotten_tasks: self.tasks.forgotten(),
                loans: self.lanes.loans_made,
            },
        }
    }
}
