//! Durations in fixed buckets, as Prometheus keeps them.

use std::time::Duration;

/// The inclusive upper bounds of the buckets in milliseconds; the last bucket has none. From a
/// millisecond, which a guarded function call takes, to the contract's timeouts: 300 s warn, 450 s end.
pub const UPPER_BOUNDS: [u64; 17] = [
    1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
    450_000,
];

/// The buckets, the one without a bound included.
pub const BUCKETS: usize = UPPER_BOUNDS.len() + 1;

const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// How often durations fell into each bucket, and their sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Not cumulative: each duration counts in one bucket.
    buckets: [u64; BUCKETS],
    nanoseconds: u128,
}

impl Histogram {
    /// Counts a duration.
    pub fn add(&mut self, duration: Duration) {
        let nanoseconds = duration.as_nanos();
        let short = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        // Comparing with every bound takes no branches that could be guessed wrong.
        let bucket = UPPER_BOUNDS.iter().filter(|&&ms| short > ms * NANOSECONDS_PER_MS).count();
        self.buckets[bucket] += 1;
        self.nanoseconds = self.nanoseconds.saturating_add(nanoseconds);
    }

    /// The number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        self.nanoseconds as f64 / 1e9
    }

    /// Upper bound in seconds and number of durations of each bucket, not cumulative; the last bound is
    /// infinite.
    #[must_use]
    pub fn buckets(&self) -> [(f64, u64); BUCKETS] {
        std::array::from_fn(|at| {
            let bound = UPPER_BOUNDS.get(at).map_or(f64::INFINITY, |&ms| ms as f64 / 1e3);
            (bound, self.buckets[at])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_belongs_to_its_bucket_and_what_is_above_to_the_next() {
        for (at, &ms) in UPPER_BOUNDS.iter().enumerate() {
            let mut histogram = Histogram::default();
            histogram.add(Duration::from_millis(ms));
            histogram.add(Duration::from_millis(ms) + Duration::from_nanos(1));
            assert_eq!((histogram.buckets[at], histogram.buckets[at + 1]), (1, 1), "{ms}");
        }
        assert!(UPPER_BOUNDS.is_sorted());
    }

    #[test]
    fn nothing_and_the_longest_time_of_all_are_counted() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.count(), histogram.sum_seconds()), (0, 0.0));
        histogram.add(Duration::ZERO);
        histogram.add(Duration::MAX);
        histogram.add(Duration::MAX);
        let buckets = histogram.buckets();
        assert_eq!((buckets[0], buckets[BUCKETS - 1]), ((0.001, 1), (f64::INFINITY, 2)));
        assert_eq!(histogram.count(), 3);
        assert!(
            (histogram.sum_seconds() / (2.0 * Duration::MAX.as_secs_f64()) - 1.0).abs() < 1e-15
        );
    }
}
