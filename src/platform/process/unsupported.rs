//! Where processes cannot be held: every opening says so.

use super::{Descendants, KillReport, ProcessHandle, ProcessIdentity, Signal};
use std::io;

/// Never made: opening fails.
pub(super) enum Handle {}

impl Handle {
    pub(super) fn is_alive(&self, _: ProcessIdentity) -> bool {
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
