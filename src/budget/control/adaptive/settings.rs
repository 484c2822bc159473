//! What an adaptive limit can be told, with the defaults and where they come from.

use super::super::share;
use std::time::Duration;

/// What moves the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// How long calls take and whether they time out.
    Latency,
    /// Memory and processors in use.
    Resources,
    /// Both: whichever wants fewer wins.
    #[default]
    Both,
}

/// How one lane's limit adapts. Values out of range are brought into it by [`AdaptiveSettings::sane`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveSettings {
    /// What moves the limit. Default: both.
    pub mode: Mode,
    /// The limit never falls below. Default 1, at least 1: a lane that lets nothing in learns nothing.
    pub min: u32,
    /// The limit never rises above. Default 32, the default of the global limit.
    pub max: u32,
    /// Where it starts. Default `max`: what the lane's owner allows is what it gets until there is trouble.
    pub initial: Option<u32>,
    /// Calls are judged in windows of at least this length. Default 1 s (`WindowedLimit` of Netflix's
    /// concurrency-limits). Time in which nothing runs does not count.
    pub window: Duration,
    /// A window lasts until this many calls have ended. Default 10 (`WindowedLimit`).
    pub least_samples: u32,
    /// The share of a step down that is taken at once, and of √limit that is the step up where that is
    /// more than 1. Default 0.2 (`Gradient2Limit`); 0.01 to 1.
    pub smoothing: f64,
    /// How many times their baseline calls may take before the limit falls. Default 1.5
    /// (`rttTolerance` of `Gradient2Limit`); 1 to 100.
    pub tolerance: f64,
    /// Windows the baselines look back on: the length of the long average and of the minimum. Default 600
    /// (`longWindow` of `Gradient2Limit`); 16 to 100 000.
    pub long_windows: u32,
    /// What the limit is multiplied with when calls time out, latency drifts or resources run out. Default
    /// 0.7 (β of CUBIC, RFC 9438); 0.1 to 0.95. Netflix's `AIMDLimit` has 0.9, for calls of milliseconds;
    /// here a window of timeouts may cost minutes.
    pub backoff_ratio: f64,
    /// The share of a window's calls that may time out before that counts as overload. Default 0.1: one
    /// call in the smallest window is an accident. 0 to 1.
    pub overload_share: f64,
    /// A call that took this long counts as timed out whatever it reports: functions often swallow the
    /// timeouts of what they call. Default none (`AIMDLimit` has one, of 5 s).
    pub timeout: Option<Duration>,
    /// Windows without a rise after a backoff. Default 2.
    pub hold_windows: u32,
    /// Windows after which one is run at half the limit, to learn how long calls take when fewer run; 10 where
    /// the last such look found them much quicker. Default 60, some 2 % of the time (BBR's ProbeRTT: 200 ms
    /// of 10 s); 0 for never, in which case a lane that starts overloaded takes that for usual.
    pub probe_windows: u32,
    /// Between two admissions after a rise, until as many were admitted as the limit has risen by. Default
    /// 50 ms (`ramp_throttle` for activities in the Temporal SDK's resource-based tuner): readings must have time to show
    /// what the last one did.
    pub ramp: Duration,
    /// The fraction of the memory limit above which the limit falls. Default 0.8, our choice: what runs
    /// still grows, and cannot be taken back; 0.05 to 1.
    pub memory_target: f64,
    /// The fraction of the processors above which the limit falls. Default 0.9, our choice: the event loop
    /// needs its share too; 0.05 to 1.
    pub cpu_target: f64,
}

impl Default for AdaptiveSettings {
    fn default() -> Self {
        AdaptiveSettings {
            mode: Mode::default(),
            min: 1,
            max: 32,
            initial: None,
            window: Duration::from_secs(1),
            least_samples: 10,
            smoothing: 0.2,
            tolerance: 1.5,
            long_windows: 600,
            backoff_ratio: 0.7,
            overload_share: 0.1,
            timeout: None,
            hold_windows: 2,
            probe_windows: 60,
            ramp: Duration::from_millis(50),
            memory_target: 0.8,
            cpu_target: 0.9,
        }
    }
}

impl AdaptiveSettings {
    /// The settings with every value in its range, and defaults for what is not a number.
    #[must_use]
    pub fn sane(self) -> Self {
        let default = AdaptiveSettings::default();
        let min = self.min.max(1);
        let max = self.max.max(min);
        AdaptiveSettings {
            min,
            max,
            initial: self.initial.map(|initial| initial.clamp(min, max)),
            window: self.window.max(Duration::from_millis(1)),
            least_samples: self.least_samples.max(1),
            smoothing: share(self.smoothing, 0.01, 1.0, default.smoothing),
            tolerance: share(self.tolerance, 1.0, 100.0, default.tolerance),
            long_windows: self.long_windows.clamp(16, 100_000),
            backoff_ratio: share(self.backoff_ratio, 0.1, 0.95, default.backoff_ratio),
            overload_share: share(self.overload_share, 0.0, 1.0, default.overload_share),
            memory_target: share(self.memory_target, 0.05, 1.0, default.memory_target),
            cpu_target: share(self.cpu_target, 0.05, 1.0, default.cpu_target),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(AdaptiveSettings::default().sane(), AdaptiveSettings::default());
    }

    #[test]
    fn values_out_of_range_are_brought_into_it() {
        let sane = AdaptiveSettings {
            min: 0,
            max: 0,
            initial: Some(7),
            window: Duration::ZERO,
            least_samples: 0,
            smoothing: f64::NAN,
            tolerance: f64::INFINITY,
            long_windows: 0,
            backoff_ratio: -1.0,
            overload_share: f64::NEG_INFINITY,
            memory_target: 7.0,
            cpu_target: f64::NAN,
            ..AdaptiveSettings::default()
        }
        .sane();
        assert_eq!((sane.min, sane.max, sane.initial), (1, 1, Some(1)));
        assert_eq!((sane.window, sane.least_samples), (Duration::from_millis(1), 1));
        assert_eq!((sane.smoothing, sane.tolerance, sane.long_windows), (0.2, 100.0, 16));
        assert_eq!((sane.backoff_ratio, sane.overload_share), (0.1, 0.0));
        assert_eq!((sane.memory_target, sane.cpu_target), (1.0, 0.9));
    }
}
