//! Arbitrary interleavings of everything the gate can be told, compared with the [model](super::model).

use super::fixtures::*;
use super::model::{Model, Waits};
use super::steps::{NAMES, Step, runs};
use super::*;
use proptest::prelude::*;

struct Pair {
    gate: Gate,
    model: Model,
    tags: u64,
    counters: Counters,
    /// Nobody could be let in, and none can before this, unless something but time happens.
    quiet_until: Option<Duration>,
}

impl Pair {
    fn new(limits: Limits) -> Self {
        let mut gate = gate(0, &[]);
        for (lane, name) in NAMES.iter().enumerate() {
            assert_eq!(gate.lane(name), Some(Self::lane(lane)));
        }
        gate.set_limits(limits.clone()).unwrap();
        let model = Model::new(limits, NAMES.len());
        Pair { gate, model, tags: 0, counters: Counters::default(), quiet_until: None }
    }

    fn lane(lane: usize) -> LaneIndex {
        LaneIndex(lane as u32)
    }

    fn step(&mut self, step: Step) {
        if !matches!(step, Step::Pump { .. } | Step::Pass(_) | Step::Expire) {
            self.quiet_until = None;
        }
        match step {
            Step::Acquire { lane, task } => self.acquire(lane, task),
            Step::Enqueue { lane, task, priority, wait } => {
                self.enqueue(lane, task, priority, self.model.now + SECOND * wait as u32 / 1000);
            }
            Step::Cancel(index) => {
                if !self.model.waiters.is_empty() {
                    let id = index.get(&self.model.waiters).id;
                    let gone: Waits = self.model.leave(id);
                    assert_eq!(self.gate.cancel(id), Some(gone.tag));
                    assert_eq!(self.gate.cancel(id), None);
                    self.counters.cancelled += 1;
                }
            }
            Step::Expire => self.expire(),
            Step::Pump { skipped, most } => self.pump(skipped, most),
            Step::Release { call, ran } => {
                if !self.model.running.is_empty() {
                    self.release(call.index(self.model.running.len()), SECOND * ran as u32 / 1000);
                }
            }
            Step::SetLimits(limits) => {
                self.gate.set_limits(limits.clone()).unwrap();
                self.model.limits = limits;
            }
            Step::SetEffective { lane, limit } => {
                self.gate.set_effective(Self::lane(lane), limit);
                self.model.effective[lane] = limit.max(1);
            }
            Step::SetEffectiveGlobal(limit) => {
                self.gate.set_effective_global(limit);
                self.model.effective_global = limit.max(1);
            }
            Step::Pass(milliseconds) => self.model.pass(Duration::from_millis(milliseconds)),
        }
        self.check_counts();
    }

    fn acquire(&mut self, lane: usize, task: u64) {
        let before = self.gate.status();
        let room = self.model.has_room(lane, &before.lanes);
        let result = self.gate.try_acquire(Self::lane(lane), TaskKey(task), self.model.now);
        let after = self.gate.status();
        let model = &mut self.model;
        if let Some(refusal) = model.held(task) {
            assert_eq!(result, Err(refusal));
            return;
        }
        let room = room.unwrap_or_else(|| result != Err(Refusal::LaneFull));
        let expected = if !room {
            assert_ne!(model.has_room(lane, &after.lanes), Some(true));
            Some(Refusal::LaneFull)
        } else if model.global_full() {
            Some(Refusal::GlobalFull)
        } else {
            model.waits_for(lane).then_some(Refusal::OthersWait)
        };
        assert_eq!(result.err(), expected);
        let full = matches!(expected, Some(Refusal::LaneFull | Refusal::GlobalFull));
        if full && before.lanes[lane].configured.is_some() {
            model.demand_until[lane] = model.now + DEMAND_KEPT;
        }
        if let Ok(slot) = result {
            self.check_admission(lane, &before, &after);
            self.model.begin(slot);
        }
    }

    /// Nothing above its limit was let in, and nobody lent who should not have.
    fn check_admission(&mut self, lane: usize, before: &Status, after: &Status) {
        let model = &self.model;
        assert!(after.global.active <= after.global.limit);
        let this = &after.lanes[lane];
        let (limit, ceiling) = model.enforced(lane, this);
        assert_eq!(this.active, before.lanes[lane].active + 1);
        assert!(this.active <= ceiling);
        if this.borrowed <= before.lanes[lane].borrowed {
            assert!(this.active - this.borrowed + this.lent <= limit);
        } else {
            self.counters.loans += 1;
        }
        for (other, (was, is)) in before.lanes.iter().zip(&after.lanes).enumerate() {
            if is.lent > was.lent {
                assert!(model.may_lend(other, was), "{was:?} lent");
                assert!(is.active - is.borrowed + is.lent < model.enforced(other, is).0);
            }
        }
    }

    fn enqueue(&mut self, lane: usize, task: u64, priority: Priority, until: Duration) {
        let model = &self.model;
        self.tags += 1;
        let length = model.waiters.len();
        let bound = model.limits.queue as usize;
        let sheds = model.limits.shed == Shed::DropLowest && length == bound;
        let last = model.last().filter(|last| sheds && last.place.0 > priority as u32);
        let expected = if until <= model.now {
            Err(Refusal::WaitExpired)
        } else if model.held_for_good(task) {
            Err(model.held(task).unwrap())
        } else if length < bound {
            Ok(None)
        } else {
            last.map(|last| Some(Waiter { id: last.id, tag: last.tag })).ok_or(Refusal::QueueFull)
        };
        let result = self.gate.enqueue(
            Self::lane(lane),
            TaskKey(task),
            priority,
            until,
            self.tags,
            model.now,
        );
        assert_eq!(result.map(|(_, shed)| shed), expected);
        if let Ok((id, shed)) = result {
            if let Some(shed) = shed {
                self.model.leave(shed.id);
                self.counters.shed += 1;
            }
            self.model.arrive((id, self.tags), (lane, task), priority, until);
            assert!(self.model.waiters.len() <= bound);
        }
    }

    fn expire(&mut self) {
        let now = self.model.now;
        let over: Vec<_> =
            self.model.waiters.iter().filter(|w| w.until <= now).map(|w| (w.until, w.id)).collect();
        let mut expected: Vec<_> = over.clone();
        expected.sort();
        if !over.is_empty() {
            self.quiet_until = None;
        }
        let named = self.gate.expire(now);
        self.counters.expired += named.len() as u64;
        let named: Vec<_> = named.iter().map(|waiter| waiter.id).collect();
        assert_eq!(named, expected.iter().map(|(_, id)| *id).collect::<Vec<_>>());
        for id in named {
            self.model.leave(id);
        }
        assert!(self.gate.next_expiry().is_none_or(|next| next > now));
    }

    /// Lets in at most so many, passing over some lanes.
    fn pump(&mut self, skipped: [bool; 4], most: usize) {
        let mut granted = 0;
        while self.grant(skipped, granted >= most) {
            granted += 1;
        }
        if let Some(quiet) = self.quiet_until {
            assert!(granted == 0 || self.model.now >= quiet, "nobody would have looked so early");
        }
        let complete = most == usize::MAX && !skipped.contains(&true);
        self.quiet_until = if complete { self.gate.next_expiry() } else { None };
    }

    /// One grant, compared: the lanes are asked in the order of their turns, only those without room are
    /// left out, and the first one agreed to is let in.
    fn grant(&mut self, skipped: [bool; 4], stop: bool) -> bool {
        let before = self.gate.status();
        let mut asked = vec![];
        let grant = self.gate.next_grant(self.model.now, &mut |candidate| {
            asked.push((candidate.lane.place(), candidate.task.0, candidate.tag));
            match () {
                () if stop => Admission::Stop,
                () if skipped[candidate.lane.place()] => Admission::SkipLane,
                () => Admission::Admit,
            }
        });
        let after = self.gate.status();
        let model = &self.model;
        let mut expected = vec![];
        let mut chosen = None;
        for (_, waiter) in model.line() {
            let this = (waiter.lane, waiter.task, waiter.tag);
            let room = model.has_room(waiter.lane, &before.lanes);
            if model.global_full() || !room.unwrap_or_else(|| asked.contains(&this)) {
                continue;
            }
            expected.push(this);
            if stop {
                break;
            }
            if !skipped[waiter.lane] {
                chosen = Some((waiter.id, waiter.tag, waiter.lane));
                break;
            }
        }
        assert_eq!(asked, expected);
        assert_eq!(grant.map(|grant| (grant.id, grant.tag)), chosen.map(|(id, tag, _)| (id, tag)));
        let (Some(grant), Some((id, _, lane))) = (grant, chosen) else { return false };
        assert_eq!(grant.slot.lane().place(), lane);
        self.check_admission(lane, &before, &after);
        self.model.let_in(id);
        self.model.begin(grant.slot);
        true
    }

    fn release(&mut self, index: usize, ran: Duration) {
        self.quiet_until = None;
        let slot = self.model.running[index].slot;
        self.model.end(index, ran);
        self.gate.release(slot, self.model.now, ran);
    }

    fn check_counts(&self) {
        let status = self.gate.status();
        let model = &self.model;
        assert_eq!(status.global.active as usize, model.running.len());
        assert_eq!(status.global.limit, model.global());
        assert_eq!(status.waiting as usize, model.waiters.len());
        assert_eq!(status.counters, self.counters);
        let sum = |of: fn(&LaneStatus) -> u32| status.lanes.iter().map(of).sum::<u32>();
        assert_eq!(sum(|lane| lane.borrowed), sum(|lane| lane.lent));
        for (lane, shown) in status.lanes.iter().enumerate() {
            assert_eq!(shown.active, model.active(lane));
            let waiting = model.waiters.iter().filter(|waiter| waiter.lane == lane).count();
            assert_eq!(shown.waiting as usize, waiting);
            let own = shown.active.checked_sub(shown.borrowed).unwrap();
            let (limit, _) = model.enforced(lane, shown);
            assert!(shown.borrowed == 0 || own.saturating_add(shown.lent) >= limit);
        }
    }

    /// Everything ends, and the limits leave room for everybody: nobody is left, and nothing taken.
    fn finish(mut self) {
        let lanes = [("a", 1, 1), ("b", 1, 3), ("c", 2, 4)];
        let open = Limits { ageing: self.model.limits.ageing, ..limits(2, &lanes) };
        self.step(Step::SetLimits(open));
        self.model.pass(SECOND * 2);
        let mut left = self.model.waiters.len();
        loop {
            while !self.model.running.is_empty() {
                self.release(0, SECOND);
                self.check_counts();
            }
            self.pump([false; 4], usize::MAX);
            if left == 0 {
                break;
            }
            assert!(self.model.waiters.len() < left, "nobody was let in");
            left = self.model.waiters.len();
        }
        let status = self.gate.status();
        assert_eq!((status.global.active, status.waiting), (0, 0));
        for lane in &status.lanes {
            assert_eq!((lane.active, lane.borrowed, lane.lent), (0, 0, 0));
        }
        assert_eq!((self.gate.next_expiry(), self.gate.is_awaited()), (None, false));
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_gate_does_what_its_rules_say((limits, steps) in runs()) {
        let mut pair = Pair::new(limits);
        for step in steps {
            pair.step(step);
        }
        pair.finish();
    }
}
