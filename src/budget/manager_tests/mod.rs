//! The manager as a whole, on a clock, a memory and processes that are what a test says.

mod deadlines;
mod killing;
mod limits;
mod model;
mod refusals;
mod reports;
mod scopes;
mod spans;
mod threads;
mod waiting;

use super::call::{Holder, Request, Timeout, Trace, Wait};
use super::calls::CallKey;
use super::ending::{Release, Released};
use super::events::Event;
use super::gate::{LaneLimit, Priority, Quota, Shed};
use super::manager::{Environment, Manager};
use super::refusal::Refusal;
use super::scopes::Scopes;
use super::settings::Settings;
use super::shared::SharedLanes;
use super::timer::Timer;
use super::waiting::Waiting;
use crate::platform::clock::Clock;
use crate::platform::memory::fake::{Scripted, ScriptedMemory};
use crate::platform::process::Processes;
use crate::platform::process::fake::FakeProcesses;
use crate::resources::Sampler;
use serde_json::Value;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a test waits for what another thread does, before it fails.
const PATIENCE: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(1000);
const WALL_START: i64 = 1_700_000_000_000;
const MB: u64 = 1 << 20;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A clock that stands until it is moved; both its times go together.
struct SetClock(Mutex<(Duration, Option<Duration>)>);

impl SetClock {
    fn set(&self, to: Duration) {
        self.0.lock().unwrap().0 = to;
    }
}

impl Clock for SetClock {
    fn wall_ms(&self) -> i64 {
        WALL_START + (self.monotonic() - START).as_millis() as i64
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn processor_time(&self) -> Option<Duration> {
        self.0.lock().unwrap().1
    }
}

/// Two slots in `a`, one in `b`, four in all; warned after 100 ms where nothing else is said.
fn settings() -> Settings {
    let lane = |name: &str, limit| LaneLimit { name: name.into(), limit, ceiling: limit };
    Settings {
        global: 4,
        lanes: vec![lane("a", 2), lane("b", 1)],
        queue: 8,
        shed: Shed::RejectNew,
        ageing: Duration::from_secs(10),
        quota: Quota::default(),
        quotas: Vec::new(),
        escalation_factor: 1.5,
        memory: None,
        adaptive: None,
        breaker: None,
        adaptive_timeout: super::control::history::AdaptiveTimeout::default(),
        default_timeout: Duration::from_secs(300),
        shared: None,
    }
}

/// Scopes of three processes each, one after the other.
#[derive(Default)]
struct FakeScopes {
    ended: Mutex<Vec<u32>>,
    panics: AtomicBool,
}

impl FakeScopes {
    fn ended(&self) -> Vec<u32> {
        self.ended.lock().unwrap().clone()
    }
}

impl Scopes for FakeScopes {
    fn end(&self, scope: u32) -> u32 {
        self.ended.lock().unwrap().push(scope);
        if self.panics.load(Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("thrown in a test"));
        }
        3
    }
}

struct Bench {
    clock: Arc<SetClock>,
    memory: Arc<ScriptedMemory>,
    sampler: &'static Sampler,
    processes: Arc<FakeProcesses>,
    scopes: Arc<FakeScopes>,
    timer: &'static Timer,
    manager: Arc<Manager>,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Settings)) -> Bench {
        Bench::with(change, None, None)
    }

    fn with(
        change: impl FnOnce(&mut Settings),
        shared: Option<SharedLanes>,
        processes: Option<Arc<dyn Processes>>,
    ) -> Bench {
        let mut settings = settings();
        change(&mut settings);
        let clock = Arc::new(SetClock(Mutex::new((START, None))));
        let memory = Arc::new(ScriptedMemory::new(100 * MB));
        let sampler: &'static Sampler =
            Box::leak(Box::new(Sampler::manual(memory.clone(), clock.clone())));
        let timer: &'static Timer = Box::leak(Box::new(Timer::manual(clock.clone())));
        let fake = Arc::new(FakeProcesses::default());
        let scopes = Arc::new(FakeScopes::default());
        let environment = Environment {
            clock: clock.clone(),
            sampler,
            processes: processes.unwrap_or_else(|| fake.clone()),
            scopes: scopes.clone(),
            timer,
        };
        let manager = Manager::new(settings, environment, shared).unwrap();
        Bench { clock, memory, sampler, processes: fake, scopes, timer, manager }
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Lets time pass, and the timer come at every moment it was told to.
    fn pass(&self, time: Duration) {
        let until = self.now() + time;
        let mut turns = 0;
        while let Some(at) = self.timer.next().filter(|at| *at <= until) {
            self.clock.set(at.max(self.now()));
            self.timer.step(self.now());
            turns += 1;
            assert!(turns < 100_000, "the timer never rests");
        }
        self.clock.set(until);
    }

    /// Has memory read, of so many bytes.
    fn sample(&self, resident: u64) {
        self.memory.resident_next([Scripted::Is(resident)]);
        self.pass(ms(50));
        self.sampler.step(self.now());
    }

    fn client(&self) -> Client<'_> {
        let (wake, woken) = channel();
        let holder = self.manager.holder(Box::new(move || {
            let _gone: Result<(), _> = wake.send(());
        }));
        Client { bench: self, holder, woken, serial: Cell::new(0) }
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.manager.status()).unwrap()
    }

    fn counts(&self, name: &str) -> u64 {
        self.status()["counts"][name].as_u64().unwrap()
    }

    fn refused(&self, refusal: Refusal) -> u64 {
        self.status()["refusals"][refusal.name()].as_u64().unwrap_or(0)
    }

    /// How many run in all, and how many wait.
    fn load(&self) -> (u64, u64) {
        let status = self.status();
        let number = |value: &Value| value.as_u64().unwrap();
        (number(&status["global"]["active"]), number(&status["queue"]["waiting"]))
    }

    fn metrics(&self) -> Vec<Value> {
        serde_json::from_str(&self.manager.metrics(100)).unwrap()
    }

    fn rejection(&self) -> Value {
        serde_json::from_str(&self.manager.last_rejection().unwrap()).unwrap()
    }
}

/// A holder and what it is told.
struct Client<'a> {
    bench: &'a Bench,
    holder: Arc<Holder>,
    woken: Receiver<()>,
    serial: Cell<u64>,
}

impl Client<'_> {
    /// A request of the next number, for the task `task`, warned of after 100 ms.
    fn request(&self, lane: &str) -> Request<'static> {
        self.serial.set(self.serial.get() + 1);
        Request {
            serial: self.serial.get(),
            task: "task",
            lane: self.bench.manager.lane(lane),
            kind: None,
            timeout: Timeout::Milliseconds(100.0),
            heap: 3 * MB,
            wall_ms: self.bench.clock.wall_ms(),
            observed: false,
            trace: Trace::default(),
        }
    }

    fn acquire(&self, lane: &str) -> Result<CallKey, Refusal> {
        self.bench.manager.acquire(&self.holder, self.request(lane))
    }

    /// Waits for ten seconds at most; gives its number.
    fn wait(&self, lane: &str) -> (u64, Waiting) {
        self.wait_as(self.request(lane), Priority::Normal, Duration::from_secs(10))
    }

    /// Waits, and has to.
    fn queue(&self, lane: &str) -> u64 {
        let (serial, waiting) = self.wait(lane);
        assert_eq!(waiting, Waiting::Queued);
        serial
    }

    fn wait_as(
        &self,
        request: Request<'_>,
        priority: Priority,
        longest: Duration,
    ) -> (u64, Waiting) {
        let serial = request.serial;
        (serial, self.bench.manager.wait(&self.holder, request, Wait { longest, priority }))
    }

    fn release(&self, call: CallKey) -> Released {
        let release = Release { success: true, heap: 5 * MB, ..Release::default() };
        self.bench.manager.release(&self.holder, call, release)
    }

    fn fail(&self, call: CallKey) -> Released {
        let release = Release { error_type: Some("TypeError"), ..Release::default() };
        self.bench.manager.release(&self.holder, call, release)
    }

    fn release_ended(&self, call: CallKey) -> Released {
        let release = Release { after_deadline: true, ..Release::default() };
        self.bench.manager.release(&self.holder, call, release)
    }

    /// Everything it was told and has not taken yet.
    fn events(&self) -> Vec<Event> {
        self.holder.outbox.take().into()
    }

    /// Waits until it is told something by another thread.
    fn await_events(&self) -> Vec<Event> {
        loop {
            let events = self.events();
            if !events.is_empty() {
                return events;
            }
            self.woken.recv_timeout(PATIENCE).expect("nothing was told");
        }
    }

    /// Waits until it is told that a call has ended, and gives everything it was told until then.
    fn await_end(&self, call: CallKey) -> Vec<Event> {
        let mut told = vec![];
        while !told.contains(&Event::Ended(call)) {
            told.extend(self.await_events());
        }
        told
    }

    fn wakes(&self) -> usize {
        self.woken.try_iter().count()
    }
}
