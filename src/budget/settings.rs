//! What a manager is told to keep, complete and validated by whoever makes it.

use super::control::adaptive::AdaptiveSettings;
use super::control::breaker::BreakerSettings;
use super::control::history::AdaptiveTimeout;
use super::gate::{LaneLimit, Limits, Quota, Shed, TaskKey};
use super::memory::MemorySettings;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// Lanes whose limits move.
#[derive(Debug, Clone)]
pub struct Adaptive {
    /// The lanes; `None`: every one that has a limit.
    pub lanes: Option<Vec<String>>,
    /// How. The highest limit is the lane's own.
    pub settings: AdaptiveSettings,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most calls at once.
    pub global: u32,
    /// The lanes with limits of their own.
    pub lanes: Vec<LaneLimit>,
    /// Most waiters.
    pub queue: u32,
    /// What happens when that many wait.
    pub shed: Shed,
    /// After how long a waiter rises.
    pub ageing: Duration,
    /// What each task may use.
    pub quota: Quota,
    /// What certain tasks may use instead.
    pub quotas: Vec<(String, Quota)>,
    /// A call ends at its timeout times this.
    pub escalation_factor: f64,
    /// The memory guard; `None`: off.
    pub memory: Option<MemorySettings>,
    /// Moving limits.
    pub adaptive: Option<Adaptive>,
    /// A breaker for each lane.
    pub breaker: Option<BreakerSettings>,
    /// What an adaptive timeout is.
    pub adaptive_timeout: AdaptiveTimeout,
    /// The timeout of calls whose lane has no history yet.
    pub default_timeout: Duration,
    /// The file through which lanes are shared.
    pub shared: Option<PathBuf>,
}

impl Settings {
    /// What the gate keeps of it.
    pub(super) fn limits(&self, key: impl Fn(&str) -> TaskKey) -> Limits {
        let named_quotas: HashMap<TaskKey, Quota> =
            self.quotas.iter().map(|(task, quota)| (key(task), *quota)).collect();
        Limits {
            global: self.global,
            lanes: self.lanes.clone(),
            queue: self.queue,
            shed: self.shed,
            quota: self.quota,
            named_quotas,
            ageing: self.ageing,
        }
    }

    /// Whether calls of a task are counted at all, so that nobody hashes what is not looked at.
    pub(super) fn has_quotas(&self) -> bool {
        self.quota != Quota::default() || !self.quotas.is_empty()
    }
}
