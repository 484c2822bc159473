//! Signals of a process that only its children's ends may wake, and that only SIGKILL may end.

use std::io::{self, PipeReader, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

/// Where the handler writes; -1 as long as there is none.
static WAKER: AtomicI32 = AtomicI32::new(-1);

/// Becomes readable whenever a child has ended.
#[derive(Debug)]
pub struct Wakeups(PipeReader);

impl Wakeups {
    /// Forgets those until now. Called before children are collected, so that none is missed.
    pub fn forget(&self) {
        let mut bytes = [0; 64];
        // Not blocking: an error is that there are no more.
        while matches!((&self.0).read(&mut bytes), Ok(64)) {}
    }
}

impl AsFd for Wakeups {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Blocks every signal but SIGCHLD, which is heard from now on. Called once in the life of a process.
///
/// # Errors
///
/// What `pipe(2)` and `sigaction(2)` say; `EBUSY` when it was called before.
pub fn catch_children() -> io::Result<Wakeups> {
    let (reader, writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    rustix::io::ioctl_fionbio(&writer, true)?;
    if WAKER.compare_exchange(-1, writer.as_raw_fd(), Ordering::AcqRel, Ordering::Acquire).is_err()
    {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    // The handler's from now on, as long as the process lives.
    std::mem::forget(writer);
    // SAFETY: a structure of numbers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = wake as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART | libc::SA_NOCLDSTOP;
    // SAFETY: the handler is async-signal-safe, the structure is whole.
    if unsafe { libc::sigaction(libc::SIGCHLD, &raw const action, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut mask = all();
    // SAFETY: the set is initialised.
    unsafe {
        libc::sigdelset(&raw mut mask, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, ptr::null_mut());
    }
    Ok(Wakeups(reader))
}

extern "C" fn wake(_: libc::c_int) {
    // SAFETY: writes one byte; the descriptor is never closed. A full pipe wakes as well as a fuller one. What
    // the interrupted code was about to read from `errno` is put back.
    unsafe {
        let place = errno_place();
        let errno = *place;
        libc::write(WAKER.load(Ordering::Acquire), [1u8].as_ptr().cast(), 1);
        *place = errno;
    }
}

fn errno_place() -> *mut libc::c_int {
    // SAFETY: the address of this thread's own `errno`.
    unsafe {
        #[cfg(target_os = "linux")]
        return libc::__errno_location();
        #[cfg(not(target_os = "linux"))]
        return libc::__error();
    }
}

fn all() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: initialises the set.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Blocks what can be blocked. Async-signal-safe.
pub(super) fn block_all() {
    let mask = all();
    // SAFETY: the set is initialised.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, ptr::null_mut()) };
}

/// What a program expects: no signal ignored, handled or blocked. Async-signal-safe.
pub(super) fn restore_defaults() {
    // SAFETY: structures of numbers, for which zero is a value: the default action, an empty set; numbers that
    // are no signal or may not be changed are refused by the calls.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        for signal in 1..=64 {
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
    }
}
