//! How calls end: released, at their deadline, with their worker thread, or with the context nobody held.
//!
//! A deadline is kept in two steps. On the timer's thread, on time: the registered processes are killed, the
//! call is recorded, its holder is told. When the holder has rejected what waits for the call, it releases
//! the slot. So work that cannot be ended from outside never runs beside its successor.

use super::admission::Ending;
use super::call::{Call, Holder, Phase};
use super::calls::CallKey;
use super::control::Outcome;
use super::events::Event;
use super::manager::{Manager, State};
use super::metrics::{CallRecord, EndedBy, Metrics};
use super::refusal::Refusal;
use super::scopes::Scopes;
use super::span::{EndedCall, SpanOutcome};
use super::timer::Timed;
use super::waiting::{Waiter, Woken};
use crate::export;
use crate::platform::process::{KillReport, ProcessHandle, Processes, Signal};
use crate::resources::Reading;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How a call is released.
#[derive(Debug, Clone, Default)]
pub struct Release<'a> {
    /// Whether it succeeded.
    pub success: bool,
    /// Whether this is the end the holder was told of.
    pub after_deadline: bool,
    /// Whether nobody held its context any more.
    pub collected: bool,
    /// Bytes of heap in use.
    pub heap: u64,
    /// The class of the error.
    pub error_type: Option<&'a str>,
    /// What the holder adds to the span, as JSON.
    pub additions: Option<String>,
}

/// What became of [`Manager::release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// Its slot is free.
    Done,
    /// No such call runs for this holder.
    NotRunning,
    /// Its time was over before: the end is on its way to the holder, who releases it then.
    OverTime,
}

/// How and when a call ended.
struct End<'a> {
    ended_by: EndedBy,
    success: bool,
    error_type: Option<&'a str>,
    heap: u64,
    now: Duration,
}

/// A call whose time is over, to be ended once the lock is free.
pub(super) struct Due {
    pub(super) key: CallKey,
    pub(super) holder: Arc<Holder>,
    pub(super) processes: Vec<ProcessHandle>,
    pub(super) scopes: Vec<u32>,
}

impl Manager {
    /// Gives a slot back.
    pub fn release(&self, holder: &Holder, key: CallKey, release: Release<'_>) -> Released {
        let now = self.now();
        let mut state = self.state();
        match state.calls.get(key) {
            Some(call) if call.holder.id != holder.id => return Released::NotRunning,
            // While its processes are being killed nobody has been told of the end.
            Some(call) if call.phase == Phase::Ending => return Released::OverTime,
            Some(call) if call.is_over() && !release.after_deadline => return Released::OverTime,
            Some(_) => {}
            None => return Released::NotRunning,
        }
        let Some(call) = state.calls.remove(key) else { return Released::NotRunning };
        let end = End {
            ended_by: if release.collected { EndedBy::Collected } else { EndedBy::Release },
            success: release.success && !release.collected,
            error_type: release.error_type,
            heap: release.heap,
            now,
        };
        self.finish(&mut state, call, &end, release.additions);
        let woken = self.pump(&mut state, &self.environment.sampler.reading(), now);
        drop(state);
        woken.wake(Some(holder.id));
        Released::Done
    }

    /// Ends everything a holder has: its thread, or its manager object, is gone.
    pub fn detach(&self, holder: &Holder) {
        let now = self.now();
        let mut state = self.state();
        let keys: Vec<CallKey> = state
            .calls
            .iter()
            .filter(|(_, call)| call.holder.id == holder.id)
            .map(|(key, _)| key)
            .collect();
        for call in keys.into_iter().filter_map(|key| state.calls.remove(key)).collect::<Vec<_>>() {
            let end = End {
                ended_by: EndedBy::WorkerEnd,
                success: false,
                error_type: None,
                heap: call.heap_start,
                now,
            };
            self.finish(&mut state, call, &end, None);
        }
        let tags: Vec<u64> = state
            .waiters
            .iter()
            .filter(|(_, waiter)| waiter.holder.id == holder.id)
            .map(|(tag, _)| *tag)
            .collect();
        for waiter in
            tags.into_iter().filter_map(|tag| state.waiters.remove(&tag)).collect::<Vec<_>>()
        {
            state.gate.cancel(waiter.id);
        }
        let woken = self.pump(&mut state, &self.environment.sampler.reading(), now);
        drop(state);
        woken.wake(Some(holder.id));
    }

    /// Lets nobody in any more and sends away who waits. What runs goes on.
    pub fn close(&self) {
        let now = self.now();
        let mut woken = Woken::default();
        let mut state = self.state();
        state.closed = true;
        self.send_all_away(&mut state, |_| true, now, &mut woken);
        drop(state);
        woken.wake(None);
    }

    /// Lets nobody of this holder in any more and sends away its waiters. What runs goes on, and so does
    /// everybody else.
    pub fn leave(&self, holder: &Holder) {
        let now = self.now();
        let mut woken = Woken::default();
        let mut state = self.state();
        holder.left.store(true, Ordering::Relaxed);
        self.send_all_away(&mut state, |waiter| waiter.holder.id == holder.id, now, &mut woken);
        let granted = self.pump(&mut state, &self.environment.sampler.reading(), now);
        drop(state);
        woken.wake(None);
        granted.wake(None);
    }

    fn send_all_away(
        &self,
        state: &mut State,
        whom: impl Fn(&Waiter) -> bool,
        now: Duration,
        woken: &mut Woken,
    ) {
        let chosen = state.waiters.iter().filter(|(_, waiter)| whom(waiter));
        let chosen: Vec<_> = chosen.map(|(tag, waiter)| (*tag, waiter.id)).collect();
        for (tag, id) in chosen {
            state.gate.cancel(id);
            self.send_away(state, tag, Refusal::Closed, now, woken);
        }
    }

    /// Whether nobody is let in any more.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Gives back everything a call occupied that was taken out of the table.
    fn finish(&self, state: &mut State, call: Call, end: &End<'_>, additions: Option<String>) {
        let reading = self.environment.sampler.reading();
        let still = state.calls.len();
        match call.phase {
            Phase::Running | Phase::Warned => {
                record(&mut state.metrics, &call, end, &reading, still)
            }
            Phase::Ending => {
                record(&mut state.metrics, &call, &End::at_deadline(&call), &reading, still);
                state.metrics.count_end();
            }
            Phase::Ended => {}
        }
        self.export(state, &call, end, additions);
        let ran = end.now.saturating_sub(call.started);
        let in_flight = state.gate.active_in(call.lane);
        let ending = Ending {
            lane: call.lane,
            outcome: outcome(&call, end),
            ran,
            timeout: call.warn_at.saturating_sub(call.started),
            in_flight,
        };
        state.admission.end(ending, call.occupied.passed, &reading, &mut state.gate, end.now);
        state.gate.release(call.occupied.slot, end.now, ran);
        drop(call.occupied.shared);
    }

    /// Hands the span of a sampled call to the exporter, if there is one.
    fn export(&self, state: &State, call: &Call, end: &End<'_>, additions: Option<String>) {
        if !call.trace.sampled {
            return;
        }
        let Some(tracing) = export::current::current() else { return };
        let since = |at: Duration| at.saturating_sub(call.started);
        let span = EndedCall {
            holder: Arc::clone(&call.holder),
            service: Arc::clone(&tracing.service),
            serial: call.serial,
            task: call.task.clone(),
            lane: state
                .admission
                .lane(call.lane)
                .map_or_else(|| "".into(), |lane| Arc::clone(&lane.name)),
            trace: call.trace.clone(),
            concurrent: call.concurrent,
            concurrent_in_lane: call.concurrent_in_lane,
            observed: call.observed,
            started_wall_ms: call.started_wall_ms,
            duration: if call.is_over() { since(call.ended_at) } else { since(end.now) },
            warned: (call.phase != Phase::Running).then(|| since(call.warned_at)),
            ended: call.is_over().then(|| since(call.ended_at)),
            timeout: since(call.warn_at),
            killed: call.killed,
            outcome: if call.is_over() {
                SpanOutcome::Deadline
            } else if end.success {
                SpanOutcome::Success
            } else {
                SpanOutcome::Failure
            },
            error_type: end.error_type.map(Into::into),
            additions,
        };
        // What does not fit into the exporter's queue is counted there.
        let _accepted: bool = tracing.exporter.submit(span);
    }

    /// Has a process and its descendants killed when the call's time is over.
    ///
    /// # Errors
    /// What there is to say of it; see [`Unregistered`].
    pub fn register_process(
        &self,
        holder: &Holder,
        key: CallKey,
        pid: i32,
    ) -> Result<(), Unregistered> {
        let process =
            self.environment.processes.open(pid).map_err(|error| match error.raw_os_error() {
                Some(code) if code == libc::ESRCH => Unregistered::Gone,
                _ => Unregistered::Refused,
            })?;
        let mut state = self.state();
        let Some(call) = state.calls.get_mut(key).filter(|call| call.holder.id == holder.id) else {
            return Err(Unregistered::NotRunning);
        };
        if call.is_over() {
            return Err(Unregistered::NotRunning);
        }
        if call.processes.len() >= super::call::MOST_PROCESSES {
            call.processes.retain(|process| self.environment.processes.is_alive(process));
        }
        if call.processes.len() >= super::call::MOST_PROCESSES {
            return Err(Unregistered::TooMany);
        }
        call.processes.push(process);
        Ok(())
    }

    /// Forgets a process that has ended.
    pub fn unregister_process(&self, holder: &Holder, key: CallKey, pid: i32) {
        let mut state = self.state();
        if let Some(call) = state.calls.get_mut(key).filter(|call| call.holder.id == holder.id) {
            call.processes.retain(|process| process.identity().pid != pid);
        }
    }

    /// Warns of and ends the calls whose time has come.
    fn keep_deadlines(&self, state: &mut State, now: Duration, woken: &mut Woken) -> Vec<Due> {
        let mut due = Vec::new();
        while let Some((at, key)) = state.deadlines.pop_due(now) {
            let running = state.calls.len();
            let Some(call) = state.calls.get_mut(key) else { continue };
            if call.next_deadline() != Some(at) {
                continue;
            }
            if call.phase == Phase::Running {
                call.phase = Phase::Warned;
                call.warned_at = now;
                call.holder.outbox.push(Event::Warned(key));
                woken.add(&call.holder);
                let end_at = call.end_at;
                state.metrics.count_warning();
                let calls = &state.calls;
                state.deadlines.push(end_at, key, running, |at, key| {
                    calls.get(key).is_some_and(|call| call.next_deadline() == Some(at))
                });
            } else {
                call.phase = Phase::Ending;
                call.ended_at = now;
                due.push(Due {
                    key,
                    holder: Arc::clone(&call.holder),
                    processes: std::mem::take(&mut call.processes),
                    scopes: std::mem::take(&mut call.scopes),
                });
            }
        }
        due
    }

    /// Ends a call whose time is over: ends what it has registered, with the lock free meanwhile, records it
    /// and tells its holder.
    pub(super) fn end(&self, Due { key, holder, processes, scopes }: Due) {
        let reports: Vec<KillReport> =
            processes.iter().map(|process| kill(&*self.environment.processes, process)).collect();
        let in_scopes = scopes.into_iter().map(|scope| end_scope(&*self.environment.scopes, scope));
        let in_scopes = in_scopes.fold(0, u32::saturating_add);
        let reading = self.environment.sampler.reading();
        let mut state = self.state();
        let State { calls, metrics, .. } = &mut *state;
        reports.iter().for_each(|report| metrics.count_kill(report));
        let still = calls.len().saturating_sub(1);
        // Its thread may have ended meanwhile; then it was recorded there.
        let Some(call) = calls.get_mut(key) else { return };
        call.phase = Phase::Ended;
        call.killed =
            reports.iter().fold(in_scopes, |sum, report| report.signalled.saturating_add(sum));
        record(metrics, call, &End::at_deadline(call), &reading, still);
        metrics.count_end();
        holder.outbox.push(Event::Ended(key));
        drop(state);
        holder.outbox.wake();
    }
}

impl End<'static> {
    fn at_deadline(call: &Call) -> End<'static> {
        End {
            ended_by: EndedBy::Deadline,
            success: false,
            error_type: Some("WorkerCallTimeoutError"),
            heap: call.heap_start,
            now: call.ended_at,
        }
    }
}

/// A panic must not leave the call without an end; what became of its processes is unknown then.
fn kill(processes: &dyn Processes, process: &ProcessHandle) -> KillReport {
    catch_unwind(AssertUnwindSafe(|| processes.kill_tree(process, Signal::Kill)))
        .unwrap_or(KillReport { cut: 1, ..KillReport::default() })
}

/// As with a process: a panic must not leave the call without an end.
fn end_scope(scopes: &dyn Scopes, scope: u32) -> u32 {
    catch_unwind(AssertUnwindSafe(|| scopes.end(scope))).unwrap_or(0)
}

fn record(
    metrics: &mut Metrics,
    call: &Call,
    end: &End<'_>,
    reading: &Reading,
    still_running: usize,
) {
    metrics.record(CallRecord {
        call: call.record_number(),
        task: call.task.clone(),
        lane: call.lane.0,
        duration: end.now.saturating_sub(call.started),
        waited: call.waited,
        success: end.success,
        error_type: end.error_type.map(Into::into),
        rss_start: call.rss_start,
        rss_end: reading.rss,
        rss_peak: call.rss_peak.max(reading.rss),
        rss_age: reading.age(end.now),
        heap_start: call.heap_start,
        heap_end: end.heap,
        concurrent_start: call.concurrent,
        concurrent_end: u32::try_from(still_running).unwrap_or(u32::MAX),
        timeout_reached: call.phase != Phase::Running,
        ended_by: end.ended_by,
        wall_ms: call.started_wall_ms,
    });
}

fn outcome(call: &Call, end: &End<'_>) -> Option<Outcome> {
    match end.ended_by {
        _ if call.is_over() => Some(Outcome::TimedOut),
        EndedBy::Release if end.success => Some(Outcome::Ok),
        EndedBy::Release => Some(Outcome::Error),
        EndedBy::Deadline | EndedBy::Collected | EndedBy::WorkerEnd => None,
    }
}

/// Why a process was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Unregistered {
    /// The call has ended.
    NotRunning = 1,
    /// As many are registered as may.
    TooMany,
    /// There is no such process.
    Gone,
    /// It may not be ended: it is this process, one of its ancestors, or the system cannot hold it.
    Refused,
}

impl Timed for Manager {
    fn tick(&self, now: Duration) -> Option<Duration> {
        let mut woken = Woken::default();
        let mut state = self.state();
        self.timer_came();
        let due = self.keep_deadlines(&mut state, now, &mut woken);
        for waiter in state.gate.expire(now) {
            self.send_away(&mut state, waiter.tag, Refusal::WaitExpired, now, &mut woken);
        }
        let awaited = state.gate.is_awaited();
        let reading = if awaited {
            self.fresh_reading(&state, now)
        } else {
            self.environment.sampler.reading()
        };
        let granted = self.pump(&mut state, &reading, now);
        drop(state);
        woken.wake(None);
        granted.wake(None);
        self.end_all(due);
        self.sweep_shared(now);
        let next = self.state().next_change(now);
        self.next_tick(next)
    }
}
