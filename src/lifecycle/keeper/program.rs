//! The program: takes what it was started with, serves one command, and goes.
//!
//! Started by hand it says what it is and ends with 64 (`EX_USAGE`, `sysexits.h`). Everything else is told
//! through the socket; its own exit code is 0 then, and 70 (`EX_SOFTWARE`) after a fault of its own, when it
//! has killed everything below it first.

use std::io::Write;
use std::process::ExitCode;

/// Serves the command this process was started for.
#[must_use]
pub fn run() -> ExitCode {
    #[cfg(unix)]
    if let Some([control, order]) = crate::platform::fork::take_inherited() {
        return served(control, order);
    }
    let what =
        "plimsoll-keeper is started by Plimsoll to look after one command; see docs/lifecycle.md\n";
    // Nobody may be there to read it.
    std::io::stderr().write_all(what.as_bytes()).ok();
    ExitCode::from(64)
}

#[cfg(unix)]
fn served(control: std::os::fd::OwnedFd, order: std::os::fd::OwnedFd) -> ExitCode {
    let session = std::panic::AssertUnwindSafe(|| super::session::serve(control, order));
    match std::panic::catch_unwind(session) {
        Ok(Some(after)) => {
            after.sweep(super::owner::MOST_WAIT, sweep_after_owner);
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(_) => {
            super::session::kill_everything();
            ExitCode::from(70)
        }
    }
}

/// Finishes what the ledger of a dead owner still names. Returns whether it is dealt with: false when somebody
/// still holds its lock, which may be let go of slightly later than the socket, so that it is tried again for
/// [`owner::MOST_WAIT`](super::owner::MOST_WAIT).
///
/// The one place where a keeper meets the sweep of [`ledger`](crate::lifecycle::ledger).
#[cfg(unix)]
fn sweep_after_owner(ledger: &std::path::Path) -> bool {
    use crate::lifecycle::ledger::sweep::sweep_one;
    use crate::platform::{filesystem::RealFileSystem, process::SystemProcesses};
    // The caller waits.
    sweep_one(&RealFileSystem, &SystemProcesses, ledger, std::time::Duration::ZERO).living == 0
}
