//! A child that waits to be told before it becomes another program, and the collecting of children.
//!
//! For a small process of one thread whose children are all its own: it forks (`fork(2)`) and collects any child
//! (`wait4(2)` of -1). In a process of several owners, as Node's, neither is allowed; see
//! [`spawn`](super::spawn).
//!
//! Between `fork` and `execve` the child calls async-signal-safe functions only and allocates nothing: all its
//! memory was prepared before. It has every signal blocked until the last moment, so that one that is sent to it
//! early meets the program, not the wait.
//!
//! A name without a slash is looked for as `execvp(3)` does: in the directories of the `PATH` it is given, going
//! on after what is not there and after what may not be executed, and a file that is no executable of any kind
//! the kernel knows is run by `/bin/sh`.

#![allow(unsafe_code)] // the fence: fork(2), execve(2), sigaction(2), wait4(2), descriptors inherited by number

mod child;
mod signals;

pub use signals::{Wakeups, catch_children};

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longest name that is looked for, and longest directory it is looked for in (`NAME_MAX`, `PATH_MAX`).
const MOST_NAME: usize = 255;
const MOST_DIRECTORY: usize = 4095;

/// Where programs are when the environment does not say (`confstr(3)`).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// A program with all it is given.
#[derive(Debug)]
pub struct Program {
    /// The name it is called by, a path when there is a slash in it.
    pub name: CString,
    /// Without the name.
    pub arguments: Vec<CString>,
    /// `NAME=value`.
    pub environment: Vec<CString>,
}

/// A child that waits.
#[derive(Debug)]
pub struct Waiting {
    pid: i32,
    go: Option<PipeWriter>,
    status: PipeReader,
}

impl Waiting {
    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Lets it become its program.
    ///
    /// # Errors
    ///
    /// `EPIPE`: it has ended meanwhile.
    pub fn go(&mut self) -> io::Result<()> {
        match self.go.take() {
            Some(mut go) => go.write_all(&[1]),
            None => Ok(()),
        }
    }

    /// It ends without having become anything, unless it was let go before.
    pub fn cancel(&mut self) {
        self.go = None;
    }

    /// Readable once it has become its program, has failed to, or has ended.
    #[must_use]
    pub fn status(&self) -> &PipeReader {
        &self.status
    }

    /// Waits for that; `Err` is why it has not become its program.
    ///
    /// # Errors
    ///
    /// What `execve(2)` says.
    pub fn outcome(mut self) -> io::Result<()> {
        let mut errno = [0; 4];
        match self.status.read_exact(&mut errno) {
            Ok(()) => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno))),
            // The end of the pipe, which `execve` closes.
            Err(_) => Ok(()),
        }
    }
}

/// Forks a child that waits to become `program`.
///
/// # Errors
///
/// What `fork(2)` and `pipe(2)` say: `EAGAIN`, `ENOMEM`, `EMFILE`.
pub fn fork(program: &Program, closed_in_child: &[&dyn AsRawFd]) -> io::Result<Waiting> {
    let (go_reader, go) = io::pipe()?;
    let (status, status_writer) = io::pipe()?;
    let path = program.environment.iter().find_map(|text| text.to_bytes().strip_prefix(b"PATH="));
    let path = path.unwrap_or(DEFAULT_PATH);
    let arguments = pointers(std::iter::once(&program.name).chain(&program.arguments));
    // For the shell, which gets the file it is to run as its first argument.
    let mut script = vec![c"/bin/sh".as_ptr(), ptr::null()];
    script.extend_from_slice(&arguments[1..]);
    let environment = pointers(program.environment.iter());
    let closed: Vec<i32> =
        closed_in_child.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
    let mut prepared = child::Prepared {
        name: &program.name,
        path,
        candidate: vec![0; MOST_DIRECTORY + MOST_NAME + 2],
        arguments,
        script,
        environment,
        closed,
        go: go_reader.as_raw_fd(),
        keepers_end: go.as_raw_fd(),
        status: status_writer.as_raw_fd(),
    };
    // SAFETY: the child calls nothing but `become_program`, which neither allocates nor returns.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => prepared.become_program(),
        pid => Ok(Waiting { pid, go: Some(go), status }),
    }
}

fn pointers<'a>(texts: impl Iterator<Item = &'a CString>) -> Vec<*const libc::c_char> {
    texts.map(|text| text.as_ptr()).chain(std::iter::once(ptr::null())).collect()
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exited(i32),
    /// By a signal.
    Signalled(i32),
}

/// A child that has ended; its number may be given to another process from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// Its number.
    pub pid: i32,
    /// How it ended.
    pub end: End,
    /// Processor time of it and of the children it waited for, in microseconds.
    pub cpu_us: u64,
    /// The most memory it, or one of these, had at once, in KiB.
    pub max_rss_kib: u64,
}

/// Collects one child that has ended. `Ok(None)`: there are children, and all live.
///
/// # Errors
///
/// `ECHILD`: there is no child.
pub fn collect() -> io::Result<Option<Collected>> {
    let mut status = 0;
    // SAFETY: a structure of numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live variables of the right type.
    match unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => {
            let end = if libc::WIFSIGNALED(status) {
                End::Signalled(libc::WTERMSIG(status))
            } else {
                End::Exited(libc::WEXITSTATUS(status))
            };
            let cpu_us = microseconds(usage.ru_utime).saturating_add(microseconds(usage.ru_stime));
            let max_rss = u64::try_from(usage.ru_maxrss).unwrap_or(0);
            // In bytes on Apple's systems, in KiB elsewhere.
            let max_rss_kib = if cfg!(target_vendor = "apple") { max_rss / 1024 } else { max_rss };
            Ok(Some(Collected { pid, end, cpu_us, max_rss_kib }))
        }
    }
}

fn microseconds(time: libc::timeval) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(u64::try_from(time.tv_usec).unwrap_or(0))
}

/// Signals a child that is not collected yet: its number is its own as long.
///
/// # Errors
///
/// `EINVAL`: there is no such signal. `EPERM`: the child has become another user's.
pub fn signal_child(pid: i32, signal: i32) -> io::Result<()> {
    if pid <= 0 || signal <= 0 {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: passes numbers.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The descriptors from 3 on that this program was started with, `N` of them; all above are closed, for whoever
/// started it did not mean to hand them over. `None` when one is not open, or when they were taken before.
///
/// Only for the first lines of a `main`, while nothing in the process can own a descriptor.
pub(crate) fn take_inherited<const N: usize>() -> Option<[OwnedFd; N]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::AcqRel) {
        return None;
    }
    let end = 3 + i32::try_from(N).ok()?;
    close_from(end);
    let taken: Vec<OwnedFd> = (3..end).map_while(inherited).collect();
    taken.try_into().ok()
}

fn inherited(number: i32) -> Option<OwnedFd> {
    // SAFETY: asks for flags by number.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags < 0 {
        return None;
    }
    // SAFETY: it is open, and called for each number once, before anything else could own one.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC).ok()?;
    Some(descriptor)
}

fn close_from(first: i32) {
    #[cfg(target_os = "linux")]
    // SAFETY: passes numbers; called before anything in this process could own one of them.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    // Linux before 5.9, and systems without the call, list what is open.
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return };
    let open: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in open.into_iter().filter(|&number| number >= first) {
        // SAFETY: as above; that of the listing itself is closed already, and this is refused then.
        unsafe { libc::close(number) };
    }
}

/// Lets go of standard input, output and error, so that their other ends learn when the program has.
///
/// # Errors
///
/// What `dup2(2)` says.
pub fn leave_standard_streams() -> io::Result<()> {
    let nothing: OwnedFd = match File::options().read(true).write(true).open("/dev/null") {
        Ok(file) => file.into(),
        // No /dev here: the end of a pipe that nobody has the other end of.
        Err(_) => io::pipe()?.0.into(),
    };
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok(rustix::stdio::dup2_stderr(&nothing)?)
}

/// The first terminated string in `bytes`.
fn terminated(bytes: &[u8]) -> Option<&CStr> {
    CStr::from_bytes_until_nul(bytes).ok()
}
