//! How long to wait before the next worker is started, after some ended without being of use.
//!
//! Full jitter: a random time up to a limit that doubles from 100 ms to 30 s (Brooker, "Exponential Backoff And
//! Jitter", AWS Architecture Blog 2015). One answer, or ten seconds of life, and the next failure is the first.

use std::time::Duration;

/// The longest pause after the first failure.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause of all.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After so many failures in a row the requests that wait fail too.
pub const MOST_FAILURES: u32 = 5;
/// A worker that was ready for so long did not fail to start.
pub const LIVED: Duration = Duration::from_secs(10);

/// The failures in a row, and when to try again.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    not_before: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Backoff {
        Backoff { failures: 0, not_before: Duration::ZERO, random: seed }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn not_before(&self) -> Duration {
        self.not_before
    }

    /// One more failure in a row.
    pub(super) fn fail(&mut self, now: Duration) {
        let limit = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.saturating_add(limit.mul_f64(self.share()));
    }

    /// A worker was of use.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
        self.not_before = Duration::ZERO;
    }

    /// From 0 to 1: splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    fn share(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_anywhere_below_a_limit_that_doubles_to_the_longest() {
        let limits = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0];
        let mut sums = [0.0; 11];
        let now = Duration::from_secs(7);
        for seed in 0..1000 {
            let mut backoff = Backoff::new(seed);
            for (limit, sum) in limits.iter().zip(&mut sums) {
                backoff.fail(now);
                let pause = (backoff.not_before() - now).as_secs_f64();
                assert!((0.0..=*limit).contains(&pause), "{pause} of {limit}");
                *sum += pause / limit;
            }
            backoff.reset();
            backoff.fail(now);
            assert!(backoff.not_before() - now <= FIRST_PAUSE && backoff.failures() == 1);
        }
        // The mean of 1000 even shares is within 0.05 of a half but once in 10^7.
        assert!(sums.iter().all(|sum| (sum / 1000.0 - 0.5).abs() < 0.05), "{sums:?}");
    }

    #[test]
    fn thousands_of_failures_and_the_end_of_time_overflow_nothing() {
        let mut backoff = Backoff::new(u64::MAX);
        for _ in 0..5000 {
            backoff.fail(Duration::MAX);
        }
        assert_eq!((backoff.failures(), backoff.not_before()), (5000, Duration::MAX));
    }
}
