//! Spans to a JSONL file: one object a line, appended with one write a batch.
//!
//! # What it promises
//!
//! - Whole lines only, also between processes that share the file: a batch is appended under the file's
//!   advisory lock, a failed append is cut off again, and a line that a dead process left unfinished is
//!   ended before ours begins.
//! - At most twice [`FileSettings::max_bytes`] on the disk, and a batch: a file that would grow past it is
//!   renamed to `<name>.1`, replacing the one before.
//! - Trouble with the disk loses nothing within the bounds of the queue: it is counted and tried again.
//!
//! What is written survives the death of the process, not that of the machine: nothing is synced.
//! Programs that write to the same file without taking its lock are not kept apart.

mod line;

#[cfg(test)]
mod tests;

use super::exporter::StartError;
use super::span::SpanRecord;
use super::stats::{DeliveryError, INTERNAL, WRITE};
use super::worker::{Delivery, Destination};
use crate::platform::filesystem::FileSystem;
use crate::platform::system_error::system_name;
use line::write_line;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The length at which the file is renamed, by default.
pub const DEFAULT_MAX_BYTES: u64 = 32 << 20;
/// The smallest that can be set.
pub const LEAST_MAX_BYTES: u64 = 4096;

/// When to look again at a file that another process has locked: it holds the lock for one append. Doubling,
/// since a stopped process may hold it for hours.
const FIRST_BUSY_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(1);
/// How often the file may be renamed under our hands before that counts as busy.
const MAX_OPENINGS: usize = 8;

/// A file and its bound.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// The file; missing directories are created. Relative to the working directory at each opening, so
    /// better absolute.
    pub path: PathBuf,
    /// The length past which it does not grow: [`LEAST_MAX_BYTES`] or more.
    pub max_bytes: u64,
}

impl FileSettings {
    /// This file with the default bound.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> FileSettings {
        FileSettings { path: path.into(), max_bytes: DEFAULT_MAX_BYTES }
    }
}

#[derive(Debug, Error)]
enum WriteError {
    #[error("is locked by another process")]
    Busy,
    #[error("cannot be {action}: {source}")]
    Io {
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> WriteError {
    move |source| WriteError::Io { action, source }
}

/// A file.
pub(super) struct FileDestination {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    previous: PathBuf,
    max_bytes: u64,
    file: Option<File>,
    /// What a failed append left behind and could not be cut off yet.
    torn: Option<Torn>,
    lines: Vec<u8>,
    busy_pause: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Torn {
    identity: (u64, u64),
    start: u64,
    end: u64,
}

impl FileDestination {
    pub(super) fn new(
        settings: FileSettings,
        fs: Arc<dyn FileSystem>,
    ) -> Result<FileDestination, StartError> {
        let wrong = |setting, message: &str| {
            Err(StartError::Config { setting, message: message.to_owned() })
        };
        let Some(name) = settings.path.file_name() else {
            return wrong("file.path", "it names no file");
        };
        if settings.path.as_os_str().as_encoded_bytes().contains(&0) {
            return wrong("file.path", "it contains a zero byte, which no path may");
        }
        if settings.max_bytes < LEAST_MAX_BYTES {
            return wrong("file.maxBytes", "it must be 4096 or more");
        }
        let mut previous = name.to_owned();
        previous.push(".1");
        Ok(FileDestination {
            fs,
            previous: settings.path.with_file_name(previous),
            path: settings.path,
            max_bytes: settings.max_bytes,
            file: None,
            torn: None,
            lines: Vec::new(),
            busy_pause: FIRST_BUSY_PAUSE,
        })
    }

    fn append(&mut self) -> Result<(), WriteError> {
        for _ in 0..MAX_OPENINGS {
            let file = match self.file.take() {
                Some(file) => file,
                None => self.open()?,
            };
            if !self.fs.try_lock(&file).map_err(failed("locked"))? {
                self.file = Some(file);
                return Err(WriteError::Busy);
            }
            // Dropping the handle gives the lock back as well.
            let ours = self.fs.status(&file).map_err(failed("looked at"))?;
            match self.fs.status_at(&self.path) {
                Ok(named) if named.identity == ours.identity && ours.links > 0 => {}
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("looked at")(error)),
            }
            let length = self.settle(&file, ours.identity, ours.length)?;
            if length > 0 && length.saturating_add(self.lines.len() as u64) > self.max_bytes {
                self.fs.rename(&self.path, &self.previous).map_err(failed("rotated"))?;
                continue;
            }
            let written = self.write(&file, ours.identity, length);
            let unlocked = self.fs.unlock(&file);
            if unlocked.is_ok() {
                self.file = Some(file);
            }
            return written;
        }
        Err(WriteError::Busy)
    }

    fn open(&self) -> Result<File, WriteError> {
        match self.fs.open_append(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = self.path.parent().unwrap_or(Path::new(""));
                self.fs.create_directory(directory).map_err(failed("given a directory"))?;
                self.fs.open_append(&self.path)
            }
            opened => opened,
        }
        .map_err(failed("opened"))
    }

    /// Cuts off what a failed append of ours left, and returns the length.
    fn settle(
        &mut self,
        file: &File,
        identity: (u64, u64),
        length: u64,
    ) -> Result<u64, WriteError> {
        let Some(torn) = self.torn else { return Ok(length) };
        // Where somebody wrote after it, it is not ours to cut any more.
        if torn.identity == identity && torn.end == length {
            self.fs.truncate(file, torn.start).map_err(failed("cut"))?;
            self.torn = None;
            return Ok(torn.start);
        }
        self.torn = None;
        Ok(length)
    }

    fn write(&mut self, file: &File, identity: (u64, u64), length: u64) -> Result<(), WriteError> {
        let mut last = [b'\n'];
        if length > 0 {
            self.fs.read_at(file, &mut last, length - 1).map_err(failed("read"))?;
        }
        let unfinished = last != *b"\n";
        if unfinished {
            self.lines.insert(0, b'\n');
        }
        let mut rest = self.lines.as_slice();
        let mut result = Ok(());
        while !rest.is_empty() {
            match self.fs.write(file, rest) {
                Ok(0) => {
                    result = Err(io::ErrorKind::WriteZero.into());
                    break;
                }
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let written = self.lines.len() - rest.len();
        if unfinished {
            self.lines.remove(0);
        }
        result.map_err(|error| {
            if written > 0 && self.fs.truncate(file, length).is_err() {
                self.torn = Some(Torn { identity, start: length, end: length + written as u64 });
            }
            failed("written")(error)
        })
    }

    fn explain(&self, error: &WriteError) -> DeliveryError {
        let path = self.path.display();
        let cause = match error {
            WriteError::Busy => Some("EAGAIN".to_owned()),
            WriteError::Io { source, .. } => Some(system_name(source)),
        };
        let message = format!(
            "{path} {error}; the spans wait and are written later. Make room, or restore the directory and its \
             permissions"
        );
        DeliveryError { code: WRITE, message, cause }
    }
}

impl Destination for FileDestination {
    fn deliver(&mut self, spans: &[SpanRecord]) -> Delivery {
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        let mut unwritable = 0;
        for span in spans {
            let start = lines.len();
            if write_line(span, &mut lines).is_err() {
                lines.truncate(start);
                unwritable += 1;
            }
        }
        self.lines = lines;
        let appended = if self.lines.is_empty() { Ok(()) } else { self.append() };
        // A burst must not keep its memory for good.
        self.lines.shrink_to(1 << 20);
        match appended {
            Ok(()) => {
                self.busy_pause = FIRST_BUSY_PAUSE;
                let complaint = (unwritable > 0).then(|| DeliveryError {
                    code: INTERNAL,
                    message: format!(
                        "{unwritable} spans cannot be written as JSON and are dropped"
                    ),
                    cause: None,
                });
                Delivery::Done { rejected: unwritable, complaint }
            }
            Err(error) => {
                let after = matches!(error, WriteError::Busy).then_some(self.busy_pause);
                if after.is_some() {
                    self.busy_pause = (self.busy_pause * 2).min(LONGEST_BUSY_PAUSE);
                }
                Delivery::Later { after, error: self.explain(&error) }
            }
        }
    }
}
