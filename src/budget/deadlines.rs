//! When which call must be looked at next.
//!
//! A heap of `(time, call)` that forgets lazily: a call that ends before its time leaves its entry
//! behind, because nearly all do and taking each out would cost more than the call. Stale entries are
//! swept out when they outnumber the living two to one, so the heap never holds more than three entries
//! for each running call, plus [`SLACK`].

use super::calls::CallKey;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Below this many entries sweeping is not worth it.
const SLACK: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Duration, CallKey)>>,
}

impl Deadlines {
    /// Has a call looked at when `at` has come. `is_live` says of any call whether it still runs and
    /// waits for that time; `running` is how many do.
    pub(super) fn push(
        &mut self,
        at: Duration,
        call: CallKey,
        running: usize,
        is_live: impl Fn(Duration, CallKey) -> bool,
    ) {
        if self.heap.len() >= SLACK + 3 * running {
            self.heap.retain(|Reverse((at, call))| is_live(*at, *call));
        }
        self.heap.push(Reverse((at, call)));
    }

    /// The earliest time of an entry, stale ones among them.
    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest entry whose time has come.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<(Duration, CallKey)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> CallKey {
        CallKey::from_number(number)
    }

    #[test]
    fn what_is_due_comes_in_the_order_of_its_time() {
        let mut deadlines = Deadlines::default();
        for (at, call) in [(3, 1), (1, 2), (2, 3), (9, 4)] {
            deadlines.push(Duration::from_secs(at), key(call), 4, |_, _| true);
        }
        let mut due = Vec::new();
        while let Some((_, call)) = deadlines.pop_due(Duration::from_secs(3)) {
            due.push(call.number());
        }
        assert_eq!(due, [2, 3, 1]);
        assert_eq!(deadlines.next(), Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_million_calls_that_end_early_leave_a_bounded_heap() {
        let mut deadlines = Deadlines::default();
        let mut largest = 0;
        for call in 0..1_000_000_u64 {
            let at = Duration::from_secs(300) + Duration::from_micros(call);
            deadlines.push(at, key(call), 8, |_, other| other.number() + 8 > call);
            largest = largest.max(deadlines.heap.len());
        }
        assert!(largest <= SLACK + 3 * 8 + 1, "{largest}");
    }

    #[test]
    fn sweeping_keeps_every_live_entry() {
        let mut deadlines = Deadlines::default();
        deadlines.push(Duration::from_secs(1), key(0), 1, |_, _| true);
        for call in 1..100_000_u64 {
            let live = |_: Duration, other: CallKey| other.number() == 0;
            deadlines.push(Duration::from_secs(2), key(call), 1, live);
        }
        assert_eq!(
            deadlines.pop_due(Duration::from_secs(1)).map(|(_, call)| call.number()),
            Some(0)
        );
    }
}
