//! Real processes. Each test marks its own by a variable in their environment, so that it can look for
//! survivors whoever their parent is by then, and ends them whatever happens.

use super::tree::Bounds;
use super::*;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A child running a script, and everything that ever descended from it.
struct Tree {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    mark: String,
}

impl Tree {
    fn start(script: &str) -> Tree {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("PLIMSOLL_TEST_TREE={}.{number}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap();
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env(name, value)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Tree { child, output, mark }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits until the script has printed `count` lines.
    fn lines(&mut self, count: usize) -> Vec<String> {
        let lines =
            self.output.by_ref().lines().take(count).map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(lines.len(), count, "the script ended early");
        lines
    }

    /// The numbers of all that live and carry the mark.
    fn living(&self) -> Vec<i32> {
        let mark = format!("{}\0", self.mark);
        let marked = |pid: i32| {
            std::fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|text| memchr::memmem::find(&text, mark.as_bytes()).is_some())
        };
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            // The dead have no environment.
            .filter(|&pid| marked(pid))
            .collect()
    }

    /// Waits for the end of all, which a signal only begins.
    fn assert_nothing_lives(&self) {
        wait_until("nothing of the tree lives", || self.living().is_empty());
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for _ in 0..1000 {
            let living = self.living();
            if living.is_empty() {
                break;
            }
            for pid in living {
                if let Ok((handle, _)) = linux::open_proven(pid) {
                    handle.send(rustix::process::Signal::KILL).ok();
                }
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The limit only ends a test that would otherwise hang.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::yield_now();
    }
}

/// Bounds under which no machine is too slow.
fn patient() -> Bounds {
    Bounds { passes: 100_000, ..Bounds::default() }
}

fn all(signalled: u32) -> KillReport {
    KillReport { signalled, ..KillReport::default() }
}

#[test]
fn what_is_no_single_process_is_refused() {
    let own = i32::try_from(std::process::id()).unwrap();
    let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
    for pid in [0, 1, -1, -own, i32::MIN, own, parent] {
        let error = ProcessHandle::open(pid).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{pid}: {error}");
    }
    assert_eq!(ProcessHandle::open(i32::MAX).unwrap_err().raw_os_error(), Some(libc::ESRCH));
}

#[test]
fn a_thread_is_no_process() {
    let (send, receive) = std::sync::mpsc::channel();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        send.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
        wait.recv().unwrap();
    });
    let error = ProcessHandle::open(receive.recv().unwrap()).unwrap_err();
    done.send(()).unwrap();
    thread.join().unwrap();
    assert!(matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)), "{error}");
}

#[test]
fn a_zombie_is_not_alive_takes_no_signal_and_keeps_its_status_for_its_parent() {
    let mut tree = Tree::start("exit 7");
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    wait_until("the child has ended", || !handle.is_alive());
    assert_eq!(handle.signal(Signal::Kill).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    let gone = KillReport { already_gone: 1, ..KillReport::default() };
    assert_eq!(handle.kill_tree(Signal::Kill), gone);
    assert!(!ProcessHandle::open(tree.pid()).unwrap().is_alive());
    assert_eq!(tree.child.wait().unwrap().code(), Some(7));
    assert_eq!(handle.kill_tree(Signal::Kill), gone);
    assert_eq!(ProcessHandle::open(tree.pid()).unwrap_err().raw_os_error(), Some(libc::ESRCH));
}

#[test]
fn a_signal_reaches_one_process_and_its_parent_collects_the_status() {
    let mut tree = Tree::start("echo; exec sleep 600");
    tree.lines(1);
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    assert!(handle.is_alive());
    assert_eq!(handle.identity().pid, tree.pid());
    handle.signal(Signal::Terminate).unwrap();
    assert_eq!(tree.child.wait().unwrap().signal(), Some(libc::SIGTERM));
    assert!(!handle.is_alive());
}

#[test]
fn a_tree_ends_with_its_root_whatever_session_its_members_are_in() {
    let script = "sleep 600 & setsid sh -c 'sleep 600 & sleep 600 & echo; wait' & \
                  sh -c 'sh -c \"sleep 600 & echo; wait\" & wait' & echo; wait";
    for search in [false, true] {
        let mut tree = Tree::start(script);
        tree.lines(3);
        let handle = ProcessHandle::open(tree.pid()).unwrap();
        let found = handle.descendants();
        // A shell may have forked and not yet become `sleep`: that is a process as well.
        assert_eq!((found.found.len(), found.cut), (7, 0));
        let report = tree::kill(&handle, Signal::Kill, Bounds { search, ..patient() });
        assert_eq!(report, all(8));
        tree.assert_nothing_lives();
        assert_eq!(tree.child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}

#[test]
fn the_bounds_every_caller_gets_end_a_tree() {
    let mut tree = Tree::start("sleep 600 & sleep 600 & echo; wait");
    tree.lines(1);
    let processes: &dyn Processes = &SystemProcesses;
    let handle = processes.open(tree.pid()).unwrap();
    assert!(processes.is_alive(&handle));
    assert_eq!(processes.descendants(&handle).found.len(), 2);
    assert_eq!(processes.kill_tree(&handle, Signal::Kill).signalled, 3);
    tree.assert_nothing_lives();
    assert!(!processes.is_alive(&handle));
}

#[test]
fn a_child_that_ignores_the_polite_signal_stays_and_runs_on_until_it_is_killed() {
    let mut tree = Tree::start(
        "trap 'echo asked' TERM; sh -c 'trap \"\" TERM; echo; sleep 600; :' & \
                                echo; while :; do wait; done",
    );
    tree.lines(2);
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    // The sleeper inherits that SIGTERM is ignored.
    wait_until("the sleeper runs", || handle.descendants().found.len() == 2);
    assert_eq!(tree::kill(&handle, Signal::Terminate, patient()), all(3));
    // The root runs its trap, which it could not if it had been left stopped.
    assert_eq!(tree.lines(1), ["asked"]);
    assert_eq!(handle.descendants().found.len(), 2);
    assert_eq!(tree::kill(&handle, Signal::Kill, patient()), all(3));
    tree.assert_nothing_lives();
}

/// What `vfork` makes of a process whose child takes its time before it calls `exec`.
#[allow(unsafe_code)] // the fence: no safe interface starts a child that shares our memory
fn start_child_in_our_memory() {
    extern "C" fn wait_for_ever(_: *mut libc::c_void) -> libc::c_int {
        loop {
            // SAFETY: only waits.
            unsafe { libc::pause() };
        }
    }
    let mut stack = vec![0_u128; 4096];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack grows down from the aligned end of a buffer that outlives the child, for which this
    // thread waits here; the child calls nothing but `pause`.
    unsafe {
        let end = stack.as_mut_ptr().add(stack.len()).cast();
        libc::clone(wait_for_ever, end, flags, std::ptr::null_mut());
    }
}

#[test]
fn a_parent_that_waits_for_its_vforked_child_counts_as_stopped() {
    const INNER: &str = "PLIMSOLL_TEST_VFORK";
    if std::env::var_os(INNER).is_some() {
        start_child_in_our_memory();
        return;
    }
    let name = std::thread::current().name().unwrap().to_owned();
    let own = std::env::current_exe().unwrap();
    let script = format!("{INNER}=1 exec '{}' --exact {name}", own.display());
    let tree = Tree::start(&script);
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    wait_until("the child is there", || handle.descendants().found.len() == 1);
    let report = tree::kill(&handle, Signal::Kill, Bounds { passes: 5000, ..patient() });
    assert_eq!(report, all(2));
    tree.assert_nothing_lives();
}

#[test]
fn a_stopped_tree_is_ended_by_the_polite_signal_too() {
    let mut tree = Tree::start("sleep 600 & echo; kill -STOP $!; kill -STOP $$; wait");
    tree.lines(1);
    wait_until("the root is stopped", || stat::read(tree.pid()).unwrap().state == b'T');
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    assert_eq!(tree::kill(&handle, Signal::Terminate, patient()), all(2));
    tree.assert_nothing_lives();
}

#[test]
fn nothing_forks_away_from_a_tree_that_forks_without_end() {
    // Each shell starts two more as long as fewer than 200 tickets are taken, then waits.
    let directory = tempfile::tempdir().unwrap();
    let bomb = directory.path().join("bomb.sh");
    let script = "i=0\nwhile [ $i -lt 200 ]; do\n  if mkdir \"$0.$i\" 2>/dev/null; then\n    \
                  setsid sh \"$0\" &\n    echo $i\n  fi\n  i=$((i + 1))\ndone\nwait\n";
    std::fs::write(&bomb, script).unwrap();
    for after in [1, 50, 199] {
        let mut tree = Tree::start(&format!("exec sh '{}'", bomb.display()));
        tree.lines(after);
        let handle = ProcessHandle::open(tree.pid()).unwrap();
        let report = tree::kill(&handle, Signal::Kill, patient());
        assert!(report.signalled >= 2 && report.cut == 0 && report.refused == 0, "{report:?}");
        tree.assert_nothing_lives();
        for entry in std::fs::read_dir(directory.path()).unwrap().flatten() {
            if entry.path() != bomb {
                std::fs::remove_dir(entry.path()).unwrap();
            }
        }
    }
}

#[test]
fn a_tree_larger_than_may_be_held_is_killed_in_rounds() {
    let mut tree = Tree::start(
        "for i in 1 2 3 4 5; do sh -c 'for j in 1 2 3 4 5; do sleep 600 & done; echo; wait' & done; wait",
    );
    tree.lines(5);
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    let small = Bounds { processes: 6, ..patient() };
    let seen = {
        let mut tree = tree::Tree::new(&handle, small);
        tree.look();
        tree.into_descendants()
    };
    assert_eq!(seen.found.len(), 6);
    assert!(seen.cut > 0);
    assert_eq!(tree::kill(&handle, Signal::Kill, small), all(31));
    tree.assert_nothing_lives();
}

#[test]
fn what_a_bound_leaves_behind_is_counted() {
    let mut tree = Tree::start("for i in 1 2 3 4 5; do sleep 600 & done; echo; wait");
    tree.lines(1);
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    let small = Bounds { processes: 2, passes: 100_000, rounds: 1, search: false };
    let report = tree::kill(&handle, Signal::Kill, small);
    assert_eq!((report.signalled, report.cut), (3, 3));
}

/// Runs itself again with few file descriptors, which are the process's own affair.
#[test]
fn a_tree_is_killed_by_a_process_that_has_hardly_a_file_descriptor_left() {
    const INNER: &str = "PLIMSOLL_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(INNER).is_none() {
        let name = std::thread::current().name().unwrap().to_owned();
        let status = Command::new("sh")
            .args(["-c", "ulimit -n 24; exec \"$0\" --exact \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(INNER, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(status.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let mut tree = Tree::start("for i in $(seq 60); do sleep 600 & done; echo; wait");
    tree.lines(1);
    let handle = ProcessHandle::open(tree.pid()).unwrap();
    let report = tree::kill(&handle, Signal::Kill, patient());
    assert_eq!(report, all(61));
    tree.assert_nothing_lives();
}
