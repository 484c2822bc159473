//! Files and directories behind one trait.
//!
//! Every call the components make on the disk goes through [`FileSystem`], with real
//! [`std::fs::File`] handles, so that a test can let any one of them fail. Files are created 0600 and
//! opened with `O_NOFOLLOW`: a planted symbolic link is an error, not a detour.

use super::directory_tree;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What the components need to know of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatus {
    /// Length in bytes.
    pub length: u64,
    /// Device and inode on Unix: two handles are the same file exactly when both are equal. Zero
    /// where the platform has no such identity.
    pub identity: (u64, u64),
    /// Names the file has in its file system; 0 once it was deleted. 1 where unknown.
    pub links: u64,
    /// User id of the owner on Unix, 0 elsewhere.
    pub owner: u32,
    /// Last modification in milliseconds since the Unix epoch.
    pub modified_ms: i64,
    /// Whether it is a symbolic link (only ever true from [`FileSystem::status_at`]).
    pub is_symlink: bool,
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Whether its mode lets others than its owner write to it; never where there are no modes.
    pub writable_by_others: bool,
}

impl From<&Metadata> for FileStatus {
    fn from(metadata: &Metadata) -> Self {
        let modified_ms = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .unwrap_or(0);
        #[cfg(unix)]
        let (identity, links, owner, writable_by_others) = {
            use std::os::unix::fs::MetadataExt;
            let identity = (metadata.dev(), metadata.ino());
            (identity, metadata.nlink(), metadata.uid(), metadata.mode() & 0o022 != 0)
        };
        #[cfg(not(unix))]
        let (identity, links, owner, writable_by_others) = ((0, 0), 1, 0, false);
        FileStatus {
            length: metadata.len(),
            identity,
            links,
            owner,
            modified_ms,
            is_symlink: metadata.file_type().is_symlink(),
            is_file: metadata.is_file(),
            is_directory: metadata.is_dir(),
            writable_by_others,
        }
    }
}

/// The disk. All paths are absolute or relative to the working directory, as in [`std::fs`].
pub trait FileSystem: Send + Sync {
    /// Opens for appending and reading; creates with mode 0600. Refuses a symbolic link.
    fn open_append(&self, path: &Path) -> io::Result<File>;
    /// Opens for reading and writing; creates with mode 0600. Refuses a symbolic link.
    fn open_update(&self, path: &Path) -> io::Result<File>;
    /// Opens an existing file for reading and writing. Refuses a symbolic link.
    fn open_existing(&self, path: &Path) -> io::Result<File>;
    /// Creates a file that must not exist yet, mode 0600, for reading and writing.
    fn create_new(&self, path: &Path) -> io::Result<File>;
    /// Opens for reading. Refuses a symbolic link.
    fn open_read(&self, path: &Path) -> io::Result<File>;
    /// One `write`; may take fewer bytes than given.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize>;
    /// One `read`; 0 at the end of the file.
    fn read(&self, file: &File, buffer: &mut [u8]) -> io::Result<usize>;
    /// One read at `offset`, which does not move the handle's position; 0 at the end of the file.
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// One write at `offset` into a file that was not opened for appending.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Sets the length, cutting or padding with zeros.
    fn truncate(&self, file: &File, length: u64) -> io::Result<()>;
    /// Sets the length to at least `length` with the disk blocks reserved, so that a store into a
    /// mapping of the file cannot meet a full disk (which would be a SIGBUS).
    fn reserve(&self, file: &File, length: u64) -> io::Result<()>;
    /// Gives `to` the permissions of `from`, and its owner where we may.
    fn copy_access(&self, from: &File, to: &File) -> io::Result<()>;
    /// Puts the contents on the device (`fdatasync`).
    fn sync_data(&self, file: &File) -> io::Result<()>;
    /// Puts the names in a directory on the device. A no-op where directories cannot be synced.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Renames, replacing what has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames, failing with [`io::ErrorKind::AlreadyExists`] when the new name is taken.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// What an open handle refers to.
    fn status(&self, file: &File) -> io::Result<FileStatus>;
    /// What a path names, not following a symbolic link at its end.
    fn status_at(&self, path: &Path) -> io::Result<FileStatus>;
    /// The directory a path names, absolute and without symbolic links.
    fn canonical(&self, directory: &Path) -> io::Result<PathBuf>;
    /// Where a symbolic link points, as it is written in it.
    fn link_target(&self, path: &Path) -> io::Result<PathBuf>;
    /// The names in a directory, unordered. Names that are not UTF-8 are left out: none of ours is.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Creates a directory and its missing parents with mode 0700; existing ones keep theirs.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory that must not exist yet, mode 0700, in one that does.
    fn create_new_directory(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with everything below it ([`directory_tree`]). No symbolic link is followed;
    /// one at `path` is removed itself.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive advisory lock of an open file (`flock`). `false` when another handle has
    /// it. The lock ends with the handle, so the death of its process releases it.
    fn try_lock(&self, file: &File) -> io::Result<bool>;
    /// Gives the lock back.
    fn unlock(&self, file: &File) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFileSystem;

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    }
    options
}

fn private_directory() -> std::fs::DirBuilder {
    #[cfg_attr(not(unix), allow(unused_mut))] // the mode is of Unix
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
}

impl FileSystem for RealFileSystem {
    fn open_append(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true).append(true).create(true)).open(path)
    }

    fn open_update(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)
    }

    fn open_existing(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true)).open(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true).create_new(true)).open(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true)).open(path)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn read(&self, mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
        file.read(buffer)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(file, buffer, offset);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_at(file, bytes, offset);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn reserve(&self, file: &File, length: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            match fallocate(file, FallocateFlags::empty(), 0, length) {
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
                reserved => return Ok(reserved?),
            }
        }
        // Written zeros are reserved blocks on every file system that does not compress.
        let zeros = vec![0; 65_536];
        let mut left = length.saturating_sub(file.metadata()?.len());
        while left > 0 {
            let count = left.min(zeros.len() as u64);
            (&mut &*file).write_all(&zeros[..count as usize])?;
            left -= count;
        }
        Ok(())
    }

    fn copy_access(&self, from: &File, to: &File) -> io::Result<()> {
        let wanted = from.metadata()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let current = to.metadata()?;
            if (current.uid(), current.gid()) != (wanted.uid(), wanted.gid()) {
                // Only root may give files away, a group only to a member of it.
                fchown(to, None, Some(wanted.gid())).ok();
                fchown(to, Some(wanted.uid()), None).ok();
            }
        }
        // After the owner: changing that clears the set-id bits.
        to.set_permissions(wanted.permissions())
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => {}
                renamed => return Ok(renamed?),
            }
        }
        // Without the atomic form a check must do; every caller renames under a lock of its own.
        if to.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn status(&self, file: &File) -> io::Result<FileStatus> {
        Ok(FileStatus::from(&file.metadata()?))
    }

    fn status_at(&self, path: &Path) -> io::Result<FileStatus> {
        Ok(FileStatus::from(&std::fs::symlink_metadata(path)?))
    }

    fn canonical(&self, directory: &Path) -> io::Result<PathBuf> {
        std::fs::canonicalize(directory)
    }

    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::read_link(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        private_directory().recursive(true).create(path)
    }

    fn create_new_directory(&self, path: &Path) -> io::Result<()> {
        private_directory().create(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        directory_tree::remove(path)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self, file: &File) -> io::Result<()> {
        file.unlock()
    }
}
