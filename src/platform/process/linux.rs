//! Linux: pidfds.

use super::tree::{Bounds, Tree};
use super::{
    Descendants, KillReport, ProcessHandle, ProcessIdentity, Reached, Signal, native, refuse, stat,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{self, Pid, PidfdFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// A pidfd.
pub(super) struct Handle(pub(super) OwnedFd);

impl Handle {
    pub(super) fn is_alive(&self, identity: ProcessIdentity) -> bool {
        !self.wait(identity, Duration::ZERO)
    }

    pub(super) fn wait(&self, _: ProcessIdentity, longest: Duration) -> bool {
        let start = Instant::now();
        // A pidfd becomes readable when the last thread of its process has ended (pidfd_open(2)).
        let mut waited = [PollFd::new(&self.0, PollFlags::IN)];
        loop {
            let left = longest.saturating_sub(start.elapsed());
            match poll(&mut waited, Timespec::try_from(left).ok().as_ref()) {
                Ok(ready) => return ready != 0,
                Err(Errno::INTR) => {}
                Err(_) => return true,
            }
        }
    }

    pub(super) fn signal(&self, identity: ProcessIdentity, signal: Signal) -> io::Result<()> {
        // A zombie takes signals without a word.
        if !self.is_alive(identity) {
            return Err(Errno::SRCH.into());
        }
        Ok(self.send(native(signal))?)
    }

    pub(super) fn send(&self, signal: process::Signal) -> rustix::io::Result<()> {
        process::pidfd_send_signal(&self.0, signal)
    }
}

pub(super) fn open(pid: i32) -> io::Result<(ProcessIdentity, Handle)> {
    let (handle, stat) = open_proven(pid)?;
    if is_ancestor(pid) {
        return Err(refuse(pid, "is an ancestor of this process"));
    }
    Ok((ProcessIdentity { pid, start: stat.start }, handle))
}

/// A pidfd and what `/proc` says of the very process it holds: while the start time of a number stays the
/// same the number belongs to the same process, and the pidfd was taken in between.
pub(super) fn open_proven(pid: i32) -> io::Result<(Handle, stat::Stat)> {
    let before = stat::read(pid);
    let number = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
    let handle = match process::pidfd_open(number, PidfdFlags::empty()) {
        Ok(descriptor) => Handle(descriptor),
        Err(Errno::NOSYS) => {
            let message = "this kernel cannot hold processes: Linux 5.3 or newer is needed";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        Err(error) => return Err(error.into()),
    };
    let (Ok(before), Ok(after)) = (before, stat::read(pid)) else {
        if !handle.is_alive(ProcessIdentity { pid, start: 0 }) {
            return Err(Errno::SRCH.into());
        }
        let message = format!("/proc does not show process {pid}: is it mounted with hidepid?");
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    };
    if before.start != after.start {
        return Err(Errno::SRCH.into());
    }
    Ok((handle, after))
}

/// Whether this process descends from `pid`: its tree would be ours.
fn is_ancestor(pid: i32) -> bool {
    let mut current = process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    // Deeper than any real chain; each step reads one file.
    for _ in 0..1024 {
        if current == pid {
            return true;
        }
        if current <= 1 {
            return false;
        }
        current = stat::read(current).map_or(0, |stat| stat.parent);
    }
    false
}

pub(super) fn kill_tree(process: &ProcessHandle, signal: Signal) -> KillReport {
    super::tree::kill(process, signal, Bounds::default())
}

pub(super) fn descendants(process: &ProcessHandle) -> Descendants {
    let mut tree = Tree::new(process, Bounds::default());
    tree.look();
    tree.into_descendants()
}

/// For a tree that may be anything: a bomb of forks, too.
const MOST_BELOW: usize = 32_768;

pub(super) fn signal_descendants(signal: i32) -> io::Result<Reached> {
    let signal = numbered(signal).ok_or(Errno::INVAL)?;
    let pid = process::getpid().as_raw_nonzero().get();
    let (system, stat) = open_proven(pid)?;
    let root = ProcessHandle { identity: ProcessIdentity { pid, start: stat.start }, system };
    let bounds = Bounds { processes: MOST_BELOW, ..Bounds::default() };
    Ok(super::tree::signal_below(&root, signal, bounds))
}

#[allow(unsafe_code)] // the fence: real-time signals, which have numbers and no names
fn numbered(signal: i32) -> Option<process::Signal> {
    let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
    process::Signal::from_named_raw(signal).or_else(|| {
        // SAFETY: a valid number, and none that the C library keeps for itself: it begins where those end.
        real_time.contains(&signal).then(|| unsafe { process::Signal::from_raw_unchecked(signal) })
    })
}
