//! Waiting and letting in.

use super::limits::{LaneIndex, Priority, Shed, TaskKey};
use super::queue::Standing;
use super::waiting::{Waiter, WaiterId, standing};
use super::{Gate, SlotToken};
use crate::budget::refusal::Refusal;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// The lanes in which anybody waits, the oldest turn first.
pub(super) type Heads = BinaryHeap<Reverse<(Standing, usize)>>;

/// Who would be let in next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its lane.
    pub lane: LaneIndex,
    /// Its task.
    pub task: TaskKey,
    /// What the owner gave it.
    pub tag: u64,
}

/// What the owner says to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Let it in.
    Admit,
    /// Nothing of this lane now.
    SkipLane,
    /// Nothing at all now.
    Stop,
}

/// A waiter let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// What the owner gave it.
    pub tag: u64,
    /// The number it had.
    pub id: WaiterId,
    /// Its slot.
    pub slot: SlotToken,
}

impl Gate {
    /// Waits for a slot until the moment `until`. The answer names the waiter sent away for it, if one was;
    /// call [`next_grant`](Self::next_grant) then, for with that one a demand has gone.
    ///
    /// - [`Refusal::WaitExpired`]: `until` has passed.
    /// - [`Refusal::TaskTime`], [`Refusal::TaskSlots`], [`Refusal::TaskRate`]: the quota of the task, which
    ///   no waiting changes: its time is used up, or it has none of that at all.
    /// - [`Refusal::QueueFull`]: as many wait as may, and none of them is to go for this one.
    /// - [`Refusal::TooManyLanes`]: the gate has no such lane.
    pub fn enqueue(
        &mut self,
        lane: LaneIndex,
        task: TaskKey,
        priority: Priority,
        until: Duration,
        tag: u64,
        now: Duration,
    ) -> Result<(WaiterId, Option<Waiter>), Refusal> {
        let now = self.tell(now);
        if lane.place() >= self.lanes.len() {
            return Err(Refusal::TooManyLanes);
        }
        if until <= now {
            return Err(Refusal::WaitExpired);
        }
        if let Err(blocked) = self.tasks.check(task, now)
            && blocked.for_good
        {
            return Err(blocked.refusal);
        }
        let standing = standing(priority, now, self.ageing);
        let shed = self.make_place(standing)?;
        Ok((self.waiting.push((lane, task), standing, until, tag), shed))
    }

    /// Sends the last in line away if the queue is full and that makes place for one of `standing`. Whose
    /// standing is later is of a lower priority at this moment: of the same one, nobody comes later than now.
    fn make_place(&mut self, standing: Duration) -> Result<Option<Waiter>, Refusal> {
        let length = self.waiting.len();
        if length < self.queue {
            return Ok(None);
        }
        let last =
            self.waiting.last().filter(|_| self.shed == Shed::DropLowest && length == self.queue);
        match last {
            Some((last, id)) if last > standing => {
                self.sheds += 1;
                Ok(self.waiting.remove(id))
            }
            _ => Err(Refusal::QueueFull),
        }
    }

    /// Takes a waiter out of the queue and gives its tag; `None` when it no longer waits. Call
    /// [`next_grant`](Self::next_grant) afterwards: with it a demand has gone.
    pub fn cancel(&mut self, waiter: WaiterId) -> Option<u64> {
        let waiter = self.waiting.remove(waiter)?;
        self.cancelled += 1;
        Some(waiter.tag)
    }

    /// Takes the waiters whose time is over out of the queue, the earliest first. Call
    /// [`next_grant`](Self::next_grant) afterwards: with them demand has gone, and quotas may have recovered.
    pub fn expire(&mut self, now: Duration) -> Vec<Waiter> {
        let now = self.tell(now);
        self.lanes.lapse(now);
        self.waiting.wake_due(now);
        let mut over = vec![];
        while let Some(waiter) = self.waiting.overdue(now).and_then(|id| self.waiting.remove(id)) {
            over.push(waiter);
        }
        self.expired += over.len() as u64;
        over
    }

    /// The next moment at which time alone changes something for those who wait: one has waited as long as
    /// it wanted to, a quota recovers, a demand lapses. Call [`expire`](Self::expire) then.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        if self.waiting.is_empty() {
            return None;
        }
        self.waiting.next_change().into_iter().chain(self.lanes.next_lapse()).min()
    }

    /// Lets the next waiter in, if there is room for one and the owner agrees; `None`: nobody now. A
    /// candidate may be asked about again at every call.
    pub fn next_grant(
        &mut self,
        now: Duration,
        admission: &mut dyn FnMut(Candidate) -> Admission,
    ) -> Option<Grant> {
        let now = self.tell(now);
        if self.waiting.is_empty() || self.active >= self.global {
            return None;
        }
        self.waiting.wake_due(now);
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        heads.extend(self.waiting.turns().map(Reverse));
        let grant = self.grant_first(&mut heads, now, admission);
        self.heads = heads;
        grant
    }

    fn grant_first(
        &mut self,
        heads: &mut Heads,
        now: Duration,
        admission: &mut dyn FnMut(Candidate) -> Admission,
    ) -> Option<Grant> {
        while let Some(Reverse((expected, place))) = heads.pop() {
            let Some((turn, task)) = self.waiting.next_in(place, &mut self.tasks, now) else {
                continue;
            };
            if turn > expected {
                heads.push(Reverse((turn, place)));
                continue;
            }
            let Some(room) = self.room(place, now) else { continue };
            let lane = LaneIndex(u32::try_from(place).ok()?);
            let tag = self.waiting.tag_of_first(place, task)?;
            match admission(Candidate { lane, task, tag }) {
                Admission::SkipLane => continue,
                Admission::Stop => return None,
                Admission::Admit => {}
            }
            let Waiter { id, tag } = self.waiting.serve(place, task, now, self.ageing)?;
            let slot = self.admit(lane, task, room, now);
            return Some(Grant { tag, id, slot });
        }
        None
    }
}
