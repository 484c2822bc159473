//! Telling the listener of one process what happens to it.

use super::super::{Event, Listener, ProcessId};
use super::stats::Counters;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// See the module.
pub(super) struct Teller {
    process: ProcessId,
    listener: Arc<dyn Listener>,
    counters: Arc<Counters>,
    started: AtomicBool,
}

impl Teller {
    pub(super) fn new(
        process: ProcessId,
        listener: Arc<dyn Listener>,
        counters: Arc<Counters>,
    ) -> Teller {
        Teller { process, listener, counters, started: AtomicBool::new(false) }
    }

    /// Whether [`Event::Started`] was told: before it nothing is read or written.
    pub(super) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// A listener that panics is counted; the other processes go on.
    pub(super) fn tell(&self, event: Event) {
        if matches!(event, Event::Started { .. }) {
            self.started.store(true, Ordering::Relaxed);
        }
        let hear = AssertUnwindSafe(|| self.listener.hear(self.process, event));
        if catch_unwind(hear).is_err() {
            self.count(|counters| &counters.listener_panics, 1);
        }
    }

    pub(super) fn count(&self, which: impl Fn(&Counters) -> &AtomicU64, by: u64) {
        which(&self.counters).fetch_add(by, Ordering::Relaxed);
    }
}
