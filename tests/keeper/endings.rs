//! How trees end, and what does not end them.

use crate::kept::{Kept, order, script, wait_until};
use plimsoll::lifecycle::keeper::messages::{Step, ToKeeper, ToOwner};
use plimsoll::lifecycle::keeper::order::{Leftovers, Order};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;

fn keeping(text: &str) -> Order {
    Order { leftovers: Leftovers::Keep, ..script(text) }
}

/// Three descendants that nobody waits for: a plain one, one of another session, one forked twice.
const LEFT_BEHIND: &str = "sleep 600 & setsid sleep 600 & (sleep 600 &)";

/// Hears the end: how the command ended, and what was ended beside it.
fn end(kept: &mut Kept) -> (ToOwner, u64) {
    let said = kept.hear_all();
    assert_eq!(kept.exit_code(), Some(0));
    kept.assert_nothing_lives();
    match said.as_slice() {
        [end, ToOwner::Gone { ended, refused: 0 }] => (*end, *ended),
        other => panic!("{other:?}"),
    }
}

fn is_signalled(end: ToOwner, expected: i32) -> bool {
    matches!(end, ToOwner::Signalled { signal, .. } if signal == expected)
}

/// The letter of its state in `/proc`.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn what_a_command_leaves_behind_is_ended_and_counted() {
    let (mut kept, _) = Kept::running(script(&format!("{LEFT_BEHIND}; exit 3")));
    let (end, ended) = end(&mut kept);
    assert!(matches!(end, ToOwner::Exited { code: 3, .. }));
    assert_eq!(ended, 3);
}

#[test]
fn what_is_to_be_kept_lives_until_its_end_is_asked_for_or_the_socket_ends() {
    for asked in [true, false] {
        let (mut kept, _) = Kept::running(keeping(LEFT_BEHIND));
        assert!(matches!(kept.hear(), Some(ToOwner::Exited { code: 0, .. })));
        wait_until("all three run", || kept.living().len() == 4);
        if asked {
            kept.tell(ToKeeper::End { signal: 15, grace_ms: 60_000 });
            assert_eq!(kept.hear_all(), [ToOwner::Gone { ended: 3, refused: 0 }]);
        } else {
            kept.leave();
        }
        assert_eq!(kept.exit_code(), Some(0));
        kept.assert_nothing_lives();
    }
}

#[test]
fn what_is_kept_and_ends_by_itself_was_not_ended() {
    let (mut kept, _) = Kept::running(keeping("read -r word & exec true <&-"));
    assert!(matches!(kept.hear(), Some(ToOwner::Exited { code: 0, .. })));
    kept.input = None;
    assert_eq!(kept.hear_all(), [ToOwner::Gone { ended: 0, refused: 0 }]);
}

#[test]
fn the_whole_tree_gets_the_signal_and_may_end_in_its_own_way() {
    // Nothing is forked while it waits: a shell loses signals between the fork and what it forked for.
    let one = "trap 'echo ended; exit 5' TERM; echo up; read -r _ <&3";
    let text = format!("exec 3<&0; setsid sh -c \"{one}\" & ( (sh -c \"{one}\") & ); {one}");
    let (mut kept, _) = Kept::running(script(&text));
    for _ in 0..3 {
        assert_eq!(kept.line(), "up");
    }
    kept.tell(ToKeeper::End { signal: 15, grace_ms: 60_000 });
    let (end, _) = end(&mut kept);
    assert!(matches!(end, ToOwner::Exited { code: 5, .. }), "{end:?}");
    assert_eq!(kept.rest(), "ended\n".repeat(3));
}

#[test]
fn what_ignores_the_signal_is_killed_after_the_grace() {
    let text = "trap '' TERM; setsid sleep 600 & (sleep 600 &); echo up; sleep 600; sleep 600";
    let (mut kept, _) = Kept::running(script(text));
    assert_eq!(kept.line(), "up");
    kept.tell(ToKeeper::End { signal: 15, grace_ms: 30 });
    let (end, ended) = end(&mut kept);
    assert!(is_signalled(end, 9), "{end:?}");
    assert!(ended >= 2, "{ended}");
}

#[test]
fn a_shorter_grace_counts_and_a_longer_one_does_not() {
    let text = "trap 'echo heard' TERM; echo up; while :; do sleep 600 & wait; done";
    for second in [1, 0] {
        let (mut kept, _) = Kept::running(script(text));
        assert_eq!(kept.line(), "up");
        kept.tell(ToKeeper::End { signal: 15, grace_ms: u64::MAX });
        assert_eq!(kept.line(), "heard");
        assert!(!kept.living().is_empty());
        kept.tell(ToKeeper::End { signal: 15, grace_ms: second });
        assert!(is_signalled(end(&mut kept).0, 9));
    }
    let (mut kept, _) = Kept::running(script(text));
    assert_eq!(kept.line(), "up");
    kept.tell(ToKeeper::End { signal: 15, grace_ms: 30 });
    kept.tell(ToKeeper::End { signal: 15, grace_ms: u64::MAX });
    assert!(is_signalled(end(&mut kept).0, 9));
}

#[test]
fn a_signal_reaches_the_command_alone_or_its_whole_tree() {
    let child = "trap 'echo child' USR1; echo up; while :; do sleep 600 & wait; done";
    let text = format!(
        "setsid sh -c \"{child}\" & read -r _; trap 'echo command' USR1; echo up; \
         while :; do sleep 600 & wait $!; done"
    );
    let (mut kept, _) = Kept::running(script(&text));
    assert_eq!(kept.line(), "up");
    kept.input.as_mut().unwrap().write_all(b"\n").unwrap();
    assert_eq!(kept.line(), "up");
    let usr1 = libc::SIGUSR1;
    kept.tell(ToKeeper::Signal { signal: usr1, tree: false });
    assert_eq!(kept.line(), "command");
    // Its sleepers end with it, and are no words.
    kept.tell(ToKeeper::Signal { signal: usr1, tree: true });
    let mut words = [kept.line(), kept.line()];
    words.sort();
    assert_eq!(words, ["child", "command"]);
    for nonsense in [0, -1, 99, i32::MAX, i32::MIN] {
        kept.tell(ToKeeper::Signal { signal: nonsense, tree: true });
        kept.tell(ToKeeper::Signal { signal: nonsense, tree: false });
    }
    kept.tell(ToKeeper::Signal { signal: 9, tree: false });
    assert!(is_signalled(end(&mut kept).0, 9));
}

#[test]
fn a_tree_can_be_stopped_and_sent_on_its_way() {
    let text = "sh -c 'echo $$; exec sleep 600' & exec sleep 600";
    let (mut kept, command) = Kept::running(script(text));
    let child: i32 = kept.line().parse().unwrap();
    for (signal, expected) in [(libc::SIGSTOP, 'T'), (libc::SIGCONT, 'S'), (libc::SIGTSTP, 'T')] {
        kept.tell(ToKeeper::Signal { signal, tree: true });
        for pid in [child, command] {
            wait_until("the state is reached", || state(pid) == Some(expected));
        }
    }
    // A stopped tree ends too: what it got, it meets.
    kept.tell(ToKeeper::End { signal: 15, grace_ms: 60_000 });
    assert!(is_signalled(end(&mut kept).0, 15));
}

#[test]
fn no_signal_but_kill_ends_the_keeper() {
    let (mut kept, _) = Kept::running(order("cat", &[]));
    let keeper = Pid::from_raw(kept.pid).unwrap();
    let signals = [
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::QUIT,
        Signal::PIPE,
        Signal::ALARM,
        Signal::USR1,
        Signal::USR2,
        Signal::XCPU,
        Signal::TSTP,
        Signal::CHILD,
        Signal::ABORT,
    ];
    for signal in signals {
        kill_process(keeper, signal).unwrap();
    }
    kept.input.as_mut().unwrap().write_all(b"still here\n").unwrap();
    assert_eq!(kept.line(), "still here");
    kept.input = None;
    assert!(matches!(end(&mut kept).0, ToOwner::Exited { code: 0, .. }));
}

#[test]
fn a_command_whose_keeper_is_killed_before_the_word_never_runs() {
    let mut kept = Kept::start(script("echo it ran"));
    kept.ready();
    kill_process(Pid::from_raw(kept.pid).unwrap(), Signal::KILL).unwrap();
    assert_eq!(kept.hear(), None);
    assert_eq!(kept.exit_code(), None);
    kept.assert_nothing_lives();
    assert_eq!(kept.rest(), "");
}

#[test]
fn a_child_that_somebody_kills_before_the_word_is_told() {
    let mut kept = Kept::start(script("echo it ran"));
    let pid = kept.ready();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let cancelled = ToOwner::NotRun { step: Step::Execute, errno: libc::ECANCELED };
    assert_eq!(kept.hear_all(), [cancelled]);
}

#[test]
fn the_end_of_the_socket_kills_whatever_ignores_everything_else() {
    let text = "trap '' TERM HUP INT QUIT; setsid sh -c 'setsid sleep 600 & sleep 600' & \
                ( (setsid sleep 600 &) ); echo up; sleep 600";
    let (mut kept, _) = Kept::running(script(text));
    assert_eq!(kept.line(), "up");
    kept.leave();
    assert_eq!(kept.exit_code(), Some(0));
    kept.assert_nothing_lives();
    assert_eq!(kept.rest(), "");
}

#[test]
fn a_record_may_come_in_pieces_and_a_foreign_one_ends_everything() {
    let (mut kept, _) = Kept::running(order("sleep", &["600"]));
    for byte in (ToKeeper::Signal { signal: 2, tree: false }).encode() {
        kept.tell_bytes(&[byte]);
    }
    assert!(is_signalled(end(&mut kept).0, 2));
    let (mut foreign, _) = Kept::running(script("sleep 600; sleep 600"));
    foreign.tell_bytes(&[7; 24]);
    assert_eq!(foreign.hear(), None);
    assert_eq!(foreign.exit_code(), Some(0));
    foreign.assert_nothing_lives();
}

#[test]
fn many_words_at_once_are_all_obeyed() {
    let text = "n=0; trap 'n=$((n+1)); echo $n' USR1; echo up; while :; do sleep 600 & wait; done";
    let (mut kept, _) = Kept::running(script(text));
    assert_eq!(kept.line(), "up");
    // Signals of the same number are not queued, but the last one after all others arrives.
    let ignored = ToKeeper::Signal { signal: 0, tree: false }.encode();
    let heard = ToKeeper::Signal { signal: libc::SIGUSR1, tree: false }.encode();
    kept.tell_bytes(&[ignored.repeat(500), heard.to_vec()].concat());
    assert_eq!(kept.line(), "1");
}

/// Each process starts the next in a session of its own and ends: what is seen of it is gone when it is meant.
#[test]
fn what_forks_away_for_ever_is_ended_too() {
    let directory = tempfile::tempdir().unwrap();
    let hydra = directory.path().join("hydra");
    std::fs::write(&hydra, "setsid sh \"$0\" &\nexit\n").unwrap();
    let hydra = hydra.to_str().unwrap();
    let heads = format!("for i in 1 2 3 4; do sh {hydra} & done; echo up; sleep 600");
    for asked in [true, false] {
        let (mut kept, _) = Kept::running(script(&heads));
        assert_eq!(kept.line(), "up");
        if asked {
            kept.tell(ToKeeper::End { signal: 9, grace_ms: 0 });
            assert!(is_signalled(end(&mut kept).0, 9));
        } else {
            kept.leave();
            assert_eq!(kept.exit_code(), Some(0));
            kept.assert_nothing_lives();
        }
    }
}
