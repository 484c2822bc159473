//! Finishes what a crash, a full disk or a full queue left half-done around one log.
//!
//! - `.<archive>.tmp` of a dead compressor: removed.
//! - A plain archive: compressed, when compression is on.
//! - A plain archive beside a compressed one: when the contents are the same the plain one goes; when
//!   the compressed one is damaged it is made anew; when they differ both stay and are told of.
//!
//! What another process is at right now is left to it: whoever compresses holds the plain archive's
//! lock.

use super::super::paths::LogPaths;
use super::compress::{Locked, Outcome, compress_archive, lock_plain, remove};
use super::error::ArchiveError;
use crate::compression::Compression;
use crate::platform::filesystem::FileSystem;
use std::sync::atomic::AtomicBool;

/// What was finished.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Archives compressed now.
    pub compressed: u64,
    /// Bytes of them before.
    pub bytes_in: u64,
    /// Bytes of them after.
    pub bytes_out: u64,
    /// Plain archives removed because a compressed one with the same contents was there.
    pub duplicates: u64,
    /// Temporary files of dead compressors removed.
    pub temporaries: u64,
    /// Archives another process is at.
    pub busy: u64,
    /// Archives that could not be finished.
    pub failed: u64,
    /// The first reason why.
    pub error: Option<ArchiveError>,
}

impl Leftovers {
    fn fail(&mut self, error: ArchiveError) {
        self.failed += 1;
        self.error.get_or_insert(error);
    }
}

/// Finishes the archives of one log, oldest first. A full disk and `stop` end it early; everything else
/// that fails is counted and the next archive tried.
pub fn finish_leftovers(
    fs: &dyn FileSystem,
    paths: &LogPaths,
    compression: Compression,
    stop: &AtomicBool,
) -> Leftovers {
    let mut leftovers = Leftovers::default();
    let names = match fs.list(paths.directory()) {
        Ok(names) => names,
        Err(error) => {
            leftovers.fail(ArchiveError::io("list", paths.directory())(error));
            return leftovers;
        }
    };
    for name in &names {
        if let Some(plain) = plain_of_temporary(paths, name) {
            match remove_temporary(fs, paths, name, plain) {
                Ok(true) => leftovers.temporaries += 1,
                Ok(false) => {}
                Err(error) => leftovers.fail(error),
            }
        }
    }
    let mut plain: Vec<_> = names
        .iter()
        .filter_map(|name| paths.parse_archive(name))
        .filter(|archive| archive.compression() == Compression::None)
        .collect();
    plain.sort_unstable();
    for archive in plain {
        match compress_archive(fs, paths, &archive.file_name, compression, stop) {
            Ok(Outcome::Compressed { bytes_in, bytes_out }) => {
                leftovers.compressed += 1;
                leftovers.bytes_in += bytes_in;
                leftovers.bytes_out += bytes_out;
            }
            Ok(Outcome::AlreadyCompressed) => leftovers.duplicates += 1,
            Ok(Outcome::Busy) => leftovers.busy += 1,
            Ok(Outcome::Gone | Outcome::Left) => {}
            Err(error) => {
                let end = error.is_disk_full() || matches!(error, ArchiveError::Stopped);
                leftovers.fail(error);
                if end {
                    break;
                }
            }
        }
    }
    leftovers
}

/// The plain archive a temporary file of this log was made from.
fn plain_of_temporary<'a>(paths: &LogPaths, name: &'a str) -> Option<&'a str> {
    let archive = name.strip_prefix('.')?.strip_suffix(".tmp")?;
    let plain = archive.strip_suffix(".gz").or_else(|| archive.strip_suffix(".zst"))?;
    let parsed = paths.parse_archive(plain)?;
    (parsed.compression() == Compression::None).then_some(plain)
}

fn remove_temporary(
    fs: &dyn FileSystem,
    paths: &LogPaths,
    name: &str,
    plain: &str,
) -> Result<bool, ArchiveError> {
    // Locked, so that no compressor can start while its file is taken away. Without the plain archive
    // there is nothing a compressor could be working from.
    match lock_plain(fs, &paths.directory().join(plain)) {
        Ok(Locked::Busy) => Ok(false),
        Ok(Locked::Ours(_) | Locked::Gone) | Err(ArchiveError::NotAnArchive(_)) => {
            remove(fs, &paths.directory().join(name)).map(|()| true)
        }
        Err(error) => Err(error),
    }
}
