//! What lanes lend each other.

use super::fixtures::*;
use super::*;

fn take(gate: &mut Gate, lane: LaneIndex, times: usize) -> Vec<SlotToken> {
    (0..times).map(|_| gate.try_acquire(lane, task(1), NOW).unwrap()).collect()
}

/// Lanes `a` and `c` that do not borrow, and `b` that may.
fn three() -> (Gate, [LaneIndex; 3]) {
    let mut gate = gate(100, &[("a", 4, 4), ("b", 1, 9), ("c", 0, 0)]);
    let lanes = ["a", "b", "c"].map(|name| gate.lane(name).unwrap());
    (gate, lanes)
}

#[test]
fn a_lane_runs_more_than_its_limit_on_what_others_leave_idle_but_one() {
    let (mut gate, [a, b, _]) = three();
    take(&mut gate, b, 4);
    assert_eq!(gate.try_acquire(b, task(1), NOW), Err(Refusal::LaneFull));
    assert_eq!((gate.ledger(a), gate.ledger(b)), ((0, 0, 3), (4, 3, 0)));
    assert!(gate.try_acquire(a, task(1), NOW).is_ok(), "the owner's first never waits");
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::LaneFull));
    assert_eq!((gate.status().counters.loans, gate.status().global.active), (3, 5));
}

#[test]
fn a_lane_whose_ceiling_is_its_limit_borrows_nothing() {
    let mut gate = gate(100, &[("a", 4, 0), ("b", 9, 9)]);
    let a = gate.lane("a").unwrap();
    take(&mut gate, a, 4);
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::LaneFull));
}

#[test]
fn no_lane_runs_more_than_its_ceiling() {
    let mut gate = gate(100, &[("a", 9, 9), ("b", 1, 3)]);
    let b = gate.lane("b").unwrap();
    take(&mut gate, b, 3);
    assert_eq!(gate.try_acquire(b, task(1), NOW), Err(Refusal::LaneFull));
}

#[test]
fn lanes_without_a_limit_neither_lend_nor_borrow() {
    let mut gate = gate(100, &[("b", 1, 3)]);
    let (b, free) = (gate.lane("b").unwrap(), gate.lane("free").unwrap());
    take(&mut gate, b, 1);
    assert_eq!(gate.try_acquire(b, task(1), NOW), Err(Refusal::LaneFull));
    take(&mut gate, free, 99);
    assert_eq!(gate.ledger(free), (99, 0, 0));
}

#[test]
fn the_lane_with_most_to_spare_lends() {
    let mut gate = gate(100, &[("a", 3, 3), ("b", 1, 9), ("c", 5, 5)]);
    let [a, b, c] = ["a", "b", "c"].map(|name| gate.lane(name).unwrap());
    take(&mut gate, b, 3);
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((0, 0, 0), (0, 0, 2)));
    take(&mut gate, b, 2);
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((0, 0, 1), (0, 0, 3)));
}

#[test]
fn any_end_of_a_call_in_the_borrowing_lane_gives_a_loan_back_to_the_owner_who_waits() {
    let (mut gate, [a, b, _]) = three();
    let slots = take(&mut gate, b, 4);
    take(&mut gate, a, 1);
    gate.wait(a, 1, Priority::Low, 1, NOW);
    gate.wait(b, 1, Priority::High, 2, NOW);
    assert_eq!(gate.pump(NOW), vec![]);
    gate.release(slots[0], NOW, SECOND);
    let grants = gate.pump(NOW);
    assert_eq!(grants.iter().map(|grant| grant.tag).collect::<Vec<_>>(), [1]);
    assert_eq!((gate.ledger(a), gate.ledger(b)), ((2, 0, 2), (3, 2, 0)));
}

#[test]
fn a_loan_goes_back_to_the_lender_in_demand_first() {
    let mut gate = gate(100, &[("a", 3, 3), ("b", 1, 9), ("c", 3, 3)]);
    let [a, b, c] = ["a", "b", "c"].map(|name| gate.lane(name).unwrap());
    let slots = take(&mut gate, b, 5);
    take(&mut gate, c, 1);
    take(&mut gate, a, 1);
    assert_eq!(gate.try_acquire(c, task(1), NOW), Err(Refusal::LaneFull));
    gate.release(slots[0], NOW, SECOND);
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((1, 0, 2), (1, 0, 1)));
    assert!(gate.try_acquire(c, task(1), NOW).is_ok());
}

#[test]
fn a_refused_attempt_keeps_its_lane_from_lending_until_it_is_met_or_lapses() {
    let (mut gate, [a, b, _]) = three();
    let own = take(&mut gate, a, 4);
    take(&mut gate, b, 1);
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::LaneFull));
    for slot in own {
        gate.release(slot, NOW, SECOND);
    }
    gate.wait(b, 1, Priority::High, 1, NOW);
    assert_eq!(gate.pump(NOW), vec![], "in demand");
    let lapse = NOW + DEMAND_KEPT;
    assert_eq!(gate.next_expiry(), Some(lapse));
    let met = gate.try_acquire(a, task(1), NOW).unwrap();
    assert_eq!(gate.pump(NOW).len(), 1, "met");
    assert_eq!(gate.next_expiry(), None);

    gate.release(met, NOW, SECOND);
    let own = take(&mut gate, a, 3);
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::LaneFull));
    for slot in own {
        gate.release(slot, NOW, SECOND);
    }
    gate.wait(b, 1, Priority::High, 2, NOW);
    assert_eq!(gate.pump(lapse - Duration::from_nanos(1)), vec![]);
    assert_eq!(gate.pump(lapse).len(), 1, "lapsed");
    gate.wait(b, 1, Priority::High, 3, lapse);
    assert_eq!(gate.expire(lapse), vec![]);
    assert_eq!(gate.next_expiry(), Some(FAR), "a demand that lapsed wakes nobody again");
}

#[test]
fn a_refusal_by_a_quota_is_no_demand_and_neither_is_a_waiter_held_by_one() {
    let mut limits = limits(100, &[("a", 4, 4), ("b", 1, 9)]);
    limits.named_quotas.insert(task(5), Quota { slots: Some(1), ..Quota::default() });
    let mut gate = Gate::new(limits).unwrap();
    let (a, b) = (gate.lane("a").unwrap(), gate.lane("b").unwrap());
    let _held = gate.try_acquire(a, task(5), NOW).unwrap();
    assert_eq!(gate.try_acquire(a, task(5), NOW), Err(Refusal::TaskSlots));
    gate.wait(a, 5, Priority::High, 1, NOW);
    take(&mut gate, b, 3);
    assert_eq!(gate.ledger(a), (1, 0, 2));
}

#[test]
fn an_owner_passes_its_loan_on_to_a_lane_that_may_lend_and_does_not_wait() {
    let mut gate = gate(100, &[("a", 4, 4), ("b", 1, 4), ("c", 3, 3)]);
    let [a, b, c] = ["a", "b", "c"].map(|name| gate.lane(name).unwrap());
    take(&mut gate, b, 4);
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((0, 0, 2), (0, 0, 1)));
    take(&mut gate, a, 2);
    take(&mut gate, a, 1);
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((3, 0, 1), (0, 0, 2)));
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::LaneFull), "c keeps its one");
    assert!(gate.try_acquire(c, task(1), NOW).is_ok());
}

#[test]
fn a_lane_gives_back_what_it_borrowed_when_its_own_capacity_has_room() {
    let (mut gate, [a, b, c]) = three();
    take(&mut gate, b, 4);
    gate.set_limits(limits(100, &[("a", 4, 4), ("b", 3, 9), ("c", 0, 0)])).unwrap();
    assert_eq!((gate.ledger(a), gate.ledger(b), gate.ledger(c)), ((0, 0, 1), (4, 1, 0), (0, 0, 0)));
    gate.set_limits(limits(100, &[("a", 4, 4)])).unwrap();
    assert_eq!((gate.ledger(a), gate.ledger(b)), ((0, 0, 0), (4, 0, 0)));
}

#[test]
fn a_lane_that_lost_its_limit_gets_its_loans_back() {
    let (mut gate, [a, b, _]) = three();
    let slots = take(&mut gate, b, 4);
    gate.set_limits(limits(100, &[("b", 1, 9)])).unwrap();
    assert_eq!(gate.ledger(a), (0, 0, 3));
    for slot in slots {
        gate.release(slot, NOW, SECOND);
    }
    assert_eq!((gate.ledger(a), gate.ledger(b)), ((0, 0, 0), (0, 0, 0)));
}

#[test]
fn a_controllers_limit_holds_loans_too() {
    let (mut gate, [a, b, _]) = three();
    gate.set_effective(b, 2);
    take(&mut gate, b, 2);
    assert_eq!(gate.try_acquire(b, task(1), NOW), Err(Refusal::LaneFull));
    gate.set_effective(b, u32::MAX);
    gate.set_effective(a, 2);
    assert_eq!(
        gate.try_acquire(b, task(1), NOW),
        Err(Refusal::LaneFull),
        "a lends on what it bears"
    );
    gate.set_effective(a, u32::MAX);
    assert!(gate.try_acquire(b, task(1), NOW).is_ok());
}

#[test]
fn a_lane_passes_its_loans_on_before_it_borrows() {
    let mut gate = gate(100, &[("a", 3, 9), ("b", 1, 3), ("c", 4, 4)]);
    let [a, b, c] = ["a", "b", "c"].map(|name| gate.lane(name).unwrap());
    let filler = take(&mut gate, c, 3);
    let borrowed = take(&mut gate, b, 3);
    for slot in filler {
        gate.release(slot, NOW, SECOND);
    }
    assert_eq!((gate.ledger(a), gate.ledger(b)), ((0, 0, 2), (3, 2, 0)));
    take(&mut gate, a, 4);
    // Two loans passed on to c leave room for three; the fourth is a loan, of the last but one of c's.
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((4, 1, 0), (0, 0, 3)));
    for slot in borrowed {
        gate.release(slot, NOW, SECOND);
    }
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((4, 1, 0), (0, 0, 1)));
}

/// Lane `a` runs two of its own, lends two to `b` and borrows one of `c`, after its limit went from four to
/// two and to three.
fn chain() -> (Gate, [LaneIndex; 3], Vec<SlotToken>) {
    let with = |limit| limits(100, &[("a", limit, 9), ("b", 1, 3), ("c", 4, 4)]);
    let mut gate = Gate::new(with(4)).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| gate.lane(name).unwrap());
    let filler = take(&mut gate, c, 3);
    let borrowed = take(&mut gate, b, 3);
    take(&mut gate, a, 2);
    for slot in filler {
        gate.release(slot, NOW, SECOND);
    }
    gate.set_limits(with(2)).unwrap();
    take(&mut gate, a, 1);
    gate.set_limits(with(3)).unwrap();
    assert_eq!((gate.ledger(a), gate.ledger(b), gate.ledger(c)), ((3, 1, 2), (3, 2, 0), (0, 0, 1)));
    (gate, [a, b, c], borrowed)
}

#[test]
fn a_loan_given_back_to_a_lane_that_borrows_is_given_on_to_its_lender() {
    let (mut gate, [a, _, c], borrowed) = chain();
    gate.release(borrowed[0], NOW, SECOND);
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((3, 1, 1), (0, 0, 1)), "it still has no room");
    gate.release(borrowed[1], NOW, SECOND);
    assert_eq!((gate.ledger(a), gate.ledger(c)), ((3, 0, 0), (0, 0, 0)));
}

#[test]
fn loans_passed_on_by_a_lane_that_borrows_end_its_own_whoever_is_let_in() {
    let (mut gate, [a, b, c], _held) = chain();
    gate.wait(a, 1, Priority::High, 1, NOW);
    assert_eq!(gate.next_grant(NOW, &mut |_| Admission::SkipLane), None);
    assert_eq!((gate.ledger(a), gate.ledger(b), gate.ledger(c)), ((3, 0, 0), (3, 2, 0), (0, 0, 2)));
}

#[test]
fn who_may_go_on_by_its_quota_is_demand_from_that_moment() {
    let mut limits = limits(100, &[("a", 4, 4), ("b", 1, 9)]);
    limits.named_quotas.insert(task(5), Quota { calls_per_minute: Some(1), ..Quota::default() });
    let mut gate = Gate::new(limits).unwrap();
    let (a, b) = (gate.lane("a").unwrap(), gate.lane("b").unwrap());
    let _held = gate.try_acquire(a, task(5), NOW).unwrap();
    gate.wait(a, 5, Priority::High, 1, NOW);
    take(&mut gate, b, 2);
    let recovered = NOW + SECOND * 61;
    assert_eq!(gate.try_acquire(b, task(1), recovered), Err(Refusal::LaneFull));
}
