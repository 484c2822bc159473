//! Starting a program without copying this process.
//!
//! `posix_spawn(3)` shares the address space of the caller until the program is executed, so what it costs does
//! not depend on how much memory this process has; a fork would copy its page tables.

#![allow(unsafe_code)] // the fence: posix_spawn(3)

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

/// Starts `program`, a path, as the leader of a new session, with no signal blocked or ignored. Its descriptors
/// are `descriptors`, numbered from 0 in their order, and whatever of this process is not close-on-exec.
///
/// The caller collects its exit status ([`rustix::process::waitpid`] with this very number: never "any child",
/// which would take those of Node).
///
/// # Errors
///
/// What `posix_spawn` says: `ENOENT`, `EACCES`, `E2BIG`, `EAGAIN`, `ENOMEM`, ...; `EMFILE` when the descriptors
/// cannot be arranged.
pub fn spawn(
    program: &CStr,
    arguments: &[CString],
    environment: &[CString],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<i32> {
    // A duplicate above the numbers that are handed out, so that arranging one never overwrites another.
    let floor = i32::try_from(descriptors.len()).unwrap_or(i32::MAX);
    let high: Vec<OwnedFd> = descriptors
        .iter()
        .map(|descriptor| Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, floor)?))
        .collect::<io::Result<_>>()?;
    let mut actions = Actions::new()?;
    for (number, descriptor) in (0..).zip(&high) {
        actions.duplicate(descriptor.as_raw_fd(), number)?;
    }
    let attributes = Attributes::new()?;
    let arguments =
        pointers(std::iter::once(program).chain(arguments.iter().map(CString::as_c_str)));
    let environment = pointers(environment.iter().map(CString::as_c_str));
    let mut pid = 0;
    // SAFETY: every pointer is to memory that outlives the call: terminated strings, and arrays of them that end
    // with a null pointer; actions and attributes are initialised.
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            program.as_ptr(),
            actions.0.as_ptr(),
            attributes.0.as_ptr(),
            arguments.as_ptr().cast(),
            environment.as_ptr().cast(),
        )
    })?;
    Ok(pid)
}

fn pointers<'a>(texts: impl Iterator<Item = &'a CStr>) -> Vec<*const libc::c_char> {
    texts.map(CStr::as_ptr).chain(std::iter::once(ptr::null())).collect()
}

/// These functions return the error instead of setting `errno`.
fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

struct Actions(Box<MaybeUninit<libc::posix_spawn_file_actions_t>>);

impl Actions {
    fn new() -> io::Result<Actions> {
        let mut actions = Box::new(MaybeUninit::uninit());
        // SAFETY: initialises what it is given room for.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        Ok(Actions(actions))
    }

    fn duplicate(&mut self, from: i32, to: i32) -> io::Result<()> {
        // SAFETY: initialised by `new`; only numbers are stored.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(self.0.as_mut_ptr(), from, to) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, and destroyed nowhere else.
        unsafe { libc::posix_spawn_file_actions_destroy(self.0.as_mut_ptr()) };
    }
}

struct Attributes(Box<MaybeUninit<libc::posix_spawnattr_t>>);

impl Attributes {
    fn new() -> io::Result<Attributes> {
        let mut attributes = Box::new(MaybeUninit::uninit());
        // SAFETY: initialises what it is given room for.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        let mut attributes = Attributes(attributes);
        let to = attributes.0.as_mut_ptr();
        let (mut none, mut all) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF | SETSID;
        // SAFETY: the sets are initialised before they are read, the attributes were above.
        unsafe {
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigfillset(all.as_mut_ptr());
            check(libc::posix_spawnattr_setsigmask(to, none.as_ptr()))?;
            check(libc::posix_spawnattr_setsigdefault(to, all.as_ptr()))?;
            check(libc::posix_spawnattr_setflags(to, flags as libc::c_short))?;
        }
        Ok(attributes)
    }
}

/// A session of its own; the crate has no name for it on every system.
#[cfg(target_os = "macos")]
const SETSID: libc::c_int = 0x0400;
#[cfg(not(target_os = "macos"))]
const SETSID: libc::c_int = libc::POSIX_SPAWN_SETSID as libc::c_int;

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, and destroyed nowhere else.
        unsafe { libc::posix_spawnattr_destroy(self.0.as_mut_ptr()) };
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use rustix::process::{Pid, WaitOptions, waitpid};
    use std::io::Read;
    use std::os::fd::AsFd;

    fn shell(script: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<i32> {
        let arguments = [c"-c".to_owned(), CString::new(script).unwrap()];
        let environment = [c"PATH=/usr/bin:/bin".to_owned(), c"GREETING=hello".to_owned()];
        spawn(c"/bin/sh", &arguments, &environment, descriptors)
    }

    fn status(pid: i32) -> Option<i32> {
        let (_, status) = waitpid(Pid::from_raw(pid), WaitOptions::empty()).unwrap().unwrap();
        status.exit_status()
    }

    #[test]
    fn a_program_has_the_descriptors_in_their_order_whatever_they_were_here() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let written = writer.as_fd();
        let pid =
            shell("echo $GREETING >&4", &[null.as_fd(), written, written, null.as_fd(), written]);
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!((said.as_str(), status(pid.unwrap())), ("hello\n", Some(0)));
    }

    #[test]
    fn it_leads_a_session_and_no_signal_is_ignored() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let script = "read -r _ _ _ _ group session _ < /proc/$$/stat; echo $(($$ == group && $$ == session)); \
                      grep SigIgn /proc/$$/status";
        let pid = shell(script, &[null.as_fd(), writer.as_fd(), writer.as_fd()]).unwrap();
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        let (leads, ignored) = said.trim().split_once("\nSigIgn:\t").unwrap();
        // 32 and 33 are the C library's own; this process ignores SIGPIPE, as every Rust program does.
        let ignored = u64::from_str_radix(ignored, 16).unwrap() & 0x7fff_ffff;
        assert_eq!((leads, ignored), ("1", 0));
        assert_eq!(status(pid), Some(0));
    }

    #[test]
    fn what_is_not_there_is_an_error_and_no_process() {
        let failed = spawn(c"/nowhere/at/all", &[], &[], &[]).unwrap_err();
        assert_eq!(failed.raw_os_error(), Some(libc::ENOENT));
    }
}
