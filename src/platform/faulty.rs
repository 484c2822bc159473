//! A disk that fails when a test says so.
//!
//! Wraps the real one. Calls are counted by kind from the moment a fault is set; a fault strikes the
//! chosen one, or every one from there on. A *crash* lets every later call fail as well, so nothing can
//! be tidied up: what the directory then holds is what the death of the process would leave there
//! (locks go when the test drops the code under test, or that gives them back). A write that crashes puts half its bytes down.

use super::filesystem::{FileStatus, FileSystem, RealFileSystem};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// Every one of them.
    Any,
    OpenAppend,
    OpenUpdate,
    CreateNew,
    OpenRead,
    Write,
    Read,
    ReadAt,
    WriteAt,
    Truncate,
    Reserve,
    CopyAccess,
    SyncData,
    SyncDirectory,
    Rename,
    RenameNew,
    Remove,
    Status,
    StatusAt,
    Canonical,
    LinkTarget,
    List,
    CreateDirectory,
    CreateNewDirectory,
    RemoveTree,
    TryLock,
    Unlock,
}

/// What a struck call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Fails with this `errno`, having done nothing.
    Error(i32),
    /// A `write` or `write_at` takes only this many bytes; other calls are not affected.
    Short(usize),
    /// Fails, and so does every later call.
    Crash,
}

struct Rule {
    call: Call,
    /// Calls of this kind still to be let through.
    skip: u64,
    lasting: bool,
    fault: Fault,
}

#[derive(Default)]
struct State {
    counts: HashMap<Call, u64>,
    rules: Vec<Rule>,
    space: Option<u64>,
    crashed: bool,
    meanwhile: Option<(u64, Meanwhile)>,
}

/// What somebody else does between two calls.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// The wrapped disk. Shared between threads as any other.
#[derive(Default)]
pub(crate) struct FaultyFileSystem {
    inner: RealFileSystem,
    state: Mutex<State>,
}

impl FaultyFileSystem {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, call: Call, nth: u64, lasting: bool, fault: Fault) {
        assert!(nth > 0, "calls are counted from 1");
        self.state().rules.push(Rule { call, skip: nth - 1, lasting, fault });
    }

    /// Strikes the `nth` call of this kind from now, once.
    pub(crate) fn fail_nth(&self, call: Call, nth: u64, fault: Fault) {
        self.add(call, nth, false, fault);
    }

    /// Strikes the `nth` call of this kind from now and all after it, until [`Self::heal`].
    pub(crate) fn fail_from(&self, call: Call, nth: u64, fault: Fault) {
        self.add(call, nth, true, fault);
    }

    /// Lets writes take `bytes` more in all; then they are cut short, then `ENOSPC`.
    pub(crate) fn limit_space(&self, bytes: u64) {
        self.state().space = Some(bytes);
    }

    /// Lets somebody else act just before the `nth` call from now, whatever it is.
    pub(crate) fn before_nth(&self, nth: u64, act: impl FnOnce() + Send + 'static) {
        assert!(nth > 0, "calls are counted from 1");
        self.state().meanwhile = Some((nth - 1, Box::new(act)));
    }

    /// Whether what was set by [`Self::before_nth`] has happened.
    pub(crate) fn has_acted(&self) -> bool {
        self.state().meanwhile.is_none()
    }

    /// Forgets every fault, also a crash.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.space = None;
        state.crashed = false;
    }

    /// Calls of this kind so far, struck ones included.
    pub(crate) fn count(&self, call: Call) -> u64 {
        self.state().counts.get(&call).copied().unwrap_or(0)
    }

    /// Whether a crash has struck.
    pub(crate) fn crashed(&self) -> bool {
        self.state().crashed
    }

    fn let_others_act(&self) {
        let mut state = self.state();
        match state.meanwhile.take() {
            Some((0, act)) => {
                drop(state);
                act();
            }
            Some((skip, act)) => state.meanwhile = Some((skip - 1, act)),
            None => {}
        }
    }

    /// Counts a call. `Err`: it fails. `Ok(Some(n))`: it may take `n` bytes and no more.
    fn enter(&self, call: Call, length: Option<usize>) -> Result<Option<usize>, Struck> {
        self.let_others_act();
        let mut state = self.state();
        for kind in [call, Call::Any] {
            *state.counts.entry(kind).or_default() += 1;
        }
        if state.crashed {
            return Err(Struck { error: crash(), write_first: 0 });
        }
        let mut struck = None;
        state.rules.retain_mut(|rule| {
            if rule.call != call && rule.call != Call::Any {
                return true;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return true;
            }
            struck.get_or_insert(rule.fault);
            rule.lasting
        });
        match struck {
            Some(Fault::Error(errno)) => {
                let error = io::Error::from_raw_os_error(errno);
                return Err(Struck { error, write_first: 0 });
            }
            Some(Fault::Crash) => {
                state.crashed = true;
                return Err(Struck { error: crash(), write_first: length.unwrap_or(0) / 2 });
            }
            Some(Fault::Short(bytes)) if length.is_some() => return Ok(Some(bytes)),
            Some(Fault::Short(_)) | None => {}
        }
        match (length, &mut state.space) {
            (Some(length), Some(0)) if length > 0 => {
                Err(Struck { error: io::Error::from_raw_os_error(libc::ENOSPC), write_first: 0 })
            }
            (Some(length), Some(space)) => {
                let taken = (length as u64).min(*space);
                *space -= taken;
                Ok(Some(taken as usize))
            }
            _ => Ok(None),
        }
    }

    fn pass(&self, call: Call) -> io::Result<()> {
        self.enter(call, None).map(|_| ()).map_err(|struck| struck.error)
    }

    fn pass_write(
        &self,
        call: Call,
        bytes: &[u8],
        write: impl Fn(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match self.enter(call, Some(bytes.len())) {
            Ok(limit) => write(&bytes[..limit.unwrap_or(bytes.len()).min(bytes.len())]),
            Err(struck) => {
                if struck.write_first > 0 {
                    write(&bytes[..struck.write_first])?;
                }
                Err(struck.error)
            }
        }
    }
}

struct Struck {
    error: io::Error,
    write_first: usize,
}

fn crash() -> io::Error {
    io::Error::other("the process is dead")
}

impl FileSystem for FaultyFileSystem {
    fn open_append(&self, path: &Path) -> io::Result<File> {
        self.pass(Call::OpenAppend)?;
        self.inner.open_append(path)
    }

    fn open_update(&self, path: &Path) -> io::Result<File> {
        self.pass(Call::OpenUpdate)?;
        self.inner.open_update(path)
    }

    fn open_existing(&self, path: &Path) -> io::Result<File> {
        self.pass(Call::OpenUpdate)?;
        self.inner.open_existing(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<File> {
        self.pass(Call::CreateNew)?;
        self.inner.create_new(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<File> {
        self.pass(Call::OpenRead)?;
        self.inner.open_read(path)
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        self.pass_write(Call::Write, bytes, |bytes| self.inner.write(file, bytes))
    }

    fn read(&self, file: &File, buffer: &mut [u8]) -> io::Result<usize> {
        self.pass(Call::Read)?;
        self.inner.read(file, buffer)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.pass(Call::ReadAt)?;
        self.inner.read_at(file, buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.pass_write(Call::WriteAt, bytes, |bytes| self.inner.write_at(file, bytes, offset))
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.pass(Call::Truncate)?;
        self.inner.truncate(file, length)
    }

    fn reserve(&self, file: &File, length: u64) -> io::Result<()> {
        self.pass(Call::Reserve)?;
        self.inner.reserve(file, length)
    }

    fn copy_access(&self, from: &File, to: &File) -> io::Result<()> {
        self.pass(Call::CopyAccess)?;
        self.inner.copy_access(from, to)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.pass(Call::SyncData)?;
        self.inner.sync_data(file)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::SyncDirectory)?;
        self.inner.sync_directory(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Call::Rename)?;
        self.inner.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Call::RenameNew)?;
        self.inner.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::Remove)?;
        self.inner.remove(path)
    }

    fn status(&self, file: &File) -> io::Result<FileStatus> {
        self.pass(Call::Status)?;
        self.inner.status(file)
    }

    fn status_at(&self, path: &Path) -> io::Result<FileStatus> {
        self.pass(Call::StatusAt)?;
        self.inner.status_at(path)
    }

    fn canonical(&self, directory: &Path) -> io::Result<PathBuf> {
        self.pass(Call::Canonical)?;
        self.inner.canonical(directory)
    }

    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        self.pass(Call::LinkTarget)?;
        self.inner.link_target(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.pass(Call::List)?;
        self.inner.list(directory)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::CreateDirectory)?;
        self.inner.create_directory(path)
    }

    fn create_new_directory(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::CreateNewDirectory)?;
        self.inner.create_new_directory(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::RemoveTree)?;
        self.inner.remove_tree(path)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        self.pass(Call::TryLock)?;
        self.inner.try_lock(file)
    }

    fn unlock(&self, file: &File) -> io::Result<()> {
        match self.pass(Call::Unlock) {
            // Death gives locks back.
            Err(error) if self.crashed() => self.inner.unlock(file).and(Err(error)),
            passed => passed.and_then(|()| self.inner.unlock(file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_call_fails_once_and_is_counted() {
        let home = tempfile::tempdir().unwrap();
        let fs = FaultyFileSystem::new();
        fs.fail_nth(Call::CreateNew, 2, Fault::Error(libc::EACCES));
        fs.create_new(&home.path().join("a")).unwrap();
        let error = fs.create_new(&home.path().join("b")).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EACCES));
        fs.create_new(&home.path().join("b")).unwrap();
        assert_eq!((fs.count(Call::CreateNew), fs.count(Call::Any)), (3, 3));
    }

    #[test]
    fn a_lasting_fault_ends_with_healing() {
        let home = tempfile::tempdir().unwrap();
        let fs = FaultyFileSystem::new();
        fs.fail_from(Call::List, 2, Fault::Error(libc::EIO));
        fs.list(home.path()).unwrap();
        fs.list(home.path()).unwrap_err();
        fs.list(home.path()).unwrap_err();
        fs.heal();
        fs.list(home.path()).unwrap();
    }

    #[test]
    fn a_short_write_takes_a_part_and_a_full_disk_the_rest_of_its_room() {
        let home = tempfile::tempdir().unwrap();
        let fs = FaultyFileSystem::new();
        let file = fs.create_new(&home.path().join("a")).unwrap();
        fs.fail_nth(Call::Write, 1, Fault::Short(3));
        assert_eq!(fs.write(&file, b"abcdef").unwrap(), 3);
        fs.limit_space(4);
        assert_eq!(fs.write(&file, b"defghi").unwrap(), 4);
        let full = fs.write(&file, b"hi").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(home.path().join("a")).unwrap(), b"abcdefg");
    }

    #[test]
    fn after_a_crash_nothing_works_and_half_a_write_is_there() {
        let home = tempfile::tempdir().unwrap();
        let fs = FaultyFileSystem::new();
        let path = home.path().join("a");
        let file = fs.create_new(&path).unwrap();
        fs.fail_nth(Call::Any, 1, Fault::Crash);
        fs.write(&file, b"abcdef").unwrap_err();
        assert!(fs.crashed());
        fs.remove(&path).unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }
}
