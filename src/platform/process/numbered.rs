//! Unix without pidfds: a process is its number, with the weaker guarantee the parent module states.

use super::{Descendants, KillReport, ProcessHandle, ProcessIdentity, Reached, Signal, native};
use rustix::io::Errno;
use rustix::process::{self, Pid};
use std::io;
use std::time::{Duration, Instant};

/// Between two looks at a process that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Nothing to hold.
pub(super) struct Handle;

impl Handle {
    pub(super) fn is_alive(&self, identity: ProcessIdentity) -> bool {
        // EPERM: it is there, and another user's.
        number(identity)
            .is_ok_and(|pid| !matches!(process::test_kill_process(pid), Err(Errno::SRCH)))
    }

    pub(super) fn wait(&self, identity: ProcessIdentity, longest: Duration) -> bool {
        let start = Instant::now();
        // Nothing tells of the end of another's child here.
        while self.is_alive(identity) {
            let left = longest.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
        true
    }

    pub(super) fn signal(&self, identity: ProcessIdentity, signal: Signal) -> io::Result<()> {
        Ok(process::kill_process(number(identity)?, native(signal))?)
    }
}

pub(super) fn open(pid: i32) -> io::Result<(ProcessIdentity, Handle)> {
    let identity = ProcessIdentity { pid, start: 0 };
    if process::getppid().is_some_and(|parent| parent.as_raw_nonzero().get() == pid) {
        return Err(super::refuse(pid, "is the parent of this process"));
    }
    if Handle.is_alive(identity) {
        return Ok((identity, Handle));
    }
    Err(Errno::SRCH.into())
}

pub(super) fn kill_tree(process: &ProcessHandle, signal: Signal) -> KillReport {
    end(process.identity, signal)
}

pub(super) fn descendants(_: &ProcessHandle) -> Descendants {
    Descendants::default()
}

pub(super) fn signal_descendants(_: i32) -> io::Result<Reached> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The group goes with its leader, unless that group is our own.
fn end(identity: ProcessIdentity, signal: Signal) -> KillReport {
    let mut report = KillReport::default();
    let sent = number(identity).map_err(|_| Errno::SRCH).and_then(|pid| {
        let own = process::getpgrp();
        if process::getpgid(Some(pid)).is_ok_and(|group| group == pid && group != own) {
            process::kill_process_group(pid, native(signal))
        } else {
            process::kill_process(pid, native(signal))
        }
    });
    match sent {
        Ok(()) => report.signalled = 1,
        Err(Errno::SRCH) => report.already_gone = 1,
        Err(_) => report.refused = 1,
    }
    report
}

fn number(identity: ProcessIdentity) -> io::Result<Pid> {
    Pid::from_raw(identity.pid).ok_or_else(|| Errno::SRCH.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, Stdio};

    #[test]
    fn a_group_goes_with_its_leader_and_its_number_is_gone_once_it_is_reaped() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        let (identity, handle) = open(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(handle.is_alive(identity) && !handle.wait(identity, Duration::from_millis(1)));
        assert_eq!(
            end(identity, Signal::Terminate),
            KillReport { signalled: 1, ..KillReport::default() }
        );
        assert_eq!(child.wait().unwrap().signal(), Some(15));
        // The pipe closes when the sleeper, which inherited it, has ended too.
        std::io::Read::read_to_string(&mut output, &mut line).unwrap();
        assert!(!handle.is_alive(identity));
        assert_eq!(
            end(identity, Signal::Kill),
            KillReport { already_gone: 1, ..KillReport::default() }
        );
        assert_eq!(
            handle.signal(identity, Signal::Kill).unwrap_err().raw_os_error(),
            Some(libc::ESRCH)
        );
    }
}
