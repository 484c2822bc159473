//! What can go wrong with temporary files.

use super::{MOST_FILES, MOST_PREFIX, TRIES};
use crate::lifecycle::ledger::LedgerError;
use std::io;

/// Why a temporary file was not created, registered or removed.
#[derive(Debug, thiserror::Error)]
pub enum TempFileError {
    /// The prefix cannot be part of a file name.
    #[error("the prefix must have at most {MOST_PREFIX} bytes, without '/', '\\', '..' and NUL")]
    Prefix,
    /// A path must not depend on the working directory, which may change.
    #[error("the path {0} is not absolute")]
    Relative(String),
    /// As many are registered as may be.
    #[error("{MOST_FILES} temporary files are held already; delete some")]
    Full,
    /// It could not be recorded, so it was not created.
    #[error("a temporary file was not created: {0}")]
    Ledger(#[from] LedgerError),
    /// The system refused.
    #[error("{path} could not be created: {cause}")]
    Create {
        /// Its path.
        path: String,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// Whatever random name was tried, it was there already.
    #[error("no free name was found in {0} after {TRIES} tries")]
    Names(String),
    /// Its scope, or the process, ended while it was being created; it was removed again.
    #[error("the temporary file {0} was removed again: its scope ended meanwhile")]
    Ended(String),
    /// It is still there, and stays registered.
    #[error("{path} could not be removed: {cause}")]
    Remove {
        /// Its path.
        path: String,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
}

impl TempFileError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TempFileError::Prefix | TempFileError::Relative(_) => "ERR_PLIMSOLL_ARGUMENT",
            TempFileError::Full => "ERR_PLIMSOLL_OVERFLOW",
            TempFileError::Ledger(error) => error.code(),
            TempFileError::Create { .. } | TempFileError::Names(_) => "ERR_PLIMSOLL_OPEN",
            TempFileError::Ended(_) => "ERR_PLIMSOLL_CLOSED",
            TempFileError::Remove { .. } => "ERR_PLIMSOLL_WRITE",
        }
    }
}
