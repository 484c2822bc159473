//! One process's place in a segment: the open file, its mapping and a row.

use super::error::SharedError;
use super::segment::{IDENTITY, LENGTH, MAGIC, Segment, identity};
use super::{Loss, MAX_PROCESSES, Repair, VERSION, steps};
use crate::platform::filesystem::{FileStatus, FileSystem};
use crate::platform::mmap::SharedMapping;
use crate::platform::{byte_lock, user};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// The byte whose lock its holder needs to let rows begin and end, and to change limits. The rows' own
/// bytes are the ones before it.
const MAINTENANCE: u32 = MAX_PROCESSES as u32;
/// How long attaching waits for another process to finish such a change.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);
/// How often a file that is removed while we wait for it is opened again.
const MAX_ATTEMPTS: u32 = 8;

/// A row of a segment, ours until this is dropped.
pub(super) struct Attachment {
    fs: Arc<dyn FileSystem>,
    file: File,
    path: PathBuf,
    segment: Segment,
    instance: u64,
    row: u32,
    /// Byte locks do not exclude the threads of one handle; this does.
    maintaining: Mutex<()>,
    detached: AtomicBool,
}

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// No other process was attached, or could be believed: the segment began anew.
    pub(super) fresh: bool,
    /// What was wrong with the file.
    pub(super) repaired: Option<Repair>,
}

/// The right to let rows begin and end. Ends with this, and with the process.
pub(super) struct Maintenance<'file> {
    file: &'file File,
    /// Given back after the byte.
    threads: Option<MutexGuard<'file, ()>>,
}

impl Drop for Maintenance<'_> {
    fn drop(&mut self) {
        // Fails for a handle that is not open, which ours is.
        byte_lock::unlock(self.file, MAINTENANCE).ok();
    }
}

impl Attachment {
    /// Opens or makes the segment and takes a row.
    pub(super) fn open(
        fs: &Arc<dyn FileSystem>,
        path: &Path,
        patience: Duration,
    ) -> Result<(Attachment, Found), SharedError> {
        let failed =
            |action| move |source| SharedError::Io { action, path: path.to_owned(), source };
        for _ in 0..MAX_ATTEMPTS {
            let file = fs.open_update(path).map_err(failed("open"))?;
            let status = fs.status(&file).map_err(failed("examine"))?;
            if !status.is_file {
                return Err(SharedError::Foreign { path: path.to_owned() });
            }
            if cfg!(unix) && status.owner != user::effective() {
                return Err(SharedError::Owner { path: path.to_owned(), owner: status.owner });
            }
            steps::reached();
            let maintenance = wait_for_maintenance(&file, path, patience)?;
            steps::reached();
            // It may have been removed, and made anew by others, while we waited.
            let current = fs.status_at(path).is_ok_and(|there| there.identity == status.identity);
            if !current {
                continue;
            }
            let (segment, found) = take_up(fs.as_ref(), &file, path)?;
            steps::reached();
            let row = take_row(&file, &segment, path)?;
            drop(maintenance);
            let attachment = Attachment {
                fs: Arc::clone(fs),
                instance: segment.instance(),
                path: path.to_owned(),
                maintaining: Mutex::new(()),
                file,
                segment,
                row,
                detached: AtomicBool::new(false),
            };
            return Ok((attachment, found));
        }
        Err(SharedError::Busy { path: path.to_owned() })
    }

    pub(super) fn row(&self) -> u32 {
        self.row
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The segment, if it is still there. The look at the file costs a system call, and is what stands
    /// between a file cut by a stranger and the SIGBUS that touching it would be.
    pub(super) fn segment(&self) -> Result<&Segment, Loss> {
        let status = self.fs.status(&self.file).map_err(|_| Loss::Unreadable)?;
        if status.length < LENGTH as u64 {
            return Err(Loss::Cut);
        }
        if status.links == 0 {
            return Err(Loss::Removed);
        }
        if self.segment.instance() != self.instance {
            return Err(Loss::Renewed);
        }
        Ok(&self.segment)
    }

    /// As [`Self::segment`], and the path still names this file.
    pub(super) fn segment_at_path(&self) -> Result<&Segment, Loss> {
        let segment = self.segment()?;
        let identity = |status: FileStatus| status.identity;
        match (self.fs.status_at(&self.path), self.fs.status(&self.file)) {
            (Ok(there), Ok(here)) if identity(there) == identity(here) => Ok(segment),
            (Ok(_), Ok(_)) => Err(Loss::Removed),
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Err(Loss::Removed),
            _ => Err(Loss::Unreadable),
        }
    }

    /// The right to change rows and limits, if nobody has it at the moment.
    pub(super) fn try_maintenance(&self) -> Option<Maintenance<'_>> {
        let threads = match self.maintaining.try_lock() {
            Ok(threads) => threads,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let locked = byte_lock::try_lock(&self.file, MAINTENANCE).unwrap_or(false);
        locked.then_some(Maintenance { file: &self.file, threads: Some(threads) })
    }

    /// The right to change rows and limits; waits for it a little.
    pub(super) fn maintenance(&self) -> Result<Maintenance<'_>, SharedError> {
        let threads = self.maintaining.lock().unwrap_or_else(PoisonError::into_inner);
        let mut maintenance = wait_for_maintenance(&self.file, &self.path, PATIENCE)?;
        maintenance.threads = Some(threads);
        Ok(maintenance)
    }

    /// Takes the rows of dead processes out of use and tells how many there were; `None` when somebody
    /// else is at it. A damaged segment is made anew, which every process then notices.
    pub(super) fn reclaim(&self, segment: &Segment) -> Option<u32> {
        let maintenance = self.try_maintenance()?;
        if !segment.is_sound() {
            segment.initialise(new_instance());
            return Some(0);
        }
        let dead = reclaim_rows(&self.file, segment, Some(self.row));
        drop(maintenance);
        if dead > 0 {
            segment.wake();
        }
        Some(dead)
    }

    /// Gives the row back, once.
    pub(super) fn detach(&self) {
        if self.detached.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Ok(segment) = self.segment() {
            segment.clear_row(self.row);
            steps::reached();
            segment.wake_others(self.row);
        }
        // Others may take the row from here on. Closing the file does the same.
        byte_lock::unlock(&self.file, self.row).ok();
    }

    #[cfg(test)]
    pub(super) fn segment_unchecked(&self) -> &Segment {
        &self.segment
    }

    /// Ends as a killed process does: the locks go, the row stays as it is.
    #[cfg(test)]
    pub(super) fn abandon(&self) {
        self.detached.store(true, Ordering::SeqCst);
        byte_lock::unlock(&self.file, self.row).unwrap();
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.detach();
    }
}

fn wait_for_maintenance<'file>(
    file: &'file File,
    path: &Path,
    patience: Duration,
) -> Result<Maintenance<'file>, SharedError> {
    let begun = Instant::now();
    loop {
        match byte_lock::try_lock(file, MAINTENANCE) {
            Ok(true) => return Ok(Maintenance { file, threads: None }),
            Ok(false) if begun.elapsed() < patience => std::thread::sleep(PAUSE),
            Ok(false) => return Err(SharedError::Busy { path: path.to_owned() }),
            Err(source) => {
                return Err(SharedError::Io { action: "lock", path: path.to_owned(), source });
            }
        }
    }
}

/// Another number than any segment had at this path.
fn new_instance() -> u64 {
    RandomState::new().build_hasher().finish() | 1
}

/// Makes the file a segment we can believe. Only under the maintenance lock.
fn take_up(fs: &dyn FileSystem, file: &File, path: &Path) -> Result<(Segment, Found), SharedError> {
    let failed = |action| move |source| SharedError::Io { action, path: path.to_owned(), source };
    let length = fs.status(file).map_err(failed("examine"))?.length;
    let repaired = examine(fs, file, path, length)?;
    fs.reserve(file, LENGTH as u64).map_err(failed("reserve disk space for"))?;
    steps::reached();
    let mapping = SharedMapping::new(file, LENGTH).map_err(failed("map"))?;
    mapping.populate();
    let segment = Segment::new(mapping);
    let mut living = false;
    for row in 0..MAX_PROCESSES as u32 {
        living |= byte_lock::is_locked_by_another(file, row).map_err(failed("lock"))?;
    }
    let repaired =
        repaired.or_else(|| (length > 0 && !segment.is_sound()).then_some(Repair::Damaged));
    let fresh = length == 0 || repaired.is_some() || !living;
    if fresh {
        segment.initialise(new_instance());
    }
    Ok((segment, Found { fresh, repaired }))
}

/// Refuses what is not ours to write to, and says what is wrong with what is.
fn examine(
    fs: &dyn FileSystem,
    file: &File,
    path: &Path,
    length: u64,
) -> Result<Option<Repair>, SharedError> {
    let mut head = [0; IDENTITY];
    let mut have = 0;
    while have < head.len() {
        match fs.read_at(file, &mut head[have..], have as u64) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(SharedError::Io { action: "read", path: path.to_owned(), source });
            }
        }
    }
    let untouched = head.iter().all(|byte| *byte == 0);
    if length == 0 {
        return Ok(None);
    }
    if untouched && length == LENGTH as u64 {
        // Its maker died before the first word, or it was cut and lengthened again.
        return Ok(Some(Repair::Unfinished));
    }
    if have < 12 && head[..have] == identity()[..have] {
        return Ok(Some(Repair::Cut));
    }
    if have < 12 || head[0..8] != MAGIC {
        return Err(SharedError::Foreign { path: path.to_owned() });
    }
    let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    if version != VERSION {
        return Err(SharedError::Version { path: path.to_owned(), version });
    }
    Ok((length < LENGTH as u64).then_some(Repair::Cut))
}

/// Takes a row no living process has. Only under the maintenance lock.
fn take_row(file: &File, segment: &Segment, path: &Path) -> Result<u32, SharedError> {
    reclaim_rows(file, segment, None);
    for row in 0..MAX_PROCESSES as u32 {
        match byte_lock::try_lock(file, row) {
            Ok(false) => {}
            Ok(true) => {
                steps::reached();
                segment.clear_row(row);
                segment.pid_word(row).store(std::process::id(), Ordering::Release);
                steps::reached();
                segment.set_live(row);
                steps::reached();
                return Ok(row);
            }
            Err(source) => {
                return Err(SharedError::Io { action: "lock", path: path.to_owned(), source });
            }
        }
    }
    Err(SharedError::TooManyProcesses { path: path.to_owned() })
}

/// Only under the maintenance lock: no row can begin meanwhile, so a row nobody has locked stays dead.
fn reclaim_rows(file: &File, segment: &Segment, own: Option<u32>) -> u32 {
    let mut dead = 0;
    for row in segment.live_rows().filter(|row| Some(*row) != own) {
        // Whose lock cannot be looked at counts as alive.
        if !byte_lock::is_locked_by_another(file, row).unwrap_or(true) {
            segment.clear_row(row);
            steps::reached();
            segment.reclaimed().fetch_add(1, Ordering::AcqRel);
            dead += 1;
        }
    }
    dead
}
