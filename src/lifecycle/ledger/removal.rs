//! Removing what was recorded, and nothing else.
//!
//! A symbolic link is removed as a link, whatever it points to; a directory goes with everything below it, and
//! nothing in it is followed ([`FileSystem::remove_tree`]). A path that has changed its kind otherwise is no
//! longer what was made: it stays, and that is told.

use super::PathKind;
use crate::platform::filesystem::FileSystem;
use std::io;
use std::path::Path;

/// How often a directory is tried in which somebody still creates files.
const TRIES: u32 = 3;

/// What there was to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It had gone before.
    AlreadyGone,
    /// A file, a link, a socket or whatever else has one name.
    File,
    /// A directory and what was in it.
    Directory,
}

/// Removes a path. With `only_of` what belongs to another user stays.
///
/// # Errors
///
/// `PermissionDenied`: it is another user's. `NotADirectory`, `IsADirectory`: something else has its name now.
/// Whatever the system says otherwise.
pub fn remove(
    fs: &dyn FileSystem,
    path: &Path,
    kind: PathKind,
    only_of: Option<u32>,
) -> io::Result<Removal> {
    let status = match fs.status_at(path) {
        Ok(status) => status,
        Err(error) if is_gone(&error) => return Ok(Removal::AlreadyGone),
        Err(error) => return Err(error),
    };
    if only_of.is_some_and(|user| user != status.owner) {
        let message = "it belongs to another user now";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let removed = match kind {
        PathKind::Directory if status.is_directory => remove_tree(fs, path),
        PathKind::File if status.is_directory => {
            let message = "it was a file and is a directory now";
            return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
        }
        PathKind::Directory if !status.is_symlink => {
            let message = "it was a directory and is a file now";
            return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
        }
        _ => fs.remove(path).map(|()| Removal::File),
    };
    match removed {
        // Somebody else was faster.
        Err(error) if is_gone(&error) => Ok(Removal::AlreadyGone),
        removed => removed,
    }
}

fn remove_tree(fs: &dyn FileSystem, path: &Path) -> io::Result<Removal> {
    let mut tries = 1;
    loop {
        match fs.remove_tree(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries < TRIES => {
                tries += 1;
            }
            removed => return removed.map(|()| Removal::Directory),
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    // A directory above it that became a file took it along.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
    use crate::platform::filesystem::RealFileSystem;
    use crate::platform::user;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn remove_own(path: &Path, kind: PathKind) -> io::Result<Removal> {
        remove(&RealFileSystem, path, kind, Some(user::effective()))
    }

    #[test]
    fn a_file_a_directory_and_what_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let (file, directory) = (home.path().join("file"), home.path().join("directory"));
        fs::write(&file, "x").unwrap();
        fs::create_dir_all(directory.join("a/b")).unwrap();
        fs::write(directory.join("a/b/c"), "x").unwrap();
        assert_eq!(remove_own(&file, PathKind::File).unwrap(), Removal::File);
        assert_eq!(remove_own(&file, PathKind::File).unwrap(), Removal::AlreadyGone);
        assert_eq!(remove_own(&directory, PathKind::Directory).unwrap(), Removal::Directory);
        let below = directory.join("a");
        assert_eq!(remove_own(&below, PathKind::Directory).unwrap(), Removal::AlreadyGone);
        fs::write(&file, "x").unwrap();
        let below_a_file = file.join("below");
        assert_eq!(remove_own(&below_a_file, PathKind::File).unwrap(), Removal::AlreadyGone);
    }

    #[test]
    fn a_link_goes_and_what_it_points_to_stays() {
        let home = tempfile::tempdir().unwrap();
        let treasure = home.path().join("treasure");
        fs::create_dir(&treasure).unwrap();
        fs::write(treasure.join("gold"), "x").unwrap();
        let link = home.path().join("link");
        for kind in [PathKind::File, PathKind::Directory] {
            symlink(&treasure, &link).unwrap();
            assert_eq!(remove_own(&link, kind).unwrap(), Removal::File);
            assert!(link.symlink_metadata().is_err());
        }
        let directory = home.path().join("directory");
        fs::create_dir(&directory).unwrap();
        symlink(&treasure, directory.join("inside")).unwrap();
        remove_own(&directory, PathKind::Directory).unwrap();
        assert!(treasure.join("gold").exists());
    }

    #[test]
    fn what_changed_its_kind_or_its_owner_stays() {
        let home = tempfile::tempdir().unwrap();
        let (file, directory) = (home.path().join("file"), home.path().join("directory"));
        fs::write(&file, "x").unwrap();
        fs::create_dir(&directory).unwrap();
        let changed = remove_own(&file, PathKind::Directory).unwrap_err();
        assert_eq!(changed.kind(), io::ErrorKind::NotADirectory);
        let changed = remove_own(&directory, PathKind::File).unwrap_err();
        assert_eq!(changed.kind(), io::ErrorKind::IsADirectory);
        let another = Some(user::effective() + 1);
        let refused = remove(&RealFileSystem, &file, PathKind::File, another).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(file.exists() && directory.exists());
        remove(&RealFileSystem, &file, PathKind::File, None).unwrap();
    }

    #[test]
    fn a_directory_that_fills_while_it_is_emptied_is_tried_again_a_few_times() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("directory");
        fs::create_dir(&directory).unwrap();
        let faulty = FaultyFileSystem::new();
        faulty.fail_nth(Call::RemoveTree, 1, Fault::Error(libc::ENOTEMPTY));
        assert_eq!(
            remove(&faulty, &directory, PathKind::Directory, None).unwrap(),
            Removal::Directory
        );
        fs::create_dir(&directory).unwrap();
        faulty.fail_from(Call::RemoveTree, 1, Fault::Error(libc::ENOTEMPTY));
        let before = faulty.count(Call::RemoveTree);
        remove(&faulty, &directory, PathKind::Directory, None).unwrap_err();
        assert_eq!(faulty.count(Call::RemoveTree) - before, u64::from(TRIES));
    }
}
