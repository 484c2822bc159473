//! The thread that reads memory: `plimsoll-sampler`.
//!
//! # What it promises
//!
//! - One for the process, started with the first subscription; it never keeps the process alive. While
//!   nobody watches it is parked and costs nothing.
//! - Resident memory is read as often as the most frequent watcher wants; descendants and control group,
//!   which cost more, every [`SLOW_INTERVAL`], and with every reading while the group is three quarters
//!   full.
//! - Anybody reads the last figures without a lock, with their age.
//! - A reading that fails is counted and the last good one stays, growing older. A panic, in a reading or in
//!   a subscriber, is caught, counted and named, and the work goes on; a subscriber that panics
//!   [`MAX_PANICS`] times in a row is not called again, which is counted too.
//!
//! # Limits
//!
//! [`MAX_SUBSCRIBERS`]; one more is refused. Intervals are kept between [`MIN_INTERVAL`] and
//! [`MAX_INTERVAL`].

mod thread;

use super::reading::{Published, Reading, nanoseconds};
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::memory::{MemoryReadingError, MemoryReadings, SystemMemory};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// How often descendants and control group are read.
pub const SLOW_INTERVAL: Duration = Duration::from_millis(500);
/// The shortest interval of a subscriber.
pub const MIN_INTERVAL: Duration = Duration::from_millis(1);
/// The longest.
pub const MAX_INTERVAL: Duration = Duration::from_secs(3600);
/// Subscribers at once.
pub const MAX_SUBSCRIBERS: usize = 1024;
/// Panics in a row after which a subscriber is left alone.
pub const MAX_PANICS: u32 = 16;

/// What a subscriber wants to have read, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Time between two readings.
    pub interval: Duration,
    /// Whether the descendants are to be read.
    pub tree: bool,
    /// Whether the control group is to be read.
    pub cgroup: bool,
}

impl From<Duration> for Interest {
    /// Everything, this often.
    fn from(interval: Duration) -> Self {
        Self { interval, tree: true, cgroup: true }
    }
}

/// Why a subscription was refused.
#[derive(Debug, Error)]
pub enum SubscribeError {
    /// As many as may subscribe already.
    #[error("{MAX_SUBSCRIBERS} subscribers watch memory already; drop some first")]
    TooMany,
    /// The system gave no thread; trying again may help.
    #[error("the thread that reads memory could not be started: {0}; try again")]
    NoThread(#[source] std::io::Error),
}

impl SubscribeError {
    /// The stable code: `ERR_PLIMSOLL_OVERFLOW` or `ERR_PLIMSOLL_INTERNAL`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SubscribeError::TooMany => "ERR_PLIMSOLL_OVERFLOW",
            SubscribeError::NoThread(_) => "ERR_PLIMSOLL_INTERNAL",
        }
    }
}

/// What the sampler has done and met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SamplerStats {
    /// Steps that read something.
    pub steps: u64,
    /// Readings of resident memory that failed.
    pub rss_failures: u64,
    /// Readings of the descendants that failed.
    pub tree_failures: u64,
    /// Readings of the control group that failed.
    pub cgroup_failures: u64,
    /// Trees with more processes than are read.
    pub cut_trees: u64,
    /// Panics caught, in readings and in subscribers.
    pub panics: u64,
    /// Subscribers no longer called because they panicked again and again.
    pub silenced: u64,
    /// Readings handed out whose figures may be of two moments.
    pub mixed: u64,
    /// Subscribers now.
    pub subscribers: usize,
    /// What the last failure said.
    pub last_failure: Option<String>,
}

type Callback = Box<dyn FnMut(&Reading) + Send>;

struct Subscriber {
    interest: Interest,
    watching: AtomicBool,
    /// When it is to be called next, in nanoseconds.
    next: AtomicU64,
    panics: AtomicU32,
    callback: Mutex<Option<Callback>>,
}

impl Subscriber {
    /// When it is due, if it watches.
    fn due(&self) -> Option<u64> {
        self.watching.load(Ordering::SeqCst).then(|| self.next.load(Ordering::SeqCst))
    }
}

#[derive(Default)]
struct State {
    subscribers: Vec<Arc<Subscriber>>,
    started: bool,
    closed: bool,
}

impl State {
    fn next_due(&self) -> Option<u64> {
        self.subscribers.iter().filter_map(|subscriber| subscriber.due()).min()
    }
}

/// One kind of reading.
#[derive(Default)]
struct Health {
    failures: AtomicU64,
    unsupported: AtomicBool,
}

#[derive(Default)]
struct Counters {
    steps: AtomicU64,
    rss: Health,
    tree: Health,
    cgroup: Health,
    cut_trees: AtomicU64,
    panics: AtomicU64,
    silenced: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

/// When the slow readings were last taken.
#[derive(Default)]
struct Slow {
    tree: Option<Duration>,
    cgroup: Option<Duration>,
}

struct Inner {
    readings: Arc<dyn MemoryReadings>,
    clock: Arc<dyn Clock>,
    threaded: bool,
    published: Published,
    counters: Counters,
    state: Mutex<State>,
    slow: Mutex<Slow>,
    wake: Condvar,
    /// Until when the thread sleeps, in nanoseconds; 0 while it is awake, `u64::MAX` while parked.
    asleep_until: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes readings and tells those who watch.
pub struct Sampler {
    inner: Arc<Inner>,
}

impl Drop for Sampler {
    fn drop(&mut self) {
        lock(&self.inner.state).closed = true;
        self.inner.wake.notify_all();
    }
}

impl Sampler {
    /// The one of this process. Making it starts nothing.
    pub fn global() -> &'static Sampler {
        static GLOBAL: OnceLock<Sampler> = OnceLock::new();
        GLOBAL.get_or_init(|| {
            Sampler::with(Arc::new(SystemMemory::new()), Arc::new(SystemClock), true)
        })
    }

    /// One with a thread of its own, which ends with it.
    #[must_use]
    pub fn new(readings: Arc<dyn MemoryReadings>, clock: Arc<dyn Clock>) -> Self {
        Self::with(readings, clock, true)
    }

    /// One without a thread: its owner calls [`Sampler::step`].
    #[must_use]
    pub fn manual(readings: Arc<dyn MemoryReadings>, clock: Arc<dyn Clock>) -> Self {
        Self::with(readings, clock, false)
    }

    fn with(readings: Arc<dyn MemoryReadings>, clock: Arc<dyn Clock>, threaded: bool) -> Self {
        let inner = Inner {
            readings,
            clock,
            threaded,
            published: Published::default(),
            counters: Counters::default(),
            state: Mutex::default(),
            slow: Mutex::default(),
            wake: Condvar::new(),
            asleep_until: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The last figures; some nanoseconds, no lock.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.inner.published.load()
    }

    /// The last resident memory alone; 0: never read.
    #[must_use]
    pub fn rss(&self) -> u64 {
        self.inner.published.rss()
    }

    /// Reads resident memory now, on the calling thread: some microseconds. The other figures stay as
    /// they were. If it fails that is counted and the last good one comes back with its age.
    pub fn read_now(&self) -> Reading {
        self.inner.read_rss();
        self.inner.published.load()
    }

    /// Has `callback` called on the sampler's thread after every reading that is due for it, from now on.
    /// Give it weak handles to what holds the subscription; it holds up everybody else's readings while it
    /// runs. It may subscribe, and drop subscriptions, also its own.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub fn subscribe(
        &self,
        interest: impl Into<Interest>,
        callback: impl FnMut(&Reading) + Send + 'static,
    ) -> Result<Subscription, SubscribeError> {
        let mut interest = interest.into();
        interest.interval = interest.interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        let subscriber = Arc::new(Subscriber {
            interest,
            watching: AtomicBool::new(true),
            next: AtomicU64::new(nanoseconds(self.inner.clock.monotonic())),
            panics: AtomicU32::new(0),
            callback: Mutex::new(Some(Box::new(callback))),
        });
        let mut state = lock(&self.inner.state);
        if state.subscribers.len() >= MAX_SUBSCRIBERS {
            return Err(SubscribeError::TooMany);
        }
        if self.inner.threaded && !state.started {
            Inner::start(&self.inner).map_err(SubscribeError::NoThread)?;
            state.started = true;
        }
        state.subscribers.push(Arc::clone(&subscriber));
        drop(state);
        self.inner.wake.notify_all();
        Ok(Subscription { inner: Arc::clone(&self.inner), subscriber })
    }

    /// Takes the readings that are due at `now` and calls those who wait for them. Returns when the next
    /// are due; `None`: nobody watches. The thread does nothing else; tests call it with times of their own.
    pub fn step(&self, now: Duration) -> Option<Duration> {
        self.inner.step(now)
    }

    /// What was done and met so far.
    #[must_use]
    pub fn stats(&self) -> SamplerStats {
        let counters = &self.inner.counters;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SamplerStats {
            steps: load(&counters.steps),
            rss_failures: load(&counters.rss.failures),
            tree_failures: load(&counters.tree.failures),
            cgroup_failures: load(&counters.cgroup.failures),
            cut_trees: load(&counters.cut_trees),
            panics: load(&counters.panics),
            silenced: load(&counters.silenced),
            mixed: self.inner.published.mixed(),
            subscribers: lock(&self.inner.state).subscribers.len(),
            last_failure: lock(&counters.last_failure).clone(),
        }
    }
}

impl Inner {
    fn failed(&self, what: String) {
        *lock(&self.counters.last_failure) = Some(what);
    }

    /// Takes one reading. `None`: there is none to publish.
    fn take<T>(
        &self,
        health: &Health,
        read: impl FnOnce(&dyn MemoryReadings) -> Result<T, MemoryReadingError>,
    ) -> Option<T> {
        if health.unsupported.load(Ordering::Relaxed) {
            return None;
        }
        match catch_unwind(AssertUnwindSafe(|| read(&*self.readings))) {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => {
                health.unsupported.store(error.is_unsupported(), Ordering::Relaxed);
                self.failed(error.to_string());
            }
            Err(_) => {
                self.counters.panics.fetch_add(1, Ordering::Relaxed);
                self.failed("a panic while memory was read".to_owned());
            }
        }
        health.failures.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn read_rss(&self) {
        // The time before the reading: an age may be stated too high, never too low.
        let at = self.clock.monotonic();
        if let Some(rss) = self.take(&self.counters.rss, |readings| readings.resident()) {
            self.published.set_rss(rss, at);
        }
    }

    fn step(&self, now: Duration) -> Option<Duration> {
        let stamp = nanoseconds(now);
        let (due, tree, cgroup) = {
            let state = lock(&self.state);
            let due = |subscriber: &Arc<Subscriber>| subscriber.due().is_some_and(|at| at <= stamp);
            let watching = |wants: fn(&Interest) -> bool| {
                state.subscribers.iter().any(|one| one.due().is_some() && wants(&one.interest))
            };
            let tree = watching(|interest| interest.tree);
            let cgroup = watching(|interest| interest.cgroup);
            let due: Vec<_> = state.subscribers.iter().filter(|one| due(one)).cloned().collect();
            (due, tree, cgroup)
        };
        if !due.is_empty() {
            self.counters.steps.fetch_add(1, Ordering::Relaxed);
            self.read_rss();
            self.read_slow(now, tree, cgroup);
            let reading = self.published.load();
            for subscriber in due {
                self.call(&subscriber, &reading, now);
            }
        }
        lock(&self.state).next_due().map(Duration::from_nanos)
    }

    fn read_slow(&self, now: Duration, tree: bool, cgroup: bool) {
        let mut slow = lock(&self.slow);
        let passed = |last: Option<Duration>| {
            last.is_none_or(|last| now.saturating_sub(last) >= SLOW_INTERVAL)
        };
        if tree && passed(slow.tree) {
            slow.tree = Some(now);
            let at = self.clock.monotonic();
            if let Some(read) = self.take(&self.counters.tree, |readings| readings.descendants()) {
                self.counters.cut_trees.fetch_add(u64::from(read.cut), Ordering::Relaxed);
                self.published.set_tree(Some(read.resident), at);
            }
        }
        if cgroup && (passed(slow.cgroup) || self.is_pressed()) {
            slow.cgroup = Some(now);
            let at = self.clock.monotonic();
            if let Some(read) = self.take(&self.counters.cgroup, |readings| readings.cgroup()) {
                let used = read.map(|read| read.used);
                self.published.set_cgroup(used, read.and_then(|read| read.limit), at);
            }
        }
    }

    /// Whether the control group is three quarters full: then half a second is too long to look away.
    fn is_pressed(&self) -> bool {
        let reading = self.published.load();
        match (reading.cgroup_used, reading.cgroup_limit) {
            (Some(used), Some(limit)) => used >= limit - limit / 4,
            _ => false,
        }
    }

    fn call(&self, subscriber: &Subscriber, reading: &Reading, now: Duration) {
        let next = now.saturating_add(subscriber.interest.interval);
        subscriber.next.store(nanoseconds(next), Ordering::SeqCst);
        let mut callback = lock(&subscriber.callback);
        let Some(call) = callback.as_mut() else { return };
        if catch_unwind(AssertUnwindSafe(|| call(reading))).is_ok() {
            subscriber.panics.store(0, Ordering::Relaxed);
            return;
        }
        self.counters.panics.fetch_add(1, Ordering::Relaxed);
        self.failed("a panic in a subscriber to memory readings".to_owned());
        if subscriber.panics.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_PANICS {
            subscriber.watching.store(false, Ordering::SeqCst);
            self.counters.silenced.fetch_add(1, Ordering::Relaxed);
            *callback = None;
        }
    }
}

/// A subscriber's place; it ends when this is dropped. A call already under way may still end after that:
/// dropping never waits, for the callback may want a lock the dropping thread holds.
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    inner: Arc<Inner>,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// Begins to watch again: the thread wakes if it sleeps past the time this subscriber is due. Some
    /// nanoseconds while the thread is busy anyway, a system call when it is parked.
    pub fn watch(&self) {
        if self.subscriber.panics.load(Ordering::Relaxed) >= MAX_PANICS {
            return;
        }
        // Either the thread, about to sleep, sees this, or we see that it sleeps.
        self.subscriber.watching.store(true, Ordering::SeqCst);
        let sleeps_until = self.inner.asleep_until.load(Ordering::SeqCst);
        if sleeps_until > self.subscriber.next.load(Ordering::SeqCst) {
            // It holds this lock from the moment it says it sleeps until it does.
            drop(lock(&self.inner.state));
            self.inner.wake.notify_all();
        }
    }

    /// Wants nothing until the next [`watch`](Self::watch); the thread parks when it wakes and nobody does.
    pub fn rest(&self) {
        self.subscriber.watching.store(false, Ordering::SeqCst);
    }

    /// Whether it is still called; not after [`MAX_PANICS`] panics in a row.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.subscriber.panics.load(Ordering::Relaxed) < MAX_PANICS
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.subscriber.watching.store(false, Ordering::SeqCst);
        lock(&self.inner.state).subscribers.retain(|one| !Arc::ptr_eq(one, &self.subscriber));
        // Held while it runs, perhaps by this very thread: then it goes with its last handle.
        let callback = match self.subscriber.callback.try_lock() {
            Ok(mut callback) => callback.take(),
            Err(_) => None,
        };
        drop(callback);
    }
}

#[cfg(test)]
mod tests;
