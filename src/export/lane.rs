//! The queue before one destination: bounded, cheap to put into, and emptied by one thread.
//!
//! Its bounds cover what waits and what is being sent. A full lane refuses, and counts it. The thread is
//! woken by the first span after a pause and by a full batch, so that most submissions make no system call.

use super::span::SpanSource;
use super::stats::{DestinationStats, LastError};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How spans are gathered for one destination. The defaults of spans, batch and delay are those of
/// OpenTelemetry's batching processor,
/// <https://opentelemetry.io/docs/specs/otel/trace/sdk/#batching-processor>; the bytes are Plimsoll's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// Most spans waiting or being sent; at least 1. Default 2048.
    pub max_queue: usize,
    /// Most bytes of them as announced by [`SpanSource::bytes`]. Default 16 MiB.
    pub max_queue_bytes: usize,
    /// Most spans in one delivery; at least 1. Default 512.
    pub max_batch: usize,
    /// A delivery is closed with the span that reaches this many bytes. Default 4 MiB.
    pub max_batch_bytes: usize,
    /// Longest time a span waits for others. Default 5 s.
    pub delay: Duration,
}

impl Default for BatchSettings {
    fn default() -> Self {
        BatchSettings {
            max_queue: 2048,
            max_queue_bytes: 16 << 20,
            max_batch: 512,
            max_batch_bytes: 4 << 20,
            delay: Duration::from_secs(5),
        }
    }
}

/// A span that waits.
pub(super) struct Source {
    pub(super) span: Arc<dyn SpanSource>,
    /// As announced when it came.
    pub(super) bytes: u64,
}

/// What the sleeping thread wants to be woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// Any span.
    Span,
    /// A full batch.
    Batch,
    /// A flush or the end only.
    Request,
}

/// Why a span is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Exported,
    Rejected,
    TooLarge,
    Panicked,
}

/// When the destination is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) at: Duration,
    /// The destination named the time itself: nobody may hurry it.
    pub(super) by_request: bool,
}

/// What the thread finds when it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) waiting: usize,
    /// Somebody waits for all that is here.
    pub(super) flushing: bool,
    /// Grows with each flush asked for.
    pub(super) flushes: u64,
    pub(super) ended: bool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Source>,
    stats: DestinationStats,
    /// Spans done with, whatever their fate.
    finished: u64,
    flush_to: u64,
    flushes: u64,
    retry: Option<Retry>,
    asleep: Option<Wake>,
    closed: bool,
    ended: bool,
}

/// The queue before one destination.
pub(super) struct Lane {
    settings: BatchSettings,
    state: Mutex<State>,
    /// For the thread that empties it.
    bell: Condvar,
    /// For those who wait for a flush.
    done: Condvar,
}

impl Lane {
    pub(super) fn new(settings: BatchSettings) -> Lane {
        let settings = BatchSettings {
            max_queue: settings.max_queue.max(1),
            max_batch: settings.max_batch.clamp(1, settings.max_queue.max(1)),
            ..settings
        };
        Lane { settings, state: Mutex::default(), bell: Condvar::new(), done: Condvar::new() }
    }

    pub(super) fn settings(&self) -> &BatchSettings {
        &self.settings
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change below is complete before anything in it could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a span in. `false`: it is lost, and counted.
    pub(super) fn offer(&self, span: Arc<dyn SpanSource>, bytes: usize) -> bool {
        let mut state = self.lock();
        if state.closed {
            state.stats.dropped.closed += 1;
            return false;
        }
        let bytes = bytes as u64;
        let room = self.settings.max_queue_bytes as u64;
        if bytes > room {
            state.stats.dropped.too_large += 1;
            return false;
        }
        let full = state.stats.queued >= self.settings.max_queue as u64;
        if full || state.stats.queued_bytes + bytes > room {
            state.stats.dropped.queue_full += 1;
            return false;
        }
        state.stats.accepted += 1;
        state.stats.queued += 1;
        state.stats.queued_bytes += bytes;
        state.waiting.push_back(Source { span, bytes });
        let wanted = match state.asleep {
            Some(Wake::Span) => true,
            Some(Wake::Batch) => state.waiting.len() >= self.settings.max_batch,
            Some(Wake::Request) | None => false,
        };
        if wanted {
            state.asleep = None;
            drop(state);
            self.bell.notify_one();
        }
        true
    }

    pub(super) fn stats(&self) -> DestinationStats {
        self.lock().stats.clone()
    }

    pub(super) fn glance(&self) -> Glance {
        let state = self.lock();
        Glance {
            waiting: state.waiting.len(),
            flushing: state.finished < state.flush_to,
            flushes: state.flushes,
            ended: state.ended,
        }
    }

    /// Up to `most` spans, oldest first. They count as queued until [`Lane::finish`].
    pub(super) fn take(&self, most: usize) -> VecDeque<Source> {
        let mut state = self.lock();
        let count = most.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    /// Spans have met their fate; `bytes` as announced.
    pub(super) fn finish(&self, fate: Fate, spans: u64, bytes: u64) {
        let mut state = self.lock();
        if state.ended {
            // They were counted as lost when the lane was ended.
            return;
        }
        state.finished += spans;
        let stats = &mut state.stats;
        stats.queued = stats.queued.saturating_sub(spans);
        stats.queued_bytes = stats.queued_bytes.saturating_sub(bytes);
        match fate {
            Fate::Exported => stats.exported += spans,
            Fate::Rejected => stats.dropped.rejected += spans,
            Fate::TooLarge => stats.dropped.too_large += spans,
            Fate::Panicked => stats.dropped.panicked += spans,
        }
        self.done.notify_all();
    }

    /// Lets the thread note something in the counters.
    pub(super) fn note(&self, change: impl FnOnce(&mut DestinationStats)) {
        change(&mut self.lock().stats);
    }

    pub(super) fn note_error(&self, error: LastError) {
        self.note(|stats| stats.last_error = Some(error));
    }

    /// Tells those who wait when the destination is tried again. `flushes` as last seen: a flush asked
    /// for since then will cut a pause of our own choice short.
    pub(super) fn set_retry(&self, retry: Option<Retry>, flushes: u64) {
        let mut state = self.lock();
        let hurried = state.flushes != flushes;
        state.retry = retry.filter(|retry| retry.by_request || !hurried);
        drop(state);
        self.done.notify_all();
    }

    /// Sleeps until `until` from now, or until woken for `wake`; not at all when `seen` is out of date.
    pub(super) fn sleep(&self, wake: Wake, seen: Glance, bound: Option<Duration>) {
        let mut state = self.lock();
        let news = state.flushes != seen.flushes
            || state.ended != seen.ended
            || match wake {
                Wake::Span => state.waiting.len() != seen.waiting,
                Wake::Batch => {
                    state.waiting.len() != seen.waiting
                        && state.waiting.len() >= self.settings.max_batch
                }
                Wake::Request => false,
            };
        if news {
            return;
        }
        state.asleep = Some(wake);
        let mut state = match bound {
            None => self.bell.wait_while(state, |state| state.asleep.is_some()),
            Some(bound) => self
                .bell
                .wait_timeout_while(state, bound, |state| state.asleep.is_some())
                .map(|(state, _)| state)
                .map_err(|poisoned| PoisonError::new(poisoned.into_inner().0)),
        }
        .unwrap_or_else(PoisonError::into_inner);
        state.asleep = None;
    }

    /// Asks for everything accepted so far to be delivered now. To be followed by [`Lane::await_flush`]
    /// with the number it returns.
    pub(super) fn request_flush(&self) -> u64 {
        let mut state = self.lock();
        let target = state.stats.accepted;
        if state.finished >= target || state.ended {
            return target;
        }
        state.flush_to = target;
        state.flushes += 1;
        // It is tried once at once, unless the destination asked to be left alone.
        state.retry = state.retry.filter(|retry| retry.by_request);
        state.asleep = None;
        drop(state);
        self.bell.notify_one();
        target
    }

    /// Waits up to `bound`, which ends at `deadline` on the worker's clock. Ends earlier when nothing will
    /// be tried before then. Returns whether all was delivered or dropped.
    pub(super) fn await_flush(&self, target: u64, bound: Duration, deadline: Duration) -> bool {
        let hopeless = |state: &State| state.retry.is_some_and(|retry| retry.at >= deadline);
        let pending =
            |state: &mut State| state.finished < target && !state.ended && !hopeless(state);
        let waited = self.done.wait_timeout_while(self.lock(), bound, pending);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.finished >= target
    }

    /// From now on nothing more is taken in.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    /// Gives up what is left and lets the thread end.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        state.closed = true;
        state.ended = true;
        state.asleep = None;
        let left = state.stats.queued;
        state.stats.dropped.closed += left;
        state.stats.queued = 0;
        state.stats.queued_bytes = 0;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Not under the lock: what was handed over may do anything when it is dropped.
        drop(waiting);
        self.bell.notify_one();
        self.done.notify_all();
    }
}
