//! The telemetry handles of this thread, by number.

use super::numbered::Numbered;
use crate::telemetry::handle::Handle;
use crate::telemetry::runtime::EXIT_BOUND;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

thread_local! {
    static TABLE: RefCell<Numbered<Arc<Handle>>> = const { RefCell::new(Numbered::new()) };
}

/// Gives a handle a number.
pub(super) fn insert(handle: Arc<Handle>) -> u32 {
    TABLE.with_borrow_mut(|table| table.insert(handle))
}

/// Works with the handle that has a number; `None` when there is none. `work` may not come back here.
pub(super) fn with<R>(number: u32, work: impl FnOnce(&Arc<Handle>) -> R) -> Option<R> {
    TABLE.with_borrow(|table| table.get(number).map(work))
}

/// Forgets a number.
pub(super) fn release(number: u32) -> Option<Arc<Handle>> {
    TABLE.with_borrow_mut(|table| table.release(number))
}

/// Closes every handle that was made on this thread, waiting for them no longer than [`EXIT_BOUND`]
/// together. For the end of a worker or of the process.
pub(super) fn close_all_of_this_thread() {
    let handles = TABLE.with_borrow_mut(Numbered::release_all);
    for handle in &handles {
        handle.close();
    }
    let start = Instant::now();
    for handle in &handles {
        handle.wait_closed(EXIT_BOUND.saturating_sub(start.elapsed()));
    }
}
