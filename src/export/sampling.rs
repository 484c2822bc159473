//! Which traces are recorded: the same answer for one trace everywhere.
//!
//! The decision is OpenTelemetry's consistent probability sampling: the 56 bits on the right of the trace
//! id are its randomness R; with the ratio p the trace is recorded when R ≥ T, T = 2^56 · (1 − p). A trace
//! recorded at one ratio is therefore recorded at every greater one, in every process that decides so.
//! Sources: <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/> and
//! <https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased>, which asks for this property
//! without fixing the function; the randomness is that of W3C Trace Context Level 2.

const RANGE: u64 = 1 << 56;

/// Records a share of all traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// Between 0 (all) and 2^56 (none).
    threshold: u64,
}

impl Sampler {
    /// Records this share, 0 to 1. Smaller than 0 or not a number: none; greater than 1: all. A share
    /// below 2^-57 rounds to none.
    #[must_use]
    pub fn new(ratio: f64) -> Sampler {
        let ratio = if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) };
        // Rounding p rather than 1 − p keeps small ratios exact.
        let kept = (ratio * RANGE as f64).round() as u64;
        Sampler { threshold: RANGE - kept.min(RANGE) }
    }

    /// Whether this trace is recorded.
    #[must_use]
    pub fn samples(&self, trace_id: &[u8; 16]) -> bool {
        let randomness = u128::from_be_bytes(*trace_id) as u64 & (RANGE - 1);
        randomness >= self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::ids::Ids;
    use proptest::prelude::*;

    fn id(randomness: u64) -> [u8; 16] {
        ((0xffff_u128 << 56) | u128::from(randomness)).to_be_bytes()
    }

    #[test]
    fn the_threshold_is_met_to_the_bit() {
        let half = Sampler::new(0.5);
        assert!(half.samples(&id(RANGE / 2)));
        assert!(!half.samples(&id(RANGE / 2 - 1)));
        // 1 % in the notation of the specification: th:fd70a4 (rounded to 6 digits).
        assert_eq!(Sampler::new(0.01).threshold >> 32, 0x00fd_70a3);
    }

    #[test]
    fn all_and_none_have_no_exception() {
        for ratio in [1.0, 2.0, f64::INFINITY] {
            assert!(Sampler::new(ratio).samples(&id(0)));
        }
        for ratio in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY, 1e-30] {
            assert!(!Sampler::new(ratio).samples(&id(RANGE - 1)), "{ratio}");
        }
        assert!(Sampler::new(f64::powi(2.0, -56)).samples(&id(RANGE - 1)));
    }

    #[test]
    fn our_own_ids_meet_the_ratio() {
        let (ids, sampler) = (Ids::new(7), Sampler::new(0.1));
        let taken = (0..100_000).filter(|n| sampler.samples(&ids.trace_id(*n))).count();
        // Five standard deviations.
        assert!(taken.abs_diff(10_000) < 475, "{taken}");
    }

    proptest! {
        #[test]
        fn what_a_ratio_records_a_greater_one_records(trace: [u8; 16], a in 0.0..=1.0, b in 0.0..=1.0) {
            let (small, great) = (f64::min(a, b), f64::max(a, b));
            prop_assert!(!Sampler::new(small).samples(&trace) || Sampler::new(great).samples(&trace));
        }
    }
}
