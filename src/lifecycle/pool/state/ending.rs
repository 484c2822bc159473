//! Ends: of requests that nobody waits for, of workers, of the pool.

use super::super::super::process::Stream;
use super::super::backoff::MOST_FAILURES;
use super::super::framing::encode;
use super::super::outcome::{Cause, Death, Outcome, RequestId};
use super::super::rpc;
use super::worker::{InFlight, Phase, Recycle};
use super::{Action, Core, INPUT_GRACE, MOST_ABANDONED, WorkerId};
use std::time::Duration;

impl Core {
    /// Nobody waits for this request any more.
    pub(super) fn abandon(&mut self, now: Duration, request: RequestId, timed_out: bool) {
        let outcome = |started| {
            if timed_out { Outcome::TimedOut { started } } else { Outcome::Cancelled }
        };
        if self.take_waiting(request).is_some() {
            return self.finish(request, outcome(false));
        }
        let Some(id) = self.running.remove(&request) else { return };
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let at = worker.in_flight.iter().position(|given| given.request == request);
        let Some(at) = at else { return };
        let InFlight { wire, deadline, .. } = worker.in_flight.remove(at);
        worker.idle_since = now;
        let leaving = worker.is_leaving();
        self.forget_deadline(request, deadline);
        self.finish(request, outcome(true));
        if leaving {
            return;
        }
        if self.settings.is_numbered() {
            self.disown(now, id, wire);
        } else {
            self.counts.recycled.unsynchronised += 1;
            self.end(id, None);
        }
    }

    /// A worker is told that an answer is not wanted any more.
    fn disown(&mut self, now: Duration, id: WorkerId, wire: rpc::WireId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.abandoned.insert(wire);
        let too_many = worker.abandoned.len() > MOST_ABANDONED;
        let bytes = encode(self.settings.protocol, &rpc::cancellation(wire));
        self.actions.push_back(Action::Write(id, None, bytes));
        if too_many {
            self.drain(now, id, Recycle::Unresponsive);
        }
        self.settle(now, id);
    }

    /// A worker takes no more requests, and goes when it has none.
    pub(super) fn drain(&mut self, now: Duration, id: WorkerId, why: Recycle) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.is_leaving() {
            return;
        }
        worker.drain.get_or_insert(why);
        if worker.is_coming() {
            self.end(id, None);
        } else {
            self.settle(now, id);
        }
    }

    /// A worker that is to be replaced goes once it has nothing to do.
    pub(super) fn settle(&mut self, now: Duration, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let Some(why) = worker.drain else { return };
        if worker.phase != Phase::Ready || !worker.in_flight.is_empty() {
            return;
        }
        let longest = now.saturating_add(INPUT_GRACE);
        let until = self.closing.map_or(longest, |closing| closing.min(longest));
        worker.phase = Phase::Retiring { until };
        let recycled = &mut self.counts.recycled;
        match why {
            Recycle::Idle => recycled.idle += 1,
            Recycle::Requests => recycled.requests += 1,
            Recycle::Age => recycled.age += 1,
            Recycle::Memory => recycled.memory += 1,
            Recycle::Unresponsive => recycled.unresponsive += 1,
            Recycle::InputClosed => recycled.input_closed += 1,
            Recycle::Closing => {}
        }
        self.actions.push_back(Action::CloseInput(id));
        self.actions.push_back(Action::Ignore(id, Stream::Output));
    }

    /// A worker is told to end.
    pub(super) fn end(&mut self, id: WorkerId, grace: Option<Duration>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.phase == Phase::Ending {
            return;
        }
        worker.phase = Phase::Ending;
        self.actions.push_back(Action::Ignore(id, Stream::Output));
        self.actions.push_back(Action::End(id, grace));
    }

    /// A worker is of no more use; requests that it has wait for what its end will tell.
    pub(super) fn lose(&mut self, id: WorkerId, cause: Cause) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if !worker.is_leaving() {
            worker.cause = Some(cause);
            self.end(id, None);
        }
    }

    /// What a worker prints means nothing any more: its requests fail now.
    pub(super) fn break_off(&mut self, id: WorkerId, cause: Cause) {
        self.counts.protocol_errors += 1;
        let failures = self.backoff.failures();
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let death = worker.death(cause.clone(), failures);
        let lost = std::mem::take(&mut worker.in_flight);
        self.lose(id, cause);
        self.fail_all(lost, |death| Outcome::ProtocolError(Box::new(death)), &death);
    }

    fn fail_all(&mut self, lost: Vec<InFlight>, outcome: fn(Death) -> Outcome, death: &Death) {
        for given in lost {
            self.running.remove(&given.request);
            self.forget_deadline(given.request, given.deadline);
            self.finish(given.request, outcome(death.clone()));
        }
    }

    /// Nothing is left of a worker.
    pub(super) fn gone(&mut self, now: Duration, id: WorkerId, cause: Cause) {
        let Some(mut worker) = self.workers.remove(&id) else { return };
        let failed = !worker.is_leaving() || worker.cause.is_some();
        if failed {
            let counts = &mut self.counts;
            *if worker.ready_at.is_none() {
                &mut counts.failed_starts
            } else {
                &mut counts.crashes
            } += 1;
            if !worker.was_of_use(now) && self.closing.is_none() {
                self.backoff.fail(now);
            } else {
                self.backoff.reset();
            }
        }
        let death = worker.death(cause, self.backoff.failures());
        let lost = std::mem::take(&mut worker.in_flight);
        self.fail_all(lost, |death| Outcome::WorkerDied(Box::new(death)), &death);
        if failed && self.backoff.failures() >= MOST_FAILURES {
            for request in self.waiting.keys().copied().collect::<Vec<_>>() {
                if self.take_waiting(request).is_some() {
                    self.finish(request, Outcome::NoWorker(Box::new(death.clone())));
                }
            }
        }
    }

    /// The pool ends: what waits fails now, what is in flight when the grace is over.
    pub(in super::super) fn close(&mut self, now: Duration, grace: Duration) {
        let until = now.saturating_add(grace);
        let until = self.closing.map_or(until, |earlier| earlier.min(until));
        self.closing = Some(until);
        for request in self.waiting.keys().copied().collect::<Vec<_>>() {
            if self.take_waiting(request).is_some() {
                self.finish(request, Outcome::Closed);
            }
        }
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            if let Some(worker) = self.workers.get_mut(&id)
                && let Phase::Retiring { until: retiring } = &mut worker.phase
            {
                *retiring = until.min(*retiring);
            }
            self.drain(now, id, Recycle::Closing);
        }
        self.pass_closing(now);
    }

    pub(super) fn pass_closing(&mut self, now: Duration) {
        let Some(until) = self.closing else { return };
        if until <= now {
            for id in self.workers.keys().copied().collect::<Vec<_>>() {
                let Some(worker) = self.workers.get_mut(&id) else { continue };
                let lost = std::mem::take(&mut worker.in_flight);
                for given in lost {
                    self.running.remove(&given.request);
                    self.forget_deadline(given.request, given.deadline);
                    self.finish(given.request, Outcome::Closed);
                }
                self.end(id, None);
            }
        }
        if self.workers.is_empty() && !self.closed {
            self.closed = true;
            self.actions.push_back(Action::Closed);
        }
    }
}
