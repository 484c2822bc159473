//! What a pool does, as a function of what happens and when: no thread, no clock, no process.
//!
//! Everything that happens is a call with the time; what must be done for it are [`Action`]s, taken in their
//! order with [`Core::next_action`]. [`Core::due`] says when [`Core::pass`] is to be called at the latest.
//!
//! # What holds at any time
//!
//! - A request is in one of three places: waiting, in flight on one worker, or finished; it moves from the
//!   first to the last only. It goes back to waiting only when nothing of it was written.
//! - A worker counts from its order until nothing of it is left; there are never more than `max`.
//! - Requests are given to workers in the order they were asked.

mod dispatch;
mod ending;
mod hearing;
mod time;
mod worker;

pub(super) use worker::WorkerId;

use super::super::process::{Event, Refusal, Stream};
use super::backoff::Backoff;
use super::notifications::Notification;
use super::outcome::{Cause, Outcome, Refused, RequestId};
use super::settings::Settings;
use super::stats::{Counts, Durations, WorkerCounts};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use worker::{Phase, Recycle, Worker};

/// How long a worker whose input was closed may take to end before it is told to.
pub(super) const INPUT_GRACE: Duration = Duration::from_secs(2);
/// Between two readings of the memory of a worker at least.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Requests that one worker may leave unanswered after they were abandoned.
pub(super) const MOST_ABANDONED: usize = 32;
/// Workers that a request may be given to, none of which takes it.
const MOST_TRIES: u32 = 3;

/// What must be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Start one; [`Core::not_started`] if that is refused.
    Start(WorkerId),
    /// Write to it; [`Core::written`] or [`Core::not_written`] with its request.
    Write(WorkerId, Option<RequestId>, Vec<u8>),
    CloseInput(WorkerId),
    /// End its tree; after this grace where it is not its own.
    End(WorkerId, Option<Duration>),
    Taken(WorkerId, Stream, usize),
    Ignore(WorkerId, Stream),
    /// Read the resident memory of the tree below this process; [`Core::sampled`].
    Sample(WorkerId, i32),
    Notify(Notification),
    Finish(RequestId, Outcome),
    /// Nothing is left of the pool.
    Closed,
}

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    text: Vec<u8>,
    asked_at: Duration,
    deadline: Option<Duration>,
    tries: u32,
}

/// Times of answered requests.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) wait: Durations,
    pub(super) service: Durations,
}

#[derive(Debug)]
pub(super) struct Core {
    settings: Arc<Settings>,
    waiting: BTreeMap<RequestId, Waiting>,
    waiting_bytes: usize,
    running: HashMap<RequestId, WorkerId>,
    deadlines: BTreeSet<(Duration, RequestId)>,
    workers: BTreeMap<WorkerId, Worker>,
    last_worker: WorkerId,
    last_use: u64,
    backoff: Backoff,
    /// When what is in flight must be over.
    closing: Option<Duration>,
    closed: bool,
    counts: Counts,
    times: Arc<Times>,
    actions: VecDeque<Action>,
}

impl Core {
    pub(super) fn new(settings: Arc<Settings>, times: Arc<Times>, seed: u64) -> Core {
        Core {
            settings,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            running: HashMap::new(),
            deadlines: BTreeSet::new(),
            workers: BTreeMap::new(),
            last_worker: 0,
            last_use: 0,
            backoff: Backoff::new(seed),
            closing: None,
            closed: false,
            counts: Counts::default(),
            times,
            actions: VecDeque::new(),
        }
    }

    /// The oldest thing that must be done.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether nothing will happen any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// A request was asked at `asked_at`. Numbers rise.
    pub(super) fn ask(
        &mut self,
        now: Duration,
        request: RequestId,
        text: Vec<u8>,
        (asked_at, timeout): (Duration, Option<Duration>),
    ) {
        if let Some(refused) = self.refusal(&text) {
            return self.finish(request, Outcome::Refused(refused));
        }
        let deadline = timeout.map(|timeout| asked_at.saturating_add(timeout));
        self.wait(request, Waiting { text, asked_at, deadline, tries: 0 });
        self.pass(now);
        // What a worker has already is no longer in the queue.
        if self.waiting.len() > self.settings.queue {
            self.refuse_waiting(request, Refused::Full { most: self.settings.queue });
        } else if self.waiting_bytes > self.settings.queue_bytes {
            let most = self.settings.queue_bytes;
            self.refuse_waiting(request, Refused::TooManyBytes { most });
        }
        self.counts.most_waiting = self.counts.most_waiting.max(self.waiting.len());
    }

    fn refusal(&self, text: &[u8]) -> Option<Refused> {
        if self.closing.is_some() {
            return Some(Refused::Closed);
        }
        self.settings.unfit(text).map(Refused::Unfit)
    }

    /// Its asker wants no answer any more. Nothing happens to one that is finished.
    pub(super) fn cancel(&mut self, now: Duration, request: RequestId) {
        self.abandon(now, request, false);
        self.pass(now);
    }

    /// Something happened to a worker.
    pub(super) fn hear(&mut self, now: Duration, worker: WorkerId, event: Event) {
        self.hear_event(now, worker, event);
        self.pass(now);
    }

    /// A worker could not be started.
    pub(super) fn not_started(&mut self, now: Duration, worker: WorkerId, refusal: Refusal) {
        self.gone(now, worker, Cause::NotStarted(refusal));
        self.pass(now);
    }

    /// A request was accepted for its worker.
    pub(super) fn written(&mut self, worker: WorkerId, request: RequestId) {
        let Some(worker) = self.workers.get_mut(&worker) else { return };
        if let Some(given) = worker.in_flight.iter_mut().find(|given| given.request == request) {
            given.text = Vec::new();
        }
    }

    /// A worker takes no more input; nothing of this request was written.
    pub(super) fn not_written(
        &mut self,
        now: Duration,
        worker: WorkerId,
        request: Option<RequestId>,
    ) {
        if let Some(request) = request {
            self.give_back(worker, request);
        }
        self.lose(worker, Cause::InputClosed);
        self.pass(now);
    }

    /// The resident memory of a worker's tree; `None` when it could not be read.
    pub(super) fn sampled(&mut self, now: Duration, id: WorkerId, resident: Option<u64>) {
        self.counts.unread_memory += u64::from(resident.is_none());
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.sampled_at = Some(now);
        worker.sample_due =
            (!worker.in_flight.is_empty()).then(|| now.saturating_add(SAMPLE_EVERY));
        if resident.zip(self.settings.max_rss).is_some_and(|(is, most)| is > most) {
            self.drain(now, id, Recycle::Memory);
        }
        self.pass(now);
    }

    /// What is counted, and what is now.
    pub(super) fn counts(&self) -> Counts {
        let mut workers = WorkerCounts::default();
        for worker in self.workers.values() {
            *match worker.phase {
                Phase::Starting | Phase::Probing { .. } => &mut workers.starting,
                Phase::Retiring { .. } | Phase::Ending => &mut workers.ending,
                Phase::Ready if worker.drain.is_some() => &mut workers.draining,
                Phase::Ready if worker.in_flight.is_empty() => &mut workers.idle,
                Phase::Ready | Phase::Checking { .. } => &mut workers.busy,
            } += 1;
        }
        Counts {
            workers,
            waiting: self.waiting.len(),
            waiting_bytes: self.waiting_bytes,
            in_flight: self.running.len(),
            ..self.counts
        }
    }

    /// Workers that are not on their way out, nor will be soon.
    fn staying(&self) -> usize {
        let workers = self.workers.values();
        workers.filter(|worker| !worker.is_leaving() && worker.drain.is_none()).count()
    }

    /// The end of a request.
    fn finish(&mut self, request: RequestId, outcome: Outcome) {
        *match outcome {
            Outcome::Answer(_) => &mut self.counts.answered,
            Outcome::TimedOut { .. } => &mut self.counts.timed_out,
            Outcome::Cancelled => &mut self.counts.cancelled,
            Outcome::WorkerDied(_) | Outcome::ProtocolError(_) | Outcome::NoWorker(_) => {
                &mut self.counts.failed
            }
            Outcome::Refused(_) => &mut self.counts.refused,
            Outcome::Closed => &mut self.counts.closed,
        } += 1;
        self.actions.push_back(Action::Finish(request, outcome));
    }
}
