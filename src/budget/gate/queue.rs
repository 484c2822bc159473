//! The order of the waiters of one lane.
//!
//! Every waiter has a standing: the moment it enters the highest priority, which is its arrival and one
//! `ageing` for every priority below that. Waiters ordered by it are in the order of priorities, within one
//! by the time they entered it, whatever time it is: nothing moves when a waiter rises. The queue is a ring
//! of tasks: the turn of a task is the standing of its first waiter, but a task whose turn has just been
//! goes behind all others of the priority its next waiter has by then. Every step costs the logarithm of
//! the number of waiters.

use super::limits::TaskKey;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// A moment, and the order of those of one moment: of waiters by arrival, of turns by when they were given.
pub(super) type Standing = (Duration, u64);

#[derive(Debug, Clone, Copy)]
struct Turn {
    at: Standing,
    /// Its quota keeps it from running: it is out of the ring and keeps its turn.
    parked: bool,
}

/// The waiters of one lane.
#[derive(Debug, Default)]
pub(super) struct LaneQueue {
    waiters: BTreeSet<(TaskKey, Standing)>,
    ring: BTreeSet<(Standing, TaskKey)>,
    tasks: HashMap<TaskKey, Turn>,
}

impl LaneQueue {
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// The task whose turn it is, and its turn.
    pub(super) fn next(&self) -> Option<(Standing, TaskKey)> {
        self.ring.first().copied()
    }

    /// The first waiter of a task.
    pub(super) fn first_of(&self, task: TaskKey) -> Option<Standing> {
        let from = (task, (Duration::ZERO, 0));
        self.waiters.range(from..).next().filter(|(of, _)| *of == task).map(|(_, at)| *at)
    }

    /// Adds a waiter. One that becomes the first of its task gives the task the turn of an arrival.
    pub(super) fn push(&mut self, task: TaskKey, standing: Standing) {
        self.waiters.insert((task, standing));
        if self.first_of(task) == Some(standing) {
            self.turn(task, standing);
        }
    }

    /// Removes a waiter whose turn has not been; its task keeps its turn, unless its next waiter came to
    /// that priority later.
    pub(super) fn remove(&mut self, task: TaskKey, standing: Standing) {
        self.waiters.remove(&(task, standing));
        match (self.first_of(task), self.tasks.get(&task)) {
            (Some(next), Some(turn)) => self.turn(task, next.max(turn.at)),
            _ => self.forget(task),
        }
    }

    /// Removes the first waiter of a task, whose turn this was. `stamp` is a number later than all given.
    pub(super) fn serve(&mut self, task: TaskKey, now: Duration, ageing: Duration, stamp: u64) {
        if let Some(first) = self.first_of(task) {
            self.waiters.remove(&(task, first));
        }
        match self.first_of(task) {
            Some(next) => self.turn(task, (behind_its_priority(next.0, now, ageing), stamp)),
            None => self.forget(task),
        }
    }

    /// Takes a task out of the ring until [`unpark`](Self::unpark).
    pub(super) fn park(&mut self, task: TaskKey) {
        if let Some(turn) = self.tasks.get_mut(&task) {
            turn.parked = true;
            self.ring.remove(&(turn.at, task));
        }
    }

    pub(super) fn unpark(&mut self, task: TaskKey) {
        if let Some(turn) = self.tasks.get_mut(&task) {
            turn.parked = false;
            self.ring.insert((turn.at, task));
        }
    }

    fn turn(&mut self, task: TaskKey, at: Standing) {
        let turn = self.tasks.entry(task).or_insert(Turn { at, parked: false });
        self.ring.remove(&(turn.at, task));
        turn.at = at;
        if !turn.parked {
            self.ring.insert((at, task));
        }
    }

    fn forget(&mut self, task: TaskKey) {
        if let Some(turn) = self.tasks.remove(&task) {
            self.ring.remove(&(turn.at, task));
        }
    }
}

/// The standing behind all of the priority that a waiter of `standing` has now.
fn behind_its_priority(standing: Duration, now: Duration, ageing: Duration) -> Duration {
    let one = now.saturating_add(ageing);
    if standing <= now {
        now
    } else if standing <= one {
        one
    } else {
        standing.max(one.saturating_add(ageing))
    }
}
