//! The latest records, in a ring.

use super::CallRecord;

/// How many records are kept.
pub const KEPT_RECORDS: usize = 1000;

/// Grows to [`KEPT_RECORDS`], then overwrites the oldest.
#[derive(Debug, Default)]
pub(super) struct Records {
    kept: Vec<CallRecord>,
    /// Where the oldest is once the ring is full, and where the next goes.
    oldest: usize,
}

impl Records {
    /// Keeps a record. Returns whether another was lost for it.
    pub(super) fn push(&mut self, record: CallRecord) -> bool {
        if self.kept.len() < KEPT_RECORDS {
            self.kept.push(record);
            return false;
        }
        self.kept[self.oldest] = record;
        self.oldest = if self.oldest + 1 == KEPT_RECORDS { 0 } else { self.oldest + 1 };
        true
    }

    /// The last `limit`, in the order in which they came.
    pub(super) fn latest(&self, limit: usize) -> impl ExactSizeIterator<Item = &CallRecord> {
        let kept = self.kept.len();
        let shown = limit.min(kept);
        let first = self.oldest + (kept - shown);
        // Counted by `shown`: an empty ring divides by nothing.
        (0..shown).map(move |at| &self.kept[(first + at) % kept])
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.oldest = 0;
    }
}
