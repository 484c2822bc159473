//! Where a log really lies, and whether it may be written there.
//!
//! All handles of one log must agree on the directory that holds its lock and rings, so the log's path
//! is resolved once, at the start. A symbolic link at the log's path is followed when nobody but the
//! user or the owner of the directory can have put it there, and only into a directory of the same
//! owner; a link planted by another user is refused. The file itself is always opened with
//! `O_NOFOLLOW`, so a link that appears later is refused too.

use super::paths::LogPaths;
use crate::platform::filesystem::FileSystem;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Links followed one after another, as many as Linux follows in one path (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// Why a log cannot be kept at a path.
#[derive(Debug, Error)]
pub enum LocationError {
    /// The path has no file name a log could have.
    #[error("{} does not name a file: give the path of the log itself, in UTF-8", .0.display())]
    NotAFile(PathBuf),
    /// A symbolic link that may not be followed.
    #[error("{} is a symbolic link {reason}; it is not followed. Give the target's own path", path.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Resolves the path of a log; missing directories are created with mode 0700.
///
/// # Errors
/// [`LocationError`].
pub fn locate(fs: &dyn FileSystem, user: u32, path: &Path) -> Result<LogPaths, LocationError> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .filter(|_| !path.to_string_lossy().ends_with(std::path::is_separator))
            .ok_or_else(|| LocationError::NotAFile(path.clone()))?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| LocationError::Io { action, path, source }
        };
        if fs.status_at(parent).is_err() {
            fs.create_directory(parent).map_err(failed("create the directory", parent))?;
        }
        let directory = fs.canonical(parent).map_err(failed("resolve", parent))?;
        let log = directory.join(name);
        let status = match fs.status_at(&log) {
            Ok(status) => status,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(LogPaths::new(directory, name.to_owned()));
            }
            Err(source) => return Err(failed("look at", &log)(source)),
        };
        if !status.is_symlink {
            return if status.is_file {
                Ok(LogPaths::new(directory, name.to_owned()))
            } else {
                Err(LocationError::NotAFile(log))
            };
        }
        let owner = fs.status_at(&directory).map_err(failed("look at", &directory))?.owner;
        if status.owner != user && status.owner != owner {
            return Err(LocationError::Link { path: log, reason: "made by another user" });
        }
        let target = directory.join(fs.link_target(&log).map_err(failed("read", &log))?);
        let target_directory = target.parent().unwrap_or(Path::new("/"));
        let target_owner = fs
            .canonical(target_directory)
            .and_then(|directory| fs.status_at(&directory))
            .map_err(failed("look at", target_directory))?
            .owner;
        if target_owner != owner {
            let reason = "into a directory of another owner";
            return Err(LocationError::Link { path: log, reason });
        }
        path = target;
    }
    Err(LocationError::Link { path, reason: "in a circle of links" })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::platform::filesystem::RealFileSystem;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn owner(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().uid()
    }

    #[test]
    fn missing_directories_are_made_private() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("a/b/log.jsonl");
        let paths = locate(&RealFileSystem, owner(home.path()), &log).unwrap();
        assert_eq!(paths.log(), home.path().canonicalize().unwrap().join("a/b/log.jsonl"));
        let mode = std::fs::metadata(home.path().join("a/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_link_of_our_own_into_a_directory_of_the_same_owner_is_followed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("real")).unwrap();
        symlink("real/log.jsonl", home.path().join("link.jsonl")).unwrap();
        let link = home.path().join("link.jsonl");
        let paths = locate(&RealFileSystem, owner(home.path()), &link).unwrap();
        assert_eq!(paths.log(), home.path().canonicalize().unwrap().join("real/log.jsonl"));
    }

    #[test]
    fn a_circle_a_directory_and_an_empty_name_are_refused() {
        let home = tempfile::tempdir().unwrap();
        symlink("b", home.path().join("a")).unwrap();
        symlink("a", home.path().join("b")).unwrap();
        let user = owner(home.path());
        let refused = |path: &Path| locate(&RealFileSystem, user, path).unwrap_err();
        assert!(matches!(refused(&home.path().join("a")), LocationError::Link { .. }));
        assert!(matches!(refused(home.path()), LocationError::NotAFile(_)));
        assert!(matches!(refused(&home.path().join("x/")), LocationError::NotAFile(_)));
        assert!(matches!(refused(Path::new("")), LocationError::NotAFile(_)));
    }

    #[test]
    fn a_link_of_another_user_is_refused() {
        let home = tempfile::tempdir().unwrap();
        symlink("target.jsonl", home.path().join("link.jsonl")).unwrap();
        // Changing the owner takes root; elsewhere another user is played by another directory owner.
        let stranger = owner(home.path()) + 1;
        if std::os::unix::fs::lchown(home.path().join("link.jsonl"), Some(stranger), None).is_err()
        {
            eprintln!("not run: changing the owner of a link takes root");
            return;
        }
        let error = locate(&RealFileSystem, owner(home.path()), &home.path().join("link.jsonl"));
        assert!(error.unwrap_err().to_string().contains("made by another user"));
    }
}
