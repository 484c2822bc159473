//! How the limit moves: up a step, down by a ratio, down and back for a probe.

use super::change::{Change, Reason};
use super::window::Summary;
use super::{AdaptiveLimit, nanoseconds};
use std::time::Duration;

impl AdaptiveLimit {
    /// Half the limit for the calls started from now on, if that is less.
    pub(super) fn start_probe(&mut self, now: u64) -> Option<Change> {
        let half = (self.limit() / 2).max(self.settings.min);
        if half == self.limit() {
            return None;
        }
        let at = Duration::from_nanos(now);
        let change = Change { reason: Reason::Probing, from: self.limit(), to: half, at };
        self.probes.start(f64::from(half), change);
        self.drain();
        self.counts.probes = self.counts.probes.saturating_add(1);
        Some(change)
    }

    pub(super) fn end_probe(&mut self, summary: Summary, now: u64) -> Option<Change> {
        let from = self.limit();
        let is_quicker =
            summary.median.is_some_and(|median| self.latency.probe(median, &self.settings));
        self.probes.end(is_quicker);
        // No ramp: these places were in use a window ago.
        Some(Change {
            reason: Reason::ProbeEnded,
            from,
            to: self.limit(),
            at: Duration::from_nanos(now),
        })
    }

    pub(super) fn is_used(&self, peak: u32) -> bool {
        u64::from(peak) * 2 >= u64::from(self.limit())
    }

    pub(super) fn after_windows(&self, now: u64, windows: u32) -> u64 {
        let length = nanoseconds(self.settings.window).saturating_mul(u64::from(windows));
        now.saturating_add(length)
    }

    pub(super) fn rise(&mut self, reason: Reason, now: u64) -> Option<Change> {
        let step = (self.settings.smoothing * self.limit.sqrt()).max(1.0);
        self.change_to(self.limit + step, reason, now)
    }

    /// The limit as a number: while a probe runs, the probe's.
    pub(super) fn in_force(&self) -> f64 {
        self.probes.running().map_or(self.limit, |probe| probe.limit)
    }

    /// Passes over as many calls as run now. Not those that were started before now: what is left of the
    /// next window then would be the short ones among the new.
    pub(super) fn drain(&mut self) {
        self.draining = self.still_running.min(self.settings.max);
    }

    pub(super) fn back_off(&mut self, reason: Reason, now: u64) -> Option<Change> {
        // Trouble under a probe is trouble under half the limit.
        let (from, limit) = (self.limit(), self.in_force());
        self.probes.end(false);
        self.drain();
        self.hold = self.settings.hold_windows;
        self.next_fall = self.after_windows(now, 1);
        self.next_rise = self.after_windows(now, self.hold);
        self.change_from(from, limit * self.settings.backoff_ratio, reason, now)
    }

    pub(super) fn change_to(&mut self, target: f64, reason: Reason, now: u64) -> Option<Change> {
        self.change_from(self.limit(), target, reason, now)
    }

    pub(super) fn change_from(
        &mut self,
        from: u32,
        target: f64,
        reason: Reason,
        now: u64,
    ) -> Option<Change> {
        self.limit = target.clamp(f64::from(self.settings.min), f64::from(self.settings.max));
        let to = self.limit();
        if to == from {
            return None;
        }
        if to > from {
            self.ramp.rose(to - from);
            self.counts.rises = self.counts.rises.saturating_add(1);
        } else {
            self.ramp.fell(from - to);
            self.counts.falls = self.counts.falls.saturating_add(1);
        }
        self.change = Change { reason, from, to, at: Duration::from_nanos(now) };
        Some(self.change)
    }
}
