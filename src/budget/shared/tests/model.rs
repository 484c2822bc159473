//! Any history of processes against a model that knows only counts and limits.

use super::*;
use crate::budget::refusal::Refusal;
use proptest::prelude::*;

const NAMES: [&str; 3] = ["a", "b", "c"];
const PROCESSES: usize = 5;

#[derive(Debug, Clone)]
enum Act {
    /// Who is not there comes, with these limits.
    Come(usize, [u32; 3], u32),
    Take(usize, usize),
    Release(usize, usize),
    Die(usize),
    Leave(usize),
    Sweep(usize),
    Configure(usize, usize, u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = 0..PROCESSES;
    let limit = prop_oneof![4 => 0..4_u32, 1 => Just(u32::MAX)];
    let global = prop_oneof![4 => 0..8_u32, 1 => Just(u32::MAX)];
    let act = prop_oneof![
        2 => (who.clone(), [limit.clone(), limit.clone(), limit.clone()], global)
            .prop_map(|(who, limits, global)| Act::Come(who, limits, global)),
        12 => (who.clone(), 0..3_usize).prop_map(|(who, lane)| Act::Take(who, lane)),
        6 => (who.clone(), 0..8_usize).prop_map(|(who, which)| Act::Release(who, which)),
        1 => who.clone().prop_map(Act::Die),
        1 => who.clone().prop_map(Act::Leave),
        1 => who.clone().prop_map(Act::Sweep),
        2 => (who, 0..3_usize, limit).prop_map(|(who, lane, limit)| Act::Configure(who, lane, limit)),
    ];
    proptest::collection::vec(act, 1..120)
}

struct Process {
    lanes: SharedLanes,
    held: Vec<(usize, SharedSlot)>,
}

#[derive(Default)]
struct Model {
    limits: [u32; 3],
    global: u32,
}

impl Model {
    /// What the segment has to say, from what the living hold alone.
    fn expects(&self, processes: &[Option<Process>], lane: usize) -> Option<Refusal> {
        let held = || processes.iter().flatten().flat_map(|process| &process.held);
        let of_lane = held().filter(|(which, _)| *which == lane).count();
        if of_lane as u64 >= u64::from(self.limits[lane]) {
            Some(Refusal::LaneFull)
        } else if held().count() as u64 >= u64::from(self.global) {
            Some(Refusal::GlobalFull)
        } else {
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_history_admits_exactly_what_the_limits_allow(history in acts()) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lanes");
        let mut model = Model::default();
        let mut processes: Vec<Option<Process>> = (0..PROCESSES).map(|_| None).collect();
        for act in history {
            match act {
                Act::Come(who, limits, global) if processes[who].is_none() => {
                    let own: Vec<(&str, u32)> = NAMES.into_iter().zip(limits).collect();
                    let lanes = attach_hastily(&path, &own, Some(global));
                    model = Model { limits, global };
                    processes[who] = Some(Process { lanes, held: Vec::new() });
                }
                Act::Take(who, lane) => {
                    let expected = model.expects(&processes, lane);
                    let Some(process) = &mut processes[who] else { continue };
                    let place = process.lanes.lane(NAMES[lane]).unwrap();
                    match process.lanes.try_acquire(place) {
                        Ok(slot) => {
                            prop_assert_eq!(None, expected);
                            process.held.push((lane, slot));
                        }
                        Err(refusal) => prop_assert_eq!(Some(refusal), expected),
                    }
                }
                Act::Release(who, which) => {
                    let Some(process) = &mut processes[who] else { continue };
                    if !process.held.is_empty() {
                        let which = which % process.held.len();
                        let (_, slot) = process.held.swap_remove(which);
                        process.lanes.release(slot);
                    }
                }
                Act::Die(who) => {
                    let Some(process) = processes[who].take() else { continue };
                    process.lanes.abandon();
                }
                Act::Leave(who) => processes[who] = None,
                Act::Sweep(who) => {
                    let Some(process) = &processes[who] else { continue };
                    process.lanes.sweep();
                    let alive = processes.iter().flatten().count();
                    let status = process.lanes.status();
                    prop_assert_eq!(status.processes.len(), alive);
                    let held: usize = processes.iter().flatten().map(|one| one.held.len()).sum();
                    prop_assert_eq!(status.global.active, held as u64);
                }
                Act::Configure(who, lane, limit) => {
                    let Some(process) = &processes[who] else { continue };
                    process.lanes.configure(&[(NAMES[lane], limit)], None).unwrap();
                    model.limits[lane] = limit;
                }
                Act::Come(..) => {}
            }
        }
        // Everything ends: everything is free.
        processes.clear();
        let last = attach(&path, &[("a", 1)], None);
        prop_assert_eq!(last.status().global.active, 0);
    }
}
