//! Callers that wait.

use super::*;
use crate::budget::control::breaker::BreakerSettings;
use crate::budget::memory::MemorySettings;

#[test]
fn a_free_slot_is_had_without_waiting() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let (_, Waiting::Admitted(call)) = client.wait("a") else { panic!("not let in") };
    assert_eq!(client.release(call), Released::Done);
    assert_eq!((client.events(), bench.load()), (vec![], (0, 0)));
}

#[test]
fn whoever_waits_is_told_once_and_its_time_begins_with_the_slot() {
    let bench = Bench::new(|_| {});
    let (holds, waits) = (bench.client(), bench.client());
    let held = holds.acquire("b").unwrap();
    let serial = waits.queue("b");
    bench.pass(ms(90));
    assert_eq!(waits.events(), []);
    holds.release(held);
    let [Event::Granted(granted_to, call)] = waits.events()[..] else { panic!("not let in") };
    assert_eq!((granted_to, waits.wakes(), holds.wakes()), (serial, 1, 0));
    bench.pass(ms(99));
    assert_eq!(waits.events(), [], "the deadline counts from the grant");
    bench.pass(ms(1));
    assert_eq!(waits.events(), [Event::Warned(call)]);
    assert_eq!(waits.release(call), Released::Done);
    assert_eq!(bench.metrics()[1]["waitedMs"], 90.0);
    assert_eq!(bench.metrics()[1]["durationMs"], 100.0);
}

#[test]
fn the_holder_that_releases_is_not_woken_for_its_own_waiter() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let held = client.acquire("b").unwrap();
    client.queue("b");
    client.release(held);
    assert_eq!(client.wakes(), 0, "it looks for its events after every call of its own");
    assert!(client.holder.outbox.has_events());
}

#[test]
fn nobody_overtakes_those_who_wait() {
    let memory = MemorySettings { max_rss: 200 * MB, ..MemorySettings::default() };
    let bench = Bench::new(|settings| settings.memory = Some(memory));
    let client = bench.client();
    bench.memory.resident_next([Scripted::Is(300 * MB)]);
    let serial = client.queue("a");
    bench.memory.resident_next([Scripted::Is(100 * MB)]);
    bench.clock.set(bench.now() + ms(10));
    assert_eq!(client.acquire("a"), Err(Refusal::OthersWait));
    let rejection = bench.rejection();
    assert_eq!(rejection["reason"], "others_wait");
    assert!(rejection["detail"].as_str().unwrap().starts_with("1 wait for the lane \"a\""));
    assert!(client.acquire("b").is_ok(), "nobody waits there");
    bench.sampler.step(bench.now());
    assert!(matches!(client.events()[..], [Event::Granted(granted, _)] if granted == serial));
}

#[test]
fn who_gives_up_waiting_is_told_nothing_more() {
    let bench = Bench::new(|_| {});
    let (client, other) = (bench.client(), bench.client());
    let held = client.acquire("b").unwrap();
    let (first, second) = (client.queue("b"), client.queue("b"));
    assert!(!bench.manager.cancel_wait(&other.holder, first), "it is not its own");
    assert!(bench.manager.cancel_wait(&client.holder, first));
    assert!(!bench.manager.cancel_wait(&client.holder, first));
    client.release(held);
    let [Event::Granted(serial, call)] = client.events()[..] else { panic!("not let in") };
    assert_eq!(serial, second);
    assert!(!bench.manager.cancel_wait(&client.holder, second), "its slot is on the way");
    client.release(call);
    assert_eq!((bench.refused(Refusal::Cancelled), bench.counts("waitsCancelled")), (1, 1));
    assert_eq!(bench.load(), (0, 0));
}

#[test]
fn whoever_waits_too_long_is_sent_away_on_time() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let request = Request { timeout: Timeout::Milliseconds(1e9), ..client.request("b") };
    let held = bench.manager.acquire(&client.holder, request).unwrap();
    let (serial, waiting) = client.wait_as(client.request("b"), Priority::High, ms(70));
    assert_eq!(waiting, Waiting::Queued);
    bench.pass(ms(69));
    assert_eq!(client.events(), []);
    bench.pass(ms(1));
    assert_eq!(client.events(), [Event::Refused(serial, Refusal::WaitExpired)]);
    assert_eq!((client.wakes(), bench.refused(Refusal::WaitExpired)), (1, 1));
    assert_eq!(bench.rejection()["reason"], "wait_expired");
    client.release(held);
    assert_eq!((client.events(), bench.load()), (vec![], (0, 0)));
    let now = client.wait_as(client.request("b"), Priority::High, Duration::ZERO);
    assert!(matches!(now.1, Waiting::Admitted(_)), "there is a slot, so nobody waits");
    let now = client.wait_as(client.request("b"), Priority::High, Duration::ZERO);
    assert_eq!(now.1, Waiting::Refused(Refusal::WaitExpired));
}

#[test]
fn a_full_queue_refuses() {
    let bench = Bench::new(|settings| settings.queue = 1);
    let client = bench.client();
    client.acquire("b").unwrap();
    client.queue("b");
    assert_eq!(client.wait("b").1, Waiting::Refused(Refusal::QueueFull));
    assert_eq!((client.events(), bench.refused(Refusal::QueueFull)), (vec![], 1));
    assert!(bench.rejection()["detail"].as_str().unwrap().contains("raise queue.max"));
}

#[test]
fn a_full_queue_sends_the_lowest_away_for_a_higher_one() {
    let bench = Bench::new(|settings| {
        settings.queue = 1;
        settings.shed = Shed::DropLowest;
    });
    let (low, high) = (bench.client(), bench.client());
    low.acquire("b").unwrap();
    let serial = low.wait_as(low.request("b"), Priority::Low, Duration::from_secs(10)).0;
    let waits = high.wait_as(high.request("b"), Priority::High, Duration::from_secs(10));
    assert_eq!(waits.1, Waiting::Queued);
    assert_eq!((low.events(), low.wakes()), (vec![Event::Refused(serial, Refusal::Shed)], 1));
    assert_eq!((bench.counts("shed"), bench.load()), (1, (1, 1)));
}

/// A waiter of `a`, whose breaker is open, and then one of `b`, which could borrow from `a` if nobody waited
/// there.
fn kept_by_demand(client: &Client<'_>) -> (u64, u64) {
    for _ in 0..2 {
        let call = client.acquire("a").unwrap();
        client.fail(call);
    }
    client.acquire("b").unwrap();
    let far = Duration::from_secs(10);
    let demands = client.wait_as(client.request("a"), Priority::Low, ms(50)).0;
    let borrows = client.wait_as(client.request("b"), Priority::Normal, far).0;
    assert_eq!((client.events(), client.bench.load()), (vec![], (1, 2)));
    (demands, borrows)
}

fn lending(settings: &mut Settings) {
    settings.lanes[0] = LaneLimit { name: "a".into(), limit: 3, ceiling: 3 };
    settings.lanes[1].ceiling = 2;
    settings.queue = 2;
    settings.shed = Shed::DropLowest;
    settings.breaker = Some(BreakerSettings { minimum_calls: 2, ..BreakerSettings::default() });
}

#[test]
fn a_demand_that_is_given_up_lets_in_who_may_borrow_then() {
    let bench = Bench::new(lending);
    let client = bench.client();
    let (demands, borrows) = kept_by_demand(&client);
    assert!(bench.manager.cancel_wait(&client.holder, demands));
    assert!(matches!(client.events()[..], [Event::Granted(serial, _)] if serial == borrows));
}

#[test]
fn a_demand_that_expires_lets_in_who_may_borrow_then() {
    let bench = Bench::new(lending);
    let client = bench.client();
    let (demands, borrows) = kept_by_demand(&client);
    bench.pass(ms(50));
    let events = client.events();
    assert_eq!(events[0], Event::Refused(demands, Refusal::WaitExpired));
    assert!(matches!(events[1..], [Event::Granted(serial, _)] if serial == borrows));
}

#[test]
fn a_demand_that_is_shed_lets_in_who_may_borrow_then() {
    let bench = Bench::new(lending);
    let client = bench.client();
    let (demands, borrows) = kept_by_demand(&client);
    let higher = client.wait_as(client.request("b"), Priority::High, ms(10));
    let events = client.events();
    assert_eq!((higher.1, events[0]), (Waiting::Queued, Event::Refused(demands, Refusal::Shed)));
    // The newcomer is of higher priority, and there is room for one.
    assert!(matches!(events[1..], [Event::Granted(serial, _)] if serial == higher.0));
    assert_ne!(higher.0, borrows);
}

#[test]
fn raised_limits_let_in_who_waits() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    client.acquire("b").unwrap();
    let waiting = [client.queue("b"), client.queue("b")];
    let lane = |name: &str, limit| LaneLimit { name: name.into(), limit, ceiling: limit };
    bench.manager.set_limits(Some(vec![lane("b", 3)]), None).unwrap();
    let granted: Vec<u64> = client
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Granted(serial, _) => serial,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((granted, client.wakes(), bench.load()), (waiting.to_vec(), 1, (3, 0)));
    bench.manager.set_limits(None, Some(3)).unwrap();
    let fourth = client.queue("a");
    assert_eq!(client.acquire("a"), Err(Refusal::GlobalFull));
    bench.manager.set_limits(None, Some(9)).unwrap();
    assert!(matches!(client.events()[..], [Event::Granted(serial, _)] if serial == fourth));
    assert_eq!(bench.status()["global"]["configured"], 9);
}

#[test]
fn lowered_limits_end_nothing_and_hold_from_then_on() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let calls = [client.acquire("a").unwrap(), client.acquire("a").unwrap()];
    let lane = LaneLimit { name: "a".into(), limit: 1, ceiling: 1 };
    bench.manager.set_limits(Some(vec![lane]), None).unwrap();
    assert_eq!(bench.load(), (2, 0));
    let waiting = client.queue("a");
    client.release(calls[0]);
    assert_eq!((client.events(), bench.load()), (vec![], (1, 1)));
    client.release(calls[1]);
    assert!(matches!(client.events()[..], [Event::Granted(serial, _)] if serial == waiting));
}

#[test]
fn too_many_lanes_change_no_limit() {
    let bench = Bench::new(|_| {});
    let lane = |name: String| LaneLimit { name: name.into(), limit: 7, ceiling: 7 };
    let most = crate::budget::gate::MOST_LANES;
    let many = (0..=most).map(|number| lane(format!("lane {number}"))).collect();
    assert_eq!(bench.manager.set_limits(Some(many), Some(1)), Err(Refusal::TooManyLanes));
    assert_eq!(bench.status()["global"]["configured"], 4);
    let client = bench.client();
    assert!((0..most).any(|number| client.request(&format!("lane {number}")).lane.is_none()));
    assert_eq!(client.acquire(&format!("lane {most}")), Err(Refusal::TooManyLanes));
    assert_eq!(client.wait("one more").1, Waiting::Refused(Refusal::TooManyLanes));
    assert!(client.acquire("a").is_ok());
}

#[test]
fn tasks_without_a_quota_take_turns_when_they_wait() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let mut held = client.acquire("b").unwrap();
    let wait = |task| {
        let request = Request { task, ..client.request("b") };
        client.wait_as(request, Priority::Normal, Duration::from_secs(10)).0
    };
    let (one, two, three, other) = (wait("many"), wait("many"), wait("many"), wait("few"));
    let mut order = vec![];
    for _ in 0..4 {
        client.release(held);
        let [Event::Granted(serial, call)] = client.events()[..] else { panic!("not let in") };
        order.push(serial);
        held = call;
    }
    assert_eq!(order, [one, other, two, three]);
    client.release(held);
    assert_eq!(bench.load(), (0, 0));
}

#[test]
fn what_one_waiter_is_let_in_by_is_given_back_as_it_was_taken() {
    // Without quotas one who does not wait has no task for the gate, and one who waits has: they must meet
    // the same limits and free the same slots.
    let bench = Bench::new(|_| {});
    let client = bench.client();
    for _ in 0..3 {
        let immediate = [client.acquire("a").unwrap(), client.acquire("a").unwrap()];
        let waiting = [client.queue("a"), client.queue("a")];
        for call in immediate {
            client.release(call);
        }
        let granted = client.events();
        assert_eq!((granted.len(), bench.load()), (waiting.len(), (2, 0)));
        assert_eq!(client.acquire("a"), Err(Refusal::LaneFull));
        for event in granted {
            let Event::Granted(_, call) = event else { panic!("{event:?}") };
            assert_eq!(client.release(call), Released::Done);
        }
        assert_eq!(bench.load(), (0, 0));
    }
}

#[test]
fn a_task_over_its_quota_waits_for_its_own_slot_while_others_pass() {
    let bench = Bench::new(|settings| {
        settings.quotas = vec![("held".to_owned(), Quota { slots: Some(1), ..Quota::default() })];
    });
    let client = bench.client();
    let request = |task| Request { task, ..client.request("a") };
    let call = bench.manager.acquire(&client.holder, request("held")).unwrap();
    let refused = bench.manager.acquire(&client.holder, request("held"));
    assert_eq!(refused, Err(Refusal::TaskSlots));
    let far = Duration::from_secs(10);
    let (serial, waiting) = client.wait_as(request("held"), Priority::High, far);
    assert_eq!(waiting, Waiting::Queued);
    let free = bench.manager.acquire(&client.holder, request("free")).unwrap();
    client.release(free);
    assert_eq!(client.events(), []);
    client.release(call);
    let [Event::Granted(granted, call)] = client.events()[..] else { panic!("not let in") };
    assert_eq!(granted, serial);
    client.release(call);
    assert!(bench.manager.acquire(&client.holder, request("held")).is_ok());
}

#[test]
fn a_rate_that_recovers_lets_in_who_waits_without_anything_else_happening() {
    let bench = Bench::new(|settings| {
        settings.quota = Quota { calls_per_minute: Some(1), ..Quota::default() };
    });
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    bench.pass(Duration::from_secs(1));
    client.release_ended(call);
    client.events();
    let far = Duration::from_secs(1000);
    let (serial, _) = client.wait_as(client.request("a"), Priority::Normal, far);
    bench.pass(Duration::from_secs(58));
    assert_eq!(client.events(), []);
    // The minute and the bucket of the rate in which it began.
    bench.pass(Duration::from_secs(4));
    let events = client.events();
    assert!(matches!(events[0], Event::Granted(granted, _) if granted == serial), "{events:?}");
}

#[test]
fn a_task_whose_time_is_used_up_may_not_even_wait() {
    let bench = Bench::new(|settings| {
        settings.quota = Quota { total: Some(ms(50)), ..Quota::default() };
    });
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    bench.pass(ms(60));
    client.release(call);
    assert_eq!(client.acquire("a"), Err(Refusal::TaskTime));
    assert_eq!(client.wait("a").1, Waiting::Refused(Refusal::TaskTime));
    let other = Request { task: "other", ..client.request("a") };
    assert!(bench.manager.acquire(&client.holder, other).is_ok());
}
