//! Exclusive locks on single bytes of an open file.
//!
//! A lock belongs to the *open file description*, not to the process: two handles opened one after the
//! other in one process exclude each other, closing some other handle of the file gives nothing back, and
//! the death of the process, by whatever signal, gives everything back. The byte need not exist. A handle
//! is not inherited by programs started from here (close on exec); a process forked without an `exec` does
//! inherit it, and the lock then lives as long as both.
//!
//! Linux, Android and Apple systems have such locks (`F_OFD_SETLK`, `fcntl(2)`). Elsewhere every call gives
//! [`io::ErrorKind::Unsupported`].

#![allow(unsafe_code)] // the fence: these locks have no safe interface

use std::fs::File;
use std::io;

/// Takes the exclusive lock of a byte; `false` when another handle has it. The file must be open for
/// writing. Taking a lock that this handle has already is no change.
///
/// # Errors
/// Whatever `fcntl` gives.
pub fn try_lock(file: &File, byte: u32) -> io::Result<bool> {
    imp::try_lock(file, byte)
}

/// Gives the lock of a byte back. Giving back what one has not is no change.
///
/// # Errors
/// Whatever `fcntl` gives.
pub fn unlock(file: &File, byte: u32) -> io::Result<()> {
    imp::unlock(file, byte)
}

/// Whether another handle than this one has the lock of a byte. Looking takes nothing.
///
/// # Errors
/// Whatever `fcntl` gives.
pub fn is_locked_by_another(file: &File, byte: u32) -> io::Result<bool> {
    imp::is_locked_by_another(file, byte)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod imp {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    fn request(file: &File, command: libc::c_int, kind: i32, byte: u32) -> io::Result<i32> {
        // SAFETY: `flock` is a plain structure of integers, for which zeros are valid.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        lock.l_start = byte as libc::off_t;
        lock.l_len = 1;
        // SAFETY: the descriptor is open as long as `file` is borrowed, and the structure outlives the call.
        let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) };
        if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(i32::from(lock.l_type)) }
    }

    pub(super) fn try_lock(file: &File, byte: u32) -> io::Result<bool> {
        match request(file, libc::F_OFD_SETLK, i32::from(libc::F_WRLCK as i16), byte) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn unlock(file: &File, byte: u32) -> io::Result<()> {
        request(file, libc::F_OFD_SETLK, i32::from(libc::F_UNLCK as i16), byte).map(|_| ())
    }

    pub(super) fn is_locked_by_another(file: &File, byte: u32) -> io::Result<bool> {
        let found = request(file, libc::F_OFD_GETLK, i32::from(libc::F_WRLCK as i16), byte)?;
        Ok(found != i32::from(libc::F_UNLCK as i16))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod imp {
    use std::fs::File;
    use std::io;

    pub(super) fn try_lock(_: &File, _: u32) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn unlock(_: &File, _: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn is_locked_by_another(_: &File, _: u32) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::path::Path;

    fn open(path: &Path) -> File {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    }

    #[test]
    fn two_handles_of_one_process_exclude_each_other_byte_by_byte() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        let (one, other) = (open(&path), open(&path));
        assert!(try_lock(&one, 3).unwrap());
        assert!(try_lock(&one, 3).unwrap(), "one's own lock is no obstacle");
        assert!(!try_lock(&other, 3).unwrap());
        assert!(try_lock(&other, 4).unwrap());
        assert!(is_locked_by_another(&other, 3).unwrap());
        assert!(!is_locked_by_another(&one, 3).unwrap());
        unlock(&one, 3).unwrap();
        assert!(!is_locked_by_another(&other, 3).unwrap());
    }

    #[test]
    fn closing_another_handle_keeps_the_lock_and_closing_its_own_ends_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        let (owner, watcher) = (open(&path), open(&path));
        assert!(try_lock(&owner, 0).unwrap());
        drop(open(&path));
        assert!(is_locked_by_another(&watcher, 0).unwrap());
        drop(owner);
        assert!(!is_locked_by_another(&watcher, 0).unwrap());
    }
}
