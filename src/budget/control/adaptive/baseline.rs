//! What latency is usual: a long average, and beside it a minimum over the same horizon.
//!
//! The average alone follows whatever happens slowly enough, and what it has followed it takes for usual.
//! The minimum does not move up until nothing as low was seen for the whole horizon. Sources: the long
//! window of `Gradient2Limit` in Netflix's concurrency-limits; the base RTT of TCP Vegas (Brakmo and
//! Peterson 1994: the minimum of all), made to expire as the windowed minimum of BBR does (Cardwell et al.
//! 2016).

/// Windows that count alike before the average becomes exponential (`ExpAvgMeasurement` of Netflix).
const WARM_UP: u32 = 10;

/// An exponential average over many windows.
#[derive(Debug, Clone)]
pub(super) struct Average {
    value: f64,
    seen: u32,
    weight: f64,
}

impl Average {
    pub(super) fn over(windows: u32) -> Self {
        Average { value: 0.0, seen: 0, weight: 2.0 / (f64::from(windows) + 1.0) }
    }

    /// Takes one window in and gives the average.
    pub(super) fn add(&mut self, latency: f64) -> f64 {
        if self.seen < WARM_UP {
            self.seen += 1;
            self.value += (latency - self.value) / f64::from(self.seen);
        } else {
            self.value += (latency - self.value) * self.weight;
        }
        // After long trouble the average comes down faster than it could by its weight, as Netflix's does.
        if self.value > latency * 2.0 {
            self.value *= 0.95;
        }
        self.value
    }

    pub(super) fn restart(&mut self, latency: f64) {
        self.value = latency;
        self.seen = WARM_UP;
    }
}

/// The parts the horizon of the minimum is cut into: it looks back between 7/8 of it and the whole.
const PARTS: usize = 8;

/// The minimum of the last windows.
#[derive(Debug, Clone)]
pub(super) struct Minimum {
    parts: [f64; PARTS],
    current: usize,
    in_current: u32,
    part_length: u32,
}

impl Minimum {
    pub(super) fn over(windows: u32) -> Self {
        Minimum {
            parts: [f64::INFINITY; PARTS],
            current: 0,
            in_current: 0,
            part_length: windows.div_ceil(PARTS as u32).max(1),
        }
    }

    /// Takes one window in and gives the minimum, which is never above it.
    pub(super) fn add(&mut self, latency: f64) -> f64 {
        if self.in_current == self.part_length {
            self.current = (self.current + 1) % PARTS;
            self.parts[self.current] = f64::INFINITY;
            self.in_current = 0;
        }
        self.in_current += 1;
        self.parts[self.current] = self.parts[self.current].min(latency);
        self.parts.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(super) fn restart(&mut self, latency: f64) {
        self.parts = [f64::INFINITY; PARTS];
        self.parts[self.current] = latency;
        self.in_current = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_what_drifts_and_the_minimum_does_not() {
        let (mut average, mut minimum) = (Average::over(20), Minimum::over(600));
        let mut latency = 100.0;
        let (mut mean, mut least) = (0.0, 0.0);
        for _ in 0..100 {
            latency *= 1.01;
            mean = average.add(latency);
            least = minimum.add(latency);
        }
        assert!(mean > latency * 0.85, "{mean} of {latency}");
        assert!((100.0..102.0).contains(&least));
    }

    #[test]
    fn the_minimum_is_forgotten_after_its_horizon_and_not_before_seven_eighths_of_it() {
        let mut minimum = Minimum::over(80);
        minimum.add(1.0);
        let forgotten = (1..=200).find(|_| minimum.add(5.0) > 1.0).unwrap();
        assert!((70..=80).contains(&forgotten), "{forgotten}");
    }

    #[test]
    fn the_average_comes_down_within_thirty_windows_of_the_end_of_trouble() {
        let mut average = Average::over(600);
        for _ in 0..500 {
            average.add(1000.0);
        }
        let windows = (1..).find(|_| average.add(100.0) <= 200.0).unwrap();
        assert!(windows <= 30, "{windows}");
    }
}
