//! ResourceBudgetManager's native half. What is called for each call is in [`super::fast`].

use super::fast::{self, Numbers};
use super::holders::{self, Held};
use crate::budget::call::Wait;
use crate::budget::calls::CallKey;
use crate::budget::control::adaptive::{AdaptiveSettings, Mode};
use crate::budget::control::breaker::BreakerSettings;
use crate::budget::control::history::AdaptiveTimeout;
use crate::budget::events::Event;
use crate::budget::gate::{LaneLimit, Priority, Quota, Shed};
use crate::budget::manager::{Environment, Manager};
use crate::budget::memory::{MemorySettings, PredictionSettings};
#[cfg(not(unix))]
use crate::budget::scopes::NoScopes as OwnScopes;
use crate::budget::settings::{Adaptive, Settings};
use crate::budget::shared::SharedLanes;
use crate::budget::timer::Timer;
use crate::budget::waiting::Waiting;
use crate::export::ids::Ids;
use crate::export::sampling;
#[cfg(unix)]
use crate::lifecycle::owner::OwnScopes;
use crate::platform::clock::SystemClock;
use crate::platform::process::SystemProcesses;
use crate::resources::Sampler;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, Result};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

/// A lane's limits.
#[napi(object)]
pub struct BindingLaneLimit {
    pub name: String,
    pub limit: u32,
    pub ceiling: u32,
}

/// What a task may use.
#[napi(object)]
pub struct BindingQuota {
    pub slots: Option<u32>,
    pub calls_per_minute: Option<u32>,
    pub total_ms: Option<f64>,
}

/// What a certain task may use.
#[napi(object)]
pub struct BindingTaskQuota {
    pub task: String,
    pub quota: BindingQuota,
}

/// Reserving memory for calls.
#[napi(object)]
pub struct BindingPrediction {
    pub margin: f64,
    pub default_bytes: f64,
    pub percentile: f64,
    pub minimum_samples: u32,
}

/// Moving limits; `mode` is `latency`, `resources` or `both`.
#[napi(object)]
pub struct BindingAdaptive {
    pub mode: String,
    pub lanes: Option<Vec<String>>,
    pub min: u32,
    pub window_ms: f64,
    pub ramp_ms: f64,
}

/// A breaker.
#[napi(object)]
pub struct BindingBreaker {
    pub failure_rate: f64,
    pub minimum_calls: u32,
    pub window_ms: f64,
    pub open_ms: f64,
    pub open_max_ms: f64,
    pub half_open_calls: u32,
    pub slow_call_ms: Option<f64>,
    pub slow_rate: f64,
}

/// Adaptive timeouts.
#[napi(object)]
pub struct BindingAdaptiveTimeout {
    pub percentile: f64,
    pub margin: f64,
    pub floor_ms: f64,
    pub ceiling_ms: f64,
    pub minimum_samples: u32,
    pub default_ms: f64,
}

/// The settings of a manager, complete and validated.
#[napi(object)]
pub struct BindingBudgetSettings {
    pub global: u32,
    pub lanes: Vec<BindingLaneLimit>,
    pub queue: u32,
    pub drop_lowest: bool,
    pub ageing_ms: f64,
    pub quota: Option<BindingQuota>,
    pub quotas: Vec<BindingTaskQuota>,
    pub escalation_factor: f64,
    pub max_rss_bytes: Option<f64>,
    pub include_children: bool,
    pub container_fraction: Option<f64>,
    pub prediction: Option<BindingPrediction>,
    pub adaptive: Option<BindingAdaptive>,
    pub breaker: Option<BindingBreaker>,
    pub adaptive_timeout: BindingAdaptiveTimeout,
    pub shared: Option<String>,
}

/// A manager that was opened, or why it was not.
#[napi(object)]
pub struct BindingBudgetOpened {
    pub number: u32,
    /// What the ids of its calls begin with.
    pub prefix: String,
    /// What `spanIds` makes the ids of its spans from.
    pub seed: String,
    pub code: Option<String>,
    pub message: Option<String>,
}

type Listener = ThreadsafeFunction<(), (), (), napi::Status, false, true, 0>;

thread_local! {
    static LISTENERS: RefCell<HashMap<u32, Arc<Listener>>> = RefCell::new(HashMap::new());
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

static TIMER: LazyLock<Timer> = LazyLock::new(|| Timer::new(Arc::new(SystemClock)));
/// The manager of the process, which worker threads join.
static PROCESS: Mutex<Weak<Manager>> = Mutex::new(Weak::new());

fn milliseconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time / 1000.0).unwrap_or(Duration::MAX)
}

/// Opens a manager. `extent`: `own`, `found` for the one of the process, or `join` to share that if there is
/// one. `listener` hears when there is something to take.
#[napi(catch_unwind)]
pub fn budget_open(
    env: Env,
    settings: BindingBudgetSettings,
    extent: String,
    listener: Function<'_, (), ()>,
) -> Result<BindingBudgetOpened> {
    let joined = match extent.as_str() {
        "join" => {
            let process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            process.filter(|manager| !manager.is_closed())
        }
        _ => None,
    };
    let manager = match joined.map_or_else(|| open(settings), Ok) {
        Ok(manager) => manager,
        Err((code, message)) => {
            return Ok(BindingBudgetOpened {
                number: 0,
                prefix: String::new(),
                seed: String::new(),
                code: Some(code.to_owned()),
                message: Some(message),
            });
        }
    };
    if extent == "found" {
        *PROCESS.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&manager);
    }
    let under_way = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&under_way);
    // Cleared before JavaScript runs: what happens while it takes its events must wake it again.
    let begin = move |_| {
        heard.store(false, Ordering::Release);
        Ok(())
    };
    let builder =
        listener.build_threadsafe_function::<()>().weak::<true>().callee_handled::<false>();
    let listener: Arc<Listener> = Arc::new(builder.build_callback(begin)?);
    let holder = manager.holder(waker(Arc::clone(&listener), under_way));
    if !HOOKED.replace(true) {
        env.add_env_cleanup_hook((), |()| {
            LISTENERS.with_borrow_mut(HashMap::clear);
            holders::detach_all_of_this_thread();
            HOOKED.set(false);
        })?;
    }
    let opened = BindingBudgetOpened {
        number: 0,
        prefix: holder.prefix.clone(),
        seed: format!("{:032x}", holder.seed),
        code: None,
        message: None,
    };
    let number = holders::insert(Held { manager, holder });
    LISTENERS.with_borrow_mut(|listeners| listeners.insert(number, listener));
    Ok(BindingBudgetOpened { number, ..opened })
}

/// One call on its way at a time: what is told once is enough, the listener takes everything there is.
fn waker(listener: Arc<Listener>, under_way: Arc<AtomicBool>) -> Box<dyn Fn() + Send + Sync> {
    Box::new(move || {
        if under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        // A loop that has ended hears nothing any more, and nobody is left to mind.
        let _: napi::Status = listener.call((), ThreadsafeFunctionCallMode::NonBlocking);
    })
}

fn open(given: BindingBudgetSettings) -> std::result::Result<Arc<Manager>, (&'static str, String)> {
    let settings = core_settings(given);
    let shared = match &settings.shared {
        None => None,
        Some(path) => Some(attach(path, &settings)?),
    };
    let environment = Environment {
        clock: Arc::new(SystemClock),
        sampler: Sampler::global(),
        processes: Arc::new(SystemProcesses),
        scopes: Arc::new(OwnScopes),
        timer: &TIMER,
    };
    Manager::new(settings, environment, shared).map_err(|refusal| {
        ("ERR_PLIMSOLL_CONFIG", format!("the manager could not be made: {refusal}"))
    })
}

fn attach(
    path: &Path,
    settings: &Settings,
) -> std::result::Result<SharedLanes, (&'static str, String)> {
    let lanes: Vec<(&str, u32)> =
        settings.lanes.iter().map(|lane| (&*lane.name, lane.limit)).collect();
    let attached = SharedLanes::attach(path, &lanes, Some(settings.global));
    attached.map(|(shared, _)| shared).map_err(|error| (error.code(), error.to_string()))
}

fn core_settings(given: BindingBudgetSettings) -> Settings {
    let timeout = given.adaptive_timeout;
    Settings {
        global: given.global,
        lanes: core_lanes(given.lanes),
        queue: given.queue,
        shed: if given.drop_lowest { Shed::DropLowest } else { Shed::RejectNew },
        ageing: milliseconds(given.ageing_ms),
        quota: given.quota.map(core_quota).unwrap_or_default(),
        quotas: given
            .quotas
            .into_iter()
            .map(|quota| (quota.task, core_quota(quota.quota)))
            .collect(),
        escalation_factor: given.escalation_factor,
        memory: core_memory(
            given.max_rss_bytes,
            given.include_children,
            given.container_fraction,
            given.prediction,
        ),
        adaptive: given.adaptive.map(core_adaptive),
        breaker: given.breaker.map(core_breaker),
        adaptive_timeout: AdaptiveTimeout {
            percentile: timeout.percentile,
            margin: timeout.margin,
            floor_ms: timeout.floor_ms as u64,
            ceiling_ms: timeout.ceiling_ms as u64,
            minimum_samples: u64::from(timeout.minimum_samples),
        },
        default_timeout: milliseconds(timeout.default_ms),
        shared: given.shared.map(Into::into),
    }
}

fn core_lanes(lanes: Vec<BindingLaneLimit>) -> Vec<LaneLimit> {
    let lane = |lane: BindingLaneLimit| LaneLimit {
        name: lane.name.into(),
        limit: lane.limit,
        ceiling: lane.ceiling,
    };
    lanes.into_iter().map(lane).collect()
}

fn core_quota(quota: BindingQuota) -> Quota {
    Quota {
        slots: quota.slots,
        calls_per_minute: quota.calls_per_minute,
        total: quota.total_ms.map(milliseconds),
    }
}

fn core_memory(
    max_rss: Option<f64>,
    include_children: bool,
    cgroup_fraction: Option<f64>,
    prediction: Option<BindingPrediction>,
) -> Option<MemorySettings> {
    let predicted = prediction.map(|given| PredictionSettings {
        margin: given.margin - 1.0,
        default_bytes: given.default_bytes as u64,
        percentile: given.percentile / 100.0,
        minimum_samples: given.minimum_samples as usize,
    });
    Some(MemorySettings {
        max_rss: max_rss? as u64,
        include_children,
        cgroup_fraction,
        predicted,
        ..MemorySettings::default()
    })
}

fn core_adaptive(given: BindingAdaptive) -> Adaptive {
    let mode = match given.mode.as_str() {
        "latency" => Mode::Latency,
        "resources" => Mode::Resources,
        _ => Mode::Both,
    };
    let settings = AdaptiveSettings {
        mode,
        min: given.min,
        window: milliseconds(given.window_ms),
        ramp: milliseconds(given.ramp_ms),
        ..AdaptiveSettings::default()
    };
    Adaptive { lanes: given.lanes, settings }
}

fn core_breaker(given: BindingBreaker) -> BreakerSettings {
    BreakerSettings {
        failure_rate: given.failure_rate,
        minimum_calls: given.minimum_calls,
        window: milliseconds(given.window_ms),
        open_for: milliseconds(given.open_ms),
        open_for_max: milliseconds(given.open_max_ms),
        half_open_calls: given.half_open_calls,
        slow_call: given.slow_call_ms.map(milliseconds),
        slow_rate: given.slow_rate,
    }
}

/// Forgets a manager; what its holder still had is ended.
#[napi(catch_unwind)]
pub fn budget_detach(manager: u32) {
    LISTENERS.with_borrow_mut(|listeners| listeners.remove(&manager));
    holders::detach(manager);
}

/// Lets nobody in any more: nobody at all if this is who made the manager, else nobody of this thread.
#[napi(catch_unwind)]
pub fn budget_close(manager: u32) {
    holders::with(manager, |held| match held.holder.id {
        0 => held.manager.close(),
        _ => held.manager.leave(&held.holder),
    });
}

/// Lets the manager hold the event loop open, or no longer.
#[napi(catch_unwind)]
pub fn budget_hold(env: Env, manager: u32, hold: bool) -> Result<()> {
    LISTENERS.with_borrow(|listeners| match listeners.get(&manager) {
        Some(listener) => fast::hold_loop(&env, listener.raw(), hold),
        None => Ok(()),
    })
}

/// The index of a lane, -1 when there are too many.
#[napi(catch_unwind)]
pub fn budget_lane(manager: u32, name: String) -> i32 {
    holders::with(manager, |held| held.manager.lane(&name))
        .flatten()
        .and_then(|lane| i32::try_from(lane.0).ok())
        .unwrap_or(-1)
}

/// A number for a kind of call: the same for the same name, never that of a lane.
#[napi(catch_unwind)]
pub fn budget_kind(manager: u32, name: String) -> f64 {
    holders::with(manager, |held| held.manager.kind(&name).0 as f64).unwrap_or(0.0)
}

/// Waits for a slot: the number of the call when there was one, 0 when it waits, else a refusal's with a minus
/// before it. The first eleven arguments are those of `budgetAcquire`.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)] // as many facts as `budgetAcquire` takes, and two more
pub fn budget_wait(
    manager: u32,
    lane: f64,
    serial: f64,
    timeout: f64,
    heap: f64,
    flags: u32,
    wall_ms: f64,
    task: String,
    kind: f64,
    root: f64,
    parent: f64,
    longest_ms: f64,
    priority: u32,
) -> f64 {
    let numbers = Numbers { lane, serial, timeout, heap, flags, wall_ms, kind, root, parent };
    let wait = Wait {
        longest: milliseconds(longest_ms),
        priority: match priority {
            0 => Priority::High,
            1 => Priority::Normal,
            _ => Priority::Low,
        },
    };
    let waiting = holders::with(manager, |held| {
        held.manager.wait(&held.holder, numbers.request(&task), wait)
    });
    match waiting {
        Some(Waiting::Admitted(call)) => call.number() as f64,
        Some(Waiting::Queued) => 0.0,
        Some(Waiting::Refused(reason)) => -f64::from(reason as u8),
        None => -255.0,
    }
}

/// Gives up waiting.
#[napi(catch_unwind)]
pub fn budget_cancel_wait(manager: u32, serial: f64) -> bool {
    holders::with(manager, |held| held.manager.cancel_wait(&held.holder, serial as u64))
        .unwrap_or(false)
}

/// What happened, in threes: kind (0 warned, 1 ended, 2 granted, 3 refused), the caller's number, the call's
/// number or the refusal's.
#[napi(catch_unwind)]
pub fn budget_take_events(manager: u32) -> Vec<f64> {
    let events = holders::with(manager, |held| held.holder.outbox.take()).unwrap_or_default();
    let flat = |event: Event| match event {
        Event::Warned(call) => [0.0, 0.0, call.number() as f64],
        Event::Ended(call) => [1.0, 0.0, call.number() as f64],
        Event::Granted(serial, call) => [2.0, serial as f64, call.number() as f64],
        Event::Refused(serial, reason) => [3.0, serial as f64, f64::from(reason as u8)],
    };
    events.into_iter().flat_map(flat).collect()
}

/// Has a process killed with a call, or no longer; 0, or why not: 1 the call has ended, 2 too many, 3 there is
/// no such process, 4 it may not be ended.
#[napi(catch_unwind)]
pub fn budget_process(manager: u32, call: f64, pid: i32, register: bool) -> u32 {
    let call = CallKey::from_number(call as u64);
    holders::with(manager, |held| {
        if !register {
            held.manager.unregister_process(&held.holder, call, pid);
            return 0;
        }
        held.manager.register_process(&held.holder, call, pid).map_or_else(|why| why as u32, |()| 0)
    })
    .unwrap_or(1)
}

/// Has what is native in a scope end with a call, or no longer; 0, or why not, as for a process.
#[napi(catch_unwind)]
pub fn budget_scope(manager: u32, call: f64, scope: u32, register: bool) -> u32 {
    let call = CallKey::from_number(call as u64);
    holders::with(manager, |held| {
        if !register {
            held.manager.unregister_scope(&held.holder, call, scope);
            return 0;
        }
        held.manager.register_scope(&held.holder, call, scope).map_or_else(|why| why as u32, |()| 0)
    })
    .unwrap_or(1)
}

/// Places the span of a call in a trace that began elsewhere; both ids in hexadecimal, the second may be empty.
#[napi(catch_unwind)]
pub fn budget_set_parent(manager: u32, call: f64, trace_id: String, span_id: String) {
    let Ok(trace) = u128::from_str_radix(&trace_id, 16) else { return };
    let (trace, span) =
        (trace.to_be_bytes(), u64::from_str_radix(&span_id, 16).ok().map(u64::to_be_bytes));
    let call = CallKey::from_number(call as u64);
    holders::with(manager, |held| held.manager.set_parent(&held.holder, call, trace, span));
}

/// When the warning of a call is due, in milliseconds from its start.
#[napi(catch_unwind)]
pub fn budget_timeout(manager: u32, call: f64) -> f64 {
    let call = CallKey::from_number(call as u64);
    holders::with(manager, |held| held.manager.timeout_of(call)).flatten().unwrap_or(0.0)
}

/// A running call and its deadline, as JSON; nothing when it has ended.
#[napi(catch_unwind)]
pub fn budget_call_note(manager: u32, call: f64) -> Option<String> {
    let call = CallKey::from_number(call as u64);
    holders::with(manager, |held| held.manager.call_note(&held.holder, call)).flatten()
}

/// Changes limits; what is left out stays. Nothing, or why not.
#[napi(catch_unwind)]
pub fn budget_set_limits(
    manager: u32,
    lanes: Option<Vec<BindingLaneLimit>>,
    global: Option<u32>,
) -> Option<String> {
    let changed =
        holders::with(manager, |held| held.manager.set_limits(lanes.map(core_lanes), global))?;
    changed.err().map(|refusal| refusal.name().to_owned())
}

/// Counts a heap over its warning.
#[napi(catch_unwind)]
pub fn budget_count_heap_warning(manager: u32) {
    holders::with(manager, |held| held.manager.count_heap_warning());
}

/// Counts a function that goes on after its call's end, or that has settled.
#[napi(catch_unwind)]
pub fn budget_count_abandoned(manager: u32, begun: bool) {
    holders::with(manager, |held| held.manager.count_abandoned(begun));
}

/// Everything, as JSON.
#[napi(catch_unwind)]
pub fn budget_status(manager: u32) -> Result<String> {
    holders::with(manager, |held| held.manager.status()).ok_or_else(gone)
}

/// The latest calls, as JSON.
#[napi(catch_unwind)]
pub fn budget_metrics(manager: u32, limit: u32) -> Result<String> {
    holders::with(manager, |held| held.manager.metrics(limit as usize)).ok_or_else(gone)
}

/// The sums, as JSON.
#[napi(catch_unwind)]
pub fn budget_statistics(manager: u32) -> Result<String> {
    holders::with(manager, |held| held.manager.statistics()).ok_or_else(gone)
}

/// Forgets calls and sums.
#[napi(catch_unwind)]
pub fn budget_clear_metrics(manager: u32) {
    holders::with(manager, |held| held.manager.clear_metrics());
}

/// The last refusal, as JSON.
#[napi(catch_unwind)]
pub fn budget_last_rejection(manager: u32) -> Option<String> {
    holders::with(manager, |held| held.manager.last_rejection()).flatten()
}

/// The metrics for Prometheus.
#[napi(catch_unwind)]
pub fn budget_prometheus(manager: u32) -> Result<String> {
    holders::with(manager, |held| held.manager.prometheus()).ok_or_else(gone)
}

fn gone() -> Error {
    Error::from_reason("the manager was forgotten")
}

/// The ids of a call's trace and span: 48 hexadecimal digits.
#[napi(catch_unwind)]
pub fn span_ids(seed: String, serial: f64) -> Result<String> {
    let seed =
        u128::from_str_radix(&seed, 16).map_err(|error| Error::from_reason(error.to_string()))?;
    let (ids, serial) = (Ids::new(seed), serial as u64);
    Ok(format!(
        "{:032x}{:016x}",
        u128::from_be_bytes(ids.trace_id(serial)),
        u64::from_be_bytes(ids.span_id(serial))
    ))
}

/// Whether a trace is among the given share of all.
#[napi(catch_unwind)]
pub fn span_sampled(trace_id: String, ratio: f64) -> bool {
    u128::from_str_radix(&trace_id, 16)
        .is_ok_and(|trace| sampling::Sampler::new(ratio).samples(&trace.to_be_bytes()))
}
