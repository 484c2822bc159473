//! Handles as JavaScript names them: by a small number.
//!
//! The table belongs to the thread that runs the environment, so looking a handle up takes no lock, and
//! a worker cannot reach the handles of another. Numbers are used again after [`release`]; the facade
//! forgets them first.

use crate::telemetry::handle::Handle;
use crate::telemetry::runtime::EXIT_BOUND;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

thread_local! {
    static TABLE: RefCell<Vec<Option<Arc<Handle>>>> = const { RefCell::new(Vec::new()) };
}

/// Gives a handle a number.
pub(super) fn insert(handle: Arc<Handle>) -> u32 {
    TABLE.with_borrow_mut(|table| {
        let free = table.iter().position(Option::is_none).unwrap_or_else(|| {
            table.push(None);
            table.len() - 1
        });
        table[free] = Some(handle);
        u32::try_from(free).unwrap_or(u32::MAX)
    })
}

/// Works with the handle that has a number; `None` when there is none. `work` may not come back here.
pub(super) fn with<R>(number: u32, work: impl FnOnce(&Arc<Handle>) -> R) -> Option<R> {
    TABLE.with_borrow(|table| table.get(number as usize)?.as_ref().map(work))
}

/// Forgets a number.
pub(super) fn release(number: u32) -> Option<Arc<Handle>> {
    TABLE.with_borrow_mut(|table| table.get_mut(number as usize)?.take())
}

/// Closes every handle that was made on this thread, waiting for them no longer than [`EXIT_BOUND`]
/// together. For the end of a worker or of the process.
pub(super) fn close_all_of_this_thread() {
    let handles: Vec<Arc<Handle>> = TABLE.take().into_iter().flatten().collect();
    for handle in &handles {
        handle.close();
    }
    let start = Instant::now();
    for handle in &handles {
        handle.wait_closed(EXIT_BOUND.saturating_sub(start.elapsed()));
    }
}
