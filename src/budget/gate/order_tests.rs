//! The order in which waiters are let in.

use super::Priority::{High, Low, Normal};
use super::fixtures::*;
use super::*;

/// A gate with room for one call, in one lane.
fn narrow() -> (Gate, LaneIndex) {
    let mut gate = gate(1, &[]);
    let lane = gate.lane("a").unwrap();
    (gate, lane)
}

#[test]
fn within_a_priority_who_came_first_goes_first() {
    let (mut gate, lane) = narrow();
    for tag in 0..20 {
        gate.wait(lane, tag * 7 % 5, Normal, tag, NOW + SECOND * tag as u32 / 100);
    }
    let order = gate.one_by_one(NOW + SECOND, 100);
    assert_eq!(order[..5], [0, 1, 2, 3, 4], "first waiters of five tasks");
    assert_eq!(order, (0..20).collect::<Vec<_>>(), "and they take turns");
}

#[test]
fn a_higher_priority_goes_first_within_a_task_and_between_tasks() {
    let (mut gate, lane) = narrow();
    for (tag, priority) in [(0, Low), (1, Normal), (2, High), (3, Low), (4, Normal), (5, High)] {
        gate.wait(lane, 1, priority, tag, NOW);
    }
    assert_eq!(gate.one_by_one(NOW, 100), [2, 5, 1, 4, 0, 3]);
    for (tag, priority) in [(0, Low), (1, Normal), (2, High), (3, Low), (4, Normal), (5, High)] {
        gate.wait(lane, tag, priority, tag, NOW);
    }
    assert_eq!(gate.one_by_one(NOW, 100), [2, 5, 1, 4, 0, 3]);
}

#[test]
fn a_waiter_rises_one_priority_after_each_ageing_and_stands_behind_those_there() {
    let (mut gate, lane) = narrow();
    gate.wait(lane, 1, Low, 1, NOW);
    gate.wait(lane, 2, Normal, 2, NOW + SECOND * 9);
    gate.wait(lane, 3, Normal, 3, NOW + SECOND * 11);
    gate.wait(lane, 4, High, 4, NOW + SECOND * 19);
    gate.wait(lane, 5, High, 5, NOW + SECOND * 21);
    // They enter the highest priority after 19 (tags 2 and 4, by arrival), 20 (1) and 21 (3 and 5) seconds.
    assert_eq!(gate.one_by_one(NOW + SECOND * 21, 100), [2, 4, 1, 3, 5]);
}

#[test]
fn without_ageing_priorities_mean_nothing() {
    let mut gate = Gate::new(Limits { ageing: Duration::ZERO, ..limits(1, &[]) }).unwrap();
    let lane = gate.lane("a").unwrap();
    for (tag, priority) in [(0, Low), (1, Normal), (2, High)] {
        gate.wait(lane, 1, priority, tag, NOW);
    }
    assert_eq!(gate.one_by_one(NOW, 100), [0, 1, 2]);
}

#[test]
fn with_the_longest_ageing_priorities_are_strict() {
    let mut gate = Gate::new(Limits { ageing: Duration::MAX, ..limits(1, &[]) }).unwrap();
    let lane = gate.lane("a").unwrap();
    for (tag, priority) in [(0, Low), (1, Normal), (2, High)] {
        gate.wait(lane, tag, priority, tag, NOW);
        gate.wait(lane, tag, priority, tag + 10, NOW);
    }
    assert_eq!(gate.one_by_one(FAR, 100), [2, 12, 1, 11, 0, 10]);
}

#[test]
fn a_task_with_a_thousand_waiters_does_not_hold_up_anothers_one() {
    let (mut gate, lane) = narrow();
    for tag in 0..1000 {
        gate.wait(lane, 1, Normal, tag, NOW);
    }
    gate.wait(lane, 2, Normal, 5000, NOW);
    gate.wait(lane, 3, Normal, 6000, NOW);
    gate.wait(lane, 3, Normal, 6001, NOW);
    assert_eq!(gate.one_by_one(NOW, 6), [0, 5000, 6000, 1, 6001, 2]);
    gate.wait(lane, 4, Normal, 7000, NOW + SECOND);
    assert_eq!(gate.one_by_one(NOW + SECOND, 3), [3, 7000, 4], "nor of one that comes later");
}

#[test]
fn a_task_whose_turn_has_been_goes_behind_the_others_of_its_next_waiters_priority() {
    let (mut gate, lane) = narrow();
    for (number, priority, tag) in
        [(1, High, 0), (1, Normal, 1), (1, Low, 2), (2, Normal, 3), (2, Low, 4), (3, Low, 5)]
    {
        gate.wait(lane, number, priority, tag, NOW);
    }
    // The second call of task 1 became its next when its first was let in: behind task 2's.
    assert_eq!(gate.one_by_one(NOW, 100), [0, 3, 1, 5, 4, 2]);
}

#[test]
fn a_task_keeps_its_turn_when_its_first_waiter_gives_up() {
    let (mut gate, lane) = narrow();
    let first = gate.wait(lane, 1, Normal, 0, NOW);
    gate.wait(lane, 1, Normal, 1, NOW);
    gate.wait(lane, 2, Normal, 2, NOW + SECOND);
    gate.wait(lane, 1, Normal, 3, NOW + SECOND * 2);
    assert_eq!(gate.cancel(first), Some(0));
    assert_eq!(gate.one_by_one(NOW + SECOND * 3, 100), [1, 2, 3]);
    let first = gate.wait(lane, 1, Normal, 0, NOW + SECOND * 4);
    gate.wait(lane, 2, Normal, 1, NOW + SECOND * 5);
    gate.wait(lane, 1, Normal, 2, NOW + SECOND * 6);
    assert_eq!(gate.cancel(first), Some(0));
    assert_eq!(gate.one_by_one(NOW + SECOND * 7, 100), [1, 2], "its next came later");
}

#[test]
fn the_oldest_turn_of_all_lanes_with_room_goes_first() {
    let mut gate = gate(1, &[("a", 1, 1), ("closed", 0, 0)]);
    let [a, b, closed] = ["a", "b", "closed"].map(|name| gate.lane(name).unwrap());
    gate.wait(closed, 1, High, 0, NOW);
    gate.wait(b, 1, Normal, 1, NOW);
    gate.wait(a, 1, Normal, 2, NOW);
    gate.wait(b, 1, Normal, 3, NOW);
    gate.wait(a, 1, High, 4, NOW);
    assert_eq!(gate.one_by_one(NOW, 100), [4, 1, 2, 3]);
    assert_eq!(gate.status().waiting, 1);
}

#[test]
fn who_does_not_wait_overtakes_nobody_who_could_run() {
    let mut gate = gate(9, &[("a", 1, 1), ("b", 5, 5)]);
    let (a, b) = (gate.lane("a").unwrap(), gate.lane("b").unwrap());
    let slot = gate.try_acquire(a, task(1), NOW).unwrap();
    gate.wait(a, 2, Low, 0, NOW);
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::LaneFull), "simply full");
    assert!(gate.try_acquire(b, task(1), NOW).is_ok(), "another lane");
    gate.release(slot, NOW, SECOND);
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::OthersWait));
    assert_eq!(gate.pump(NOW).len(), 1);
}

#[test]
fn the_owner_may_pass_over_a_lane_or_stop() {
    let mut gate = gate(9, &[]);
    let (a, b) = (gate.lane("a").unwrap(), gate.lane("b").unwrap());
    gate.wait(a, 1, High, 1, NOW);
    gate.wait(a, 2, High, 2, NOW);
    gate.wait(b, 3, Low, 3, NOW);
    let mut asked = vec![];
    let grant = gate.next_grant(NOW, &mut |candidate| {
        asked.push(candidate);
        if candidate.lane == a { Admission::SkipLane } else { Admission::Admit }
    });
    assert_eq!(grant.map(|grant| (grant.tag, grant.slot.lane())), Some((3, b)));
    let expected = [(a, task(1), 1), (b, task(3), 3)];
    assert_eq!(asked, expected.map(|(lane, task, tag)| Candidate { lane, task, tag }));
    let mut times = 0;
    let stopped = gate.next_grant(NOW, &mut |_| {
        times += 1;
        Admission::Stop
    });
    assert_eq!((stopped, times), (None, 1));
    assert_eq!((gate.status().global.active, gate.status().waiting), (1, 2));
    let rest: Vec<u64> = gate.pump(NOW).iter().map(|grant| grant.tag).collect();
    assert_eq!(rest, [1, 2]);
}

#[test]
fn a_task_held_by_its_quota_is_passed_over_and_keeps_its_turn() {
    let mut limits = limits(1, &[]);
    limits.named_quotas.insert(task(1), Quota { calls_per_minute: Some(1), ..Quota::default() });
    let mut gate = Gate::new(limits).unwrap();
    let lane = gate.lane("a").unwrap();
    for (number, tag) in [(1, 0), (1, 1), (2, 2), (2, 3), (3, 4)] {
        gate.wait(lane, number, Normal, tag, NOW);
    }
    assert_eq!(gate.one_by_one(NOW, 2), [0, 2]);
    assert_eq!(gate.one_by_one(NOW + SECOND, 1), [4]);
    assert_eq!(gate.one_by_one(NOW + SECOND * 61, 100), [1, 3]);
}

#[test]
fn a_task_held_that_gives_up_leaves_nothing_behind() {
    let mut limits = limits(9, &[]);
    limits.quota.calls_per_minute = Some(1);
    let mut gate = Gate::new(limits).unwrap();
    let lane = gate.lane("a").unwrap();
    gate.wait(lane, 1, Normal, 0, NOW);
    let held = gate.wait(lane, 1, Normal, 1, NOW);
    assert_eq!(gate.pump(NOW).len(), 1);
    assert_eq!(gate.cancel(held), Some(1));
    assert_eq!(gate.next_expiry(), None);
    gate.wait(lane, 1, Normal, 2, NOW);
    assert_eq!(gate.pump(NOW), vec![]);
    assert_eq!(gate.next_expiry(), Some(NOW + SECOND * 61));
}

/// Sixteen tasks of the highest priority keep the one slot busy, each with many waiters.
#[test]
fn nobody_starves_beyond_the_stated_bound() {
    const OTHERS: u64 = 16;
    for (priority, rank) in [(High, 0), (Normal, 1), (Low, 2)] {
        let (mut gate, lane) = narrow();
        let mut now = NOW;
        let press = |gate: &mut Gate, now| {
            for other in 1..=OTHERS {
                gate.wait(lane, other, High, other, now);
            }
        };
        press(&mut gate, now);
        gate.wait(lane, 99, priority, 99, now);
        let bound = NOW + SECOND * 10 * (rank + 1);
        let mut after = 0;
        loop {
            press(&mut gate, now);
            after += u64::from(now >= bound);
            if gate.one_by_one(now, 1) == [99] {
                break;
            }
            now += SECOND / 3;
        }
        assert!(now >= NOW + SECOND * 10 * rank, "not before those of higher standing either");
        assert!(after <= OTHERS + 1, "{after} after the bound");
    }
}
