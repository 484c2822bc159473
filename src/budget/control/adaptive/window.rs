//! The calls that ended within one window, in a fixed amount of memory.

use super::super::Outcome;

/// Latencies kept of a window; a power of two, so that thinning out by two keeps them evenly spread.
const KEPT: usize = 64;

/// What is known of the window that is filling.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// When it began, in nanoseconds of time in which something ran.
    opened: Option<u64>,
    calls: u32,
    successes: u32,
    overloads: u32,
    peak: u32,
    kept: [u64; KEPT],
    length: usize,
    /// Every how many successes one latency is kept.
    stride: u32,
    until_next: u32,
}

/// What a window says once it is closed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    /// The median latency of what succeeded, in nanoseconds and at least 1; of a spread sample of 32 to 64
    /// calls where there were more.
    pub(super) median: Option<f64>,
    /// Calls that ended.
    pub(super) calls: u32,
    /// Of these, successes.
    pub(super) successes: u32,
    /// Of these, timeouts and failures as slow as timeouts.
    pub(super) overloads: u32,
    /// The most that ran at once.
    pub(super) peak: u32,
}

impl Window {
    pub(super) fn new() -> Self {
        Window {
            opened: None,
            calls: 0,
            successes: 0,
            overloads: 0,
            peak: 0,
            kept: [0; KEPT],
            length: 0,
            stride: 1,
            until_next: 1,
        }
    }

    /// Nothing ran for so long: the window lasts so much longer.
    pub(super) fn idle(&mut self, gap: u64) {
        self.opened = self.opened.map(|opened| opened.saturating_add(gap));
    }

    #[inline]
    pub(super) fn add(&mut self, outcome: Outcome, latency: u64, in_flight: u32, now: u64) {
        self.opened.get_or_insert(now);
        self.calls = self.calls.saturating_add(1);
        self.peak = self.peak.max(in_flight);
        match outcome {
            Outcome::Ok => {
                self.successes = self.successes.saturating_add(1);
                self.keep(latency);
            }
            Outcome::Error => {}
            Outcome::TimedOut => self.overloads = self.overloads.saturating_add(1),
        }
    }

    fn keep(&mut self, latency: u64) {
        self.until_next -= 1;
        if self.until_next > 0 {
            return;
        }
        if self.length == KEPT {
            for index in 0..KEPT / 2 {
                self.kept[index] = self.kept[index * 2 + 1];
            }
            self.length = KEPT / 2;
            self.until_next = self.stride;
            self.stride = self.stride.saturating_mul(2);
            return;
        }
        self.kept[self.length] = latency;
        self.length += 1;
        self.until_next = self.stride;
    }

    /// Whether it has lasted long enough and seen enough.
    #[inline]
    pub(super) fn is_due(&self, now: u64, length: u64, least_samples: u32) -> bool {
        self.calls >= least_samples
            && self.opened.is_some_and(|opened| now.saturating_sub(opened) >= length)
    }

    /// What it says; the next one is empty.
    pub(super) fn close(&mut self) -> Summary {
        let summary = Summary {
            median: self.median(),
            calls: self.calls,
            successes: self.successes,
            overloads: self.overloads,
            peak: self.peak,
        };
        *self = Window::new();
        summary
    }

    fn median(&mut self) -> Option<f64> {
        let kept = self.kept.get_mut(..self.length)?;
        if kept.is_empty() {
            return None;
        }
        let (_, median, _) = kept.select_nth_unstable((kept.len() - 1) / 2);
        Some((*median).max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_when_it_is_old_enough_and_full_enough() {
        let mut window = Window::new();
        assert!(!window.is_due(u64::MAX, 100, 2));
        window.add(Outcome::Ok, 5, 1, 1000);
        assert!(!window.is_due(5000, 100, 2), "one call is not two");
        window.add(Outcome::Error, 5, 1, 1001);
        assert!(!window.is_due(1099, 100, 2));
        assert!(window.is_due(1100, 100, 2));
        window.idle(50);
        assert!(!window.is_due(1149, 100, 2), "time in which nothing ran does not count");
        assert!(window.is_due(1150, 100, 2));
    }

    #[test]
    fn only_successes_make_the_median() {
        let mut window = Window::new();
        for latency in [10, 30, 20] {
            window.add(Outcome::Ok, latency, 4, 0);
        }
        window.add(Outcome::Error, 1, 6, 0);
        window.add(Outcome::TimedOut, 9000, 2, 0);
        assert_eq!(
            window.close(),
            Summary { median: Some(20.0), calls: 5, successes: 3, overloads: 1, peak: 6 }
        );
        assert_eq!(
            window.close(),
            Summary { median: None, calls: 0, successes: 0, overloads: 0, peak: 0 }
        );
    }

    #[test]
    fn the_median_of_a_million_calls_is_that_of_an_even_spread_of_them() {
        let mut window = Window::new();
        for latency in 0..1_000_000 {
            window.add(Outcome::Ok, latency, 1, 0);
        }
        let median = window.close().median.unwrap();
        assert!((450_000.0..550_000.0).contains(&median), "{median}");
    }

    #[test]
    fn no_latency_at_all_counts_as_one_nanosecond() {
        let mut window = Window::new();
        window.add(Outcome::Ok, 0, 1, 0);
        assert_eq!(window.close().median, Some(1.0));
    }
}
