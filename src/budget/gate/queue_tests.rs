//! The bound of the queue, giving up, and time that is over.

use super::fixtures::*;
use super::*;

/// A gate of one lane that is full, with place for three waiters.
fn full(shed: Shed) -> (Gate, LaneIndex, SlotToken) {
    let mut gate = Gate::new(Limits { queue: 3, shed, ..limits(1, &[("a", 1, 1)]) }).unwrap();
    let lane = gate.lane("a").unwrap();
    let slot = gate.try_acquire(lane, task(0), NOW).unwrap();
    (gate, lane, slot)
}

#[test]
fn a_full_queue_refuses_newcomers() {
    let (mut gate, lane, _held) = full(Shed::RejectNew);
    for tag in 0..3 {
        gate.wait(lane, tag, Priority::Low, tag, NOW);
    }
    let newcomer = gate.enqueue(lane, task(9), Priority::High, FAR, 9, NOW);
    assert_eq!(newcomer, Err(Refusal::QueueFull));
    assert_eq!((gate.status().waiting, gate.shown(lane).waiting), (3, 3));
}

#[test]
fn a_queue_of_none_takes_nobody() {
    for shed in [Shed::RejectNew, Shed::DropLowest] {
        let mut gate = Gate::new(Limits { queue: 0, shed, ..limits(1, &[]) }).unwrap();
        let lane = gate.lane("a").unwrap();
        let waits = gate.enqueue(lane, task(1), Priority::High, FAR, 0, NOW);
        assert_eq!(waits, Err(Refusal::QueueFull));
    }
}

#[test]
fn the_youngest_of_the_lowest_priority_goes_for_one_who_stands_higher() {
    let (mut gate, lane, _held) = full(Shed::DropLowest);
    gate.wait(lane, 1, Priority::Low, 1, NOW);
    let youngest = gate.wait(lane, 2, Priority::Low, 2, NOW);
    gate.wait(lane, 3, Priority::High, 3, NOW);
    let (_, shed) = gate.enqueue(lane, task(4), Priority::Normal, FAR, 4, NOW).unwrap();
    assert_eq!(shed, Some(Waiter { id: youngest, tag: 2 }));
    let equal = gate.enqueue(lane, task(5), Priority::Low, FAR, 5, NOW);
    assert_eq!(equal, Err(Refusal::QueueFull));
    let (_, shed) = gate.enqueue(lane, task(6), Priority::High, FAR, 6, NOW).unwrap();
    assert_eq!(shed.map(|waiter| waiter.tag), Some(1));
    assert_eq!((gate.status().counters.shed, gate.status().waiting), (2, 3));
}

#[test]
fn who_has_risen_to_a_newcomers_priority_is_not_sent_away_for_it() {
    let (mut gate, lane, _held) = full(Shed::DropLowest);
    for tag in 0..3 {
        gate.wait(lane, tag, Priority::Low, tag, NOW);
    }
    let risen = NOW + SECOND * 10;
    let newcomer = gate.enqueue(lane, task(4), Priority::Normal, FAR, 4, risen);
    assert_eq!(newcomer, Err(Refusal::QueueFull));
    let newcomer = gate.enqueue(lane, task(4), Priority::High, FAR, 4, risen);
    assert_eq!(newcomer.unwrap().1.map(|waiter| waiter.tag), Some(2));
}

#[test]
fn a_queue_longer_than_its_new_bound_shrinks_before_it_takes_anybody() {
    let (mut gate, lane, _held) = full(Shed::DropLowest);
    for tag in 0..3 {
        gate.wait(lane, tag, Priority::Low, tag, NOW);
    }
    let shorter = Limits { queue: 2, shed: Shed::DropLowest, ..limits(1, &[("a", 1, 1)]) };
    gate.set_limits(shorter).unwrap();
    let newcomer = gate.enqueue(lane, task(4), Priority::High, FAR, 4, NOW);
    assert_eq!(newcomer, Err(Refusal::QueueFull));
    assert_eq!(gate.status().waiting, 3);
}

#[test]
fn who_gives_up_is_gone_once() {
    let (mut gate, lane, slot) = full(Shed::RejectNew);
    let first = gate.wait(lane, 1, Priority::Normal, 1, NOW);
    gate.wait(lane, 2, Priority::Normal, 2, NOW);
    assert_eq!((gate.cancel(first), gate.cancel(first)), (Some(1), None));
    gate.release(slot, NOW, SECOND);
    let grants = gate.pump(NOW);
    assert_eq!(grants.iter().map(|grant| grant.tag).collect::<Vec<_>>(), [2]);
    assert_eq!(gate.cancel(grants[0].id), None, "let in, it no longer waits");
    assert_eq!(gate.status().counters.cancelled, 1);
    assert!(!gate.is_awaited());
}

#[test]
fn whose_time_is_over_is_named_in_the_order_of_time() {
    let (mut gate, lane, _held) = full(Shed::RejectNew);
    for (tag, wait) in [(1, 5), (2, 3), (3, 9)] {
        let until = NOW + SECOND * wait;
        assert!(gate.enqueue(lane, task(1), Priority::Normal, until, tag, NOW).is_ok());
    }
    assert_eq!(gate.next_expiry(), Some(NOW + SECOND * 3));
    assert_eq!(gate.expire(NOW + SECOND * 2), vec![]);
    let over = gate.expire(NOW + SECOND * 5);
    assert_eq!(over.iter().map(|waiter| waiter.tag).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((gate.next_expiry(), gate.status().counters.expired), (Some(NOW + SECOND * 9), 2));
}

#[test]
fn nobody_waits_until_a_moment_that_has_passed() {
    let (mut gate, lane, _held) = full(Shed::RejectNew);
    let waits = gate.enqueue(lane, task(1), Priority::High, NOW, 0, NOW);
    assert_eq!(waits, Err(Refusal::WaitExpired));
    assert_eq!((gate.next_expiry(), gate.is_awaited()), (None, false));
}
