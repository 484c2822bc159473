//! What the latencies of one window say about the limit.

use super::baseline::{Average, Minimum};
use super::settings::AdaptiveSettings;
use super::trend::Trend;

/// The least gradient: no window takes more than half away (`Gradient2Limit`).
const LEAST_GRADIENT: f64 = 0.5;
/// The weight of one window in the estimate of noise.
const NOISE_WEIGHT: f64 = 0.1;
/// The mean distance of second differences of independent normal values, in standard deviations: √6 · √(2/π).
const SECOND_DIFFERENCE: f64 = 1.954_41;
/// Standard deviations of noise the tolerance over the minimum is widened by.
const NOISE_BAND: f64 = 3.0;
/// The logarithm of 4: the most noise can widen it by.
const WIDEST: f64 = 1.386_294;
/// Windows without relief, at half the limit, after which the latency is taken for the new usual one.
const PATIENCE: u32 = 5;
/// How much of the latency it began with counts as no relief.
const NO_RELIEF: f64 = 0.9;
/// How many times the tolerated latency a failure must take to count as a timeout.
const SLOW_FAILURE: f64 = 4.0;

/// What a window's latencies say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// Usual.
    Steady,
    /// More than tolerated: keep this share of the limit, before smoothing.
    Risen(f64),
    /// Rising slowly, window after window.
    Drifting,
}

/// The limit and the latency a time of falling began with.
#[derive(Debug, Clone, Copy)]
struct Fall {
    limit: f64,
    latency: f64,
    without_relief: u32,
}

/// What is remembered of the windows so far.
#[derive(Debug, Clone)]
pub(super) struct Latency {
    average: Average,
    minimum: Minimum,
    trend: Trend,
    /// The last two logarithms of medians, the later first.
    last: [f64; 2],
    seen: u32,
    noise: f64,
    fall: Option<Fall>,
    slow_failure: u64,
}

impl Latency {
    pub(super) fn new(settings: &AdaptiveSettings) -> Self {
        Latency {
            average: Average::over(settings.long_windows),
            minimum: Minimum::over(settings.long_windows),
            trend: Trend::default(),
            last: [0.0; 2],
            seen: 0,
            noise: 0.0,
            fall: None,
            slow_failure: u64::MAX,
        }
    }

    /// Whether any window had a success.
    pub(super) fn is_known(&self) -> bool {
        self.seen > 0
    }

    /// Nanoseconds from which on a failure counts as a timeout; the most there are while nothing is known.
    #[inline]
    pub(super) fn slow_failure(&self) -> u64 {
        self.slow_failure
    }

    /// Judges the median of one window, in nanoseconds and at least 1, under a limit of `limit`.
    pub(super) fn judge(
        &mut self,
        median: f64,
        limit: f64,
        settings: &AdaptiveSettings,
    ) -> Verdict {
        let average = self.average.add(median);
        let minimum = self.minimum.add(median);
        let logarithm = median.ln();
        let widened = settings.tolerance * self.noise(logarithm);
        self.set_slow_failure(average.max(minimum * widened) * settings.tolerance * SLOW_FAILURE);
        let drifting = self.trend.rises(logarithm);
        let gradient = (settings.tolerance * average / median).min(widened * minimum / median);
        let verdict = if gradient < 1.0 {
            Verdict::Risen(gradient.max(LEAST_GRADIENT))
        } else if drifting {
            self.trend.forget();
            Verdict::Drifting
        } else {
            Verdict::Steady
        };
        self.resign(verdict, median, limit, settings)
    }

    /// Takes in the median of a window with fewer calls than the limit allows. Gives whether they were
    /// quicker than the last ones by more than is tolerated: then more probing may find more.
    pub(super) fn probe(&mut self, median: f64, settings: &AdaptiveSettings) -> bool {
        self.minimum.add(median);
        median.ln() + settings.tolerance.ln() < self.last[0]
    }

    /// What noise widens the tolerance over the minimum by, at least 1.
    ///
    /// A lane with calls of very different length has medians that scatter, and the least of many is far
    /// below the usual one; without this its limit would fall to the minimum for nothing. Second
    /// differences, because a steady drift leaves none.
    fn noise(&mut self, logarithm: f64) -> f64 {
        let [last, before] = self.last;
        if self.seen >= 2 {
            let scatter = (logarithm - 2.0 * last + before).abs() / SECOND_DIFFERENCE;
            self.noise += (scatter - self.noise) * NOISE_WEIGHT;
        }
        self.last = [logarithm, last];
        self.seen = self.seen.saturating_add(1);
        (self.noise * NOISE_BAND).min(WIDEST).exp()
    }

    fn set_slow_failure(&mut self, latency: f64) {
        self.slow_failure = latency as u64;
    }

    /// Takes a latency for the usual one when half the limit has not made it better.
    ///
    /// Then the limit is not what it comes from, and to fall further would cost throughput for nothing.
    fn resign(
        &mut self,
        verdict: Verdict,
        median: f64,
        limit: f64,
        settings: &AdaptiveSettings,
    ) -> Verdict {
        if verdict == Verdict::Steady {
            self.fall = None;
            return verdict;
        }
        let fall = self.fall.get_or_insert(Fall { limit, latency: median, without_relief: 0 });
        let is_halved = limit <= (fall.limit / 2.0).max(f64::from(settings.min));
        let is_relieved = median < fall.latency * NO_RELIEF;
        fall.without_relief = if is_halved && !is_relieved { fall.without_relief + 1 } else { 0 };
        if fall.without_relief < PATIENCE {
            return verdict;
        }
        self.average.restart(median);
        self.minimum.restart(median);
        self.trend.forget();
        self.fall = None;
        Verdict::Steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency() -> (Latency, AdaptiveSettings) {
        let settings = AdaptiveSettings::default();
        (Latency::new(&settings), settings)
    }

    #[test]
    fn within_the_tolerance_all_is_steady_and_beyond_it_the_gradient_is_the_share_to_keep() {
        let (mut latency, settings) = latency();
        for _ in 0..50 {
            assert_eq!(latency.judge(100.0, 8.0, &settings), Verdict::Steady);
        }
        assert_eq!(latency.judge(149.0, 8.0, &settings), Verdict::Steady);
        let Verdict::Risen(gradient) = latency.judge(240.0, 8.0, &settings) else {
            panic!("240 is not within 1.5 of 100");
        };
        assert!((0.6..0.85).contains(&gradient), "{gradient}");
        assert_eq!(latency.judge(1e15, 8.0, &settings), Verdict::Risen(0.5));
    }

    #[test]
    fn where_the_medians_scatter_the_minimum_is_tolerant_and_the_average_sees_trouble() {
        let (mut latency, settings) = latency();
        for window in 0..100 {
            let median = if window % 2 == 0 { 50.0 } else { 100.0 };
            let verdict = latency.judge(median, 8.0, &settings);
            // How much they scatter must be learned first.
            assert!(window < 20 || verdict == Verdict::Steady, "twice the minimum, {window}");
        }
        assert!(
            matches!(latency.judge(160.0, 8.0, &settings), Verdict::Risen(_)),
            "twice the average"
        );
    }

    #[test]
    fn latency_that_half_the_limit_does_not_better_is_the_new_usual_one() {
        let (mut latency, settings) = latency();
        for _ in 0..50 {
            latency.judge(100.0, 16.0, &settings);
        }
        for _ in 0..20 {
            assert!(matches!(latency.judge(400.0, 16.0, &settings), Verdict::Risen(_)));
        }
        for _ in 0..4 {
            assert!(matches!(latency.judge(400.0, 8.0, &settings), Verdict::Risen(_)));
        }
        assert_eq!(latency.judge(400.0, 8.0, &settings), Verdict::Steady);
        assert_eq!(latency.judge(400.0, 8.0, &settings), Verdict::Steady);
    }

    #[test]
    fn latency_that_falls_with_the_limit_is_not_taken_for_usual() {
        let (mut latency, settings) = latency();
        for _ in 0..50 {
            latency.judge(100.0, 16.0, &settings);
        }
        assert!(matches!(latency.judge(800.0, 16.0, &settings), Verdict::Risen(_)));
        for _ in 0..50 {
            assert!(matches!(latency.judge(400.0, 8.0, &settings), Verdict::Risen(_)));
        }
    }
}
