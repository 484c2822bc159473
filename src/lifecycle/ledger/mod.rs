//! The ledger: what this owner holds, on disk, so that somebody else can let go of it.
//!
//! One file an owner (a process with this addon), in `ledger/` of the state directory of its user:
//! `$PLIMSOLL_STATE_DIR`, else `$XDG_STATE_HOME/plimsoll`, else `~/.local/state/plimsoll`. The file is named
//! `<pid>-<16 hexadecimal digits>.ledger` and locked (`flock`) by its owner as long as that lives: who gets the
//! lock knows the owner is dead.
//!
//! ```text
//! slot 0:   magic "PLIMLED1", boot id, PID namespace, owner's pid and start time
//! slot n:   state u8 (0 free, 1 process, 2 file, 3 directory), CRC-32 u32, length u16, payload
//!           process: pid i32, start u64, command     file, directory: the bytes of its absolute path
//! ```
//!
//! Slots have [`SLOT`] bytes, numbers are little endian. The checksum of a record is that of its state, length and
//! payload; the header has one too, behind the magic. A record is written whole before its thing is used, and
//! struck out after the thing is gone by zeros over its state and checksum (over the checksum too, so that the first
//! byte of a later, torn record does not bring it back). Half-written records have a wrong checksum: their thing was
//! never used. Records survive the death of the process by any signal (they are in the page cache); after a loss
//! of power the processes are gone anyway, and a temporary file written in the last seconds may stay.
//!
//! # The sweep
//!
//! The ledger of a dead owner is taken by its lock, every process in it that still is the same one (same boot,
//! same PID namespace, same start time, held by pidfd) is killed with its tree, every file and directory in it is
//! removed if it is the user's own, and then the ledger itself goes. What cannot be removed stays in it and is
//! told. Sweeping is idempotent and may itself be interrupted at any point.

mod owner;
pub mod place;
pub mod removal;
mod slots;
pub mod state_directory;
pub mod sweep;
#[cfg(test)]
#[cfg(target_os = "linux")]
pub(crate) mod tests;

pub use owner::{Ledger, LedgerStats};

use crate::platform::process::ProcessIdentity;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::Path;

/// Bytes of a slot.
pub const SLOT: usize = 4096;
/// Most records of one owner at once. One more is refused.
pub const MOST_RECORDS: usize = 65_536;

/// One record of the ledger, to be struck out when its thing is gone.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
pub struct Record(pub u32);

/// What kind of path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A directory with everything below it.
    Directory,
}

/// Why something was not recorded; it must not be used then, unless there is no ledger at all.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The state directory cannot be used. Work goes on without a ledger; it is told and counted.
    #[error(
        "there is no ledger: {path}: {cause}; set PLIMSOLL_STATE_DIR to a directory that can be written"
    )]
    Unavailable {
        /// What was tried.
        path: String,
        /// The system's reason.
        cause: io::Error,
    },
    /// A record could not be written.
    #[error("the ledger {path} cannot be written: {cause}; make room on its disk")]
    Write {
        /// The ledger.
        path: String,
        /// The system's reason.
        cause: io::Error,
    },
    /// Too many records, or one that is too long.
    #[error("the ledger is full: {MOST_RECORDS} processes and temporary files are held already")]
    Full,
    /// A path is longer than a slot, or not absolute.
    #[error("the path is too long for the ledger, or not absolute")]
    BadPath,
}

impl LedgerError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            LedgerError::Unavailable { .. } => "ERR_PLIMSOLL_OPEN",
            LedgerError::Write { .. } => "ERR_PLIMSOLL_WRITE",
            LedgerError::Full => "ERR_PLIMSOLL_OVERFLOW",
            LedgerError::BadPath => "ERR_PLIMSOLL_ARGUMENT",
        }
    }
}

/// Where things are recorded before they are used.
pub trait Journal: Send + Sync {
    /// Records a process; its command is for people, and cut.
    ///
    /// # Errors
    ///
    /// See [`LedgerError`].
    fn record_process(
        &self,
        process: ProcessIdentity,
        command: &[u8],
    ) -> Result<Record, LedgerError>;
    /// Records an absolute path that is about to be created.
    ///
    /// # Errors
    ///
    /// See [`LedgerError`].
    fn record_path(&self, path: &Path, kind: PathKind) -> Result<Record, LedgerError>;
    /// Strikes a record out: its thing is gone, or is somebody else's now.
    fn strike(&self, record: Record);
    /// The file of the ledger, for keepers to sweep; it is begun if it was not yet. `None` when there is none.
    fn path(&self) -> Option<std::path::PathBuf>;
}

/// A number nobody can guess: a hash with keys from the randomness of the system, different ones each time.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
