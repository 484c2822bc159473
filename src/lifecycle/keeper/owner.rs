//! The owner: who started this keeper, and whether it lives.

use rustix::process::{Pid, getppid};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long the death of an owner whose socket has ended is waited for, and then how long its ledger's lock.
pub(super) const MOST_WAIT: Duration = Duration::from_secs(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// The process that started this one.
pub(super) struct Owner {
    parent: Option<Pid>,
    pidfd: Option<OwnedFd>,
}

impl Owner {
    /// Takes hold of the parent.
    pub(super) fn watched() -> Owner {
        let parent = getppid();
        #[cfg(target_os = "linux")]
        let pidfd = parent.and_then(|parent| {
            let pidfd = rustix::process::pidfd_open(parent, rustix::process::PidfdFlags::empty());
            // Still the parent: its number was its own all the time.
            pidfd.ok().filter(|_| getppid() == Some(parent))
        });
        #[cfg(not(target_os = "linux"))]
        let pidfd = None;
        Owner { parent, pidfd }
    }

    /// Readable once it is dead; `None` where only the socket tells.
    pub(super) fn pidfd(&self) -> Option<&OwnedFd> {
        self.pidfd.as_ref()
    }

    /// A process whose parent dies gets another one.
    fn is_dead(&self) -> bool {
        getppid() != self.parent
    }
}

/// What is left to do for an owner whose socket has ended.
pub(super) struct After {
    owner: Owner,
    ledger: PathBuf,
}

impl After {
    pub(super) fn new(owner: Owner, ledger: Vec<u8>) -> After {
        After { owner, ledger: PathBuf::from(OsString::from_vec(ledger)) }
    }

    /// Has the ledger swept if the owner is dead: the files of a dying process are closed a little before it is
    /// gone. One that lives has merely closed the socket, and its ledger is its own.
    pub(super) fn sweep(self, most_wait: Duration, mut sweep: impl FnMut(&Path) -> bool) {
        if !self.ledger.as_os_str().is_empty() && within(most_wait, || self.owner.is_dead()) {
            within(most_wait, || sweep(&self.ledger));
        }
    }
}

/// Whether it holds before the time is over.
fn within(most: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + most;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody's child is the child of process 0: that owner is dead.
    fn dead() -> Owner {
        Owner { parent: None, pidfd: None }
    }

    fn after(owner: Owner, ledger: &str) -> After {
        After::new(owner, ledger.as_bytes().to_vec())
    }

    #[test]
    fn the_ledger_of_a_dead_owner_is_tried_until_its_lock_is_free() {
        let mut tried = Vec::new();
        after(dead(), "/state/1.ledger").sweep(MOST_WAIT, |ledger| {
            tried.push(ledger.to_owned());
            tried.len() == 3
        });
        assert_eq!(tried, vec![PathBuf::from("/state/1.ledger"); 3]);
    }

    #[test]
    fn a_lock_that_is_never_free_is_given_up() {
        let mut tried = 0;
        after(dead(), "/state/1.ledger").sweep(Duration::ZERO, |_| {
            tried += 1;
            false
        });
        assert_eq!(tried, 1);
    }

    #[test]
    fn the_ledger_of_a_living_owner_is_its_own_and_where_there_is_none_nothing_is_swept() {
        let owner = Owner::watched();
        assert_eq!(owner.pidfd().is_some(), cfg!(target_os = "linux"));
        after(owner, "/state/1.ledger").sweep(Duration::ZERO, |_| panic!("a living owner's"));
        after(dead(), "").sweep(Duration::ZERO, |_| panic!("there is none"));
    }
}
