//! How many calls of a lane may run at once, found by watching what they do.
//!
//! # What it promises
//!
//! - The limit is between `min` and `max` whatever is reported, and a number.
//! - It falls within ten windows when every call takes exactly its timeout, although latency is then
//!   perfectly steady, and when latency drifts up so slowly that any average follows.
//! - It does not grow while it is not used, nor for time in which nothing runs; one slow call, or one call
//!   in ten that times out, does not move it.
//! - After the trouble it is back at nine tenths of `max` after at most `max - min + hold_windows` windows in
//!   which it is used and not probed: it rises by one a window, by `smoothing × √limit` where that is more.
//!
//! # How
//!
//! Once a window the **median** of what succeeded is held against two baselines, a long average and a
//! minimum over the same horizon; beyond the tolerance the limit falls with the gradient. Latency that rises
//! window after window within the tolerance, too many timeouts, and memory or processors over their targets
//! make it fall by `backoff_ratio`, once for the calls then running: what was started under the old limit
//! says nothing of the new one. Otherwise, if at least half of it was in use, it rises. Every sixty windows
//! one is run at half the limit, so that the minimum is one of a lane that is not overloaded.
//!
//! Failures that are quick say nothing of load and count neither way; failures that took several times the
//! tolerated latency count as timeouts, and so does everything while nothing has ever succeeded.
//!
//! # Limits
//!
//! - A lane that ends fewer than `least_samples` calls is not judged by latency, however long that takes.
//! - Latency is all it sees: a lane whose calls slow each other down beyond the tolerance long before any
//!   resource is short is held where they do not. A change that half the limit does not better is taken for
//!   the new usual latency after five windows, and the limit rises again.
//! - Calls of very different length widen the tolerance over the minimum, up to fourfold, by how much the
//!   medians scatter; what is then left to see trouble by is the average, and timeouts.
//! - Drifts below 1.4 % a window are seen only when they leave the tolerance within the horizon.
//!
//! # Sources
//!
//! `Gradient2Limit` and `WindowedLimit` of Netflix's concurrency-limits (window, tolerance, long average,
//! least gradient, no growth below half use); TCP Vegas (Brakmo and Peterson 1994) and BBR (Cardwell et al.
//! 2016) for the minimum and the probes; AIMD (Chiu and Jain 1989) for rising by steps and falling by a ratio; NewReno
//! (RFC 6582) for one backoff for what is under way. Two things differ from `Gradient2Limit` on purpose: its allowance
//! of four queued calls is added in every window, which for a lane of four to eight outweighs any
//! gradient, so here nothing is added in a window that falls; and it takes the mean, which one call can move.
//!
//! # Example
//!
//! ```
//! use plimsoll::budget::control::Outcome;
//! use plimsoll::budget::control::adaptive::{AdaptiveLimit, AdaptiveSettings, Sample};
//! use std::time::Duration;
//!
//! let mut lane = AdaptiveLimit::new(AdaptiveSettings { max: 8, ..AdaptiveSettings::default() });
//! for second in 1..=20 {
//!     for _ in 0..8 {
//!         lane.observe(Sample {
//!             latency: Duration::from_secs(1),
//!             in_flight: 8,
//!             outcome: Outcome::TimedOut,
//!             now: Duration::from_secs(second),
//!         });
//!     }
//! }
//! assert!(lane.limit() < 8);
//! assert_eq!(lane.explain().reason.name(), "calls_timed_out");
//! ```

mod baseline;
mod change;
mod latency;
mod moves;
mod pressure;
mod probe;
mod ramp;
mod report;
mod settings;
mod trend;
mod window;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod resource_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod trace_tests;

pub use change::{Change, Reason};
pub use report::{Counts, Resources, Sample};
pub use settings::{AdaptiveSettings, Mode};

use super::{Outcome, nanoseconds};
use latency::{Latency, Verdict};
use pressure::{Level, Pressure};
use probe::Probes;
use ramp::Ramp;
use std::time::Duration;
use window::{Summary, Window};

/// Windows after which a reading of memory and processors is too old to allow a rise.
const STALE_WINDOWS: u64 = 10;

/// The limit of one lane.
#[derive(Debug, Clone)]
pub struct AdaptiveLimit {
    settings: AdaptiveSettings,
    limit: f64,
    window: Window,
    latency: Latency,
    pressure: Pressure,
    ramp: Ramp,
    probes: Probes,
    /// The latest time seen.
    now: u64,
    /// When the last call ended, and how many still ran then.
    last_end: u64,
    still_running: u32,
    /// Calls that are still to end before what ends is of the limit as it is now.
    draining: u32,
    /// Windows left without a rise.
    hold: u32,
    /// The most that ran at once since resources were last judged, and when they may move the limit again.
    peak: u32,
    next_fall: u64,
    next_rise: u64,
    change: Change,
    counts: Counts,
}

impl AdaptiveLimit {
    /// A limit that starts at `initial`, or at `max`.
    #[must_use]
    pub fn new(settings: AdaptiveSettings) -> Self {
        let settings = settings.sane();
        let initial = settings.initial.unwrap_or(settings.max);
        AdaptiveLimit {
            settings,
            limit: f64::from(initial),
            window: Window::new(),
            latency: Latency::new(&settings),
            pressure: Pressure::default(),
            ramp: Ramp::new(nanoseconds(settings.ramp)),
            probes: Probes::every(settings.probe_windows),
            now: 0,
            last_end: 0,
            still_running: 0,
            draining: 0,
            hold: 0,
            peak: 0,
            next_fall: 0,
            next_rise: 0,
            change: Change {
                reason: Reason::Initial,
                from: initial,
                to: initial,
                at: Duration::ZERO,
            },
            counts: Counts::default(),
        }
    }

    /// How many may run, between `min` and `max`.
    #[must_use]
    pub fn limit(&self) -> u32 {
        // The sum of many steps of a tenth may end a hair below the whole number it stands for.
        ((self.in_force() + 1e-9) as u32).clamp(self.settings.min, self.settings.max)
    }

    /// Why the limit is what it is: its last change, or the probe under way. A probe that is over is not told.
    #[must_use]
    pub fn explain(&self) -> Change {
        self.probes.running().map_or(self.change, |probe| probe.change)
    }

    /// What it has been through.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the ramp lets another call in now; otherwise how long to wait.
    ///
    /// # Errors
    ///
    /// The time until the next admission.
    pub fn admits_at(&self, now: Duration) -> Result<(), Duration> {
        self.ramp.admits_at(nanoseconds(now))
    }

    /// A call was let in.
    pub fn admitted(&mut self, now: Duration) {
        self.ramp.admitted(nanoseconds(now));
    }

    /// A call ended. Gives the change of the limit, if this made one.
    #[inline]
    pub fn observe(&mut self, sample: Sample) -> Option<Change> {
        let now = self.advance(sample.now);
        self.peak = self.peak.max(sample.in_flight);
        if self.settings.mode == Mode::Resources {
            return None;
        }
        let latency = nanoseconds(sample.latency);
        let started = now.saturating_sub(latency);
        if self.still_running == 0 {
            self.window.idle(started.saturating_sub(self.last_end));
        }
        self.last_end = now;
        self.still_running = sample.in_flight.saturating_sub(1);
        if self.draining > 0 {
            self.draining -= 1;
            self.counts.passed_over = self.counts.passed_over.saturating_add(1);
            return None;
        }
        self.window.add(self.true_outcome(sample, latency), latency, sample.in_flight, now);
        let length = nanoseconds(self.settings.window);
        if self.window.is_due(now, length, self.settings.least_samples) {
            return self.close(now);
        }
        None
    }

    /// Takes readings of memory and processors in. Gives the change of the limit, if this made one.
    pub fn resources(&mut self, reading: Resources) -> Option<Change> {
        if self.settings.mode == Mode::Latency {
            return None;
        }
        let now = self.advance(reading.now);
        self.peak = self.peak.max(reading.in_flight);
        self.still_running = reading.in_flight;
        self.pressure.read(reading.memory, reading.cpu, now);
        match self.level(now) {
            // While more runs than the limit allows, the last fall has not shown what it does.
            Level::Over(reason) if now >= self.next_fall => (1..=self.limit())
                .contains(&reading.in_flight)
                .then(|| self.back_off(reason, now))
                .flatten(),
            Level::Free if self.settings.mode == Mode::Resources && now >= self.next_rise => {
                let is_used = self.is_used(self.peak);
                self.peak = reading.in_flight;
                self.next_rise = self.after_windows(now, 1);
                if is_used { self.rise(Reason::ResourcesFree, now) } else { None }
            }
            _ => None,
        }
    }

    /// Sets other bounds. A limit that stood at its old maximum stands at the new one.
    pub fn set_bounds(&mut self, min: u32, max: u32, now: Duration) -> Option<Change> {
        let now = self.advance(now);
        let before = self.limit();
        self.probes.end(false);
        let was_at_maximum = self.limit() == self.settings.max;
        self.settings = AdaptiveSettings { min, max, ..self.settings }.sane();
        let target = if was_at_maximum { f64::from(self.settings.max) } else { self.limit };
        self.change_from(before, target, Reason::BoundsChanged, now)
    }

    /// A time that is never before an earlier one.
    #[inline]
    fn advance(&mut self, now: Duration) -> u64 {
        self.now = self.now.max(nanoseconds(now));
        self.now
    }

    #[inline]
    fn true_outcome(&self, sample: Sample, latency: u64) -> Outcome {
        let is_too_long = self.settings.timeout.is_some_and(|timeout| sample.latency >= timeout);
        let is_slow_failure =
            sample.outcome == Outcome::Error && latency > self.latency.slow_failure();
        if is_too_long || is_slow_failure { Outcome::TimedOut } else { sample.outcome }
    }

    fn close(&mut self, now: u64) -> Option<Change> {
        let summary = self.window.close();
        self.counts.windows = self.counts.windows.saturating_add(1);
        let may_rise = self.hold == 0;
        self.hold = self.hold.saturating_sub(1);
        if let Some(reason) = self.overload(summary) {
            return self.back_off(reason, now);
        }
        if self.probes.running().is_some() {
            return self.end_probe(summary, now);
        }
        let verdict = self.latency.judge(summary.median?, self.limit, &self.settings);
        if self.probes.is_due() && verdict != Verdict::Drifting && self.is_used(summary.peak) {
            return self.start_probe(now);
        }
        match verdict {
            Verdict::Risen(gradient) => {
                let target = self.limit * (1.0 - self.settings.smoothing * (1.0 - gradient));
                self.change_to(target, Reason::LatencyRisen, now)
            }
            Verdict::Drifting => self.back_off(Reason::LatencyDrifting, now),
            Verdict::Steady
                if may_rise && self.is_used(summary.peak) && self.level(now) == Level::Free =>
            {
                self.rise(Reason::LatencySteady, now)
            }
            Verdict::Steady => None,
        }
    }

    fn overload(&self, summary: Summary) -> Option<Reason> {
        let tolerated = self.settings.overload_share * f64::from(summary.calls);
        if f64::from(summary.overloads) > tolerated {
            Some(Reason::CallsTimedOut)
        } else if summary.successes == 0 && !self.latency.is_known() {
            Some(Reason::NothingSucceeded)
        } else {
            None
        }
    }

    fn level(&self, now: u64) -> Level {
        if self.settings.mode == Mode::Latency {
            return Level::Free;
        }
        let stale = nanoseconds(self.settings.window).saturating_mul(STALE_WINDOWS);
        self.pressure.level(now, stale, &self.settings)
    }
}
