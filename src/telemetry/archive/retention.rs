//! Which archives are deleted.
//!
//! An archive is as old as the earlier of the time in its name and its last modification. A plain and a
//! compressed file of the same time are one archive and go together. The oldest go first. The log
//! itself, rings, and every file whose name is not exactly an archive's of this log are never touched.
//!
//! An archive that is being compressed right now is counted as deleted and left until the next time.

use super::super::paths::{ArchiveName, LogPaths};
use super::compress::{Locked, lock_plain, remove};
use super::error::ArchiveError;
use crate::compression::Compression;
use crate::platform::filesystem::FileSystem;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which archives are kept; `None` sets no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The greatest age.
    pub max_age: Option<Duration>,
    /// The greatest number of archives.
    pub max_archives: Option<u32>,
    /// The most bytes all archives together may take.
    pub max_total_bytes: Option<u64>,
}

impl Retention {
    /// Whether it limits nothing.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Retention::default()
    }
}

/// What was deleted.
#[derive(Debug, Default)]
pub struct RetentionReport {
    /// Archives deleted.
    pub deleted: u64,
    /// Bytes they took.
    pub bytes: u64,
    /// Archives left until the next time because another process is compressing them.
    pub busy: u64,
    /// Archives that could not be deleted.
    pub failed: u64,
    /// The first reason why.
    pub error: Option<ArchiveError>,
}

struct Archive {
    files: Vec<ArchiveName>,
    bytes: u64,
    since_ms: i64,
}

/// Deletes the archives of a log that `retention` does not keep, at the wall time `now_ms`.
pub fn enforce(
    fs: &dyn FileSystem,
    paths: &LogPaths,
    retention: &Retention,
    now_ms: i64,
) -> RetentionReport {
    let mut report = RetentionReport::default();
    if retention.is_unlimited() {
        return report;
    }
    let mut archives = match find(fs, paths) {
        Ok(archives) => archives,
        Err(error) => {
            report.failed = 1;
            report.error = Some(error);
            return report;
        }
    };
    archives.sort_by(|one, other| {
        (one.since_ms, &one.files[0]).cmp(&(other.since_ms, &other.files[0]))
    });
    let mut count = archives.len() as u64;
    let mut total: u64 = archives.iter().map(|archive| archive.bytes).sum();
    for archive in &archives {
        let age = now_ms.saturating_sub(archive.since_ms).max(0).unsigned_abs();
        let old = retention.max_age.is_some_and(|max| u128::from(age) > max.as_millis());
        let many = retention.max_archives.is_some_and(|max| count > u64::from(max));
        let much = retention.max_total_bytes.is_some_and(|max| total > max);
        if !(old || many || much) {
            break;
        }
        match delete(fs, paths, archive) {
            Ok(true) => {
                report.deleted += 1;
                report.bytes += archive.bytes;
            }
            Ok(false) => report.busy += 1,
            Err(error) => {
                report.failed += 1;
                report.error.get_or_insert(error);
                continue;
            }
        }
        count -= 1;
        total -= archive.bytes;
    }
    report
}

fn find(fs: &dyn FileSystem, paths: &LogPaths) -> Result<Vec<Archive>, ArchiveError> {
    let directory = paths.directory();
    let mut by_time: BTreeMap<i64, Archive> = BTreeMap::new();
    for name in fs.list(directory).map_err(ArchiveError::io("list", directory))? {
        let Some(name) = paths.parse_archive(&name) else { continue };
        // What vanished since is no archive any more; what is no file never was one.
        let Ok(status) = fs.status_at(&directory.join(&name.file_name)) else { continue };
        if !status.is_file {
            continue;
        }
        let archive = by_time.entry(name.time_ms).or_insert_with(|| Archive {
            files: Vec::new(),
            bytes: 0,
            since_ms: name.time_ms,
        });
        archive.bytes += status.length;
        archive.since_ms = archive.since_ms.min(status.modified_ms);
        archive.files.push(name);
        archive.files.sort_unstable();
    }
    Ok(by_time.into_values().collect())
}

/// Deletes the files of an archive; `false` when it is being compressed.
fn delete(fs: &dyn FileSystem, paths: &LogPaths, archive: &Archive) -> Result<bool, ArchiveError> {
    let plain = archive.files.iter().find(|file| file.compression() == Compression::None);
    let _held = match plain {
        Some(plain) => match lock_plain(fs, &paths.directory().join(&plain.file_name))? {
            Locked::Busy => return Ok(false),
            Locked::Ours(file) => Some(file),
            // It was compressed meanwhile, or deleted: what it has become is looked at the next time.
            Locked::Gone => return Ok(false),
        },
        None => None,
    };
    // The compressed one first: a death between the two leaves the plain one, which is whole.
    for file in archive.files.iter().rev() {
        remove(fs, &paths.directory().join(&file.file_name))?;
    }
    Ok(true)
}
