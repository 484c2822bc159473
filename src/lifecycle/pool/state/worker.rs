//! One worker as the pool knows it.

use super::super::backoff::LIVED;
use super::super::error_tail::ErrorTail;
use super::super::framing::Decoder;
use super::super::outcome::{Cause, RequestId};
use super::super::rpc::WireId;
use super::super::settings::Settings;
use std::collections::BTreeSet;
use std::time::Duration;

/// Names one worker of one pool, never used again.
pub(in super::super) type WorkerId = u64;

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was ordered.
    Starting,
    /// It was asked whether it is ready.
    Probing { until: Duration },
    /// It takes requests, if it is not to be replaced.
    Ready,
    /// It was asked whether it still answers.
    Checking { until: Duration },
    /// Its input was closed, and it may end by itself until then.
    Retiring { until: Duration },
    /// It was told to end.
    Ending,
}

/// Why a worker takes no more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recycle {
    Idle,
    Requests,
    Age,
    Memory,
    Unresponsive,
    InputClosed,
    /// The pool is being closed: no replacement.
    Closing,
}

/// A request that a worker has.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) request: RequestId,
    pub(super) wire: WireId,
    /// Kept until it was accepted for the worker.
    pub(super) text: Vec<u8>,
    pub(super) asked_at: Duration,
    pub(super) given_at: Duration,
    pub(super) deadline: Option<Duration>,
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) phase: Phase,
    pub(super) pid: i32,
    pub(super) decoder: Decoder,
    pub(super) errors: ErrorTail,
    /// In the order they were given.
    pub(super) in_flight: Vec<InFlight>,
    /// Numbers of requests that nobody waits for and that may still be answered.
    pub(super) abandoned: BTreeSet<WireId>,
    /// The number of a probe or health check that was not answered yet.
    pub(super) own_wire: Option<WireId>,
    last_wire: WireId,
    pub(super) ready_at: Option<Duration>,
    /// Since when it has had no request.
    pub(super) idle_since: Duration,
    /// When it answered last, a check included.
    pub(super) answered_at: Duration,
    /// Larger than that of any worker used before it.
    pub(super) used: u64,
    /// Requests it was given.
    pub(super) given: u64,
    /// Requests it answered.
    pub(super) answered: u64,
    pub(super) sampled_at: Option<Duration>,
    pub(super) sample_due: Option<Duration>,
    pub(super) drain: Option<Recycle>,
    /// Why it is of no more use, if it failed.
    pub(super) cause: Option<Cause>,
}

impl Worker {
    pub(super) fn new(settings: &Settings, now: Duration) -> Worker {
        Worker {
            phase: Phase::Starting,
            pid: 0,
            decoder: Decoder::new(settings.protocol, settings.message_bytes),
            errors: ErrorTail::default(),
            in_flight: Vec::new(),
            abandoned: BTreeSet::new(),
            own_wire: None,
            last_wire: 0,
            ready_at: None,
            idle_since: now,
            answered_at: now,
            used: 0,
            given: 0,
            answered: 0,
            sampled_at: None,
            sample_due: None,
            drain: None,
            cause: None,
        }
    }

    pub(super) fn next_wire(&mut self) -> WireId {
        self.last_wire += 1;
        self.last_wire
    }

    /// Whether it is on its way out.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Retiring { .. } | Phase::Ending)
    }

    /// Whether it will be ready.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Probing { .. } | Phase::Checking { .. })
    }

    /// Whether it is ready with nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Ready && self.in_flight.is_empty() && self.drain.is_none()
    }

    /// Whether it can be given one more.
    pub(super) fn has_room(&self, most: usize) -> bool {
        self.phase == Phase::Ready && self.drain.is_none() && self.in_flight.len() < most
    }

    /// Whether starting another one like it promises something.
    pub(super) fn was_of_use(&self, now: Duration) -> bool {
        let lived = self.ready_at.is_some_and(|since| now.saturating_sub(since) >= LIVED);
        self.answered > 0 || lived
    }
}
