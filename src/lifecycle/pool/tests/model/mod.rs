//! Arbitrary interleavings of everything that can happen to a pool, beside a plain record of what must hold:
//! every request has one outcome and runs once at most, in its turn; there are never more workers than may be;
//! no bound is passed; nothing is waited for that is due; what can be answered is.

mod play;
mod recorder;
mod world;

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use world::World;

#[derive(Debug, Clone)]
enum Step {
    Ask(Option<u64>),
    /// Several before the pool is worked.
    AskMany(usize),
    Cancel(Index),
    Start(Index),
    /// One that has something to answer does, whole or the first bytes of it.
    Answer(Index, Index, Option<Index>),
    AnswerTwice(Index),
    /// What is no message, or too long to be one.
    Garbage(Index),
    /// An answer to nothing.
    Unasked(Index),
    Notify(Index),
    Complain(Index),
    CloseOutput(Index),
    StopReading(Index),
    Crash(Index),
    /// One that was told to end does.
    Obey(Index),
    RefuseStarts(bool),
    Grow(Index, u64),
    Pass(u64),
    Close(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    let any = any::<Index>;
    prop_oneof![
        12 => prop::option::of(prop_oneof![1u64..50, 100u64..5000]).prop_map(Step::Ask),
        1 => (1_usize..12).prop_map(Step::AskMany),
        3 => any().prop_map(Step::Cancel),
        10 => any().prop_map(Step::Start),
        20 => (any(), any(), prop::option::weighted(0.3, any()))
            .prop_map(|(worker, which, cut)| Step::Answer(worker, which, cut)),
        1 => any().prop_map(Step::AnswerTwice),
        1 => any().prop_map(Step::Garbage),
        1 => any().prop_map(Step::Unasked),
        1 => any().prop_map(Step::Notify),
        1 => any().prop_map(Step::Complain),
        1 => any().prop_map(Step::CloseOutput),
        1 => any().prop_map(Step::StopReading),
        3 => any().prop_map(Step::Crash),
        6 => any().prop_map(Step::Obey),
        1 => prop::bool::weighted(0.3).prop_map(Step::RefuseStarts),
        1 => (any(), 0u64..2000).prop_map(|(worker, bytes)| Step::Grow(worker, bytes)),
        8 => prop_oneof![0u64..20, 50u64..500, 1000u64..40_000].prop_map(Step::Pass),
        1 => (0u64..300).prop_map(Step::Close),
    ]
}

fn message(what: &Value) -> Vec<u8> {
    json!({ "m": what }).to_string().into_bytes()
}

fn pools() -> impl Strategy<Value = Settings> {
    let protocol =
        prop_oneof![Just(Protocol::Line), Just(Protocol::Jsonl), Just(Protocol::ContentLength)];
    let sizes = (1_usize..4, 0_usize..4, 1_usize..4, 1_usize..8);
    let features = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (protocol, sizes, features, prop::option::of(1u64..5)).prop_map(
        |(protocol, (max, min, in_flight, queue), (probe, check, old, heavy), max_requests)| {
            Settings {
                max,
                min: min.min(max),
                in_flight: if protocol == Protocol::ContentLength { in_flight } else { 1 },
                queue,
                message_bytes: 200,
                idle_timeout: ms(2000),
                max_requests,
                max_age: old.then(|| ms(3000)),
                max_rss: heavy.then_some(1000),
                startup_probe: probe.then(|| StartupProbe {
                    text: message(&json!("probe")),
                    timeout: ms(400),
                    then: None,
                }),
                health_check: check.then(|| HealthCheck {
                    text: message(&json!("check")),
                    interval: ms(700),
                    timeout: ms(100),
                }),
                ..settings(protocol)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_request_has_one_outcome_and_every_bound_is_kept(
        pool in pools(),
        steps in prop::collection::vec(steps(), 1..120),
        heals in any::<bool>(),
    ) {
        let mut world = World::new(pool);
        for step in steps {
            world.step(step);
        }
        if heals {
            world.heal();
        }
        world.finish();
    }
}
