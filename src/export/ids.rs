//! Ids of traces and spans as pure functions of a random seed and the number of a call.
//!
//! Nothing is drawn or remembered: whoever knows the seed and the number computes the same id, when it is
//! wanted and on any thread. Each id is the output of a SplitMix64 stream at that position. Its mixing is a
//! bijection of 64 bits, so within one seed no two numbers share a span id (but for the one number in 2^64
//! whose output would be the forbidden zero). Seeds of different processes make different ids as random
//! ones do. They are not secrets: from one id the others can be computed.
//!
//! Sources: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; the
//! constants are those of Vigna's `splitmix64.c` (<https://prng.di.unimi.it/splitmix64.c>). All 128 bits of
//! a trace id are mixed, which satisfies the random flag of W3C Trace Context Level 2 (56 random bits on
//! the right, <https://www.w3.org/TR/trace-context-2/#random-trace-id-flag>).

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The ids of one process.
///
/// ```
/// use plimsoll::export::ids::Ids;
/// let ids = Ids::new(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
/// assert_eq!(ids.span_id(7), ids.span_id(7));
/// assert_ne!(ids.span_id(7), ids.span_id(8));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    trace_high: u64,
    trace_low: u64,
    span: u64,
}

impl Ids {
    /// The ids of a seed, which is to come from a random source.
    #[must_use]
    pub const fn new(seed: u128) -> Ids {
        let (high, low) = ((seed >> 64) as u64, seed as u64);
        // Three starting points that lie far apart in the stream.
        Ids {
            trace_high: mix(high ^ mix(low)),
            trace_low: mix(low.wrapping_add(GOLDEN_GAMMA) ^ mix(high)),
            span: mix(high.wrapping_add(low.rotate_left(32)) ^ GOLDEN_GAMMA),
        }
    }

    /// The trace id of the call with this number; never all zero.
    #[must_use]
    pub const fn trace_id(&self, call_number: u64) -> [u8; 16] {
        let high = at(self.trace_high, call_number);
        let low = at(self.trace_low, call_number);
        // A zero half is allowed by itself, but a number in 2^64 may pay for the certainty.
        let id = ((high as u128) << 64) | if low == 0 { 1 } else { low as u128 };
        id.to_be_bytes()
    }

    /// The span id of the call with this number; never all zero.
    #[must_use]
    pub const fn span_id(&self, call_number: u64) -> [u8; 8] {
        let id = at(self.span, call_number);
        (if id == 0 { 1 } else { id }).to_be_bytes()
    }
}

const fn at(start: u64, position: u64) -> u64 {
    mix(start.wrapping_add(position.wrapping_add(1).wrapping_mul(GOLDEN_GAMMA)))
}

pub(super) const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn the_stream_is_that_of_the_reference_implementation() {
        // splitmix64.c seeded with 1234567.
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!([0, 1, 2, 3, 4].map(|n| at(1_234_567, n)), expected);
    }

    #[test]
    fn two_hundred_thousand_calls_share_no_id_and_two_seeds_neither() {
        let (one, two) = (Ids::new(1), Ids::new(2));
        let mut spans = HashSet::new();
        let mut traces = HashSet::new();
        for n in 0..100_000 {
            for ids in [one, two] {
                assert!(spans.insert(ids.span_id(n)));
                assert!(traces.insert(ids.trace_id(n)));
            }
        }
    }

    #[test]
    fn every_bit_of_an_id_is_set_in_half_of_the_ids() {
        let ids = Ids::new(0);
        let mut counts = [0_u32; 192];
        for n in 0..10_000 {
            let bytes = [&ids.trace_id(n)[..], &ids.span_id(n)[..]].concat();
            for (bit, count) in counts.iter_mut().enumerate() {
                *count += u32::from(bytes[bit / 8] >> (bit % 8) & 1);
            }
        }
        // Five standard deviations of a fair coin thrown ten thousand times.
        assert!(counts.iter().all(|count| count.abs_diff(5_000) < 250), "{counts:?}");
    }

    proptest! {
        #[test]
        fn an_id_is_never_zero_and_always_the_same(seed: u128, number: u64) {
            let (ids, again) = (Ids::new(seed), Ids::new(seed));
            prop_assert_ne!(ids.trace_id(number), [0; 16]);
            prop_assert_ne!(ids.span_id(number), [0; 8]);
            prop_assert_eq!(ids.trace_id(number), again.trace_id(number));
            prop_assert_eq!(ids.span_id(number), again.span_id(number));
        }
    }
}
