//! What is due, and when something will be.

use super::super::outcome::Cause;
use super::super::settings::{Protocol, Settings};
use super::worker::{Phase, Recycle, Worker};
use super::{Action, Core, WorkerId};
use std::time::Duration;

impl Core {
    /// Time has passed: whatever is due is done, and requests are given to workers.
    pub(in super::super) fn pass(&mut self, now: Duration) {
        while let Some(&(deadline, request)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            self.abandon(now, request, true);
        }
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.pass_worker(now, id);
        }
        self.pass_closing(now);
        self.dispatch(now);
        self.start_workers(now);
    }

    fn pass_worker(&mut self, now: Duration, id: WorkerId) {
        let Some(worker) = self.workers.get(&id) else { return };
        match worker.phase {
            Phase::Probing { until } if until <= now => self.lose(id, Cause::ProbeTimedOut),
            Phase::Checking { until } if until <= now => {
                self.counts.failed_checks += 1;
                self.lose(id, Cause::CheckTimedOut);
            }
            Phase::Retiring { until } if until <= now => self.end(id, None),
            Phase::Ready => self.pass_ready(now, id),
            _ => {}
        }
    }

    fn pass_ready(&mut self, now: Duration, id: WorkerId) {
        let spare = self.staying() > self.settings.min;
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.sample_due.is_some_and(|due| due <= now) {
            worker.sample_due = None;
            self.actions.push_back(Action::Sample(id, worker.pid));
        }
        if self.settings.age_due(worker).is_some_and(|due| due <= now) {
            return self.drain(now, id, Recycle::Age);
        }
        if !worker.is_idle() || !self.waiting.is_empty() {
            return;
        }
        if spare && self.settings.idle_due(worker) <= now {
            self.drain(now, id, Recycle::Idle);
        } else if self.settings.check_due(worker).is_some_and(|due| due <= now) {
            self.check(now, id);
        }
    }

    /// When [`Core::pass`] must be called at the latest.
    pub(in super::super) fn due(&self) -> Option<Duration> {
        let spare = self.staying() > self.settings.min;
        let workers = self.workers.values().filter_map(|worker| match worker.phase {
            Phase::Probing { until } | Phase::Checking { until } | Phase::Retiring { until } => {
                Some(until)
            }
            Phase::Ready => {
                let idle = worker.is_idle();
                let age = self.settings.age_due(worker).filter(|_| worker.drain.is_none());
                let check = self.settings.check_due(worker).filter(|_| idle);
                let unused = (idle && spare).then(|| self.settings.idle_due(worker));
                [worker.sample_due, age, check, unused].into_iter().flatten().min()
            }
            Phase::Starting | Phase::Ending => None,
        });
        let closing =
            self.closing.filter(|_| self.workers.values().any(|w| w.phase != Phase::Ending));
        let start = (self.wanted() > 0).then(|| self.backoff.not_before());
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        workers.chain(closing).chain(start).chain(deadline).min()
    }
}

impl Settings {
    fn age_due(&self, worker: &Worker) -> Option<Duration> {
        Some(worker.ready_at?.saturating_add(self.max_age?))
    }

    fn idle_due(&self, worker: &Worker) -> Duration {
        worker.idle_since.saturating_add(self.idle_timeout)
    }

    fn check_due(&self, worker: &Worker) -> Option<Duration> {
        Some(worker.answered_at.saturating_add(self.health_check.as_ref()?.interval))
    }

    /// Whether an answer says which request it is to.
    pub(super) fn is_numbered(&self) -> bool {
        self.protocol == Protocol::ContentLength
    }
}
