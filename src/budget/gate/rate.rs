//! How many calls a task made within a minute.
//!
//! A sliding window of counters, one for each second: a call counts in the second it was let in and in the
//! 60 after it. Any 60 seconds touch at most 61 of these, so never more calls than the quota are let in
//! within *any* 60 seconds; the price is that a call counts for up to one second longer than a minute. A
//! log of every call would be exact, and as large as the quota; the generic cell rate algorithm (ITU-T
//! I.371, annex A) would be smaller, but lets nearly twice the quota through in the minute after a pause.

use std::time::Duration;

/// The second of a call and the 60 after it.
const SECONDS: u64 = 61;

/// The calls of the last minute.
#[derive(Debug, Clone)]
pub(super) struct Minute {
    counts: Box<[u32; SECONDS as usize]>,
    newest: u64,
    sum: u64,
}

impl Minute {
    pub(super) fn new() -> Self {
        Minute { counts: Box::new([0; SECONDS as usize]), newest: 0, sum: 0 }
    }

    /// Counts a call.
    pub(super) fn record(&mut self, now: Duration) {
        self.forget(now);
        if let Some(count) = self.counts.get_mut((self.newest % SECONDS) as usize) {
            *count = count.saturating_add(1);
            self.sum += 1;
        }
    }

    /// How many calls count now.
    pub(super) fn count(&mut self, now: Duration) -> u64 {
        self.forget(now);
        self.sum
    }

    /// When fewer than `limit` calls will count, if none is let in until then; `None`: never.
    pub(super) fn below(&mut self, limit: u32, now: Duration) -> Option<Duration> {
        self.forget(now);
        let mut left = self.sum;
        if left < u64::from(limit) {
            return Some(now);
        }
        // From the oldest second that counts to the newest.
        for second in (self.newest + 1)..=(self.newest + SECONDS) {
            left -= u64::from(*self.counts.get((second % SECONDS) as usize)?);
            if left < u64::from(limit) {
                return Some(Duration::from_secs(second));
            }
        }
        None
    }

    fn forget(&mut self, now: Duration) {
        let second = now.as_secs();
        if second <= self.newest {
            return;
        }
        for passed in (self.newest + 1)..=second.min(self.newest + SECONDS) {
            if let Some(count) = self.counts.get_mut((passed % SECONDS) as usize) {
                self.sum -= u64::from(std::mem::take(count));
            }
        }
        self.newest = second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quota_of_no_calls_is_never_met() {
        assert_eq!(Minute::new().below(0, Duration::from_secs(5)), None);
    }

    #[test]
    fn it_names_the_moment_from_which_a_call_may_go() {
        let mut minute = Minute::new();
        minute.record(Duration::from_millis(1500));
        minute.record(Duration::from_millis(3500));
        let now = Duration::from_secs(10);
        assert_eq!(minute.below(3, now), Some(now));
        assert_eq!(minute.below(2, now), Some(Duration::from_secs(62)));
        assert_eq!(minute.below(1, now), Some(Duration::from_secs(64)));
        assert_eq!(minute.count(Duration::from_millis(61_999)), 2);
        assert_eq!(minute.count(Duration::from_secs(62)), 1);
        assert_eq!(minute.count(Duration::from_secs(1_000_000)), 0);
    }

    proptest! {
        #[test]
        fn never_more_than_the_quota_in_any_minute_and_never_held_for_a_second_more(
            limit in 1u32..6,
            steps in prop::collection::vec(0u64..20_000, 1..200),
        ) {
            let mut minute = Minute::new();
            let mut let_in: Vec<Duration> = vec![];
            let mut now = Duration::ZERO;
            for step in steps {
                now += Duration::from_millis(step);
                let held = minute.count(now) >= u64::from(limit);
                let within = |span: Duration| {
                    let_in.iter().filter(|at| **at + span > now).count() as u32
                };
                if held {
                    prop_assert!(within(Duration::from_secs(61)) >= limit);
                    let at = minute.below(limit, now).unwrap();
                    prop_assert!(at > now);
                    prop_assert!(minute.clone().count(at) < u64::from(limit));
                    prop_assert!(
                        minute.clone().count(at - Duration::from_nanos(1)) >= u64::from(limit)
                    );
                } else {
                    prop_assert!(within(Duration::from_secs(60)) < limit);
                    minute.record(now);
                    let_in.push(now);
                }
            }
        }
    }
}
