//! A command from its request to its end.

use super::*;

#[test]
fn a_command_is_recorded_before_it_is_let_go_and_struck_before_its_end_is_told() {
    let mut bench = Bench::new();
    let id = bench.start(request());
    assert_eq!(bench.host.list()[0].pid, 0);
    bench.turn();
    let mut keeper = bench.keeper();
    assert_eq!(keeper.order.program, b"true");
    assert_eq!(keeper.order.ledger, b"/ledger/of/a/test");
    assert_eq!(keeper.told(), []);
    keeper.ready();
    bench.turn();
    let identity = ProcessIdentity { pid: keeper.pid(), start: 1 };
    assert_eq!(*lock(&bench.journal.recorded), [(identity, b"true -x".to_vec())]);
    assert_eq!(keeper.told(), [ToKeeper::Go]);
    assert_eq!(bench.heard.take(), []);
    keeper.say(ToOwner::Running);
    bench.turn();
    assert_eq!(bench.heard.take(), [Event::Started { pid: keeper.pid() }]);
    let listed = bench.host.list();
    assert_eq!(
        (listed[0].id, listed[0].pid, listed[0].started_ms),
        (id, keeper.pid(), Some(1_000_000))
    );
    assert_eq!(*listed[0].command, *b"true -x");
    keeper.print(b"printed");
    bench.pass(Duration::from_millis(70));
    keeper.say(EXITED);
    bench.turn();
    assert_eq!(bench.heard.take(), []);
    assert_eq!(lock(&bench.journal.struck)[&0], 0);
    keeper.print(b" late");
    keeper.say(ToOwner::Gone { ended: 2, refused: 1 });
    keeper.control = None;
    bench.turn();
    let expected = Ending {
        outcome: Outcome::Exited(3),
        ended_by: None,
        output: Captured { head: b"printed late".to_vec(), tail: Vec::new(), total: 12 },
        error: Captured::default(),
        pid: keeper.pid(),
        duration: Duration::from_millis(70),
        cpu_us: 40,
        max_rss_kib: 500,
        leftovers_ended: 2,
        refused: 1,
    };
    assert_eq!(bench.heard.take(), [Event::Ended(Box::new(expected))]);
    bench.assert_settled();
    let stats = bench.host.stats();
    assert_eq!((stats.started, stats.ended, stats.lost, stats.leftovers_ended), (1, 1, 0, 2));
    assert_eq!(*lock(&bench.keepers.collected), [10]);
}

#[test]
fn a_command_that_cannot_be_executed_says_why() {
    let mut bench = Bench::new();
    let step = crate::lifecycle::keeper::messages::Step::Execute;
    for early in [true, false] {
        bench.start(request());
        bench.turn();
        let mut keeper = bench.keeper();
        if !early {
            keeper.ready();
            bench.turn();
        }
        keeper.say(ToOwner::NotRun { step, errno: libc::ENOENT });
        keeper.control = None;
        bench.turn();
        let ending = bench.heard.ending();
        assert_eq!(ending.outcome, Outcome::NotRun { step, errno: libc::ENOENT });
        assert_eq!(ending.ended_by, None);
        bench.assert_settled();
    }
    assert_eq!(bench.host.stats().not_run, 2);
}

#[test]
fn as_many_run_as_may_and_the_others_in_their_turn() {
    let mut bench = Bench::with(2);
    for _ in 0..4 {
        bench.start(request());
    }
    bench.turn();
    assert_eq!(lock(&bench.keepers.launched).len(), 2);
    let stats = bench.host.stats();
    assert_eq!((stats.running, stats.waiting, stats.limit), (2, 2, 2));
    let mut first = bench.keeper();
    first.ready();
    bench.turn();
    first.say(ToOwner::Running);
    first.finish(EXITED);
    bench.pass(Duration::from_millis(1));
    assert_eq!(lock(&bench.keepers.launched).len(), 2);
    assert_eq!(bench.host.stats().most_running, 2);
    assert_eq!(bench.host.end_group(WHOLE_PROCESS, EndedBy::Request, None), 3);
    bench.turn();
    for _ in 0..2 {
        bench.keeper().finish(ToOwner::Signalled { signal: 9, cpu_us: 0, max_rss_kib: 0 });
    }
    bench.assert_settled();
    assert_eq!(bench.host.stats().cancelled, 3);
    assert_eq!(*lock(&bench.keepers.launches), 3);
}

#[test]
fn one_more_than_may_wait_is_refused_and_so_is_an_order_that_no_system_executes() {
    let bench = Bench::with(1);
    for _ in 0..1 + MOST_WAITING {
        bench.start(request());
    }
    let refused = bench.host.start(request(), bench.heard.clone());
    assert_eq!(refused, Err(Refusal::Full));
    let bench = Bench::new();
    let mut large = request();
    large.order.environment = vec![vec![b'x'; MOST_BYTES]];
    assert_eq!(bench.host.start(large, bench.heard.clone()), Err(Refusal::TooLarge));
    assert_eq!(bench.host.stats().refused, 1);
    assert_eq!(bench.host.list(), []);
}

#[test]
fn one_that_waits_is_cancelled_at_once() {
    let mut bench = Bench::with(1);
    let first = bench.start(request());
    let second = bench.start(request());
    bench.host.end(second, EndedBy::Request, None);
    bench.turn();
    let ending = bench.heard.ending();
    assert_eq!((ending.outcome, ending.ended_by), (Outcome::Cancelled, Some(EndedBy::Request)));
    assert_eq!(ending.pid, 0);
    let mut keeper = bench.keeper();
    keeper.finish(EXITED);
    bench.turn();
    bench.host.end(first, EndedBy::Request, None);
    bench.assert_settled();
    assert_eq!(*lock(&bench.keepers.launches), 1);
}

#[test]
fn one_that_is_cancelled_before_it_is_executed_never_is() {
    for after_ready in [false, true] {
        let mut bench = Bench::new();
        let id = bench.start(request());
        bench.turn();
        let mut keeper = bench.keeper();
        bench.host.end(id, EndedBy::Deadline, None);
        bench.host.end(id, EndedBy::Request, None);
        bench.turn();
        assert_eq!(keeper.told(), [KILL]);
        if after_ready {
            keeper.ready();
            bench.turn();
            assert_eq!(keeper.told(), []);
            assert!(lock(&bench.journal.recorded).is_empty());
        }
        keeper.finish(ToOwner::Signalled { signal: 9, cpu_us: 0, max_rss_kib: 0 });
        bench.turn();
        let events = bench.heard.take();
        assert_eq!(events.len(), 1);
        let Event::Ended(ending) = &events[0] else { panic!("{events:?}") };
        assert_eq!(
            (ending.outcome, ending.ended_by),
            (Outcome::Cancelled, Some(EndedBy::Deadline))
        );
        bench.assert_settled();
    }
}

#[test]
fn a_timeout_begins_with_the_execution_and_ends_with_the_request_s_signal_and_grace() {
    let mut bench = Bench::new();
    bench.start(Request { timeout: Some(Duration::from_secs(2)), ..request() });
    bench.turn();
    let mut keeper = bench.keeper();
    bench.pass(Duration::from_secs(10));
    keeper.ready();
    keeper.say(ToOwner::Running);
    bench.turn();
    assert_eq!(keeper.told(), [ToKeeper::Go]);
    bench.pass(Duration::from_millis(1999));
    assert_eq!(keeper.told(), []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(keeper.told(), [END]);
    bench.pass(Duration::from_secs(5));
    keeper.finish(ToOwner::Signalled { signal: 15, cpu_us: 0, max_rss_kib: 0 });
    bench.turn();
    let ending = bench.heard.ending();
    assert_eq!(
        (ending.outcome, ending.ended_by, ending.duration),
        (Outcome::Signalled(15), Some(EndedBy::Timeout), Duration::from_secs(7))
    );
    assert_eq!(bench.host.stats().timeouts, 1);
    bench.assert_settled();
}

#[test]
fn an_end_that_is_asked_again_counts_when_it_is_sooner() {
    let mut bench = Bench::new();
    let (id, mut keeper) = bench.run(request());
    for (seconds, told) in
        [(Some(9), Some(9000)), (None, Some(5000)), (Some(6), None), (Some(0), Some(0))]
    {
        bench.host.end(id, EndedBy::Request, seconds.map(Duration::from_secs));
        bench.turn();
        let expected = told.map(|grace_ms| ToKeeper::End { signal: libc::SIGTERM, grace_ms });
        assert_eq!(keeper.told(), Vec::from_iter(expected));
    }
    keeper.finish(ToOwner::Signalled { signal: 9, cpu_us: 0, max_rss_kib: 0 });
    bench.assert_settled();
}

#[test]
fn a_group_is_ended_with_all_within_it_and_nothing_else() {
    let mut bench = Bench::new();
    let outer = bench.groups.open(WHOLE_PROCESS).unwrap();
    let inner = bench.groups.open(outer).unwrap();
    let other = bench.groups.open(WHOLE_PROCESS).unwrap();
    let mut keepers: Vec<Keeper> =
        [outer, inner, other].map(|group| bench.run(Request { group, ..request() }).1).into();
    assert_eq!((bench.host.count_in(outer), bench.host.count_in(inner)), (2, 1));
    assert_eq!(bench.host.end_group(outer, EndedBy::Deadline, Some(Duration::ZERO)), 2);
    bench.turn();
    let killed = ToKeeper::End { signal: libc::SIGTERM, grace_ms: 0 };
    assert_eq!(keepers[0].told(), [killed]);
    assert_eq!(keepers[1].told(), [killed]);
    assert_eq!(keepers[2].told(), []);
    keepers.iter_mut().for_each(|keeper| keeper.finish(EXITED));
    bench.assert_settled();
}

#[test]
fn what_is_kept_goes_on_after_the_end_was_told_until_its_group_ends() {
    let mut bench = Bench::new();
    let mut keep = request();
    keep.order.leftovers = Leftovers::Keep;
    keep.timeout = Some(Duration::from_secs(60));
    let (_, mut keeper) = bench.run(keep);
    keeper.print(b"from the command");
    keeper.say(EXITED);
    bench.turn();
    let ending = bench.heard.ending();
    assert_eq!(
        (ending.outcome, ending.output.head),
        (Outcome::Exited(3), b"from the command".to_vec())
    );
    assert!(bench.host.list()[0].lingers);
    keeper.print(b"from what was left behind");
    bench.pass(Duration::from_secs(100));
    assert_eq!((bench.host.stats().dropped_output_bytes, keeper.told()), (25, vec![]));
    assert_eq!(lock(&bench.journal.struck)[&0], 0);
    assert_eq!(bench.host.end_group(WHOLE_PROCESS, EndedBy::Request, None), 1);
    bench.turn();
    assert_eq!(keeper.told(), [END]);
    keeper.say(ToOwner::Gone { ended: 1, refused: 0 });
    keeper.control = None;
    bench.turn();
    assert_eq!(bench.heard.take(), []);
    bench.assert_settled();
}

#[test]
fn a_signal_before_the_execution_is_sent_after_it_and_too_many_are_dropped() {
    let mut bench = Bench::new();
    let id = bench.start(request());
    bench.host.signal(id, 10, true);
    bench.turn();
    for signal in 0..20 {
        bench.host.signal(id, signal, true);
    }
    let mut keeper = bench.keeper();
    keeper.ready();
    bench.turn();
    assert_eq!(keeper.told(), [ToKeeper::Go]);
    keeper.say(ToOwner::Running);
    bench.turn();
    assert_eq!(keeper.told().len(), 16);
    assert_eq!(bench.host.stats().dropped_signals, 4);
    // A keeper that does not read: what the socket does not take is kept, then dropped.
    for _ in 0..20_000 {
        bench.host.signal(id, 12, false);
    }
    bench.turn();
    let dropped = bench.host.stats().dropped_signals;
    assert!(dropped > 4, "{dropped}");
    bench.host.end(id, EndedBy::Request, None);
    bench.turn();
    // The end is never dropped.
    let mut told = Vec::new();
    while told.last() != Some(&END) {
        told.extend(keeper.told());
        bench.turn();
    }
    keeper.finish(EXITED);
    bench.assert_settled();
}
