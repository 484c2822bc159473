//! The child, from its fork to its program. Async-signal-safe: nothing allocates, nothing locks.

use super::{MOST_DIRECTORY, MOST_NAME, signals, terminated};
use std::ffi::{CStr, c_char};

/// All the child needs, made before the fork.
pub(super) struct Prepared<'a> {
    pub(super) name: &'a CStr,
    pub(super) path: &'a [u8],
    /// Room for the paths that are tried.
    pub(super) candidate: Vec<u8>,
    pub(super) arguments: Vec<*const c_char>,
    /// For a shell; the second is filled in.
    pub(super) script: Vec<*const c_char>,
    pub(super) environment: Vec<*const c_char>,
    pub(super) closed: Vec<i32>,
    pub(super) go: i32,
    pub(super) keepers_end: i32,
    pub(super) status: i32,
}

impl Prepared<'_> {
    /// Waits for the word, then becomes the program, or says why not and ends.
    pub(super) fn become_program(&mut self) -> ! {
        signals::block_all();
        for &descriptor in &self.closed {
            // SAFETY: by number, in a process that is about to be replaced; the parent has its own copy.
            unsafe { libc::close(descriptor) };
        }
        // SAFETY: as above. The end of the pipe, the parent's death, would not be seen otherwise.
        unsafe { libc::close(self.keepers_end) };
        if self.hears_go() {
            signals::restore_defaults();
            let errno = self.execute().to_ne_bytes();
            // SAFETY: writes four bytes of a live array.
            unsafe { libc::write(self.status, errno.as_ptr().cast(), errno.len()) };
        }
        // SAFETY: ends this process without running what belongs to the parent.
        unsafe { libc::_exit(127) }
    }

    fn hears_go(&self) -> bool {
        let mut word = 0u8;
        loop {
            // SAFETY: reads at most one byte into a live variable.
            match unsafe { libc::read(self.go, (&raw mut word).cast(), 1) } {
                1 => return true,
                -1 if errno() == libc::EINTR => {}
                _ => return false,
            }
        }
    }

    /// As `execvp(3)`; returns the error number, for success does not return.
    fn execute(&mut self) -> i32 {
        let name = self.name.to_bytes();
        if name.is_empty() {
            return libc::ENOENT;
        }
        if name.contains(&b'/') {
            return self.try_path(self.name.as_ptr());
        }
        if name.len() > MOST_NAME {
            return libc::ENAMETOOLONG;
        }
        let mut refused = false;
        let mut last = libc::ENOENT;
        for directory in self.path.split(|&byte| byte == b':') {
            if directory.len() > MOST_DIRECTORY || !self.write_candidate(directory) {
                continue;
            }
            let Some(candidate) = terminated(&self.candidate).map(CStr::as_ptr) else { continue };
            last = self.try_path(candidate);
            match last {
                libc::EACCES => refused = true,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return last,
            }
        }
        if refused { libc::EACCES } else { last }
    }

    /// `directory/name`, terminated; an empty directory is the working directory.
    fn write_candidate(&mut self, directory: &[u8]) -> bool {
        let separator: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        let mut at = 0;
        for part in [directory, separator, self.name.to_bytes_with_nul()] {
            let Some(room) = self.candidate.get_mut(at..at + part.len()) else { return false };
            room.copy_from_slice(part);
            at += part.len();
        }
        true
    }

    fn try_path(&mut self, path: *const c_char) -> i32 {
        // SAFETY: a terminated string and arrays of such that end with null, all made before the fork.
        unsafe { libc::execve(path, self.arguments.as_ptr(), self.environment.as_ptr()) };
        let error = errno();
        if error != libc::ENOEXEC {
            return error;
        }
        if let [shell, file, ..] = self.script.as_mut_slice() {
            *file = path;
            let shell = *shell;
            // SAFETY: as above.
            unsafe { libc::execve(shell, self.script.as_ptr(), self.environment.as_ptr()) };
        }
        errno()
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}
