//! Which call has added what to memory.
//!
//! Between two readings the process has grown or shrunk by some amount. The rules:
//!
//! - **Growth** is divided evenly among the calls that ran in that time, ended ones included: the sum of
//!   their shares is a call's *level*. A call that ran alone has all of it, and that is no estimate.
//! - **What a call leaves behind**: an allocator, V8's among them, seldom gives memory back when a call ends.
//!   The level of an ended call becomes *residue*, which the next calls may use without the process growing.
//!   What stays though nobody wants it is the application's after some hundred readings.
//! - **A fall** is taken from the residue first, then from the levels of the running calls in proportion.
//! - **At least** a call needed the highest level it had. **At most** it can have used its even part of all
//!   that was there for calls: levels and residue, divided by the calls that ran at once.
//!
//! Growth while nothing runs is the application's own. A call that ended before any reading saw it has a part
//! in the next one, if that comes soon ([`Attribution::observe`]); else nothing is learned from it.

use super::KindKey;
use super::prediction::Observation;
use std::time::Duration;

/// Calls attributed memory at once.
pub const MAX_TRACKED: usize = 65_536;
/// Calls that ended since the last reading and still have a part in the next.
pub const MAX_ENDED: usize = 256;

/// Of the residue nobody wants this part is taken for the application's own at every reading.
const FORGET: u64 = 256;

/// A call as its reservation knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallId {
    index: u32,
    generation: u32,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    key: KindKey,
    reserved: u64,
    level: u64,
    highest: u64,
    most: u64,
    alone: bool,
    /// How many had begun when it did: another number at its end, and it was not alone.
    number: u64,
    /// How many at once there had been when it began.
    at_once_before: usize,
    seen: bool,
}

/// What is learned from an ended call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lesson {
    pub(super) key: KindKey,
    pub(super) observation: Observation,
}

#[derive(Debug, Default)]
pub(super) struct Attribution {
    places: Vec<(u32, Option<Call>)>,
    free: Vec<u32>,
    ended: Vec<Call>,
    last_end: Duration,
    /// Memory of the process at the last reading.
    footprint: Option<u64>,
    residue: u64,
    /// What is promised to running calls and not yet used by them.
    outstanding: u64,
    /// Most calls at once since the last reading.
    at_once: usize,
    starts: u64,
    unseen: u64,
}

fn unused(call: &Call) -> u64 {
    call.reserved.saturating_sub(call.level)
}

impl Attribution {
    fn running_calls(&mut self) -> impl Iterator<Item = &mut Call> {
        self.places.iter_mut().filter_map(|(_, call)| call.as_mut())
    }

    /// Calls followed now.
    pub(super) fn running(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// What ended calls took and the process still has, as far as readings tell.
    pub(super) fn residue(&self) -> u64 {
        self.ended.iter().fold(self.residue, |sum, call| sum.saturating_add(call.level))
    }

    pub(super) fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// Ended calls no reading saw.
    pub(super) fn unseen(&self) -> u64 {
        self.unseen
    }

    /// A call begins; `None`: more run than are followed.
    pub(super) fn start(&mut self, key: KindKey, reserved: u64) -> Option<CallId> {
        self.starts = self.starts.wrapping_add(1);
        let call = Call {
            key,
            reserved,
            level: 0,
            highest: 0,
            most: 0,
            alone: self.running() == 0,
            number: self.starts,
            at_once_before: self.at_once,
            seen: false,
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < MAX_TRACKED => {
                self.places.push((0, None));
                u32::try_from(self.places.len() - 1).ok()?
            }
            None => return None,
        };
        let (generation, place) = self.places.get_mut(index as usize)?;
        *place = Some(call);
        let id = CallId { index, generation: *generation };
        self.outstanding = self.outstanding.saturating_add(reserved);
        self.at_once = self.at_once.max(self.running());
        Some(id)
    }

    /// A call ends. What is learned at once, because too many ended since the last reading, comes back.
    pub(super) fn end(&mut self, id: CallId, now: Duration) -> Option<Lesson> {
        let (generation, place) = self.places.get_mut(id.index as usize)?;
        if *generation != id.generation {
            return None;
        }
        let mut call = place.take()?;
        call.alone &= call.number == self.starts;
        *generation = generation.wrapping_add(1);
        self.free.push(id.index);
        self.outstanding = self.outstanding.saturating_sub(unused(&call));
        self.last_end = now;
        if self.ended.len() < MAX_ENDED {
            self.ended.push(call);
            return None;
        }
        self.settle(call)
    }

    /// A call that was told to begin did not: it is as if it had not been told, provided no other began and
    /// no reading was taken since. Else what it was attributed is left behind by it.
    pub(super) fn cancel(&mut self, id: CallId) {
        let Some((generation, place)) = self.places.get_mut(id.index as usize) else { return };
        if *generation != id.generation {
            return;
        }
        let Some(call) = place.take() else { return };
        *generation = generation.wrapping_add(1);
        self.free.push(id.index);
        self.outstanding = self.outstanding.saturating_sub(unused(&call));
        self.residue = self.residue.saturating_add(call.level);
        if call.number == self.starts {
            self.starts = self.starts.wrapping_sub(1);
            if !call.seen {
                self.at_once = call.at_once_before.max(self.running());
            }
        }
    }

    /// The next reading is held against none before it: it counts something else than the last did.
    pub(super) fn begin_anew(&mut self) {
        self.footprint = None;
    }

    fn settle(&mut self, call: Call) -> Option<Lesson> {
        self.residue = self.residue.saturating_add(call.level);
        if !call.seen {
            self.unseen = self.unseen.saturating_add(1);
            return None;
        }
        let observation = Observation {
            least: call.highest,
            most: call.most.max(call.highest),
            alone: call.alone,
        };
        Some(Lesson { key: call.key, observation })
    }

    /// A reading was taken at `at`. Calls that ended more than `soon` before it have no part in it: what
    /// happened since is not theirs. Gives what is learned from the ended ones.
    pub(super) fn observe(&mut self, footprint: u64, at: Duration, soon: Duration) -> Vec<Lesson> {
        let before = self.footprint.replace(footprint);
        let mut lessons = Vec::new();
        if at.saturating_sub(self.last_end) > soon {
            for call in std::mem::take(&mut self.ended) {
                lessons.extend(self.settle(call));
            }
        }
        if let Some(before) = before {
            self.divide(footprint.saturating_sub(before));
            self.fall(before.saturating_sub(footprint));
            self.bound();
        }
        for call in std::mem::take(&mut self.ended) {
            lessons.extend(self.settle(call));
        }
        self.outstanding = 0;
        let mut outstanding = 0u64;
        for call in self.running_calls() {
            outstanding = outstanding.saturating_add(unused(call));
        }
        self.outstanding = outstanding;
        // More than running calls can want, and still there: it is the application's, little by little.
        self.residue -= self.residue.saturating_sub(outstanding) / FORGET;
        self.at_once = self.running();
        lessons
    }

    fn divide(&mut self, growth: u64) {
        let sharers = (self.running() + self.ended.len()) as u64;
        let (Some(share), Some(mut rest)) =
            (growth.checked_div(sharers), growth.checked_rem(sharers))
        else {
            return;
        };
        let places = self.places.iter_mut().filter_map(|(_, call)| call.as_mut());
        for call in places.chain(&mut self.ended) {
            // What does not divide evenly goes to the first, a byte each, so that the sum is right.
            let extra = rest.min(1);
            rest -= extra;
            call.level = call.level.saturating_add(share + extra);
            call.highest = call.highest.max(call.level);
            call.seen = true;
        }
    }

    fn fall(&mut self, fall: u64) {
        // What ended calls had is free to go first.
        for call in &mut self.ended {
            self.residue = self.residue.saturating_add(std::mem::take(&mut call.level));
        }
        let from_residue = fall.min(self.residue);
        self.residue -= from_residue;
        let fall = fall - from_residue;
        let levels = self.running_calls().fold(0u64, |sum, call| sum.saturating_add(call.level));
        if fall == 0 || levels == 0 {
            return;
        }
        for call in self.running_calls() {
            let part = u128::from(call.level) * u128::from(fall) / u128::from(levels);
            call.level = call.level.saturating_sub(u64::try_from(part).unwrap_or(u64::MAX));
        }
    }

    /// What each can have used at most.
    fn bound(&mut self) {
        let levels = self.running_calls().fold(0u64, |sum, call| sum.saturating_add(call.level));
        let there = self.residue.saturating_add(levels);
        let part = there.checked_div(self.at_once as u64).unwrap_or(there);
        let places = self.places.iter_mut().filter_map(|(_, call)| call.as_mut());
        for call in places.chain(&mut self.ended) {
            call.most = call.most.max(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const KEY: KindKey = KindKey(1);

    /// A process whose readings come every 25 ms.
    #[derive(Default)]
    struct Trace {
        attribution: Attribution,
        now: Duration,
    }

    impl Trace {
        fn read(&mut self, footprint: u64) -> Vec<(u64, u64, bool)> {
            self.now += Duration::from_millis(25);
            let lessons = self.attribution.observe(footprint, self.now, SOON);
            let parts = |lesson: Lesson| {
                let seen = lesson.observation;
                (seen.least, seen.most, seen.alone)
            };
            lessons.into_iter().map(parts).collect()
        }

        fn start(&mut self) -> CallId {
            self.attribution.start(KEY, 100).unwrap()
        }

        fn end(&mut self, id: CallId) {
            assert_eq!(self.attribution.end(id, self.now), None);
        }
    }

    #[test]
    fn a_call_alone_has_all_the_growth_and_its_peak_stays() {
        let mut trace = Trace::default();
        trace.read(1000);
        let call = trace.start();
        for footprint in [1040, 1090, 1030] {
            assert!(trace.read(footprint).is_empty());
        }
        trace.end(call);
        assert_eq!(trace.read(1030), [(90, 90, true)]);
        assert_eq!(trace.attribution.residue(), 30);
    }

    #[test]
    fn growth_is_divided_among_those_that_run_without_losing_a_byte() {
        let mut trace = Trace::default();
        trace.read(1000);
        let calls = [trace.start(), trace.start(), trace.start()];
        trace.read(1100);
        for call in calls {
            trace.end(call);
        }
        let lessons = trace.read(1100);
        let least: Vec<u64> = lessons.iter().map(|(least, _, _)| *least).collect();
        assert_eq!(least, [34, 33, 33]);
        assert!(lessons.iter().all(|(_, _, alone)| !alone));
        assert_eq!(trace.attribution.residue(), 100);
    }

    #[test]
    fn company_for_a_part_of_its_life_makes_a_call_not_alone() {
        let mut trace = Trace::default();
        trace.read(1000);
        let long = trace.start();
        trace.read(1010);
        let short = trace.start();
        trace.end(short);
        trace.read(1020);
        trace.end(long);
        assert!(!trace.read(1020)[0].2);
    }

    #[test]
    fn a_warm_heap_leaves_open_what_a_call_used() {
        let mut trace = Trace::default();
        trace.read(1000);
        let first = trace.start();
        trace.read(1080);
        trace.end(first);
        assert_eq!(trace.read(1080), [(80, 80, true)]);
        let second = trace.start();
        trace.read(1080);
        trace.end(second);
        assert_eq!(trace.read(1080), [(0, 80, true)], "between nothing and all of it");
        // Two together can have used half each.
        let both = [trace.start(), trace.start()];
        trace.read(1080);
        for call in both {
            trace.end(call);
        }
        assert_eq!(trace.read(1080), [(0, 40, false), (0, 40, false)]);
    }

    #[test]
    fn memory_given_back_is_taken_from_what_was_left_first() {
        let mut trace = Trace::default();
        trace.read(1000);
        let first = trace.start();
        trace.read(1100);
        let second = trace.start();
        trace.end(first);
        trace.read(1140);
        assert_eq!(trace.attribution.residue(), 120);
        trace.read(1040);
        assert_eq!(trace.attribution.residue(), 20);
        trace.read(1010);
        assert_eq!(trace.attribution.residue(), 0);
        trace.read(900);
        trace.end(second);
        assert_eq!(trace.read(900)[0].0, 20, "its peak stays");
        assert_eq!(trace.attribution.residue(), 0);
    }

    #[test]
    fn growth_while_nothing_runs_is_nobodys() {
        let mut trace = Trace::default();
        trace.read(1000);
        trace.read(5000);
        let call = trace.start();
        trace.read(5000);
        trace.end(call);
        assert_eq!(trace.read(5000), [(0, 0, true)]);
    }

    #[test]
    fn a_short_call_has_a_part_in_the_next_reading_but_not_in_one_much_later() {
        let mut trace = Trace::default();
        trace.read(1000);
        let call = trace.start();
        trace.end(call);
        assert_eq!(trace.read(1030), [(30, 30, true)]);
        let call = trace.start();
        trace.end(call);
        trace.now += Duration::from_secs(60);
        assert!(trace.read(9000).is_empty());
        assert_eq!(trace.attribution.unseen(), 1);
    }

    #[test]
    fn calls_one_after_another_between_two_readings_each_may_have_used_all() {
        let mut trace = Trace::default();
        trace.read(1000);
        for _ in 0..4 {
            let call = trace.start();
            trace.end(call);
        }
        assert_eq!(trace.read(1100), [(25, 100, true); 4]);
    }

    #[test]
    fn ended_calls_are_bounded_between_two_readings() {
        let mut trace = Trace::default();
        trace.read(1000);
        for _ in 0..MAX_ENDED + 3 {
            let call = trace.start();
            trace.end(call);
        }
        assert_eq!(trace.attribution.unseen(), 3);
        assert_eq!(trace.read(1000).len(), MAX_ENDED);
    }

    #[test]
    fn what_is_promised_and_not_yet_used_is_known_at_every_step() {
        let mut trace = Trace::default();
        trace.read(1000);
        let calls = [trace.start(), trace.start()];
        assert_eq!(trace.attribution.outstanding(), 200);
        trace.read(1060);
        assert_eq!(trace.attribution.outstanding(), 140);
        trace.read(1400);
        assert_eq!(trace.attribution.outstanding(), 0);
        trace.read(1000);
        assert_eq!(trace.attribution.outstanding(), 200);
        trace.end(calls[0]);
        trace.end(calls[1]);
        assert_eq!(trace.attribution.outstanding(), 0);
        assert_eq!(trace.attribution.end(calls[1], trace.now), None, "ended twice");
    }

    #[test]
    fn a_call_that_did_not_begin_leaves_no_trace() {
        let mut trace = Trace::default();
        trace.read(1000);
        let runs = trace.start();
        for _ in 0..3 {
            let cancelled = trace.start();
            assert_eq!(trace.attribution.outstanding(), 200);
            trace.attribution.cancel(cancelled);
            trace.attribution.cancel(cancelled);
            assert_eq!((trace.attribution.outstanding(), trace.attribution.running()), (100, 1));
        }
        trace.read(1080);
        trace.end(runs);
        assert_eq!(trace.read(1080), [(80, 80, true)], "alone, and nobody to share with");
        assert_eq!(trace.attribution.unseen(), 0);
    }

    #[test]
    fn what_a_reading_gave_a_call_that_did_not_begin_is_left_behind() {
        let mut trace = Trace::default();
        trace.read(1000);
        let cancelled = trace.start();
        trace.read(1060);
        trace.attribution.cancel(cancelled);
        assert_eq!((trace.attribution.residue(), trace.attribution.outstanding()), (60, 0));
        assert!(trace.read(1060).is_empty());
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut trace = Trace::default();
        trace.read(0);
        let calls: Vec<_> =
            (0..3).map(|_| trace.attribution.start(KEY, u64::MAX).unwrap()).collect();
        for footprint in [u64::MAX, 0, u64::MAX, 1, u64::MAX] {
            trace.read(footprint);
        }
        for call in calls {
            trace.end(call);
        }
        trace.read(u64::MAX);
        trace.read(0);
        assert_eq!(trace.attribution.residue(), 0);
    }

    #[test]
    fn followed_calls_are_bounded() {
        let mut trace = Trace::default();
        let first = trace.start();
        trace.attribution.places.resize(MAX_TRACKED, (0, None));
        assert_eq!(trace.attribution.start(KEY, 1), None);
        trace.end(first);
        assert!(trace.attribution.start(KEY, 1).is_some());
    }
}
