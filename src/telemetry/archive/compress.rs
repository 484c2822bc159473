//! From a plain archive to a compressed one.
//!
//! Memory is constant ([`crate::compression::encode`]) whatever the archive's size. The new file has the plain one's
//! permissions.
//!
//! Failing anywhere leaves the plain archive as it was. The temporary file is removed; where even that
//! fails, or the process dies, the next start does it ([`super::leftovers`]).

use super::super::paths::LogPaths;
use super::error::ArchiveError;
use crate::compression::Compression;
use crate::compression::decode::{FileReader, decode, read_full};
use crate::compression::encode::{Encoder, FileWriter};
use crate::platform::filesystem::FileSystem;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const BUFFER: usize = 262_144;

/// What compressing an archive came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The plain archive is gone, the compressed one is there.
    Compressed {
        /// Bytes of the plain archive.
        bytes_in: u64,
        /// Bytes of the compressed one.
        bytes_out: u64,
    },
    /// A compressed one with the same contents was there already; the plain archive is gone.
    AlreadyCompressed,
    /// Another process is at it.
    Busy,
    /// There is no such archive any more.
    Gone,
    /// Nothing was to be done: `compression` is [`Compression::None`] and the archive stands alone.
    Left,
}

/// Compresses the plain archive `plain_name` of a log.
///
/// Where a compressed archive of the same time is there already, its contents decide. The same: only the
/// plain one is removed. Damaged or cut short: it is made anew, whatever `compression` says.
///
/// # Errors
/// [`ArchiveError`]; the plain archive is still there then. [`ArchiveError::Stopped`] soon after `stop`
/// was set.
pub fn compress_archive(
    fs: &dyn FileSystem,
    paths: &LogPaths,
    plain_name: &str,
    compression: Compression,
    stop: &AtomicBool,
) -> Result<Outcome, ArchiveError> {
    let plain = paths.directory().join(plain_name);
    let ours = paths.parse_archive(plain_name);
    if ours.is_none_or(|archive| archive.compression() != Compression::None) {
        return Err(ArchiveError::NotAnArchive(plain));
    }
    let file = match lock_plain(fs, &plain)? {
        Locked::Ours(file) => file,
        Locked::Busy => return Ok(Outcome::Busy),
        Locked::Gone => return Ok(Outcome::Gone),
    };
    let mut compression = compression;
    for beside in [Compression::Gzip, Compression::Zstd] {
        let compressed = with_suffix(&plain, beside);
        match compare(fs, &plain, &compressed, beside, stop)? {
            Comparison::Absent => {}
            Comparison::Same => {
                // The rename that made it may not have reached the disk yet.
                sync_directory(fs, paths)?;
                remove(fs, &plain)?;
                return Ok(Outcome::AlreadyCompressed);
            }
            Comparison::Incomplete => {
                compression = beside;
                break;
            }
            Comparison::Different => return Err(ArchiveError::Conflict { plain, compressed }),
        }
    }
    if compression == Compression::None {
        return Ok(Outcome::Left);
    }
    let compressed = with_suffix(&plain, compression);
    let temporary = paths.temporary(&format!("{plain_name}{}", compression.suffix()));
    let written = write_temporary(fs, &file, &plain, &temporary, compression, stop)
        .and_then(|written| {
            fs.rename(&temporary, &compressed).map_err(ArchiveError::io("name", &compressed))?;
            Ok(written)
        })
        .inspect_err(|_| {
            // The error at hand says more; what stays behind the next start removes.
            fs.remove(&temporary).ok();
        })?;
    sync_directory(fs, paths)?;
    remove(fs, &plain)?;
    let (bytes_in, bytes_out) = written;
    Ok(Outcome::Compressed { bytes_in, bytes_out })
}

/// The attempt to lock a plain archive.
pub(super) enum Locked {
    /// Locked as long as the handle lives, and still under its name.
    Ours(File),
    Busy,
    Gone,
}

pub(super) fn lock_plain(fs: &dyn FileSystem, plain: &Path) -> Result<Locked, ArchiveError> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    // Looked at first: opening a named pipe would wait for its other end.
    match fs.status_at(plain) {
        Ok(status) if status.is_file => {}
        Ok(_) => return Err(ArchiveError::NotAnArchive(plain.to_owned())),
        Err(error) if gone(&error) => return Ok(Locked::Gone),
        Err(error) => return Err(ArchiveError::io("look at", plain)(error)),
    }
    let file = match fs.open_read(plain) {
        Ok(file) => file,
        Err(error) if gone(&error) => return Ok(Locked::Gone),
        Err(error) => return Err(ArchiveError::io("open", plain)(error)),
    };
    if !fs.try_lock(&file).map_err(ArchiveError::io("lock", plain))? {
        return Ok(Locked::Busy);
    }
    // Whoever had the lock before may have finished and removed the file this handle still holds.
    let held = fs.status(&file).map_err(ArchiveError::io("look at", plain))?;
    match fs.status_at(plain) {
        Ok(named) if named.identity == held.identity && held.links > 0 => Ok(Locked::Ours(file)),
        Ok(_) => Ok(Locked::Gone),
        Err(error) if gone(&error) => Ok(Locked::Gone),
        Err(error) => Err(ArchiveError::io("look at", plain)(error)),
    }
}

fn with_suffix(plain: &Path, compression: Compression) -> PathBuf {
    let mut path = plain.as_os_str().to_owned();
    path.push(compression.suffix());
    path.into()
}

fn sync_directory(fs: &dyn FileSystem, paths: &LogPaths) -> Result<(), ArchiveError> {
    fs.sync_directory(paths.directory()).map_err(ArchiveError::io("sync", paths.directory()))
}

/// Removes a file; somebody else having done so is as good.
pub(super) fn remove(fs: &dyn FileSystem, path: &Path) -> Result<(), ArchiveError> {
    match fs.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(ArchiveError::io("remove", path)),
    }
}

fn write_temporary(
    fs: &dyn FileSystem,
    plain: &File,
    plain_path: &Path,
    temporary: &Path,
    compression: Compression,
    stop: &AtomicBool,
) -> Result<(u64, u64), ArchiveError> {
    // With the plain archive's lock held, a temporary file that is there is a dead process's.
    remove(fs, temporary)?;
    let file = fs.create_new(temporary).map_err(ArchiveError::io("create", temporary))?;
    fs.copy_access(plain, &file).map_err(ArchiveError::io("copy the permissions to", temporary))?;
    let failed = || ArchiveError::io("write", temporary);
    let mut encoder = Encoder::new(FileWriter::new(fs, &file), compression).map_err(failed())?;
    let mut buffer = vec![0; BUFFER];
    let mut read = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(ArchiveError::Stopped);
        }
        let count = read_full(|buffer| fs.read(plain, buffer), &mut buffer)
            .map_err(ArchiveError::io("read", plain_path))?;
        if count == 0 {
            break;
        }
        encoder.write_all(&buffer[..count]).map_err(failed())?;
        read += count as u64;
    }
    let written = encoder.finish().map_err(failed())?.written;
    fs.sync_data(&file).map_err(ArchiveError::io("sync", temporary))?;
    let length = fs.status(plain).map_err(ArchiveError::io("look at", plain_path))?.length;
    if length != read {
        return Err(ArchiveError::Changed(plain_path.to_owned()));
    }
    Ok((read, written))
}

enum Comparison {
    Absent,
    Same,
    /// Damaged, or the start of the plain archive.
    Incomplete,
    /// Whole, with other contents.
    Different,
}

/// Compares a compressed archive with the plain one, byte by byte.
fn compare(
    fs: &dyn FileSystem,
    plain: &Path,
    compressed: &Path,
    compression: Compression,
    stop: &AtomicBool,
) -> Result<Comparison, ArchiveError> {
    match fs.status_at(compressed) {
        Ok(status) if status.is_file => {}
        Ok(_) => return Ok(Comparison::Different),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Comparison::Absent),
        Err(error) => return Err(ArchiveError::io("look at", compressed)(error)),
    }
    let open = |path: &Path| fs.open_read(path).map_err(ArchiveError::io("open", path));
    // A handle of its own: the caller's position must stay at the start.
    let original = open(plain)?;
    let mut decoded = decode(FileReader::new(fs, open(compressed)?), compression)
        .map_err(ArchiveError::io("read", compressed))?;
    let (mut expected, mut found) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut differs = false;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(ArchiveError::Stopped);
        }
        let want = read_full(|buffer| fs.read(&original, buffer), &mut expected)
            .map_err(ArchiveError::io("read", plain))?;
        let have = match read_full(|buffer| decoded.read(buffer), &mut found) {
            Ok(have) => have,
            // The device failed, which says nothing of the contents.
            Err(error) if error.raw_os_error().is_some() => {
                return Err(ArchiveError::io("read", compressed)(error));
            }
            // A flipped bit shows in the bytes before it shows in the checksum behind them.
            Err(_) => return Ok(Comparison::Incomplete),
        };
        differs |= have > want || found[..have] != expected[..have];
        if have < found.len() {
            return Ok(match (differs, have < want || want == expected.len()) {
                (true, _) => Comparison::Different,
                (false, true) => Comparison::Incomplete,
                (false, false) => Comparison::Same,
            });
        }
    }
}
