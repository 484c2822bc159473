//! The thread that works pools, `plimsoll-pool`: one for all of the process.
//!
//! It starts with the first pool, sleeps until something happens or is due, and costs nothing while nothing does.
//! A panic in one pool ends that pool alone.

use super::inner::Inner;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static DRIVER: LazyLock<Arc<Driver>> = LazyLock::new(|| Arc::new(Driver::new(true)));

#[derive(Default)]
struct Shared {
    pools: Vec<Arc<Inner>>,
    rung: bool,
    started: bool,
}

/// See the module.
pub(super) struct Driver {
    shared: Mutex<Shared>,
    bell: Condvar,
    threaded: bool,
}

impl Driver {
    fn new(threaded: bool) -> Driver {
        Driver { shared: Mutex::default(), bell: Condvar::new(), threaded }
    }

    pub(super) fn global() -> Arc<Driver> {
        Arc::clone(&DRIVER)
    }

    /// One without a thread: its test calls [`Driver::turn`].
    #[cfg(test)]
    pub(super) fn manual() -> Arc<Driver> {
        Arc::new(Driver::new(false))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a pool worked until it is closed.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(super) fn add(self: &Arc<Self>, pool: Arc<Inner>) -> std::io::Result<()> {
        let mut shared = self.shared();
        if self.threaded && !shared.started {
            let driver = Arc::clone(self);
            std::thread::Builder::new()
                .name("plimsoll-pool".to_owned())
                .spawn(move || driver.run())?;
            shared.started = true;
        }
        shared.pools.push(pool);
        drop(shared);
        self.ring();
        Ok(())
    }

    /// Something happened to a pool.
    pub(super) fn ring(&self) {
        let mut shared = self.shared();
        if !shared.rung {
            shared.rung = true;
            self.bell.notify_one();
        }
    }

    fn run(&self) {
        let mut sleep = None;
        loop {
            let mut shared = self.shared();
            while !shared.rung {
                let Some(longest) = sleep else {
                    shared = self.bell.wait(shared).unwrap_or_else(PoisonError::into_inner);
                    continue;
                };
                let woken = self.bell.wait_timeout(shared, longest);
                shared = woken.unwrap_or_else(PoisonError::into_inner).0;
                break;
            }
            drop(shared);
            sleep = self.turn();
        }
    }

    /// Works every pool. Returns how long there is nothing to do unless something happens.
    pub(super) fn turn(&self) -> Option<Duration> {
        let pools = {
            let mut shared = self.shared();
            shared.rung = false;
            shared.pools.clone()
        };
        let mut sleep: Option<Duration> = None;
        for pool in pools {
            // Pools guard themselves; this is for what lies between.
            let turn = catch_unwind(AssertUnwindSafe(|| pool.turn()));
            let (due, goes_on) = turn.unwrap_or_else(|_| {
                pool.fail();
                (None, false)
            });
            if !goes_on {
                self.shared().pools.retain(|other| !Arc::ptr_eq(other, &pool));
            }
            if let Some(due) = due {
                let longest = due.saturating_sub(pool.now());
                sleep = Some(sleep.map_or(longest, |shorter| shorter.min(longest)));
            }
        }
        sleep
    }

    #[cfg(test)]
    pub(super) fn pools(&self) -> usize {
        self.shared().pools.len()
    }
}
