//! The budget managers of this thread, by number.

use super::numbered::Numbered;
use crate::budget::call::Holder;
use crate::budget::manager::Manager;
use std::cell::RefCell;
use std::sync::Arc;

/// One manager object of this thread.
pub(super) struct Held {
    pub(super) manager: Arc<Manager>,
    pub(super) holder: Arc<Holder>,
}

thread_local! {
    static TABLE: RefCell<Numbered<Held>> = const { RefCell::new(Numbered::new()) };
}

/// Gives a manager a number.
pub(super) fn insert(held: Held) -> u32 {
    TABLE.with_borrow_mut(|table| table.insert(held))
}

/// Works with the manager that has a number; `None` when there is none. `work` may not come back here.
pub(super) fn with<R>(number: u32, work: impl FnOnce(&Held) -> R) -> Option<R> {
    TABLE.with_borrow(|table| table.get(number).map(work))
}

/// Forgets a number and everything its holder had.
pub(super) fn detach(number: u32) {
    if let Some(held) = TABLE.with_borrow_mut(|table| table.release(number)) {
        held.manager.detach(&held.holder);
    }
}

/// Forgets every manager of this thread: its environment ends.
pub(super) fn detach_all_of_this_thread() {
    for held in TABLE.with_borrow_mut(Numbered::release_all) {
        held.manager.detach(&held.holder);
    }
}
