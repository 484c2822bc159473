use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why an archive was not compressed, checked or deleted. What was there before is still there.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Not the name of a plain archive of this log.
    #[error("{} is not a plain archive of this log", .0.display())]
    NotAnArchive(PathBuf),
    /// The archive grew while it was read: somebody who knows nothing of us still writes to it.
    #[error("{} is still being written to; stop whatever appends to it", .0.display())]
    Changed(PathBuf),
    /// A plain archive and a compressed one of the same time hold different lines.
    #[error("{} and {} differ: both are kept. Move one away after a look", plain.display(), compressed.display())]
    Conflict {
        /// The plain one.
        plain: PathBuf,
        /// The compressed one.
        compressed: PathBuf,
    },
    /// The compressor was told to stop.
    #[error("stopped before it was done")]
    Stopped,
}

impl ArchiveError {
    /// For `map_err`: the system's refusal of `action` on `path`.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> ArchiveError {
        move |source| ArchiveError::Io { action, path: path.into(), source }
    }

    /// Whether the disk is full, so that trying the next archive is of no use.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, ArchiveError::Io { source, .. } if full.contains(&source.kind()))
    }
}
