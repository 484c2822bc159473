//! Starting keepers.

use crate::platform::anonymous_file::anonymous_file;
use crate::platform::spawn::spawn;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// A keeper that was started.
#[derive(Debug)]
pub struct Launched {
    /// The owner's end of the control socket.
    pub control: OwnedFd,
    /// The number of the keeper, a child of this process until [`Keepers::collect`] says it is gone.
    pub keeper: i32,
}

/// What starts keepers and collects them, so that the host can be tested without any.
pub trait Keepers: Send + Sync {
    /// Starts one for an encoded order, with standard input, output and error of the command.
    ///
    /// # Errors
    ///
    /// What `posix_spawn(3)`, `socketpair(2)` and `memfd_create(2)` say.
    fn launch(&self, order: &[u8], standard: [BorrowedFd<'_>; 3]) -> io::Result<Launched>;
    /// Collects the exit status of one, without waiting. Returns whether it is gone.
    fn collect(&self, keeper: i32) -> bool;
    /// Kills one that [`Keepers::collect`] has just said is not gone: its number is still its own.
    fn kill(&self, keeper: i32);
}

/// Keepers that are processes.
#[derive(Debug)]
pub struct SystemKeepers {
    program: PathBuf,
}

impl SystemKeepers {
    /// Keepers of this program.
    #[must_use]
    pub fn new(program: PathBuf) -> SystemKeepers {
        SystemKeepers { program }
    }
}

impl Keepers for SystemKeepers {
    fn launch(
        &self,
        order: &[u8],
        [input, output, error]: [BorrowedFd<'_>; 3],
    ) -> io::Result<Launched> {
        let program = CString::new(self.program.as_os_str().as_bytes())?;
        let (ours, theirs) = UnixStream::pair()?;
        let order = anonymous_file(order)?;
        // It needs nothing of the environment: that of the command is in the order.
        let descriptors = [input, output, error, theirs.as_fd(), order.as_fd()];
        let keeper = spawn(&program, &[], &[], &descriptors)?;
        Ok(Launched { control: ours.into(), keeper })
    }

    fn collect(&self, keeper: i32) -> bool {
        let Some(keeper) = Pid::from_raw(keeper) else { return true };
        loop {
            match waitpid(Some(keeper), WaitOptions::NOHANG) {
                Ok(None) => return false,
                Ok(Some(_)) => return true,
                Err(Errno::INTR) => {}
                // No child of ours: where SIGCHLD is ignored the system collects them all.
                Err(_) => return true,
            }
        }
    }

    fn kill(&self, keeper: i32) {
        if let Some(keeper) = Pid::from_raw(keeper) {
            // One that has ended since takes it without a word.
            kill_process(keeper, Signal::KILL).ok();
        }
    }
}

/// Whether starting it again a little later may succeed.
pub(super) fn is_passing(error: &io::Error) -> bool {
    let passing = [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| passing.contains(&errno))
}
