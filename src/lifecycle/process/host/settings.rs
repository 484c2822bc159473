//! What a host works with, and how many processes it may have.

use super::Keepers;
use crate::lifecycle::group::Groups;
use crate::lifecycle::ledger::Journal;
use crate::lifecycle::process::MOST_RUNNING;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::process::{self, SystemProcesses};
use std::sync::Arc;

/// Descriptors of one process here: control, input, output, error.
const DESCRIPTORS: u64 = 4;

/// What a host works with.
pub struct HostSettings {
    /// Starts keepers.
    pub keepers: Arc<dyn Keepers>,
    /// Where processes are recorded.
    pub journal: Arc<dyn Journal>,
    /// How scopes are nested.
    pub groups: Arc<Groups>,
    /// Times.
    pub clock: Arc<dyn Clock>,
    /// The processes of the machine, to end what a keeper that was killed has left.
    pub processes: Arc<dyn process::Processes>,
    /// Most processes at once, at least 1.
    pub most_running: usize,
}

impl HostSettings {
    /// With the system's clock, processes and limits.
    #[must_use]
    pub fn new(
        keepers: Arc<dyn Keepers>,
        journal: Arc<dyn Journal>,
        groups: Arc<Groups>,
    ) -> HostSettings {
        HostSettings {
            keepers,
            journal,
            groups,
            clock: Arc::new(SystemClock),
            processes: Arc::new(SystemProcesses),
            most_running: most_running(),
        }
    }
}

/// As many as half of the descriptors that may be open is enough for.
fn most_running() -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let room = descriptors.unwrap_or(u64::MAX) / 2 / DESCRIPTORS;
    usize::try_from(room).unwrap_or(usize::MAX).clamp(1, MOST_RUNNING)
}
