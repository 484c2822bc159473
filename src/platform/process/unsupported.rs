//! Where processes cannot be held: every opening says so.

use super::{Descendants, KillReport, ProcessHandle, ProcessIdentity, Reached, Signal};
use std::io;
use std::time::Duration;

/// Never made: opening fails.
pub(super) enum Handle {}

impl Handle {
    pub(super) fn is_alive(&self, _: ProcessIdentity) -> bool {
        match *self {}
    }

    pub(super) fn wait(&self, _: ProcessIdentity, _: Duration) -> bool {
        match *self {}
    }

    pub(super) fn signal(&self, _: ProcessIdentity, _: Signal) -> io::Result<()> {
        match *self {}
    }
}

pub(super) fn open(_: i32) -> io::Result<(ProcessIdentity, Handle)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no way to hold a process"))
}

pub(super) fn kill_tree(process: &ProcessHandle, _: Signal) -> KillReport {
    match process.system {}
}

pub(super) fn descendants(process: &ProcessHandle) -> Descendants {
    match process.system {}
}

pub(super) fn signal_descendants(_: i32) -> io::Result<Reached> {
    Err(io::ErrorKind::Unsupported.into())
}
