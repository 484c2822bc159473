//! Whether a lane that keeps failing is called at all.
//!
//! # What it promises
//!
//! - **Closed**, calls run and are counted; when enough of them in the window failed, or were slow, it opens.
//! - **Open**, every call is refused at once with [`Refusal::BreakerOpen`], until `open_for` is over; each
//!   opening that follows without a closing between doubles that, up to `open_for_max`.
//! - **Half-open**, at most `half_open_calls` probes run; when they have all reported, or enough of them
//!   failed already, it closes or opens again.
//! - A result counts only in the state its call was let in by: what ends late neither closes nor opens
//!   anything, and is counted as late.
//! - Fixed memory: ten buckets of counts. Calls are counted when they end.
//!
//! # Limits
//!
//! A probe holds its place until it is reported with [`CircuitBreaker::record`] or given back with
//! [`CircuitBreaker::abandon`]; a [`Permit`] that is merely dropped would hold it until the breaker is reset.
//!
//! # Sources
//!
//! The pattern: Nygard, *Release It!* (2007), chapter 5. Rates over a minimum of calls, slow calls, a counted
//! number of probes and the rates judging them: resilience4j's `CircuitBreaker`, whose time-based window has
//! a bucket a second; here there are ten whatever its length. From it are also the failure rate of 50 %, the
//! slow rate of 100 % and the 60 s it stays open. Its window of 100 calls and ten probes are meant for
//! services called many times a second; for worker calls of seconds to minutes the defaults are lower.
//!
//! # Example
//!
//! ```
//! use plimsoll::budget::control::Outcome;
//! use plimsoll::budget::control::breaker::{BreakerSettings, CircuitBreaker, State};
//! use std::time::Duration;
//!
//! let mut breaker = CircuitBreaker::new(BreakerSettings::default());
//! let now = Duration::from_secs(1);
//! for _ in 0..10 {
//!     let permit = breaker.allow(now).unwrap();
//!     breaker.record(permit, Outcome::Error, Duration::from_millis(3), now);
//! }
//! assert_eq!(breaker.state(now), State::Open);
//! assert!(breaker.allow(now).is_err());
//! assert_eq!(breaker.retry_at(), Some(Duration::from_secs(61)));
//! ```

mod settings;
mod tally;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use settings::BreakerSettings;

use super::{Outcome, nanoseconds};
use crate::budget::refusal::Refusal;
use std::time::Duration;
use tally::{Ring, Tally};

/// What a breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It lets them run.
    Closed,
    /// It refuses them.
    Open,
    /// It lets a few run, to see.
    HalfOpen,
}

impl State {
    /// The stable name, as users and metrics see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half_open",
        }
    }
}

/// Leave for one call. It goes back with [`CircuitBreaker::record`] or [`CircuitBreaker::abandon`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a probe's permit that never goes back keeps its place"]
pub struct Permit {
    epoch: u64,
    is_probe: bool,
}

impl Permit {
    /// Whether the call is one of the few a half-open breaker lets run.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }
}

/// What a breaker has been through, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BreakerCounts {
    /// Closed to open.
    pub opened: u64,
    /// Open to half-open.
    pub half_opened: u64,
    /// Half-open to open.
    pub reopened: u64,
    /// Half-open to closed.
    pub closed: u64,
    /// Set back to closed by hand.
    pub reset: u64,
    /// Calls refused.
    pub refused: u64,
    /// Results that came after the state their calls were let in by.
    pub late: u64,
    /// Permits given back without a result.
    pub abandoned: u64,
}

#[derive(Debug, Clone)]
enum Phase {
    Closed(Ring),
    Open { until: u64 },
    HalfOpen { running: u32, done: Tally },
}

/// The breaker of one lane.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    settings: BreakerSettings,
    phase: Phase,
    /// Grows with every change of state: results of another epoch are late.
    epoch: u64,
    /// Openings since it was last closed.
    openings: u32,
    now: u64,
    counts: BreakerCounts,
}

impl CircuitBreaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        let settings = settings.sane();
        CircuitBreaker {
            settings,
            phase: Phase::Closed(Ring::over(nanoseconds(settings.window))),
            epoch: 0,
            openings: 0,
            now: 0,
            counts: BreakerCounts::default(),
        }
    }

    /// Lets a call run, or not.
    ///
    /// # Errors
    ///
    /// [`Refusal::BreakerOpen`]: it is open, or half-open with all its probes given out. Ask again at
    /// [`CircuitBreaker::retry_at`], if there is such a time.
    #[inline]
    pub fn allow(&mut self, now: Duration) -> Result<Permit, Refusal> {
        let now = self.advance(now);
        if let Phase::Open { until } = self.phase
            && now >= until
        {
            self.counts.half_opened = self.counts.half_opened.saturating_add(1);
            self.enter(Phase::HalfOpen { running: 0, done: Tally::default() });
        }
        match &mut self.phase {
            Phase::Closed(_) => Ok(Permit { epoch: self.epoch, is_probe: false }),
            Phase::HalfOpen { running, done }
                if running.saturating_add(done.calls) < self.settings.half_open_calls =>
            {
                *running += 1;
                Ok(Permit { epoch: self.epoch, is_probe: true })
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => {
                self.counts.refused = self.counts.refused.saturating_add(1);
                Err(Refusal::BreakerOpen)
            }
        }
    }

    /// A call that was let in ended so, after `duration`.
    #[inline]
    pub fn record(&mut self, permit: Permit, outcome: Outcome, duration: Duration, now: Duration) {
        let now = self.advance(now);
        if permit.epoch != self.epoch {
            self.counts.late = self.counts.late.saturating_add(1);
            return;
        }
        let is_failed = outcome != Outcome::Ok;
        let is_slow = self.settings.slow_call.is_some_and(|slow| duration >= slow);
        match &mut self.phase {
            Phase::Closed(ring) => {
                let tally = ring.add(is_failed, is_slow, now);
                if tally.calls >= self.settings.minimum_calls && self.settings.is_bad(tally) {
                    self.counts.opened = self.counts.opened.saturating_add(1);
                    self.open(now);
                }
            }
            Phase::HalfOpen { running, done } => {
                *running = running.saturating_sub(1);
                done.add(is_failed, is_slow);
                let done = *done;
                self.judge_probes(done, now);
            }
            // Nothing is let in while it is open, so no permit is of this epoch.
            Phase::Open { .. } => {}
        }
    }

    /// A call that was let in will not report: it was cancelled, or lost. Its place is free again.
    pub fn abandon(&mut self, permit: Permit) {
        self.counts.abandoned = self.counts.abandoned.saturating_add(1);
        if permit.epoch == self.epoch
            && let Phase::HalfOpen { running, .. } = &mut self.phase
        {
            *running = running.saturating_sub(1);
        }
    }

    /// What a call would meet now: an open breaker whose time is over is half-open.
    #[must_use]
    pub fn state(&self, now: Duration) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open { until } if self.now.max(nanoseconds(now)) < until => State::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// When the next probe may run; none while it is closed, or half-open.
    #[must_use]
    pub fn retry_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Open { until } => Some(Duration::from_nanos(until)),
            Phase::Closed(_) | Phase::HalfOpen { .. } => None,
        }
    }

    /// What it has been through.
    #[must_use]
    pub fn counts(&self) -> BreakerCounts {
        self.counts
    }

    /// Closes it by hand: the operator knows that the trouble is over. Calls that still run are late.
    pub fn reset(&mut self) {
        self.counts.reset = self.counts.reset.saturating_add(1);
        self.close();
    }

    #[inline]
    fn advance(&mut self, now: Duration) -> u64 {
        self.now = self.now.max(nanoseconds(now));
        self.now
    }

    fn judge_probes(&mut self, done: Tally, now: u64) {
        // The rest can no longer save it: as many good ones as are still to come would not be enough.
        let all = Tally { calls: self.settings.half_open_calls, ..done };
        if self.settings.is_bad(all) {
            self.counts.reopened = self.counts.reopened.saturating_add(1);
            self.open(now);
        } else if done.calls >= self.settings.half_open_calls {
            self.counts.closed = self.counts.closed.saturating_add(1);
            self.close();
        }
    }

    fn open(&mut self, now: u64) {
        let doubled = 1_u32.checked_shl(self.openings).unwrap_or(u32::MAX);
        self.openings = self.openings.saturating_add(1);
        let open_for =
            self.settings.open_for.saturating_mul(doubled).min(self.settings.open_for_max);
        self.enter(Phase::Open { until: now.saturating_add(nanoseconds(open_for)) });
    }

    fn close(&mut self) {
        self.openings = 0;
        self.enter(Phase::Closed(Ring::over(nanoseconds(self.settings.window))));
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }
}
