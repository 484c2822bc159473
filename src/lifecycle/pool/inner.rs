//! One pool between those who ask it and the thread that works it.
//!
//! Whoever asks puts an input into the inbox and rings; only the thread that works the pool (`turn`) touches
//! its state, so that nobody who asks, JavaScript above all, waits for a message to be parsed.
//!
//! The inbox is bounded: requests by what the pool could take at most, outputs by the credit that
//! [`Processes`](super::super::process::Processes) gives, which is renewed when they are worked.

use super::super::process::{Event, Processes};
use super::driver::Driver;
use super::engine::Engine;
use super::memory::TreeMemory;
use super::notifications::{Notification, Notifications};
use super::outcome::{Outcome, Refused, RequestId};
use super::settings::Settings;
use super::state::{Core, Times, WorkerId};
use super::stats::{Counts, Stats};
use crate::platform::clock::Clock;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Hears of one pool, on the thread `plimsoll-pool`: it must not block, and may ask the pool for anything.
pub trait PoolListener: Send + Sync {
    /// The one end of a request that [`super::Pool::request`] took.
    fn finished(&self, request: RequestId, outcome: Outcome);
    /// There is something to take, where there was nothing ([`super::Pool::take_notifications`]).
    fn notified(&self);
    /// The pool was closed and no worker is left; nothing is heard after this.
    fn closed(&self);
}

/// What a pool works with.
pub(super) struct Surroundings {
    pub(super) processes: Arc<dyn Processes>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) memory: Arc<dyn TreeMemory>,
    pub(super) listener: Arc<dyn PoolListener>,
}

pub(super) enum Input {
    Ask { request: RequestId, text: Vec<u8>, at: Duration, timeout: Option<Duration> },
    Cancel(RequestId),
    Close(Duration),
    Heard(WorkerId, Event),
}

#[derive(Default)]
pub(super) struct Inbox {
    inputs: VecDeque<Input>,
    /// Requests among them, and their bytes.
    requests: usize,
    bytes: usize,
    last_request: RequestId,
    /// Requests whose end was not told yet, and whether they were cancelled. Kept apart from the state, so that a
    /// fault in that loses none.
    pub(super) open: HashMap<RequestId, bool>,
    /// No request is taken any more.
    pub(super) closing: bool,
    /// The shortest grace that was asked for.
    grace: Option<Duration>,
    refused: u64,
}

pub(super) struct Inner {
    pub(super) settings: Arc<Settings>,
    pub(super) around: Surroundings,
    pub(super) inbox: Mutex<Inbox>,
    pub(super) engine: Mutex<Engine>,
    pub(super) published: Mutex<Counts>,
    pub(super) notifications: Notifications,
    times: Arc<Times>,
    pub(super) panics: AtomicU64,
    driver: Weak<Driver>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(super) fn new(
        settings: Settings,
        around: Surroundings,
        driver: &Arc<Driver>,
        seed: u64,
    ) -> Arc<Inner> {
        let (settings, times) = (Arc::new(settings), Arc::new(Times::default()));
        let mut core = Core::new(Arc::clone(&settings), Arc::clone(&times), seed);
        core.pass(around.clock.monotonic());
        Arc::new(Inner {
            settings,
            around,
            inbox: Mutex::default(),
            engine: Mutex::new(Engine::new(core)),
            published: Mutex::default(),
            notifications: Notifications::default(),
            times,
            panics: AtomicU64::new(0),
            driver: Arc::downgrade(driver),
        })
    }

    pub(super) fn request(
        &self,
        text: Vec<u8>,
        timeout: Option<Duration>,
    ) -> Result<RequestId, Refused> {
        let at = self.around.clock.monotonic();
        let settings = &self.settings;
        let mut inbox = lock(&self.inbox);
        let refusal = if inbox.closing {
            Some(Refused::Closed)
        } else if inbox.requests >= settings.queue + settings.max * settings.in_flight {
            Some(Refused::Full { most: settings.queue })
        } else if inbox.requests > 0 && inbox.bytes + text.len() > settings.queue_bytes {
            Some(Refused::TooManyBytes { most: settings.queue_bytes })
        } else {
            None
        };
        if let Some(refused) = refusal {
            inbox.refused += 1;
            return Err(refused);
        }
        inbox.last_request += 1;
        let request = inbox.last_request;
        inbox.requests += 1;
        inbox.bytes += text.len();
        inbox.open.insert(request, false);
        inbox.inputs.push_back(Input::Ask { request, text, at, timeout });
        drop(inbox);
        self.ring();
        Ok(request)
    }

    pub(super) fn cancel(&self, request: RequestId) {
        let mut inbox = lock(&self.inbox);
        // Once a request: what waits to be worked stays bounded however often this is asked.
        if inbox.open.get(&request) == Some(&false) {
            inbox.open.insert(request, true);
            inbox.inputs.push_back(Input::Cancel(request));
            drop(inbox);
            self.ring();
        }
    }

    pub(super) fn close(&self, grace: Duration) {
        let mut inbox = lock(&self.inbox);
        inbox.closing = true;
        if inbox.grace.is_none_or(|shortest| grace < shortest) {
            inbox.grace = Some(grace);
            inbox.inputs.push_back(Input::Close(grace));
            drop(inbox);
            self.ring();
        }
    }

    pub(super) fn put(&self, input: Input) {
        lock(&self.inbox).inputs.push_back(input);
        self.ring();
    }

    fn ring(&self) {
        if let Some(driver) = self.driver.upgrade() {
            driver.ring();
        }
    }

    pub(super) fn next_input(&self) -> Option<Input> {
        let mut inbox = lock(&self.inbox);
        let input = inbox.inputs.pop_front()?;
        if let Input::Ask { text, .. } = &input {
            inbox.requests -= 1;
            inbox.bytes -= text.len();
        }
        Some(input)
    }

    pub(super) fn take_notifications(&self, most: usize) -> Vec<Notification> {
        self.notifications.take(most)
    }

    /// What was counted after the last turn, and what waits to be worked.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = *lock(&self.published);
        let inbox = lock(&self.inbox);
        counts.refused += inbox.refused;
        counts.waiting += inbox.requests;
        counts.waiting_bytes += inbox.bytes;
        counts
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            counts: self.counts(),
            wait: self.times.wait.latency(),
            service: self.times.service.latency(),
            notifications_dropped: self.notifications.dropped(),
            panics: self.panics.load(Ordering::Relaxed),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.around.clock.monotonic()
    }
}
