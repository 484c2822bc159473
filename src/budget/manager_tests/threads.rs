//! Many threads, the real timer and the real clock; nothing sleeps, and nothing depends on how fast it goes.

use super::*;
use crate::platform::clock::SystemClock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Instant;

const THREADS: usize = 8;
const LIMITS: [u32; 3] = [2, 1, 3];
/// Below the longest sleep of the timer, so that a wake-up that was lost is seen.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

fn manager(timer: &'static Timer, change: impl FnOnce(&mut Settings)) -> Arc<Manager> {
    let mut settings = settings();
    change(&mut settings);
    let clock = Arc::new(SystemClock);
    let memory = Arc::new(ScriptedMemory::new(100 * MB));
    let sampler: &'static Sampler = Box::leak(Box::new(Sampler::new(memory, clock.clone())));
    let processes = Arc::new(FakeProcesses::default());
    let scopes = Arc::new(FakeScopes::default());
    Manager::new(settings, Environment { clock, sampler, processes, scopes, timer }, None).unwrap()
}

fn timer() -> &'static Timer {
    Box::leak(Box::new(Timer::new(Arc::new(SystemClock))))
}

/// Xorshift (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A holder that lives on one thread and sleeps until it is told something.
struct Worker {
    manager: Arc<Manager>,
    holder: Arc<Holder>,
    events: VecDeque<Event>,
    serial: u64,
    random: Random,
}

impl Worker {
    fn new(manager: &Arc<Manager>, seed: u64) -> Worker {
        let this: Thread = thread::current();
        let holder = manager.holder(Box::new(move || this.unpark()));
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Worker { manager: Arc::clone(manager), holder, events: VecDeque::new(), serial: 0, random }
    }

    fn request(&mut self, lane: &str, timeout: f64) -> Request<'static> {
        self.serial += 1;
        Request {
            serial: self.serial,
            task: ["one", "two", "three"][self.random.below(3) as usize],
            lane: self.manager.lane(lane),
            kind: None,
            timeout: Timeout::Milliseconds(timeout),
            heap: 0,
            wall_ms: 0,
            observed: false,
            trace: Trace::default(),
        }
    }

    /// The first event of those wanted that comes; others before it are thrown away.
    fn await_event(&mut self, mut wanted: impl FnMut(Event) -> bool) -> Event {
        let until = Instant::now() + LONGEST_DELAY;
        loop {
            self.events.extend(self.holder.outbox.take());
            while let Some(event) = self.events.pop_front() {
                if wanted(event) {
                    return event;
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing came");
            thread::park_timeout(left);
        }
    }

    fn release(&mut self, call: CallKey) {
        let release = Release { success: true, ..Release::default() };
        match self.manager.release(&self.holder, call, release) {
            Released::Done => {}
            Released::OverTime => {
                self.await_event(|event| event == Event::Ended(call));
                let release = Release { after_deadline: true, ..Release::default() };
                assert_eq!(self.manager.release(&self.holder, call, release), Released::Done);
            }
            Released::NotRunning => panic!("it ran"),
        }
    }
}

/// What runs, counted by those who run.
#[derive(Default)]
struct Counted {
    lanes: [AtomicU32; LIMITS.len()],
    all: AtomicU32,
    begun: AtomicU64,
}

impl Counted {
    fn run(&self, lane: usize) {
        let in_lane = self.lanes[lane].fetch_add(1, Ordering::SeqCst);
        let in_all = self.all.fetch_add(1, Ordering::SeqCst);
        assert!(
            in_lane < LIMITS[lane] && in_all < 4,
            "{in_lane} ran in lane {lane}, {in_all} in all"
        );
        self.begun.fetch_add(1, Ordering::SeqCst);
        std::hint::spin_loop();
        self.all.fetch_sub(1, Ordering::SeqCst);
        self.lanes[lane].fetch_sub(1, Ordering::SeqCst);
    }
}

fn work(worker: &mut Worker, counted: &Counted, rounds: usize) {
    for _ in 0..rounds {
        let lane = worker.random.below(LIMITS.len() as u64) as usize;
        let timeout = if worker.random.below(50) == 0 { 0.01 } else { 1e7 };
        let request = worker.request(["a", "b", "c"][lane], timeout);
        let serial = request.serial;
        if worker.random.below(2) == 0 {
            if let Ok(call) = worker.manager.acquire(&worker.holder, request) {
                counted.run(lane);
                worker.release(call);
            }
            continue;
        }
        let longest =
            if worker.random.below(20) == 0 { Duration::from_micros(50) } else { PATIENCE };
        let wait = Wait { longest, priority: Priority::Normal };
        let call = match worker.manager.wait(&worker.holder, request, wait) {
            Waiting::Admitted(call) => Some(call),
            Waiting::Refused(refusal) => {
                // A wait of microseconds may be over before it begins.
                assert!(matches!(refusal, Refusal::QueueFull | Refusal::WaitExpired));
                None
            }
            Waiting::Queued => {
                let gives_up = worker.random.below(10) == 0;
                if gives_up && worker.manager.cancel_wait(&worker.holder, serial) {
                    None
                } else {
                    let answer = worker.await_event(|event| match event {
                        Event::Granted(number, _) | Event::Refused(number, _) => {
                            assert_eq!(number, serial, "an answer to nobody");
                            true
                        }
                        Event::Warned(_) | Event::Ended(_) => false,
                    });
                    match answer {
                        Event::Granted(_, call) => Some(call),
                        Event::Refused(_, refusal) => {
                            assert_eq!(refusal, Refusal::WaitExpired);
                            None
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        };
        if let Some(call) = call {
            counted.run(lane);
            worker.release(call);
        }
    }
}

#[test]
fn threads_that_compete_never_exceed_a_limit_and_lose_no_slot_and_no_answer() {
    let lane = |(name, limit): (&str, u32)| LaneLimit { name: name.into(), limit, ceiling: limit };
    let manager = manager(timer(), |settings| {
        settings.lanes = ["a", "b", "c"].into_iter().zip(LIMITS).map(lane).collect();
    });
    let counted = Counted::default();
    thread::scope(|scope| {
        for seed in 1..=THREADS as u64 {
            let (manager, counted) = (&manager, &counted);
            scope.spawn(move || work(&mut Worker::new(manager, seed), counted, 4000));
        }
    });
    let status: Value = serde_json::from_str(&manager.status()).unwrap();
    assert_eq!((&status["global"]["active"], &status["queue"]["waiting"]), (&0.into(), &0.into()));
    let statistics: Value = serde_json::from_str(&manager.statistics()).unwrap();
    assert_eq!(statistics["totalCalls"], counted.begun.load(Ordering::SeqCst));
    assert!(manager.state().calls.is_empty() && manager.state().waiters.is_empty());
    assert!(status["counts"]["deadlines"].as_u64().unwrap() > 0, "none was ended by the timer");
    assert_eq!(status["counts"]["timerPanics"], 0);
}

#[test]
fn no_deadline_is_missed_whoever_names_one_while_the_timer_comes() {
    let timer = timer();
    // Several managers, because a turn of the timer is for all of them.
    let managers = [0, 1].map(|_| manager(timer, |settings| settings.global = 64));
    for round in 0..300 {
        // Nobody else's deadline comes to help once the last of a round is due.
        thread::scope(|scope| {
            for seed in 1..=THREADS as u64 {
                let manager = &managers[seed as usize % 2];
                scope.spawn(move || be_ended(&mut Worker::new(manager, round * 100 + seed)));
            }
        });
    }
    assert_eq!(timer.panics(), 0);
}

/// Runs a call into its deadline, which must not come too early either.
fn be_ended(worker: &mut Worker) {
    let timeout = worker.random.below(4000) as f64 / 1000.0;
    let request = worker.request("free", timeout);
    let began = SystemClock.monotonic();
    let call = worker.manager.acquire(&worker.holder, request).unwrap();
    worker.await_event(|event| event == Event::Ended(call));
    let took = SystemClock.monotonic() - began;
    assert!(took.as_secs_f64() * 1000.0 >= timeout * 1.5, "ended too early");
    let release = Release { after_deadline: true, ..Release::default() };
    assert_eq!(worker.manager.release(&worker.holder, call, release), Released::Done);
}
