//! Memory as the operating system counts it: of this process, of its descendants, of its control group,
//! of the machine.
//!
//! # What it promises
//!
//! - Bytes as the system reports them, at the moment of the call; nothing is kept or estimated here.
//! - What cannot be read is an error that says so, never a zero.
//! - A reading is bounded: at most [`MAX_DESCENDANTS`] processes of a tree, [`MAX_LEVELS`] levels of
//!   control groups. A tree that was cut says so.
//!
//! # Where the figures come from
//!
//! | Reading | Linux | macOS | elsewhere |
//! |---|---|---|---|
//! | [`resident`](MemoryReadings::resident) | second field of `/proc/self/statm`, `proc_pid_statm(5)` | `proc_pidinfo`, `pti_resident_size` | unsupported |
//! | [`descendants`](MemoryReadings::descendants) | `/proc/<pid>/task/*/children`, else `/proc/*/stat` | unsupported | unsupported |
//! | [`cgroup`](MemoryReadings::cgroup) | version 2 or 1, see [`CgroupReading`] | none | none |
//! | [`host`](MemoryReadings::host) | `MemTotal`, `MemAvailable` of `/proc/meminfo` | unsupported | unsupported |
//!
//! Since Linux 6.2 the kernel counts resident pages per processor and may be off by some dozen pages for
//! each one. Resident memory of several processes counts the pages they share once for each of them.

#![cfg_attr(not(target_os = "linux"), allow(unused_imports, dead_code))]
#![allow(unsafe_code)] // the fence: the page size, and macOS's figures of a process

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod processes;

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Descendants read at most; what a tree has beyond them is left out and said to be cut.
pub const MAX_DESCENDANTS: usize = 4096;
/// Control groups read at most on the way from the process's own to the topmost.
pub const MAX_LEVELS: usize = 32;

/// Why a figure could not be had.
#[derive(Debug, Error)]
pub enum MemoryReadingError {
    /// This system has no such figure, and will not have it later.
    #[error("{0} cannot be read on this system; limits that need it are not kept")]
    Unsupported(&'static str),
    /// The system refused.
    #[error("cannot read {}: {source}; limits that need it are kept with the last figure read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file holds something else than it should.
    #[error("{} states no {what}; limits that need it are kept with the last figure read", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}

impl MemoryReadingError {
    /// Whether asking again is in vain.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, MemoryReadingError::Unsupported(_))
    }
}

/// The descendants of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeReading {
    /// Bytes resident in them, this process not counted; shared pages count in each.
    pub resident: u64,
    /// How many were read.
    pub processes: u32,
    /// Whether there were more than [`MAX_DESCENDANTS`].
    pub cut: bool,
}

/// The control group that lets this process grow least.
///
/// Of all groups from the process's own to the topmost visible one the tightest is reported: the one with
/// the least between use and limit, for that is where the kernel reclaims and kills first.
///
/// *Use* leaves out the page cache: version 2 `memory.current − inactive_file − active_file`, version 1
/// `memory.usage_in_bytes − total_inactive_file − total_active_file`. The kernel drops those pages before
/// it kills. The "working set" of Kubernetes (`usage − inactive_file`) counts files read twice as used and
/// so calls a machine full that has merely read much. Shared memory and tmpfs are no page cache here: the
/// kernel keeps them on its anonymous lists.
///
/// *Limit* is the lower of `memory.max` and `memory.high` (version 2), of `memory.limit_in_bytes` and
/// `hierarchical_memory_limit` (version 1); `max`, and 2⁶⁰ bytes and more, are none.
///
/// Sources: the kernel's `Documentation/admin-guide/cgroup-v2.rst` (Memory Interface Files) and
/// `cgroup-v1/memory.rst` (sections 5.2 and 6); the formula of Kubernetes' kubelet and cAdvisor
/// (`container_memory_working_set_bytes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupReading {
    /// Bytes used, without page cache.
    pub used: u64,
    /// Bytes it may use; `None`: no group on the way has a limit, and `used` is the innermost one's.
    pub limit: Option<u64>,
}

/// The machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostReading {
    /// Bytes of memory.
    pub total: u64,
    /// Bytes that can be had without swapping, as the kernel estimates.
    pub available: u64,
}

/// A source of memory figures.
pub trait MemoryReadings: Send + Sync {
    /// Bytes of this process resident in memory; some microseconds.
    ///
    /// # Errors
    /// [`MemoryReadingError`].
    fn resident(&self) -> Result<u64, MemoryReadingError>;

    /// Bytes resident in all processes descended from this one. A process that ends meanwhile is left out.
    ///
    /// # Errors
    /// [`MemoryReadingError`].
    fn descendants(&self) -> Result<TreeReading, MemoryReadingError>;

    /// The tightest control group; `None` where memory is in no group.
    ///
    /// # Errors
    /// [`MemoryReadingError`].
    fn cgroup(&self) -> Result<Option<CgroupReading>, MemoryReadingError>;

    /// The machine's memory.
    ///
    /// # Errors
    /// [`MemoryReadingError`].
    fn host(&self) -> Result<HostReading, MemoryReadingError>;
}

#[cfg(target_os = "linux")]
pub use linux::SystemMemory;

/// Bytes a page of memory has.
#[cfg(target_os = "linux")]
fn page_size() -> u64 {
    // SAFETY: asks for a constant of the system and touches no memory of ours.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

/// The machine's own figures.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Default)]
pub struct SystemMemory;

#[cfg(not(target_os = "linux"))]
impl SystemMemory {
    /// Opens nothing.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Bytes resident in a process and all its descendants.
    ///
    /// # Errors
    /// Always: this system has no such figure.
    pub fn tree(&self, _pid: u64) -> Result<TreeReading, MemoryReadingError> {
        Err(MemoryReadingError::Unsupported("memory of a process tree"))
    }
}

#[cfg(not(target_os = "linux"))]
impl MemoryReadings for SystemMemory {
    #[cfg(target_os = "macos")]
    fn resident(&self) -> Result<u64, MemoryReadingError> {
        // SAFETY: the structure is plain numbers, for which all zeros is a value.
        let mut task: libc::proc_taskinfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::proc_taskinfo>() as libc::c_int;
        // SAFETY: the system writes at most `size` bytes into `task`, which outlives the call.
        let written = unsafe {
            libc::proc_pidinfo(
                libc::getpid(),
                libc::PROC_PIDTASKINFO,
                0,
                (&raw mut task).cast(),
                size,
            )
        };
        if written == size {
            Ok(task.pti_resident_size)
        } else {
            let source = io::Error::last_os_error();
            Err(MemoryReadingError::Io { path: PathBuf::from("proc_pidinfo"), source })
        }
    }

    #[cfg(not(target_os = "macos"))]
    fn resident(&self) -> Result<u64, MemoryReadingError> {
        Err(MemoryReadingError::Unsupported("resident memory"))
    }

    fn descendants(&self) -> Result<TreeReading, MemoryReadingError> {
        Err(MemoryReadingError::Unsupported("memory of child processes"))
    }

    fn cgroup(&self) -> Result<Option<CgroupReading>, MemoryReadingError> {
        Ok(None)
    }

    fn host(&self) -> Result<HostReading, MemoryReadingError> {
        Err(MemoryReadingError::Unsupported("available memory"))
    }
}
