//! Why a call was not let in.

use std::fmt;

/// The reason for a refusal: `manager.lastRejection.reason` and the label in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// The lane runs as much as it may.
    LaneFull = 1,
    /// The process runs as much as it may.
    GlobalFull,
    /// Others wait for the lane already; who does not wait may not overtake them.
    OthersWait,
    /// The timeout was negative.
    Timeout,
    /// Resident memory is over its limit.
    Memory,
    /// What the call is expected to need at its peak does not fit beside what runs.
    MemoryPredicted,
    /// The lane's circuit breaker is open.
    BreakerOpen,
    /// The task has as many slots as it may have.
    TaskSlots,
    /// The task has made as many calls in a minute as it may make.
    TaskRate,
    /// The task has used up its time.
    TaskTime,
    /// The ramp after an increase of the limit lets the next one in later.
    Ramp,
    /// As many wait already as may.
    QueueFull,
    /// It waited, and another of higher standing took its place in the full queue.
    Shed,
    /// It waited as long as it wanted to.
    WaitExpired,
    /// The caller gave up waiting.
    Cancelled,
    /// More lanes than a manager keeps.
    TooManyLanes,
    /// The shared segment is full of processes, or cannot be reached.
    SharedUnavailable,
    /// The manager was reset.
    Closed,
}

impl Refusal {
    /// Every reason, for the metrics.
    pub const ALL: [Refusal; 18] = [
        Refusal::LaneFull,
        Refusal::GlobalFull,
        Refusal::OthersWait,
        Refusal::Timeout,
        Refusal::Memory,
        Refusal::MemoryPredicted,
        Refusal::BreakerOpen,
        Refusal::TaskSlots,
        Refusal::TaskRate,
        Refusal::TaskTime,
        Refusal::Ramp,
        Refusal::QueueFull,
        Refusal::Shed,
        Refusal::WaitExpired,
        Refusal::Cancelled,
        Refusal::TooManyLanes,
        Refusal::SharedUnavailable,
        Refusal::Closed,
    ];

    /// Whether it may be otherwise in a while, so that waiting makes sense.
    #[must_use]
    pub fn passes(self) -> bool {
        !matches!(
            self,
            Refusal::Timeout | Refusal::TaskTime | Refusal::TooManyLanes | Refusal::Closed
        )
    }

    /// The stable name, as users and metrics see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Refusal::LaneFull => "lane_full",
            Refusal::GlobalFull => "global_full",
            Refusal::OthersWait => "others_wait",
            Refusal::Timeout => "timeout",
            Refusal::Memory => "memory",
            Refusal::MemoryPredicted => "memory_predicted",
            Refusal::BreakerOpen => "breaker_open",
            Refusal::TaskSlots => "task_slots",
            Refusal::TaskRate => "task_rate",
            Refusal::TaskTime => "task_time",
            Refusal::Ramp => "ramp",
            Refusal::QueueFull => "queue_full",
            Refusal::Shed => "shed",
            Refusal::WaitExpired => "wait_expired",
            Refusal::Cancelled => "cancelled",
            Refusal::TooManyLanes => "too_many_lanes",
            Refusal::SharedUnavailable => "shared_unavailable",
            Refusal::Closed => "closed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_a_name_and_a_number_of_its_own() {
        let names: HashSet<&str> = Refusal::ALL.iter().map(|reason| reason.name()).collect();
        let numbers: HashSet<u8> = Refusal::ALL.iter().map(|reason| *reason as u8).collect();
        assert_eq!((names.len(), numbers.len()), (Refusal::ALL.len(), Refusal::ALL.len()));
    }
}
