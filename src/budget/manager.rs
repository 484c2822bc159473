//! The manager: one lock around the gate and the table of calls, and everything that happens under it.
//!
//! Nothing slow happens with the lock held: processes are killed and holders are woken after. Only a reading
//! of memory that is too old to decide by is replaced under it, which costs some 2 µs.

use super::admission::Admission;
use super::call::{Call, Holder, Occupied, Phase, Request, Timeout};
use super::calls::{CallKey, CallTable};
use super::deadlines::Deadlines;
use super::events::{Outbox, Wake};
use super::gate::{Gate, LaneIndex, LaneLimit, Limits, TaskKey};
use super::killing::Killing;
use super::memory::KindKey;
use super::metrics::Metrics;
use super::refusal::Refusal;
use super::rejection::Rejection;
use super::scopes::Scopes;
use super::settings::Settings;
use super::shared::SharedLanes;
use super::timer::{Timed, Timer};
use super::waiting::Waiter;
use crate::export::ids::Ids;
use crate::platform::clock::Clock;
use crate::platform::process::Processes;
use crate::resources::Reading;
use crate::resources::sampler::{Interest, Sampler, Subscription};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// No time: later than any.
const NEVER: u64 = u64::MAX;
/// How often memory is read while calls run. A reading costs some 2 µs: under 0.01 % of a core.
const SAMPLING: Duration = Duration::from_millis(50);
/// How often a segment shared with other processes is swept for dead ones.
const SWEEP: Duration = Duration::from_millis(500);

/// What a manager uses of the process it lives in.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The memory.
    pub sampler: &'static Sampler,
    /// The processes calls register.
    pub processes: Arc<dyn Processes>,
    /// The scopes calls register.
    pub scopes: Arc<dyn Scopes>,
    /// The thread that keeps deadlines.
    pub timer: &'static Timer,
}

/// See the module.
pub struct Manager {
    pub(super) settings: Settings,
    pub(super) environment: Environment,
    hasher: RandomState,
    /// When the timer comes next, in nanoseconds.
    next_tick: AtomicU64,
    /// When the shared segment is swept next, in nanoseconds.
    next_sweep: AtomicU64,
    holders: AtomicU32,
    sampling: OnceLock<Option<Subscription>>,
    pub(super) shared: Option<SharedLanes>,
    pub(super) killing: Killing,
    pub(super) this: Weak<Manager>,
    state: Mutex<State>,
}

/// Everything under the lock.
pub(super) struct State {
    pub(super) gate: Gate,
    limits: Limits,
    pub(super) calls: CallTable<Call>,
    pub(super) deadlines: Deadlines,
    pub(super) admission: Admission,
    /// By tag.
    pub(super) waiters: HashMap<u64, Waiter>,
    pub(super) next_tag: u64,
    pub(super) metrics: Metrics,
    pub(super) rejection: Option<Rejection>,
    pub(super) closed: bool,
    /// Readings of the heap over its warning, as holders found them.
    pub(super) heap_warnings: u64,
    /// Functions that go on although their calls were ended.
    pub(super) abandoned: u64,
    /// Whether the sampler was told that nobody looks.
    pub(super) resting: bool,
    /// Processor time of the process, and when it was read.
    processor: Option<(Duration, Duration)>,
}

impl State {
    /// The limits it keeps.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The next moment at which time alone changes something.
    pub(super) fn next_change(&self, now: Duration) -> Option<Duration> {
        let deadline = self.deadlines.next();
        if !self.gate.is_awaited() {
            return deadline;
        }
        let changes = [deadline, self.gate.next_expiry(), self.admission.next_change(now)];
        // Memory falls without a word: where the sampler could not be had, the timer looks.
        let look = self.resting.then(|| now.saturating_add(SAMPLING));
        changes.into_iter().chain([look]).flatten().min()
    }
}

impl Manager {
    /// A manager in which nothing runs. Starts nothing; with `shared`, that is attached already.
    ///
    /// # Errors
    /// [`Refusal::TooManyLanes`] for more lanes than a gate keeps.
    pub fn new(
        settings: Settings,
        environment: Environment,
        shared: Option<SharedLanes>,
    ) -> Result<Arc<Manager>, Refusal> {
        let hasher = RandomState::new();
        let limits = settings.limits(|task| TaskKey(hasher.hash_one(task)));
        let state = State {
            gate: Gate::new(limits.clone())?,
            limits,
            calls: CallTable::default(),
            deadlines: Deadlines::default(),
            admission: Admission::new(&settings),
            waiters: HashMap::new(),
            next_tag: 0,
            metrics: Metrics::default(),
            rejection: None,
            closed: false,
            heap_warnings: 0,
            abandoned: 0,
            resting: true,
            processor: None,
        };
        let manager = Arc::new_cyclic(|this| Manager {
            settings,
            environment,
            hasher,
            next_tick: AtomicU64::new(NEVER),
            next_sweep: AtomicU64::new(0),
            holders: AtomicU32::new(0),
            sampling: OnceLock::new(),
            shared,
            killing: Killing::default(),
            this: Weak::clone(this),
            state: Mutex::new(state),
        });
        for lane in &manager.settings.lanes {
            manager.lane(&lane.name);
        }
        let this = Weak::clone(&manager.this) as Weak<dyn Timed>;
        manager.environment.timer.add(this);
        Ok(manager)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.environment.clock.monotonic()
    }

    /// A new holder, told of its events through `wake`.
    pub fn holder(&self, wake: Wake) -> Arc<Holder> {
        let id = self.holders.fetch_add(1, Ordering::Relaxed);
        let seed = u128::from(self.hasher.hash_one((id, "high"))) << 64
            | u128::from(self.hasher.hash_one((id, "low")));
        Arc::new(Holder {
            id,
            prefix: self.prefix(id),
            seed,
            ids: Ids::new(seed),
            outbox: Outbox::new(wake),
            left: AtomicBool::new(false),
        })
    }

    /// What the ids of a holder's calls begin with: random, so that those of many processes differ.
    pub(super) fn prefix(&self, holder: u32) -> String {
        format!("wc-{:08x}-{holder}-", self.hasher.hash_one("prefix") as u32)
    }

    /// The index of a lane; `None` when there are too many.
    pub fn lane(&self, name: &str) -> Option<LaneIndex> {
        let mut state = self.state();
        let State { gate, admission, limits, .. } = &mut *state;
        let lane = gate.lane(name)?;
        // Of two limits of one name the later counts.
        let limit = limits.lanes.iter().rev().find(|lane| &*lane.name == name);
        admission.know_lane(lane, limit.map(|lane| lane.limit), self.shared.as_ref(), gate);
        Some(lane)
    }

    /// What is known of the need of a kind of call is known under this: never the key of a lane, and exact as
    /// a number of JavaScript.
    pub fn kind(&self, name: &str) -> KindKey {
        KindKey(1 << 52 | self.hasher.hash_one(name) & ((1 << 52) - 1))
    }

    /// Other limits, from now on; what is `None` stays.
    ///
    /// # Errors
    /// [`Refusal::TooManyLanes`], or [`Refusal::SharedUnavailable`] when the segment could not be told:
    /// nothing has changed then.
    pub fn set_limits(
        &self,
        lanes: Option<Vec<LaneLimit>>,
        global: Option<u32>,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let mut state = self.state();
        let mut limits = state.limits.clone();
        if let Some(lanes) = lanes {
            limits.lanes = lanes;
        }
        limits.global = global.unwrap_or(limits.global);
        state.gate.set_limits(limits.clone())?;
        let named: HashMap<&str, u32> =
            limits.lanes.iter().map(|lane| (&*lane.name, lane.limit)).collect();
        if let Some(shared) = &self.shared {
            let lanes: Vec<(&str, u32)> =
                named.iter().map(|(name, limit)| (*name, *limit)).collect();
            if shared.configure(&lanes, Some(limits.global)).is_err() {
                let before = state.limits.clone();
                state.gate.set_limits(before)?;
                return Err(Refusal::SharedUnavailable);
            }
        }
        let State { gate, admission, .. } = &mut *state;
        for lane in limits.lanes.iter().filter_map(|lane| gate.lane(&lane.name)).collect::<Vec<_>>()
        {
            admission.know_lane(lane, None, self.shared.as_ref(), gate);
        }
        for lane in admission.indices() {
            let limit = gate.lane_name(lane).and_then(|name| named.get(name)).copied();
            admission.set_bounds(lane, limit, gate, now);
        }
        drop(named);
        state.limits = limits;
        let woken = self.pump(&mut state, &self.environment.sampler.reading(), now);
        drop(state);
        woken.wake(None);
        Ok(())
    }

    /// Takes a slot at once, or not at all.
    ///
    /// # Errors
    /// Why not; [`Manager::last_rejection`] has it in words.
    #[inline]
    pub fn acquire(&self, holder: &Arc<Holder>, request: Request<'_>) -> Result<CallKey, Refusal> {
        let now = self.now();
        let mut state = self.state();
        let reading = self.fresh_reading(&state, now);
        match self.admit(&mut state, holder, &request, &reading, now) {
            Ok((call, deadline)) => {
                drop(state);
                self.wake_timer(deadline);
                Ok(call)
            }
            Err(refusal) => {
                self.refuse(&mut state, request.task, request.lane, refusal, now);
                Err(refusal)
            }
        }
    }

    /// Lets one in, if it may come in. The second value is when the timer must look at it.
    #[inline]
    pub(super) fn admit(
        &self,
        state: &mut State,
        holder: &Arc<Holder>,
        request: &Request<'_>,
        reading: &Reading,
        now: Duration,
    ) -> Result<(CallKey, Duration), Refusal> {
        if state.closed || holder.left.load(Ordering::Relaxed) {
            return Err(Refusal::Closed);
        }
        if matches!(request.timeout, Timeout::Milliseconds(timeout) if timeout < 0.0 || timeout.is_nan())
        {
            return Err(Refusal::Timeout);
        }
        let lane = request.lane.ok_or(Refusal::TooManyLanes)?;
        let passed = state.admission.pass(lane, request.kind, reading, now)?;
        let slot = match state.gate.try_acquire(lane, self.task_key(request.task), now) {
            Ok(slot) => slot,
            Err(refusal) => {
                state.admission.take_back(lane, passed);
                return Err(refusal);
            }
        };
        let shared = match state.admission.share(lane, self.shared.as_ref()) {
            Ok(shared) => shared,
            Err(refusal) => {
                state.gate.release(slot, now, Duration::ZERO);
                state.admission.take_back(lane, passed);
                return Err(refusal);
            }
        };
        let occupied = Occupied { slot, passed, shared };
        let begun = self.begin(state, holder, request, occupied, reading, (now, Duration::ZERO));
        begun.ok_or(Refusal::GlobalFull)
    }

    /// Puts a call that was let in into the table; `times` are now and how long it waited. `None`: the table is
    /// full, and what it occupied is free again.
    #[inline]
    pub(super) fn begin(
        &self,
        state: &mut State,
        holder: &Arc<Holder>,
        request: &Request<'_>,
        occupied: Occupied,
        reading: &Reading,
        (now, waited): (Duration, Duration),
    ) -> Option<(CallKey, Duration)> {
        let lane = occupied.slot.lane();
        state.admission.admitted(lane, now);
        let timeout = match request.timeout {
            Timeout::Milliseconds(timeout) => milliseconds(timeout),
            Timeout::Adaptive => state.admission.adaptive_timeout(lane, &self.settings),
        };
        let warn_at = now.saturating_add(timeout);
        let running = state.calls.len() + 1;
        let call = Call {
            holder: Arc::clone(holder),
            serial: request.serial,
            task: request.task.into(),
            lane,
            occupied,
            started: now,
            started_wall_ms: request.wall_ms.saturating_add(waited_ms(waited)),
            waited,
            warn_at,
            end_at: now.saturating_add(times(timeout, self.settings.escalation_factor)),
            phase: Phase::Running,
            warned_at: Duration::ZERO,
            ended_at: Duration::ZERO,
            killed: 0,
            processes: Vec::new(),
            scopes: Vec::new(),
            rss_start: reading.rss,
            rss_peak: reading.rss,
            heap_start: request.heap,
            concurrent: u32::try_from(running).unwrap_or(u32::MAX),
            concurrent_in_lane: state.gate.active_in(lane),
            observed: request.observed,
            trace: request.trace.clone(),
        };
        let key = match state.calls.insert(call) {
            Ok(key) => key,
            Err(call) => {
                state.admission.take_back(lane, call.occupied.passed);
                state.gate.release(call.occupied.slot, now, Duration::ZERO);
                return None;
            }
        };
        state.metrics.observe_active(u32::try_from(running).unwrap_or(u32::MAX));
        let calls = &state.calls;
        state.deadlines.push(warn_at, key, running, |at, key| {
            calls.get(key).is_some_and(|call| call.next_deadline() == Some(at))
        });
        if state.resting {
            self.watch_memory(state);
        }
        Some((key, warn_at))
    }

    /// Notes and counts that a call was not let in.
    pub(super) fn refuse(
        &self,
        state: &mut State,
        task: &str,
        lane: Option<LaneIndex>,
        refusal: Refusal,
        now: Duration,
    ) {
        state.metrics.count_refusal(refusal);
        let retry_at = lane.and_then(|lane| state.admission.retry_at(lane));
        state.rejection = Some(Rejection {
            refusal,
            task: task.into(),
            lane,
            at_ms: self.environment.clock.wall_ms(),
            shortage: state.admission.shortage(refusal),
            retry_in: retry_at.map(|at| at.saturating_sub(now)),
        });
    }

    /// The key of a task; all tasks have the same one while nothing depends on it.
    #[inline]
    pub(super) fn task_key(&self, task: &str) -> TaskKey {
        if self.settings.has_quotas() { TaskKey(self.hasher.hash_one(task)) } else { TaskKey(0) }
    }

    /// The key of a task that waits: tasks take turns even without quotas.
    pub(super) fn waiting_task_key(&self, task: &str) -> TaskKey {
        TaskKey(self.hasher.hash_one(task))
    }

    /// The last reading, or a new one when that is too old to decide by.
    #[inline]
    pub(super) fn fresh_reading(&self, state: &State, now: Duration) -> Reading {
        let reading = self.environment.sampler.reading();
        if state.admission.needs_refresh(&reading, now) {
            return self.environment.sampler.read_now();
        }
        reading
    }

    /// Has memory read while calls run.
    pub(super) fn watch_memory(&self, state: &mut State) {
        let subscription = self.sampling.get_or_init(|| {
            let this = Weak::clone(&self.this);
            let memory = self.settings.memory.as_ref();
            let interest = Interest {
                interval: SAMPLING,
                tree: memory.is_some_and(|memory| memory.include_children),
                cgroup: memory.is_some_and(|memory| memory.cgroup_fraction.is_some()),
            };
            let sampled = move |reading: &Reading| {
                if let Some(manager) = this.upgrade() {
                    manager.sampled(reading);
                }
            };
            self.environment.sampler.subscribe(interest, sampled).ok()
        });
        if let Some(subscription) = subscription {
            state.resting = false;
            subscription.watch();
        }
    }

    /// A reading was taken: raises the peaks of running calls, moves limits that follow resources, and looks
    /// whether somebody who waits may come in now.
    fn sampled(&self, reading: &Reading) {
        let now = self.now();
        let mut state = self.state();
        state.admission.observe_memory(reading);
        for call in state.calls.values_mut() {
            call.rss_peak = call.rss_peak.max(reading.rss);
        }
        if self.settings.adaptive.is_some() {
            self.feed_resources(&mut state, reading, now);
        }
        if state.calls.is_empty() && !state.gate.is_awaited() {
            state.resting = true;
            if let Some(Some(subscription)) = self.sampling.get() {
                subscription.rest();
            }
        }
        let woken = self.pump(&mut state, reading, now);
        drop(state);
        woken.wake(None);
    }

    fn feed_resources(&self, state: &mut State, reading: &Reading, now: Duration) {
        let memory = self.settings.memory.as_ref().map_or(f64::NAN, |memory| {
            reading.footprint(memory.include_children) as f64 / memory.max_rss.max(1) as f64
        });
        let time = self.environment.clock.processor_time();
        let cpu = match (time, state.processor) {
            (Some(time), Some((before, at))) if now > at => {
                let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
                time.saturating_sub(before).as_secs_f64() / (now - at).as_secs_f64() / cores as f64
            }
            _ => f64::NAN,
        };
        state.processor = time.map(|time| (time, now));
        let State { admission, gate, .. } = state;
        admission.resources(memory, cpu, gate, now);
    }

    /// Has the timer come no later than `at`.
    #[inline]
    pub(super) fn wake_timer(&self, at: Duration) {
        let mut nanos = u64::try_from(at.as_nanos()).unwrap_or(NEVER);
        if self.shared.is_some() {
            nanos = nanos.min(self.next_sweep.load(Ordering::Relaxed));
        }
        if nanos < self.next_tick.load(Ordering::Acquire)
            && nanos < self.next_tick.fetch_min(nanos, Ordering::AcqRel)
            && !self.environment.timer.wake_at(Duration::from_nanos(nanos))
        {
            // There is no thread: whoever comes next is to try again.
            self.timer_came();
        }
    }

    /// The timer is here: whatever is due from now on must wake it again.
    pub(super) fn timer_came(&self) {
        self.next_tick.store(NEVER, Ordering::Release);
    }

    /// What the timer will be told.
    pub(super) fn next_tick(&self, change: Option<Duration>) -> Option<Duration> {
        let sweep = self.shared.as_ref().and_then(|_| {
            let state = self.state();
            let busy = !state.calls.is_empty() || state.gate.is_awaited();
            busy.then(|| Duration::from_nanos(self.next_sweep.load(Ordering::Relaxed)))
        });
        let next = change.into_iter().chain(sweep).min()?;
        self.next_tick.fetch_min(u64::try_from(next.as_nanos()).unwrap_or(NEVER), Ordering::AcqRel);
        Some(next)
    }

    /// Takes back what dead processes held of shared lanes, when that is due.
    pub(super) fn sweep_shared(&self, now: Duration) {
        let Some(shared) = &self.shared else { return };
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(NEVER);
        if nanos < self.next_sweep.load(Ordering::Relaxed) {
            return;
        }
        let next = now.saturating_add(SWEEP).as_nanos();
        self.next_sweep.store(u64::try_from(next).unwrap_or(NEVER), Ordering::Relaxed);
        shared.sweep();
    }

    /// Has this manager look again whenever a slot may have become free in another process.
    pub(super) fn watch_shared(&self) {
        let Some(shared) = &self.shared else { return };
        let this = Weak::clone(&self.this);
        let look_again = move || {
            if let Some(manager) = this.upgrade() {
                manager.look_again();
            }
        };
        // Without the thread the sampler's turns let waiters in, a little later.
        let _watched: bool = shared.watch(look_again).is_ok();
    }

    fn look_again(&self) {
        let now = self.now();
        let mut state = self.state();
        let woken = self.pump(&mut state, &self.environment.sampler.reading(), now);
        let awaited = state.gate.is_awaited();
        // With the lock held: whoever begins to wait has it too, and must not be forgotten.
        if !awaited && let Some(shared) = &self.shared {
            shared.unwatch();
        }
        drop(state);
        woken.wake(None);
    }
}

fn waited_ms(waited: Duration) -> i64 {
    i64::try_from(waited.as_millis()).unwrap_or(i64::MAX)
}

/// A time in milliseconds, none of them negative; what no [`Duration`] holds is for ever.
fn milliseconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time / 1000.0).unwrap_or(Duration::MAX)
}

fn times(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}
