//! The thread behind one lane: forms spans, gathers them into batches, delivers, and tries again.
//!
//! [`Worker::step`] never sleeps and reads the time from its clock, so that every course of events is a
//! unit test; [`Worker::run`] is the loop around it.

use super::lane::{Fate, Glance, Lane, Retry, Source, Wake};
use super::limits;
use super::retry::{Backoff, LONGEST_REQUESTED_PAUSE};
use super::span::SpanRecord;
use super::stats::{DeliveryError, INTERNAL, LastError};
use crate::platform::clock::Clock;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Where spans go.
pub(super) trait Destination: Send {
    /// Delivers this batch, which is never empty, or says why not. Called again with the same batch after
    /// [`Delivery::Later`].
    fn deliver(&mut self, spans: &[SpanRecord]) -> Delivery;
}

/// How a delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It is there, but for `rejected` spans the destination did not want.
    Done { rejected: u64, complaint: Option<DeliveryError> },
    /// Not now. `after`: not before this time has passed.
    Later { after: Option<Duration>, error: DeliveryError },
    /// The batch is larger than the destination takes.
    TooLarge(DeliveryError),
    /// Never: the destination does not want this batch.
    Refused(DeliveryError),
}

/// What to do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Again,
    Sleep { wake: Wake, seen: Glance, until: Option<Duration> },
    End,
}

#[derive(Debug)]
struct Batch {
    spans: Vec<SpanRecord>,
    /// As announced, one for each span.
    announced: Vec<u64>,
}

/// The thread behind one lane.
pub(super) struct Worker {
    lane: Arc<Lane>,
    destination: Box<dyn Destination>,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    /// Taken from the lane and not formed yet.
    taken: VecDeque<Source>,
    /// Formed; more than one after a batch was halved.
    batches: VecDeque<Batch>,
    retry: Option<Retry>,
    /// When the oldest waiting span has waited long enough.
    due: Option<Duration>,
    flushes_seen: u64,
}

impl Worker {
    pub(super) fn new(
        lane: Arc<Lane>,
        destination: Box<dyn Destination>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Worker {
        Worker {
            lane,
            destination,
            clock,
            backoff: Backoff::new(seed),
            taken: VecDeque::new(),
            batches: VecDeque::new(),
            retry: None,
            due: None,
            flushes_seen: 0,
        }
    }

    /// Works until the lane is ended.
    pub(super) fn run(&mut self) {
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.step())) {
                Ok(Step::Again) => {}
                Ok(Step::Sleep { wake, seen, until }) => {
                    let bound = until.map(|until| until.saturating_sub(self.clock.monotonic()));
                    self.lane.sleep(wake, seen, bound);
                }
                Ok(Step::End) => return,
                Err(_) => self.recover(),
            }
        }
    }

    /// Does one thing.
    pub(super) fn step(&mut self) -> Step {
        let now = self.clock.monotonic();
        let seen = self.lane.glance();
        if seen.ended {
            return Step::End;
        }
        if seen.flushes != self.flushes_seen {
            self.flushes_seen = seen.flushes;
            self.retry = self.retry.filter(|retry| retry.by_request);
        }
        if !self.batches.is_empty() {
            return match self.retry {
                Some(retry) if now < retry.at => {
                    Step::Sleep { wake: Wake::Request, seen, until: Some(retry.at) }
                }
                _ => self.deliver(),
            };
        }
        if !self.taken.is_empty() {
            self.form();
            return Step::Again;
        }
        self.gather(seen, now)
    }

    fn gather(&mut self, seen: Glance, now: Duration) -> Step {
        let settings = self.lane.settings();
        if seen.waiting == 0 {
            self.due = None;
            return Step::Sleep { wake: Wake::Span, seen, until: None };
        }
        let due = *self.due.get_or_insert(now.saturating_add(settings.delay));
        if seen.flushing || seen.waiting >= settings.max_batch || now >= due {
            self.taken = self.lane.take(settings.max_batch);
            self.due = None;
            return Step::Again;
        }
        Step::Sleep { wake: Wake::Batch, seen, until: Some(due) }
    }

    /// Forms spans until a batch is full. One that panics is lost, and no other.
    fn form(&mut self) {
        let mut batch = Batch { spans: Vec::new(), announced: Vec::new() };
        let mut bytes = 0;
        while bytes < self.lane.settings().max_batch_bytes {
            let Some(source) = self.taken.pop_front() else { break };
            let announced = source.bytes;
            // What was handed over is also dropped in here: that may panic as well.
            let formed = catch_unwind(AssertUnwindSafe(move || {
                let mut span = source.span.span();
                limits::apply(&mut span);
                span
            }));
            match formed {
                // A collector would refuse the whole batch for its sake.
                Ok(span) if span.trace_id == [0; 16] || span.span_id == [0; 8] => {
                    self.complain(internal("a span came without ids"));
                    self.lane.finish(Fate::Rejected, 1, announced);
                }
                Ok(span) => {
                    bytes += span.bytes();
                    batch.spans.push(span);
                    batch.announced.push(announced);
                }
                Err(_) => {
                    self.lane.note(|stats| stats.panics += 1);
                    self.complain(internal("forming a span panicked"));
                    self.lane.finish(Fate::Panicked, 1, announced);
                }
            }
        }
        if !batch.spans.is_empty() {
            self.batches.push_back(batch);
        }
    }

    fn deliver(&mut self) -> Step {
        let Some(batch) = self.batches.front() else { return Step::Again };
        match self.destination.deliver(&batch.spans) {
            Delivery::Done { rejected, complaint } => {
                self.settle(rejected);
                if let Some(complaint) = complaint {
                    self.complain(complaint);
                }
            }
            Delivery::Refused(error) => {
                self.complain(error);
                self.settle(u64::MAX);
            }
            Delivery::TooLarge(error) => {
                self.complain(error);
                self.halve();
            }
            Delivery::Later { after, error } => {
                self.lane.note(|stats| stats.retries += 1);
                self.complain(error);
                let pause = match after {
                    Some(after) => after.min(LONGEST_REQUESTED_PAUSE),
                    None => self.backoff.next_pause(),
                };
                // The attempt may have taken long itself: the pause begins when it ended.
                let at = self.clock.monotonic().saturating_add(pause);
                self.set_retry(Some(Retry { at, by_request: after.is_some() }));
            }
        }
        Step::Again
    }

    fn set_retry(&mut self, retry: Option<Retry>) {
        self.retry = retry;
        self.lane.set_retry(retry, self.flushes_seen);
    }

    /// The first batch is done with, but for `rejected` of its spans.
    fn settle(&mut self, rejected: u64) {
        let Some(batch) = self.batches.pop_front() else { return };
        let spans = batch.spans.len() as u64;
        let rejected = rejected.min(spans);
        if rejected < spans {
            self.lane.note(|stats| stats.batches += 1);
        }
        self.backoff.reset();
        if self.retry.is_some() {
            self.set_retry(None);
        }
        // Which ones were rejected nobody says: the bytes go with the first call that counts.
        let mut bytes = batch.announced.iter().sum();
        if rejected > 0 {
            self.lane.finish(Fate::Rejected, rejected, std::mem::take(&mut bytes));
        }
        if rejected < spans {
            self.lane.finish(Fate::Exported, spans - rejected, bytes);
        }
    }

    /// Two halves may fit where one whole does not; a single span that does not is lost.
    fn halve(&mut self) {
        let Some(mut first) = self.batches.pop_front() else { return };
        self.backoff.reset();
        if first.spans.len() < 2 {
            self.lane.finish(Fate::TooLarge, 1, first.announced.iter().sum());
            return;
        }
        let middle = first.spans.len() / 2;
        let second = Batch {
            spans: first.spans.split_off(middle),
            announced: first.announced.split_off(middle),
        };
        self.batches.push_front(second);
        self.batches.push_front(first);
    }

    /// After a panic in a step: what was being delivered would panic again.
    pub(super) fn recover(&mut self) {
        self.lane.note(|stats| stats.panics += 1);
        self.complain(internal("the exporter's thread panicked and was carried on"));
        self.set_retry(None);
        if let Some(batch) = self.batches.pop_front() {
            let bytes = batch.announced.iter().sum();
            self.lane.finish(Fate::Panicked, batch.spans.len() as u64, bytes);
        }
    }

    fn complain(&self, error: DeliveryError) {
        self.lane.note_error(LastError { error, time_ms: self.clock.wall_ms() });
    }
}

fn internal(what: &str) -> DeliveryError {
    DeliveryError {
        code: INTERNAL,
        message: format!("{what}; the spans concerned are lost. Please report this"),
        cause: None,
    }
}
