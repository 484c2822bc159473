//! Compacting a file: reading it, writing beside it, taking its place.

use super::super::paths::LogPaths;
use super::super::read::rings;
use super::super::ring::RingView;
use super::stream::{Counting, compression_of, rewrite};
use super::{CompactError, CompactReport, CompactSettings, Progress};
use crate::compression::Compression;
use crate::compression::decode::{FileReader, decode};
use crate::compression::encode::{Encoder, FileWriter};
use crate::platform::filesystem::{FileStatus, FileSystem};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

const ATTEMPTS: usize = 8;

/// Compacts the file at `path` into `<base>.compact.jsonl[.gz|.zst]` beside it, or in place.
///
/// # Errors
/// [`CompactError`]; no file was changed or left behind then.
pub fn compact_file(
    fs: &dyn FileSystem,
    path: &Path,
    settings: &CompactSettings,
    progress: &Progress,
) -> Result<CompactReport, CompactError> {
    let input = Input::open(fs, path)?;
    progress.total.store(input.status.length, Ordering::Relaxed);
    let output = if settings.in_place { input.path.clone() } else { input.beside()? };
    if settings.in_place {
        input.refuse_if_used(fs)?;
    } else if !settings.force && fs.status_at(&output).is_ok() {
        return Err(CompactError::Exists(output));
    }
    let (temporary, file) = open_temporary(fs, &output)?;
    let report = input
        .rewrite_into(fs, &temporary, &file, settings, progress)
        .and_then(|report| {
            match &report.damaged {
                Some(reason) if settings.in_place => {
                    let reason = reason.clone();
                    return Err(CompactError::Damaged { path: input.path.clone(), reason });
                }
                _ => {}
            }
            fs.copy_access(&input.file, &file)
                .and_then(|()| fs.sync_data(&file))
                .map_err(CompactError::io("sync", &temporary))?;
            if settings.in_place {
                input.replace(fs, &temporary)?;
            } else if settings.force {
                fs.rename(&temporary, &output).map_err(CompactError::io("name", &output))?;
            } else {
                fs.rename_new(&temporary, &output).map_err(|source| match source.kind() {
                    io::ErrorKind::AlreadyExists => CompactError::Exists(output.clone()),
                    _ => CompactError::io("name", &output)(source),
                })?;
            }
            Ok(report)
        })
        .inspect_err(|_| {
            // The error at hand says more.
            fs.remove(&temporary).ok();
        })?;
    let directory = output.parent().unwrap_or(Path::new("/"));
    fs.sync_directory(directory).map_err(CompactError::io("sync", directory))?;
    Ok(CompactReport { output: Some(output), ..report })
}

pub(super) struct Input {
    path: PathBuf,
    file: File,
    status: FileStatus,
    compression: Compression,
}

impl Input {
    pub(super) fn open(fs: &dyn FileSystem, path: &Path) -> Result<Input, CompactError> {
        let path = fs.canonical(path).map_err(CompactError::io("find", path))?;
        let named = fs.status_at(&path).map_err(CompactError::io("look at", &path))?;
        if !named.is_file {
            return Err(CompactError::NotAFile(path));
        }
        let file = fs.open_read(&path).map_err(CompactError::io("open", &path))?;
        let status = fs.status(&file).map_err(CompactError::io("look at", &path))?;
        let mut start = [0; 4];
        let count = fs.read_at(&file, &mut start, 0).map_err(CompactError::io("read", &path))?;
        let compression = compression_of(&start[..count]);
        Ok(Input { path, file, status, compression })
    }

    fn name(&self) -> Result<&str, CompactError> {
        let name = self.path.file_name().and_then(|name| name.to_str());
        name.ok_or_else(|| CompactError::NotAFile(self.path.clone()))
    }

    fn beside(&self) -> Result<PathBuf, CompactError> {
        let name = self.name()?;
        let base = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
        let base = base.strip_suffix(".jsonl").unwrap_or(base);
        let suffix = self.compression.suffix();
        Ok(self.path.with_file_name(format!("{base}.compact.jsonl{suffix}")))
    }

    fn paths(&self) -> Result<LogPaths, CompactError> {
        let directory = self.path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(LogPaths::new(directory, self.name()?.to_owned()))
    }

    fn in_use(&self, reason: &'static str) -> CompactError {
        CompactError::InUse { path: self.path.clone(), reason }
    }

    /// Refuses a log with rings: a living one will append, and the writer of a dead one may have been
    /// killed while it appended, which only the file as it is can tell.
    fn refuse_if_used(&self, fs: &dyn FileSystem) -> Result<(), CompactError> {
        let found = rings(fs, &self.paths()?).map_err(|error| {
            CompactError::io("look for rings beside", &self.path)(io::Error::other(error))
        })?;
        for ring in found {
            let living = RingView::open(fs, &ring).and_then(|view| match view {
                Some(view) => view.is_living(fs).map(Some),
                None => Ok(None),
            });
            match living {
                Ok(None) => {}
                Ok(Some(true)) => return Err(self.in_use("a living process logs to it")),
                Ok(Some(false)) | Err(_) => {
                    return Err(self.in_use("a ring waits to be recovered (plimsoll recover)"));
                }
            }
        }
        Ok(())
    }

    fn rewrite_into(
        &self,
        fs: &dyn FileSystem,
        temporary: &Path,
        file: &File,
        settings: &CompactSettings,
        progress: &Progress,
    ) -> Result<CompactReport, CompactError> {
        let handle = self.file.try_clone().map_err(CompactError::io("open", &self.path))?;
        let source = Counting { source: FileReader::new(fs, handle), done: &progress.done };
        let source =
            decode(source, self.compression).map_err(CompactError::io("read", &self.path))?;
        let failed = || CompactError::io("write", temporary);
        let output = FileWriter::new(fs, file);
        let mut encoder = Encoder::new(output, self.compression).map_err(failed())?;
        let mut report = rewrite(source, &mut encoder, temporary, settings, progress)?;
        report.bytes_out = encoder.finish().map_err(failed())?.written;
        report.bytes_in = self.status.length;
        Ok(report)
    }

    /// Puts the new file in the old one's place, with everybody else kept out.
    pub(super) fn replace(
        &self,
        fs: &dyn FileSystem,
        temporary: &Path,
    ) -> Result<(), CompactError> {
        let paths = self.paths()?;
        let lock = paths.lock();
        let made = fs.status_at(&lock).is_err();
        let held = fs.open_update(&lock).map_err(CompactError::io("open", &lock))?;
        if !fs.try_lock(&held).map_err(CompactError::io("lock", &lock))? {
            return Err(self.in_use("another process is writing to it"));
        }
        let replaced = self.replace_locked(fs, temporary);
        if made {
            // Still locked: whoever waits for it sees that it has lost its name.
            fs.remove(&lock).ok();
        }
        replaced
    }

    fn replace_locked(&self, fs: &dyn FileSystem, temporary: &Path) -> Result<(), CompactError> {
        self.refuse_if_used(fs)?;
        // Whoever compresses an archive holds the lock of the file itself.
        if !fs.try_lock(&self.file).map_err(CompactError::io("lock", &self.path))? {
            return Err(self.in_use("another process is compressing it"));
        }
        let now = fs.status_at(&self.path).map_err(CompactError::io("look at", &self.path))?;
        let same = now.identity == self.status.identity
            && (now.length, now.modified_ms) == (self.status.length, self.status.modified_ms);
        if !same {
            return Err(self.in_use("it was changed meanwhile"));
        }
        fs.rename(temporary, &self.path).map_err(CompactError::io("name", &self.path))
    }
}

/// Opens the temporary file for `output`, locked. One that a dead process left is used again.
pub(super) fn open_temporary(
    fs: &dyn FileSystem,
    output: &Path,
) -> Result<(PathBuf, File), CompactError> {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let path = output.with_file_name(format!(".{name}.compact.tmp"));
    let busy = || {
        let (path, reason) = (output.to_owned(), "another process is compacting it");
        CompactError::InUse { path, reason }
    };
    for _ in 0..ATTEMPTS {
        let (file, made) = match fs.create_new(&path) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (fs.open_update(&path).map_err(CompactError::io("open", &path))?, false)
            }
            Err(error) => return Err(CompactError::io("create", &path)(error)),
        };
        match claim(fs, &path, &file) {
            Ok(Some(true)) => return Ok((path, file)),
            Ok(Some(false)) => {}
            Ok(None) => return Err(busy()),
            Err(error) => {
                if made {
                    fs.remove(&path).ok();
                }
                return Err(error);
            }
        }
    }
    Err(busy())
}

/// Locks and empties a temporary file; `None` when somebody else holds it, `Some(false)` when whoever
/// held it has renamed it since.
fn claim(fs: &dyn FileSystem, path: &Path, file: &File) -> Result<Option<bool>, CompactError> {
    if !fs.try_lock(file).map_err(CompactError::io("lock", path))? {
        return Ok(None);
    }
    let held = fs.status(file).map_err(CompactError::io("look at", path))?;
    if !fs.status_at(path).is_ok_and(|named| named.identity == held.identity) {
        return Ok(Some(false));
    }
    fs.truncate(file, 0).map_err(CompactError::io("empty", path))?;
    Ok(Some(true))
}
