//! The whole log, in order.

use super::super::paths::ArchiveName;
use super::cursor::{Change, LogCursor};
use super::expected::Expected;
use super::filter::Filter;
use super::lines::{LineSplitter, Piece};
use super::rings::Rings;
use super::sources::{Named, open_archive};
use crate::platform::filesystem::FileSystem;
use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;

const CHUNK: usize = 65_536;
/// How often the log and its rings are looked at until they agree.
const ATTEMPTS: usize = 16;
/// Damaged files told by name.
const MAX_TOLD: usize = 100;
/// Entries of an archive are no later than its name, but for a clock that stepped.
const CLOCK_STEP_MS: i64 = 86_400_000;

/// Why a log cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The path names no regular file.
    #[error("{} is not a file: give the path of a log", .0.display())]
    NotAFile(PathBuf),
    /// There is neither a log nor an archive nor a ring.
    #[error("there is no log at {}", .0.display())]
    NoLog(PathBuf),
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
}

impl ReadError {
    pub(in super::super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> ReadError {
        move |source| ReadError::Io { action, path: path.into(), source }
    }
}

/// What is read.
#[derive(Debug, Clone, Default)]
pub struct ReadSettings {
    /// Which lines.
    pub filter: Filter,
    /// Only so many of them, the last ones; `None` for all.
    pub last: Option<u64>,
}

/// What was read.
#[derive(Debug, Default)]
pub struct ReadReport {
    /// Lines shown.
    pub shown: u64,
    /// Lines of more than [`super::LINE_BOUND`] bytes, shown cut.
    pub cut: u64,
    /// Files that could not be read to their end, by name and reason; the first hundred.
    pub damaged: Vec<(String, String)>,
    /// The same, counted.
    pub damaged_count: u64,
    /// Archives that were deleted before they could be read.
    pub vanished: u64,
}

impl ReadReport {
    fn damage(&mut self, name: &str, reason: String) {
        if self.damaged.iter().any(|(told, _)| told == name) {
            return;
        }
        self.damaged_count += 1;
        if self.damaged.len() < MAX_TOLD {
            self.damaged.push((name.to_owned(), reason));
        }
    }
}

/// Reads a log, giving each line that passes to `show`, without its line feed, until that breaks off or
/// `stop` is set. With `wait` the log is followed: at the end `wait` pauses, and says whether to go on.
///
/// # Errors
/// [`ReadError`]. Damaged archives are no error: see [`ReadReport::damaged`].
pub fn read_log(
    fs: &Arc<dyn FileSystem>,
    named: &Named,
    settings: &ReadSettings,
    stop: &AtomicBool,
    wait: Option<&mut dyn FnMut() -> bool>,
    show: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<ReadReport, ReadError> {
    let (cursor, archives) = LogCursor::open(fs, named)?;
    let mut reader = Reader {
        fs,
        named,
        filter: &settings.filter,
        stop,
        show,
        cursor,
        splitter: LineSplitter::default(),
        inherited: true,
        rings: Rings::default(),
        expected: wait.is_some().then(Expected::default),
        skip: 0,
        counting: false,
        done: false,
        report: ReadReport::default(),
    };
    reader.run(archives, settings.last, wait)?;
    Ok(reader.report)
}

struct Reader<'a> {
    fs: &'a Arc<dyn FileSystem>,
    named: &'a Named,
    filter: &'a Filter,
    stop: &'a AtomicBool,
    show: &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    cursor: LogCursor,
    splitter: LineSplitter,
    inherited: bool,
    rings: Rings,
    /// Only when following.
    expected: Option<Expected>,
    skip: u64,
    counting: bool,
    done: bool,
    report: ReadReport,
}

impl Reader<'_> {
    fn run(
        &mut self,
        mut archives: Vec<ArchiveName>,
        last: Option<u64>,
        wait: Option<&mut dyn FnMut() -> bool>,
    ) -> Result<(), ReadError> {
        let known: HashSet<i64> = archives.iter().map(|archive| archive.time_ms).collect();
        self.rings.refresh(&**self.fs, &self.named.paths, None)?;
        let nothing = !self.cursor.exists() && archives.is_empty();
        if nothing && self.rings.tails().next().is_none() {
            return Err(ReadError::NoLog(self.named.paths.log()));
        }
        if let Some(since) = self.filter.since_ms {
            archives.retain(|archive| archive.time_ms.saturating_add(CLOCK_STEP_MS) >= since);
        }
        if let Some(last) = last {
            self.start_at(&mut archives, &known, last)?;
        }
        self.read_archives(archives)?;
        for _ in 0..ATTEMPTS {
            self.advance()?;
            self.refresh()?;
            if self.done || !self.advance()? {
                break;
            }
        }
        if let Some(wait) = wait {
            self.read_rings();
            while !self.is_done() && wait() {
                self.advance()?;
                if let Some(expected) = &mut self.expected {
                    expected.settle();
                }
                self.refresh()?;
                self.read_rings();
            }
            self.finish_file();
        } else {
            self.finish_file();
            self.read_rings();
        }
        for (name, reason) in std::mem::take(&mut self.rings.unreadable) {
            self.report.damage(&name, reason);
        }
        Ok(())
    }

    /// Counts lines from the newest back, until there are enough, and makes reading start there. Lines
    /// that come in the meantime are shown as well.
    fn start_at(
        &mut self,
        archives: &mut Vec<ArchiveName>,
        known: &HashSet<i64>,
        last: u64,
    ) -> Result<(), ReadError> {
        self.counting = true;
        self.advance()?;
        self.finish_file();
        self.refresh()?;
        self.read_rings();
        let mut first = archives.len();
        while self.report.shown < last && first > 0 && !self.done {
            first -= 1;
            self.read_archives(vec![archives[first].clone()])?;
        }
        self.skip = self.report.shown.saturating_sub(last);
        self.counting = false;
        self.report = ReadReport::default();
        self.rings = Rings::default();
        archives.drain(..first);
        let (cursor, now) = LogCursor::open(self.fs, self.named)?;
        self.cursor = cursor;
        archives.extend(now.into_iter().filter(|archive| !known.contains(&archive.time_ms)));
        Ok(())
    }

    fn read_archives(&mut self, archives: Vec<ArchiveName>) -> Result<(), ReadError> {
        let mut buffer = vec![0; CHUNK];
        for archive in archives {
            self.finish_file();
            let mut source = match open_archive(self.fs, &self.named.paths, &archive) {
                Ok(Some(source)) => source,
                Ok(None) => {
                    self.report.vanished += 1;
                    continue;
                }
                Err(error) => {
                    self.report.damage(&archive.file_name, error.to_string());
                    continue;
                }
            };
            while !self.is_done() {
                match source.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => self.push(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.report.damage(&archive.file_name, error.to_string());
                        break;
                    }
                }
            }
            self.finish_file();
        }
        Ok(())
    }

    /// Reads the log to the end of what is there, through any rotation. Returns whether there was
    /// anything.
    fn advance(&mut self) -> Result<bool, ReadError> {
        let mut any = false;
        while !self.is_done() {
            any |= self.read_active()?;
            match self.cursor.look()? {
                Change::None => return Ok(any),
                Change::Cut => self.finish_file(),
                Change::Rotated(archives) => {
                    any = true;
                    self.read_active()?;
                    self.finish_file();
                    self.read_archives(archives)?;
                    let more = self.cursor.enter_next()?;
                    self.read_archives(more)?;
                }
            }
        }
        Ok(any)
    }

    fn read_active(&mut self) -> Result<bool, ReadError> {
        let mut buffer = vec![0; CHUNK];
        let mut any = false;
        while !self.is_done() {
            match self.cursor.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    any = true;
                    self.push(&buffer[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.report.damage(self.named.paths.file_name(), error.to_string());
                    break;
                }
            }
        }
        Ok(any)
    }

    fn refresh(&mut self) -> Result<(), ReadError> {
        let position = self.cursor.position();
        self.rings.refresh(&**self.fs, &self.named.paths, position)?;
        if let Some(expected) = &mut self.expected {
            expected.note(self.rings.tails());
        }
        Ok(())
    }

    fn read_rings(&mut self) {
        while !self.is_done()
            && let Some(entry) = self.rings.next(&**self.fs)
        {
            let mut inherited = true;
            if self.filter.admits(&entry.line, &mut inherited) {
                if let Some(expected) = &mut self.expected
                    && !self.counting
                {
                    expected.add(&entry);
                }
                self.emit(&entry.line);
            }
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        let mut splitter = std::mem::take(&mut self.splitter);
        if splitter.push(chunk, |piece| self.piece(piece)).is_break() {
            self.done = true;
        }
        self.splitter = splitter;
    }

    fn finish_file(&mut self) {
        let mut splitter = std::mem::take(&mut self.splitter);
        if splitter.finish(|piece| self.piece(piece)).is_break() {
            self.done = true;
        }
        self.splitter = splitter;
        self.inherited = true;
    }

    fn piece(&mut self, piece: Piece<'_>) -> ControlFlow<()> {
        let bytes = match piece {
            Piece::Line { bytes, .. } => bytes,
            Piece::Part { first: false, .. } => return ControlFlow::Continue(()),
            Piece::Part { bytes, .. } => {
                self.report.cut += 1;
                bytes
            }
        };
        if self.filter.admits(bytes, &mut self.inherited) {
            let shown = self.expected.as_mut().is_some_and(|expected| expected.take(bytes));
            if !shown {
                self.emit(bytes);
            }
        }
        if self.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn emit(&mut self, line: &[u8]) {
        if self.counting {
            self.report.shown += 1;
        } else if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.report.shown += 1;
            self.done |= (self.show)(line).is_break();
        }
    }

    fn is_done(&self) -> bool {
        self.done || self.stop.load(Ordering::Relaxed)
    }
}
