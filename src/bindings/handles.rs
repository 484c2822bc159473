//! Handles as JavaScript names them: by a small number.
//!
//! The table is shared by the main thread and all workers, as the addon's image is. Numbers are used
//! again after [`release`]; the facade forgets them first.

use crate::telemetry::handle::Handle;
use crate::telemetry::runtime::EXIT_BOUND;
use std::cell::RefCell;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

static TABLE: RwLock<Vec<Option<Arc<Handle>>>> = RwLock::new(Vec::new());

thread_local! {
    static OF_THIS_THREAD: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Gives a handle a number.
pub(super) fn insert(handle: Arc<Handle>) -> u32 {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let free = table.iter().position(Option::is_none).unwrap_or_else(|| {
        table.push(None);
        table.len() - 1
    });
    table[free] = Some(handle);
    let number = u32::try_from(free).unwrap_or(u32::MAX);
    OF_THIS_THREAD.with_borrow_mut(|numbers| numbers.push(number));
    number
}

/// Works with the handle that has a number; `None` when there is none.
pub(super) fn with<R>(number: u32, work: impl FnOnce(&Arc<Handle>) -> R) -> Option<R> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    table.get(number as usize)?.as_ref().map(work)
}

/// Forgets a number.
pub(super) fn release(number: u32) -> Option<Arc<Handle>> {
    OF_THIS_THREAD.with_borrow_mut(|numbers| numbers.retain(|known| *known != number));
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    table.get_mut(number as usize)?.take()
}

/// Closes every handle that was made on this thread, waiting for them no longer than [`EXIT_BOUND`]
/// together. For the end of a worker or of the process.
pub(super) fn close_all_of_this_thread() {
    let numbers = OF_THIS_THREAD.take();
    let handles: Vec<Arc<Handle>> = numbers.into_iter().filter_map(release).collect();
    for handle in &handles {
        handle.close();
    }
    let start = Instant::now();
    for handle in &handles {
        handle.wait_closed(EXIT_BOUND.saturating_sub(start.elapsed()));
    }
}
