//! How long calls of a lane take, and the timeout that follows from it.
//!
//! # What it promises
//!
//! - The warning is a percentile of recent durations times a margin, between a floor and a ceiling; until
//!   there are enough samples it is the lane's default timeout.
//! - **A timeout never lowers it.** How long a call that was ended would have taken is unknown (the sample is
//!   censored: Kaplan and Meier 1958), but it is not less than its timeout; so it counts as that, or as long
//!   as it ran if that was more. With a margin above 1, timeouts in the percentile raise the next warning,
//!   until calls fit or the ceiling is reached. Left out, as failures are, they would lower it: only the
//!   quick ones would be remembered.
//! - Old calls are forgotten: what is read holds the last 1024 to 2048 durations, or fewer where they are
//!   older than an hour and there are enough younger ones.
//! - Fixed memory: two histograms of two-byte counts, some 15 KB a lane, exact to 1 % (two significant
//!   digits) from 1 µs to 24 h; what took longer counts as 24 h, and is counted apart.
//!
//! # How
//!
//! Every duration goes into both histograms, of which the elder is read. When it is full or too old it is
//! emptied and becomes the younger: the other, half as full, is read on. The percentile of the bucketed
//! counts is that of HdrHistogram (Tene). It is computed anew after every sixteenth part of growth, since it
//! is asked for at every call and costs microseconds.
//!
//! A percentile with a margin as the timeout follows gRPC's hedging and Dean and Barroso (*The Tail at Scale*,
//! 2013), who take the 95th to send again; here it is to warn, hence the 99th twice over.
//!
//! # Example
//!
//! ```
//! use plimsoll::budget::control::Outcome;
//! use plimsoll::budget::control::history::{AdaptiveTimeout, DurationHistory};
//! use std::time::Duration;
//!
//! let default = Duration::from_secs(300);
//! let mut history = DurationHistory::new();
//! assert_eq!(history.warning(AdaptiveTimeout::default(), default), default);
//! for call in 1..=200 {
//!     let took = Duration::from_millis(10_000 + call);
//!     history.record(Outcome::Ok, took, default, Duration::from_secs(call));
//! }
//! let warning = history.warning(AdaptiveTimeout::default(), default);
//! assert!(warning > Duration::from_secs(20) && warning < Duration::from_secs(21));
//! ```

#[cfg(test)]
mod tests;

use super::{Outcome, share};
use hdrhistogram::Histogram;
use std::time::Duration;

/// The longest duration told apart, in microseconds: 24 h.
const LONGEST: u64 = 24 * 3600 * 1_000_000;
/// Durations after which a histogram is full.
const FULL: u64 = 2048;
/// The age at which one is too old.
const OLD: Duration = Duration::from_secs(3600);

/// How a warning follows from a history. Values out of range are brought into it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveTimeout {
    /// Which percentile. Default 99; 1 to 100.
    pub percentile: f64,
    /// What it is multiplied with. Default 2; 1 to 100.
    pub margin: f64,
    /// Never less than this many milliseconds. Default 1000: below that, a pause of the machine is a warning.
    pub floor_ms: u64,
    /// Never more than this many milliseconds. Default 1 800 000: six times the default timeout.
    pub ceiling_ms: u64,
    /// Durations before the default timeout is left. Default 100: with fewer, the 99th percentile is the
    /// longest. At least 1.
    pub minimum_samples: u64,
}

impl Default for AdaptiveTimeout {
    fn default() -> Self {
        AdaptiveTimeout {
            percentile: 99.0,
            margin: 2.0,
            floor_ms: 1000,
            ceiling_ms: 1_800_000,
            minimum_samples: 100,
        }
    }
}

impl AdaptiveTimeout {
    /// The settings with every value in its range, and defaults for what is not a number.
    #[must_use]
    pub fn sane(self) -> Self {
        let default = AdaptiveTimeout::default();
        AdaptiveTimeout {
            percentile: share(self.percentile, 1.0, 100.0, default.percentile),
            margin: share(self.margin, 1.0, 100.0, default.margin),
            floor_ms: self.floor_ms,
            ceiling_ms: self.ceiling_ms.max(self.floor_ms).max(1),
            // More than the history ever holds would mean never.
            minimum_samples: self.minimum_samples.clamp(1, FULL / 2),
        }
    }
}

/// What a history has taken in, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryCounts {
    /// Durations of calls that succeeded.
    pub succeeded: u64,
    /// Calls that timed out, taken for at least their timeout.
    pub timed_out: u64,
    /// Of both, those longer than 24 h, taken for 24 h.
    pub beyond_range: u64,
    /// Times the older half was forgotten.
    pub forgotten: u64,
}

/// A percentile that was computed, and after how many durations.
#[derive(Debug, Clone, Copy)]
struct Computed {
    percentile: f64,
    micros: u64,
    taken: u64,
}

/// One histogram and when it began.
#[derive(Debug, Clone)]
struct Generation {
    durations: Histogram<u16>,
    since: Option<Duration>,
}

impl Generation {
    fn new() -> Self {
        // Always a valid range; one that grows as needed stands in should that ever change.
        let durations = Histogram::new_with_bounds(1, LONGEST, 2)
            .or_else(|_| Histogram::new(2))
            .unwrap_or_else(|_| unreachable!("two significant digits are supported"));
        Generation { durations, since: None }
    }

    fn add(&mut self, micros: u64, now: Duration) {
        self.since.get_or_insert(now);
        self.durations.saturating_record(micros);
    }

    fn age(&self, now: Duration) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    fn empty(&mut self) {
        self.durations.reset();
        self.since = None;
    }
}

/// The durations of one lane.
#[derive(Debug, Clone)]
pub struct DurationHistory {
    /// The one that is read, and the one that will be.
    elder: Generation,
    younger: Generation,
    /// What the younger must hold before the elder may go for its age: the most any warning asked for.
    needed: u64,
    computed: Option<Computed>,
    counts: HistoryCounts,
}

impl Default for DurationHistory {
    fn default() -> Self {
        DurationHistory::new()
    }
}

impl DurationHistory {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        DurationHistory {
            elder: Generation::new(),
            younger: Generation::new(),
            needed: AdaptiveTimeout::default().minimum_samples,
            computed: None,
            counts: HistoryCounts::default(),
        }
    }

    /// A call ended after `duration`; `timeout` is the time it was ended at, if it was.
    ///
    /// Failures are not remembered: how soon a call fails says nothing of how long one takes.
    pub fn record(
        &mut self,
        outcome: Outcome,
        duration: Duration,
        timeout: Duration,
        now: Duration,
    ) {
        let duration = match outcome {
            Outcome::Ok => {
                self.counts.succeeded = self.counts.succeeded.saturating_add(1);
                duration
            }
            Outcome::TimedOut => {
                self.counts.timed_out = self.counts.timed_out.saturating_add(1);
                self.computed = None;
                duration.max(timeout)
            }
            Outcome::Error => return,
        };
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts.beyond_range =
            self.counts.beyond_range.saturating_add(u64::from(micros > LONGEST));
        self.add(micros.clamp(1, LONGEST), now);
    }

    /// The time after which a call is to be warned of; `default` until there are enough samples.
    pub fn warning(&mut self, timeout: AdaptiveTimeout, default: Duration) -> Duration {
        let timeout = timeout.sane();
        self.needed = self.needed.max(timeout.minimum_samples);
        if self.samples() < timeout.minimum_samples {
            return default;
        }
        let micros = self.percentile(timeout.percentile);
        let wanted = Duration::from_micros(micros).mul_f64(timeout.margin);
        wanted.clamp(
            Duration::from_millis(timeout.floor_ms),
            Duration::from_millis(timeout.ceiling_ms),
        )
    }

    /// How many durations the warning is derived from.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.elder.durations.len()
    }

    /// What it has taken in.
    #[must_use]
    pub fn counts(&self) -> HistoryCounts {
        self.counts
    }

    fn taken(&self) -> u64 {
        self.counts.succeeded.saturating_add(self.counts.timed_out)
    }

    fn add(&mut self, micros: u64, now: Duration) {
        self.elder.add(micros, now);
        let age = self.elder.age(now);
        if self.samples() > FULL / 2 || age >= OLD / 2 {
            self.younger.add(micros, now);
        }
        let is_old = age >= OLD && self.younger.durations.len() >= self.needed;
        if self.samples() >= FULL || is_old {
            std::mem::swap(&mut self.elder, &mut self.younger);
            self.younger.empty();
            self.computed = None;
            self.counts.forgotten = self.counts.forgotten.saturating_add(1);
        }
    }

    fn percentile(&mut self, percentile: f64) -> u64 {
        let taken = self.taken();
        if let Some(computed) = self.computed
            && computed.percentile == percentile
            && taken.saturating_sub(computed.taken) <= self.samples() / 16
        {
            return computed.micros;
        }
        let micros = self.elder.durations.value_at_quantile(percentile / 100.0);
        self.computed = Some(Computed { percentile, micros, taken });
        micros
    }
}
