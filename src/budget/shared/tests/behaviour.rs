use super::*;
use crate::budget::refusal::Refusal;

#[test]
fn two_processes_together_hold_no_more_than_the_limit() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("state/lanes");
    let one = attach(&path, &[("tool_call", 3), ("critic", 1)], Some(4));
    let other = attach(&path, &[("critic", 1), ("tool_call", 3)], None);
    let (lane_of_one, lane_of_other) =
        (one.lane("tool_call").unwrap(), other.lane("tool_call").unwrap());
    let first = one.try_acquire(lane_of_one).unwrap();
    let second = other.try_acquire(lane_of_other).unwrap();
    let third = other.try_acquire(lane_of_other).unwrap();
    assert_eq!(one.try_acquire(lane_of_one).err(), Some(Refusal::LaneFull));
    let critic = one.try_acquire(one.lane("critic").unwrap()).unwrap();
    drop(third);
    assert_eq!(active(&one, "tool_call"), 2);
    let third = one.try_acquire(lane_of_one).unwrap();
    drop(critic);
    drop(third);
    let status = one.status();
    assert_eq!((status.global.active, status.global.mine, status.global.limit), (2, 1, 4));
    one.configure(&[], Some(2)).unwrap();
    assert_eq!(other.try_acquire(lane_of_other).err(), Some(Refusal::GlobalFull));
    drop((first, second));
    assert_eq!(one.status().global.active, 0);
}

#[test]
fn the_slots_of_a_dead_process_are_there_for_whoever_finds_the_lane_full() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let dying = attach(&path, &[("a", 2)], None);
    let living = attach(&path, &[("a", 2)], None);
    let held = [(); 2].map(|()| dying.try_acquire(dying.lane("a").unwrap()).unwrap());
    dying.abandon();
    std::mem::forget(held);
    let taken = [(); 2].map(|()| living.try_acquire(living.lane("a").unwrap()).unwrap());
    assert_eq!(living.status().reclaimed, 1);
    assert_eq!(living.status().processes.len(), 1);
    drop(taken);
}

#[test]
fn the_latest_limits_hold_for_all_and_their_author_is_told() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let old = attach(&path, &[("a", 1)], Some(9));
    let (new, opening) = SharedLanes::attach(&path, &[("a", 2), ("b", 5)], None).unwrap();
    let change = LimitChange { lane: Some("a".to_owned()), was: 1, now: 2 };
    assert_eq!(opening, Opening { fresh: false, repaired: None, changes: vec![change] });
    let slots = [(); 2].map(|()| old.try_acquire(old.lane("a").unwrap()).unwrap());
    let before = old.status().configuration;
    let changes = new.configure(&[("a", 0)], Some(9)).unwrap();
    assert_eq!(changes, [LimitChange { lane: Some("a".to_owned()), was: 2, now: 0 }]);
    assert_eq!(old.status().configuration, before + 1);
    drop(slots);
    assert_eq!(old.try_acquire(old.lane("a").unwrap()).err(), Some(Refusal::LaneFull));
    assert_eq!(old.lane("b"), None, "a lane of others is no lane of ours");
    let names: Vec<String> = old.status().lanes.into_iter().map(|lane| lane.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn without_a_limit_only_the_global_one_counts() {
    let home = tempfile::tempdir().unwrap();
    let lanes = attach(&home.path().join("lanes"), &[("a", u32::MAX)], None);
    let lane = lanes.lane("a").unwrap();
    let slots: Vec<_> = (0..1000).map(|_| lanes.try_acquire(lane).unwrap()).collect();
    lanes.configure(&[], Some(1000)).unwrap();
    assert_eq!(lanes.try_acquire(lane).err(), Some(Refusal::GlobalFull));
    drop(slots);
    assert_eq!(lanes.status().global.active, 0);
}

#[test]
fn a_slot_outlives_the_lanes_it_came_from() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let going = attach(&path, &[("a", 1)], None);
    let staying = attach_hastily(&path, &[("a", 1)], None);
    let slot = going.try_acquire(going.lane("a").unwrap()).unwrap();
    drop(going);
    let lane = staying.lane("a").unwrap();
    assert_eq!(staying.try_acquire(lane).err(), Some(Refusal::LaneFull));
    drop(slot);
    drop(staying.try_acquire(lane).unwrap());
    assert_eq!(staying.status().processes.len(), 1);
    assert_eq!(staying.status().reclaimed, 0, "it left, it did not die");
}

#[test]
fn who_comes_after_everybody_left_begins_with_its_own_lanes() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    drop(attach(&path, &[("a", 1), ("b", 1)], Some(1)));
    let (lanes, opening) = SharedLanes::attach(&path, &[("c", 3)], None).unwrap();
    assert_eq!(opening, Opening { fresh: true, repaired: None, changes: Vec::new() });
    let status = lanes.status();
    assert_eq!((status.lanes.len(), status.global.limit), (1, u32::MAX));
}

#[test]
fn a_process_too_many_is_refused_until_another_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let mut all: Vec<_> = (0..MAX_PROCESSES).map(|_| attach(&path, &[("a", 1)], None)).collect();
    let refused = SharedLanes::attach(&path, &[("a", 1)], None).err().unwrap();
    assert_eq!(refused.code(), SEGMENT_FULL, "{refused}");
    all.pop().unwrap().abandon();
    drop(attach(&path, &[("a", 1)], None));
    all.pop();
    drop(attach(&path, &[("a", 1)], None));
    let slot = all[62 - 1].try_acquire(all[0].lane("a").unwrap()).unwrap();
    assert_eq!(active(&all[0], "a"), 1);
    drop(slot);
}

#[test]
fn lanes_and_names_have_their_bounds() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let names: Vec<String> = (0..MAX_LANES).map(|number| format!("{number:064}")).collect();
    let lanes: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let full = attach(&path, &lanes, None);
    let last = full.try_acquire(full.lane(&names[MAX_LANES - 1]).unwrap()).unwrap();
    assert_eq!(active(&full, &names[MAX_LANES - 1]), 1);
    drop(last);
    let error = full.configure(&[(&names[0], 7), ("one more", 1)], None).unwrap_err();
    assert_eq!(error.code(), SEGMENT_FULL, "{error}");
    assert_eq!(full.status().lanes[0].limit, 1, "all or nothing");
    assert_eq!(full.lane("one more"), None);
    let long = "é".repeat(33);
    for name in ["", &long] {
        let error = full.configure(&[(name, 1)], None).unwrap_err();
        assert_eq!(error.code(), ARGUMENT, "{error}");
    }
    for odd in ["__proto__", "a\0b", "\n", "名前"] {
        let path = home.path().join("odd");
        assert!(attach(&path, &[(odd, 1)], None).lane(odd).is_some());
    }
}

#[test]
fn a_process_stopped_in_the_middle_of_a_change_holds_up_nobody() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let stopped = attach(&path, &[("a", 1)], None);
    let living = attach_hastily(&path, &[("a", 1)], None);
    let attachment = stopped.attachment();
    let held = attachment.maintenance().unwrap();
    let lane = living.lane("a").unwrap();
    let slot = living.try_acquire(lane).unwrap();
    assert_eq!(living.try_acquire(lane).err(), Some(Refusal::LaneFull));
    assert_eq!(living.sweep(), Sweep::default());
    drop(slot);
    let error = living.configure(&[("a", 2)], None).unwrap_err();
    assert_eq!(error.code(), OPEN, "{error}");
    drop(held);
    living.configure(&[("a", 2)], None).unwrap();
}

#[test]
fn threads_of_several_processes_never_run_one_too_many() {
    const LIMIT: u32 = 3;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let running = AtomicU64::new(0);
    let admitted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let lanes = attach(&path, &[("a", LIMIT), ("b", LIMIT)], Some(LIMIT));
            let lanes = Arc::new(lanes);
            for thread in 0..2 {
                let (lanes, running, admitted) = (Arc::clone(&lanes), &running, &admitted);
                scope.spawn(move || {
                    let lane = lanes.lane(["a", "b"][thread]).unwrap();
                    for _ in 0..20_000 {
                        if let Ok(slot) = lanes.try_acquire(lane) {
                            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                            assert!(now <= u64::from(LIMIT), "{now} run");
                            admitted.fetch_add(1, Ordering::Relaxed);
                            std::thread::yield_now();
                            running.fetch_sub(1, Ordering::SeqCst);
                            drop(slot);
                        }
                    }
                });
            }
        }
    });
    assert!(admitted.load(Ordering::Relaxed) > 1000);
    let after = attach(&path, &[("a", LIMIT)], None);
    assert_eq!(after.status().global.active, 0);
}
