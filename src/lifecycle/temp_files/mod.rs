//! Temporary files and directories: created, recorded, removed.
//!
//! A file is created 0600 with `O_EXCL`, a directory 0700, in the system's or a given directory, under the name
//! `<prefix>-<pid>-<16 random characters>`, after its path is in the ledger. They are removed when their scope
//! ends, when they are deleted, at the exit of the process, and after a crash by the sweep.
//!
//! - At most [`MOST_FILES`] are registered at once; one more is refused and counted.
//! - A path that was registered by somebody else's making ([`TempFiles::track`]) is recorded as it is.
//! - Only what still is what was made is removed: a path that has become a symbolic link is removed as a link,
//!   never followed.
//! - What cannot be removed stays registered and recorded, and is told.
//! - Without a ledger files are created all the same, and counted; when the ledger cannot be written, because its
//!   disk is full or it is, nothing is created.
//! - One that is being created while its scope ends is removed by whoever creates it.
//! - No lock is held while the disk is used.

mod error;
mod table;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

pub use error::TempFileError;

use super::group::{GroupId, Groups};
use super::ledger::removal::{self, Removal};
use super::ledger::sweep::Problem;
use super::ledger::{Journal, LedgerError, PathKind, Record, random};
use crate::platform::clock::Clock;
use crate::platform::filesystem::FileSystem;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::{Entry, Table};

/// Most files and directories registered at once.
pub const MOST_FILES: usize = 16_384;
/// Most bytes of a prefix: with what follows it stays far below the 255 a name may have.
pub const MOST_PREFIX: usize = 100;
/// Most bytes of a purpose; the rest is cut.
pub const MOST_PURPOSE: usize = 512;

/// How many random names are tried.
const TRIES: u32 = 8;

/// A registered file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TempFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: PathKind,
    /// What for, in the words of whoever registered it.
    pub purpose: String,
    /// When it was registered, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Its scope.
    pub group: GroupId,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TempFileStats {
    /// Registered now.
    pub registered: usize,
    /// Most registered at once.
    pub most_registered: usize,
    /// Created here.
    pub created: u64,
    /// Registered by [`TempFiles::track`].
    pub tracked: u64,
    /// Removed.
    pub removed: u64,
    /// Found to be gone when they were to be removed.
    pub already_gone: u64,
    /// Attempts to remove one that failed.
    pub failures: u64,
    /// Refused, because too many were registered.
    pub refused: u64,
    /// Created or registered without a record, because there is no ledger.
    pub unrecorded: u64,
}

/// What became of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many were there and are removed.
    pub count: u64,
    /// What is still there, and stays registered.
    pub kept: Vec<Problem>,
}

/// The temporary files of this process. See the [module](self).
///
/// ```
/// use plimsoll::lifecycle::group::WHOLE_PROCESS;
/// use plimsoll::lifecycle::ledger::Ledger;
/// use plimsoll::lifecycle::temp_files::TempFiles;
/// use plimsoll::platform::{clock::SystemClock, filesystem::RealFileSystem};
/// use std::sync::Arc;
///
/// # let home = tempfile::tempdir().unwrap();
/// # let (state, temporary) = (home.path().join("state"), home.path().to_owned());
/// let ledger = Arc::new(Ledger::open(Arc::new(RealFileSystem), Ok(state)));
/// let files =
///     TempFiles::new(Arc::new(RealFileSystem), ledger, Arc::new(SystemClock), temporary);
/// let path = files.create_file("prompt", "the prompt of a worker", None, WHOLE_PROCESS).unwrap();
/// assert!(path.exists());
/// assert_eq!(files.delete_all().count, 1);
/// assert!(!path.exists());
/// ```
pub struct TempFiles {
    fs: Arc<dyn FileSystem>,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    directory: PathBuf,
    table: Mutex<Table>,
}

impl TempFiles {
    /// Files that are made in `directory` unless another is named: the temporary directory as the caller knows it
    /// (`os.tmpdir()` of Node), absolute.
    #[must_use]
    pub fn new(
        fs: Arc<dyn FileSystem>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        directory: PathBuf,
    ) -> TempFiles {
        TempFiles { fs, journal, clock, directory, table: Mutex::new(Table::new()) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.forget_if_forked();
        table
    }

    /// Creates an empty file that only this user can read and write.
    ///
    /// # Errors
    ///
    /// Every [`TempFileError`] but `Remove`; then nothing was created.
    pub fn create_file(
        &self,
        prefix: &str,
        purpose: &str,
        directory: Option<&Path>,
        group: GroupId,
    ) -> Result<PathBuf, TempFileError> {
        self.create(PathKind::File, prefix, purpose, directory, group)
    }

    /// Creates an empty directory that only this user can enter.
    ///
    /// # Errors
    ///
    /// As [`TempFiles::create_file`].
    pub fn create_directory(
        &self,
        prefix: &str,
        purpose: &str,
        directory: Option<&Path>,
        group: GroupId,
    ) -> Result<PathBuf, TempFileError> {
        self.create(PathKind::Directory, prefix, purpose, directory, group)
    }

    fn create(
        &self,
        kind: PathKind,
        prefix: &str,
        purpose: &str,
        directory: Option<&Path>,
        group: GroupId,
    ) -> Result<PathBuf, TempFileError> {
        if prefix.len() > MOST_PREFIX || prefix.contains(['/', '\\', '\0']) || prefix.contains("..")
        {
            return Err(TempFileError::Prefix);
        }
        let directory = directory.unwrap_or(&self.directory);
        require_absolute(directory)?;
        for _ in 0..TRIES {
            let name = format!("{prefix}-{}-{:016x}", std::process::id(), random());
            let path = directory.join(name);
            let Some(number) = self.register(&path, kind, purpose, group, true)? else { continue };
            let record = match self.record(&path, kind) {
                Ok(record) => record,
                Err(error) => {
                    self.table().remove(number);
                    return Err(error.into());
                }
            };
            let created = match kind {
                PathKind::File => self.fs.create_new(&path).map(drop),
                PathKind::Directory => self.fs.create_new_directory(&path),
            };
            match created {
                Ok(()) => return self.finish(number, path, record),
                Err(cause) => {
                    self.table().remove(number);
                    record.into_iter().for_each(|record| self.journal.strike(record));
                    if cause.kind() != io::ErrorKind::AlreadyExists {
                        let path = path.display().to_string();
                        return Err(TempFileError::Create { path, cause });
                    }
                }
            }
        }
        Err(TempFileError::Names(directory.display().to_string()))
    }

    /// Registers a path made by somebody else, or changes the purpose and the scope of one that is registered.
    ///
    /// # Errors
    ///
    /// `Relative`, `Full`, `Ledger`; then it is not registered.
    pub fn track(
        &self,
        path: &Path,
        purpose: &str,
        kind: PathKind,
        group: GroupId,
    ) -> Result<(), TempFileError> {
        require_absolute(path)?;
        let Some(number) = self.register(path, kind, purpose, group, false)? else {
            let mut table = self.table();
            let known = table.number(path).and_then(|number| table.get(number));
            if let Some(entry) = known {
                entry.purpose = cut(purpose);
                entry.group = group;
            }
            return Ok(());
        };
        match self.record(path, kind) {
            Ok(record) => {
                let mut table = self.table();
                table.stats.tracked += 1;
                match table.get(number) {
                    Some(entry) => entry.record = record,
                    // It was deleted meanwhile.
                    None => {
                        drop(table);
                        record.into_iter().for_each(|record| self.journal.strike(record));
                    }
                }
                Ok(())
            }
            Err(error) => {
                self.table().remove(number);
                Err(error.into())
            }
        }
    }

    /// Registers a path; `None` when it is already.
    fn register(
        &self,
        path: &Path,
        kind: PathKind,
        purpose: &str,
        group: GroupId,
        making: bool,
    ) -> Result<Option<u64>, TempFileError> {
        let entry = Entry {
            path: path.to_owned(),
            kind,
            purpose: cut(purpose),
            group,
            created_ms: self.clock.wall_ms(),
            created: self.clock.monotonic(),
            record: None,
            making,
            doomed: false,
        };
        let mut table = self.table();
        if table.number(path).is_some() {
            return Ok(None);
        }
        table.add(entry).map(Some).ok_or(TempFileError::Full)
    }

    fn record(&self, path: &Path, kind: PathKind) -> Result<Option<Record>, LedgerError> {
        match self.journal.record_path(path, kind) {
            Ok(record) => Ok(Some(record)),
            Err(LedgerError::Unavailable { .. }) => {
                self.table().stats.unrecorded += 1;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Hands a path over that was just created, unless its scope ended meanwhile.
    fn finish(
        &self,
        number: u64,
        path: PathBuf,
        record: Option<Record>,
    ) -> Result<PathBuf, TempFileError> {
        let mut table = self.table();
        table.stats.created += 1;
        let Some(entry) = table.get(number) else { return Ok(path) };
        entry.making = false;
        entry.record = record;
        if !entry.doomed {
            return Ok(path);
        }
        drop(table);
        let text = path.display().to_string();
        match self.remove(number) {
            Ok(_) => Err(TempFileError::Ended(text)),
            Err(cause) => Err(TempFileError::Remove { path: text, cause }),
        }
    }

    /// Removes a file or directory. One that is gone is no error. A path that is not registered is removed too if
    /// it is a file or a link.
    ///
    /// # Errors
    ///
    /// `Remove`: it is still there.
    pub fn delete(&self, path: &Path) -> Result<(), TempFileError> {
        let number = self.table().number(path);
        let removed = match number {
            Some(number) => self.remove(number).map(drop),
            None => removal::remove(&*self.fs, path, PathKind::File, None).map(drop),
        };
        removed.map_err(|cause| TempFileError::Remove { path: path.display().to_string(), cause })
    }

    /// Removes what was registered `max_age` ago or longer; with zero, everything.
    pub fn cleanup_older_than(&self, max_age: Duration) -> Removed {
        let now = self.clock.monotonic();
        self.remove_those(|entry| !entry.making && now.saturating_sub(entry.created) >= max_age)
    }

    /// Removes what belongs to a group or to one within it.
    pub fn delete_group(&self, group: GroupId, groups: &Groups) -> Removed {
        self.remove_those(|entry| groups.is_within(entry.group, group))
    }

    /// Removes everything: for the end of the process.
    pub fn delete_all(&self) -> Removed {
        self.remove_those(|_| true)
    }

    /// What is registered, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<TempFile> {
        let table = self.table();
        let files = table.entries().filter(|(_, entry)| !entry.making).map(|(_, entry)| TempFile {
            path: entry.path.clone(),
            kind: entry.kind,
            purpose: entry.purpose.clone(),
            created_ms: entry.created_ms,
            group: entry.group,
        });
        files.collect()
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> TempFileStats {
        self.table().stats
    }

    /// The last registered first.
    fn remove_those(&self, chosen: impl Fn(&Entry) -> bool) -> Removed {
        let table = self.table();
        let numbers: Vec<(u64, PathBuf)> = table
            .entries()
            .rev()
            .filter(|(_, entry)| chosen(entry))
            .map(|(number, entry)| (number, entry.path.clone()))
            .collect();
        drop(table);
        let mut removed = Removed::default();
        for (number, path) in numbers {
            match self.remove(number) {
                Ok(Some(Removal::File | Removal::Directory)) => removed.count += 1,
                Ok(Some(Removal::AlreadyGone) | None) => {}
                Err(error) => removed.kept.push(Problem { path, reason: error.to_string() }),
            }
        }
        removed
    }

    /// `None`: it is not registered any more, or is being created, and then removed by whoever does.
    fn remove(&self, number: u64) -> io::Result<Option<Removal>> {
        let mut table = self.table();
        let Some(entry) = table.get(number) else { return Ok(None) };
        if entry.making {
            entry.doomed = true;
            return Ok(None);
        }
        let (path, kind) = (entry.path.clone(), entry.kind);
        drop(table);
        let removed = removal::remove(&*self.fs, &path, kind, None);
        let mut table = self.table();
        match &removed {
            Ok(Removal::AlreadyGone) => table.stats.already_gone += 1,
            Ok(_) => table.stats.removed += 1,
            Err(_) => table.stats.failures += 1,
        }
        if removed.is_ok() {
            let record = table.remove(number).and_then(|entry| entry.record);
            drop(table);
            record.into_iter().for_each(|record| self.journal.strike(record));
        }
        removed.map(Some)
    }
}

fn require_absolute(path: &Path) -> Result<(), TempFileError> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(TempFileError::Relative(path.display().to_string()))
}

fn cut(purpose: &str) -> String {
    let end = (0..=MOST_PURPOSE.min(purpose.len())).rev().find(|&at| purpose.is_char_boundary(at));
    purpose[..end.unwrap_or(0)].to_owned()
}
