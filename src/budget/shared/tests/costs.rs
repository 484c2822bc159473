//! What a pair of acquire and release costs. Measurements: run them with optimisation, by name.

use super::kills::start;
use super::*;
use std::io::Read;
use std::time::Instant;

const PAIRS: u32 = 200_000;

#[test]
#[ignore = "a measurement"]
fn a_pair_alone() {
    let home = tempfile::tempdir().unwrap();
    let lanes = attach(&home.path().join("lanes"), &[("a", 8)], Some(32));
    let lane = lanes.lane("a").unwrap();
    for attached in [1, 8, 64] {
        let others: Vec<_> =
            (1..attached).map(|_| attach(&home.path().join("lanes"), &[("a", 8)], None)).collect();
        let mut best = f64::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            for _ in 0..PAIRS {
                drop(lanes.try_acquire(lane).unwrap());
            }
            best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(PAIRS));
        }
        println!("{attached} attached: {best:.0} ns a pair");
        drop(others);
    }
}

#[test]
#[ignore = "a measurement"]
fn a_pair_among_eight_processes() {
    for limit in [64, 4] {
        let home = tempfile::tempdir().unwrap();
        let observer = attach(&home.path().join("lanes"), &[("a", limit)], None);
        let children: Vec<_> =
            (0..8).map(|_| start("busy", home.path(), u64::from(limit))).collect();
        for mut child in children {
            let mut said = String::new();
            child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            assert!(child.wait().unwrap().success());
            println!("limit {limit}: {}", said.lines().find(|line| line.contains("ns")).unwrap());
        }
        assert_eq!(observer.status().global.active, 0);
    }
}

/// What a process of [`a_pair_among_eight_processes`] does, once all of them are there.
pub(super) fn be_busy(home: &Path, limit: u64) {
    let lanes = attach(&home.join("lanes"), &[("a", limit as u32)], None);
    let lane = lanes.lane("a").unwrap();
    while lanes.status().processes.len() < 9 {
        std::thread::yield_now();
    }
    let (begun, mut refused) = (Instant::now(), 0_u32);
    for _ in 0..PAIRS {
        match lanes.try_acquire(lane) {
            Ok(slot) => drop(slot),
            Err(_) => refused += 1,
        }
    }
    let each = begun.elapsed().as_secs_f64() * 1e9 / f64::from(PAIRS);
    println!("{each:.0} ns a pair by the wall, {refused} of {PAIRS} refused");
    // Nobody leaves before all are done, or the last ones would be alone.
    std::fs::write(home.join(format!("done-{}", std::process::id())), b"").unwrap();
    while std::fs::read_dir(home).unwrap().count() < 9 {
        std::thread::yield_now();
    }
}
