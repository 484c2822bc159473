//! The memory guard: whether a call may begin now, and what it holds while it runs.

use super::KindKey;
use super::attribution::{Attribution, CallId, Lesson};
use super::prediction::Predictor;
use super::settings::{Checked, MemorySettings, SettingError, part_of};
use crate::budget::refusal::Refusal;
use crate::resources::Reading;
use std::time::Duration;

/// A reading within this part of a limit is looked at twice.
const NEAR_PARTS: u64 = 900_000;
/// How old a reading may be that near.
const FRESH_NEAR: Duration = Duration::from_millis(1);
/// Steps from not trusting at all that what ended calls left behind is used again, to trusting it wholly.
const TRUST: u64 = 64;
/// Trust to begin with.
const FIRST_TRUST: u64 = 16;

/// Which limit a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// The limit of resident memory.
    Resident,
    /// The part of the control group's limit.
    Cgroup,
}

/// Why a call was refused, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// [`Refusal::Memory`] or [`Refusal::MemoryPredicted`].
    pub reason: Refusal,
    /// What was to begin.
    pub key: KindKey,
    /// The limit it met.
    pub held_by: HeldBy,
    /// What the call is expected to need; 0 without prediction.
    pub needed: u64,
    /// What there is below the limit once every running call has taken what it was promised.
    pub available: u64,
    /// What running calls were promised and have not taken yet.
    pub reserved: u64,
    /// Memory in use: resident, with children if they count, or of the control group.
    pub rss: u64,
    /// The limit.
    pub limit: u64,
    /// Age of the reading.
    pub age: Duration,
}

/// What a call holds while it runs: give it back with [`MemoryGuard::finish`], or with
/// [`MemoryGuard::cancel`] if the call did not begin.
#[derive(Debug)]
#[must_use = "what is reserved stays reserved until it is given to finish or cancel"]
pub struct Reservation {
    bytes: u64,
    place: Place,
    entry: Entry,
}

/// How a call was let in.
#[derive(Debug, Clone, Copy)]
enum Entry {
    /// It fits.
    Fits,
    /// Without a reading.
    Blind,
    /// It is expected not to fit, and nothing else ran.
    Alone,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// Nothing was foreseen.
    None,
    Tracked(CallId),
    /// More calls run than are followed.
    Untracked,
}

impl Reservation {
    /// Bytes reserved.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What the guard has done and met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GuardStats {
    /// Calls let in.
    pub admitted: u64,
    /// Of them, those let in with no reading of memory at all.
    pub blind: u64,
    /// Of them, those that were expected not to fit, and let in because nothing ran.
    pub let_in_alone: u64,
    /// Refused because memory was over a limit.
    pub refused: u64,
    /// Refused because of what they were expected to need.
    pub refused_predicted: u64,
    /// Calls that taught nothing because more ran than are followed.
    pub untracked: u64,
    /// Calls that taught nothing because no reading saw them.
    pub unseen: u64,
    /// Kinds remembered.
    pub kinds: usize,
    /// Kinds forgotten because there were more than are remembered.
    pub forgotten_kinds: u64,
    /// Bytes promised to running calls and not yet taken.
    pub reserved: u64,
    /// Bytes that ended calls took and the process still holds.
    pub residue: u64,
}

/// Decides whether calls fit into memory. Pure: readings and the time are given to it.
///
/// ```
/// use plimsoll::budget::memory::{KindKey, MemoryGuard, MemorySettings};
/// use plimsoll::resources::Reading;
/// use std::time::Duration;
///
/// let mut guard = MemoryGuard::new(&MemorySettings::default()).unwrap();
/// let now = Duration::from_secs(1);
/// let reading = Reading { rss: 100 << 20, at: now, ..Reading::default() };
/// let held = guard.admit(KindKey(1), &reading, now).unwrap();
/// guard.finish(held, &reading, now);
///
/// let reading = Reading { rss: 600 << 20, at: now, ..Reading::default() };
/// assert_eq!(guard.admit(KindKey(1), &reading, now).unwrap_err().name(), "memory");
/// assert_eq!(guard.last_rejection().unwrap().limit, 512 << 20);
/// ```
#[derive(Debug)]
pub struct MemoryGuard {
    settings: Checked,
    predictor: Option<Predictor>,
    attribution: Attribution,
    /// Calls that run without being followed, and what they hold.
    untracked_running: u64,
    untracked_bytes: u64,
    /// How far what ended calls left behind is taken to be used again, of [`TRUST`].
    trust: u64,
    /// Whether a call was refused for its expected need since the last reading.
    held_back: bool,
    /// When the last reading observed was taken, and when that of the children in it.
    observed: Option<(Duration, Duration)>,
    /// Whether children were in it.
    with_children: bool,
    /// The last control group's reading seen, and what the process had then.
    cgroup_seen: Option<(Duration, u64)>,
    last: Option<Rejection>,
    stats: GuardStats,
}

/// One limit and what counts against it.
struct Bound {
    held_by: HeldBy,
    used: u64,
    limit: u64,
}

impl MemoryGuard {
    /// A guard that has learned nothing yet.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn new(settings: &MemorySettings) -> Result<Self, SettingError> {
        let settings = Checked::try_from(settings)?;
        Ok(Self {
            settings,
            predictor: settings.predicted.map(Predictor::new),
            attribution: Attribution::default(),
            untracked_running: 0,
            untracked_bytes: 0,
            trust: FIRST_TRUST,
            held_back: false,
            observed: None,
            with_children: false,
            cgroup_seen: None,
            last: None,
            stats: GuardStats::default(),
        })
    }

    /// Other limits from now on. What was learned stays, unless prediction is switched off; calls keep
    /// what they hold.
    ///
    /// # Errors
    /// [`SettingError`]; nothing has changed then.
    pub fn change(&mut self, settings: &MemorySettings) -> Result<(), SettingError> {
        self.settings = Checked::try_from(settings)?;
        self.attribution.begin_anew();
        match (self.settings.predicted, &mut self.predictor) {
            (Some(predicted), Some(predictor)) => predictor.change(predicted),
            (predicted, predictor) => *predictor = predicted.map(Predictor::new),
        }
        Ok(())
    }

    /// Whether the reading is too old to decide by: there is none, it has missed two of the sampler's
    /// intervals, or memory is near its limit, or over it, and it is older than a millisecond.
    #[must_use]
    pub fn needs_refresh(&self, reading: &Reading, now: Duration) -> bool {
        let age = reading.age(now);
        let used = reading.footprint(self.settings.include_children);
        let near = used >= part_of(self.settings.max_rss, NEAR_PARTS);
        age > self.settings.interval.saturating_mul(2) || (near && age > FRESH_NEAR)
    }

    /// Takes note of a reading: what running calls have added since the last one. Called after each of the
    /// sampler's readings while calls run; [`admit`](Self::admit) and [`finish`](Self::finish) do it with
    /// theirs. The same reading again changes nothing.
    pub fn observe(&mut self, reading: &Reading) {
        let taken = (reading.at, reading.tree_at);
        if !reading.is_known()
            || self.observed.is_some_and(|seen| seen.0 > taken.0 || seen == taken)
        {
            return;
        }
        self.observed = Some(taken);
        let footprint = reading.footprint(self.settings.include_children);
        let with_children = self.settings.include_children && reading.tree_rss.is_some();
        if std::mem::replace(&mut self.with_children, with_children) != with_children {
            // Children that come into view have not been born of a call.
            self.attribution.begin_anew();
        }
        if self.cgroup_seen.is_none_or(|(at, _)| at != reading.cgroup_at) {
            self.cgroup_seen = Some((reading.cgroup_at, footprint));
        }
        if self.predictor.is_none() {
            return;
        }
        self.weigh_trust(reading);
        let soon = self.settings.interval.saturating_mul(2);
        for lesson in self.attribution.observe(footprint, reading.at, soon) {
            self.learn(lesson);
        }
    }

    /// How far what ended calls left behind is there for others is found out by what comes of it: a little
    /// more is counted on while calls are refused though an eighth of each limit is free, half as much when
    /// memory comes within a sixteenth of one.
    fn weigh_trust(&mut self, reading: &Reading) {
        let bounds = self.bounds(reading);
        let over = |part: u64| {
            bounds.iter().flatten().any(|bound| bound.used > bound.limit - bound.limit / part)
        };
        if over(16) {
            self.trust /= 2;
        } else if self.held_back && !over(8) {
            self.trust = (self.trust + 1).min(TRUST);
        }
        self.held_back = false;
    }

    fn learn(&mut self, lesson: Lesson) {
        let Some(predictor) = &mut self.predictor else { return };
        let expected = predictor.expected(lesson.key);
        let mut observation = lesson.observation;
        let (least, most) = (observation.least, observation.most);
        // The process grew a little while there was hardly more for calls than they were expected to use: then
        // that was in use, and this call needed a little more. Were there much more, the growth might be
        // anybody's.
        let grew = (expected / 64 + 1..expected / 2).contains(&least);
        if grew && most <= expected.saturating_mul(2) {
            observation.least = expected.saturating_add(least).min(most).max(least);
        }
        predictor.observe(lesson.key, observation);
    }

    /// Lets a call begin, or says why not; [`last_rejection`](Self::last_rejection) then has the figures.
    ///
    /// With no reading at all the call is let in and counted: without figures there is nothing to hold it
    /// against, and stopping all work would be worse.
    ///
    /// # Errors
    /// [`Refusal::Memory`] while memory is over a limit, [`Refusal::MemoryPredicted`] when what the call is
    /// expected to need does not fit and others run.
    pub fn admit(
        &mut self,
        key: KindKey,
        reading: &Reading,
        now: Duration,
    ) -> Result<Reservation, Refusal> {
        self.observe(reading);
        let needed = self.predictor.as_mut().map_or(0, |predictor| predictor.needed(key));
        if !reading.is_known() {
            self.stats.blind = self.stats.blind.saturating_add(1);
            return Ok(self.reserve(key, needed, Entry::Blind));
        }
        let reserved = self.reserved();
        let bounds = self.bounds(reading);
        let reject = |bound: &Bound, reason, available| Rejection {
            reason,
            key,
            held_by: bound.held_by,
            needed,
            available,
            reserved,
            rss: bound.used,
            limit: bound.limit,
            age: reading.age(now),
        };
        if let Some(over) = bounds.iter().flatten().find(|bound| bound.used > bound.limit) {
            self.stats.refused = self.stats.refused.saturating_add(1);
            self.last = Some(reject(over, Refusal::Memory, 0));
            return Err(Refusal::Memory);
        }
        let mut entry = Entry::Fits;
        if self.predictor.is_some() {
            // What ended calls left behind serves first; only what it does not cover makes the process grow.
            let credit = u128::from(self.attribution.residue()) * u128::from(self.trust);
            let credit = u64::try_from(credit / u128::from(TRUST)).unwrap_or(u64::MAX);
            let available = |bound: &Bound| {
                let room = u128::from(bound.limit.saturating_sub(bound.used)) + u128::from(credit);
                u64::try_from(room.saturating_sub(u128::from(reserved))).unwrap_or(u64::MAX)
            };
            let tight = bounds.iter().flatten().find(|bound| available(bound) < needed);
            if let Some(tight) = tight {
                if self.running() > 0 {
                    self.held_back = true;
                    self.stats.refused_predicted = self.stats.refused_predicted.saturating_add(1);
                    self.last = Some(reject(tight, Refusal::MemoryPredicted, available(tight)));
                    return Err(Refusal::MemoryPredicted);
                }
                self.stats.let_in_alone = self.stats.let_in_alone.saturating_add(1);
                entry = Entry::Alone;
            }
        }
        Ok(self.reserve(key, needed, entry))
    }

    fn bounds(&self, reading: &Reading) -> [Option<Bound>; 2] {
        let footprint = reading.footprint(self.settings.include_children);
        let resident =
            Bound { held_by: HeldBy::Resident, used: footprint, limit: self.settings.max_rss };
        let parts = (self.settings.cgroup_parts, reading.cgroup_used, reading.cgroup_limit);
        let cgroup = match parts {
            (Some(parts), Some(used), Some(limit)) => {
                // The group is read more seldom than the process: what that has grown since, the group has.
                let then = self.cgroup_seen.map_or(footprint, |(_, then)| then);
                let used = used.saturating_add(footprint.saturating_sub(then));
                Some(Bound { held_by: HeldBy::Cgroup, used, limit: part_of(limit, parts) })
            }
            _ => None,
        };
        [Some(resident), cgroup]
    }

    fn running(&self) -> u64 {
        self.attribution.running() as u64 + self.untracked_running
    }

    fn reserved(&self) -> u64 {
        self.attribution.outstanding().saturating_add(self.untracked_bytes)
    }

    fn reserve(&mut self, key: KindKey, bytes: u64, entry: Entry) -> Reservation {
        self.stats.admitted = self.stats.admitted.saturating_add(1);
        if self.predictor.is_none() {
            return Reservation { bytes: 0, place: Place::None, entry };
        }
        let place = match self.attribution.start(key, bytes) {
            Some(id) => Place::Tracked(id),
            None => {
                self.stats.untracked = self.stats.untracked.saturating_add(1);
                self.untracked_running = self.untracked_running.saturating_add(1);
                self.untracked_bytes = self.untracked_bytes.saturating_add(bytes);
                Place::Untracked
            }
        };
        Reservation { bytes, place, entry }
    }

    /// A call has ended, for whatever reason: what it held is free, and what it added is learned, at the
    /// next reading.
    pub fn finish(&mut self, reservation: Reservation, reading: &Reading, now: Duration) {
        self.observe(reading);
        match reservation.place {
            Place::None => {}
            Place::Tracked(id) => {
                if let Some(lesson) = self.attribution.end(id, now) {
                    self.learn(lesson);
                }
            }
            Place::Untracked => self.give_back_untracked(reservation.bytes),
        }
    }

    /// A call that was let in did not begin after all: what it held is free, nothing is learned, and it
    /// counts as if it had never been let in.
    pub fn cancel(&mut self, reservation: Reservation) {
        self.stats.admitted = self.stats.admitted.saturating_sub(1);
        match reservation.entry {
            Entry::Fits => {}
            Entry::Blind => self.stats.blind = self.stats.blind.saturating_sub(1),
            Entry::Alone => self.stats.let_in_alone = self.stats.let_in_alone.saturating_sub(1),
        }
        match reservation.place {
            Place::None => {}
            Place::Tracked(id) => self.attribution.cancel(id),
            Place::Untracked => {
                self.stats.untracked = self.stats.untracked.saturating_sub(1);
                self.give_back_untracked(reservation.bytes);
            }
        }
    }

    fn give_back_untracked(&mut self, bytes: u64) {
        self.untracked_running = self.untracked_running.saturating_sub(1);
        self.untracked_bytes = self.untracked_bytes.saturating_sub(bytes);
    }

    /// Bytes that would be reserved for a call of this kind; 0 without prediction.
    pub fn needed(&mut self, key: KindKey) -> u64 {
        self.predictor.as_mut().map_or(0, |predictor| predictor.needed(key))
    }

    /// The last refusal.
    #[must_use]
    pub fn last_rejection(&self) -> Option<&Rejection> {
        self.last.as_ref()
    }

    /// What was done and met so far.
    #[must_use]
    pub fn stats(&self) -> GuardStats {
        GuardStats {
            unseen: self.attribution.unseen(),
            kinds: self.predictor.as_ref().map_or(0, Predictor::kinds),
            forgotten_kinds: self.predictor.as_ref().map_or(0, Predictor::forgotten),
            reserved: self.reserved(),
            residue: self.attribution.residue(),
            ..self.stats
        }
    }
}

#[cfg(test)]
mod tests;
