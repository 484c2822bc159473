//! Lanes, their queue, quotas and loans: who may run.
//!
//! The [`Gate`] is a state machine: no clock of its own (every call is told `now`, a reading of a monotonic
//! clock; one that goes back counts as standing still), no threads, no locks. Its owner holds one mutex
//! around it, and calls [`Gate::next_grant`] in a loop after everything that may let a waiter in: a release,
//! new limits, the moment of [`Gate::next_expiry`].
//!
//! # Limits
//!
//! Nothing is let in while the process or the lane runs as much as it may, or while the task has used up
//! its [`Quota`]. Lowered limits end nothing: they let nothing in until what runs has fallen below them. A
//! controller may lower the limit of a lane or of the process ([`Gate::set_effective`]) but never above what
//! is configured, nor below one. A lane without a configured limit is held by the global limit alone.
//!
//! # The order of waiters
//!
//! - Within a lane by priority. A waiter rises by one priority after each [`Limits::ageing`] and goes behind
//!   those who were there before. Raising or lowering `ageing` is for those who come after.
//! - Within a priority of a lane the tasks take turns, in the order in which their first waiters came to that
//!   priority. A task whose turn has been goes behind all others of the priority of its next waiter, and
//!   rises from there. Within a task, by priority and arrival.
//! - Between lanes, the oldest turn of those lanes that have room.
//! - Nobody who does not wait overtakes a waiter of the lane who could run. (Waiters of other lanes who
//!   could run have been let in, if the owner calls `next_grant` when it should.)
//! - A task held by its quota is left out until the quota may let it go on, and keeps its turn meanwhile.
//!
//! **Nobody starves.** Take a waiter of priority *p* (0, 1, 2 from high to low) who is the first of its task
//! in its lane, whom no quota holds, and who has waited for (*p* + 1) · `ageing`. Of all other tasks in that
//! lane, each is let in at most once before it; where the global limit is the bottleneck, that holds of all tasks in all lanes.
//! (A task's turn is at most one `ageing` behind the standing of its first waiter, and after that moment
//! every turn given anew is behind it.) The owner's vetoes and a lane that is full come on top.
//!
//! # Loans
//!
//! A configured lane may run more than its limit, up to its ceiling, on capacity that other configured lanes
//! do not use:
//!
//! 1. A loan takes its place in the lender's capacity. So what the configured lanes run never exceeds the sum
//!    of the limits that were enforced when it was let in, nor the global limit.
//! 2. A lender lends only while it has two free, and so always keeps one: the first call of an idle lane
//!    never waits for a stranger's call to end. The lane with most to spare lends.
//! 3. A lane in demand lends nothing. It is in demand while somebody waits in it whom no quota holds, and
//!    from a refused attempt ([`Refusal::LaneFull`], [`Refusal::GlobalFull`]) until it lets something in or
//!    [`DEMAND_KEPT`] has passed: a caller who was refused may never come back.
//! 4. Any call that ends in a lane that borrows gives back a loan, first to a lender in demand. So an owner
//!    waits for the next end of *any* call of the borrower, not of a certain one.
//! 5. An owner who lacks room because of a loan passes the loan on to another lane that may lend, if there
//!    is one, and does not wait at all.
//! 6. A lane gives back what it borrowed as soon as its own capacity has room, and lends nothing while it
//!    borrows.
//!
//! # Bounds
//!
//! | What | Bound | When reached |
//! |---|---|---|
//! | lanes | [`MOST_LANES`] | `lane` gives `None`; the owner refuses with [`Refusal::TooManyLanes`] |
//! | waiters | [`Limits::queue`] | by [`Shed`], counted |
//! | idle tasks with a used quota | [`IDLE_TASKS`] | the longest idle is forgotten, counted |
//! | tasks with slots | the global limit | |
//!
//! A grant costs the logarithm of the number of waiters, and a look at every lane in which anybody waits.

mod lanes;
mod limits;
mod loans;
mod pump;
mod queue;
mod rate;
mod status;
mod tasks;
mod waiting;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod lane_tests;
#[cfg(test)]
mod loan_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod timing_tests;

pub use lanes::MOST_LANES;
pub use limits::{LaneIndex, LaneLimit, Limits, Priority, Quota, Shed, TaskKey};
pub use loans::DEMAND_KEPT;
pub use pump::{Admission, Candidate, Grant};
pub use status::{Counters, GlobalStatus, LaneStatus, Status};
pub use tasks::IDLE_TASKS;
pub use waiting::{Waiter, WaiterId};

use super::refusal::Refusal;
use lanes::{Lanes, Room};
use std::time::Duration;
use tasks::Tasks;
use waiting::Waiting;

/// A year: longer ages would make priorities alike at the end of what a [`Duration`] holds.
const LONGEST_AGEING: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a release needs. Belongs to the gate that gave it, and is good for one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a slot not released is lost"]
pub struct SlotToken {
    lane: LaneIndex,
    task: TaskKey,
    /// Whether the task had a quota, and holds a slot of it.
    counted: bool,
}

impl SlotToken {
    /// The lane it runs in.
    #[must_use]
    pub fn lane(&self) -> LaneIndex {
        self.lane
    }

    /// The task it runs for.
    #[must_use]
    pub fn task(&self) -> TaskKey {
        self.task
    }
}

/// Who may run; see the [module page](self).
pub struct Gate {
    active: u32,
    /// The global limit enforced now.
    global: u32,
    configured_global: u32,
    effective_global: u32,
    now: Duration,
    lanes: Lanes,
    tasks: Tasks,
    waiting: Waiting,
    queue: usize,
    shed: Shed,
    ageing: Duration,
    sheds: u64,
    expired: u64,
    cancelled: u64,
    /// Kept between grants for its memory.
    heads: pump::Heads,
}

impl Gate {
    /// A gate in which nothing runs. [`Refusal::TooManyLanes`] for more than [`MOST_LANES`] names.
    pub fn new(limits: Limits) -> Result<Gate, Refusal> {
        let mut gate = Gate {
            active: 0,
            global: 0,
            configured_global: 0,
            effective_global: u32::MAX,
            now: Duration::ZERO,
            lanes: Lanes::default(),
            tasks: Tasks::new(Quota::default(), std::collections::HashMap::new()),
            waiting: Waiting::default(),
            queue: 0,
            shed: limits.shed,
            ageing: Duration::ZERO,
            sheds: 0,
            expired: 0,
            cancelled: 0,
            heads: pump::Heads::default(),
        };
        gate.set_limits(limits)?;
        Ok(gate)
    }

    /// Replaces all limits. What controllers have set stays, within the new ones. Waiters stay, those of
    /// lanes without a limit now under the global one; a queue too long for its new bound takes nobody in.
    /// Call [`next_grant`](Self::next_grant) afterwards.
    ///
    /// [`Refusal::TooManyLanes`] when the names, with those known, are more than [`MOST_LANES`]: nothing
    /// has changed then.
    pub fn set_limits(&mut self, limits: Limits) -> Result<(), Refusal> {
        let (waiting, tasks, now) = (&mut self.waiting, &mut self.tasks, self.now);
        let waits = &mut |place| waiting.next_in(place, tasks, now).is_some();
        self.lanes.configure(&limits.lanes, now, waits)?;
        self.configured_global = limits.global;
        self.global = self.configured_global.min(self.effective_global);
        self.queue = limits.queue as usize;
        self.shed = limits.shed;
        self.ageing = limits.ageing.min(LONGEST_AGEING);
        self.tasks.set(limits.quota, limits.named_quotas);
        self.waiting.wake_all();
        Ok(())
    }

    /// Sets the limit of a lane as a controller sees it, for all it runs, loans included: at least one, and
    /// without effect above what is configured. `u32::MAX` takes it back.
    pub fn set_effective(&mut self, lane: LaneIndex, limit: u32) {
        let (waiting, tasks, now) = (&mut self.waiting, &mut self.tasks, self.now);
        let waits = &mut |place| waiting.next_in(place, tasks, now).is_some();
        self.lanes.set_effective(lane.place(), limit, now, waits);
    }

    /// Sets the global limit as a controller sees it: at least one, and without effect above what is
    /// configured. `u32::MAX` takes it back.
    pub fn set_effective_global(&mut self, limit: u32) {
        self.effective_global = limit.max(1);
        self.global = self.configured_global.min(self.effective_global);
    }

    /// The index of a lane, known or new; `None` when there are [`MOST_LANES`] others.
    pub fn lane(&mut self, name: &str) -> Option<LaneIndex> {
        self.lanes.intern(name)
    }

    /// The name of a lane.
    #[must_use]
    pub fn lane_name(&self, lane: LaneIndex) -> Option<&str> {
        self.lanes.get(lane.place()).map(|lane| &*lane.name)
    }

    /// Takes a slot at once or not at all.
    ///
    /// - [`Refusal::TaskTime`], [`Refusal::TaskSlots`], [`Refusal::TaskRate`]: the quota of the task.
    /// - [`Refusal::LaneFull`]: the lane has no room and none will lend, or the gate has no such lane.
    /// - [`Refusal::GlobalFull`]: the process has no room.
    /// - [`Refusal::OthersWait`]: there is room, for those who wait in the lane.
    #[inline]
    pub fn try_acquire(
        &mut self,
        lane: LaneIndex,
        task: TaskKey,
        now: Duration,
    ) -> Result<SlotToken, Refusal> {
        let now = self.tell(now);
        let place = lane.place();
        self.tasks.check(task, now).map_err(|blocked| blocked.refusal)?;
        let room =
            if self.lanes.has_own_room(place) { Some(Room::Own) } else { self.room(place, now) };
        let Some(room) = room else {
            self.lanes.demand(place, now);
            return Err(Refusal::LaneFull);
        };
        if self.active >= self.global {
            self.lanes.demand(place, now);
            return Err(Refusal::GlobalFull);
        }
        if !self.waiting.is_empty() && self.others_wait(place, now) {
            return Err(Refusal::OthersWait);
        }
        Ok(self.admit(lane, task, room, now))
    }

    /// Gives a slot back and charges the task with the time the call took. Call
    /// [`next_grant`](Self::next_grant) afterwards, if anybody [waits](Self::is_awaited).
    #[inline]
    pub fn release(&mut self, slot: SlotToken, now: Duration, ran: Duration) {
        let now = self.tell(now);
        let (waiting, tasks) = (&mut self.waiting, &mut self.tasks);
        let waits = &mut |place| waiting.next_in(place, tasks, now).is_some();
        if self.lanes.free_slot(slot.lane.place(), now, waits) {
            self.active = self.active.saturating_sub(1);
            self.tasks.end(slot.task, slot.counted, ran, now);
            self.waiting.wake(slot.task);
        }
    }

    /// Calls that run in a lane.
    #[inline]
    #[must_use]
    pub fn active_in(&self, lane: LaneIndex) -> u32 {
        self.lanes.get(lane.place()).map_or(0, |lane| lane.active)
    }

    /// Whether anybody waits.
    #[inline]
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    #[inline]
    fn tell(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now);
        self.now
    }

    #[inline]
    fn admit(&mut self, lane: LaneIndex, task: TaskKey, room: Room, now: Duration) -> SlotToken {
        self.lanes.take(lane.place(), room);
        self.active = self.active.saturating_add(1);
        SlotToken { lane, task, counted: self.tasks.begin(task, now) }
    }

    /// Where a slot for a lane would come from, loans included.
    fn room(&mut self, place: usize, now: Duration) -> Option<Room> {
        self.waiting.wake_due(now);
        let (waiting, tasks) = (&mut self.waiting, &mut self.tasks);
        self.lanes.room(place, now, &mut |place| waiting.next_in(place, tasks, now).is_some())
    }

    fn others_wait(&mut self, place: usize, now: Duration) -> bool {
        self.waiting.wake_due(now);
        self.waiting.next_in(place, &mut self.tasks, now).is_some()
    }
}
