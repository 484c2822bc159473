//! Whatever keepers say, whoever asks for what, and whatever fails: each request has one end, each record is
//! struck once, and nothing is left.

use super::*;
use crate::lifecycle::keeper::messages::Step;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Start {
        keep: bool,
        timeout: bool,
        streamed: bool,
        written: bool,
    },
    /// The keeper of one that was launched does what a keeper does next.
    Proceed(usize),
    Say(usize, ToOwner),
    Garbage(usize, Vec<u8>),
    Print(usize, usize),
    Die(usize),
    End(usize, Option<u64>),
    EndGroup,
    Signal(usize, bool),
    Write(usize),
    CloseInput(usize),
    Taken(usize),
    Ignore(usize),
    Pass(u64),
    FailLaunch(i32),
    FailRecord(bool),
    Turn,
}

fn message() -> impl Strategy<Value = ToOwner> {
    prop_oneof![
        (-1..100_i32).prop_map(|pid| ToOwner::Ready { pid, start: 1 }),
        Just(ToOwner::Running),
        Just(ToOwner::NotRun { step: Step::Execute, errno: 2 }),
        Just(EXITED),
        Just(ToOwner::Signalled { signal: 15, cpu_us: 0, max_rss_kib: 0 }),
        Just(ToOwner::Gone { ended: 1, refused: 0 }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0..4_usize;
    prop_oneof![
        4 => any::<[bool; 4]>().prop_map(|[keep, timeout, streamed, written]| Act::Start {
            keep, timeout, streamed, written
        }),
        12 => who.clone().prop_map(Act::Proceed),
        2 => (who.clone(), message()).prop_map(|(who, message)| Act::Say(who, message)),
        1 => (who.clone(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(who, bytes)| Act::Garbage(who, bytes)),
        2 => (who.clone(), 1..3000_usize).prop_map(|(who, bytes)| Act::Print(who, bytes)),
        1 => who.clone().prop_map(Act::Die),
        2 => (who.clone(), prop::option::of(0..20_000_u64)).prop_map(|(who, ms)| Act::End(who, ms)),
        1 => Just(Act::EndGroup),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, tree)| Act::Signal(who, tree)),
        1 => who.clone().prop_map(Act::Write),
        1 => who.clone().prop_map(Act::CloseInput),
        1 => who.clone().prop_map(Act::Taken),
        1 => who.prop_map(Act::Ignore),
        2 => (1..30_000_u64).prop_map(Act::Pass),
        1 => prop::sample::select(vec![libc::EAGAIN, libc::EMFILE, libc::ENOENT]).prop_map(Act::FailLaunch),
        1 => any::<bool>().prop_map(Act::FailRecord),
        8 => Just(Act::Turn),
    ]
}

/// A keeper and how far it has come by itself.
struct Played {
    keeper: Keeper,
    steps: usize,
}

#[derive(Default)]
struct Stage {
    played: Vec<Played>,
    started: Vec<ProcessId>,
}

impl Stage {
    fn act(&mut self, bench: &mut Bench, act: Act) {
        while let Some(keeper) = lock(&bench.keepers.launched).pop_front() {
            bench.processes.start(keeper.number, 1);
            bench.processes.start(keeper.pid(), keeper.number);
            self.played.push(Played { keeper, steps: 0 });
        }
        let started = |who: usize, ask: &dyn Fn(&Host, ProcessId)| {
            let latest = self.started.iter().rev().nth(who);
            latest.into_iter().for_each(|id| ask(&bench.host, *id));
        };
        match act {
            Act::Start { keep, timeout, streamed, written } => {
                let mut request = request();
                request.order.leftovers = if keep { Leftovers::Keep } else { Leftovers::End };
                request.timeout = timeout.then_some(Duration::from_secs(1));
                if streamed {
                    request.output = Output::Streamed;
                }
                if written {
                    request.input = Input::Written;
                }
                self.started.push(bench.start(request));
            }
            Act::End(who, grace) => started(who, &|host, id| {
                host.end(id, EndedBy::Request, grace.map(Duration::from_millis));
            }),
            Act::EndGroup => {
                bench.host.end_group(WHOLE_PROCESS, EndedBy::Deadline, None);
            }
            Act::Signal(who, tree) => started(who, &|host, id| host.signal(id, 10, tree)),
            Act::Write(who) => started(who, &|host, id| {
                // Refused when there is no such process, or it takes no input.
                host.write(id, vec![1; 100_000]).ok();
            }),
            Act::CloseInput(who) => started(who, &|host, id| host.close_input(id)),
            Act::Taken(who) => started(who, &|host, id| host.taken(id, Stream::Output, 1000)),
            Act::Ignore(who) => started(who, &|host, id| host.ignore(id, Stream::Output)),
            Act::Pass(ms) => bench.pass(Duration::from_millis(ms)),
            Act::FailLaunch(errno) => lock(&bench.keepers.failures).push_back(errno),
            Act::FailRecord(unavailable) => {
                lock(&bench.journal.failures).push_back(if unavailable {
                    LedgerError::Unavailable {
                        path: String::new(),
                        cause: io::ErrorKind::Other.into(),
                    }
                } else {
                    LedgerError::Full
                })
            }
            Act::Turn => bench.turn(),
            Act::Proceed(who) => self.play(who, |played| {
                let ready = ToOwner::Ready { pid: played.keeper.pid(), start: 1 };
                let gone = ToOwner::Gone { ended: 0, refused: 0 };
                match [ready, ToOwner::Running, EXITED, gone].get(played.steps) {
                    Some(message) => played.keeper.say(*message),
                    None => played.keeper.control = None,
                }
                played.steps += 1;
            }),
            Act::Say(who, message) => self.play(who, |played| played.keeper.say(message)),
            Act::Garbage(who, bytes) => self.play(who, |played| played.keeper.say_bytes(&bytes)),
            Act::Print(who, bytes) => self.play(who, |played| {
                let Some(output) = &mut played.keeper.outputs[0] else { return };
                rustix::io::ioctl_fionbio(&*output, true).unwrap();
                // A full pipe takes no more, and one that nobody reads nothing.
                output.write_all(&vec![b'x'; bytes]).ok();
            }),
            Act::Die(who) => self.play(who, |played| played.keeper.control = None),
        }
    }

    /// Has one of the latest keepers that live do something.
    fn play(&mut self, who: usize, act: impl FnOnce(&mut Played)) {
        let alive = self.played.iter_mut().rev().filter(|played| played.keeper.control.is_some());
        if let Some(played) = alive.into_iter().nth(who) {
            act(played);
        }
    }

    /// Every keeper dies, those that are still launched too.
    fn end(&mut self, bench: &mut Bench) {
        bench.host.end_group(WHOLE_PROCESS, EndedBy::Request, Some(Duration::ZERO));
        for _ in 0..60 {
            bench.pass(Duration::from_secs(1));
            self.act(bench, Act::Turn);
            self.played.clear();
        }
    }
}

/// What one listener may hear, in the order it may hear it.
fn check(events: &[Event]) -> Result<(), TestCaseError> {
    let ends = events.iter().filter(|event| matches!(event, Event::Ended(_))).count();
    prop_assert_eq!(ends, 1, "{:?}", events);
    let Some(Event::Ended(ending)) = events.last() else {
        return Err(TestCaseError::fail(format!("the end is not last: {events:?}")));
    };
    if events.len() > 1 {
        prop_assert!(matches!(events[0], Event::Started { .. }), "{:?}", events);
    }
    let started = events.iter().filter(|event| matches!(event, Event::Started { .. })).count();
    prop_assert!(started <= 1);
    let never_ran = matches!(ending.outcome, Outcome::Cancelled | Outcome::NotRecorded { .. });
    prop_assert!(!(never_ran && started == 1), "{:?}", events);
    for once in [Event::InputClosed, Event::StreamEnded { stream: Stream::Output }] {
        prop_assert!(events.iter().filter(|event| **event == once).count() <= 1);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_request_has_one_end_and_each_record_is_struck_once(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut bench = Bench::with(3);
        let mut stage = Stage::default();
        for act in acts {
            stage.act(&mut bench, act);
        }
        stage.end(&mut bench);
        prop_assert_eq!(bench.host.wait_until_settled(Duration::ZERO), 0);
        prop_assert!(bench.reactor.is_idle());
        prop_assert!(lock(&bench.journal.struck).values().all(|times| *times == 1));
        let heard = std::mem::take(&mut *lock(&bench.heard.0));
        for id in &stage.started {
            let of_this = heard.iter().filter(|(process, _)| process == id);
            check(&of_this.map(|(_, event)| event.clone()).collect::<Vec<_>>())?;
        }
        let stats = bench.host.stats();
        prop_assert_eq!(stats.ended, stage.started.len() as u64);
        prop_assert_eq!((stats.running, stats.waiting, stats.panics, stats.listener_panics), (0, 0, 0, 0));
    }
}
