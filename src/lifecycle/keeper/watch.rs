//! A keeper without a command: it waits for the end of its owner and has the ledger swept then.
//!
//! One is started for an owner that tracks processes which it started itself: they have no keeper of their own, and
//! would otherwise live until the next sweep.

use super::owner::{After, Owner};
use crate::platform::fork;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::Read;
use std::os::unix::net::UnixStream;

/// Waits until the owner is gone.
pub(super) fn wait(mut control: UnixStream, owner: Owner, ledger: Vec<u8>) -> After {
    // Held for the signals it catches: only SIGKILL ends a keeper.
    let _wakeups = fork::catch_children().ok();
    fork::leave_standard_streams().ok();
    rustix::process::chdir("/").ok();
    while !is_over(&mut control, &owner) {}
    After::new(owner, ledger)
}

/// Waits for something to happen; whether it is the end of the owner.
fn is_over(control: &mut UnixStream, owner: &Owner) -> bool {
    let mut descriptors = vec![PollFd::new(&*control, PollFlags::IN)];
    descriptors.extend(owner.pidfd().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
    if poll(&mut descriptors, None).is_err() {
        return false;
    }
    let [socket, pidfd] =
        [0, 1].map(|at| descriptors.get(at).is_some_and(|it| !it.revents().is_empty()));
    drop(descriptors);
    // There is nothing the owner could say but its end.
    pidfd || (socket && !matches!(control.read(&mut [0; 64]), Ok(1..)))
}
