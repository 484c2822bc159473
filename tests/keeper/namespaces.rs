//! Numbers of processes that are given out again at once, and bombs of forks: in a PID namespace of few numbers,
//! where both can be had and nothing else is touched.

use crate::kept::{Kept, PATIENCE, alone, order, script, wait_until};
use plimsoll::lifecycle::keeper::messages::{ToKeeper, ToOwner};
use plimsoll::lifecycle::keeper::order::{Leftovers, Order};
use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Set in the namespace.
const INSIDE: &str = "PLIMSOLL_TEST_NAMESPACE";
/// The fewest that Linux allows is 301.
const NUMBERS: &str = "400";

/// Runs one of the tests below as the first process of a namespace; whatever is in it ends with it.
fn run_inside(test: &str) {
    let _alone = alone();
    let unshare = |program: &std::ffi::OsStr| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]).arg(program);
        command.stdin(Stdio::null());
        command
    };
    let mut probe = unshare("sh".as_ref());
    probe.args(["-c", &format!("echo {NUMBERS} > /proc/sys/kernel/pid_max && test $$ = 1")]);
    // A kernel where this number is the whole machine's must not be changed: it is only its own since Linux 6.14.
    if !own_numbers() {
        return println!("left out: before Linux 6.14 pid_max is the whole machine's");
    }
    match probe.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            return println!("left out: no PID namespace of {NUMBERS} numbers may be made: {why}");
        }
        Err(error) => return println!("left out: unshare(1) cannot be run: {error}"),
    }
    let mut inside = unshare(std::env::current_exe().unwrap().as_os_str());
    let name = format!("namespaces::{test}");
    inside.args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"]);
    let output = inside.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
}

fn own_numbers() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(14))
}

/// Whether the test is inside; makes the numbers few.
fn is_inside() -> bool {
    if std::env::var_os(INSIDE).is_none() || std::process::id() != 1 {
        println!("left out: {INSIDE} is not set, nobody made a namespace for this process");
        return false;
    }
    std::fs::write("/proc/sys/kernel/pid_max", NUMBERS).unwrap();
    true
}

/// A stranger to every keeper, that ends by itself when its input does, with exit code 0.
struct Bystander(Child);

impl Bystander {
    /// `None` when there is no number for it.
    fn start() -> Option<Bystander> {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        cat.spawn().ok().map(Bystander)
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    /// Ends it, and says whether it went undisturbed.
    fn ends_unharmed(mut self) -> bool {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().success()
    }
}

/// The numbers below are given out once only, to the first processes of a namespace (`RESERVED_PIDS` in Linux).
const RESERVED: i32 = 300;

fn use_up_reserved() {
    while Bystander::start().is_none_or(|bystander| {
        let pid = bystander.pid();
        assert!(bystander.ends_unharmed());
        pid < RESERVED
    }) {}
}

/// Starts and ends processes until one has that number.
fn take_number(wanted: i32) -> Bystander {
    let start = Instant::now();
    loop {
        if let Some(bystander) = Bystander::start() {
            if bystander.pid() == wanted {
                return bystander;
            }
            assert!(bystander.ends_unharmed());
        }
        assert!(start.elapsed() < PATIENCE, "the number {wanted} is not given out");
    }
}

#[test]
fn a_stranger_with_the_number_of_a_dead_command_is_never_signalled() {
    run_inside("numbers_given_out_again");
}

#[test]
#[ignore = "inside the namespace of the test above"]
fn numbers_given_out_again() {
    if !is_inside() {
        return;
    }
    use_up_reserved();
    for round in 0..5 {
        // The one that stays is of another group: a number that names a group is not given out.
        let text = "sh -c 'echo $$'; setsid sleep 600 & exit 0";
        let keep = Order { leftovers: Leftovers::Keep, ..script(text) };
        let (mut kept, command) = Kept::running(keep);
        let child: i32 = kept.line().parse().unwrap();
        assert!(matches!(kept.hear(), Some(ToOwner::Exited { code: 0, .. })));
        let heirs = [take_number(command), take_number(child)];
        for tree in [false, true, false] {
            kept.tell(ToKeeper::Signal { signal: libc::SIGCONT, tree });
            kept.tell(ToKeeper::Signal { signal: libc::SIGTERM, tree: false });
        }
        match round % 3 {
            0 => kept.tell(ToKeeper::End { signal: 15, grace_ms: 60_000 }),
            1 => kept.tell(ToKeeper::End { signal: 9, grace_ms: 0 }),
            _ => kept.leave(),
        }
        assert_eq!(kept.exit_code(), Some(0));
        for heir in heirs {
            assert!(heir.ends_unharmed());
        }
    }
}

#[test]
fn strangers_among_numbers_given_out_all_the_time_are_never_signalled() {
    run_inside("numbers_given_out_all_the_time");
}

/// Trees whose processes start the next and end, ended again and again, among strangers that come and go.
#[test]
#[ignore = "inside the namespace of the test above"]
fn numbers_given_out_all_the_time() {
    if !is_inside() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let hydra = directory.path().join("hydra");
    std::fs::write(&hydra, "echo $$\nsetsid sh \"$0\" &\nexit\n").unwrap();
    let heads = format!("for i in 1 2 3; do sh {} & done; sleep 600", hydra.to_str().unwrap());
    use_up_reserved();
    let mut shared = 0;
    for round in 0..20 {
        let (mut kept, _) = Kept::running(script(&heads));
        let mut theirs = HashSet::new();
        let mut strangers = Vec::new();
        let mut gone = HashSet::new();
        for turn in 0..60 {
            theirs.insert(kept.line().parse::<i32>().unwrap());
            let Some(stranger) = Bystander::start() else { continue };
            gone.insert(stranger.pid());
            if turn % 3 == 0 {
                strangers.push(stranger);
            } else {
                assert!(stranger.ends_unharmed());
            }
        }
        match round % 2 {
            0 => kept.tell(ToKeeper::End { signal: 15, grace_ms: 1 }),
            _ => kept.leave(),
        }
        let rest = kept.rest();
        theirs.extend(rest.lines().filter_map(|line| line.parse::<i32>().ok()));
        assert_eq!(kept.exit_code(), Some(0));
        for stranger in strangers {
            assert!(stranger.ends_unharmed());
        }
        shared += theirs.intersection(&gone).count();
    }
    println!("{shared} numbers were both a tree's and a stranger's");
    assert!(shared > 0, "no number was given out twice: this has shown nothing");
}

/// All there are in the namespace.
fn processes() -> usize {
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_number)).count()
}

#[test]
fn a_bomb_of_forks_is_ended() {
    run_inside("a_bomb");
}

#[test]
#[ignore = "inside the namespace of the test above"]
fn a_bomb() {
    if !is_inside() {
        return;
    }
    use_up_reserved();
    let directory = tempfile::tempdir().unwrap();
    let bomb = directory.path().join("bomb");
    // Each starts two of its kind, and again, by what it does at its end, when there was no number for them.
    let text = "trap '' TERM\ntrap 'exec sh \"$0\"' EXIT\nexec 2>/dev/null\nsh \"$0\" &\nsetsid sh \"$0\" &\n";
    std::fs::write(&bomb, text).unwrap();
    for asked in [true, false] {
        let (mut kept, _) = Kept::running(order("sh", &[bomb.to_str().unwrap()]));
        wait_until("the bomb has gone off", || processes() > 60);
        let start = Instant::now();
        if asked {
            kept.tell(ToKeeper::End { signal: 15, grace_ms: 10 });
        } else {
            kept.leave();
        }
        assert_eq!(kept.exit_code(), Some(0));
        println!("ended after {:?}", start.elapsed());
        wait_until("only this process is left", || processes() == 1);
    }
}
