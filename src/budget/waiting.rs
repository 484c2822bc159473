//! Callers that wait, and letting them in.

use super::admission::{Admission, Passed};
use super::call::{Holder, Occupied, Request, Wait};
use super::calls::CallKey;
use super::events::Event;
use super::gate::{self, Candidate, WaiterId};
use super::manager::{Manager, State};
use super::memory::KindKey;
use super::refusal::Refusal;
use super::shared::{SharedLanes, SharedSlot};
use crate::resources::Reading;
use std::sync::Arc;
use std::time::Duration;

/// A caller in the queue, with what it asked for.
pub(super) struct Waiter {
    pub(super) holder: Arc<Holder>,
    pub(super) task: Box<str>,
    /// Its task is the one above.
    pub(super) request: Request<'static>,
    pub(super) since: Duration,
    pub(super) id: WaiterId,
}

/// What became of [`Manager::wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// There was a slot.
    Admitted(CallKey),
    /// It waits; its holder will be told.
    Queued,
    /// It may not even wait.
    Refused(Refusal),
}

/// Who is to be woken once the lock is free, each once.
#[derive(Default)]
pub(super) struct Woken(Vec<Arc<Holder>>);

impl Woken {
    pub(super) fn add(&mut self, holder: &Arc<Holder>) {
        if !self.0.iter().any(|other| other.id == holder.id) {
            self.0.push(Arc::clone(holder));
        }
    }

    /// Wakes everybody but the one who asks for its events anyway.
    pub(super) fn wake(self, but: Option<u32>) {
        for holder in self.0 {
            if Some(holder.id) != but {
                holder.outbox.wake();
            }
        }
    }
}

impl Manager {
    /// Takes a slot, at once or when it is this caller's turn.
    pub fn wait(&self, holder: &Arc<Holder>, request: Request<'_>, wait: Wait) -> Waiting {
        let now = self.now();
        let mut state = self.state();
        let reading = self.fresh_reading(&state, now);
        let refusal = match self.admit(&mut state, holder, &request, &reading, now) {
            Ok((call, deadline)) => {
                drop(state);
                self.wake_timer(deadline);
                return Waiting::Admitted(call);
            }
            Err(refusal) => refusal,
        };
        let mut woken = Woken::default();
        let queued = if refusal.passes() {
            self.enqueue(&mut state, holder, &request, wait, now, &mut woken)
        } else {
            Err(refusal)
        };
        if let Err(refusal) = queued {
            self.refuse(&mut state, request.task, request.lane, refusal, now);
            return Waiting::Refused(refusal);
        }
        // Room asked for by one who was sent away may do for others; and the gate finds out when the quota
        // of a task lets it go on by looking at it.
        let granted = self.pump(&mut state, &reading, now);
        drop(state);
        woken.wake(None);
        granted.wake(None);
        Waiting::Queued
    }

    fn enqueue(
        &self,
        state: &mut State,
        holder: &Arc<Holder>,
        request: &Request<'_>,
        wait: Wait,
        now: Duration,
        woken: &mut Woken,
    ) -> Result<(), Refusal> {
        let lane = request.lane.ok_or(Refusal::TooManyLanes)?;
        let task = self.waiting_task_key(request.task);
        let tag = state.next_tag;
        let until = now.saturating_add(wait.longest);
        let (id, shed) = state.gate.enqueue(lane, task, wait.priority, until, tag, now)?;
        state.next_tag += 1;
        let waiter = Waiter {
            holder: Arc::clone(holder),
            task: request.task.into(),
            request: request.without_task(),
            since: now,
            id,
        };
        state.waiters.insert(tag, waiter);
        state.metrics.observe_waiting(u32::try_from(state.waiters.len()).unwrap_or(u32::MAX));
        if let Some(shed) = shed {
            self.send_away(state, shed.tag, Refusal::Shed, now, woken);
        }
        self.watch_shared();
        if state.resting {
            self.watch_memory(state);
        }
        Ok(())
    }

    /// Tells a waiter that is out of the gate's queue that it gets nothing.
    pub(super) fn send_away(
        &self,
        state: &mut State,
        tag: u64,
        refusal: Refusal,
        now: Duration,
        woken: &mut Woken,
    ) {
        let Some(waiter) = state.waiters.remove(&tag) else { return };
        self.refuse(state, &waiter.task, waiter.request.lane, refusal, now);
        waiter.holder.outbox.push(Event::Refused(waiter.request.serial, refusal));
        woken.add(&waiter.holder);
    }

    /// Gives up waiting. `false` when the slot, or the refusal, is on the way already.
    pub fn cancel_wait(&self, holder: &Holder, serial: u64) -> bool {
        let now = self.now();
        let mut state = self.state();
        let tag = state.waiters.iter().find_map(|(tag, waiter)| {
            (waiter.holder.id == holder.id && waiter.request.serial == serial).then_some(*tag)
        });
        let Some(waiter) = tag.and_then(|tag| state.waiters.remove(&tag)) else { return false };
        state.gate.cancel(waiter.id);
        state.metrics.count_refusal(Refusal::Cancelled);
        let woken = self.pump(&mut state, &self.environment.sampler.reading(), now);
        drop(state);
        woken.wake(None);
        true
    }

    /// Lets in everybody whose turn it is and for whom there is room.
    pub(super) fn pump(&self, state: &mut State, reading: &Reading, now: Duration) -> Woken {
        let mut woken = Woken::default();
        while state.gate.is_awaited() && !state.closed {
            let mut passed = None;
            let State { gate, admission, waiters, .. } = state;
            let shared = self.shared.as_ref();
            let mut may_enter = |candidate: Candidate| {
                let kind = waiters.get(&candidate.tag).and_then(|waiter| waiter.request.kind);
                pass(admission, &candidate, kind, (reading, shared), now, &mut passed)
            };
            let Some(grant) = gate.next_grant(now, &mut may_enter) else { break };
            let lane = grant.slot.lane();
            let (Some(waiter), Some((passed, shared))) =
                (state.waiters.remove(&grant.tag), passed.take())
            else {
                // Both are there for whoever the gate knows; without them nobody would free the slot.
                state.gate.release(grant.slot, now, Duration::ZERO);
                if let Some((passed, _)) = passed {
                    state.admission.take_back(lane, passed);
                }
                continue;
            };
            let occupied = Occupied { slot: grant.slot, passed, shared };
            let waited = now.saturating_sub(waiter.since);
            let request = Request { task: &waiter.task, ..waiter.request };
            let times = (now, waited);
            let event = match self.begin(state, &waiter.holder, &request, occupied, reading, times)
            {
                Some((call, deadline)) => {
                    self.wake_timer(deadline);
                    Event::Granted(request.serial, call)
                }
                None => {
                    self.refuse(state, &waiter.task, request.lane, Refusal::GlobalFull, now);
                    Event::Refused(request.serial, Refusal::GlobalFull)
                }
            };
            waiter.holder.outbox.push(event);
            woken.add(&waiter.holder);
        }
        if state.gate.is_awaited()
            && let Some(next) = state.next_change(now)
        {
            self.wake_timer(next);
        }
        woken
    }
}

/// Whether a candidate passes what is not the gate's; what it passed stays in `passed`.
fn pass(
    admission: &mut Admission,
    candidate: &Candidate,
    kind: Option<KindKey>,
    (reading, shared): (&Reading, Option<&SharedLanes>),
    now: Duration,
    passed: &mut Option<(Passed, Option<SharedSlot>)>,
) -> gate::Admission {
    let through = match admission.pass(candidate.lane, kind, reading, now) {
        Ok(through) => through,
        Err(Refusal::Memory) => return gate::Admission::Stop,
        Err(_) => return gate::Admission::SkipLane,
    };
    match admission.share(candidate.lane, shared) {
        Ok(shared) => {
            *passed = Some((through, shared));
            gate::Admission::Admit
        }
        Err(refusal) => {
            admission.take_back(candidate.lane, through);
            if refusal == Refusal::LaneFull {
                gate::Admission::SkipLane
            } else {
                gate::Admission::Stop
            }
        }
    }
}
