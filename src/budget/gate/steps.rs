//! Arbitrary limits and what may happen to a gate, for its model test.

use super::fixtures::*;
use super::*;
use proptest::prelude::*;

pub(super) const NAMES: [&str; 4] = ["a", "b", "c", "free"];

/// One thing the gate is told, or time that passes in milliseconds.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Acquire { lane: usize, task: u64 },
    Enqueue { lane: usize, task: u64, priority: Priority, wait: u64 },
    Cancel(prop::sample::Index),
    Expire,
    Pump { skipped: [bool; 4], most: usize },
    Release { call: prop::sample::Index, ran: u64 },
    SetLimits(Limits),
    SetEffective { lane: usize, limit: u32 },
    SetEffectiveGlobal(u32),
    Pass(u64),
}

fn quotas() -> impl Strategy<Value = Quota> {
    let seldom = |values| prop::option::weighted(0.3, values);
    (seldom(0u32..4), seldom(0u32..4), seldom(0u32..60)).prop_map(
        |(slots, calls_per_minute, total)| Quota {
            slots,
            calls_per_minute,
            total: total.map(|seconds| SECOND * seconds),
        },
    )
}

fn some_limits(ageing: Duration) -> impl Strategy<Value = Limits> {
    let lanes = prop::collection::vec((0u32..6, 0u32..9, prop::bool::weighted(0.9)), 3);
    let shed = prop_oneof![Just(Shed::RejectNew), Just(Shed::DropLowest)];
    let free = prop_oneof![2 => Just(Quota::default()), 1 => quotas()];
    let named = prop::option::of(quotas());
    (0u32..12, lanes, 0u32..12, shed, free, named).prop_map(
        move |(global, lanes, queue, shed, quota, named)| {
            let lane = |(name, (limit, ceiling, configured)): (&&str, (u32, u32, bool))| {
                configured.then(|| LaneLimit { name: (*name).into(), limit, ceiling })
            };
            Limits {
                global,
                lanes: NAMES.iter().zip(lanes).filter_map(lane).collect(),
                queue,
                shed,
                quota,
                named_quotas: named.into_iter().map(|quota| (task(0), quota)).collect(),
                ageing,
            }
        },
    )
}

fn steps(ageing: Duration) -> impl Strategy<Value = Step> {
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)];
    let skipped = prop::array::uniform4(prop::bool::weighted(0.1));
    let most = prop_oneof![3 => Just(usize::MAX), 1 => 0usize..3];
    let wait = prop_oneof![1 => 0u64..20_000, 3 => 20_000u64..500_000];
    let time = prop_oneof![Just(0u64), 1u64..900, 900u64..40_000];
    prop_oneof![
        8 => (0usize..4, 0u64..4).prop_map(|(lane, task)| Step::Acquire { lane, task }),
        8 => (0usize..4, 0u64..4, priority, wait).prop_map(|(lane, task, priority, wait)| {
            Step::Enqueue { lane, task, priority, wait }
        }),
        1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => Just(Step::Expire),
        8 => (skipped, most).prop_map(|(skipped, most)| Step::Pump { skipped, most }),
        8 => (any::<prop::sample::Index>(), 0u64..9000)
            .prop_map(|(call, ran)| Step::Release { call, ran }),
        1 => some_limits(ageing).prop_map(Step::SetLimits),
        1 => (0usize..4, prop_oneof![0u32..6, Just(u32::MAX)])
            .prop_map(|(lane, limit)| Step::SetEffective { lane, limit }),
        1 => prop_oneof![0u32..9, Just(u32::MAX)].prop_map(Step::SetEffectiveGlobal),
        4 => time.prop_map(Step::Pass),
    ]
}

pub(super) fn runs() -> impl Strategy<Value = (Limits, Vec<Step>)> {
    let ageing = prop_oneof![Just(Duration::ZERO), Just(SECOND), Just(SECOND * 10)];
    ageing
        .prop_flat_map(|ageing| (some_limits(ageing), prop::collection::vec(steps(ageing), 1..150)))
}
