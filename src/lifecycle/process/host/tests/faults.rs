//! Keepers, ledgers, listeners and the machine when they fail.

use super::*;
use crate::lifecycle::process::host::mailbox::Mailbox;
use crate::platform::process::Signal;
use crate::platform::process::fake::Asked;

/// How far the conversation went before it broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Point {
    Nothing,
    Ready,
    Running,
    Exited,
}

const POINTS: [Point; 4] = [Point::Nothing, Point::Ready, Point::Running, Point::Exited];

/// Brings one to this point, the processes it would have included: a keeper below which is its command.
fn bring(bench: &mut Bench, point: Point) -> Keeper {
    bench.start(request());
    bench.turn();
    let mut keeper = bench.keeper();
    bench.processes.start(keeper.number, 1);
    if point >= Point::Ready {
        bench.processes.start(keeper.pid(), keeper.number);
        keeper.ready();
    }
    if point >= Point::Running {
        keeper.say(ToOwner::Running);
    }
    if point >= Point::Exited {
        bench.processes.exit(keeper.pid());
        keeper.say(EXITED);
    }
    bench.turn();
    bench.heard.take();
    keeper
}

fn outcome(point: Point, errno: i32) -> Outcome {
    if point == Point::Exited { Outcome::Exited(3) } else { Outcome::Lost { errno } }
}

#[test]
fn when_a_keeper_vanishes_its_command_is_killed_by_number_and_start() {
    for point in POINTS {
        let mut bench = Bench::new();
        let mut keeper = bring(&mut bench, point);
        bench.processes.exit(keeper.number);
        keeper.control = None;
        bench.turn();
        assert_eq!(bench.heard.ending().outcome, outcome(point, 0), "{point:?}");
        let killed = bench.processes.asked().contains(&Asked::Killed(keeper.pid(), Signal::Kill));
        assert_eq!(killed, matches!(point, Point::Ready | Point::Running), "{point:?}");
        assert_eq!(bench.host.stats().lost, 1);
        bench.assert_settled();
    }
}

#[test]
fn a_later_process_of_the_same_number_is_not_touched() {
    let mut bench = Bench::new();
    let mut keeper = bring(&mut bench, Point::Running);
    bench.processes.exit(keeper.pid());
    bench.processes.start(keeper.pid(), 1);
    keeper.control = None;
    bench.turn();
    assert_eq!(bench.heard.ending().outcome, Outcome::Lost { errno: 0 });
    assert!(!bench.processes.asked().contains(&Asked::Killed(keeper.pid(), Signal::Kill)));
    bench.assert_settled();
}

#[test]
fn nonsense_is_the_end_of_the_conversation_and_of_the_keeper_s_tree() {
    let garbage = [
        vec![0xff; LENGTH],
        ToKeeper::Go.encode().to_vec(),
        ToOwner::Ready { pid: 0, start: 1 }.encode().to_vec(),
        ToOwner::Ready { pid: -1, start: 1 }.encode().to_vec(),
        ToOwner::Ready { pid: 1, start: 1 }.encode().to_vec(),
    ];
    for (point, garbage) in
        POINTS.into_iter().flat_map(|point| garbage.clone().map(|one| (point, one)))
    {
        let mut bench = Bench::new();
        *lock(&bench.keepers.immortal) = true;
        let mut keeper = bring(&mut bench, point);
        keeper.say_bytes(&garbage);
        bench.turn();
        assert_eq!(bench.heard.ending().outcome, outcome(point, libc::EPROTO), "{point:?}");
        assert!(bench.processes.asked().contains(&Asked::Killed(keeper.number, Signal::Kill)));
        assert!(keeper.is_left());
        assert_eq!(bench.host.stats().nonsense, 1);
        *lock(&bench.keepers.immortal) = false;
        bench.assert_settled();
    }
}

#[test]
fn half_a_message_is_waited_for() {
    let mut bench = Bench::new();
    let mut keeper = bring(&mut bench, Point::Running);
    let bytes = EXITED.encode();
    keeper.say_bytes(&bytes[..7]);
    bench.turn();
    assert_eq!(bench.heard.take(), []);
    keeper.say_bytes(&bytes[7..]);
    keeper.finish_gone();
    bench.turn();
    assert_eq!(bench.heard.ending().outcome, Outcome::Exited(3));
    bench.assert_settled();
}

impl Keeper {
    fn finish_gone(&mut self) {
        self.say(ToOwner::Gone { ended: 0, refused: 0 });
        self.control = None;
    }
}

#[test]
fn a_keeper_that_does_not_answer_is_killed_with_its_tree() {
    // Before it is ready, when it was to end its tree, and when it was to end what the command had left behind.
    for point in POINTS {
        let mut bench = Bench::new();
        *lock(&bench.keepers.immortal) = true;
        let mut keeper = bring(&mut bench, point);
        if point == Point::Running {
            bench.host.end_group(WHOLE_PROCESS, EndedBy::Request, None);
            bench.turn();
            assert_eq!(keeper.told(), [ToKeeper::Go, END]);
        }
        let patience = match point {
            Point::Nothing | Point::Ready => 60,
            Point::Running => 15,
            Point::Exited => 30,
        };
        bench.pass(Duration::from_millis(patience * 1000 - 1));
        assert_eq!(bench.heard.take(), []);
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.heard.ending().outcome, outcome(point, libc::ETIMEDOUT));
        assert!(bench.processes.asked().contains(&Asked::Killed(keeper.number, Signal::Kill)));
        assert_eq!(bench.host.stats().keepers_killed, 1);
        *lock(&bench.keepers.immortal) = false;
        bench.assert_settled();
    }
}

#[test]
fn a_keeper_that_does_not_go_after_its_last_word_is_killed() {
    let mut bench = Bench::new();
    *lock(&bench.keepers.immortal) = true;
    let mut keeper = bring(&mut bench, Point::Exited);
    keeper.say(ToOwner::Gone { ended: 0, refused: 0 });
    bench.turn();
    assert_eq!(bench.heard.ending().outcome, Outcome::Exited(3));
    bench.pass(Duration::from_secs(5));
    assert!(keeper.is_left());
    assert!(lock(&bench.keepers.killed).is_empty());
    bench.pass(Duration::from_secs(10));
    assert_eq!(*lock(&bench.keepers.killed), [keeper.number]);
    bench.assert_settled();
}

#[test]
fn a_ledger_that_refuses_keeps_the_command_from_running() {
    let write = || LedgerError::Write {
        path: "/l".to_owned(),
        cause: io::Error::from_raw_os_error(libc::EROFS),
    };
    for (failure, errno) in [(write(), libc::EROFS), (LedgerError::Full, libc::ENOSPC)] {
        let mut bench = Bench::new();
        lock(&bench.journal.failures).push_back(failure);
        let mut keeper = bring(&mut bench, Point::Ready);
        assert_eq!(keeper.told(), [KILL]);
        keeper.finish(ToOwner::Signalled { signal: 9, cpu_us: 0, max_rss_kib: 0 });
        bench.turn();
        assert_eq!(bench.heard.ending().outcome, Outcome::NotRecorded { errno });
        assert_eq!(bench.host.stats().ledger_failures, 1);
        bench.assert_settled();
    }
}

#[test]
fn without_a_ledger_commands_run_and_are_counted() {
    let mut bench = Bench::new();
    lock(&bench.journal.failures).push_back(LedgerError::Unavailable {
        path: "/l".to_owned(),
        cause: io::Error::from_raw_os_error(libc::EACCES),
    });
    let mut keeper = bring(&mut bench, Point::Running);
    keeper.finish(EXITED);
    bench.turn();
    assert_eq!(bench.heard.ending().outcome, Outcome::Exited(3));
    assert_eq!(bench.host.stats().unrecorded, 1);
    bench.assert_settled();
}

#[test]
fn for_want_of_descriptors_a_keeper_is_started_again_later_and_the_others_wait_their_turn() {
    let mut bench = Bench::new();
    lock(&bench.keepers.failures).extend([libc::EMFILE, libc::EAGAIN]);
    bench.start(request());
    bench.start(request());
    bench.turn();
    assert_eq!(*lock(&bench.keepers.launches), 1);
    bench.pass(Duration::from_millis(20));
    assert_eq!(*lock(&bench.keepers.launches), 2);
    bench.pass(Duration::from_millis(39));
    assert_eq!(*lock(&bench.keepers.launches), 2);
    bench.pass(Duration::from_millis(1));
    assert_eq!(*lock(&bench.keepers.launches), 4);
    assert_eq!(bench.host.stats().launch_retries, 2);
    for _ in 0..2 {
        bench.keeper().finish(ToOwner::NotRun {
            step: crate::lifecycle::keeper::messages::Step::Fork,
            errno: libc::EAGAIN,
        });
    }
    bench.turn();
}

#[test]
fn a_keeper_that_cannot_be_started_is_told_with_the_reason() {
    for (errno, attempts) in [(libc::ENOENT, 1), (libc::EMFILE, 8)] {
        let mut bench = Bench::new();
        lock(&bench.keepers.failures).extend([errno; 8]);
        bench.start(request());
        for _ in 0..30 {
            bench.pass(Duration::from_millis(100));
        }
        assert_eq!(bench.heard.ending().outcome, Outcome::Lost { errno });
        assert_eq!(*lock(&bench.keepers.launches), attempts);
        assert_eq!(bench.host.stats().lost, 1);
        bench.assert_settled();
    }
}

#[test]
fn a_listener_that_panics_harms_nobody() {
    struct Panics;
    impl Listener for Panics {
        fn hear(&self, _: ProcessId, _: Event) {
            std::panic::resume_unwind(Box::new("thrown in a test"));
        }
    }
    let mut bench = Bench::new();
    bench.host.start(request(), Arc::new(Panics)).unwrap();
    let mut other = bring(&mut bench, Point::Running);
    let mut keeper = std::mem::replace(&mut other, bench.keeper());
    keeper.ready();
    keeper.say(ToOwner::Running);
    keeper.finish(EXITED);
    other.ready();
    other.say(ToOwner::Running);
    other.finish(EXITED);
    bench.turn();
    bench.assert_settled();
    assert_eq!(bench.host.stats().listener_panics, 2);
    assert_eq!(bench.heard.ending().outcome, Outcome::Exited(3));
}

#[test]
fn when_the_thread_loses_its_way_everybody_is_told_and_every_keeper_loses_its_owner() {
    let mut bench = Bench::with(1);
    let mut keeper = bring(&mut bench, Point::Running);
    bench.start(request());
    bench.turn();
    bench.start(request());
    bench.reactor.abandon();
    let events = bench.heard.take();
    assert_eq!(events.len(), 3);
    for event in events {
        let Event::Ended(ending) = event else { panic!("{event:?}") };
        assert_eq!(ending.outcome, Outcome::Lost { errno: 0 });
    }
    assert!(keeper.is_left());
    bench.assert_settled();
    let (_, mut keeper) = bench.run(request());
    keeper.finish(EXITED);
    bench.turn();
    assert_eq!(bench.heard.ending().outcome, Outcome::Exited(3));
}

#[test]
fn a_host_that_is_dropped_ends_everything() {
    let keepers = Arc::<FakeKeepers>::default();
    let heard = Arc::<Heard>::default();
    let settings = HostSettings {
        processes: Arc::new(FakeProcesses::default()),
        ..HostSettings::new(keepers.clone(), Arc::new(FakeJournal::default()), Arc::default())
    };
    let host = Host::new(settings);
    host.start(request(), heard.clone()).unwrap();
    let shared = Arc::clone(&host.shared);
    drop(host);
    assert_eq!(shared.wait_settled(Duration::from_secs(60), Mailbox::left), 0);
    assert_eq!(heard.take().len(), 1);
}
