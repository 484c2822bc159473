//! Which temporary files there are.

use super::{MOST_FILES, TempFileStats};
use crate::lifecycle::group::GroupId;
use crate::lifecycle::ledger::{PathKind, Record};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One file or directory.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) kind: PathKind,
    pub(super) purpose: String,
    pub(super) group: GroupId,
    pub(super) created_ms: i64,
    pub(super) created: Duration,
    pub(super) record: Option<Record>,
    /// It is being created at this moment.
    pub(super) making: bool,
    /// Whoever is creating it is to remove it again.
    pub(super) doomed: bool,
}

/// Entries in the order of their registration.
#[derive(Default)]
pub(super) struct Table {
    /// Whose they are: a fork of this process must not remove them.
    process: u32,
    last: u64,
    entries: BTreeMap<u64, Entry>,
    numbers: HashMap<PathBuf, u64>,
    pub(super) stats: TempFileStats,
}

impl Table {
    pub(super) fn new() -> Table {
        Table { process: std::process::id(), ..Table::default() }
    }

    /// `None` when there are too many. The path must not be in it.
    pub(super) fn add(&mut self, entry: Entry) -> Option<u64> {
        if self.entries.len() >= MOST_FILES {
            self.stats.refused += 1;
            return None;
        }
        self.last += 1;
        self.numbers.insert(entry.path.clone(), self.last);
        self.entries.insert(self.last, entry);
        self.stats.registered = self.entries.len();
        self.stats.most_registered = self.stats.most_registered.max(self.entries.len());
        Some(self.last)
    }

    pub(super) fn number(&self, path: &Path) -> Option<u64> {
        self.numbers.get(path).copied()
    }

    pub(super) fn get(&mut self, number: u64) -> Option<&mut Entry> {
        self.entries.get_mut(&number)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.numbers.remove(&entry.path);
        self.stats.registered = self.entries.len();
        Some(entry)
    }

    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(number, entry)| (*number, entry))
    }

    pub(super) fn forget_if_forked(&mut self) {
        if self.process != std::process::id() {
            *self = Table::new();
        }
    }
}
