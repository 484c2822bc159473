//! Where ledgers are, and whether one may trust the place.
//!
//! What lies in this directory is acted upon: processes are killed and files removed. So it must be this
//! user's own and nobody else may write to it; otherwise there is no ledger, and that is told.

use super::LedgerError;
use crate::platform::filesystem::FileSystem;
use crate::platform::user;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The directory of the ledgers of a user: `ledger` in `PLIMSOLL_STATE_DIR`, else in
/// `XDG_STATE_HOME/plimsoll`, else in `HOME/.local/state/plimsoll` (XDG Base Directory Specification 0.8,
/// which also says that a relative `XDG_STATE_HOME` is to be ignored). Empty values are as good as none.
///
/// # Errors
///
/// [`LedgerError::Unavailable`] when there is none of them, or `PLIMSOLL_STATE_DIR` is relative.
///
/// ```
/// use plimsoll::lifecycle::ledger::state_directory::state_directory;
/// let home = |name: &str| (name == "HOME").then(|| "/home/ann".into());
/// let directory = state_directory(home).unwrap();
/// assert_eq!(directory.to_str(), Some("/home/ann/.local/state/plimsoll/ledger"));
/// ```
pub fn state_directory(
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, LedgerError> {
    let value = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = value("PLIMSOLL_STATE_DIR") {
        if directory.is_absolute() {
            return Ok(directory.join("ledger"));
        }
        return Err(unavailable(&directory, "PLIMSOLL_STATE_DIR is no absolute path"));
    }
    let absolute = |name| value(name).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("state")));
    state.map(|state| state.join("plimsoll").join("ledger")).ok_or_else(|| {
        unavailable(Path::new("~/.local/state/plimsoll"), "neither XDG_STATE_HOME nor HOME is set")
    })
}

fn unavailable(path: &Path, reason: &str) -> LedgerError {
    let cause = io::Error::new(io::ErrorKind::NotFound, reason.to_owned());
    LedgerError::Unavailable { path: path.display().to_string(), cause }
}

/// Sees to it that the directory is there and can be trusted.
pub(super) fn prepare(fs: &dyn FileSystem, directory: &Path) -> io::Result<()> {
    match check(fs, directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        checked => return checked,
    }
    // Root with the environment of another user (`sudo`) would leave directories there that lock him out.
    for above in directory.ancestors().skip(1) {
        match fs.status_at(above) {
            Ok(status) if [0, user::effective()].contains(&status.owner) => break,
            Ok(_) => return Err(refuse(above, "belongs to another user")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    fs.create_directory(directory)?;
    check(fs, directory)
}

/// Whether the directory is one of this user that nobody else can write to.
pub(super) fn check(fs: &dyn FileSystem, directory: &Path) -> io::Result<()> {
    let status = fs.status_at(directory)?;
    if !status.is_directory {
        return Err(refuse(directory, "is no directory"));
    }
    if status.owner != user::effective() {
        return Err(refuse(directory, "belongs to another user"));
    }
    if status.writable_by_others {
        return Err(refuse(
            directory,
            "can be written by others than its owner; take that away from them",
        ));
    }
    Ok(())
}

fn refuse(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::filesystem::RealFileSystem;

    fn of(pairs: &[(&str, &str)]) -> Result<PathBuf, LedgerError> {
        let find = |name: &str| pairs.iter().find(|pair| pair.0 == name);
        state_directory(|name| find(name).map(|pair| pair.1.into()))
    }

    #[test]
    fn the_nearest_value_that_is_set_and_absolute_says_where() {
        let all = [("PLIMSOLL_STATE_DIR", "/p"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(of(&all).unwrap(), Path::new("/p/ledger"));
        assert_eq!(of(&all[1..]).unwrap(), Path::new("/x/plimsoll/ledger"));
        assert_eq!(of(&all[2..]).unwrap(), Path::new("/h/.local/state/plimsoll/ledger"));
        let odd = [("PLIMSOLL_STATE_DIR", ""), ("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(of(&odd).unwrap(), Path::new("/h/.local/state/plimsoll/ledger"));
    }

    #[test]
    fn without_a_home_or_with_a_relative_directory_it_is_said_what_to_do() {
        for pairs in [&[][..], &[("HOME", "")], &[("HOME", "h")], &[("PLIMSOLL_STATE_DIR", "p")]] {
            let error = of(pairs).unwrap_err();
            assert_eq!(error.code(), "ERR_PLIMSOLL_OPEN");
            assert!(error.to_string().contains("set PLIMSOLL_STATE_DIR"), "{error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_directory_others_can_write_to_a_link_and_a_file_are_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let home = tempfile::tempdir().unwrap();
        let good = home.path().join("a/b/ledger");
        prepare(&RealFileSystem, &good).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&good), mode(good.parent().unwrap())), (0o700, 0o700));
        for open in [0o770, 0o702] {
            std::fs::set_permissions(&good, PermissionsExt::from_mode(open)).unwrap();
            let refused = prepare(&RealFileSystem, &good).unwrap_err();
            assert!(refused.to_string().contains("can be written by others"), "{refused}");
        }
        std::fs::set_permissions(&good, PermissionsExt::from_mode(0o700)).unwrap();
        let (link, file) = (home.path().join("link"), home.path().join("file"));
        symlink(&good, &link).unwrap();
        std::fs::write(&file, "").unwrap();
        for path in [link, file] {
            let refused = prepare(&RealFileSystem, &path).unwrap_err();
            assert!(refused.to_string().contains("is no directory"), "{refused}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_directory_of_another_user_is_refused_and_nothing_is_created_in_one() {
        use std::os::unix::fs::chown;
        let home = tempfile::tempdir().unwrap();
        // Root makes one; everybody else finds those of root.
        let foreign = if user::effective() == 0 {
            chown(home.path(), Some(65_534), None).unwrap();
            home.path()
        } else {
            Path::new("/")
        };
        let refused = prepare(&RealFileSystem, foreign).unwrap_err();
        assert!(refused.to_string().contains("belongs to another user"), "{refused}");
        let below = home.path().join("state/ledger");
        if foreign == home.path() {
            let refused = prepare(&RealFileSystem, &below).unwrap_err();
            assert!(refused.to_string().contains("belongs to another user"), "{refused}");
            assert!(!home.path().join("state").exists());
        } else {
            println!("left out: only root can give a directory to another user");
        }
    }
}
