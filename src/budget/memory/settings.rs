//! What the guard is told to keep.

use super::prediction::WINDOW;
use std::time::Duration;
use thiserror::Error;

/// Parts of one that a fraction is counted in once it was checked.
pub(super) const PARTS: u64 = 1_000_000;

/// The limits of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemorySettings {
    /// Bytes of resident memory over which nothing begins; `u64::MAX`: no limit.
    pub max_rss: u64,
    /// Whether the descendants of the process count.
    pub include_children: bool,
    /// Part of the control group's limit over which nothing begins, above 0 and at most 1; `None`: the
    /// group is not looked at.
    pub cgroup_fraction: Option<f64>,
    /// Whether and how what calls will need is foreseen.
    pub predicted: Option<PredictionSettings>,
    /// How often the sampler reads while calls run: readings older than two intervals are stale.
    pub interval: Duration,
}

impl Default for MemorySettings {
    /// 512 MiB of resident memory without children, as `maxRssMb` has it; nine tenths of the control
    /// group's limit; nothing foreseen; a reading every 25 ms.
    fn default() -> Self {
        Self {
            max_rss: 512 << 20,
            include_children: false,
            cgroup_fraction: Some(0.9),
            predicted: None,
            interval: Duration::from_millis(25),
        }
    }
}

/// How what a call will need is foreseen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionSettings {
    /// Part added to what was learned, 0 to 10.
    pub margin: f64,
    /// Bytes reserved for a kind of which too little is known.
    pub default_bytes: u64,
    /// Which percentile of what was observed is expected, above 0 and at most 1.
    pub percentile: f64,
    /// Observations before they are trusted, 1 to [`WINDOW`].
    pub minimum_samples: usize,
}

impl Default for PredictionSettings {
    /// The 95th percentile and a quarter more, after five observations; 64 MiB before.
    fn default() -> Self {
        Self { margin: 0.25, default_bytes: 64 << 20, percentile: 0.95, minimum_samples: 5 }
    }
}

/// A setting that makes no sense; its code is `ERR_PLIMSOLL_ARGUMENT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field} must be {must}")]
pub struct SettingError {
    /// Which.
    pub field: &'static str,
    /// What it may be.
    pub must: &'static str,
}

impl SettingError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "ERR_PLIMSOLL_ARGUMENT"
    }
}

/// The settings without a floating-point number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    pub(super) max_rss: u64,
    pub(super) include_children: bool,
    pub(super) cgroup_parts: Option<u64>,
    pub(super) predicted: Option<CheckedPrediction>,
    pub(super) interval: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct CheckedPrediction {
    pub(super) margin_parts: u64,
    pub(super) default_bytes: u64,
    pub(super) percentile_parts: u64,
    pub(super) minimum_samples: usize,
}

/// So many parts of a number, rounded down.
pub(super) fn part_of(bytes: u64, parts: u64) -> u64 {
    let product = u128::from(bytes) * u128::from(parts) / u128::from(PARTS);
    u64::try_from(product).unwrap_or(u64::MAX)
}

fn parts(value: f64) -> u64 {
    // Checked to be finite and small by every caller.
    (value * PARTS as f64).round() as u64
}

/// Above 0 and at most 1, and still above 0 when counted in parts. Not a number is neither.
fn fraction(value: f64, field: &'static str) -> Result<u64, SettingError> {
    if value > 0.0 && value <= 1.0 {
        Ok(parts(value).max(1))
    } else {
        Err(SettingError { field, must: "above 0 and at most 1" })
    }
}

impl TryFrom<&MemorySettings> for Checked {
    type Error = SettingError;

    fn try_from(settings: &MemorySettings) -> Result<Self, SettingError> {
        let cgroup_parts = match settings.cgroup_fraction {
            Some(value) => Some(fraction(value, "cgroup_fraction")?),
            None => None,
        };
        let predicted = settings.predicted.as_ref().map(CheckedPrediction::try_from).transpose()?;
        Ok(Self {
            max_rss: settings.max_rss,
            include_children: settings.include_children,
            cgroup_parts,
            predicted,
            interval: settings.interval,
        })
    }
}

impl TryFrom<&PredictionSettings> for CheckedPrediction {
    type Error = SettingError;

    fn try_from(settings: &PredictionSettings) -> Result<Self, SettingError> {
        if !(0.0..=10.0).contains(&settings.margin) {
            return Err(SettingError { field: "margin", must: "from 0 to 10" });
        }
        if !(1..=WINDOW).contains(&settings.minimum_samples) {
            return Err(SettingError { field: "minimum_samples", must: "from 1 to 32" });
        }
        Ok(Self {
            margin_parts: parts(settings.margin),
            default_bytes: settings.default_bytes,
            percentile_parts: fraction(settings.percentile, "percentile")?,
            minimum_samples: settings.minimum_samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut MemorySettings)) -> Result<Checked, SettingError> {
        let mut settings = MemorySettings {
            predicted: Some(PredictionSettings::default()),
            ..MemorySettings::default()
        };
        change(&mut settings);
        Checked::try_from(&settings)
    }

    #[test]
    fn the_defaults_are_sound() {
        let checked = check(|_| {}).unwrap();
        assert_eq!((checked.cgroup_parts, checked.max_rss), (Some(900_000), 536_870_912));
        let predicted = checked.predicted.unwrap();
        assert_eq!((predicted.margin_parts, predicted.percentile_parts), (250_000, 950_000));
    }

    #[test]
    fn what_is_no_sensible_number_is_refused_by_name() {
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 1.1, 0.0];
        for value in bad {
            let fraction = check(|settings| settings.cgroup_fraction = Some(value)).unwrap_err();
            assert_eq!(
                (fraction.field, fraction.code()),
                ("cgroup_fraction", "ERR_PLIMSOLL_ARGUMENT")
            );
            let percentile = PredictionSettings { percentile: value, ..Default::default() };
            let error = check(|settings| settings.predicted = Some(percentile)).unwrap_err();
            assert_eq!(error.to_string(), "percentile must be above 0 and at most 1");
        }
        for margin in [f64::NAN, f64::INFINITY, -0.1, 10.1] {
            let margin = PredictionSettings { margin, ..Default::default() };
            assert_eq!(check(|s| s.predicted = Some(margin)).unwrap_err().field, "margin");
        }
        for minimum_samples in [0, WINDOW + 1] {
            let samples = PredictionSettings { minimum_samples, ..Default::default() };
            assert_eq!(
                check(|s| s.predicted = Some(samples)).unwrap_err().field,
                "minimum_samples"
            );
        }
        assert!(check(|settings| settings.cgroup_fraction = None).is_ok());
    }

    #[test]
    fn parts_are_taken_without_overflow() {
        assert_eq!(part_of(u64::MAX, PARTS), u64::MAX);
        assert_eq!(part_of(u64::MAX, 11 * PARTS), u64::MAX);
        assert_eq!(part_of(1000, 900_000), 900);
        assert_eq!(fraction(1e-300, "x"), Ok(1), "never nothing at all");
    }
}
