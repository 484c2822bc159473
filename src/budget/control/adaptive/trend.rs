//! Whether latency rises window after window.
//!
//! The Mann–Kendall test (Mann 1945, Kendall 1955) on the logarithms of the last nine medians: of the 36
//! pairs, how many rise less how many fall. Without a trend, 28 or more comes about once in 800 windows; to
//! count, the rise must also be a tenth from the first two windows to the last two. Nine windows see a drift
//! of 1.4 % a window; what is slower than that meets the minimum of the baseline in the end.

/// Windows looked at.
pub(super) const WINDOWS: usize = 9;
/// Rising pairs less falling pairs from which on it is a trend.
const RISING: i32 = 28;
/// The logarithm of 1.1: the least rise that counts.
const LEAST_RISE: f64 = 0.095_310_18;

/// The last medians, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Trend {
    logarithms: [f64; WINDOWS],
    length: usize,
}

impl Trend {
    /// Takes one window in and says whether latency rises.
    pub(super) fn rises(&mut self, logarithm: f64) -> bool {
        if self.length == WINDOWS {
            self.logarithms.rotate_left(1);
            self.length -= 1;
        }
        self.logarithms[self.length] = logarithm;
        self.length += 1;
        self.length == WINDOWS && self.is_monotone() && self.rise() >= LEAST_RISE
    }

    pub(super) fn forget(&mut self) {
        self.length = 0;
    }

    fn is_monotone(&self) -> bool {
        let mut balance = 0;
        for (index, earlier) in self.logarithms.iter().enumerate() {
            for later in &self.logarithms[index + 1..] {
                balance += i32::from(later > earlier) - i32::from(later < earlier);
            }
        }
        balance >= RISING
    }

    fn rise(&self) -> f64 {
        let [first, second, .., last_but_one, last] = self.logarithms;
        (last_but_one + last - first - second) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_at(latencies: impl Iterator<Item = f64>) -> Option<usize> {
        let mut trend = Trend::default();
        latencies.map(f64::ln).position(|logarithm| trend.rises(logarithm))
    }

    #[test]
    fn a_drift_of_one_and_a_half_percent_a_window_is_seen_in_the_ninth() {
        assert_eq!(found_at((0..100).map(|window| 100.0 * 1.015_f64.powi(window))), Some(8));
    }

    #[test]
    fn a_steady_latency_a_falling_one_and_a_single_jump_are_no_trend() {
        assert_eq!(found_at((0..100).map(|_| 100.0)), None);
        assert_eq!(found_at((0..100).map(|window| 100.0 * 0.95_f64.powi(window))), None);
        assert_eq!(found_at((0..100).map(|window| if window < 50 { 100.0 } else { 300.0 })), None);
    }

    #[test]
    fn a_drift_is_seen_through_noise_of_its_own_size() {
        let noisy =
            |window: i32| 100.0 * 1.05_f64.powi(window) * if window % 3 == 0 { 1.05 } else { 1.0 };
        assert!(found_at((0..30).map(noisy)).unwrap() < 15);
    }
}
