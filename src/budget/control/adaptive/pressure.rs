//! What readings of memory and processors say about the limit.
//!
//! Two targets, as in the resource-based tuner of the Temporal SDK. That one steers with a PID controller
//! from many readings a second; our sampler reads slowly and a running call cannot be taken back, so the
//! limit falls by a ratio and rises by one (AIMD: Chiu and Jain 1989), with a band between in which it stays.

use super::change::Reason;
use super::settings::AdaptiveSettings;

/// How far below its target a reading must be for the limit to rise.
const BAND: f64 = 0.05;
/// The weight of one reading of the processors, which jump; memory does not.
const CPU_WEIGHT: f64 = 0.3;

/// What the readings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// There is room.
    Free,
    /// Near a target, or nobody has read for long: no more than now.
    Near,
    /// Over a target.
    Over(Reason),
}

/// The last readings.
#[derive(Debug, Clone, Default)]
pub(super) struct Pressure {
    memory: Option<f64>,
    cpu: Option<f64>,
    read_at: Option<u64>,
}

impl Pressure {
    /// Takes readings in; what is not a number is taken for not read.
    pub(super) fn read(&mut self, memory: f64, cpu: f64, now: u64) {
        self.memory = Some(memory).filter(|memory| !memory.is_nan());
        let cpu = Some(cpu.clamp(0.0, 1.0)).filter(|cpu| !cpu.is_nan());
        self.cpu = cpu.map(|cpu| self.cpu.map_or(cpu, |last| last + (cpu - last) * CPU_WEIGHT));
        self.read_at = Some(now);
    }

    /// What they say; older than `stale` nanoseconds they forbid to rise, never read they forbid nothing.
    pub(super) fn level(&self, now: u64, stale: u64, settings: &AdaptiveSettings) -> Level {
        let Some(read_at) = self.read_at else { return Level::Free };
        if now.saturating_sub(read_at) > stale {
            return Level::Near;
        }
        let over = |reading: Option<f64>, mark: f64| reading.is_some_and(|value| value > mark);
        if over(self.memory, settings.memory_target) {
            Level::Over(Reason::MemoryOverTarget)
        } else if over(self.cpu, settings.cpu_target) {
            Level::Over(Reason::CpuOverTarget)
        } else if over(self.memory, settings.memory_target - BAND)
            || over(self.cpu, settings.cpu_target - BAND)
        {
            Level::Near
        } else {
            Level::Free
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(memory: f64, cpu: f64) -> Level {
        let mut pressure = Pressure::default();
        pressure.read(memory, cpu, 0);
        pressure.level(0, 10, &AdaptiveSettings::default())
    }

    #[test]
    fn memory_counts_before_processors_and_there_is_a_band_below_each_target() {
        assert_eq!(level(0.81, 0.95), Level::Over(Reason::MemoryOverTarget));
        assert_eq!(level(0.5, 0.95), Level::Over(Reason::CpuOverTarget));
        assert_eq!(level(0.78, 0.1), Level::Near);
        assert_eq!(level(0.1, 0.87), Level::Near);
        assert_eq!(level(0.7, 0.8), Level::Free);
    }

    #[test]
    fn a_burst_of_one_reading_is_not_yet_load() {
        let mut pressure = Pressure::default();
        let settings = AdaptiveSettings::default();
        pressure.read(0.1, 0.5, 0);
        pressure.read(0.1, 1.0, 1);
        assert_eq!(pressure.level(1, 10, &settings), Level::Free);
        for now in 2..10 {
            pressure.read(0.1, 1.0, now);
        }
        assert_eq!(pressure.level(10, 10, &settings), Level::Over(Reason::CpuOverTarget));
    }

    #[test]
    fn what_is_not_a_number_is_not_read_and_old_readings_allow_no_rise() {
        assert_eq!(level(f64::NAN, f64::NAN), Level::Free);
        assert_eq!(level(f64::INFINITY, f64::NAN), Level::Over(Reason::MemoryOverTarget));
        assert_eq!(level(-1.0, f64::NEG_INFINITY), Level::Free);
        let mut pressure = Pressure::default();
        pressure.read(0.99, 0.1, 0);
        assert_eq!(pressure.level(11, 10, &AdaptiveSettings::default()), Level::Near);
    }
}
