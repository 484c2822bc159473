//! What a manager says of itself. Texts are JSON in the shapes the facade hands on.

use super::call::{Call, Holder, Phase, SERIAL_BITS};
use super::calls::CallKey;
use super::control::breaker;
use super::gate::LaneIndex;
use super::manager::{Manager, State};
use super::metrics::{
    BreakerGauge, BudgetSnapshot, Counters, EndedBy, LaneSnapshot, LoadSnapshot, MemorySnapshot,
};
use super::refusal::Refusal;
use crate::resources::Reading;
use serde_json::{Map, Value, json};
use std::time::Duration;

impl Manager {
    /// Everything: `BudgetStatus` of the facade.
    #[must_use]
    pub fn status(&self) -> String {
        let now = self.now();
        let reading = self.environment.sampler.reading();
        let state = self.state();
        let gate = state.gate.status();
        let lanes: Vec<Value> = gate.lanes.iter().zip(0..).map(|(lane, index)| {
            let control = state.admission.lane(LaneIndex(index));
            json!({
                "name": lane.name,
                "active": lane.active,
                "limit": lane.limit,
                "configured": lane.configured,
                "waiting": lane.waiting,
                "borrowed": lane.borrowed,
                "lent": lane.lent,
                "breaker": control.and_then(|lane| Some(lane.breaker.as_ref()?.state(now).name())),
                "adaptive": control.and_then(|lane| Some(lane.adaptive.as_ref()?.explain().reason.name())),
            })
        }).collect();
        let counts = state.metrics.counters();
        json!({
            "global": {
                "active": gate.global.active,
                "limit": gate.global.limit,
                "configured": state.limits().global,
            },
            "lanes": lanes,
            "queue": { "waiting": gate.waiting, "max": state.limits().queue },
            "memory": self.memory_status(&state, &reading, now),
            "refusals": refusals(counts),
            "counts": {
                "warnings": counts.warnings,
                "deadlines": counts.ends,
                "killedProcesses": counts.processes.signalled,
                "unkilledProcesses": counts.processes.refused + counts.processes.cut,
                "collectedContexts": counts.releases(EndedBy::Collected),
                "orphanedCalls": counts.releases(EndedBy::WorkerEnd),
                "heapWarnings": state.heap_warnings,
                "abandoned": counts.abandoned,
                "abandonedRunning": state.abandoned,
                "shed": gate.counters.shed,
                "waitsExpired": gate.counters.expired,
                "waitsCancelled": gate.counters.cancelled,
                "loans": gate.counters.loans,
                "forgottenTasks": gate.counters.forgotten_tasks,
                "timerPanics": self.environment.timer.panics(),
            },
            "shared": self.shared_status(),
            "misuse": {},
        })
        .to_string()
    }

    fn memory_status(&self, state: &State, reading: &Reading, now: Duration) -> Value {
        let guard = state.admission.memory();
        json!({
            "rssBytes": reading.rss,
            "rssAgeMs": reading.age(now).as_secs_f64() * 1000.0,
            "childrenBytes": reading.tree_rss.map(|tree| tree.saturating_sub(reading.rss)),
            "containerUsedBytes": reading.cgroup_used,
            "containerLimitBytes": reading.cgroup_limit,
            "reservedBytes": guard.map_or(0, |guard| guard.reserved),
        })
    }

    fn shared_status(&self) -> Value {
        let Some(shared) = &self.shared else { return Value::Null };
        let status = shared.status();
        let limit = |limit: u32| (limit != u32::MAX).then_some(limit);
        let lanes: Vec<Value> = status
            .lanes
            .iter()
            .map(|lane| json!({ "name": lane.name, "active": lane.active, "limit": limit(lane.limit), "mine": lane.mine }))
            .collect();
        json!({
            "path": status.path.to_string_lossy(),
            "processes": status.processes.len(),
            "reclaimedProcesses": status.reclaimed,
            "global": { "active": status.global.active, "limit": limit(status.global.limit), "mine": status.global.mine },
            "lanes": lanes,
            "problem": status.failure,
        })
    }

    /// Why the last call that was not let in was refused, or nothing.
    #[must_use]
    pub fn last_rejection(&self) -> Option<String> {
        let state = self.state();
        let explanation = state.rejection.as_ref()?.explain(&state.gate.status(), &self.settings);
        serde_json::to_string(&explanation).ok()
    }

    /// The latest calls, oldest first.
    #[must_use]
    pub fn metrics(&self, limit: usize) -> String {
        let state = self.state();
        let State { gate, metrics, .. } = &*state;
        let lane = |lane| gate.lane_name(LaneIndex(lane)).unwrap_or_default();
        let id = |number: u64| {
            let holder = u32::try_from(number >> SERIAL_BITS).unwrap_or(u32::MAX);
            format!("{}{}", self.prefix(holder), number & ((1 << SERIAL_BITS) - 1))
        };
        metrics.latest_json(limit, lane, id).unwrap_or_else(|_| "[]".to_owned())
    }

    /// Sums over all calls.
    #[must_use]
    pub fn statistics(&self) -> String {
        serde_json::to_string(&self.state().metrics.statistics()).unwrap_or_default()
    }

    /// Forgets the calls that have ended, and the sums over them.
    pub fn clear_metrics(&self) {
        self.state().metrics.clear();
    }

    /// The metrics for Prometheus.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let now = self.now();
        let reading = self.environment.sampler.reading();
        let state = self.state();
        let gate = state.gate.status();
        let lanes = gate.lanes.iter().zip(0..).map(|(lane, index)| LaneSnapshot {
            name: lane.name.to_string(),
            load: LoadSnapshot {
                active: lane.active,
                limit: lane.configured.map(|_| lane.limit),
                waiting: lane.waiting,
            },
            breaker: state.admission.lane(LaneIndex(index)).and_then(|lane| {
                Some(match lane.breaker.as_ref()?.state(now) {
                    breaker::State::Closed => BreakerGauge::Closed,
                    breaker::State::Open => BreakerGauge::Open,
                    breaker::State::HalfOpen => BreakerGauge::HalfOpen,
                })
            }),
        });
        let snapshot = BudgetSnapshot {
            load: LoadSnapshot {
                active: gate.global.active,
                limit: Some(gate.global.limit),
                waiting: gate.waiting,
            },
            lanes: lanes.collect(),
            memory: MemorySnapshot {
                rss: reading.is_known().then(|| (reading.rss, reading.age(now))),
                limit: self.settings.memory.as_ref().map(|memory| memory.max_rss),
                reserved: state.admission.memory().map_or(0, |guard| guard.reserved),
            },
            metrics: state.metrics.snapshot(),
        };
        drop(state);
        crate::export::prometheus::render(snapshot).unwrap_or_default()
    }

    /// What there is to say of a call that runs and of its deadline: `TimeoutEvent` of the facade.
    #[must_use]
    pub fn call_note(&self, holder: &Holder, key: CallKey) -> Option<String> {
        let state = self.state();
        let call = state.calls.get(key).filter(|call| call.holder.id == holder.id)?;
        let lane = state.gate.lane_name(call.lane).unwrap_or_default();
        Some(note(call, lane).to_string())
    }

    /// When the warning of a running call is due, in milliseconds from its start.
    #[must_use]
    pub fn timeout_of(&self, key: CallKey) -> Option<f64> {
        let state = self.state();
        let call = state.calls.get(key)?;
        Some(call.warn_at.saturating_sub(call.started).as_secs_f64() * 1000.0)
    }

    /// A holder found the heap over its warning.
    pub fn count_heap_warning(&self) {
        self.state().heap_warnings += 1;
    }

    /// A function goes on although its call was ended (`begun`), or such a one has settled.
    pub fn count_abandoned(&self, begun: bool) {
        let mut state = self.state();
        if begun {
            state.abandoned += 1;
            state.metrics.count_abandoned();
        } else {
            state.abandoned = state.abandoned.saturating_sub(1);
        }
    }

    /// Places the span of a running call in a trace that began elsewhere.
    pub fn set_parent(
        &self,
        holder: &Holder,
        key: CallKey,
        trace: [u8; 16],
        span: Option<[u8; 8]>,
    ) {
        let mut state = self.state();
        if let Some(call) = state.calls.get_mut(key).filter(|call| call.holder.id == holder.id) {
            call.trace.foreign = Some(Box::new((trace, span)));
        }
    }
}

fn note(call: &Call, lane: &str) -> Value {
    let since = |at: Duration| at.saturating_sub(call.started).as_secs_f64() * 1000.0;
    let wall = |at: Duration| call.started_wall_ms as f64 + since(at);
    let at = if call.is_over() { call.ended_at } else { call.warned_at };
    json!({
        "callId": call.id(),
        "taskId": call.task,
        "lane": lane,
        "timeoutMs": since(call.warn_at),
        "deadlineMs": since(call.end_at),
        "atMs": wall(at),
        "endedAtMs": if call.phase == Phase::Ended { wall(call.ended_at) } else { 0.0 },
        "killedProcesses": call.killed,
    })
}

/// Those that happened.
fn refusals(counts: &Counters) -> Value {
    let happened = Refusal::ALL.into_iter().filter(|reason| counts.refusals(*reason) > 0);
    let named = happened.map(|reason| (reason.name().to_owned(), counts.refusals(reason).into()));
    Value::Object(Map::from_iter(named))
}
