//! Why lanes cannot be shared.

use crate::platform::system_error::system_name;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// The segment cannot be opened, locked or given its space.
pub const OPEN: &str = "ERR_PLIMSOLL_OPEN";
/// The file is not a segment, or one of a version this build does not know.
pub const UNSUPPORTED_SEGMENT: &str = "ERR_PLIMSOLL_UNSUPPORTED_SEGMENT";
/// The segment has no room for another process or lane.
pub const SEGMENT_FULL: &str = "ERR_PLIMSOLL_SEGMENT_FULL";
/// What was asked for makes no sense.
pub const ARGUMENT: &str = "ERR_PLIMSOLL_ARGUMENT";

/// Why a process could not attach to a segment, or change its lanes.
#[derive(Debug, Error)]
pub enum SharedError {
    /// The system refused (`ERR_PLIMSOLL_OPEN`).
    #[error("{action} {}: {source}; {}", path.display(), advice(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process is changing the segment and does not come to an end (`ERR_PLIMSOLL_OPEN`).
    #[error("{} is held by another process that does not go on; look for a stopped process that shares these lanes", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// The file belongs to somebody else (`ERR_PLIMSOLL_OPEN`).
    #[error("{} belongs to the user {owner}, and who owns it could end this process by cutting it; share lanes between processes of one user, in a directory of theirs", path.display())]
    Owner {
        /// Which file.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
    },
    /// The file is no segment (`ERR_PLIMSOLL_UNSUPPORTED_SEGMENT`). It is left as it is.
    #[error("{} is not a segment of shared lanes, and was left as it is; give `shared` a file of its own", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The segment is of another version (`ERR_PLIMSOLL_UNSUPPORTED_SEGMENT`). It is left as it is.
    #[error("{} is a segment of version {version}, and this build knows version {}; let all processes use one release, or give this one another file", path.display(), super::VERSION)]
    Version {
        /// Which file.
        path: PathBuf,
        /// The version it states.
        version: u32,
    },
    /// As many processes are attached as a segment has rows (`ERR_PLIMSOLL_SEGMENT_FULL`).
    #[error("{} processes share {} already; give the others a second file", super::MAX_PROCESSES, path.display())]
    TooManyProcesses {
        /// Which file.
        path: PathBuf,
    },
    /// More lanes than a segment keeps (`ERR_PLIMSOLL_SEGMENT_FULL`).
    #[error("{} has {} lanes already; share fewer, or end all its processes: the next one begins with its own lanes alone", path.display(), super::MAX_LANES)]
    TooManyLanes {
        /// Which file.
        path: PathBuf,
    },
    /// A lane without a name, or with too long a one (`ERR_PLIMSOLL_ARGUMENT`).
    #[error(
        "the name of a shared lane has 1 to {} bytes, this one {length}: {name:?}",
        super::MAX_NAME
    )]
    Name {
        /// The name, cut to its first 64 characters.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
    /// The segment was cut, removed or made anew under us, and could not be taken up again yet
    /// (`ERR_PLIMSOLL_OPEN`).
    #[error("{} was {what} while it was in use; it is taken up again at the next sweep: try again", path.display())]
    Lost {
        /// Which file.
        path: PathBuf,
        /// What happened to it.
        what: super::Loss,
    },
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::Unsupported => {
            "lanes are shared through byte locks, which Linux and macOS have on local file systems"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room, or give `shared` a file on another file system, /dev/shm for one"
        }
        _ => "give `shared` a path on a local file system that this user may write to",
    }
}

impl SharedError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SharedError::Io { .. }
            | SharedError::Busy { .. }
            | SharedError::Owner { .. }
            | SharedError::Lost { .. } => OPEN,
            SharedError::Foreign { .. } | SharedError::Version { .. } => UNSUPPORTED_SEGMENT,
            SharedError::TooManyProcesses { .. } | SharedError::TooManyLanes { .. } => SEGMENT_FULL,
            SharedError::Name { .. } => ARGUMENT,
        }
    }

    /// The system's own name for the cause (`ENOSPC`), where the system refused.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            SharedError::Io { source, .. } => Some(system_name(source)),
            _ => None,
        }
    }
}
