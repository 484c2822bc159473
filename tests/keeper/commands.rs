//! One command: how it is started, what it is given, how it ends.

use crate::kept::{Kept, order, script, wait_until};
use plimsoll::lifecycle::keeper::messages::{Step, ToKeeper, ToOwner};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

fn not_run(order: plimsoll::lifecycle::keeper::order::Order) -> (Step, i32) {
    let mut kept = Kept::start(order);
    let mut said = vec![kept.hear().unwrap()];
    if matches!(said[0], ToOwner::Ready { .. }) {
        kept.tell(ToKeeper::Go);
        said = kept.hear_all();
    } else {
        said.extend(kept.hear_all());
    }
    assert_eq!(kept.exit_code(), Some(0));
    match said.as_slice() {
        [ToOwner::NotRun { step, errno }] => (*step, *errno),
        other => panic!("{other:?}"),
    }
}

/// The end of a command, when it alone was there.
fn end(kept: &mut Kept) -> ToOwner {
    let said = kept.hear_all();
    assert_eq!(kept.exit_code(), Some(0));
    match said.as_slice() {
        [ToOwner::Running, end, ToOwner::Gone { ended: 0, refused: 0 }] => *end,
        other => panic!("{other:?}"),
    }
}

#[test]
fn exit_codes_are_passed_on_with_what_was_used() {
    for expected in [0, 1, 7, 255] {
        let mut kept = Kept::run(script(&format!("exit {expected}")));
        match end(&mut kept) {
            ToOwner::Exited { code, max_rss_kib, .. } => {
                assert_eq!(code, expected);
                assert!(max_rss_kib > 100);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_processor_time_of_a_command_is_told() {
    let busy = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
    match end(&mut Kept::run(script(busy))) {
        ToOwner::Exited { code: 0, cpu_us, .. } => assert!(cpu_us > 0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_ended_by_a_signal_says_which() {
    for expected in [9, 11, 15] {
        let mut kept = Kept::run(script(&format!("kill -{expected} $$")));
        match end(&mut kept) {
            ToOwner::Signalled { signal, .. } => assert_eq!(signal, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_not_there_or_may_not_be_executed_is_told_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    std::fs::write(&plain, "echo no").unwrap();
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
    let path = directory.path().to_str().unwrap();
    let refused = order(plain.to_str().unwrap(), &[]);
    let mut looked_for = order("plain", &[]);
    looked_for.environment = vec![format!("PATH={path}:/usr/bin").into_bytes()];
    let long = "x".repeat(256);
    let cases = [
        (order("no-such-program-anywhere", &[]), libc::ENOENT),
        (order("/nowhere/at/all", &[]), libc::ENOENT),
        (order(path, &[]), libc::EACCES),
        (order("/etc/passwd/x", &[]), libc::ENOTDIR),
        (order(&long, &[]), libc::ENAMETOOLONG),
        (refused, libc::EACCES),
        (looked_for, libc::EACCES),
    ];
    for (order, errno) in cases {
        let name = String::from_utf8_lossy(&order.program).into_owned();
        assert_eq!(not_run(order), (Step::Execute, errno), "{name}");
    }
}

#[test]
fn without_a_program_a_keeper_waits_for_the_end_of_its_owner_and_goes() {
    let mut kept = Kept::start(order("", &[]));
    kept.tell(ToKeeper::Go);
    kept.leave();
    assert_eq!(kept.exit_code(), Some(0));
    kept.assert_nothing_lives();
}

#[test]
fn a_directory_that_is_not_there_is_told_before_anything_is_forked() {
    let mut missing = script("echo no");
    missing.directory = b"/nowhere/at/all".to_vec();
    assert_eq!(not_run(missing), (Step::Directory, libc::ENOENT));
    let mut file = script("echo no");
    file.directory = b"/etc/passwd".to_vec();
    assert_eq!(not_run(file), (Step::Directory, libc::ENOTDIR));
}

#[test]
fn an_environment_larger_than_the_system_takes_is_refused_by_it() {
    let mut large = script("echo no");
    large.environment.push([b"LARGE=".as_slice(), &vec![b'x'; 10 << 20]].concat());
    assert_eq!(not_run(large), (Step::Execute, libc::E2BIG));
}

#[test]
fn what_is_no_order_is_told() {
    let whole = script("echo no").encode();
    for bytes in [&b""[..], b"PLIMORD1", &whole[..whole.len() - 1]] {
        let mut kept = Kept::start_raw(bytes);
        let expected = ToOwner::NotRun { step: Step::Order, errno: libc::EINVAL };
        assert_eq!(kept.hear_all(), [expected]);
        assert_eq!(kept.exit_code(), Some(0));
    }
}

#[test]
fn a_name_is_looked_for_in_the_path_of_the_order_and_a_script_needs_no_first_line() {
    let directory = tempfile::tempdir().unwrap();
    for (place, text) in [("first", None), ("second", Some("echo \"$0 $1 $2\"\n"))] {
        let place = directory.path().join(place);
        std::fs::create_dir(&place).unwrap();
        let file = place.join("greet");
        std::fs::write(&file, text.unwrap_or("not executable")).unwrap();
        let mode = if text.is_some() { 0o755 } else { 0o644 };
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let root = directory.path().to_str().unwrap();
    let path = format!("PATH=/etc/passwd:/nowhere:{root}/first:{root}/second");
    let mut greet = order("greet", &["a b", ""]);
    greet.environment = vec![path.into_bytes(), b"PATH=/nowhere".to_vec()];
    let mut kept = Kept::run(greet);
    assert_eq!(kept.rest(), format!("{root}/second/greet a b \n"));
    // An empty directory in it is the working directory, and a path is taken from there.
    for (program, path) in [("greet", "PATH=:/nowhere"), ("./greet", "PATH=/nowhere")] {
        let mut relative = order(program, &[]);
        relative.environment = vec![path.into()];
        relative.directory = format!("{root}/second").into_bytes();
        let mut kept = Kept::run(relative);
        assert_eq!(kept.rest(), format!("{program}  \n"));
    }
    let mut without = order("sh", &["-c", "echo found"]);
    without.environment.clear();
    assert_eq!(Kept::run(without).rest(), "found\n");
}

#[test]
fn input_arguments_environment_and_directory_reach_the_command_as_they_are() {
    let mut order = script("printf '%s|' \"$@\"; printenv RAW; pwd; cat; echo error >&2; cat");
    order.arguments.extend([b"zero".to_vec(), b"\xff\n ".to_vec(), Vec::new()]);
    order.environment.push(b"RAW=\xfe=x".to_vec());
    order.directory = b"/usr".to_vec();
    let mut kept = Kept::run(order);
    kept.input.as_mut().unwrap().write_all(b"\0\x01binary").unwrap();
    kept.input = None;
    let mut output = Vec::new();
    kept.output.read_to_end(&mut output).unwrap();
    assert_eq!(output, b"\xff\n ||\xfe=x\n/usr\n\0\x01binary");
    let mut error = String::new();
    kept.error.read_to_string(&mut error).unwrap();
    assert_eq!(error, "error\n");
}

#[test]
fn the_keeper_holds_none_of_the_streams_of_its_command() {
    // Its end is the output's, though the command lives on, and its input has no reader any more.
    let (mut kept, _) = Kept::running(script("exec <&- >&-; echo closed >&2; exec sleep 600"));
    assert_eq!(kept.rest(), "");
    let mut line = [0; 7];
    kept.error.read_exact(&mut line).unwrap();
    let refused = kept.input.as_mut().unwrap().write_all(b"x").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);
    // A process that is being executed has no environment for a moment.
    wait_until("it and its keeper live", || kept.living().len() == 2);
}

#[test]
fn the_command_has_three_descriptors_no_signal_blocked_or_ignored_and_a_group_of_its_own() {
    // Open in this process without close-on-exec, so that the keeper inherits it.
    let stray = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&stray, rustix::io::FdFlags::empty()).unwrap();
    // The fourth is the one the list is read through.
    assert_eq!(Kept::run(order("ls", &["/proc/self/fd"])).rest(), "0\n1\n2\n3\n");
    let text = "read -r pid _ _ parent group session _ < /proc/$$/stat; \
                echo $((pid == group)) $((session == parent))";
    assert_eq!(Kept::run(script(text)).rest(), "1 1\n");
    // Asked by the command itself: a shell blocks signals for moments of its own.
    let said = Kept::run(order("grep", &["-E", "^Sig(Blk|Ign)", "/proc/self/status"])).rest();
    let masks: Vec<u64> =
        said.lines().map(|line| u64::from_str_radix(&line[8..], 16).unwrap()).collect();
    // 32 and 33 are the C library's own, which it has every program it starts ignore at first.
    assert_eq!(masks.len(), 2);
    assert_eq!((masks[0], masks[1] & !0x1_8000_0000), (0, 0), "{said}");
}

#[test]
fn a_command_that_was_not_let_go_has_never_run() {
    let directory = tempfile::tempdir().unwrap();
    let proof = directory.path().join("it-ran");
    let touch = || order("touch", &[proof.to_str().unwrap()]);
    let mut left = Kept::start(touch());
    left.ready();
    left.leave();
    assert_eq!(left.exit_code(), Some(0));
    left.assert_nothing_lives();
    let mut ended = Kept::start(touch());
    ended.ready();
    let end = ToKeeper::End { signal: 15, grace_ms: 60_000 };
    ended.tell_bytes(&[end.encode(), ToKeeper::Go.encode()].concat());
    let cancelled = ToOwner::NotRun { step: Step::Execute, errno: libc::ECANCELED };
    assert_eq!(ended.hear_all(), [cancelled]);
    assert_eq!(ended.exit_code(), Some(0));
    assert!(!proof.exists());
}

#[test]
fn a_signal_sent_before_the_command_runs_meets_the_command() {
    let mut kept = Kept::start(order("sleep", &["600"]));
    kept.ready();
    kept.tell(ToKeeper::Signal { signal: 15, tree: false });
    kept.tell(ToKeeper::Go);
    assert!(matches!(end(&mut kept), ToOwner::Signalled { signal: 15, .. }));
}
