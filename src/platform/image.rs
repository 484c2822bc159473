//! The file this code was loaded from.

#![allow(unsafe_code)] // the fence: dladdr(3)

use std::path::PathBuf;

/// The path of the shared object (or program) that contains this function, as the dynamic linker was given it.
/// `None` where the system does not say.
#[must_use]
pub fn path() -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::ffi::{CStr, OsStr};
        use std::mem::MaybeUninit;
        use std::os::unix::ffi::OsStrExt;
        let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
        let here = path as fn() -> Option<PathBuf> as *const libc::c_void;
        // SAFETY: the address is that of a function of this image; the structure is written before it is read,
        // which a result other than 0 says.
        let named = unsafe {
            if libc::dladdr(here, found.as_mut_ptr()) == 0 {
                return None;
            }
            found.assume_init().dli_fname
        };
        if named.is_null() {
            return None;
        }
        // SAFETY: the linker's own copy of the name, terminated, lives as long as the image.
        let name = unsafe { CStr::from_ptr(named) };
        Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #[test]
    fn the_image_of_a_test_is_the_program_that_runs_it() {
        let program = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert_eq!(super::path().unwrap().canonicalize().unwrap(), program);
    }
}
