use super::*;
use crate::budget::memory::PredictionSettings;

const KEY: KindKey = KindKey(1);
const TICK: Duration = Duration::from_millis(25);

fn reading(rss: u64, milliseconds: u64) -> Reading {
    Reading { rss, at: Duration::from_millis(milliseconds), ..Reading::default() }
}

fn plain(change: impl FnOnce(&mut MemorySettings)) -> MemoryGuard {
    let mut settings = MemorySettings { max_rss: 1000, ..MemorySettings::default() };
    change(&mut settings);
    MemoryGuard::new(&settings).unwrap()
}

fn settings_of(default_bytes: u64) -> MemorySettings {
    let predicted = PredictionSettings { default_bytes, margin: 0.0, ..Default::default() };
    MemorySettings { max_rss: 1000, predicted: Some(predicted), ..MemorySettings::default() }
}

fn predicting(default_bytes: u64) -> MemoryGuard {
    MemoryGuard::new(&settings_of(default_bytes)).unwrap()
}

fn admit(guard: &mut MemoryGuard, reading: &Reading) -> Result<Reservation, Refusal> {
    guard.admit(KEY, reading, reading.at)
}

#[test]
fn nothing_begins_while_resident_memory_is_over_its_limit() {
    let mut guard = plain(|_| {});
    for rss in [1, 999, 1000] {
        assert!(admit(&mut guard, &reading(rss, 1)).is_ok(), "{rss}");
    }
    let now = Duration::from_millis(8);
    assert_eq!(guard.admit(KEY, &reading(1001, 3), now).unwrap_err(), Refusal::Memory);
    let rejection = Rejection {
        reason: Refusal::Memory,
        key: KEY,
        held_by: HeldBy::Resident,
        needed: 0,
        available: 0,
        reserved: 0,
        rss: 1001,
        limit: 1000,
        age: Duration::from_millis(5),
    };
    assert_eq!(guard.last_rejection(), Some(&rejection));
    assert!(admit(&mut guard, &reading(1000, 9)).is_ok(), "it has fallen");
    assert_eq!((guard.stats().admitted, guard.stats().refused), (4, 1));
}

#[test]
fn a_limit_of_nothing_refuses_all_and_one_without_end_none() {
    let mut none = plain(|settings| settings.max_rss = 0);
    assert_eq!(admit(&mut none, &reading(1, 1)).unwrap_err(), Refusal::Memory);
    let mut endless = plain(|settings| settings.max_rss = u64::MAX);
    assert!(admit(&mut endless, &reading(u64::MAX, 1)).is_ok());
}

#[test]
fn children_count_only_when_they_are_to() {
    let with_children = Reading { tree_rss: Some(600), ..reading(500, 1) };
    assert!(admit(&mut plain(|_| {}), &with_children).is_ok());
    let mut guard = plain(|settings| settings.include_children = true);
    assert_eq!(admit(&mut guard, &with_children).unwrap_err(), Refusal::Memory);
    assert_eq!(guard.last_rejection().unwrap().rss, 1100);
    assert!(admit(&mut guard, &Reading { tree_rss: None, ..with_children }).is_ok(), "unknown");
}

#[test]
fn the_control_group_is_held_to_its_part() {
    let group =
        |used, limit| Reading { cgroup_used: Some(used), cgroup_limit: limit, ..reading(500, 1) };
    let mut guard = plain(|settings| settings.cgroup_fraction = Some(0.8));
    assert!(admit(&mut guard, &group(8000, Some(10_000))).is_ok());
    assert_eq!(admit(&mut guard, &group(8001, Some(10_000))).unwrap_err(), Refusal::Memory);
    let rejection = *guard.last_rejection().unwrap();
    assert_eq!((rejection.held_by, rejection.rss, rejection.limit), (HeldBy::Cgroup, 8001, 8000));
    assert!(admit(&mut guard, &group(8001, None)).is_ok(), "no limit");
    let mut blind = plain(|settings| settings.cgroup_fraction = None);
    assert!(admit(&mut blind, &group(9999, Some(10_000))).is_ok());
}

#[test]
fn what_the_process_grew_since_the_group_was_read_counts_in_the_group() {
    let mut guard = plain(|_| {});
    let at = |rss, milliseconds, cgroup_ms| Reading {
        cgroup_used: Some(850),
        cgroup_limit: Some(1000),
        cgroup_at: Duration::from_millis(cgroup_ms),
        ..reading(rss, milliseconds)
    };
    assert!(admit(&mut guard, &at(500, 10, 10)).is_ok());
    assert!(admit(&mut guard, &at(550, 20, 10)).is_ok());
    assert_eq!(admit(&mut guard, &at(551, 30, 10)).unwrap_err(), Refusal::Memory);
    assert_eq!(guard.last_rejection().unwrap().rss, 901);
    assert!(admit(&mut guard, &at(551, 40, 40)).is_ok(), "read again");
    assert!(admit(&mut guard, &at(400, 50, 40)).is_ok(), "a fall is believed when it is read");
}

#[test]
fn without_any_reading_calls_are_let_in_and_counted() {
    let mut guard = predicting(5000);
    let unknown = Reading::default();
    let held: Vec<_> = (0..3).map(|_| admit(&mut guard, &unknown).unwrap()).collect();
    assert_eq!((guard.stats().blind, guard.stats().reserved), (3, 15_000));
    for reservation in held {
        guard.finish(reservation, &unknown, Duration::ZERO);
    }
    assert_eq!(guard.stats().reserved, 0);
    assert!(guard.needs_refresh(&unknown, Duration::ZERO));
}

#[test]
fn old_readings_and_those_near_the_limit_are_to_be_taken_again() {
    let guard = plain(|_| {});
    let stale = |rss, age_us| {
        let now = Duration::from_secs(5);
        let at = now - Duration::from_micros(age_us);
        guard.needs_refresh(&Reading { rss, at, ..Reading::default() }, now)
    };
    assert!(!stale(899, 50_000));
    assert!(stale(899, 50_001));
    assert!(!stale(900, 1000));
    assert!(stale(900, 1001));
    assert!(stale(5000, 1001), "over the limit, lest a fall be missed");
    let later = Reading { at: Duration::from_secs(9), ..reading(899, 0) };
    assert!(!guard.needs_refresh(&later, Duration::from_secs(5)), "read by another meanwhile");
}

#[test]
fn what_a_call_is_expected_to_need_is_reserved_and_given_back() {
    let mut guard = predicting(300);
    let now = reading(300, 1);
    let first = admit(&mut guard, &now).unwrap();
    let second = admit(&mut guard, &now).unwrap();
    assert_eq!((first.bytes(), guard.stats().reserved), (300, 600));
    assert_eq!(admit(&mut guard, &now).unwrap_err(), Refusal::MemoryPredicted);
    let rejection = *guard.last_rejection().unwrap();
    assert_eq!((rejection.needed, rejection.available, rejection.reserved), (300, 100, 600));
    assert_eq!((rejection.rss, rejection.limit), (300, 1000));
    guard.finish(first, &now, now.at);
    let third = admit(&mut guard, &now).unwrap();
    guard.finish(second, &now, now.at);
    guard.finish(third, &now, now.at);
    assert_eq!((guard.stats().reserved, guard.stats().refused_predicted), (0, 1));
}

#[test]
fn what_a_running_call_has_taken_is_not_reserved_twice() {
    let mut guard = predicting(300);
    let _first = admit(&mut guard, &reading(300, 0)).unwrap();
    let _second = admit(&mut guard, &reading(500, 25)).unwrap();
    // 500 in use, 100 promised to the first, 300 to the second.
    assert_eq!(guard.stats().reserved, 400);
    assert_eq!(admit(&mut guard, &reading(500, 25)).unwrap_err(), Refusal::MemoryPredicted);
    assert_eq!(guard.last_rejection().unwrap().available, 100);
}

#[test]
fn one_call_is_always_let_in_when_nothing_runs_unless_the_plain_guard_refuses() {
    let mut guard = predicting(u64::MAX);
    // Fewer than are learned from: nothing is known of the kind.
    for time in 1..5 {
        let now = reading(900, time * 25);
        let held = admit(&mut guard, &now).unwrap();
        assert_eq!(admit(&mut guard, &now).unwrap_err(), Refusal::MemoryPredicted);
        guard.finish(held, &now, now.at);
    }
    assert_eq!(guard.stats().let_in_alone, 4);
    assert_eq!(admit(&mut guard, &reading(1001, 900)).unwrap_err(), Refusal::Memory);
}

#[test]
fn the_group_binds_predictions_too() {
    let mut guard = predicting(60);
    let tight = Reading { cgroup_used: Some(800), cgroup_limit: Some(1000), ..reading(100, 1) };
    let _first = admit(&mut guard, &tight).unwrap();
    assert_eq!(admit(&mut guard, &tight).unwrap_err(), Refusal::MemoryPredicted);
    let rejection = *guard.last_rejection().unwrap();
    assert_eq!(
        (rejection.held_by, rejection.available, rejection.limit),
        (HeldBy::Cgroup, 40, 900)
    );
}

#[test]
fn the_same_reading_twice_or_an_older_one_teaches_nothing() {
    let mut guard = predicting(100);
    let held = admit(&mut guard, &reading(100, 0)).unwrap();
    guard.observe(&reading(150, 25));
    guard.observe(&reading(150, 25));
    guard.observe(&reading(900, 20));
    assert_eq!(guard.stats().reserved, 50);
    guard.finish(held, &reading(150, 25), Duration::from_millis(25));
    guard.observe(&reading(150, 50));
    assert_eq!(guard.stats().residue, 50);
}

#[test]
fn children_that_come_into_view_are_not_taken_for_growth() {
    let predicted = PredictionSettings { minimum_samples: 1, ..Default::default() };
    let mut guard = plain(|settings| {
        settings.max_rss = 1 << 40;
        settings.include_children = true;
        settings.predicted = Some(predicted);
    });
    let held = admit(&mut guard, &reading(100, 0)).unwrap();
    let seen = |rss, tree, milliseconds| Reading {
        tree_rss: Some(tree),
        tree_at: Duration::from_millis(milliseconds),
        ..reading(rss, milliseconds)
    };
    guard.observe(&seen(100, 5000, 25));
    guard.observe(&seen(100, 5040, 50));
    guard.finish(held, &seen(100, 5040, 75), Duration::from_millis(75));
    guard.observe(&seen(100, 5040, 100));
    assert_eq!(guard.needed(KEY), 50, "what the child grew by, and a quarter");
}

#[test]
fn limits_change_while_calls_run() {
    let mut guard = predicting(300);
    let now = reading(300, 1);
    let held = admit(&mut guard, &now).unwrap();
    let mut settings = MemorySettings { max_rss: 200, ..MemorySettings::default() };
    guard.change(&settings).unwrap();
    assert_eq!(admit(&mut guard, &now).unwrap_err(), Refusal::Memory);
    settings.cgroup_fraction = Some(f64::NAN);
    settings.max_rss = 5000;
    assert!(guard.change(&settings).is_err());
    assert_eq!(admit(&mut guard, &now).unwrap_err(), Refusal::Memory, "nothing changed");
    guard.finish(held, &now, now.at);
    settings.cgroup_fraction = None;
    settings.predicted = Some(PredictionSettings::default());
    guard.change(&settings).unwrap();
    assert!(admit(&mut guard, &now).is_ok());
}

#[test]
fn the_largest_numbers_neither_overflow_nor_let_everything_in() {
    let mut guard = predicting(u64::MAX);
    let _first = admit(&mut guard, &reading(1, 0)).unwrap();
    assert!(admit(&mut guard, &reading(1, 0)).is_err());
    let huge = Reading {
        tree_rss: Some(u64::MAX),
        cgroup_used: Some(u64::MAX),
        cgroup_limit: Some(u64::MAX),
        ..reading(u64::MAX, u64::MAX / 2_000_000)
    };
    assert_eq!(admit(&mut guard, &huge).unwrap_err(), Refusal::Memory);
    guard.observe(&reading(1, u64::MAX / 1_000_000));
    assert!(guard.stats().reserved > 0);
}

/// How a simulated process treats the memory of ended calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allocator {
    /// Gives it back to the system.
    Returns,
    /// Keeps it for the next, and gives back a sixty-fourth of what is free at every reading.
    Keeps,
    /// Keeps an eighth of it for good.
    Leaks,
    /// Keeps a fortieth of it for good, until it has a cache of 300, and gives back the rest.
    Caches,
}

/// A process with 100 of its own whose calls take four readings to reach their need and run for eight.
struct Process {
    allocator: Allocator,
    guard: MemoryGuard,
    running: Vec<(Reservation, u64, u64)>,
    highest_heap: u64,
    leaked: u64,
    tick: u64,
}

/// Averages over a stretch of time.
#[derive(Debug, Default)]
struct Stretch {
    running: u64,
    highest_rss: u64,
    reserved_each: u64,
}

impl Process {
    fn new(allocator: Allocator) -> Self {
        let predicted = PredictionSettings { default_bytes: 256, ..Default::default() };
        let guard = plain(|settings| settings.predicted = Some(predicted));
        Self { allocator, guard, running: Vec::new(), highest_heap: 0, leaked: 0, tick: 0 }
    }

    fn rss(&mut self) -> u64 {
        let used: u64 = self.running.iter().map(|(_, need, age)| need * (*age).min(4) / 4).sum();
        let free = self.highest_heap.saturating_sub(used);
        self.highest_heap = used + free - free / 64;
        100 + match self.allocator {
            Allocator::Returns => used,
            Allocator::Keeps => self.highest_heap,
            Allocator::Leaks => used + self.leaked,
            Allocator::Caches => used + (self.leaked / 5).min(300),
        }
    }

    /// Lets in as many calls as the guard allows, up to 64, at every reading.
    fn run(&mut self, ticks: u64, need: impl Fn(u64) -> u64) -> Stretch {
        let mut stretch = Stretch::default();
        for _ in 0..ticks {
            self.tick += 1;
            let rss = self.rss();
            let now = reading(rss, self.tick * 25);
            assert_eq!(now.at, TICK * self.tick as u32);
            self.guard.observe(&now);
            let (ended, running) = self.running.drain(..).partition(|(_, _, age)| *age >= 8);
            self.running = running;
            for (reservation, need, _) in ended {
                self.leaked += need / 8;
                self.guard.finish(reservation, &now, now.at);
            }
            let wanted = need(self.tick);
            while self.running.len() < 64 {
                match self.guard.admit(KEY, &now, now.at) {
                    Ok(reservation) => self.running.push((reservation, wanted, 0)),
                    Err(_) => break,
                }
            }
            self.running.iter_mut().for_each(|(_, _, age)| *age += 1);
            stretch.running += self.running.len() as u64;
            stretch.highest_rss = stretch.highest_rss.max(rss);
        }
        stretch.running /= ticks;
        stretch.reserved_each = self.guard.needed(KEY);
        stretch
    }
}

#[test]
fn a_kind_is_learned_and_over_reservation_falls() {
    for allocator in [Allocator::Returns, Allocator::Keeps] {
        let mut process = Process::new(allocator);
        let first = process.run(6, |_| 40);
        let learned = process.run(400, |_| 40);
        println!("{allocator:?}: {first:?}, then {learned:?}");
        // 900 above its own: three calls at 256 each, eighteen at 40 and the margin.
        assert!(first.running <= 3, "{allocator:?}: {first:?}");
        assert!(first.highest_rss <= 1000 && learned.highest_rss <= 1000, "{learned:?}");
        assert!(learned.running >= 15, "{allocator:?}: {learned:?}");
        assert!((40..=56).contains(&learned.reserved_each), "{allocator:?}: {learned:?}");
    }
}

#[test]
fn calls_that_grow_are_followed_before_memory_runs_over() {
    for allocator in [Allocator::Returns, Allocator::Keeps] {
        let mut process = Process::new(allocator);
        process.run(200, |_| 20);
        // From 20 to 120 over two hundred readings.
        let growing = process.run(200, |tick| 20 + (tick - 200) / 2);
        let grown = process.run(200, |_| 120);
        println!("{allocator:?}: {growing:?}, then {grown:?}");
        assert!(growing.highest_rss <= 1100, "{allocator:?}: {growing:?}");
        assert!(grown.highest_rss <= 1100, "{allocator:?}: {grown:?}");
        assert!(grown.reserved_each >= 120, "{allocator:?}: {grown:?}");
        assert!(grown.running >= 4, "{allocator:?}: {grown:?}");
        let shrunk = process.run(600, |_| 20);
        println!("{allocator:?}: {shrunk:?}");
        assert!(shrunk.reserved_each < grown.reserved_each, "{allocator:?}: {shrunk:?}");
        assert!(shrunk.running > grown.running, "{allocator:?}: {shrunk:?}");
    }
}

#[test]
fn memory_that_leaks_ends_in_refusals_and_not_far_beyond_the_limit() {
    let mut process = Process::new(Allocator::Leaks);
    let leaking = process.run(2000, |_| 40);
    println!("{leaking:?}, {:?}", process.guard.stats());
    assert!(leaking.highest_rss <= 1100, "{leaking:?}");
    assert!(process.guard.stats().refused > 0);
    assert_eq!(process.running.len(), 0, "the plain guard holds");
}

#[test]
fn memory_the_application_keeps_is_not_held_against_the_calls_for_ever() {
    let mut process = Process::new(Allocator::Caches);
    let filling = process.run(400, |_| 40);
    let full = process.run(400, |_| 40);
    println!("{filling:?}, then {full:?}, {:?}", process.guard.stats());
    assert!(filling.highest_rss <= 1100 && full.highest_rss <= 1100, "{filling:?}, {full:?}");
    // 600 are left for calls: two at 256, twelve at 40 and the margin.
    assert!(full.running >= 9, "{full:?}");
}

#[test]
fn whatever_comes_nothing_reserved_is_lost_and_the_guard_never_stands_still() {
    use proptest::prelude::*;
    let step = (0u64..3000, 0u8..4, 0u64..40);
    proptest!(|(steps in proptest::collection::vec(step, 1..300))| {
        let mut guard = predicting(200);
        let mut held: Vec<Reservation> = Vec::new();
        for (tick, (rss, action, kind)) in steps.into_iter().enumerate() {
            let now = reading(rss, 25 * (tick as u64 + 1));
            match action {
                0 => guard.observe(&now),
                1 if !held.is_empty() => {
                    let one = held.swap_remove(kind as usize % held.len());
                    guard.finish(one, &now, now.at);
                }
                _ => match guard.admit(KindKey(kind), &now, now.at) {
                    Ok(reservation) => held.push(reservation),
                    Err(Refusal::Memory) => prop_assert!(rss == 0 || rss > 1000),
                    Err(refusal) => {
                        prop_assert_eq!(refusal, Refusal::MemoryPredicted);
                        prop_assert!(!held.is_empty());
                        let rejection = guard.last_rejection().unwrap();
                        prop_assert!(rejection.needed > rejection.available);
                    }
                },
            }
            let promised = held.iter().fold(0, |sum, one| sum + one.bytes());
            prop_assert!(guard.stats().reserved <= promised);
        }
        for reservation in held.drain(..) {
            guard.finish(reservation, &Reading::default(), Duration::MAX);
        }
        prop_assert_eq!(guard.stats().reserved, 0);
        prop_assert_eq!(guard.running(), 0);
    });
}

#[test]
fn a_call_that_did_not_begin_holds_nothing_teaches_nothing_and_does_not_count() {
    let mut guard = predicting(400);
    let now = reading(500, 1);
    let before = guard.stats();
    for _ in 0..10 {
        let held = admit(&mut guard, &now).unwrap();
        assert_eq!((held.bytes(), guard.stats().reserved), (400, 400));
        guard.cancel(held);
    }
    let after = guard.stats();
    assert_eq!((after.reserved, after.admitted, after.unseen), (0, 0, 0));
    assert_eq!(GuardStats { kinds: before.kinds, ..after }, before);
    let lessons = reading(900, 2);
    guard.observe(&lessons);
    assert_eq!(guard.needed(KEY), 400, "as little is known as before");

    let alone = admit(&mut guard, &lessons).unwrap();
    assert_eq!((guard.stats().let_in_alone, guard.stats().admitted), (1, 1));
    guard.cancel(alone);
    let blind = admit(&mut guard, &Reading::default()).unwrap();
    assert_eq!((guard.stats().let_in_alone, guard.stats().blind), (0, 1));
    guard.cancel(blind);
    assert_eq!((guard.stats().blind, guard.stats().admitted, guard.stats().reserved), (0, 0, 0));
}

#[test]
fn without_prediction_there_is_nothing_to_give_back() {
    let mut guard = plain(|_| {});
    let held = admit(&mut guard, &reading(10, 1)).unwrap();
    guard.cancel(held);
    assert_eq!(guard.stats(), GuardStats::default());
}

#[test]
fn calls_beyond_those_followed_give_back_what_they_held_when_they_did_not_begin() {
    let mut guard = predicting(1);
    guard.change(&MemorySettings { max_rss: u64::MAX, ..settings_of(1) }).unwrap();
    let now = reading(1, 1);
    let held: Vec<_> = (0..crate::budget::memory::attribution::MAX_TRACKED)
        .map(|_| admit(&mut guard, &now).unwrap())
        .collect();
    let reserved = guard.stats().reserved;
    let untracked = admit(&mut guard, &now).unwrap();
    assert_eq!((guard.stats().reserved, guard.stats().untracked), (reserved + 1, 1));
    guard.cancel(untracked);
    assert_eq!((guard.stats().reserved, guard.stats().untracked), (reserved, 0));
    for held in held {
        guard.cancel(held);
    }
    assert_eq!((guard.stats().reserved, guard.stats().admitted), (0, 0));
}
