//! Which entries and error texts the active file already holds.
//!
//! Two bounded sets, least recently used out first: forgetting one only means that a text is written
//! once more. Both are emptied when the active file changes, so every archive can be read alone.

use super::ring::EntryKey;
use lru::LruCache;
use sha2::{Digest, Sha256};
use std::num::NonZeroUsize;

/// The hash of an error text: the first 16 hex characters of its SHA-256, as ASCII.
pub type ErrorHash = [u8; 16];

/// Entries and texts remembered, each.
pub const SEEN_BOUND: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// What is to be done with an entry that carries an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing of it is in the file: write it whole.
    New,
    /// Its error texts are in the file, the entry is not: write it with their hashes alone.
    KnownText,
    /// The file holds this very entry: count it.
    Identical,
}

/// The seen-sets of one log.
pub struct Dedup {
    entries: LruCache<EntryKey, ()>,
    texts: LruCache<ErrorHash, ()>,
    generation: u64,
}

impl Default for Dedup {
    fn default() -> Self {
        Dedup {
            entries: LruCache::new(SEEN_BOUND),
            texts: LruCache::new(SEEN_BOUND),
            generation: 0,
        }
    }
}

/// What identifies an entry: its level and its data with hashes in place of error texts.
#[must_use]
pub fn entry_key(level: u8, body_without_text: &[u8]) -> EntryKey {
    let digest = Sha256::new().chain_update([level]).chain_update(body_without_text).finalize();
    let mut key = EntryKey::default();
    key.copy_from_slice(&digest[..16]);
    key
}

impl Dedup {
    /// Forgets everything when the active file is not the one the sets are about.
    pub fn about(&mut self, generation: u64) {
        if self.generation != generation {
            self.forget();
            self.generation = generation;
        }
    }

    /// Forgets everything, so that nothing refers to what may not have been written.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.texts.clear();
    }

    /// Judges an entry and remembers it and its texts.
    pub fn judge(&mut self, key: EntryKey, texts: impl Iterator<Item = ErrorHash>) -> Verdict {
        let mut all_known = true;
        for text in texts {
            all_known &= self.texts.put(text, ()).is_some();
        }
        match self.entries.put(key, ()) {
            Some(()) if all_known => Verdict::Identical,
            _ if all_known => Verdict::KnownText,
            _ => Verdict::New,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(dedup: &mut Dedup, body: &str, text: u8) -> Verdict {
        dedup.judge(entry_key(3, body.as_bytes()), std::iter::once([text; 16]))
    }

    #[test]
    fn the_same_entry_is_identical_and_another_with_the_same_text_is_not() {
        let mut dedup = Dedup::default();
        assert_eq!(judge(&mut dedup, "a", 1), Verdict::New);
        assert_eq!(judge(&mut dedup, "a", 1), Verdict::Identical);
        assert_eq!(judge(&mut dedup, "b", 1), Verdict::KnownText);
        assert_eq!(judge(&mut dedup, "c", 2), Verdict::New);
    }

    #[test]
    fn the_level_is_part_of_the_entry() {
        assert_ne!(entry_key(2, b"a"), entry_key(3, b"a"));
    }

    #[test]
    fn a_new_active_file_knows_nothing() {
        let mut dedup = Dedup::default();
        dedup.about(1);
        judge(&mut dedup, "a", 1);
        dedup.about(1);
        assert_eq!(judge(&mut dedup, "a", 1), Verdict::Identical);
        dedup.about(2);
        assert_eq!(judge(&mut dedup, "a", 1), Verdict::New);
    }

    #[test]
    fn the_sets_are_bounded_and_forgetting_only_writes_a_text_again() {
        let mut dedup = Dedup::default();
        for text in 0..=SEEN_BOUND.get() as u64 {
            let mut hash = [0; 16];
            hash[..8].copy_from_slice(&text.to_le_bytes());
            dedup.judge(entry_key(0, &text.to_le_bytes()), std::iter::once(hash));
        }
        assert_eq!(dedup.entries.len(), SEEN_BOUND.get());
        let again = dedup.judge(entry_key(0, &0_u64.to_le_bytes()), std::iter::once([0; 16]));
        assert_eq!(again, Verdict::New);
    }
}
