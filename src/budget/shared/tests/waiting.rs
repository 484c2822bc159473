use super::*;
use std::sync::mpsc;

/// Far beyond what any machine needs; a lost wake-up would be found by the tick at the latest, so each test
/// says what it waits for.
const PATIENCE: Duration = Duration::from_secs(60);

fn watched(lanes: &SharedLanes) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    lanes
        .watch(move || {
            sender.send(()).ok();
        })
        .unwrap();
    receiver.recv_timeout(PATIENCE).expect("the first look, at once");
    receiver
}

#[test]
fn a_release_in_another_process_lets_the_waiting_one_look_again() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let holder = attach(&path, &[("a", 1)], None);
    let waiter = attach(&path, &[("a", 1)], None);
    let lane = waiter.lane("a").unwrap();
    let looks = watched(&waiter);
    for _ in 0..100 {
        let before = waiter.attachment().segment().unwrap().generation();
        let slot = holder.try_acquire(holder.lane("a").unwrap()).unwrap();
        assert!(waiter.try_acquire(lane).is_err());
        drop(slot);
        let after = waiter.attachment().segment().unwrap().generation();
        assert_ne!(before, after, "the release told who waits");
        looks.recv_timeout(PATIENCE).unwrap();
        drop(waiter.try_acquire(lane).unwrap());
    }
    let before = waiter.attachment().segment().unwrap().generation();
    waiter.unwatch();
    drop(holder.try_acquire(holder.lane("a").unwrap()).unwrap());
    let after = waiter.attachment().segment().unwrap().generation();
    assert_eq!(before, after, "nobody waits: no wake-up, no system call");
}

#[test]
fn the_watching_thread_finds_the_dead_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let dying = attach(&path, &[("a", 1)], None);
    let waiter = attach(&path, &[("a", 1)], None);
    std::mem::forget(dying.try_acquire(dying.lane("a").unwrap()).unwrap());
    let looks = watched(&waiter);
    dying.abandon();
    while waiter.status().processes.len() > 1 {
        looks.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(active(&waiter, "a"), 0);
}

#[test]
fn a_raised_limit_and_a_leaving_process_wake_as_a_release_does() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let other = attach(&path, &[("a", 1)], None);
    let waiter = attach(&path, &[("a", 1)], None);
    let looks = watched(&waiter);
    let generation = || waiter.attachment().segment().unwrap().generation();
    let before = generation();
    other.configure(&[("a", 2)], None).unwrap();
    let raised = generation();
    drop(other);
    assert!(before != raised && raised != generation());
    looks.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_callback_that_panics_is_counted_and_called_again() {
    let home = tempfile::tempdir().unwrap();
    let lanes = attach(&home.path().join("lanes"), &[("a", 1)], None);
    let (sender, receiver) = mpsc::channel();
    lanes
        .watch(move || {
            sender.send(()).ok();
            panic!("on purpose");
        })
        .unwrap();
    for _ in 0..2 {
        receiver.recv_timeout(PATIENCE).unwrap();
    }
    while lanes.status().failed_callbacks == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn lanes_dropped_while_they_are_watched_leave_at_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let staying = attach(&path, &[("a", 1)], None);
    let going = attach(&path, &[("a", 1)], None);
    // Not the callback's to keep: by the time it returned, the thread waits without holding the lanes.
    let looks = watched(&going);
    drop(going);
    while staying.status().processes.len() > 1 {
        looks.recv_timeout(Duration::from_millis(1)).ok();
    }
    assert_eq!(staying.status().reclaimed, 0);
}
