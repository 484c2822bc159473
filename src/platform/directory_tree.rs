//! Removing a directory with everything below it.
//!
//! - No symbolic link is followed, also not one that is put there meanwhile: the standard library opens each
//!   directory relative to the one above it with `O_NOFOLLOW` (`openat(2)`, `unlinkat(2)`) since CVE-2022-21658. A
//!   link at the path itself is removed.
//! - Directories that take nothing out, such as those of Go's module cache (mode 0555), are opened up first, where
//!   they may be read and are this user's own.
//! - A tree deeper than descriptors can be had is not removed, the error is `EMFILE`; directories deeper than
//!   [`MOST_LEVELS`] are not opened up.

use std::io;
use std::path::Path;

/// How deep directories are opened up. Each level holds two descriptors.
pub const MOST_LEVELS: u32 = 128;

/// See the [module](self).
///
/// # Errors
///
/// `NotFound`, `NotADirectory`, and what the system says of whatever in it could not be removed; the rest of it may be
/// gone then.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        #[cfg(unix)]
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            opening::open_up(rustix::fs::CWD, path, MOST_LEVELS)?;
            std::fs::remove_dir_all(path)
        }
        removed => removed,
    }
}

#[cfg(unix)]
mod opening {
    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fchmod, fstat, openat, statat};
    use rustix::path::Arg;
    use std::io;
    use std::os::fd::BorrowedFd;

    /// Lets this user list, enter and change a directory and those below it.
    pub(super) fn open_up(above: BorrowedFd<'_>, name: impl Arg, levels: u32) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(above, name, flags, Mode::empty())?;
        let mode = Mode::from_raw_mode(fstat(&directory)?.st_mode);
        if !mode.contains(Mode::RWXU) {
            fchmod(&directory, mode | Mode::RWXU)?;
        }
        if levels == 0 {
            return Ok(());
        }
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    let status = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(status.st_mode)
                }
                known => known,
            };
            if kind == FileType::Directory {
                use std::os::fd::AsFd;
                open_up(directory.as_fd(), name, levels - 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::path::PathBuf;

    /// A user who is nobody.
    const NOBODY: u32 = 65_534;

    /// Runs on a thread that has no more rights than any user.
    fn unprivileged(root: &Path, run: impl FnOnce() + Send) {
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            chown(root, Some(NOBODY), None).unwrap();
        }
        std::thread::scope(|scope| {
            let as_nobody = || {
                if is_root {
                    let nobody = rustix::thread::Uid::from_raw(NOBODY);
                    // Of this thread alone, unlike the call of the C library.
                    rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
                }
                run();
            };
            scope.spawn(as_nobody).join().unwrap();
        });
    }

    fn close(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_tree_of_directories_that_take_nothing_out_is_removed_and_links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        unprivileged(home.path(), || {
            let tree = home.path().join("tree");
            let treasure = home.path().join("treasure");
            fs::create_dir_all(tree.join("a/b/c")).unwrap();
            fs::create_dir(&treasure).unwrap();
            fs::write(treasure.join("gold"), "x").unwrap();
            symlink(&treasure, tree.join("a/link")).unwrap();
            fs::write(tree.join("a/b/c/file"), "x").unwrap();
            fs::write(tree.join("a/file"), "x").unwrap();
            for below in ["a/b/c", "a/b", "a", ""] {
                close(&tree.join(below), 0o555);
            }
            close(&treasure, 0o555);
            assert!(fs::remove_dir_all(&tree).is_err(), "the test would prove nothing");
            remove(&tree).unwrap();
            assert!(!tree.exists() && treasure.join("gold").exists());
            let mode = fs::metadata(&treasure).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o555);
            close(&treasure, 0o755);
        });
    }

    #[test]
    fn what_cannot_be_opened_up_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        unprivileged(home.path(), || {
            let unreadable: PathBuf = home.path().join("unreadable");
            fs::create_dir_all(unreadable.join("below")).unwrap();
            close(&unreadable, 0);
            let error = remove(&unreadable).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            close(&unreadable, 0o700);
            assert!(unreadable.join("below").exists());
            let missing = remove(&home.path().join("missing")).unwrap_err();
            assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        });
    }
}
