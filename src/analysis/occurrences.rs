//! How often each failure was seen: bounded, the least recently seen forgotten first.

use lru::LruCache;
use std::num::NonZeroUsize;

/// One failure's record.
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// How often it was seen.
    pub count: u64,
    /// When first, in milliseconds since the Unix epoch.
    pub first_ms: i64,
    /// When last.
    pub last_ms: i64,
    /// Its summary when it was last seen.
    pub summary: String,
    /// Its kind's name.
    pub kind: &'static str,
}

/// The records.
#[derive(Debug)]
pub struct Occurrences {
    seen: LruCache<String, Occurrence>,
    forgotten: u64,
}

impl Occurrences {
    /// For at most this many failures.
    #[must_use]
    pub fn new(most: NonZeroUsize) -> Occurrences {
        Occurrences { seen: LruCache::new(most), forgotten: 0 }
    }

    /// Counts one more of `hash`; returns how often it was seen by now.
    pub fn count(&mut self, hash: &str, kind: &'static str, summary: &str, now_ms: i64) -> u64 {
        if let Some(known) = self.seen.get_mut(hash) {
            known.count += 1;
            known.last_ms = known.last_ms.max(now_ms);
            known.first_ms = known.first_ms.min(now_ms);
            summary.clone_into(&mut known.summary);
            return known.count;
        }
        let occurrence = Occurrence {
            count: 1,
            first_ms: now_ms,
            last_ms: now_ms,
            summary: summary.to_owned(),
            kind,
        };
        if self.seen.push(hash.to_owned(), occurrence).is_some() {
            self.forgotten += 1;
        }
        1
    }

    /// Every record, the most frequent first, the latest first among equals.
    #[must_use]
    pub fn all(&self) -> Vec<(&str, &Occurrence)> {
        let mut all: Vec<(&str, &Occurrence)> =
            self.seen.iter().map(|(hash, seen)| (hash.as_str(), seen)).collect();
        // The cache gives the latest first, and the sort keeps that among equals.
        all.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.count));
        all
    }

    /// Records given up for newer ones.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.seen.clear();
        self.forgotten = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_seen_is_forgotten_and_counted() {
        let mut seen = Occurrences::new(NonZeroUsize::new(2).unwrap());
        assert_eq!(seen.count("a", "unknown", "A", 5), 1);
        assert_eq!(seen.count("b", "unknown", "B", 6), 1);
        assert_eq!(seen.count("a", "unknown", "A!", 7), 2);
        assert_eq!(seen.count("c", "unknown", "C", 8), 1);
        assert_eq!(seen.forgotten(), 1);
        let all = seen.all();
        assert_eq!(all.iter().map(|(hash, _)| *hash).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!((all[0].1.first_ms, all[0].1.last_ms, all[0].1.summary.as_str()), (5, 7, "A!"));
        seen.clear();
        assert!(seen.all().is_empty());
    }
}
