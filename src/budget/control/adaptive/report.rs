//! What a limit is told, and what it tells of itself.

use super::super::Outcome;
use std::time::Duration;

/// A call that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How long it ran, without the time it waited for its slot.
    pub latency: Duration,
    /// How many ran when it ended, itself among them.
    pub in_flight: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The time now, on a monotonic clock.
    pub now: Duration,
}

/// Readings of what the process may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resources {
    /// The fraction of the memory limit in use; not a number if it is not known.
    pub memory: f64,
    /// The fraction of the processors in use; not a number if it is not known.
    pub cpu: f64,
    /// How many calls of the lane run now.
    pub in_flight: u32,
    /// The time now, on a monotonic clock.
    pub now: Duration,
}

/// What a limit has been through, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Windows judged.
    pub windows: u64,
    /// Times the limit rose.
    pub rises: u64,
    /// Times it fell.
    pub falls: u64,
    /// Windows run at half the limit.
    pub probes: u64,
    /// Calls not judged because they ran when the limit was cut, by a backoff or a probe, or instead of these.
    pub passed_over: u64,
}
