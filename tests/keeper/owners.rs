//! Owners that die without a word.

use crate::kept::{PATIENCE, alone, anonymous, living, script, wait_until};
use plimsoll::lifecycle::keeper::messages::{LENGTH, ToKeeper, ToOwner};
use plimsoll::platform::spawn::spawn;
use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write, stderr, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the owner is told through its environment: a mark for everything below it, and whether a stranger has
/// a copy of its socket.
const MARK: &str = "PLIMSOLL_TEST_OWNER";
const SHARED: &str = "PLIMSOLL_TEST_OWNER_SHARED";

/// Fifty processes, each of which says so: of other sessions, forked twice, three levels deep; half ignore TERM.
const FIFTY: &str = "
    echo up
    i=0
    while [ $i -lt 8 ]; do
        [ $i -lt 4 ] || trap '' TERM
        (echo up; exec sleep 600) &
        setsid sh -c 'echo up; exec sleep 600' &
        ( (echo up; exec sleep 600) & )
        (echo up; (echo up; (echo up; exec sleep 600) & wait) & wait) &
        i=$((i+1))
    done
    setsid sh -c '(echo up; exec sleep 600) &'
    wait";

#[test]
#[ignore = "the owner that dies in the tests below"]
fn an_owner() {
    let Ok(mark) = std::env::var(MARK) else {
        return println!("left out: {MARK} is not set, nobody started this process to be killed");
    };
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut order = script(FIFTY);
    order.environment.push(format!("{MARK}={mark}").into_bytes());
    let order = anonymous(&order.encode());
    let null = File::open("/dev/null").unwrap();
    let (output, error) = (stdout(), stderr());
    let standard = [null.as_fd(), output.as_fd(), error.as_fd()];
    let environment = [CString::new(format!("{MARK}={mark}")).unwrap()];
    let keeper = CString::new(env!("CARGO_BIN_EXE_plimsoll-keeper")).unwrap();
    let descriptors = [standard.as_slice(), &[theirs.as_fd(), order.as_fd()]].concat();
    spawn(&keeper, &[], &environment, &descriptors).unwrap();
    drop(theirs);
    if std::env::var_os(SHARED).is_some() {
        let input = stdin();
        let stranger = [input.as_fd(), null.as_fd(), null.as_fd(), ours.as_fd()];
        spawn(c"/bin/cat", &[], &[], &stranger).unwrap();
    }
    let mut record = [0; LENGTH];
    ours.read_exact(&mut record).unwrap();
    assert!(matches!(ToOwner::decode(&record), Some(ToOwner::Ready { .. })));
    ours.write_all(&ToKeeper::Go.encode()).unwrap();
    // Until it is killed.
    let mut rest = Vec::new();
    ours.read_to_end(&mut rest).unwrap();
}

/// An owner with its tree; killed whatever happens, and its tree is the keeper's then.
struct Owner {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    mark: String,
}

impl Owner {
    fn start(number: u32, shared: bool) -> Owner {
        let mark = format!("{}.{number}", std::process::id());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "owners::an_owner", "--ignored", "--nocapture", "--test-threads=1"])
            .env(MARK, &mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if shared {
            command.env(SHARED, "1");
        }
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Owner { process, output, mark: format!("{MARK}={mark}") }
    }

    fn wait_for_fifty(&mut self) {
        let said = self.output.by_ref().lines().map(Result::unwrap);
        assert_eq!(said.filter(|line| line.ends_with("up")).take(50).count(), 50);
    }

    /// From the death of the owner until nothing of its tree has the output open, and until the keeper is gone.
    fn kill(&mut self) -> (Duration, Duration) {
        let start = Instant::now();
        self.process.kill().unwrap();
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        let tree = start.elapsed();
        self.process.wait().unwrap();
        wait_until("nothing of the tree and no keeper lives", || living(&self.mark).is_empty());
        (tree, start.elapsed())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        let start = Instant::now();
        while !living(&self.mark).is_empty() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn two_hundred_owners_are_killed_and_within_a_second_nothing_of_them_lives() {
    let _alone = alone();
    let mut times: Vec<(Duration, Duration)> = (0..200)
        .map(|number| {
            let mut owner = Owner::start(number, false);
            owner.wait_for_fifty();
            owner.kill()
        })
        .collect();
    times.sort();
    let (median, most, last) = (times[100], times[197], times[199]);
    println!("tree and keeper gone after: median {median:?}, p99 {most:?}, longest {last:?}");
    for (tree, _) in times {
        assert!(tree < Duration::from_secs(1), "{tree:?}");
    }
}

#[test]
fn a_copy_of_the_socket_in_another_process_hides_no_death() {
    let _alone = alone();
    let mut owner = Owner::start(1000, true);
    owner.wait_for_fifty();
    let (tree, _) = owner.kill();
    assert!(tree < Duration::from_secs(1), "{tree:?}");
}
