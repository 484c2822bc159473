//! The log itself: appended to and rotated under one lock by any number of processes.
//!
//! # What holds under the lock
//!
//! 1. The lock is the `flock` of a dot-file beside the log; it ends with its holder. The file's record
//!    says which ring's owner is inside. Whoever enters after a death settles that ring's intent
//!    first: either the batch is whole in the log, then the ring's tail moves past it, or what is
//!    there of it is cut off. So a line is never torn, lost or doubled by a kill.
//! 2. The open file is compared with the path's at every entry: another process may have rotated.
//! 3. A failed append is cut off again; if even that fails, the intent stays for the next entry.
//! 4. A rotation renames, never overwriting, then makes the new file. A death between the two leaves
//!    no active file, which the next entry makes.
//!
//! ```text
//! lock file   0 magic "PLIMLOCK"   8 ring id u64   16 state u64 (0 outside, 1 inside)
//! ```
//!
//! The lock is never waited for: the one writer thread serves many logs, and a stopped process may
//! hold a lock for hours. [`LogError::Busy`] says to come back.

use super::paths::LogPaths;
use super::ring::{Intent, RepeatTable, Ring, RingError};
use crate::platform::clock::Clock;
use crate::platform::filesystem::{FileStatus, FileSystem};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

const LOCK_MAGIC: [u8; 8] = *b"PLIMLOCK";
const LOCK_RECORD: usize = 24;
/// Archives that may be named after the same millisecond before rotating fails.
const MAX_SAME_TIME: i64 = 1000;
/// A newest archive further in the future than this is a clock fault, not an order to be kept.
const MAX_CLOCK_STEP_MS: i64 = 86_400_000;

/// Why the log could not be written.
#[derive(Debug, Error)]
pub enum LogError {
    /// Another process is inside. Come back in a moment.
    #[error("the log is locked by another process")]
    Busy,
    /// The lock's name is taken by something else.
    #[error("{} is not a lock of ours; move it away", .0.display())]
    ForeignLock(PathBuf),
    /// A dead process left a ring that cannot be settled.
    #[error(transparent)]
    Ring(#[from] RingError),
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

/// One log as this process sees it.
pub struct LogFile {
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    paths: LogPaths,
    lock: Option<File>,
    active: Option<Active>,
    generation: u64,
    last_archive_ms: Option<i64>,
}

struct Active {
    file: File,
    identity: (u64, u64),
    length: u64,
    torn: bool,
}

impl LogFile {
    /// The log with these names. Nothing is touched before [`LogFile::enter`].
    #[must_use]
    pub fn new(fs: Arc<dyn FileSystem>, clock: Arc<dyn Clock>, paths: LogPaths) -> LogFile {
        LogFile { fs, clock, paths, lock: None, active: None, generation: 0, last_archive_ms: None }
    }

    /// Its names.
    #[must_use]
    pub fn paths(&self) -> &LogPaths {
        &self.paths
    }

    /// Grows whenever the active file is another one than before: what was written to it earlier
    /// cannot be referred to any more.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes the lock, settles what a dead holder left, and makes sure the active file is open.
    ///
    /// # Errors
    /// [`LogError`]; the lock is not held then.
    pub fn enter(&mut self, ring_id: u64) -> Result<Entered<'_>, LogError> {
        self.take_lock()?;
        // From here on leaving gives the lock back, also when the preparations fail.
        let mut entered = Entered { log: self, ring_id, record: Record::Untouched };
        if let Some(id) = entered.log.read_holder()? {
            entered.log.settle_dead(id)?;
        }
        entered.log.write_holder(ring_id, true)?;
        entered.record = Record::Inside;
        entered.log.open_active()?;
        Ok(entered)
    }

    fn failed(
        &self,
        action: &'static str,
        path: PathBuf,
    ) -> impl Fn(io::Error) -> LogError + use<> {
        move |source| LogError::Io { action, path: path.clone(), source }
    }

    fn take_lock(&mut self) -> Result<(), LogError> {
        let path = self.paths.lock();
        // Each round ends with the lock, with an error, or with a lock file somebody has deleted.
        for _ in 0..8 {
            let file = match self.lock.take() {
                Some(file) => file,
                None => self.open_lock()?,
            };
            if !self.fs.try_lock(&file).map_err(self.failed("lock", path.clone()))? {
                self.lock = Some(file);
                return Err(LogError::Busy);
            }
            let ours = self.fs.status(&file).map_err(self.failed("look at", path.clone()))?;
            match self.fs.status_at(&path) {
                Ok(named) if named.identity == ours.identity && ours.links > 0 => {
                    self.lock = Some(file);
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.failed("look at", path)(error)),
            }
        }
        Err(LogError::Busy)
    }

    fn open_lock(&self) -> Result<File, LogError> {
        let path = self.paths.lock();
        let opened = match self.fs.open_update(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = self.paths.directory();
                self.fs
                    .create_directory(directory)
                    .map_err(self.failed("create the directory", directory.to_owned()))?;
                self.fs.open_update(&path)
            }
            opened => opened,
        };
        opened.map_err(self.failed("open", path))
    }

    fn lock_file(&self) -> Result<&File, LogError> {
        self.lock.as_ref().ok_or(LogError::Busy)
    }

    /// The ring whose owner died inside, if any.
    fn read_holder(&self) -> Result<Option<u64>, LogError> {
        let path = self.paths.lock();
        let mut record = [0; LOCK_RECORD + 1];
        let count = self
            .fs
            .read_at(self.lock_file()?, &mut record, 0)
            .map_err(self.failed("read", path.clone()))?;
        let magic = count.min(LOCK_MAGIC.len());
        if count > LOCK_RECORD || record[..magic] != LOCK_MAGIC[..magic] {
            return Err(LogError::ForeignLock(path));
        }
        if count < LOCK_RECORD {
            // Its first holder died while writing the first record, before it touched the log.
            return Ok(None);
        }
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&record[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Ok((word(16) != 0).then(|| word(8)))
    }

    fn write_holder(&self, ring_id: u64, inside: bool) -> Result<(), LogError> {
        let path = self.paths.lock();
        let mut record = [0; LOCK_RECORD];
        record[..8].copy_from_slice(&LOCK_MAGIC);
        record[8..16].copy_from_slice(&ring_id.to_le_bytes());
        record[16..].copy_from_slice(&u64::from(inside).to_le_bytes());
        let count = self
            .fs
            .write_at(self.lock_file()?, &record, 0)
            .map_err(self.failed("write", path.clone()))?;
        if count == LOCK_RECORD {
            Ok(())
        } else {
            Err(self.failed("write", path)(io::ErrorKind::WriteZero.into()))
        }
    }

    fn settle_dead(&self, id: u64) -> Result<(), LogError> {
        let path = self.paths.ring(id);
        match Ring::visit(&*self.fs, &path) {
            // The ring was drained and removed, or its directory was: nothing is pending.
            Ok(None) => Ok(()),
            Ok(Some(ring)) => self.settle(&ring).map(|_| ()),
            // Nothing can be known of the batch; refusing to log for ever would be worse.
            Err(RingError::Foreign { .. } | RingError::Version { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides what became of the batch in a ring's intent. Returns whether it is in the log.
    fn settle(&self, ring: &Ring) -> Result<bool, LogError> {
        let Some(intent) = ring.intent() else { return Ok(false) };
        let path = self.paths.log();
        let failed = self.failed("settle", path.clone());
        let file = match self.fs.status_at(&path) {
            Ok(status) if status.identity == intent.file && status.is_file => {
                self.fs.open_append(&path).map_err(&failed)?
            }
            Ok(_) => {
                ring.clear_intent();
                return Ok(false);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                ring.clear_intent();
                return Ok(false);
            }
            Err(error) => return Err(failed(error)),
        };
        let length = self.fs.status(&file).map_err(&failed)?.length;
        let whole = length >= intent.offset + intent.length
            && self.checksum(&file, intent.offset, intent.length).map_err(&failed)?
                == intent.checksum;
        if whole {
            ring.set_tail(intent.tail);
            RepeatTable::settle(ring, intent.repeats);
        } else if length > intent.offset {
            self.fs.truncate(&file, intent.offset).map_err(&failed)?;
        }
        ring.clear_intent();
        Ok(whole)
    }

    fn checksum(&self, file: &File, offset: u64, length: u64) -> io::Result<u32> {
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0; 65_536];
        let mut done = 0;
        while done < length {
            let want = buffer.len().min((length - done) as usize);
            match self.fs.read_at(file, &mut buffer[..want], offset + done)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => {
                    hasher.update(&buffer[..count]);
                    done += count as u64;
                }
            }
        }
        Ok(hasher.finalize())
    }

    fn open_active(&mut self) -> Result<(), LogError> {
        let path = self.paths.log();
        let named = match self.fs.status_at(&path) {
            Ok(status) => Some(status),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.failed("look at", path)(error)),
        };
        if let (Some(active), Some(named)) = (&mut self.active, &named)
            && active.identity == named.identity
        {
            if active.length != named.length {
                active.torn = true; // somebody appended: look at its last byte again
            }
            active.length = named.length;
        } else {
            self.active = None;
            let file = self.fs.open_append(&path).map_err(self.failed("open", path.clone()))?;
            let FileStatus { identity, length, .. } =
                self.fs.status(&file).map_err(self.failed("look at", path.clone()))?;
            self.generation += 1;
            self.active = Some(Active { file, identity, length, torn: length > 0 });
        }
        if let Some(active) = &mut self.active
            && active.torn
        {
            let mut last = [b'\n'];
            if active.length > 0 {
                self.fs
                    .read_at(&active.file, &mut last, active.length - 1)
                    .map_err(|source| LogError::Io { action: "read", path, source })?;
            }
            active.torn = last != [b'\n'];
        }
        Ok(())
    }
}

/// The log with its lock held; leaving the scope gives it back.
pub struct Entered<'a> {
    log: &'a mut LogFile,
    ring_id: u64,
    record: Record,
}

/// What the lock's record says while this process is inside.
#[derive(Debug, PartialEq, Eq)]
enum Record {
    /// What the holder before left: it must stay until that is settled.
    Untouched,
    /// That this ring's owner is inside.
    Inside,
    /// The same, and it must go on saying so: a failed batch is to be settled at the next entry.
    Unsettled,
}

impl Entered<'_> {
    /// Length of the active file in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.log.active.as_ref().map_or(0, |active| active.length)
    }

    /// See [`LogFile::generation`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.log.generation
    }

    /// Appends whole lines and moves the ring's tail to `tail`; the counts of `slots` (a bit each) are
    /// in these lines and are forgotten with them.
    ///
    /// # Errors
    /// [`LogError::Io`]; the log is as before then, or will be at the next entry. Reload `repeats` from
    /// the ring before going on: the next entry may have found the batch whole after all.
    pub fn append(
        &mut self,
        ring: &Ring,
        repeats: &mut RepeatTable,
        lines: &[u8],
        tail: u64,
        slots: u64,
    ) -> Result<(), LogError> {
        let path = self.log.paths.log();
        let failed = self.log.failed("append to", path);
        let fs = Arc::clone(&self.log.fs);
        let Some(active) = &mut self.log.active else { return Err(LogError::Busy) };
        if active.torn && !lines.is_empty() {
            // A line somebody else left unfinished must not swallow the first of ours.
            write_all(&*fs, &active.file, b"\n").map_err(&failed)?;
            active.length += 1;
            active.torn = false;
        }
        // Without lines the intent is done as soon as it stands: nothing of it is on the disk.
        ring.set_intent(&Intent {
            file: active.identity,
            offset: active.length,
            length: lines.len() as u64,
            checksum: crc32fast::hash(lines),
            tail,
            repeats: slots,
        });
        if let Err(error) = write_all(&*fs, &active.file, lines) {
            if fs.truncate(&active.file, active.length).is_ok() {
                ring.clear_intent();
            } else {
                self.record = Record::Unsettled;
            }
            return Err(failed(error));
        }
        active.length += lines.len() as u64;
        ring.set_tail(tail);
        repeats.commit(ring, slots);
        ring.clear_intent();
        Ok(())
    }

    /// Puts what was appended on the device.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn sync(&mut self) -> Result<(), LogError> {
        let Some(active) = &self.log.active else { return Ok(()) };
        self.log.fs.sync_data(&active.file).map_err(self.log.failed("sync", self.log.paths.log()))
    }

    /// Makes the active file an archive and starts a new one. Returns the archive's file name.
    ///
    /// # Errors
    /// [`LogError::Io`]; the active file then goes on growing and the next batch tries again.
    pub fn rotate(&mut self) -> Result<String, LogError> {
        let log = &mut *self.log;
        let path = log.paths.log();
        let mut time_ms = log.clock.wall_ms();
        if let Some(last) = log.last_archive_ms
            && last >= time_ms
            && last - time_ms < MAX_CLOCK_STEP_MS
        {
            // The clock stepped back, or this is the second rotation of one millisecond.
            time_ms = last + 1;
        }
        for _ in 0..MAX_SAME_TIME {
            let archive = log.paths.archive(time_ms);
            let taken = [".gz", ".zst"].iter().any(|suffix| {
                let mut compressed = archive.clone().into_os_string();
                compressed.push(suffix);
                log.fs.status_at(compressed.as_ref()).is_ok()
            });
            if !taken {
                match log.fs.rename_new(&path, &archive) {
                    Ok(()) => {
                        log.last_archive_ms = Some(time_ms);
                        log.active = None;
                        log.open_active()?;
                        let name = archive.file_name().unwrap_or_default();
                        return Ok(name.to_string_lossy().into_owned());
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(log.failed("rotate", path)(error)),
                }
            }
            time_ms += 1;
        }
        Err(log.failed("find a free archive name for", path)(io::ErrorKind::AlreadyExists.into()))
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if self.record == Record::Inside {
            // When this fails, the next holder looks at an intent that is settled: harmless.
            self.log.write_holder(self.ring_id, false).ok();
        }
        if let Some(lock) = &self.log.lock
            && self.log.fs.unlock(lock).is_err()
        {
            // Closing the file gives the lock back whatever unlocking said.
            self.log.lock = None;
        }
    }
}

fn write_all(fs: &dyn FileSystem, file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match fs.write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
