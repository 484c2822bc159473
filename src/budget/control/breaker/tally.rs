//! Counts of calls over a window that moves: a ring of buckets and their sum.

/// Buckets in the ring: the window is exact to a tenth of its length.
const BUCKETS: u64 = 10;

/// Calls, and how many of them failed or were slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Tally {
    pub(super) fn add(&mut self, is_failed: bool, is_slow: bool) {
        self.calls = self.calls.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(is_failed));
        self.slow = self.slow.saturating_add(u32::from(is_slow));
    }

    fn take(&mut self, gone: Tally) {
        self.calls = self.calls.saturating_sub(gone.calls);
        self.failed = self.failed.saturating_sub(gone.failed);
        self.slow = self.slow.saturating_sub(gone.slow);
    }
}

/// The calls that ended within the window.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    buckets: [Tally; BUCKETS as usize],
    sum: Tally,
    bucket_length: u64,
    /// The number of the bucket being filled, counted from time zero.
    current: u64,
}

impl Ring {
    pub(super) fn over(window: u64) -> Self {
        Ring {
            buckets: [Tally::default(); BUCKETS as usize],
            sum: Tally::default(),
            bucket_length: (window / BUCKETS).max(1),
            current: 0,
        }
    }

    /// Counts a call that ended now, and gives the sum over the window.
    #[inline]
    pub(super) fn add(&mut self, is_failed: bool, is_slow: bool, now: u64) -> Tally {
        self.turn_to(now / self.bucket_length);
        self.buckets[(self.current % BUCKETS) as usize].add(is_failed, is_slow);
        self.sum.add(is_failed, is_slow);
        self.sum
    }

    fn turn_to(&mut self, number: u64) {
        let turns = number.saturating_sub(self.current).min(BUCKETS);
        for turn in 1..=turns {
            // Whatever the distance, the last `turns` buckets up to `number` are the ones to empty.
            let index = ((number - turns + turn) % BUCKETS) as usize;
            self.sum.take(std::mem::take(&mut self.buckets[index]));
        }
        self.current = self.current.max(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_leave_the_sum_when_their_bucket_leaves_the_window() {
        let mut ring = Ring::over(100);
        for now in [5, 15, 95] {
            ring.add(true, false, now);
        }
        assert_eq!(ring.add(false, true, 99), Tally { calls: 4, failed: 3, slow: 1 });
        assert_eq!(ring.add(false, false, 100), Tally { calls: 4, failed: 2, slow: 1 });
        assert_eq!(ring.add(false, false, 110), Tally { calls: 4, failed: 1, slow: 1 });
        assert_eq!(ring.add(false, false, 5000), Tally { calls: 1, failed: 0, slow: 0 });
        assert_eq!(ring.add(true, true, u64::MAX), Tally { calls: 1, failed: 1, slow: 1 });
    }

    #[test]
    fn the_sum_is_that_of_the_calls_in_the_window_at_any_time() {
        let mut ring = Ring::over(100);
        let mut calls: Vec<(u64, bool)> = Vec::new();
        let mut now = 0_u64;
        for step in 0..2000_u64 {
            now += (step * 7919) % 37;
            let is_failed = step % 3 == 0;
            calls.push((now / 10, is_failed));
            let sum = ring.add(is_failed, false, now);
            let inside = || calls.iter().filter(|(bucket, _)| bucket + 10 > now / 10);
            assert_eq!(sum.calls as usize, inside().count());
            assert_eq!(sum.failed as usize, inside().filter(|(_, failed)| *failed).count());
        }
    }
}
