use super::*;
use crate::platform::memory::fake::{Scripted, ScriptedMemory};
use crate::platform::memory::{CgroupReading, TreeReading};
use Scripted::{Fails, Is, Panics, Unsupported};
use std::sync::mpsc;

/// A clock that stands where it is put.
#[derive(Default)]
struct StandingClock(AtomicU64);

impl Clock for StandingClock {
    fn wall_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Bench {
    memory: Arc<ScriptedMemory>,
    clock: Arc<StandingClock>,
    sampler: Sampler,
}

impl Bench {
    fn new() -> Self {
        let memory = Arc::new(ScriptedMemory::new(1000));
        let clock = Arc::new(StandingClock::default());
        let sampler = Sampler::manual(memory.clone(), clock.clone());
        Self { memory, clock, sampler }
    }

    fn step(&self, milliseconds: u64) -> Option<u64> {
        self.clock.0.store(milliseconds, Ordering::SeqCst);
        let next = self.sampler.step(Duration::from_millis(milliseconds));
        next.map(|next| u64::try_from(next.as_millis()).unwrap())
    }

    /// A subscriber that writes down what it is told.
    fn listen(&self, milliseconds: u64) -> (Subscription, mpsc::Receiver<u64>) {
        let (tell, hear) = mpsc::channel();
        let tell = move |reading: &Reading| tell.send(reading.rss).unwrap_or(());
        let interval = Duration::from_millis(milliseconds);
        (self.sampler.subscribe(interval, tell).unwrap(), hear)
    }
}

fn heard(hear: &mpsc::Receiver<u64>) -> Vec<u64> {
    hear.try_iter().collect()
}

#[test]
fn nothing_is_read_while_nobody_watches() {
    let bench = Bench::new();
    assert_eq!(bench.step(0), None);
    let (subscription, hear) = bench.listen(25);
    subscription.rest();
    assert_eq!(bench.step(1000), None);
    drop(subscription);
    assert_eq!(bench.step(2000), None);
    assert_eq!(bench.memory.counts(), (0, 0, 0));
    assert!(heard(&hear).is_empty());
    assert_eq!(bench.sampler.stats(), SamplerStats::default());
}

#[test]
fn each_subscriber_is_told_at_its_own_interval() {
    let bench = Bench::new();
    let (often, hear_often) = bench.listen(25);
    let (seldom, hear_seldom) = bench.listen(60);
    assert_eq!(bench.step(0), Some(25));
    assert_eq!(bench.step(10), Some(25), "nothing is due");
    assert_eq!(bench.step(25), Some(50));
    assert_eq!(bench.step(50), Some(60));
    assert_eq!(bench.step(60), Some(75));
    assert_eq!((heard(&hear_often).len(), heard(&hear_seldom).len()), (3, 2));
    assert_eq!(bench.memory.counts().0, 4);
    often.rest();
    assert_eq!(bench.step(75), Some(120));
    drop(seldom);
    assert_eq!(bench.step(120), None);
    often.watch();
    assert_eq!(bench.step(500), Some(525), "one reading, however many were missed");
    assert_eq!(heard(&hear_often).len(), 1);
}

#[test]
fn descendants_and_group_are_read_twice_a_second_and_only_for_who_wants_them() {
    let bench = Bench::new();
    let interest = Interest { tree: false, ..Interest::from(Duration::from_millis(100)) };
    let subscription = bench.sampler.subscribe(interest, |_| {}).unwrap();
    for time in (0..=1000).step_by(100) {
        bench.step(time);
    }
    assert_eq!(bench.memory.counts(), (11, 0, 3));
    drop(subscription);
    let (_subscription, _hear) = bench.listen(100);
    bench.step(1100);
    assert_eq!(bench.memory.counts(), (12, 1, 3));
}

#[test]
fn a_group_nearly_full_is_read_with_every_reading() {
    let bench = Bench::new();
    let group = |used| Is(Some(CgroupReading { used, limit: Some(1000) }));
    bench.memory.cgroup_next([group(750), group(749), group(999)]);
    let (_subscription, _hear) = bench.listen(25);
    for time in (0..=100).step_by(25) {
        bench.step(time);
    }
    assert_eq!(bench.memory.counts(), (5, 1, 2), "full, then no longer");
    let reading = bench.sampler.reading();
    assert_eq!((reading.cgroup_used, reading.cgroup_limit), (Some(749), Some(1000)));
    assert_eq!(reading.cgroup_at, Duration::from_millis(25));
}

#[test]
fn a_reading_that_fails_leaves_the_last_good_one_with_its_age() {
    let bench = Bench::new();
    bench.memory.resident_next([Is(10), Fails, Panics, Is(30)]);
    let tree = TreeReading { resident: 5, processes: 1, cut: true };
    bench.memory.descendants_next([Is(tree), Fails]);
    bench.memory.cgroup_next([Fails]);
    let (_subscription, hear) = bench.listen(500);
    for time in [0, 500, 1000] {
        bench.step(time);
    }
    let reading = bench.sampler.reading();
    assert_eq!(
        (reading.rss, reading.age(Duration::from_millis(1000))),
        (10, Duration::from_secs(1))
    );
    assert_eq!((reading.tree_rss, reading.tree_at), (Some(5), Duration::ZERO));
    assert_eq!(reading.cgroup_used, None);
    let stats = bench.sampler.stats();
    assert_eq!((stats.rss_failures, stats.tree_failures, stats.cgroup_failures), (2, 2, 3));
    assert_eq!((stats.panics, stats.cut_trees, stats.steps, stats.subscribers), (1, 1, 3, 1));
    assert!(stats.last_failure.unwrap().contains("the control group"));
    bench.step(1500);
    assert_eq!(heard(&hear), [10, 10, 10, 30]);
}

#[test]
fn what_the_system_does_not_have_is_asked_for_once() {
    let bench = Bench::new();
    bench.memory.descendants_next([Unsupported]);
    bench.memory.resident_next([Unsupported]);
    let (_subscription, hear) = bench.listen(500);
    bench.step(0);
    bench.step(500);
    assert_eq!(bench.memory.counts(), (1, 1, 2));
    assert_eq!(heard(&hear), [0, 0], "unknown, and told so");
    assert_eq!(bench.sampler.stats().rss_failures, 1);
    assert!(!bench.sampler.read_now().is_known());
}

#[test]
fn a_reading_at_once_needs_no_subscriber() {
    let bench = Bench::new();
    bench.clock.0.store(7, Ordering::SeqCst);
    let reading = bench.sampler.read_now();
    assert_eq!((reading.rss, reading.at), (1000, Duration::from_millis(7)));
    assert_eq!((bench.sampler.rss(), bench.sampler.reading()), (1000, reading));
    assert_eq!(bench.memory.counts(), (1, 0, 0));
}

#[test]
fn a_subscriber_that_panics_harms_nobody_else_and_is_left_alone_in_the_end() {
    let bench = Bench::new();
    let panics = |_: &Reading| std::panic::resume_unwind(Box::new("no"));
    let faulty = bench.sampler.subscribe(Duration::from_millis(1), panics).unwrap();
    let (_sound, hear) = bench.listen(1);
    for time in 0..u64::from(MAX_PANICS) + 10 {
        assert_eq!(faulty.is_alive(), time < u64::from(MAX_PANICS));
        bench.step(time);
        faulty.watch();
    }
    let stats = bench.sampler.stats();
    assert_eq!((stats.panics, stats.silenced), (u64::from(MAX_PANICS), 1));
    assert_eq!(heard(&hear).len(), MAX_PANICS as usize + 10);
}

#[test]
fn a_subscriber_may_subscribe_and_end_its_own_subscription() {
    let bench = Bench::new();
    let own: Arc<Mutex<Option<Subscription>>> = Arc::default();
    let (handle, memory, clock) = (own.clone(), bench.memory.clone(), bench.clock.clone());
    let inner = Arc::downgrade(&bench.sampler.inner);
    let told = Arc::new(AtomicU64::new(0));
    let count = told.clone();
    let callback = move |_: &Reading| {
        count.fetch_add(1, Ordering::SeqCst);
        drop(lock(&handle).take());
        // Another sampler does as well as this one: what matters is that no lock is held here.
        drop(Sampler::manual(memory.clone(), clock.clone()).subscribe(Duration::ZERO, |_| {}));
        assert!(inner.upgrade().unwrap().state.try_lock().is_ok());
    };
    *lock(&own) = Some(bench.sampler.subscribe(Duration::from_millis(1), callback).unwrap());
    assert_eq!(bench.step(0), None);
    assert_eq!(bench.step(10), None);
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert_eq!((bench.sampler.stats().subscribers, bench.sampler.stats().panics), (0, 0));
}

#[test]
fn intervals_and_subscribers_are_bounded() {
    let bench = Bench::new();
    let all: Vec<_> = (0..MAX_SUBSCRIBERS)
        .map(|_| bench.sampler.subscribe(Duration::MAX, |_| {}).unwrap())
        .collect();
    let Err(refused) = bench.sampler.subscribe(Duration::MAX, |_| {}) else { unreachable!() };
    assert_eq!(refused.code(), "ERR_PLIMSOLL_OVERFLOW");
    assert_eq!(bench.step(0), Some(3_600_000));
    drop(all);
    let _shortest = bench.sampler.subscribe(Duration::ZERO, |_| {}).unwrap();
    assert_eq!(bench.step(5), Some(6));
}

#[test]
fn the_thread_parks_wakes_and_ends_with_its_sampler() {
    let memory = Arc::new(ScriptedMemory::new(1000));
    let sampler = Sampler::new(memory.clone(), Arc::new(SystemClock));
    let (tell, hear) = mpsc::channel();
    let tell = move |reading: &Reading| tell.send(reading.rss).unwrap_or(());
    let subscription = sampler.subscribe(Duration::from_millis(1), tell).unwrap();
    for _ in 0..5 {
        assert_eq!(hear.recv().unwrap(), 1000);
    }
    for _ in 0..20 {
        subscription.rest();
        while !sampler.inner.is_parked() {
            std::thread::yield_now();
        }
        let before = memory.counts().0;
        heard(&hear);
        subscription.watch();
        assert_eq!(hear.recv().unwrap(), 1000);
        assert!(memory.counts().0 > before);
    }
    let inner = Arc::downgrade(&sampler.inner);
    drop((subscription, sampler));
    while inner.strong_count() > 0 {
        std::thread::yield_now();
    }
    assert!(hear.recv().is_err() || hear.iter().count() < 10, "the callback went with it");
}

#[test]
fn a_watcher_who_comes_while_a_slow_one_sleeps_is_served_at_once() {
    let memory = Arc::new(ScriptedMemory::new(1000));
    let sampler = Sampler::new(memory, Arc::new(SystemClock));
    let _seldom = sampler.subscribe(MAX_INTERVAL, |_| {}).unwrap();
    let (tell, hear) = mpsc::channel();
    let tell = move |reading: &Reading| tell.send(reading.rss).unwrap_or(());
    let often = sampler.subscribe(Duration::from_millis(1), tell).unwrap();
    for _ in 0..20 {
        hear.recv().unwrap();
        often.rest();
        often.watch();
    }
}

#[test]
fn the_machines_own_sampler_reads_this_process() {
    let reading = Sampler::global().read_now();
    assert_eq!(reading.is_known(), cfg!(any(target_os = "linux", target_os = "macos")));
}
