//! The thread: steps, sleeps until the next, parks while nobody watches.

use super::{Inner, lock};
use crate::resources::reading::nanoseconds;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Said to be asleep until then while parked.
const PARKED: u64 = u64::MAX;

impl Inner {
    /// Starts the thread. Nobody joins it, so it never keeps the process alive.
    pub(super) fn start(inner: &Arc<Inner>) -> io::Result<()> {
        let inner = Arc::clone(inner);
        let thread = std::thread::Builder::new().name("plimsoll-sampler".to_owned());
        thread.spawn(move || inner.run()).map(drop)
    }

    fn run(&self) {
        while self.sleep() {
            let step = || self.step(self.clock.monotonic());
            if catch_unwind(AssertUnwindSafe(step)).is_err() {
                self.counters.panics.fetch_add(1, Ordering::Relaxed);
                self.failed("a panic in the thread that reads memory".to_owned());
                // Whatever was due may be due still: not at once, lest it turn in circles.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Sleeps until something is due. `false`: the sampler is gone.
    fn sleep(&self) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return false;
            }
            let due = state.next_due();
            let now = nanoseconds(self.clock.monotonic());
            if due.is_some_and(|due| due <= now) {
                self.asleep_until.store(0, Ordering::SeqCst);
                return true;
            }
            self.asleep_until.store(due.unwrap_or(PARKED), Ordering::SeqCst);
            // Who began to watch before it could see us asleep is seen here.
            if state.next_due() != due {
                continue;
            }
            state = match due {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = Duration::from_nanos(due - now);
                    self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Whether the thread waits for somebody to watch.
    #[cfg(test)]
    pub(super) fn is_parked(&self) -> bool {
        self.asleep_until.load(Ordering::SeqCst) == PARKED
    }
}
