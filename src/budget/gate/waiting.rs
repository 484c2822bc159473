//! Everybody who waits: the queues of the lanes, and who waits how long.

use super::lanes::MOST_LANES;
use super::limits::{LaneIndex, Priority, TaskKey};
use super::queue::{LaneQueue, Standing};
use super::tasks::Tasks;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// The number of a waiter; none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub(super) u64);

/// A waiter, as its owner knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    /// Its number.
    pub id: WaiterId,
    /// What the owner gave it.
    pub tag: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    lane: usize,
    task: TaskKey,
    standing: Standing,
    until: Duration,
    tag: u64,
}

/// A task kept from running by its quota while it waits.
#[derive(Debug, Default)]
struct Parked {
    lanes: Vec<usize>,
    again: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: HashMap<WaiterId, Entry>,
    queues: Vec<LaneQueue>,
    ends: BTreeSet<(Duration, WaiterId)>,
    line: BTreeSet<(Standing, WaiterId)>,
    parked: HashMap<TaskKey, Parked>,
    wakes: BTreeSet<(Duration, TaskKey)>,
    /// Numbers for waiters and turns, in order.
    sequence: u64,
}

impl Waiting {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn in_lane(&self, place: usize) -> usize {
        self.queues.get(place).map_or(0, LaneQueue::len)
    }

    pub(super) fn push(
        &mut self,
        (lane, task): (LaneIndex, TaskKey),
        standing: Duration,
        until: Duration,
        tag: u64,
    ) -> WaiterId {
        let lane = lane.place();
        if self.queues.len() <= lane && lane < MOST_LANES {
            self.queues.resize_with(lane + 1, LaneQueue::default);
        }
        self.sequence += 1;
        let id = WaiterId(self.sequence);
        let standing = (standing, self.sequence);
        self.entries.insert(id, Entry { lane, task, standing, until, tag });
        self.ends.insert((until, id));
        self.line.insert((standing, id));
        if let Some(queue) = self.queues.get_mut(lane) {
            queue.push(task, standing);
        }
        id
    }

    /// The last in line, and its standing.
    pub(super) fn last(&self) -> Option<(Duration, WaiterId)> {
        self.line.last().map(|(standing, id)| (standing.0, *id))
    }

    /// Removes a waiter that is not let in.
    pub(super) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let entry = self.take(id)?;
        if let Some(queue) = self.queues.get_mut(entry.lane) {
            queue.remove(entry.task, entry.standing);
            self.tidy(entry.lane, entry.task);
        }
        Some(Waiter { id, tag: entry.tag })
    }

    /// Removes the first waiter of a task in a lane, which is let in.
    pub(super) fn serve(
        &mut self,
        place: usize,
        task: TaskKey,
        now: Duration,
        ageing: Duration,
    ) -> Option<Waiter> {
        let id = self.first_of(place, task)?;
        let tag = self.take(id)?.tag;
        self.sequence += 1;
        self.queues.get_mut(place)?.serve(task, now, ageing, self.sequence);
        Some(Waiter { id, tag })
    }

    pub(super) fn tag_of_first(&self, place: usize, task: TaskKey) -> Option<u64> {
        self.entries.get(&self.first_of(place, task)?).map(|entry| entry.tag)
    }

    fn first_of(&self, place: usize, task: TaskKey) -> Option<WaiterId> {
        self.queues.get(place)?.first_of(task).map(|(_, number)| WaiterId(number))
    }

    fn take(&mut self, id: WaiterId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.ends.remove(&(entry.until, id));
        self.line.remove(&(entry.standing, id));
        Some(entry)
    }

    /// The waiter that wanted to wait no longer than until now, if any.
    pub(super) fn overdue(&self, now: Duration) -> Option<WaiterId> {
        self.ends.first().filter(|(until, _)| *until <= now).map(|(_, id)| *id)
    }

    /// When the next waiter's time is over, or the next task may go on.
    pub(super) fn next_change(&self) -> Option<Duration> {
        let end = self.ends.first().map(|(until, _)| *until);
        let wake = self.wakes.first().map(|(at, _)| *at);
        end.into_iter().chain(wake).min()
    }

    /// The turns of all lanes in which anybody waits whom no quota is known to hold.
    pub(super) fn turns(&self) -> impl Iterator<Item = (Standing, usize)> {
        let next = |(place, queue): (usize, &LaneQueue)| Some((queue.next()?.0, place));
        self.queues.iter().enumerate().filter_map(next)
    }

    /// Whose turn it is in a lane, of those who may run by their quotas. Tasks found to be held by theirs
    /// are set aside until that may have changed, so that each is looked at once.
    pub(super) fn next_in(
        &mut self,
        place: usize,
        tasks: &mut Tasks,
        now: Duration,
    ) -> Option<(Standing, TaskKey)> {
        loop {
            let queue = self.queues.get_mut(place)?;
            let (turn, task) = queue.next()?;
            let Err(blocked) = tasks.check(task, now) else { return Some((turn, task)) };
            queue.park(task);
            let parked = self.parked.entry(task).or_default();
            parked.lanes.push(place);
            if parked.again.is_none() {
                parked.again = blocked.again;
                self.wakes.extend(blocked.again.map(|again| (again, task)));
            }
        }
    }

    /// Puts a task back into the rings: its quota may let it go on.
    #[inline]
    pub(super) fn wake(&mut self, task: TaskKey) {
        if !self.parked.is_empty() {
            self.wake_parked(task);
        }
    }

    fn wake_parked(&mut self, task: TaskKey) {
        let Some(parked) = self.parked.remove(&task) else { return };
        if let Some(again) = parked.again {
            self.wakes.remove(&(again, task));
        }
        for place in parked.lanes {
            if let Some(queue) = self.queues.get_mut(place) {
                queue.unpark(task);
            }
        }
    }

    /// Wakes the tasks whose time has come.
    pub(super) fn wake_due(&mut self, now: Duration) {
        while let Some((_, task)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            self.wake_parked(task);
        }
    }

    /// Wakes all tasks: the quotas have changed.
    pub(super) fn wake_all(&mut self) {
        let tasks: Vec<TaskKey> = self.parked.keys().copied().collect();
        for task in tasks {
            self.wake_parked(task);
        }
    }

    /// A task that no longer waits in a lane is not held there either.
    fn tidy(&mut self, place: usize, task: TaskKey) {
        let waits = self.queues.get(place).is_some_and(|queue| queue.first_of(task).is_some());
        if let Some(parked) = self.parked.get_mut(&task).filter(|_| !waits) {
            parked.lanes.retain(|lane| *lane != place);
            if parked.lanes.is_empty() {
                self.wake_parked(task);
            }
        }
    }
}

/// The standing of one who arrives now.
pub(super) fn standing(priority: Priority, now: Duration, ageing: Duration) -> Duration {
    now.saturating_add(ageing.saturating_mul(priority as u32))
}
