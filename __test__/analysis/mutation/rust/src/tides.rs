//! When the water is high.

use std::collections::BTreeMap;

/// Seconds of an hour.
pub const HOUR: u64 = 3600;

#[derive(Debug, Default)]
pub struct TideTable {
    tides: BTreeMap<u64, f64>,
}

impl TideTable {
    pub fn add(&mut self, at: u64, metres: f64) -> &mut Self {
        self.tides.insert(at, metres);
        self
    }

    pub fn next(&self, now: u64) -> Option<(u64, f64)> {
        let (at, metres) = self.tides.range(now..).next()?;
        Some((*at, *metres))
    }

    pub fn depth(&self, now: u64, keel: f64) -> f64 {
        match self.next(now) {
            Some((_, metres)) => metres - keel,
            None => -keel,
        }
    }
}

pub fn in_words(seconds: u64) -> String {
    let hours = seconds / HOUR;
    let minutes = seconds % HOUR / 60;
    let mut words = Vec::new();
    if hours > 0 {
        words.push(format!("{hours} h"));
    }
    words.push(format!("{minutes} min"));
    words.join(" ")
}
