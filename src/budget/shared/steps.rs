//! The points between two stores of a segment. In tests a process can be made to die at any of them.

/// A point was reached.
#[cfg(not(test))]
#[inline(always)]
pub(super) fn reached() {}

#[cfg(test)]
pub(super) use in_tests::{die_at, reached};

#[cfg(test)]
mod in_tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Points left; far more than any test passes, unless one says otherwise.
    static LEFT: AtomicU64 = AtomicU64::new(u64::MAX);

    /// Lets this process be killed at the nth point from now.
    pub(in super::super) fn die_at(nth: u64) {
        LEFT.store(nth, Ordering::SeqCst);
    }

    pub(in super::super) fn reached() {
        if LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
            #[cfg(unix)]
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                .unwrap();
            loop {
                std::thread::park();
            }
        }
    }
}
