//! When a breaker opens, for how long, and what it asks for before it closes.

use super::super::share;
use super::tally::Tally;
use std::time::Duration;

/// When a breaker opens and closes. Values out of range are brought into it by [`BreakerSettings::sane`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// The share of failed calls from which on it opens. Default 0.5 (resilience4j); 0.01 to 1.
    pub failure_rate: f64,
    /// Calls in the window before the rates are looked at. Default 10, at least 1 (resilience4j: 100).
    pub minimum_calls: u32,
    /// How far it looks back. Default 60 s (resilience4j: 100 calls, or as many seconds as given).
    pub window: Duration,
    /// How long it stays open the first time. Default 60 s (resilience4j).
    pub open_for: Duration,
    /// The most it stays open, however often it opened in a row. Default 10 min: ten times the first.
    pub open_for_max: Duration,
    /// Probes a half-open breaker lets run. Default 3, at least 1 (resilience4j: 10).
    pub half_open_calls: u32,
    /// A call that took this long is slow. Default none: then no call is (resilience4j: 60 s).
    pub slow_call: Option<Duration>,
    /// The share of slow calls from which on it opens. Default 1 (resilience4j); 0.01 to 1.
    pub slow_rate: f64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        BreakerSettings {
            failure_rate: 0.5,
            minimum_calls: 10,
            window: Duration::from_secs(60),
            open_for: Duration::from_secs(60),
            open_for_max: Duration::from_secs(600),
            half_open_calls: 3,
            slow_call: None,
            slow_rate: 1.0,
        }
    }
}

impl BreakerSettings {
    /// The settings with every value in its range, and defaults for what is not a number.
    #[must_use]
    pub fn sane(self) -> Self {
        let default = BreakerSettings::default();
        let open_for = self.open_for.max(Duration::from_millis(1));
        BreakerSettings {
            failure_rate: share(self.failure_rate, 0.01, 1.0, default.failure_rate),
            minimum_calls: self.minimum_calls.max(1),
            window: self.window.max(Duration::from_millis(10)),
            open_for,
            open_for_max: self.open_for_max.max(open_for),
            half_open_calls: self.half_open_calls.max(1),
            slow_call: self.slow_call,
            slow_rate: share(self.slow_rate, 0.01, 1.0, default.slow_rate),
        }
    }

    pub(super) fn is_bad(&self, tally: Tally) -> bool {
        let calls = f64::from(tally.calls);
        f64::from(tally.failed) >= self.failure_rate * calls
            || f64::from(tally.slow) >= self.slow_rate * calls
    }
}
