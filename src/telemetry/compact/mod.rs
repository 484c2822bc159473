//! Compacting: JSONL that is there already goes through the sanitiser.
//!
//! Streaming, in constant memory (one line of up to 64 MiB, the seen-sets, 4 MiB of counts). Input is
//! plain, gzip or zstd, told by its first bytes; output is compressed the same way. The new file is
//! complete or absent: it is written under a temporary name, synced, then renamed.
//!
//! In place, the file is replaced under the log's lock, and only when nobody uses the log: a living ring,
//! one that waits for recovery, or a file that changed while it was read is an error, and nothing changed.

mod rewrite;
#[cfg(test)]
mod tests;

pub use rewrite::{Rewriter, Rewritten};

use super::archive::decode::{FileReader, decode};
use super::archive::encode::{Encoder, FileWriter};
use super::paths::{Compression, LogPaths};
use super::read::{LINE_BOUND, LineSplitter, Piece, rings};
use super::ring::RingView;
use super::sanitize::{Redaction, Sanitizer};
use crate::platform::filesystem::{FileStatus, FileSystem};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use thiserror::Error;

const CHUNK: usize = 65_536;
/// Bytes gathered before they are written.
const GATHERED: usize = 65_536;
const ATTEMPTS: usize = 8;

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

/// Compacts a stream (plain, gzip or zstd) into plain lines.
///
/// # Errors
/// [`CompactError::Io`] when writing fails, [`CompactError::Stopped`]. A stream that cannot be read to its
/// end is told in the report.
pub fn compact_stream(
    input: impl Read + Send,
    output: &mut dyn Write,
    settings: &CompactSettings,
    progress: &Progress,
) -> Result<CompactReport, CompactError> {
    let name = Path::new("the stream");
    let (_, source) = sniff(Counting { source: input, done: &progress.done })
        .map_err(CompactError::io("read", name))?;
    let mut report = rewrite(source, output, name, settings, progress)?;
    report.bytes_in = progress.done.load(Ordering::Relaxed);
    report.bytes_out = report.plain_bytes_out;
    Ok(report)
}

struct Input {
    path: PathBuf,
    file: File,
    status: FileStatus,
    compression: Compression,
}

impl Input {
    fn open(fs: &dyn FileSystem, path: &Path) -> Result<Input, CompactError> {
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
    fn replace(&self, fs: &dyn FileSystem, temporary: &Path) -> Result<(), CompactError> {
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
fn open_temporary(fs: &dyn FileSystem, output: &Path) -> Result<(PathBuf, File), CompactError> {
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

/// How a file is compressed, by its first bytes (RFC 1952, 2.3.1; RFC 8878, 3.1.1).
fn compression_of(start: &[u8]) -> Compression {
    match start {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Looks at the first bytes of a stream.
fn sniff<'a>(
    mut source: impl Read + Send + 'a,
) -> io::Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let mut start = Vec::with_capacity(4);
    Read::by_ref(&mut source).take(4).read_to_end(&mut start)?;
    let compression = compression_of(&start);
    let whole = io::Cursor::new(start).chain(source);
    Ok((compression, decode(whole, compression)?))
}

/// Rewrites every line of `source`.
fn rewrite(
    mut source: impl Read,
    output: &mut dyn Write,
    name: &Path,
    settings: &CompactSettings,
    progress: &Progress,
) -> Result<CompactReport, CompactError> {
    let sanitizer = Sanitizer::new(settings.max_error_length, settings.redaction.clone());
    let mut rewriter = Rewriter::new(sanitizer, settings.dedup);
    let mut splitter = LineSplitter::new(LINE_BOUND);
    let mut report = CompactReport::default();
    let mut chunk = vec![0; CHUNK];
    let mut out = Vec::with_capacity(2 * GATHERED);
    let mut ended = true;
    let mut failure = None;
    loop {
        if progress.stop.load(Ordering::Relaxed) {
            return Err(CompactError::Stopped);
        }
        let count = match source.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                report.damaged = Some(error.to_string());
                0
            }
        };
        report.plain_bytes_in += count as u64;
        let mut take = |piece: Piece<'_>| {
            ended = add(&mut rewriter, piece, &mut out);
            if out.len() < GATHERED {
                return ControlFlow::Continue(());
            }
            report.plain_bytes_out += out.len() as u64;
            failure = output.write_all(&out).err();
            out.clear();
            out.shrink_to(2 * GATHERED);
            if failure.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let flow = match count {
            0 => splitter.finish(&mut take),
            count => splitter.push(&chunk[..count], &mut take),
        };
        if flow.is_break() || count == 0 {
            break;
        }
    }
    let mut counts = Vec::new();
    rewriter.finish(&mut counts);
    if !counts.is_empty() && !ended {
        out.push(b'\n');
    }
    out.append(&mut counts);
    report.plain_bytes_out += out.len() as u64;
    let failure = failure.or_else(|| output.write_all(&out).err());
    match failure {
        Some(error) => Err(CompactError::io("write", name)(error)),
        None => {
            report.rewritten = rewriter.done;
            Ok(report)
        }
    }
}

/// Adds a piece of the input to the output. Returns whether the output ends with a line feed now.
fn add(rewriter: &mut Rewriter, piece: Piece<'_>, out: &mut Vec<u8>) -> bool {
    let ended = match piece {
        Piece::Line { bytes, ended } => {
            if !rewriter.line(bytes, out) {
                return true;
            }
            ended
        }
        Piece::Part { bytes, first, ended } => {
            rewriter.done.lines += u64::from(first);
            rewriter.done.too_long += u64::from(first);
            out.extend_from_slice(bytes);
            ended
        }
    };
    if ended {
        out.push(b'\n');
    }
    ended
}

struct Counting<'a, R> {
    source: R,
    done: &'a AtomicU64,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
