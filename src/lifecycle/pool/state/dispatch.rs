//! Who gets a request, and when another worker is started.

use super::super::framing::encode;
use super::super::outcome::{Cause, Death, Outcome, Refused, RequestId};
use super::super::rpc;
use super::worker::{InFlight, Phase, Recycle, Worker};
use super::{Action, Core, MOST_TRIES, SAMPLE_EVERY, Waiting, WorkerId};
use std::time::Duration;

impl Core {
    /// Puts a request where it belongs by its number: behind all that were asked before it.
    pub(super) fn wait(&mut self, request: RequestId, waiting: Waiting) {
        if let Some(deadline) = waiting.deadline {
            self.deadlines.insert((deadline, request));
        }
        self.waiting_bytes += waiting.text.len();
        self.waiting.insert(request, waiting);
    }

    /// Takes one that waits out of the queue; its deadline is forgotten.
    pub(super) fn take_waiting(&mut self, request: RequestId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&request)?;
        self.waiting_bytes -= waiting.text.len();
        if let Some(deadline) = waiting.deadline {
            self.deadlines.remove(&(deadline, request));
        }
        Some(waiting)
    }

    pub(super) fn refuse_waiting(&mut self, request: RequestId, refused: Refused) {
        if self.take_waiting(request).is_some() {
            self.finish(request, Outcome::Refused(refused));
        }
    }

    /// Gives the oldest requests to workers that can take them.
    pub(super) fn dispatch(&mut self, now: Duration) {
        while let Some((&request, _)) = self.waiting.first_key_value() {
            let Some(worker) = self.pick() else { return };
            let Some(waiting) = self.take_waiting(request) else { return };
            self.give(now, worker, request, waiting);
        }
    }

    /// The worker that was used last among those with the fewest requests: others come to be idle so long that
    /// they end.
    fn pick(&self) -> Option<WorkerId> {
        let most = self.settings.in_flight;
        let ready = self.workers.iter().filter(|(_, worker)| worker.has_room(most));
        ready
            .min_by_key(|(_, worker)| (worker.in_flight.len(), std::cmp::Reverse(worker.used)))
            .map(|(id, _)| *id)
    }

    fn give(&mut self, now: Duration, id: WorkerId, request: RequestId, waiting: Waiting) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let wire = worker.next_wire();
        let Some(bytes) = message(&self.settings, &waiting.text, wire) else {
            // Looked at when it was asked: cannot be.
            return self.finish(request, Outcome::Refused(Refused::Internal));
        };
        self.last_use += 1;
        worker.used = self.last_use;
        worker.given += 1;
        let Waiting { text, asked_at, deadline, tries } = waiting;
        let given = InFlight { request, wire, text, asked_at, given_at: now, deadline, tries };
        worker.in_flight.push(given);
        if self.settings.max_rss.is_some() && worker.sample_due.is_none() {
            worker.sample_due = Some(now.saturating_add(SAMPLE_EVERY));
        }
        if self.settings.max_requests.is_some_and(|most| worker.given >= most) {
            worker.drain = Some(Recycle::Requests);
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, request));
        }
        self.running.insert(request, id);
        self.counts.most_in_flight = self.counts.most_in_flight.max(self.running.len());
        self.actions.push_back(Action::Write(id, Some(request), bytes));
    }

    /// A request that was not written goes back to where it was, or fails when that happened too often.
    pub(super) fn give_back(&mut self, id: WorkerId, request: RequestId) {
        let failures = self.backoff.failures();
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let at = worker.in_flight.iter().position(|given| given.request == request);
        let Some(at) = at else { return };
        let given = worker.in_flight.remove(at);
        let death = worker.death(Cause::InputClosed, failures);
        self.running.remove(&request);
        let InFlight { text, asked_at, deadline, tries, .. } = given;
        let tries = tries + 1;
        if tries >= MOST_TRIES {
            self.forget_deadline(request, deadline);
            return self.finish(request, Outcome::WorkerDied(Box::new(death)));
        }
        self.counts.passed_on += 1;
        self.wait(request, Waiting { text, asked_at, deadline, tries });
    }

    pub(super) fn forget_deadline(&mut self, request: RequestId, deadline: Option<Duration>) {
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, request));
        }
    }

    /// How many workers are to be started as soon as the backoff allows.
    pub(super) fn wanted(&self) -> usize {
        if self.closing.is_some() {
            return 0;
        }
        let count = |is: fn(&Worker) -> bool| self.workers.values().filter(|w| is(w)).count();
        let coming = count(Worker::is_coming);
        let for_requests = self.waiting.len().div_ceil(self.settings.in_flight);
        let for_requests = for_requests.saturating_sub(coming);
        let for_min = self.settings.min.saturating_sub(self.staying());
        let wanted =
            for_requests.max(for_min).min(self.settings.max.saturating_sub(self.workers.len()));
        // One that failed and is not gone yet will be a failure: it is waited for.
        let failing = count(|w| w.phase == Phase::Ending && w.cause.is_some() && w.answered == 0);
        if failing > 0 {
            0
        } else if self.backoff.failures() > 0 {
            // One at a time until one is of use.
            wanted.min(1_usize.saturating_sub(coming))
        } else {
            wanted
        }
    }

    pub(super) fn start_workers(&mut self, now: Duration) {
        if now < self.backoff.not_before() {
            return;
        }
        for _ in 0..self.wanted() {
            self.last_worker += 1;
            let id = self.last_worker;
            self.workers.insert(id, Worker::new(&self.settings, now));
            self.counts.started += 1;
            self.counts.restarted += u64::from(self.backoff.failures() > 0);
            self.counts.most_workers = self.counts.most_workers.max(self.workers.len());
            self.actions.push_back(Action::Start(id));
        }
    }

    /// Sends what the pool itself asks of a worker.
    pub(super) fn ask_own(&mut self, id: WorkerId, text: &[u8]) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let wire = worker.next_wire();
        worker.own_wire = Some(wire);
        if let Some(bytes) = message(&self.settings, text, wire) {
            self.actions.push_back(Action::Write(id, None, bytes));
        }
    }

    /// Asks an idle worker whether it still answers.
    pub(super) fn check(&mut self, now: Duration, id: WorkerId) {
        let Some(check) = self.settings.health_check.clone() else { return };
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.phase = Phase::Checking { until: now.saturating_add(check.timeout) };
        self.ask_own(id, &check.text);
    }
}

impl Worker {
    pub(super) fn death(&self, cause: Cause, failures: u32) -> Death {
        Death { cause, pid: self.pid, error_tail: self.errors.bytes(), failures }
    }
}

/// A request as it is written.
fn message(
    settings: &super::super::settings::Settings,
    text: &[u8],
    wire: rpc::WireId,
) -> Option<Vec<u8>> {
    if settings.is_numbered() {
        Some(encode(settings.protocol, &rpc::with_id(text, wire)?))
    } else {
        Some(encode(settings.protocol, text))
    }
}
