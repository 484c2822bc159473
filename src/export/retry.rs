//! How long to wait before the next attempt.
//!
//! Doubling from 1 s to 30 s, and of each pause a random part between half and all of it, so that many
//! processes do not come back to a restarted collector at once. OTLP asks for an exponential backoff with
//! jitter and leaves the figures open: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling>; the
//! kind of jitter is "equal jitter" of Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015.

use super::ids::mix;
use std::time::Duration;

/// The first pause, before jitter.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, before jitter.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest that a destination may ask to be left alone; asking for more is held to this.
pub const LONGEST_REQUESTED_PAUSE: Duration = Duration::from_secs(300);

/// The pauses of one destination.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Backoff {
        Backoff { failures: 0, random: seed }
    }

    /// The pause after one more failure in a row.
    pub(super) fn next_pause(&mut self) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.random = mix(self.random.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let share = (self.random >> 11) as f64 / (1_u64 << 53) as f64;
        doubled.min(LONGEST_PAUSE).mul_f64(0.5 + share / 2.0)
    }

    /// It went well: the next failure is the first again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_between_seeds() {
        let mut backoff = Backoff::new(1);
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0] {
            let pause = backoff.next_pause().as_secs_f64();
            assert!((seconds / 2.0..=seconds).contains(&pause), "{pause} of {seconds}");
        }
        for _ in 0..10_000 {
            assert!(backoff.next_pause() <= LONGEST_PAUSE);
        }
        backoff.reset();
        assert!(backoff.next_pause() <= FIRST_PAUSE);
        assert_ne!(Backoff::new(1).next_pause(), Backoff::new(2).next_pause());
    }
}
