//! Pools: workers kept alive and asked again and again.
//!
//! A worker is a process that reads requests from its standard input and answers on its standard output, in a
//! protocol of lines, of JSON lines, or of JSON-RPC with `Content-Length` headers ([`Protocol`]).
//!
//! # What it promises
//!
//! - A request that was taken has exactly one [`Outcome`], and is written to a worker at most once: what may have
//!   been carried out is never repeated. Only one that a worker did not take at all goes to another.
//! - Requests are given to workers in the order they were asked; one that waits in vain for as long as it may is
//!   told so.
//! - There are never more than `max` workers, those that are starting or ending included.
//! - A worker that crashes or breaks the protocol fails only the requests it has. The next is started at once if
//!   it had answered anything, else after a pause ([`backoff`]); after [`backoff::MOST_FAILURES`] of no use in a row
//!   what waits fails with the reason of the last, and later requests try again after the pause.
//! - The worker that was used last is asked first, so that those nobody needs become idle and end.
//! - A worker is recycled for its age, its memory or its number of requests only when it has nothing to do: a
//!   request is never ended for it.
//!
//! # Answers out of turn
//!
//! Answers in lines carry no number. When a request is cancelled or times out on such a worker, its answer would
//! be taken for that of the next: the worker is ended and replaced. For the same reason anything printed while
//! nothing is asked costs the worker. With JSON-RPC the worker is told by `$/cancelRequest` and goes on; the late
//! answer is dropped by its number. One that leaves more than 32 of them unanswered is replaced.
//!
//! Notifications and requests of JSON-RPC workers wait to be taken, [`MOST_NOTIFICATIONS`] of them and
//! [`MOST_NOTIFICATION_BYTES`] at most; more are dropped and counted. Requests of workers are answered by "method
//! not found": nothing here carries them out.
//!
//! # Limits
//!
//! | What | Bound | When it is reached |
//! |---|---|---|
//! | requests that wait | [`Settings::queue`], [`Settings::queue_bytes`] | refused, `ERR_PLIMSOLL_OVERFLOW` |
//! | a message | [`Settings::message_bytes`] | of a request: refused; of a worker: it is ended |
//! | a header | [`framing::MOST_HEADER`] | the worker is ended |
//! | standard error of a worker | the last [`ERROR_TAIL`] bytes | the rest is dropped |
//! | what a worker has not read | [`MOST_UNREAD_INPUT`](super::process::MOST_UNREAD_INPUT) | it is ended |
//!
//! The memory of a worker's tree is read once a second at most, and only while it works; descendants that have
//! left its tree (forked twice) are not counted.
//!
//! When the scope of a pool is ended natively, its workers end and the pool closes with them.

pub mod backoff;
mod driver;
mod engine;
mod error_tail;
pub mod framing;
mod inner;
mod memory;
mod notifications;
mod outcome;
mod rpc;
mod settings;
mod state;
mod stats;
#[cfg(test)]
mod tests;

pub use inner::PoolListener;
pub use memory::TreeMemory;
pub use notifications::{MOST_NOTIFICATION_BYTES, MOST_NOTIFICATIONS, Notification};
pub use outcome::{Cause, Death, Outcome, Refused, RequestId};
pub use settings::{
    HealthCheck, LONGEST_MESSAGE, MOST_IN_FLIGHT, MOST_QUEUED, MOST_WORKERS, Protocol, Settings,
    SettingsError, StartupProbe, Unfit,
};
pub use stats::{Counts, Latency, RecycledCounts, Stats, WorkerCounts};

use super::process::Processes;
use crate::platform::clock::Clock;
use driver::Driver;
use inner::{Inner, Surroundings};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// Bytes kept of the end of a worker's standard error.
pub const ERROR_TAIL: usize = 4096;

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting that cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The system gave no thread.
    #[error("no thread could be started for pools: {0}; end other work and try again")]
    NoThread(#[from] std::io::Error),
}

impl OpenError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Settings(_) => "ERR_PLIMSOLL_CONFIG",
            OpenError::NoThread(_) => "ERR_PLIMSOLL_INTERNAL",
        }
    }
}

/// Workers of one command. Dropped, it is closed without grace.
pub struct Pool {
    inner: Arc<Inner>,
}

impl Pool {
    /// Opens a pool and has its `min` workers started.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. That a worker cannot be started is no error here: requests are told.
    pub fn open(
        settings: Settings,
        processes: Arc<dyn Processes>,
        clock: Arc<dyn Clock>,
        memory: Arc<dyn TreeMemory>,
        listener: Arc<dyn PoolListener>,
    ) -> Result<Pool, OpenError> {
        let around = Surroundings { processes, clock, memory, listener };
        Pool::open_on(&Driver::global(), settings, around)
    }

    fn open_on(
        driver: &Arc<Driver>,
        settings: Settings,
        around: Surroundings,
    ) -> Result<Pool, OpenError> {
        settings.check()?;
        // The standard library seeds each `RandomState` differently.
        let seed = RandomState::new().build_hasher().finish();
        let inner = Inner::new(settings, around, driver, seed);
        driver.add(Arc::clone(&inner))?;
        Ok(Pool { inner })
    }

    /// Asks something: the text of one message, without its end; with JSON-RPC an object without `id`, which the
    /// pool puts in. The time counts from now, waiting included; `None` is for ever.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing is heard of it then. It may be refused later for the same reasons, as its outcome.
    pub fn request(&self, text: Vec<u8>, timeout: Option<Duration>) -> Result<RequestId, Refused> {
        self.inner.request(text, timeout)
    }

    /// Nobody wants the answer any more. One that is finished stays as it is.
    pub fn cancel(&self, request: RequestId) {
        self.inner.cancel(request);
    }

    /// Ends the pool: requests that wait fail now, those in flight when the grace is over. Said again, the
    /// shorter grace counts.
    pub fn close(&self, grace: Duration) {
        self.inner.close(grace);
    }

    /// The oldest of what workers said without being asked, at most so many.
    #[must_use]
    pub fn take_notifications(&self, most: usize) -> Vec<Notification> {
        self.inner.take_notifications(most)
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.inner.close(Duration::ZERO);
    }
}
