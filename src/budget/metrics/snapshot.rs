//! The budget at one moment, for those who write it out.

use super::{Counters, HighWater, LaneHistograms};
use std::time::Duration;

/// Everything there is to show. The owner of the budget fills it; [`crate::export::prometheus`] writes it.
#[derive(Debug, Clone, Default)]
pub struct BudgetSnapshot {
    /// The process.
    pub load: LoadSnapshot,
    /// The lanes, by index.
    pub lanes: Vec<LaneSnapshot>,
    /// Memory.
    pub memory: MemorySnapshot,
    /// What was counted and timed.
    pub metrics: MetricsSnapshot,
}

/// What runs, waits and may run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadSnapshot {
    /// Calls that run.
    pub active: u32,
    /// The limit enforced now; `None` where only the limit of the process holds.
    pub limit: Option<u32>,
    /// Callers that wait.
    pub waiting: u32,
}

/// One lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneSnapshot {
    /// Its name: any text, and no two alike.
    pub name: String,
    /// Its load.
    pub load: LoadSnapshot,
    /// What its circuit breaker does; `None` without one.
    pub breaker: Option<BreakerGauge>,
}

/// The state of a circuit breaker as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum BreakerGauge {
    /// Calls run.
    Closed = 0,
    /// Calls are refused.
    Open = 1,
    /// A few calls run, to see.
    HalfOpen = 2,
}

/// Memory as the sampler read it, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemorySnapshot {
    /// Resident memory and the age of its reading; `None` before the first.
    pub rss: Option<(u64, Duration)>,
    /// Above this no call is let in; `None` with the guards off.
    pub limit: Option<u64>,
    /// What running calls are expected to need yet.
    pub reserved: u64,
}

/// A copy of what [`Metrics`](super::Metrics) keeps, but for the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Events since the start.
    pub counters: Counters,
    /// The highest values since they were last cleared.
    pub high_water: HighWater,
    /// By lane index; shorter than the lanes when the last of them ended no call yet.
    pub lanes: Vec<LaneHistograms>,
}
