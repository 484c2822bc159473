//! Groups: the native half of scopes.
//!
//! A group is a number that processes and temporary files are given when they are made. Groups are nested:
//! ending one ends those within it. Number 0 is the process itself, which no scope ends.
//!
//! At most [`MOST_GROUPS`] are open at once; one more is refused, counted and told.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most groups open at once.
pub const MOST_GROUPS: usize = 100_000;

/// Which group.
pub type GroupId = u32;

/// What belongs to no scope.
pub const WHOLE_PROCESS: GroupId = 0;

/// The groups that are open.
#[derive(Debug, Default)]
pub struct Groups {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    last: GroupId,
    /// Each with the group it is in.
    parents: HashMap<GroupId, GroupId>,
    refused: u64,
}

impl Groups {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a group within another, or within [`WHOLE_PROCESS`]. `None` when there are too many.
    pub fn open(&self, within: GroupId) -> Option<GroupId> {
        let mut table = self.table();
        if table.parents.len() >= MOST_GROUPS {
            table.refused += 1;
            return None;
        }
        loop {
            table.last = table.last.wrapping_add(1);
            let id = table.last;
            if id != WHOLE_PROCESS && !table.parents.contains_key(&id) {
                table.parents.insert(id, within);
                return Some(id);
            }
        }
    }

    /// Forgets a group; what is in it is its caller's to end.
    pub fn close(&self, group: GroupId) {
        self.table().parents.remove(&group);
    }

    /// Whether `group` is `outer` or, at any depth, within it.
    #[must_use]
    pub fn is_within(&self, group: GroupId, outer: GroupId) -> bool {
        let table = self.table();
        let mut current = group;
        // Deeper than the number of groups there is no nesting, only a mistake.
        for _ in 0..=table.parents.len() {
            if current == outer {
                return true;
            }
            match table.parents.get(&current) {
                Some(&parent) => current = parent,
                None => return false,
            }
        }
        false
    }

    /// How many are open, and how many were refused.
    #[must_use]
    pub fn counts(&self) -> (usize, u64) {
        let table = self.table();
        (table.parents.len(), table.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_within_itself_and_all_around_it_and_in_no_other() {
        let groups = Groups::default();
        let outer = groups.open(WHOLE_PROCESS).unwrap();
        let middle = groups.open(outer).unwrap();
        let inner = groups.open(middle).unwrap();
        let other = groups.open(WHOLE_PROCESS).unwrap();
        for around in [inner, middle, outer, WHOLE_PROCESS] {
            assert!(groups.is_within(inner, around));
        }
        for not_around in [other, 99] {
            assert!(!groups.is_within(inner, not_around));
        }
        assert!(!groups.is_within(outer, inner));
        groups.close(outer);
        assert!(groups.is_within(inner, middle) && !groups.is_within(inner, WHOLE_PROCESS));
        assert_eq!(groups.counts(), (3, 0));
    }
}
