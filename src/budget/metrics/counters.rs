//! What only ever goes up, and the highest values seen.

use super::EndedBy;
use crate::budget::refusal::Refusal;

/// Events since the start of the manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls that ended well.
    pub succeeded: u64,
    /// Calls that ended otherwise.
    pub failed: u64,
    /// Calls not let in, in the order of [`Refusal::ALL`].
    pub refusals: [u64; Refusal::ALL.len()],
    /// Slots given back, in the order of [`EndedBy::ALL`].
    pub releases: [u64; EndedBy::ALL.len()],
    /// Warnings that the time of a call is over.
    pub warnings: u64,
    /// Calls ended by their deadline.
    pub ends: u64,
    /// Ended calls whose work goes on.
    pub abandoned: u64,
    /// What became of processes registered with calls that were ended.
    pub processes: ProcessCounters,
    /// Calls of lanes beyond [`MEASURED_LANES`](super::MEASURED_LANES).
    pub unmeasured_calls: u64,
    /// Records that made room for later ones.
    pub overwritten_records: u64,
}

/// The sums of all [`KillReport`](crate::platform::process::KillReport)s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessCounters {
    /// Took the signal.
    pub signalled: u64,
    /// Had ended before it.
    pub already_gone: u64,
    /// Could not be signalled.
    pub refused: u64,
    /// May have got away.
    pub cut: u64,
}

impl Counters {
    /// How often calls were refused for a reason.
    #[must_use]
    pub fn refusals(&self, reason: Refusal) -> u64 {
        self.refusals[Counters::place(reason)]
    }

    /// How many slots came back in a way; [`EndedBy::Collected`] counts forgotten contexts.
    #[must_use]
    pub fn releases(&self, ended_by: EndedBy) -> u64 {
        self.releases[ended_by as usize]
    }

    pub(super) fn count_call(&mut self, success: bool, ended_by: EndedBy) {
        self.succeeded += u64::from(success);
        self.failed += u64::from(!success);
        self.releases[ended_by as usize] += 1;
    }

    /// Reasons are numbered from 1.
    pub(super) const fn place(reason: Refusal) -> usize {
        reason as usize - 1
    }
}

/// The highest values since they were last cleared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HighWater {
    /// Calls that ran at once.
    pub active: u32,
    /// Callers that waited at once.
    pub waiting: u32,
    /// Resident memory, in bytes.
    pub rss: u64,
}
