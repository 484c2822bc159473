//! Linux: pidfds.

use super::tree::{Bounds, Tree};
use super::{
    Descendants, KillReport, ProcessHandle, ProcessIdentity, Signal, native, refuse, stat,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{self, Pid, PidfdFlags};
use std::io;
use std::os::fd::OwnedFd;

/// A pidfd.
pub(super) struct Handle(pub(super) OwnedFd);

impl Handle {
    pub(super) fn is_alive(&self, _: ProcessIdentity) -> bool {
        // A pidfd becomes readable when the last thread of its process has ended (pidfd_open(2)).
        let mut waited = [PollFd::new(&self.0, PollFlags::IN)];
        loop {
            match poll(&mut waited, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(ready) => return ready == 0,
                Err(Errno::INTR) => {}
                Err(_) => return false,
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
