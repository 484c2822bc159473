//! Scopes that end with a call.

use super::*;
use crate::budget::call::MOST_SCOPES;
use crate::budget::ending::Unregistered;

#[test]
fn the_scopes_of_a_call_are_ended_at_its_deadline_before_anybody_is_told() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    for scope in [1, 2, 3, 2] {
        bench.manager.register_scope(&client.holder, call, scope).unwrap();
    }
    bench.manager.unregister_scope(&client.holder, call, 3);
    bench.pass(ms(149));
    assert!(bench.scopes.ended().is_empty());
    bench.pass(ms(1));
    assert_eq!(client.await_end(call), [Event::Warned(call), Event::Ended(call)]);
    assert_eq!(bench.scopes.ended(), [1, 2]);
    let note: Value =
        serde_json::from_str(&bench.manager.call_note(&client.holder, call).unwrap()).unwrap();
    assert_eq!(note["killedProcesses"], 6);
}

#[test]
fn a_call_that_is_released_leaves_its_scopes_alone() {
    let bench = Bench::new(|_| {});
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    bench.manager.register_scope(&client.holder, call, 1).unwrap();
    assert_eq!(client.release(call), Released::Done);
    bench.pass(ms(1000));
    assert!(bench.scopes.ended().is_empty());
    let late = bench.manager.register_scope(&client.holder, call, 1);
    assert_eq!(late, Err(Unregistered::NotRunning));
}

#[test]
fn scopes_are_bounded_and_the_holders_own() {
    let bench = Bench::new(|_| {});
    let (client, other) = (bench.client(), bench.client());
    let call = client.acquire("a").unwrap();
    let register =
        |client: &Client<'_>, scope| bench.manager.register_scope(&client.holder, call, scope);
    assert_eq!(register(&other, 1), Err(Unregistered::NotRunning));
    let most = u32::try_from(MOST_SCOPES).unwrap();
    for scope in 1..=most {
        assert_eq!(register(&client, scope), Ok(()));
    }
    assert_eq!(register(&client, most + 1), Err(Unregistered::TooMany));
    assert_eq!(register(&client, 1), Ok(()), "it is there already");
    bench.manager.unregister_scope(&other.holder, call, 1);
    assert_eq!(register(&client, most + 1), Err(Unregistered::TooMany));
}

#[test]
fn a_fault_while_a_scope_ends_leaves_no_call_without_an_end() {
    let bench = Bench::new(|_| {});
    bench.scopes.panics.store(true, Ordering::Relaxed);
    let client = bench.client();
    let call = client.acquire("a").unwrap();
    for scope in [1, 2] {
        bench.manager.register_scope(&client.holder, call, scope).unwrap();
    }
    bench.pass(ms(150));
    assert_eq!(client.await_end(call), [Event::Warned(call), Event::Ended(call)]);
    assert_eq!(bench.scopes.ended(), [1, 2]);
    assert_eq!(client.release_ended(call), Released::Done);
}
