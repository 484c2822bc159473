//! The rules of the gate written down over lists, for the tests to compare with: priorities that rise step
//! by step, quotas counted from the calls themselves. Only who lends to whom is taken from the gate's
//! status; whether it should have is judged here.

use super::fixtures::*;
use super::*;
use std::collections::{BTreeMap, HashMap};

/// A place in a priority: the priority, since when, and the order of those who came at that moment.
pub(super) type Place = (u32, Duration, u64);

#[derive(Debug, Clone)]
pub(super) struct Waits {
    pub(super) id: WaiterId,
    pub(super) tag: u64,
    pub(super) lane: usize,
    pub(super) task: u64,
    pub(super) until: Duration,
    pub(super) place: Place,
    /// When it has waited for its priority and one more to pass by.
    risen_at: Duration,
    /// Who was let in before it since.
    passed_by: HashMap<u64, u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Runs {
    pub(super) slot: SlotToken,
    lane: usize,
    task: u64,
    counted: bool,
}

#[derive(Debug, Default)]
struct Used {
    calls: Vec<Duration>,
    spent: Duration,
}

pub(super) struct Model {
    pub(super) limits: Limits,
    pub(super) now: Duration,
    pub(super) waiters: Vec<Waits>,
    pub(super) running: Vec<Runs>,
    pub(super) demand_until: Vec<Duration>,
    pub(super) effective: Vec<u32>,
    pub(super) effective_global: u32,
    turns: BTreeMap<(usize, u64), Place>,
    used: HashMap<u64, Used>,
    order: u64,
}

impl Model {
    pub(super) fn new(limits: Limits, lanes: usize) -> Self {
        Model {
            limits,
            now: NOW,
            waiters: vec![],
            running: vec![],
            demand_until: vec![Duration::ZERO; lanes],
            effective: vec![u32::MAX; lanes],
            effective_global: u32::MAX,
            turns: BTreeMap::new(),
            used: HashMap::new(),
            order: 0,
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.rise();
    }

    fn rise(&mut self) {
        let (now, ageing) = (self.now, self.limits.ageing);
        let places = self.waiters.iter_mut().map(|waiter| &mut waiter.place);
        for (priority, since, _) in places.chain(self.turns.values_mut()) {
            while *priority > 0 && *since + ageing <= now {
                *priority -= 1;
                *since += ageing;
            }
        }
    }

    // Quotas.

    fn quota(&self, task: u64) -> Quota {
        *self.limits.named_quotas.get(&TaskKey(task)).unwrap_or(&self.limits.quota)
    }

    fn slots(&self, task: u64) -> u32 {
        self.running.iter().filter(|call| call.task == task && call.counted).count() as u32
    }

    fn calls(&self, task: u64) -> u32 {
        let counts = |at: &&Duration| self.now.as_secs() - at.as_secs() <= 60;
        self.used.get(&task).map_or(0, |used| used.calls.iter().filter(counts).count() as u32)
    }

    fn spent(&self, task: u64) -> Duration {
        self.used.get(&task).map_or(Duration::ZERO, |used| used.spent)
    }

    pub(super) fn held(&self, task: u64) -> Option<Refusal> {
        let quota = self.quota(task);
        if quota.total.is_some_and(|total| self.spent(task) >= total) {
            Some(Refusal::TaskTime)
        } else if quota.slots.is_some_and(|slots| self.slots(task) >= slots) {
            Some(Refusal::TaskSlots)
        } else if quota.calls_per_minute.is_some_and(|limit| self.calls(task) >= limit) {
            Some(Refusal::TaskRate)
        } else {
            None
        }
    }

    pub(super) fn held_for_good(&self, task: u64) -> bool {
        let quota = self.quota(task);
        match self.held(task) {
            Some(Refusal::TaskSlots) => quota.slots == Some(0),
            Some(Refusal::TaskRate) => quota.calls_per_minute == Some(0),
            held => held.is_some(),
        }
    }

    // The queue.

    fn first_of(&self, lane: usize, task: u64) -> Option<&Waits> {
        let of = |waiter: &&Waits| (waiter.lane, waiter.task) == (lane, task);
        self.waiters.iter().filter(of).min_by_key(|waiter| waiter.place)
    }

    /// Whose turn it is in each lane, the oldest turn first.
    pub(super) fn line(&self) -> Vec<(Place, &Waits)> {
        let mut first: BTreeMap<usize, (Place, u64)> = BTreeMap::new();
        for ((lane, task), place) in &self.turns {
            if self.held(*task).is_none() {
                let turn = first.entry(*lane).or_insert((*place, *task));
                *turn = (*turn).min((*place, *task));
            }
        }
        let head = |(lane, (place, task)): (usize, (Place, u64))| {
            (place, self.first_of(lane, task).unwrap())
        };
        let mut line: Vec<_> = first.into_iter().map(head).collect();
        line.sort_by_key(|(place, _)| *place);
        line
    }

    pub(super) fn waits_for(&self, lane: usize) -> bool {
        self.line().iter().any(|(_, waiter)| waiter.lane == lane)
    }

    /// The last in line.
    pub(super) fn last(&self) -> Option<&Waits> {
        self.waiters.iter().max_by_key(|waiter| waiter.place)
    }

    pub(super) fn arrive(
        &mut self,
        (id, tag): (WaiterId, u64),
        (lane, task): (usize, u64),
        priority: Priority,
        until: Duration,
    ) {
        self.order += 1;
        let place = (priority as u32, self.now, self.order);
        let risen_at = self.now + self.limits.ageing * (priority as u32 + 1);
        let passed_by = HashMap::new();
        self.waiters.push(Waits { id, tag, lane, task, until, place, risen_at, passed_by });
        if self.first_of(lane, task).unwrap().id == id {
            self.turns.insert((lane, task), place);
        }
        self.rise();
    }

    /// Takes out a waiter that is not let in.
    pub(super) fn leave(&mut self, id: WaiterId) -> Waits {
        let index = self.waiters.iter().position(|waiter| waiter.id == id).unwrap();
        let gone = self.waiters.remove(index);
        let key = (gone.lane, gone.task);
        match self.first_of(gone.lane, gone.task).map(|next| next.place) {
            Some(next) => *self.turns.get_mut(&key).unwrap() = next.max(self.turns[&key]),
            None => assert!(self.turns.remove(&key).is_some()),
        }
        gone
    }

    /// Takes out the first waiter of a task, which is let in. No other task may have passed a waiter by more
    /// than once after it had risen and while no quota held it.
    pub(super) fn let_in(&mut self, id: WaiterId) {
        let gone = self.waiters.iter().find(|waiter| waiter.id == id).unwrap().clone();
        assert_eq!(self.first_of(gone.lane, gone.task).map(|first| first.id), Some(id));
        for index in 0..self.waiters.len() {
            let waiter = &self.waiters[index];
            let counts = waiter.lane == gone.lane
                && waiter.task != gone.task
                && self.first_of(waiter.lane, waiter.task).unwrap().id == waiter.id
                && waiter.risen_at <= self.now
                && self.held(waiter.task).is_none();
            if counts {
                let times = self.waiters[index].passed_by.entry(gone.task).or_default();
                *times += 1;
                assert!(*times <= 1, "starved");
            }
        }
        self.waiters.retain(|waiter| waiter.id != id);
        let key = (gone.lane, gone.task);
        self.order += 1;
        match self.first_of(gone.lane, gone.task).map(|next| next.place.0) {
            Some(priority) => self.turns.insert(key, (priority, self.now, self.order)),
            None => self.turns.remove(&key),
        };
    }

    // Calls.

    pub(super) fn begin(&mut self, slot: SlotToken) {
        let (lane, task) = (slot.lane.place(), slot.task.0);
        let quota = self.quota(task);
        let counted = quota != Quota::default();
        assert_eq!(slot.counted, counted);
        if quota.calls_per_minute.is_some() {
            self.used.entry(task).or_default().calls.push(self.now);
        }
        self.demand_until[lane] = Duration::ZERO;
        self.running.push(Runs { slot, lane, task, counted });
    }

    pub(super) fn end(&mut self, index: usize, ran: Duration) {
        let call = self.running.swap_remove(index);
        let quota = self.quota(call.task);
        if quota.total.is_some() {
            self.used.entry(call.task).or_default().spent += ran;
        }
        // An idle task is remembered only for what it used of its quota.
        let matters = (quota.total.is_some() && !self.spent(call.task).is_zero())
            || (quota.calls_per_minute.is_some() && self.calls(call.task) > 0);
        let looked_at = self.limited() || call.counted;
        if looked_at && self.slots(call.task) == 0 && !matters {
            self.used.remove(&call.task);
        }
    }

    fn limited(&self) -> bool {
        let mut all = self.limits.named_quotas.values().chain([&self.limits.quota]);
        all.any(|quota| *quota != Quota::default())
    }

    pub(super) fn active(&self, lane: usize) -> u32 {
        self.running.iter().filter(|call| call.lane == lane).count() as u32
    }

    // Limits and loans.

    pub(super) fn global(&self) -> u32 {
        self.limits.global.min(self.effective_global)
    }

    pub(super) fn global_full(&self) -> bool {
        self.running.len() as u32 >= self.global()
    }

    fn configured(&self, name: &str) -> Option<&LaneLimit> {
        self.limits.lanes.iter().find(|lane| *lane.name == *name)
    }

    /// The limit enforced on the lane's own capacity, and that with loans.
    pub(super) fn enforced(&self, lane: usize, shown: &LaneStatus) -> (u32, u32) {
        let effective = self.effective[lane];
        self.configured(&shown.name).map_or((effective, effective), |configured| {
            (
                configured.limit.min(effective),
                configured.ceiling.max(configured.limit).min(effective),
            )
        })
    }

    fn unused(&self, lane: usize, shown: &LaneStatus) -> u32 {
        let used = shown.active - shown.borrowed + shown.lent;
        self.enforced(lane, shown).0.saturating_sub(used)
    }

    /// Whether the rules let a lane lend, as things are shown.
    pub(super) fn may_lend(&self, lane: usize, shown: &LaneStatus) -> bool {
        let in_demand = self.demand_until[lane] > self.now || self.waits_for(lane);
        self.configured(&shown.name).is_some() && !in_demand && self.unused(lane, shown) >= 2
    }

    /// Whether the lane has room; `None` when more than one loan would have to be passed on, or a chain of
    /// them: then it depends on whose they are.
    pub(super) fn has_room(&self, lane: usize, shown: &[LaneStatus]) -> Option<bool> {
        let this = &shown[lane];
        let (limit, ceiling) = self.enforced(lane, this);
        if self.unused(lane, this) > 0 {
            return Some(true);
        }
        let own = this.active - this.borrowed;
        let lender =
            shown.iter().enumerate().any(|(other, l)| other != lane && self.may_lend(other, l));
        let borrows = self.configured(&this.name).is_some() && this.active < ceiling;
        let reclaims = this.lent > 0 && own < limit;
        if !lender || borrows || !reclaims {
            return Some(lender && borrows);
        }
        (own + this.lent == limit && this.borrowed == 0).then_some(true)
    }
}
