//! What a call must pass besides the gate: the breaker and the ramp of its lane, the memory guard, and the
//! lanes shared with other processes. And what moves: the limits, breakers and histories of the lanes.

use super::control::Outcome;
use super::control::adaptive::{AdaptiveLimit, AdaptiveSettings, Resources, Sample};
use super::control::breaker::{CircuitBreaker, Permit};
use super::control::history::DurationHistory;
use super::gate::{Gate, LaneIndex};
use super::memory::{self, GuardStats, KindKey, MemoryGuard, MemorySettings, Reservation};
use super::refusal::Refusal;
use super::settings::Settings;
use super::shared::{SharedLane, SharedLanes, SharedSlot};
use crate::resources::reading::Reading;
use std::sync::Arc;
use std::time::Duration;

/// Without a guard, a reading older than this is taken anew before a call begins.
const STALE: Duration = Duration::from_millis(100);

/// What a call has passed, to be given back when it ends or is refused after all.
#[derive(Debug)]
pub(super) struct Passed {
    permit: Option<Permit>,
    reservation: Option<Reservation>,
}

/// What is known of a lane beside its place in the gate.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) name: Arc<str>,
    pub(super) breaker: Option<CircuitBreaker>,
    pub(super) adaptive: Option<AdaptiveLimit>,
    history: Option<DurationHistory>,
    shared: Option<SharedLane>,
    /// Its limit, which the adaptive one never exceeds.
    configured: u32,
}

impl Lane {
    /// Has the gate enforce what the adaptive limit is. At its highest there is nothing to hold the lane to
    /// but what is configured, capacity it may borrow included.
    fn enforce(&self, index: LaneIndex, gate: &mut Gate) {
        let limit = self.adaptive.as_ref().map_or(u32::MAX, AdaptiveLimit::limit);
        gate.set_effective(index, if limit >= self.configured { u32::MAX } else { limit });
    }
}

/// How a call ended, for the controllers.
pub(super) struct Ending {
    pub(super) lane: LaneIndex,
    /// `None`: it says nothing of the lane.
    pub(super) outcome: Option<Outcome>,
    pub(super) ran: Duration,
    pub(super) timeout: Duration,
    /// How many ran in the lane when it ended, itself among them.
    pub(super) in_flight: u32,
}

/// See the module.
pub(super) struct Admission {
    lanes: Vec<Lane>,
    guard: Option<MemoryGuard>,
    breaker: Option<super::control::breaker::BreakerSettings>,
    adaptive: Option<super::settings::Adaptive>,
}

impl Admission {
    pub(super) fn new(settings: &Settings) -> Admission {
        Admission {
            lanes: Vec::new(),
            guard: settings.memory.as_ref().and_then(memory_guard),
            breaker: settings.breaker,
            adaptive: settings.adaptive.clone(),
        }
    }

    /// Begins to control the lanes the gate knows, up to this one.
    pub(super) fn know_lane(
        &mut self,
        index: LaneIndex,
        limit: Option<u32>,
        shared: Option<&SharedLanes>,
        gate: &mut Gate,
    ) {
        for place in self.lanes.len()..=index.0 as usize {
            let known = LaneIndex(u32::try_from(place).unwrap_or(u32::MAX));
            let name = gate.lane_name(known).unwrap_or_default();
            let limit = limit.filter(|_| known == index);
            let lane = Lane {
                name: name.into(),
                breaker: self.breaker.map(CircuitBreaker::new),
                adaptive: limit.and_then(|max| self.adaptive_limit(name, max)),
                history: None,
                shared: shared.and_then(|shared| share_lane(shared, name)),
                configured: limit.unwrap_or(u32::MAX),
            };
            lane.enforce(known, gate);
            self.lanes.push(lane);
        }
    }

    fn adaptive_limit(&self, name: &str, max: u32) -> Option<AdaptiveLimit> {
        let adaptive = self.adaptive.as_ref()?;
        let chosen =
            adaptive.lanes.as_ref().is_none_or(|lanes| lanes.iter().any(|lane| lane == name));
        let settings = AdaptiveSettings { max: max.max(1), ..adaptive.settings };
        chosen.then(|| AdaptiveLimit::new(settings))
    }

    pub(super) fn lane(&self, index: LaneIndex) -> Option<&Lane> {
        self.lanes.get(index.0 as usize)
    }

    /// Lets a call past breaker, ramp and memory guard.
    pub(super) fn pass(
        &mut self,
        index: LaneIndex,
        kind: Option<KindKey>,
        reading: &Reading,
        now: Duration,
    ) -> Result<Passed, Refusal> {
        let Some(lane) = self.lanes.get_mut(index.0 as usize) else {
            return Err(Refusal::TooManyLanes);
        };
        if lane.adaptive.as_ref().is_some_and(|limit| limit.admits_at(now).is_err()) {
            return Err(Refusal::Ramp);
        }
        let permit = match lane.breaker.as_mut() {
            Some(breaker) => Some(breaker.allow(now)?),
            None => None,
        };
        let kind = kind.unwrap_or(KindKey(u64::from(index.0)));
        let reservation = match self.guard.as_mut().map(|guard| guard.admit(kind, reading, now)) {
            None => None,
            Some(Ok(reservation)) => Some(reservation),
            Some(Err(refusal)) => {
                self.take_back(index, Passed { permit, reservation: None });
                return Err(refusal);
            }
        };
        Ok(Passed { permit, reservation })
    }

    /// A call that passed was refused elsewhere.
    pub(super) fn take_back(&mut self, index: LaneIndex, passed: Passed) {
        let breaker = self.lanes.get_mut(index.0 as usize).and_then(|lane| lane.breaker.as_mut());
        if let (Some(breaker), Some(permit)) = (breaker, passed.permit) {
            breaker.abandon(permit);
        }
        if let (Some(guard), Some(reservation)) = (self.guard.as_mut(), passed.reservation) {
            guard.cancel(reservation);
        }
    }

    /// A slot over all processes, when the lane is shared.
    pub(super) fn share(
        &self,
        index: LaneIndex,
        shared: Option<&SharedLanes>,
    ) -> Result<Option<SharedSlot>, Refusal> {
        let Some(shared) = shared else { return Ok(None) };
        let lane =
            self.lane(index).and_then(|lane| lane.shared).ok_or(Refusal::SharedUnavailable)?;
        shared.try_acquire(lane).map(Some)
    }

    /// A call was let in.
    pub(super) fn admitted(&mut self, index: LaneIndex, now: Duration) {
        let lane = self.lanes.get_mut(index.0 as usize);
        if let Some(limit) = lane.and_then(|lane| lane.adaptive.as_mut()) {
            limit.admitted(now);
        }
    }

    /// A call ended: gives back what it passed and learns from it. A changed limit goes to the gate.
    pub(super) fn end(
        &mut self,
        ending: Ending,
        passed: Passed,
        reading: &Reading,
        gate: &mut Gate,
        now: Duration,
    ) {
        if let (Some(guard), Some(reservation)) = (self.guard.as_mut(), passed.reservation) {
            guard.finish(reservation, reading, now);
        }
        let Some(lane) = self.lanes.get_mut(ending.lane.0 as usize) else { return };
        let Some(outcome) = ending.outcome else {
            if let (Some(breaker), Some(permit)) = (lane.breaker.as_mut(), passed.permit) {
                breaker.abandon(permit);
            }
            return;
        };
        if let (Some(breaker), Some(permit)) = (lane.breaker.as_mut(), passed.permit) {
            breaker.record(permit, outcome, ending.ran, now);
        }
        if let Some(history) = lane.history.as_mut() {
            history.record(outcome, ending.ran, ending.timeout, now);
        }
        let Some(limit) = lane.adaptive.as_mut() else { return };
        let sample = Sample { latency: ending.ran, in_flight: ending.in_flight, outcome, now };
        if limit.observe(sample).is_some() {
            lane.enforce(ending.lane, gate);
        }
    }

    /// The warning of a call whose timeout is adaptive; its lane's history begins with the first of them.
    pub(super) fn adaptive_timeout(&mut self, index: LaneIndex, settings: &Settings) -> Duration {
        let Some(lane) = self.lanes.get_mut(index.0 as usize) else {
            return settings.default_timeout;
        };
        let history = lane.history.get_or_insert_with(DurationHistory::new);
        history.warning(settings.adaptive_timeout, settings.default_timeout)
    }

    /// Readings of memory and processors, for the limits that follow them.
    pub(super) fn resources(&mut self, memory: f64, cpu: f64, gate: &mut Gate, now: Duration) {
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            let index = LaneIndex(u32::try_from(place).unwrap_or(u32::MAX));
            let Some(limit) = lane.adaptive.as_mut() else { continue };
            let in_flight = gate.active_in(index);
            if limit.resources(Resources { memory, cpu, in_flight, now }).is_some() {
                lane.enforce(index, gate);
            }
        }
    }

    /// A lane has another limit, one for the first time, or none any more.
    pub(super) fn set_bounds(
        &mut self,
        index: LaneIndex,
        limit: Option<u32>,
        gate: &mut Gate,
        now: Duration,
    ) {
        let new = limit.and_then(|max| self.adaptive_limit(gate.lane_name(index)?, max));
        let min = self.adaptive.as_ref().map_or(1, |adaptive| adaptive.settings.min);
        let Some(lane) = self.lanes.get_mut(index.0 as usize) else { return };
        lane.configured = limit.unwrap_or(u32::MAX);
        lane.adaptive = match (lane.adaptive.take(), limit) {
            (Some(mut adaptive), Some(limit)) => {
                // The gate is told below, whether or not that changed anything.
                let _change = adaptive.set_bounds(min, limit.max(1), now);
                Some(adaptive)
            }
            (None, Some(_)) => new,
            (_, None) => None,
        };
        lane.enforce(index, gate);
    }

    /// The lanes it controls.
    pub(super) fn indices(&self) -> impl Iterator<Item = LaneIndex> + use<> {
        (0..u32::try_from(self.lanes.len()).unwrap_or(u32::MAX)).map(LaneIndex)
    }

    /// The next moment at which time alone lets somebody past a breaker or a ramp.
    pub(super) fn next_change(&self, now: Duration) -> Option<Duration> {
        let ramp = |lane: &Lane| now.checked_add(lane.adaptive.as_ref()?.admits_at(now).err()?);
        let retry = |lane: &Lane| lane.breaker.as_ref()?.retry_at().filter(|at| *at > now);
        self.lanes.iter().flat_map(|lane| [ramp(lane), retry(lane)]).flatten().min()
    }

    /// When the breaker of a lane lets the next call in.
    pub(super) fn retry_at(&self, index: LaneIndex) -> Option<Duration> {
        self.lane(index)?.breaker.as_ref()?.retry_at()
    }

    /// What was missing, if memory was.
    pub(super) fn shortage(&self, refusal: Refusal) -> Option<memory::Rejection> {
        match refusal {
            Refusal::Memory | Refusal::MemoryPredicted => {
                self.guard.as_ref()?.last_rejection().cloned()
            }
            _ => None,
        }
    }

    /// What the memory guard has done.
    pub(super) fn memory(&self) -> Option<GuardStats> {
        self.guard.as_ref().map(MemoryGuard::stats)
    }

    /// A reading that is fresh enough to decide by.
    pub(super) fn needs_refresh(&self, reading: &Reading, now: Duration) -> bool {
        match &self.guard {
            Some(guard) => guard.needs_refresh(reading, now),
            None => !reading.is_known() || reading.age(now) > STALE,
        }
    }

    /// A reading was taken.
    pub(super) fn observe_memory(&mut self, reading: &Reading) {
        if let Some(guard) = self.guard.as_mut() {
            guard.observe(reading);
        }
    }
}

/// A lane nobody configured is shared as well: held by the global limit of all processes alone.
fn share_lane(shared: &SharedLanes, name: &str) -> Option<SharedLane> {
    shared.lane(name).or_else(|| {
        shared.configure(&[(name, u32::MAX)], None).ok()?;
        shared.lane(name)
    })
}

/// The guard of these settings. Where a fraction or the prediction makes no sense, resident memory is guarded all
/// the same: a mistake in an option must not let everything in.
fn memory_guard(settings: &MemorySettings) -> Option<MemoryGuard> {
    let plain = || MemorySettings { cgroup_fraction: None, predicted: None, ..*settings };
    MemoryGuard::new(settings).or_else(|_| MemoryGuard::new(&plain())).ok()
}
