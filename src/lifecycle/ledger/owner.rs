//! The ledger of this process, as its owner writes it.
//!
//! It is opened at the first record. Opening meets sweeps that run at that moment:
//!
//! ```text
//! owner: create (O_EXCL) ── lock ── is it still linked? ── write the header ── records
//! sweep:                   open ── lock ── is it still linked? ── read, remove what is in it, unlink
//! ```
//!
//! Whoever has the lock sees the file as the other left it. A sweep that gets the lock first finds a file without a
//! header, in which nothing can have been recorded, and unlinks it; the owner then finds that it lost the lock or
//! that the file has no name any more, and begins another one. An owner that gets the lock first keeps it.
//!
//! - A ledger whose name was removed under its owner is written anew with all its records.
//! - A process forked from the owner does not own the ledger: it begins one of its own. It holds the lock too,
//!   though, until it uses a ledger, executes a program or ends.

use super::place::Place;
use super::slots::{Entry, Header, STRUCK};
use super::state_directory::prepare;
use super::{Journal, LedgerError, MOST_RECORDS, PathKind, Record, SLOT, random};
use crate::platform::filesystem::FileSystem;
use crate::platform::process::{ProcessIdentity, this_process};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// How many files are begun when sweeps take one after the other.
const TRIES: u32 = 16;
/// A file with more slots than this is cut when none of them is used.
const KEPT_SLOTS: usize = 256;
/// Of the 32 bits of a [`Record`] the lower ones name the slot, the others which of its records it is.
const SLOT_BITS: u32 = 17;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;

const _: () = assert!(MOST_RECORDS < SLOT_MASK as usize);

/// What is known of a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Records now.
    pub records: usize,
    /// Most records at once.
    pub most_records: usize,
    /// Records written so far.
    pub written: u64,
    /// Records struck out so far.
    pub struck: u64,
    /// Records that could not be written, and those that could not be struck out (they are overwritten by the
    /// next ones, or found to be gone by a sweep).
    pub write_failures: u64,
    /// Things that were not recorded because the ledger is full or their path does not fit.
    pub refused: u64,
    /// Things that were not recorded because there is no ledger.
    pub unrecorded: u64,
    /// Why there is none, when it was last tried.
    pub unavailable: Option<String>,
}

/// See the [module](self).
pub struct Ledger {
    fs: Arc<dyn FileSystem>,
    /// Without one: where it would have been, and why it cannot be used.
    directory: Result<PathBuf, (String, String)>,
    place: Place,
    pub(super) most_records: usize,
    state: Mutex<State>,
}

struct State {
    process: u32,
    open: Option<Open>,
    /// Counts records, to tell apart those of one slot.
    serial: u32,
    stats: LedgerStats,
}

struct Open {
    file: File,
    path: PathBuf,
    /// The slots from 1 on that were ever used: the record each holds.
    slots: Vec<Option<Record>>,
    /// Those that are free again, the last freed last.
    free: Vec<u32>,
}

impl Ledger {
    /// A ledger in `directory` ([`super::state_directory::state_directory`]), begun at the first record. Where
    /// there is no such directory it records nothing, and says so each time.
    #[must_use]
    pub fn open(fs: Arc<dyn FileSystem>, directory: Result<PathBuf, LedgerError>) -> Ledger {
        Ledger::at(fs, directory, Place::here())
    }

    pub(super) fn at(
        fs: Arc<dyn FileSystem>,
        directory: Result<PathBuf, LedgerError>,
        place: Place,
    ) -> Ledger {
        let directory = directory.map_err(|error| match error {
            LedgerError::Unavailable { path, cause } => (path, cause.to_string()),
            other => (String::new(), other.to_string()),
        });
        let state = State {
            process: std::process::id(),
            open: None,
            serial: 0,
            stats: LedgerStats::default(),
        };
        Ledger { fs, directory, place, most_records: MOST_RECORDS, state: Mutex::new(state) }
    }

    /// What is known of it.
    #[must_use]
    pub fn stats(&self) -> LedgerStats {
        self.state().stats.clone()
    }

    /// Removes the file if nothing is recorded in it, for the end of the process. Waits for nobody: where another
    /// thread is at the ledger in that moment, the next sweep removes it.
    pub fn remove_if_empty(&self) {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        state.forget_if_forked();
        if state.stats.records == 0
            && let Some(open) = state.open.take()
        {
            // What cannot be removed is empty, and found to be so by the next sweep.
            self.fs.remove(&open.path).ok();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget_if_forked();
        state
    }

    fn record(&self, entry: &Entry) -> Result<Record, LedgerError> {
        let mut state = self.state();
        let written = match entry.encode() {
            Some(bytes) => self.write(&mut state, &bytes),
            None => Err(LedgerError::BadPath),
        };
        let stats = &mut state.stats;
        match &written {
            Ok(_) => {
                stats.written += 1;
                stats.records += 1;
                stats.most_records = stats.most_records.max(stats.records);
                stats.unavailable = None;
            }
            Err(error @ LedgerError::Unavailable { .. }) => {
                stats.unrecorded += 1;
                stats.unavailable = Some(error.to_string());
            }
            Err(LedgerError::Write { .. }) => stats.write_failures += 1,
            Err(LedgerError::Full | LedgerError::BadPath) => stats.refused += 1,
        }
        written
    }

    fn write(&self, state: &mut State, bytes: &[u8]) -> Result<Record, LedgerError> {
        let open = self.opened(&mut state.open)?;
        let slot = match open.free.pop() {
            Some(slot) => slot,
            None if open.slots.len() < self.most_records => {
                open.slots.push(None);
                // Below 2^17.
                open.slots.len() as u32
            }
            None => return Err(LedgerError::Full),
        };
        if let Err(cause) = write_all(&*self.fs, &open.file, bytes, offset(slot)) {
            // What was written in part has a wrong checksum; this is for where nothing was, over a record that
            // could not be struck out.
            self.fs.write_at(&open.file, &STRUCK, offset(slot)).ok();
            open.free.push(slot);
            return Err(LedgerError::Write { path: open.path.display().to_string(), cause });
        }
        state.serial = state.serial.wrapping_add(1);
        let record = Record(slot | state.serial << SLOT_BITS);
        open.slots[slot as usize - 1] = Some(record);
        Ok(record)
    }

    /// The file, begun or begun anew if need be.
    fn opened<'a>(&self, open: &'a mut Option<Open>) -> Result<&'a mut Open, LedgerError> {
        match open.take() {
            Some(current) if !self.is_lost(&current) => Ok(open.insert(current)),
            mut lost => match self.begin(lost.as_mut()) {
                Ok(fresh) => Ok(open.insert(fresh)),
                Err(error) => {
                    *open = lost;
                    Err(error)
                }
            },
        }
    }

    fn is_lost(&self, open: &Open) -> bool {
        self.fs.status(&open.file).is_ok_and(|status| status.links == 0)
    }

    fn begin(&self, lost: Option<&mut Open>) -> Result<Open, LedgerError> {
        let directory = self.directory.as_ref().map_err(|(path, reason)| {
            let cause = io::Error::new(io::ErrorKind::NotFound, reason.clone());
            LedgerError::Unavailable { path: path.clone(), cause }
        })?;
        let failed = |cause: io::Error| failure(directory, cause);
        prepare(&*self.fs, directory).map_err(failed)?;
        for _ in 0..TRIES {
            let number = random();
            let path = directory.join(format!("{}-{number:016x}.ledger", std::process::id()));
            let file = match self.fs.create_new(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed(error)),
            };
            match self.claim(&file, lost.as_deref()) {
                Ok(true) => {
                    let (slots, free) = lost.map_or_else(Default::default, |lost| {
                        (std::mem::take(&mut lost.slots), std::mem::take(&mut lost.free))
                    });
                    return Ok(Open { file, path, slots, free });
                }
                Ok(false) => {}
                Err(error) => {
                    self.fs.remove(&path).ok();
                    return Err(failed(error));
                }
            }
        }
        Err(failed(io::Error::other("sweeps took every ledger that was begun")))
    }

    /// Makes a file that was just created a ledger. `false`: a sweep was faster.
    fn claim(&self, file: &File, lost: Option<&Open>) -> io::Result<bool> {
        let fs = &*self.fs;
        if !fs.try_lock(file)? || fs.status(file)?.links == 0 {
            return Ok(false);
        }
        let header = Header { place: self.place, owner: this_process() };
        write_all(fs, file, &header.encode(), 0)?;
        let Some(lost) = lost else { return Ok(true) };
        let mut bytes = vec![0; SLOT];
        for record in lost.slots.iter().flatten() {
            let at = offset(record.0 & SLOT_MASK);
            let read = fs.read_at(&lost.file, &mut bytes, at)?;
            write_all(fs, file, &bytes[..read], at)?;
        }
        Ok(true)
    }
}

impl Drop for Ledger {
    /// Gives the lock back. Closing alone would not, while a process that is being started from another thread has
    /// a copy of the descriptor, until it executes its program.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.forget_if_forked();
        if let Some(open) = &state.open {
            self.fs.unlock(&open.file).ok();
        }
    }
}

impl Journal for Ledger {
    fn record_process(
        &self,
        process: ProcessIdentity,
        command: &[u8],
    ) -> Result<Record, LedgerError> {
        self.record(&Entry::Process { identity: process, command: command.to_vec() })
    }

    fn record_path(&self, path: &Path, kind: PathKind) -> Result<Record, LedgerError> {
        self.record(&Entry::Path { path: path.to_owned(), kind })
    }

    fn strike(&self, record: Record) {
        let mut state = self.state();
        let State { open: Some(open), stats, .. } = &mut *state else { return };
        let slot = record.0 & SLOT_MASK;
        let Some(held) = (slot as usize).checked_sub(1).and_then(|at| open.slots.get_mut(at))
        else {
            return;
        };
        if *held != Some(record) {
            return;
        }
        *held = None;
        open.free.push(slot);
        stats.records -= 1;
        stats.struck += 1;
        if write_all(&*self.fs, &open.file, &STRUCK, offset(slot)).is_err() {
            stats.write_failures += 1;
        }
        if stats.records == 0
            && open.slots.len() > KEPT_SLOTS
            && self.fs.truncate(&open.file, SLOT as u64).is_ok()
        {
            open.slots.clear();
            open.free.clear();
        }
    }

    fn path(&self) -> Option<PathBuf> {
        let mut state = self.state();
        match self.opened(&mut state.open) {
            Ok(open) => Some(open.path.clone()),
            Err(error) => {
                state.stats.unavailable = Some(error.to_string());
                None
            }
        }
    }
}

impl State {
    fn forget_if_forked(&mut self) {
        if self.process != std::process::id() {
            self.process = std::process::id();
            // Closed, not unlocked: the lock is shared with the owner, who keeps it.
            self.open = None;
            self.stats = LedgerStats::default();
        }
    }
}

fn offset(slot: u32) -> u64 {
    u64::from(slot) * SLOT as u64
}

/// What there is no room for now may be tried again; everything else says the directory is of no use.
fn failure(directory: &Path, cause: io::Error) -> LedgerError {
    let path = directory.display().to_string();
    #[cfg(unix)]
    let scarce = matches!(cause.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM));
    #[cfg(not(unix))]
    let scarce = false;
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            LedgerError::Write { path, cause }
        }
        _ if scarce => LedgerError::Write { path, cause },
        _ => LedgerError::Unavailable { path, cause },
    }
}

fn write_all(fs: &dyn FileSystem, file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match fs.write_at(file, bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::platform::filesystem::RealFileSystem;

    #[test]
    fn a_forked_process_leaves_the_ledger_of_its_parent_alone_and_begins_its_own() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("ledger");
        let ledger = Ledger::open(Arc::new(RealFileSystem), Ok(directory.clone()));
        let record = ledger.record_path(Path::new("/of/the/parent"), PathKind::File).unwrap();
        let path = ledger.path().unwrap();
        let before = std::fs::read(&path).unwrap();
        // What a fork sees: the memory of the parent, in a process of another number.
        ledger.state.lock().unwrap().process += 1;
        ledger.strike(record);
        assert_eq!(ledger.stats(), LedgerStats::default());
        ledger.remove_if_empty();
        let own = ledger.record_path(Path::new("/of/the/child"), PathKind::File).unwrap();
        assert_ne!(ledger.path().unwrap(), path);
        ledger.strike(record);
        assert_eq!((ledger.stats().records, own == record), (1, false));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
