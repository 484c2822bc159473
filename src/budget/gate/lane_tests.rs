//! Limits of lanes, of the process, and of tasks.

use super::fixtures::*;
use super::*;

#[test]
fn a_lane_runs_as_many_as_its_limit_and_no_more() {
    let mut gate = gate(10, &[("a", 2, 2)]);
    let lane = gate.lane("a").unwrap();
    let slots: Vec<_> = (0..2).map(|_| gate.try_acquire(lane, task(1), NOW).unwrap()).collect();
    assert_eq!(gate.try_acquire(lane, task(2), NOW), Err(Refusal::LaneFull));
    gate.release(slots[0], NOW, SECOND);
    assert!(gate.try_acquire(lane, task(2), NOW).is_ok());
    assert_eq!(gate.status().global, GlobalStatus { active: 2, limit: 10 });
}

#[test]
fn the_process_runs_no_more_than_the_global_limit_over_all_lanes() {
    let mut gate = gate(3, &[("a", 2, 2), ("b", 2, 2)]);
    let (a, b) = (gate.lane("a").unwrap(), gate.lane("b").unwrap());
    let held = [a, a, b].map(|lane| gate.try_acquire(lane, task(1), NOW).unwrap());
    assert_eq!(gate.try_acquire(b, task(1), NOW), Err(Refusal::GlobalFull));
    assert_eq!(gate.try_acquire(a, task(1), NOW), Err(Refusal::LaneFull));
    gate.release(held[0], NOW, SECOND);
    assert!(gate.try_acquire(b, task(1), NOW).is_ok());
}

#[test]
fn a_lane_without_a_limit_is_held_by_the_global_limit_and_shown_once_used() {
    let mut gate = gate(3, &[("a", 1, 1)]);
    assert_eq!(gate.status().lanes.len(), 1);
    let lane = gate.lane("free").unwrap();
    for _ in 0..3 {
        let _held = gate.try_acquire(lane, task(1), NOW).unwrap();
    }
    assert_eq!(gate.try_acquire(lane, task(1), NOW), Err(Refusal::GlobalFull));
    let expected = LaneStatus {
        name: "free".into(),
        active: 3,
        limit: 3,
        configured: None,
        waiting: 0,
        borrowed: 0,
        lent: 0,
    };
    assert_eq!(gate.shown(lane), expected);
}

#[test]
fn names_are_just_names() {
    let mut gate = gate(9, &[("__proto__", 1, 1)]);
    let long = "x".repeat(100_000);
    for name in ["__proto__", "constructor", "", "\0", "päť", &long] {
        let lane = gate.lane(name).unwrap();
        assert_eq!((gate.lane(name), gate.lane_name(lane)), (Some(lane), Some(name)));
        assert!(gate.try_acquire(lane, task(1), NOW).is_ok());
    }
    let lane = gate.lane("__proto__").unwrap();
    assert_eq!(gate.try_acquire(lane, task(1), NOW), Err(Refusal::LaneFull));
    assert_eq!(gate.lane_name(LaneIndex(99)), None);
}

#[test]
fn there_are_no_more_lanes_than_the_house_has_and_the_known_ones_stay() {
    let mut gate = gate(9, &[("a", 1, 1)]);
    for number in 1..MOST_LANES {
        assert!(gate.lane(&number.to_string()).is_some());
    }
    assert_eq!(gate.lane("one more"), None);
    assert_eq!(gate.lane("a"), Some(LaneIndex(0)));
    let refused = gate.set_limits(limits(1, &[("a", 5, 5), ("new", 1, 1)]));
    assert_eq!(refused, Err(Refusal::TooManyLanes));
    let status = gate.status();
    assert_eq!((status.global.limit, status.lanes[0].configured), (9, Some(1)), "nothing changed");
    assert_eq!(gate.set_limits(limits(1, &[("a", 5, 5), ("7", 1, 1)])), Ok(()));

    let names: Vec<String> = (0..=MOST_LANES).map(|number| number.to_string()).collect();
    let lanes: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 1)).collect();
    assert!(Gate::new(limits(1, &lanes)).is_err());
    assert!(Gate::new(limits(1, &lanes[1..])).is_ok());
}

#[test]
fn a_lane_the_gate_does_not_have_is_full() {
    let mut gate = gate(9, &[]);
    assert_eq!(gate.try_acquire(LaneIndex(5), task(1), NOW), Err(Refusal::LaneFull));
    let waits = gate.enqueue(LaneIndex(5), task(1), Priority::High, FAR, 0, NOW);
    assert_eq!(waits, Err(Refusal::TooManyLanes));
    gate.set_effective(LaneIndex(5), 1);
}

#[test]
fn of_two_limits_of_one_name_the_later_counts() {
    let mut gate = gate(9, &[("a", 1, 1), ("a", 3, 3)]);
    let lane = gate.lane("a").unwrap();
    assert_eq!(gate.shown(lane).configured, Some(3));
}

#[test]
fn a_limit_of_zero_closes_a_lane_and_a_global_one_the_process() {
    let mut gate = gate(9, &[("a", 0, 0), ("b", 5, 5)]);
    let lane = gate.lane("a").unwrap();
    gate.set_effective(lane, 4);
    assert_eq!(gate.try_acquire(lane, task(1), NOW), Err(Refusal::LaneFull));
    gate.set_limits(limits(0, &[("a", 5, 5)])).unwrap();
    gate.set_effective_global(5);
    assert_eq!(gate.try_acquire(lane, task(1), NOW), Err(Refusal::GlobalFull));
}

#[test]
fn lowered_limits_end_nothing_and_let_nothing_in_until_what_runs_has_fallen_below() {
    let mut gate = gate(9, &[("a", 4, 4)]);
    let lane = gate.lane("a").unwrap();
    let slots: Vec<_> = (0..4).map(|_| gate.try_acquire(lane, task(1), NOW).unwrap()).collect();
    gate.set_limits(limits(9, &[("a", 2, 2)])).unwrap();
    gate.wait(lane, 1, Priority::High, 7, NOW);
    for slot in &slots[..2] {
        gate.release(*slot, NOW, SECOND);
        assert_eq!(gate.pump(NOW), vec![]);
        assert_eq!(gate.try_acquire(lane, task(2), NOW), Err(Refusal::LaneFull));
    }
    gate.release(slots[2], NOW, SECOND);
    assert_eq!(gate.pump(NOW).len(), 1);
    assert_eq!(gate.shown(lane).active, 2);
}

#[test]
fn raised_limits_let_waiters_in() {
    let mut gate = gate(1, &[("a", 1, 1)]);
    let lane = gate.lane("a").unwrap();
    let _held = gate.try_acquire(lane, task(1), NOW).unwrap();
    for tag in 0..5 {
        gate.wait(lane, 1, Priority::Normal, tag, NOW);
    }
    gate.set_limits(limits(9, &[("a", 3, 3)])).unwrap();
    let tags: Vec<u64> = gate.pump(NOW).iter().map(|grant| grant.tag).collect();
    assert_eq!(tags, [0, 1]);
}

#[test]
fn waiters_of_a_lane_that_loses_its_limit_stay_under_the_global_one() {
    let mut gate = gate(4, &[("a", 1, 1)]);
    let lane = gate.lane("a").unwrap();
    let _held = gate.try_acquire(lane, task(1), NOW).unwrap();
    for tag in 0..5 {
        gate.wait(lane, 1, Priority::Normal, tag, NOW);
    }
    gate.set_limits(limits(3, &[])).unwrap();
    assert_eq!(gate.pump(NOW).len(), 2);
    let shown = gate.shown(lane);
    assert_eq!((shown.active, shown.limit, shown.configured, shown.waiting), (3, 3, None, 3));
}

#[test]
fn a_controller_stays_between_one_and_what_is_configured() {
    let mut gate = gate(5, &[("a", 3, 3)]);
    let lane = gate.lane("a").unwrap();
    for (wanted, enforced) in [(0, 1), (2, 2), (3, 3), (100, 3), (u32::MAX, 3)] {
        gate.set_effective(lane, wanted);
        assert_eq!(gate.shown(lane).limit, enforced);
    }
    for (wanted, enforced) in [(0, 1), (4, 4), (100, 5)] {
        gate.set_effective_global(wanted);
        assert_eq!(gate.status().global.limit, enforced);
    }
    gate.set_effective(lane, 2);
    gate.set_limits(limits(5, &[("a", 1, 1)])).unwrap();
    assert_eq!(gate.shown(lane).limit, 1);
    gate.set_limits(limits(5, &[])).unwrap();
    assert_eq!(gate.shown(lane).limit, 2, "a controller also holds a lane without a limit");
}

#[test]
fn a_second_release_frees_nothing_that_is_not_there() {
    let mut gate = gate(5, &[("a", 3, 3)]);
    let lane = gate.lane("a").unwrap();
    let slot = gate.try_acquire(lane, task(1), NOW).unwrap();
    gate.release(slot, NOW, SECOND);
    gate.release(slot, NOW, SECOND);
    assert_eq!((gate.ledger(lane), gate.status().global.active), ((0, 0, 0), 0));
    assert_eq!((slot.lane(), slot.task()), (lane, task(1)));
}

#[test]
fn a_task_has_no_more_slots_than_its_quota_over_all_lanes() {
    let mut limits = limits(9, &[]);
    limits.quota.slots = Some(2);
    let mut gate = Gate::new(limits).unwrap();
    let (a, b) = (gate.lane("a").unwrap(), gate.lane("b").unwrap());
    let slot = gate.try_acquire(a, task(1), NOW).unwrap();
    let _held = gate.try_acquire(b, task(1), NOW).unwrap();
    assert_eq!(gate.try_acquire(b, task(1), NOW), Err(Refusal::TaskSlots));
    assert!(gate.try_acquire(b, task(2), NOW).is_ok());
    gate.wait(b, 1, Priority::Normal, 5, NOW);
    assert_eq!(gate.pump(NOW), vec![]);
    gate.release(slot, NOW, SECOND);
    assert_eq!(gate.pump(NOW).len(), 1);
}

#[test]
fn a_task_that_used_up_its_time_is_refused_and_does_not_wait() {
    let mut limits = limits(9, &[]);
    limits.named_quotas.insert(task(1), Quota { total: Some(SECOND), ..Quota::default() });
    let mut gate = Gate::new(limits.clone()).unwrap();
    let lane = gate.lane("a").unwrap();
    let slot = gate.try_acquire(lane, task(1), NOW).unwrap();
    gate.wait(lane, 1, Priority::Normal, 5, NOW);
    gate.release(slot, NOW, SECOND);
    assert_eq!(gate.pump(NOW), vec![]);
    assert_eq!(gate.try_acquire(lane, task(1), NOW), Err(Refusal::TaskTime));
    let waits = gate.enqueue(lane, task(1), Priority::High, FAR, 0, NOW);
    assert_eq!(waits, Err(Refusal::TaskTime));
    limits.named_quotas.clear();
    gate.set_limits(limits).unwrap();
    assert_eq!(gate.pump(NOW).len(), 1, "another quota lets the one in that waited already");
}

#[test]
fn a_task_without_any_slots_or_calls_does_not_wait_for_them() {
    for (quota, refusal) in [
        (Quota { slots: Some(0), ..Quota::default() }, Refusal::TaskSlots),
        (Quota { calls_per_minute: Some(0), ..Quota::default() }, Refusal::TaskRate),
        (Quota { total: Some(Duration::ZERO), ..Quota::default() }, Refusal::TaskTime),
    ] {
        let mut limits = limits(9, &[]);
        limits.quota = quota;
        let mut gate = Gate::new(limits).unwrap();
        let lane = gate.lane("a").unwrap();
        assert_eq!(gate.try_acquire(lane, task(1), NOW), Err(refusal));
        assert_eq!(gate.enqueue(lane, task(1), Priority::High, FAR, 0, NOW), Err(refusal));
    }
}

#[test]
fn a_task_over_its_calls_a_minute_waits_for_the_moment_named() {
    let mut limits = limits(9, &[]);
    limits.quota.calls_per_minute = Some(1);
    let mut gate = Gate::new(limits).unwrap();
    let lane = gate.lane("a").unwrap();
    let slot = gate.try_acquire(lane, task(1), NOW).unwrap();
    gate.release(slot, NOW, SECOND);
    assert_eq!(gate.try_acquire(lane, task(1), NOW), Err(Refusal::TaskRate));
    gate.wait(lane, 1, Priority::Normal, 5, NOW);
    assert_eq!(gate.pump(NOW), vec![]);
    let again = NOW + SECOND * 61;
    assert_eq!(gate.next_expiry(), Some(again));
    assert_eq!(gate.pump(again - Duration::from_nanos(1)), vec![]);
    assert!(gate.try_acquire(lane, task(2), NOW).is_ok(), "whom a quota holds, nobody waits for");
    assert_eq!(gate.pump(again).len(), 1);
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut limits = limits(9, &[]);
    limits.quota.calls_per_minute = Some(1);
    let mut gate = Gate::new(limits).unwrap();
    let lane = gate.lane("a").unwrap();
    let _held = gate.try_acquire(lane, task(1), NOW).unwrap();
    assert_eq!(gate.try_acquire(lane, task(1), Duration::ZERO), Err(Refusal::TaskRate));
    let waits = gate.enqueue(lane, task(1), Priority::High, NOW, 0, Duration::ZERO);
    assert_eq!(waits, Err(Refusal::WaitExpired));
}
