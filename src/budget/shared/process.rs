//! What one process holds of a segment, and the way it takes and gives back.

use super::admission::{Held, admit, withdraw};
use super::attachment::Attachment;
use super::error::SharedError;
use super::lanes::SharedLane;
use super::segment::Segment;
use super::status::{GlobalStatus, LaneStatus, LimitChange, ProcessStatus, SharedStatus};
use super::watch::Watch;
use super::{Loss, MAX_LANES};
use crate::budget::refusal::Refusal;
use crate::platform::clock::Clock;
use crate::platform::filesystem::FileSystem;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often at most a full lane lets us look whether the other processes live.
const PROBE: Duration = Duration::from_millis(50);

pub(super) struct Place {
    pub(super) name: String,
    pub(super) limit: u32,
    /// Its place in the segment's table.
    pub(super) index: usize,
    pub(super) held: u32,
}

pub(super) struct State {
    pub(super) attachment: Arc<Attachment>,
    pub(super) places: Vec<Place>,
    pub(super) global: Option<u32>,
    pub(super) held: u32,
    pub(super) lost: Option<Loss>,
    pub(super) failure: Option<String>,
    pub(super) probed: Option<Duration>,
}

pub(super) struct Inner {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) path: PathBuf,
    pub(super) state: Mutex<State>,
    pub(super) sweeping: Mutex<()>,
    pub(super) watch: Arc<Watch>,
    pub(super) reattached: AtomicU64,
    pub(super) restored: AtomicU64,
}

impl State {
    fn lose(&mut self, loss: Loss) -> SharedError {
        self.lost = Some(loss);
        SharedError::Lost { path: self.attachment.path().to_owned(), what: loss }
    }

    pub(super) fn configure(
        &mut self,
        lanes: &[(&str, u32)],
        global: Option<u32>,
    ) -> Result<Vec<LimitChange>, SharedError> {
        let attachment = Arc::clone(&self.attachment);
        let segment = attachment.segment().map_err(|loss| self.lose(loss))?;
        let maintenance = attachment.maintenance()?;
        let mut changes = Vec::new();
        let places = settle(segment, lanes, true, &mut changes)
            .ok_or_else(|| SharedError::TooManyLanes { path: attachment.path().to_owned() })?;
        if let Some(limit) = global {
            let was = segment.global_limit();
            segment.set_global_limit(limit);
            if was != limit {
                changes.push(LimitChange { lane: None, was, now: limit });
            }
            self.global = Some(limit);
        }
        if !changes.is_empty() {
            segment.count_configuration();
        }
        drop(maintenance);
        for ((name, limit), index) in lanes.iter().zip(places) {
            match self.places.iter_mut().find(|place| place.name == *name) {
                Some(place) => place.limit = *limit,
                None => {
                    let name = (*name).to_owned();
                    self.places.push(Place { name, limit: *limit, index, held: 0 });
                }
            }
        }
        // A raised limit is as good as a release.
        segment.wake_others(attachment.row());
        Ok(changes)
    }
}

/// Where in the segment each lane is; those it lacks are added. `None`, with nothing changed, when they do
/// not fit.
pub(super) fn settle(
    segment: &Segment,
    lanes: &[(&str, u32)],
    limits: bool,
    changes: &mut Vec<LimitChange>,
) -> Option<Vec<usize>> {
    let known: Vec<Option<String>> =
        (0..segment.lane_count()).map(|lane| segment.name(lane)).collect();
    let mut missing = HashSet::new();
    missing.extend(lanes.iter().map(|(name, _)| *name));
    for name in known.iter().flatten() {
        missing.remove(name.as_str());
    }
    if known.len() + missing.len() > MAX_LANES {
        return None;
    }
    let place = |name: &str| {
        (0..segment.lane_count()).find(|lane| segment.name(*lane).as_deref() == Some(name))
    };
    lanes
        .iter()
        .map(|(name, limit)| {
            let Some(lane) = place(name) else { return segment.add_lane(name, *limit) };
            let was = segment.limit(lane);
            if limits && was != *limit {
                segment.set_limit(lane, *limit);
                super::steps::reached();
                changes.push(LimitChange { lane: Some((*name).to_owned()), was, now: *limit });
            }
            Some(lane)
        })
        .collect()
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The watching thread may still have the attachment.
        self.attachment().detach();
    }
}

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attachment(&self) -> Arc<Attachment> {
        Arc::clone(&self.state().attachment)
    }

    pub(super) fn take(&self, lane: SharedLane) -> Result<(), Refusal> {
        let mut state = self.state();
        let state = &mut *state;
        let place = state.places.get_mut(lane.0).ok_or(Refusal::TooManyLanes)?;
        let attachment = &state.attachment;
        let segment = match attachment.segment() {
            Ok(segment) if state.lost.is_none() => segment,
            Ok(_) => return Err(Refusal::SharedUnavailable),
            Err(loss) => {
                state.lost = Some(loss);
                return Err(Refusal::SharedUnavailable);
            }
        };
        let held = Held { in_lane: place.held, in_all: state.held };
        let mut verdict = admit(segment, attachment.row(), place.index, held);
        if verdict.is_err() {
            let now = self.clock.monotonic();
            let due = state.probed.is_none_or(|last| now.saturating_sub(last) >= PROBE);
            if due {
                state.probed = Some(now);
                if attachment.reclaim(segment).is_some_and(|dead| dead > 0) {
                    verdict = admit(segment, attachment.row(), place.index, held);
                }
            }
        }
        verdict?;
        place.held += 1;
        state.held += 1;
        Ok(())
    }

    pub(super) fn give_back(&self, lane: SharedLane) {
        let mut state = self.state();
        let state = &mut *state;
        let Some(place) = state.places.get_mut(lane.0) else { return };
        place.held = place.held.saturating_sub(1);
        state.held = state.held.saturating_sub(1);
        let held = Held { in_lane: place.held, in_all: state.held };
        match state.attachment.segment() {
            Ok(segment) => withdraw(segment, state.attachment.row(), place.index, held),
            Err(loss) => state.lost = Some(loss),
        }
    }

    pub(super) fn status(&self) -> SharedStatus {
        let state = self.state();
        let mut status = SharedStatus {
            path: self.path.clone(),
            reattached: self.reattached.load(Ordering::Relaxed),
            restored: self.restored.load(Ordering::Relaxed),
            failed_callbacks: self.watch.failures(),
            failure: state.failure.clone(),
            lost: state.lost,
            ..SharedStatus::default()
        };
        let attachment = &state.attachment;
        let segment = match attachment.segment() {
            Ok(segment) if state.lost.is_none() => segment,
            Ok(_) => return status,
            Err(loss) => {
                status.lost = Some(loss);
                return status;
            }
        };
        for index in 0..segment.lane_count() {
            let (of_lane, _) = segment.sums(index);
            let mine = state.places.iter().find(|place| place.index == index);
            status.lanes.push(LaneStatus {
                name: segment.name(index).unwrap_or_default(),
                limit: segment.limit(index),
                active: of_lane,
                mine: mine.map_or(0, |place| place.held),
            });
        }
        status.global = GlobalStatus {
            limit: segment.global_limit(),
            active: segment.total(),
            mine: state.held,
        };
        status.processes = segment
            .live_rows()
            .map(|row| ProcessStatus {
                pid: segment.pid_word(row).load(Ordering::Acquire),
                slots: segment.total_word(row).load(Ordering::Acquire),
                is_this: row == attachment.row(),
            })
            .collect();
        status.reclaimed = segment.reclaimed().load(Ordering::Acquire);
        status.configuration = segment.configuration();
        status
    }
}
