//! The names of system errors.

use std::io;

/// The name of a system error, `ENOSPC` and its like; the number where it has none here.
#[must_use]
pub fn system_name(error: &io::Error) -> String {
    #[cfg(unix)]
    {
        const NAMES: &[(i32, &str)] = &[
            (libc::EACCES, "EACCES"),
            (libc::EAGAIN, "EAGAIN"),
            (libc::EBADF, "EBADF"),
            (libc::EDQUOT, "EDQUOT"),
            (libc::EEXIST, "EEXIST"),
            (libc::EFBIG, "EFBIG"),
            (libc::EINVAL, "EINVAL"),
            (libc::EIO, "EIO"),
            (libc::EISDIR, "EISDIR"),
            (libc::ELOOP, "ELOOP"),
            (libc::EMFILE, "EMFILE"),
            (libc::ENAMETOOLONG, "ENAMETOOLONG"),
            (libc::ENFILE, "ENFILE"),
            (libc::ENOENT, "ENOENT"),
            (libc::ENOMEM, "ENOMEM"),
            (libc::ENOSPC, "ENOSPC"),
            (libc::ENOTDIR, "ENOTDIR"),
            (libc::EPERM, "EPERM"),
            (libc::EROFS, "EROFS"),
            (libc::ESTALE, "ESTALE"),
        ];
        if let Some(number) = error.raw_os_error() {
            let known = NAMES.iter().find(|(known, _)| *known == number);
            return known.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned());
        }
    }
    match error.kind() {
        io::ErrorKind::NotFound => "ENOENT".to_owned(),
        io::ErrorKind::PermissionDenied => "EACCES".to_owned(),
        io::ErrorKind::AlreadyExists => "EEXIST".to_owned(),
        io::ErrorKind::StorageFull => "ENOSPC".to_owned(),
        kind => format!("{kind:?}"),
    }
}
