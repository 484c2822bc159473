//! What is told of a failure: a stable code, what happened, and what to do.

use super::location::LocationError;
use super::log_file::LogError;
use super::ring::RingError;
use crate::platform::system_error::system_name;

/// A failure on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `ERR_PLIMSOLL_…`.
    pub code: &'static str,
    /// What happened and what to do.
    pub message: String,
    /// The system's own name for it (`ENOSPC`), where the system refused.
    pub cause: Option<String>,
}

/// The log cannot be appended to.
pub const WRITE: &str = "ERR_PLIMSOLL_WRITE";
/// The log, its directory or its ring cannot be opened.
pub const OPEN: &str = "ERR_PLIMSOLL_OPEN";
/// A ring of another version, or something else under a ring's name.
pub const UNSUPPORTED_RING: &str = "ERR_PLIMSOLL_UNSUPPORTED_RING";
/// The handle is closed.
pub const CLOSED: &str = "ERR_PLIMSOLL_CLOSED";
/// A thread of ours failed and was carried on.
pub const INTERNAL: &str = "ERR_PLIMSOLL_INTERNAL";

impl Failure {
    /// A failure to open.
    #[must_use]
    pub fn of_location(error: &LocationError) -> Failure {
        let cause = match error {
            LocationError::Io { source, .. } => Some(system_name(source)),
            _ => None,
        };
        Failure { code: OPEN, message: error.to_string(), cause }
    }

    /// A failure of a ring.
    #[must_use]
    pub fn of_ring(error: &RingError) -> Failure {
        let (code, cause) = match error {
            RingError::Io { source, .. } => (OPEN, Some(system_name(source))),
            RingError::Version { .. } | RingError::Foreign { .. } => (UNSUPPORTED_RING, None),
        };
        Failure { code, message: error.to_string(), cause }
    }

    /// A failure to write; `waiting` entries stay in the ring.
    #[must_use]
    pub fn of_log(error: &LogError, waiting: u64) -> Failure {
        let cause = match error {
            LogError::Io { source, .. } | LogError::Ring(RingError::Io { source, .. }) => {
                Some(system_name(source))
            }
            LogError::Busy => Some("EAGAIN".to_owned()),
            LogError::ForeignLock(_) | LogError::Ring(_) => None,
        };
        let advice = match error {
            LogError::Busy => "look for a stopped process that has the log open",
            LogError::ForeignLock(_) => "it stands where the log's lock has to be",
            LogError::Ring(_) | LogError::Io { .. } => "make room or restore the directory",
        };
        // Without a number nothing is promised: a handle that opens has no ring yet.
        let safe = match waiting {
            0 => String::new(),
            _ => format!(". {waiting} entries are safe in the ring, and writing is tried again"),
        };
        let message = format!("{error}{safe}; {advice}");
        Failure { code: WRITE, message, cause }
    }
}
