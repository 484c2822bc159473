//! Compacting: JSONL that is there already goes through the sanitiser.
//!
//! Streaming, in constant memory (one line of up to 64 MiB, the seen-sets, 4 MiB of counts). Input is
//! plain, gzip or zstd, told by its first bytes; output is compressed the same way. The new file is
//! complete or absent: it is written under a temporary name, synced, then renamed.
//!
//! In place, the file is replaced under the log's lock, and only when nobody uses the log: a living ring,
//! one that waits for recovery, or a file that changed while it was read is an error, and nothing changed.

mod file;
mod rewrite;
mod stream;
#[cfg(test)]
mod tests;

pub use file::compact_file;
pub use rewrite::{Rewriter, Rewritten};
pub use stream::compact_stream;

use super::sanitize::Redaction;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use thiserror::Error;

/// Why a file was not compacted. It is as it was.
#[derive(Debug, Error)]
pub enum CompactError {
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
    /// Not a regular file.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// The output is there already.
    #[error("{} exists; remove it, or use --force", .0.display())]
    Exists(PathBuf),
    /// Somebody uses the log.
    #[error("{} is in use: {reason}. Compact it after that, or without --in-place", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// By whom.
        reason: &'static str,
    },
    /// The input could not be read to its end, so it may not be replaced.
    #[error("{} is damaged ({reason}); it is left as it is. Without --in-place what can be read is kept", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// It was told to stop.
    #[error("stopped; nothing was changed")]
    Stopped,
}

impl CompactError {
    fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> CompactError {
        move |source| CompactError::Io { action, path: path.into(), source }
    }
}

/// How to compact.
#[derive(Debug, Clone)]
pub struct CompactSettings {
    /// Error texts longer than this many UTF-16 units are shortened.
    pub max_error_length: usize,
    /// What is blackened.
    pub redaction: Redaction,
    /// Whether equal error texts are written once and equal entries counted.
    pub dedup: bool,
    /// Whether the input is replaced.
    pub in_place: bool,
    /// Whether an output that is there is replaced.
    pub force: bool,
}

/// What came of it.
#[derive(Debug, Default, Clone)]
pub struct CompactReport {
    /// What was done to the lines.
    pub rewritten: Rewritten,
    /// Bytes of the input file.
    pub bytes_in: u64,
    /// Bytes of the output file.
    pub bytes_out: u64,
    /// The same, uncompressed.
    pub plain_bytes_in: u64,
    /// The same, uncompressed.
    pub plain_bytes_out: u64,
    /// Why the input could not be read to its end; the output holds what could be.
    pub damaged: Option<String>,
    /// The file written; `None` for a stream.
    pub output: Option<PathBuf>,
}

/// How far it is, and whether it is to go on.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of the input file read.
    pub done: AtomicU64,
    /// Bytes of the input file; 0 when unknown.
    pub total: AtomicU64,
    /// Set to have it stop soon.
    pub stop: AtomicBool,
}
