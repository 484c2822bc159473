//! What the gate costs; printed, never asserted: `cargo test --release -- --ignored --nocapture gate::timing`.

use super::fixtures::*;
use super::*;
use std::time::Instant;

fn report(what: &str, times: u32, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    println!("{what}: {:.1} ns", start.elapsed().as_nanos() as f64 / f64::from(times));
}

#[test]
#[ignore = "a measurement, for release builds"]
fn what_a_call_and_a_grant_cost() {
    const BATCHES: u32 = 1000;
    const BATCH: u32 = 2000;
    let lanes = [("a", 8, 8), ("b", 16, 16), ("c", 4, 4), ("d", 3, 3), ("e", 1, 1)];
    let pairs = |what: &str, limits: Limits| {
        let mut gate = Gate::new(limits).unwrap();
        let lane = gate.lane("a").unwrap();
        // The best of many short batches: on a busy machine the others measure who else was running.
        let batch = |_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                let now = std::hint::black_box(NOW);
                let slot = gate.try_acquire(std::hint::black_box(lane), task(1), now).unwrap();
                gate.release(std::hint::black_box(slot), now, SECOND);
            }
            start.elapsed()
        };
        let best = (0..BATCHES).map(batch).min().unwrap();
        println!("{what}: {:.1} ns", best.as_nanos() as f64 / f64::from(BATCH));
    };
    pairs("acquire and release", limits(32, &lanes));
    let mut limited = limits(32, &lanes);
    limited.quota.slots = Some(5);
    pairs("acquire and release with a quota of slots", limited.clone());
    limited.quota.calls_per_minute = Some(u32::MAX);
    pairs("acquire and release with a quota of slots and of calls a minute", limited);

    const WAITERS: u32 = 10_000;
    for tasks in [1, 100, 5000] {
        let mut gate = gate(1, &[]);
        let lane = gate.lane("a").unwrap();
        report(&format!("enqueue, {WAITERS} waiters of {tasks} tasks"), WAITERS, || {
            for tag in 0..u64::from(WAITERS) {
                gate.wait(lane, tag % tasks, Priority::Normal, tag, NOW);
            }
        });
        report(&format!("grant and release, {WAITERS} waiters of {tasks} tasks"), WAITERS, || {
            assert_eq!(gate.one_by_one(NOW, usize::MAX).len(), WAITERS as usize);
        });
    }
}
