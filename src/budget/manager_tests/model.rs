//! Arbitrary interleavings of everything a manager is asked, beside a plain list of what must be.

use super::*;
use crate::budget::control::breaker::{BreakerSettings, State};
use crate::budget::gate::{LaneIndex, Status};
use crate::budget::memory::{MemorySettings, PredictionSettings};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, HashMap};

const LANES: [&str; 3] = ["a", "b", "free"];
const TASKS: [&str; 3] = ["x", "y", "z"];
const HOLDERS: usize = 3;
const PROBES: u32 = 2;

#[derive(Debug, Clone)]
struct Ask {
    holder: usize,
    lane: usize,
    task: usize,
    timeout: u64,
    process: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Acquire(Ask),
    Wait(Ask, Priority, u64),
    Cancel(Index),
    Release {
        call: Index,
        success: bool,
        collected: bool,
    },
    ReleaseAgain(Index),
    ReleaseOfAnother(Index),
    /// The timer comes when it should.
    Pass(u64),
    /// The timer comes late, if at all.
    Stall(u64, bool),
    Sample(u64),
    SetLimits([Option<u32>; 2], u32),
    Detach(usize),
    Close,
}

/// What there is besides limits and waiting.
#[derive(Debug, Clone, Copy)]
struct Features {
    memory: bool,
    breaker: bool,
    quotas: bool,
}

fn asks() -> impl Strategy<Value = Ask> {
    let timeout = prop_oneof![Just(0u64), 1u64..300, Just(1_000_000)];
    (0..HOLDERS, 0..LANES.len(), 0..TASKS.len(), timeout, prop::bool::weighted(0.2)).prop_map(
        |(holder, lane, task, timeout, process)| Ask { holder, lane, task, timeout, process },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)];
    let longest = prop_oneof![Just(0u64), 1u64..400, Just(100_000)];
    let limit = || prop::option::weighted(0.9, 0u32..4);
    prop_oneof![
        12 => asks().prop_map(Step::Acquire),
        16 => (asks(), priority, longest).prop_map(|(ask, priority, longest)| {
            Step::Wait(ask, priority, longest)
        }),
        3 => any::<Index>().prop_map(Step::Cancel),
        16 => (any::<Index>(), any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(call, success, collected)| Step::Release { call, success, collected }
        ),
        2 => any::<Index>().prop_map(Step::ReleaseAgain),
        2 => any::<Index>().prop_map(Step::ReleaseOfAnother),
        10 => (0u64..300).prop_map(Step::Pass),
        3 => (0u64..900, any::<bool>()).prop_map(|(time, comes)| Step::Stall(time, comes)),
        4 => (50u64..260).prop_map(Step::Sample),
        3 => ([limit(), limit()], 0u32..6).prop_map(|(lanes, global)| {
            Step::SetLimits(lanes, global)
        }),
        2 => (0..HOLDERS).prop_map(Step::Detach),
        1 => Just(Step::Close),
    ]
}

fn features() -> impl Strategy<Value = Features> {
    prop_oneof![
        2 => Just((false, false, false)),
        3 => any::<(bool, bool, bool)>(),
    ]
    .prop_map(|(memory, breaker, quotas)| Features { memory, breaker, quotas })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Runs,
    Warned,
    Ended,
}

struct Runs {
    holder: usize,
    lane: usize,
    seen: Seen,
}

struct Waits {
    lane: usize,
    task: usize,
    priority: Priority,
    arrival: u64,
}

struct World<'a> {
    bench: &'a Bench,
    clients: Vec<Client<'a>>,
    running: BTreeMap<CallKey, Runs>,
    /// By holder and its number for it. Whoever is in here has had no answer yet.
    waiting: HashMap<(usize, u64), Waits>,
    gone: Vec<(usize, CallKey)>,
    arrivals: u64,
    begun: u64,
    warned: u64,
    ended: u64,
    closed: bool,
    conserves: bool,
    pids: i32,
}

impl<'a> World<'a> {
    fn new(bench: &'a Bench, conserves: bool) -> World<'a> {
        for lane in LANES {
            bench.manager.lane(lane);
        }
        World {
            bench,
            clients: (0..HOLDERS).map(|_| bench.client()).collect(),
            running: BTreeMap::new(),
            waiting: HashMap::new(),
            gone: vec![],
            arrivals: 0,
            begun: 0,
            warned: 0,
            ended: 0,
            closed: false,
            conserves,
            pids: 10,
        }
    }

    fn request(&self, ask: &Ask) -> Request<'static> {
        Request {
            task: TASKS[ask.task],
            timeout: Timeout::Milliseconds(ask.timeout as f64),
            ..self.clients[ask.holder].request(LANES[ask.lane])
        }
    }

    fn step(&mut self, step: Step) {
        let before = self.bench.manager.state().gate.status();
        match step {
            Step::Acquire(ask) => {
                let request = self.request(&ask);
                let result = self.bench.manager.acquire(&self.clients[ask.holder].holder, request);
                if let Ok(call) = result {
                    self.begin(call, &ask);
                }
                assert!(!self.closed || result == Err(Refusal::Closed));
            }
            Step::Wait(ask, priority, longest) => self.wait(&ask, priority, longest),
            Step::Cancel(index) => self.cancel(index),
            Step::Release { call, success, collected } => self.release(call, success, collected),
            Step::ReleaseAgain(index) => {
                if !self.gone.is_empty() {
                    let (holder, call) = *index.get(&self.gone);
                    assert_eq!(self.clients[holder].release(call), Released::NotRunning);
                    assert_eq!(self.clients[holder].release_ended(call), Released::NotRunning);
                }
            }
            Step::ReleaseOfAnother(index) => {
                if let Some((call, holder)) = self.pick(index) {
                    let other = &self.clients[(holder + 1) % HOLDERS];
                    assert_eq!(other.release(call), Released::NotRunning);
                    assert_eq!(other.release_ended(call), Released::NotRunning);
                }
            }
            Step::Pass(time) => self.bench.pass(ms(time)),
            Step::Stall(time, comes) => {
                self.bench.clock.set(self.bench.now() + ms(time));
                if comes {
                    self.bench.timer.step(self.bench.now());
                }
            }
            Step::Sample(megabytes) => self.bench.sample(megabytes * MB),
            Step::SetLimits(limits, global) => {
                let lane = |(name, limit): (&&str, Option<u32>)| {
                    limit.map(|limit| LaneLimit { name: (*name).into(), limit, ceiling: limit })
                };
                let lanes = LANES.iter().zip(limits).filter_map(lane).collect();
                self.bench.manager.set_limits(Some(lanes), Some(global)).unwrap();
            }
            Step::Detach(holder) => {
                self.hear();
                self.bench.manager.detach(&self.clients[holder].holder);
                assert_eq!(self.clients[holder].events(), []);
                self.running.retain(|_, call| call.holder != holder);
                self.waiting.retain(|(of, _), _| *of != holder);
                self.gone.retain(|(of, _)| *of != holder);
                self.clients[holder] = self.bench.client();
            }
            Step::Close => {
                self.bench.manager.close();
                self.closed = true;
            }
        }
        self.hear();
        self.check(&before);
    }

    fn begin(&mut self, call: CallKey, ask: &Ask) {
        if ask.process {
            self.pids += 1;
            self.bench.processes.start(self.pids, 1);
            let holder = &self.clients[ask.holder].holder;
            self.bench.manager.register_process(holder, call, self.pids).unwrap();
        }
        self.run(call, ask.holder, ask.lane);
    }

    fn run(&mut self, call: CallKey, holder: usize, lane: usize) {
        self.begun += 1;
        let before = self.running.insert(call, Runs { holder, lane, seen: Seen::Runs });
        assert!(before.is_none(), "{call:?} runs already");
        assert!(!self.gone.contains(&(holder, call)), "{call:?} ran before");
    }

    fn wait(&mut self, ask: &Ask, priority: Priority, longest: u64) {
        let request = self.request(ask);
        let (serial, waiting) = self.clients[ask.holder].wait_as(request, priority, ms(longest));
        match waiting {
            Waiting::Admitted(call) => self.begin(call, ask),
            Waiting::Refused(refusal) => assert!(!self.closed || refusal == Refusal::Closed),
            Waiting::Queued => {
                assert!(longest > 0 && !self.closed);
                self.arrivals += 1;
                let (lane, task, arrival) = (ask.lane, ask.task, self.arrivals);
                self.waiting.insert((ask.holder, serial), Waits { lane, task, priority, arrival });
            }
        }
    }

    fn cancel(&mut self, index: Index) {
        let mut waiting: Vec<_> = self.waiting.keys().copied().collect();
        waiting.sort_unstable();
        if waiting.is_empty() {
            return;
        }
        let (holder, serial) = *index.get(&waiting);
        let other = &self.clients[(holder + 1) % HOLDERS];
        let is_theirs = self.waiting.contains_key(&((holder + 1) % HOLDERS, serial));
        if !is_theirs {
            assert!(!self.bench.manager.cancel_wait(&other.holder, serial));
        }
        let holder_of = &self.clients[holder].holder;
        assert!(self.bench.manager.cancel_wait(holder_of, serial));
        assert!(!self.bench.manager.cancel_wait(holder_of, serial));
        self.waiting.remove(&(holder, serial));
    }

    fn pick(&self, index: Index) -> Option<(CallKey, usize)> {
        let calls: Vec<_> = self.running.iter().map(|(key, call)| (*key, call.holder)).collect();
        (!calls.is_empty()).then(|| *index.get(&calls))
    }

    fn release(&mut self, index: Index, success: bool, collected: bool) {
        let Some((call, holder)) = self.pick(index) else { return };
        let release = Release { success, collected, ..Release::default() };
        let client = &self.clients[holder];
        let released = self.bench.manager.release(&client.holder, call, release);
        if self.running[&call].seen == Seen::Ended {
            assert_eq!(released, Released::OverTime);
            assert_eq!(client.release_ended(call), Released::Done);
        } else {
            assert_eq!(released, Released::Done);
        }
        self.running.remove(&call);
        self.gone.push((holder, call));
    }

    /// Takes all events: each is of a call that runs, or of somebody who waits, and comes once.
    fn hear(&mut self) {
        let mut granted = vec![];
        for holder in 0..HOLDERS {
            for event in self.clients[holder].events() {
                match event {
                    Event::Granted(serial, call) => {
                        let waiter = self.waiting.remove(&(holder, serial));
                        let waiter = waiter.expect("let in, and did not wait");
                        self.run(call, holder, waiter.lane);
                        granted.push(waiter);
                    }
                    Event::Refused(serial, refusal) => {
                        let waiter = self.waiting.remove(&(holder, serial));
                        assert!(waiter.is_some(), "refused for {refusal}, and did not wait");
                        assert!(matches!(
                            refusal,
                            Refusal::WaitExpired | Refusal::Shed | Refusal::Closed
                        ));
                    }
                    Event::Warned(call) => {
                        self.warned += 1;
                        self.see(call, holder, Seen::Runs, Seen::Warned);
                    }
                    Event::Ended(call) => {
                        self.ended += 1;
                        self.see(call, holder, Seen::Warned, Seen::Ended);
                    }
                }
            }
        }
        for waiter in granted {
            let overtaken = self.waiting.values().find(|other| {
                (other.lane, other.task, other.priority)
                    == (waiter.lane, waiter.task, waiter.priority)
                    && other.arrival < waiter.arrival
            });
            assert!(overtaken.is_none(), "one that came later was let in before");
        }
    }

    fn see(&mut self, call: CallKey, holder: usize, before: Seen, after: Seen) {
        let call = self.running.get_mut(&call).expect("told of a call that does not run");
        assert_eq!((call.holder, call.seen), (holder, before));
        call.seen = after;
    }

    fn check(&self, before: &Status) {
        let status = self.bench.manager.state().gate.status();
        assert_eq!(status.global.active as usize, self.running.len());
        assert_eq!(status.waiting as usize, self.waiting.len());
        assert_eq!(self.bench.manager.state().waiters.len(), self.waiting.len());
        for (place, lane) in status.lanes.iter().enumerate() {
            let running = self.running.values().filter(|call| call.lane == place).count();
            assert_eq!(lane.active as usize, running, "{}", lane.name);
            if lane.active > before.lanes.get(place).map_or(0, |lane| lane.active) {
                assert!(lane.active <= lane.limit, "{lane:?}");
                assert!(status.global.active <= status.global.limit, "{status:?}");
            }
            let room = lane.active < lane.limit && status.global.active < status.global.limit;
            if self.conserves && room {
                assert_eq!(lane.waiting, 0, "somebody waits while there is room: {status:?}");
            }
        }
    }

    /// Everything ends; then nothing may be left occupied, and nobody without an answer.
    fn finish(mut self, features: Features) {
        let (bench, mut rounds) = (self.bench, 0);
        bench.memory.resident_next([Scripted::Is(50 * MB)]);
        bench.manager.set_limits(Some(vec![]), Some(4)).unwrap();
        self.hear();
        while !self.running.is_empty() || !self.waiting.is_empty() {
            while let Some(call) = self.running.keys().next().copied() {
                let holder = self.running[&call].holder;
                if self.clients[holder].release(call) == Released::OverTime {
                    assert_eq!(self.clients[holder].release_ended(call), Released::Done);
                }
                self.running.remove(&call);
                self.hear();
            }
            bench.pass(Duration::from_secs(1));
            bench.sampler.step(bench.now());
            self.hear();
            rounds += 1;
            assert!(rounds < 200, "somebody waits for ever");
        }
        let status = bench.status();
        assert_eq!((bench.load(), bench.reserved()), ((0, 0), 0));
        assert!(bench.manager.state().waiters.is_empty() && bench.manager.state().calls.is_empty());
        assert_eq!(status["counts"]["warnings"], self.warned);
        assert_eq!(status["counts"]["deadlines"], self.ended);
        let statistics: Value = serde_json::from_str(&bench.manager.statistics()).unwrap();
        assert_eq!(statistics["totalCalls"], self.begun, "each call is recorded once");
        if features.breaker {
            (0..LANES.len() as u32).for_each(|lane| self.has_its_probes(LaneIndex(lane)));
        }
        bench.pass(Duration::from_secs(1_000_000));
        self.hear();
        assert!(self.clients.iter().all(|client| client.events().is_empty()));
    }

    fn has_its_probes(&self, lane: LaneIndex) {
        let state = self.bench.manager.state();
        let mut breaker = state.admission.lane(lane).unwrap().breaker.clone().unwrap();
        drop(state);
        let now = breaker.retry_at().unwrap_or_default().max(self.bench.now());
        if breaker.state(now) == State::HalfOpen {
            // What probes have reported counts; none is still out.
            let left = (0..PROBES).filter(|_| breaker.allow(now).is_ok()).count();
            let text = format!("{breaker:?}");
            assert!(left > 0, "a probe is lost: {text}");
            assert!(breaker.allow(now).is_err());
        }
    }
}

fn run(features: Features, drops: bool, steps: Vec<Step>) {
    let bench = Bench::new(|settings| {
        settings.queue = 5;
        settings.shed = if drops { Shed::DropLowest } else { Shed::RejectNew };
        settings.ageing = ms(100);
        if features.quotas {
            let slots = Quota { slots: Some(1), ..Quota::default() };
            let rate = Quota { calls_per_minute: Some(3), ..Quota::default() };
            let total = Quota { total: Some(ms(500)), ..Quota::default() };
            settings.quotas =
                TASKS.iter().map(|task| (*task).to_owned()).zip([slots, rate, total]).collect();
        }
        settings.breaker = features.breaker.then(|| BreakerSettings {
            minimum_calls: 2,
            open_for: ms(300),
            open_for_max: ms(600),
            half_open_calls: PROBES,
            ..BreakerSettings::default()
        });
        settings.memory = features.memory.then(|| MemorySettings {
            max_rss: 200 * MB,
            interval: ms(50),
            predicted: Some(PredictionSettings {
                default_bytes: 40 * MB,
                ..PredictionSettings::default()
            }),
            ..MemorySettings::default()
        });
    });
    // Helpers would make the order of things depend on the scheduler.
    bench.manager.killing.without_threads.store(true, Ordering::Relaxed);
    let conserves = !(features.memory || features.breaker || features.quotas);
    let mut world = World::new(&bench, conserves);
    for step in steps {
        world.step(step);
    }
    world.finish(features);
}

proptest! {
    #[test]
    fn limits_hold_everything_comes_back_once_and_everybody_is_answered_once(
        features in features(),
        drops in any::<bool>(),
        steps in prop::collection::vec(steps(), 1..120),
    ) {
        run(features, drops, steps);
    }
}
