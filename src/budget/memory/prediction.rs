//! What a kind of call adds to memory at its peak, learned from what calls before it added.
//!
//! An observation is an interval: a call added at least what it was seen to add, and at most what was
//! there to be used ([`attribution`](super::attribution)). It is held against what is believed:
//!
//! - the belief lies below: the lower end is remembered;
//! - above: the upper end is remembered;
//! - within, and the interval is wider than a point: it says nothing new, and nothing is remembered.
//!
//! So a process whose heap is warm already, where calls seem to need nothing, does not teach that they need
//! nothing.
//!
//! Of the last [`WINDOW`] observations, each weighing a sixteenth less than the one after it, the expected
//! value is the stated upper percentile; those of calls that ran alone count alone once there are enough,
//! for they are no estimates. Before there are enough of any the default is expected. A margin is added to
//! what was learned, not to the default.

use super::KindKey;
use super::settings::{CheckedPrediction, PARTS, part_of};
use lru::LruCache;
use std::collections::VecDeque;
use std::num::NonZeroUsize;

/// Kinds remembered; one more and the longest unused is forgotten.
pub const MAX_KINDS: usize = 1024;
/// Observations remembered of a kind.
pub const WINDOW: usize = 32;

/// What a call added to memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
    /// Whether no other call ran beside it.
    pub alone: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    bytes: u64,
    alone: bool,
}

#[derive(Debug, Default)]
struct Kind {
    /// The newest last.
    samples: VecDeque<Sample>,
    learned: Option<u64>,
}

impl Kind {
    fn learn(&mut self, settings: &CheckedPrediction) {
        let alone = self.samples.iter().filter(|sample| sample.alone).count();
        let only_alone = alone >= settings.minimum_samples;
        let enough = only_alone || self.samples.len() >= settings.minimum_samples;
        if !enough {
            self.learned = None;
            return;
        }
        let mut weight = 1u64 << 20;
        let mut weighed = Vec::with_capacity(WINDOW);
        for sample in self.samples.iter().rev().filter(|sample| sample.alone || !only_alone) {
            weighed.push((sample.bytes, weight));
            weight = weight / 16 * 15;
        }
        self.learned = Some(upper_percentile(weighed, settings.percentile_parts));
    }
}

/// The smallest value with no more than the rest of the weight above it; 0 of nothing.
fn upper_percentile(mut weighed: Vec<(u64, u64)>, percentile_parts: u64) -> u64 {
    weighed.sort_unstable_by(|one, other| other.cmp(one));
    let total: u64 = weighed.iter().map(|(_, weight)| weight).sum();
    let above_allowed = part_of(total, PARTS - percentile_parts);
    let mut above = 0;
    for (bytes, weight) in &weighed {
        above += weight;
        if above > above_allowed {
            return *bytes;
        }
    }
    0
}

/// What is known of each kind.
#[derive(Debug)]
pub(super) struct Predictor {
    settings: CheckedPrediction,
    kinds: LruCache<KindKey, Kind>,
    forgotten: u64,
}

impl Predictor {
    pub(super) fn new(settings: CheckedPrediction) -> Self {
        let bound = NonZeroUsize::new(MAX_KINDS).unwrap_or(NonZeroUsize::MIN);
        Self { settings, kinds: LruCache::new(bound), forgotten: 0 }
    }

    /// Other settings from now on; what was learned stays.
    pub(super) fn change(&mut self, settings: CheckedPrediction) {
        self.settings = settings;
        for (_, kind) in &mut self.kinds {
            kind.learn(&settings);
        }
    }

    /// Bytes a call of this kind is expected to add, without margin.
    pub(super) fn expected(&mut self, key: KindKey) -> u64 {
        self.kinds.get(&key).and_then(|kind| kind.learned).unwrap_or(self.settings.default_bytes)
    }

    /// Bytes to be reserved for it.
    pub(super) fn needed(&mut self, key: KindKey) -> u64 {
        match self.kinds.get(&key).and_then(|kind| kind.learned) {
            Some(learned) => learned.saturating_add(part_of(learned, self.settings.margin_parts)),
            None => self.settings.default_bytes,
        }
    }

    /// Takes note of what a call added.
    pub(super) fn observe(&mut self, key: KindKey, observation: Observation) {
        let most = observation.most.max(observation.least);
        let expected = self.expected(key);
        let bytes = expected.clamp(observation.least, most);
        if bytes == expected && observation.least < most {
            return;
        }
        if self.kinds.peek(&key).is_none() {
            let replaced = self.kinds.push(key, Kind::default());
            self.forgotten = self.forgotten.saturating_add(u64::from(replaced.is_some()));
        }
        let Some(kind) = self.kinds.get_mut(&key) else { return };
        if kind.samples.len() >= WINDOW {
            kind.samples.pop_front();
        }
        kind.samples.push_back(Sample { bytes, alone: observation.alone });
        kind.learn(&self.settings);
    }

    pub(super) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::PredictionSettings;
    use super::*;

    const KEY: KindKey = KindKey(1);

    fn predictor() -> Predictor {
        let settings = PredictionSettings { default_bytes: 1000, ..Default::default() };
        Predictor::new(CheckedPrediction::try_from(&settings).unwrap())
    }

    fn exactly(bytes: u64, alone: bool) -> Observation {
        Observation { least: bytes, most: bytes, alone }
    }

    #[test]
    fn too_few_observations_are_not_trusted() {
        let mut predictor = predictor();
        for _ in 0..4 {
            assert_eq!(predictor.needed(KEY), 1000);
            predictor.observe(KEY, exactly(100, false));
        }
        predictor.observe(KEY, exactly(100, false));
        assert_eq!((predictor.expected(KEY), predictor.needed(KEY)), (100, 125));
        assert_eq!(predictor.needed(KindKey(2)), 1000);
    }

    #[test]
    fn one_high_observation_counts_for_a_while_and_is_then_outweighed() {
        let mut predictor = predictor();
        for _ in 0..WINDOW {
            predictor.observe(KEY, exactly(100, false));
        }
        predictor.observe(KEY, exactly(900, false));
        assert_eq!(predictor.expected(KEY), 900);
        let mut calls = 0;
        while predictor.expected(KEY) == 900 {
            predictor.observe(KEY, exactly(100, false));
            calls += 1;
        }
        assert!((2..WINDOW).contains(&calls), "{calls}");
        assert_eq!(predictor.expected(KEY), 100);
    }

    #[test]
    fn a_kind_that_grows_is_followed_upwards_at_once() {
        let mut predictor = predictor();
        for bytes in (100..3000).step_by(100) {
            predictor.observe(KEY, exactly(bytes, false));
            if bytes >= 500 {
                assert_eq!(predictor.expected(KEY), bytes);
            }
        }
    }

    #[test]
    fn those_that_ran_alone_count_alone_once_there_are_enough() {
        let mut predictor = predictor();
        for _ in 0..10 {
            predictor.observe(KEY, exactly(500, false));
        }
        for _ in 0..4 {
            predictor.observe(KEY, exactly(10, true));
        }
        assert_eq!(predictor.expected(KEY), 500);
        predictor.observe(KEY, exactly(10, true));
        assert_eq!(predictor.expected(KEY), 10);
        // And no longer once they have left the window.
        for _ in 0..WINDOW {
            predictor.observe(KEY, exactly(500, false));
        }
        assert_eq!(predictor.expected(KEY), 500);
    }

    #[test]
    fn a_wide_interval_around_the_belief_teaches_nothing_and_one_beside_it_its_nearer_end() {
        let mut predictor = predictor();
        for _ in 0..100 {
            predictor.observe(KEY, Observation { least: 0, most: 5000, alone: true });
        }
        assert_eq!((predictor.expected(KEY), predictor.kinds()), (1000, 0));
        for _ in 0..5 {
            predictor.observe(KEY, Observation { least: 0, most: 200, alone: true });
        }
        assert_eq!(predictor.expected(KEY), 200);
        for _ in 0..100 {
            predictor.observe(KEY, Observation { least: 0, most: 300, alone: true });
        }
        assert_eq!(predictor.expected(KEY), 200, "a warm heap");
        predictor.observe(KEY, Observation { least: 700, most: 800, alone: true });
        assert_eq!(predictor.expected(KEY), 700);
    }

    #[test]
    fn kinds_are_bounded_and_the_longest_unused_is_forgotten() {
        let mut predictor = predictor();
        for key in 0..=MAX_KINDS as u64 {
            for _ in 0..5 {
                predictor.observe(KindKey(key), exactly(10, false));
                predictor.expected(KindKey(0));
            }
        }
        assert_eq!((predictor.kinds(), predictor.forgotten()), (MAX_KINDS, 1));
        assert_eq!(predictor.expected(KindKey(0)), 10);
        assert_eq!(predictor.expected(KindKey(1)), 1000, "forgotten");
    }

    #[test]
    fn the_largest_numbers_saturate() {
        let mut predictor = predictor();
        for _ in 0..WINDOW {
            predictor.observe(KEY, exactly(u64::MAX, true));
            predictor.observe(KEY, Observation { least: u64::MAX, most: 0, alone: false });
        }
        assert_eq!(predictor.needed(KEY), u64::MAX);
        assert_eq!(upper_percentile(Vec::new(), PARTS), 0);
        assert_eq!(upper_percentile(vec![(3, 1), (9, 1)], PARTS), 9);
        assert_eq!(upper_percentile(vec![(3, 1), (9, 1)], PARTS / 2), 3);
    }

    #[test]
    fn other_settings_apply_to_what_was_learned() {
        let mut predictor = predictor();
        for bytes in [10, 20, 30] {
            predictor.observe(KEY, exactly(bytes, false));
        }
        let settings = PredictionSettings { minimum_samples: 2, margin: 1.0, ..Default::default() };
        predictor.change(CheckedPrediction::try_from(&settings).unwrap());
        assert_eq!(predictor.needed(KEY), 60);
    }
}
