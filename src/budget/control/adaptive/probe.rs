//! When to run a window at half the limit.
//!
//! A lane that is overloaded from its first call on has never seen how quick it could be; its latency is
//! steady, and no baseline tells. So now and then fewer run for a window, as BBR lets its queue run empty
//! (ProbeRTT, Cardwell et al. 2016), and the minimum learns of it.

use super::change::Change;

/// Windows before the first probe, and before the next after one that found calls much quicker: long enough
/// for the limit to settle.
const SOON: u32 = 10;

/// A probe under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) limit: f64,
    pub(super) change: Change,
}

/// The schedule of probes.
#[derive(Debug, Clone)]
pub(super) struct Probes {
    every: u32,
    left: u32,
    running: Option<Probe>,
}

impl Probes {
    /// A probe every so many windows; 0 for never.
    pub(super) fn every(windows: u32) -> Self {
        Probes { every: windows, left: windows.min(SOON), running: None }
    }

    pub(super) fn running(&self) -> Option<&Probe> {
        self.running.as_ref()
    }

    /// Counts a window down, and gives whether it is time.
    pub(super) fn is_due(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.every > 0 && self.left == 0
    }

    pub(super) fn start(&mut self, limit: f64, change: Change) {
        self.running = Some(Probe { limit, change });
    }

    /// Ends the probe, if one runs; `again_soon` if it found what more probing may find more of.
    pub(super) fn end(&mut self, again_soon: bool) {
        if self.running.take().is_some() {
            self.left = if again_soon { self.every.min(SOON) } else { self.every };
        }
    }
}
