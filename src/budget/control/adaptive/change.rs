//! Why a limit is what it is.

use std::fmt;
use std::time::Duration;

/// Why the limit changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// It has not: this is where it started.
    Initial = 1,
    /// Calls take no longer than usual, and the limit is in use.
    LatencySteady,
    /// Calls take longer than the tolerance over their baseline allows.
    LatencyRisen,
    /// Calls have grown slower window after window, too slowly to leave the tolerance.
    LatencyDrifting,
    /// Too many calls timed out, or failed after far longer than a success takes.
    CallsTimedOut,
    /// Nothing has succeeded yet, and a whole window failed.
    NothingSucceeded,
    /// Memory in use is over its target.
    MemoryOverTarget,
    /// Processors in use are over their target.
    CpuOverTarget,
    /// Memory and processors are below their targets, and the limit is in use.
    ResourcesFree,
    /// Its bounds were set anew.
    BoundsChanged,
    /// One window at half the limit, to learn how long calls take when fewer run.
    Probing,
    /// That window is over.
    ProbeEnded,
}

impl Reason {
    /// Every reason, for the metrics.
    pub const ALL: [Reason; 12] = [
        Reason::Initial,
        Reason::LatencySteady,
        Reason::LatencyRisen,
        Reason::LatencyDrifting,
        Reason::CallsTimedOut,
        Reason::NothingSucceeded,
        Reason::MemoryOverTarget,
        Reason::CpuOverTarget,
        Reason::ResourcesFree,
        Reason::BoundsChanged,
        Reason::Probing,
        Reason::ProbeEnded,
    ];

    /// The stable name, as users and metrics see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Initial => "initial",
            Reason::LatencySteady => "latency_steady",
            Reason::LatencyRisen => "latency_risen",
            Reason::LatencyDrifting => "latency_drifting",
            Reason::CallsTimedOut => "calls_timed_out",
            Reason::NothingSucceeded => "nothing_succeeded",
            Reason::MemoryOverTarget => "memory_over_target",
            Reason::CpuOverTarget => "cpu_over_target",
            Reason::ResourcesFree => "resources_free",
            Reason::BoundsChanged => "bounds_changed",
            Reason::Probing => "probing",
            Reason::ProbeEnded => "probe_ended",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One change of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Why.
    pub reason: Reason,
    /// The limit before.
    pub from: u32,
    /// The limit since.
    pub to: u32,
    /// When, as the caller's clock says.
    pub at: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_a_name_and_a_number_of_its_own() {
        let names: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        let numbers: HashSet<u8> = Reason::ALL.iter().map(|reason| *reason as u8).collect();
        assert_eq!((names.len(), numbers.len()), (Reason::ALL.len(), Reason::ALL.len()));
    }
}
