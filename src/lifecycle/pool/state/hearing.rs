//! What workers do.

use super::super::super::process::{EndedBy, Ending, Event, Outcome as Ended, Stream};
use super::super::framing::encode;
use super::super::notifications::Notification;
use super::super::outcome::{Cause, Outcome};
use super::super::rpc::{self, Incoming, WireId};
use super::worker::{Phase, Recycle};
use super::{Action, Core, SAMPLE_EVERY, WorkerId};
use std::time::Duration;

impl Core {
    pub(super) fn hear_event(&mut self, now: Duration, id: WorkerId, event: Event) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        match event {
            Event::Started { pid } => {
                worker.pid = pid;
                self.begin(now, id);
            }
            Event::Bytes { stream: Stream::Error, bytes } => {
                worker.errors.push(&bytes);
                self.actions.push_back(Action::Taken(id, Stream::Error, bytes.len()));
            }
            Event::Bytes { stream: Stream::Output, bytes } => {
                if !worker.is_leaving() {
                    worker.decoder.push(&bytes);
                    self.read_messages(now, id);
                }
                self.actions.push_back(Action::Taken(id, Stream::Output, bytes.len()));
            }
            Event::StreamEnded { stream: Stream::Output } => self.lose(id, Cause::OutputEnded),
            Event::InputClosed if worker.in_flight.is_empty() => self.lose(id, Cause::InputClosed),
            // What it has it may still answer.
            Event::InputClosed => self.drain(now, id, Recycle::InputClosed),
            Event::StreamEnded { stream: Stream::Error } | Event::InputPassed { .. } => {}
            Event::Ended(ending) => self.hear_end(now, id, &ending),
        }
    }

    fn hear_end(&mut self, now: Duration, id: WorkerId, ending: &Ending) {
        let Some(worker) = self.workers.get(&id) else { return };
        let asked = worker.phase == Phase::Ending;
        // Somebody ended the scope of this pool: what is left of it goes too.
        let scope_ended = match ending.ended_by {
            Some(EndedBy::Deadline) => true,
            Some(EndedBy::Request) => !asked,
            Some(EndedBy::Timeout) | None => false,
        };
        let by_signal = matches!(ending.outcome, Ended::Signalled(_)) && ending.ended_by.is_some();
        let cause = match &worker.cause {
            // How it ended by itself says more than which of its pipes was seen to close first.
            None | Some(Cause::OutputEnded | Cause::InputClosed) if !by_signal => {
                Cause::Ended(ending.outcome)
            }
            None => Cause::Ended(ending.outcome),
            Some(cause) => cause.clone(),
        };
        if scope_ended {
            self.close(now, Duration::ZERO);
        }
        self.gone(now, id, cause);
    }

    /// A worker runs.
    fn begin(&mut self, now: Duration, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.phase != Phase::Starting {
            return;
        }
        match self.settings.startup_probe.as_ref() {
            None => self.ready(now, id),
            Some(probe) => {
                worker.phase = Phase::Probing { until: now.saturating_add(probe.timeout) };
                let text = probe.text.clone();
                self.ask_own(id, &text);
            }
        }
    }

    fn ready(&mut self, now: Duration, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.phase = Phase::Ready;
        worker.own_wire = None;
        worker.ready_at = Some(now);
        worker.idle_since = now;
        worker.answered_at = now;
        let probe = self.settings.startup_probe.as_ref();
        if let Some(then) = probe.and_then(|probe| probe.then.as_ref()) {
            let bytes = encode(self.settings.protocol, then);
            self.actions.push_back(Action::Write(id, None, bytes));
        }
    }

    fn read_messages(&mut self, now: Duration, id: WorkerId) {
        loop {
            let Some(worker) = self.workers.get_mut(&id) else { return };
            if worker.is_leaving() {
                return;
            }
            match worker.decoder.next_message() {
                Err(error) => return self.break_off(id, Cause::Framing(error)),
                Ok(None) => break,
                Ok(Some(message)) if self.settings.is_numbered() => {
                    self.read_numbered(now, id, message);
                }
                Ok(Some(message)) => self.read_in_turn(now, id, message),
            }
        }
        // A beginning of something nobody asked for would be taken for the answer to the next request.
        let Some(worker) = self.workers.get(&id) else { return };
        let asked = !worker.in_flight.is_empty() || worker.is_coming();
        if !asked && !self.settings.is_numbered() && worker.decoder.is_within_message() {
            return self.break_off(id, Cause::Unasked);
        }
        self.settle(now, id);
    }

    /// A message of a protocol of one answer a request, in turn.
    fn read_in_turn(&mut self, now: Duration, id: WorkerId, message: Vec<u8>) {
        let Some(worker) = self.workers.get(&id) else { return };
        match (worker.phase, worker.in_flight.first()) {
            (Phase::Probing { .. }, _) => self.ready(now, id),
            (Phase::Checking { .. }, _) => self.checked(now, id),
            (Phase::Ready, Some(given)) => {
                let wire = given.wire;
                self.answer(now, id, wire, message);
            }
            _ => self.break_off(id, Cause::Unasked),
        }
    }

    fn read_numbered(&mut self, now: Duration, id: WorkerId, message: Vec<u8>) {
        match rpc::read(&message) {
            Err(error) => self.break_off(id, Cause::Framing(error)),
            Ok(Incoming::Answer { id: wire, is_error }) => {
                self.read_answer(now, id, wire, is_error, message);
            }
            Ok(Incoming::Notification) => self.notify(id, false, message),
            Ok(Incoming::Request { id: theirs }) => {
                let answer = encode(self.settings.protocol, &rpc::method_not_found(&theirs));
                self.actions.push_back(Action::Write(id, None, answer));
                self.notify(id, true, message);
            }
        }
    }

    fn read_answer(
        &mut self,
        now: Duration,
        id: WorkerId,
        wire: WireId,
        is_error: bool,
        message: Vec<u8>,
    ) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.own_wire == Some(wire) {
            match worker.phase {
                Phase::Probing { .. } if is_error => self.lose(id, Cause::ProbeFailed),
                Phase::Probing { .. } => self.ready(now, id),
                _ => self.checked(now, id),
            }
        } else if worker.in_flight.iter().any(|given| given.wire == wire) {
            self.answer(now, id, wire, message);
        } else if worker.abandoned.remove(&wire) {
            worker.answered_at = now;
            self.counts.late_answers += 1;
        } else {
            self.break_off(id, Cause::Unasked);
        }
    }

    fn notify(&mut self, id: WorkerId, is_request: bool, text: Vec<u8>) {
        let pid = self.workers.get(&id).map_or(0, |worker| worker.pid);
        self.counts.notifications += 1;
        self.actions.push_back(Action::Notify(Notification { pid, is_request, text }));
    }

    /// A worker answered a health check.
    fn checked(&mut self, now: Duration, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.phase = Phase::Ready;
        worker.own_wire = None;
        worker.answered_at = now;
    }

    fn answer(&mut self, now: Duration, id: WorkerId, wire: WireId, text: Vec<u8>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let at = worker.in_flight.iter().position(|given| given.wire == wire);
        let Some(at) = at else { return };
        let given = worker.in_flight.remove(at);
        worker.answered += 1;
        worker.answered_at = now;
        worker.idle_since = now;
        // The peak of what it needed is likeliest now.
        if let Some(due) = &mut worker.sample_due {
            let soonest = worker.sampled_at.map_or(now, |at| at.saturating_add(SAMPLE_EVERY));
            *due = soonest.max(now).min(*due);
        }
        self.backoff.reset();
        self.running.remove(&given.request);
        self.forget_deadline(given.request, given.deadline);
        self.times.wait.add(given.given_at.saturating_sub(given.asked_at));
        self.times.service.add(now.saturating_sub(given.given_at));
        self.finish(given.request, Outcome::Answer(text));
    }
}
