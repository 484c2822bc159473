//! Memory figures as a test wants them.

use super::{CgroupReading, HostReading, MemoryReadingError, MemoryReadings, TreeReading};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a reading gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripted<T> {
    /// A figure.
    Is(T),
    /// The system refuses.
    Fails,
    /// The system has no such figure.
    Unsupported,
    /// The code that reads has a fault.
    Panics,
}

#[derive(Debug)]
struct Script<T> {
    next: VecDeque<Scripted<T>>,
    last: Scripted<T>,
    count: u64,
}

impl<T: Copy> Script<T> {
    fn new(value: T) -> Self {
        Self { next: VecDeque::new(), last: Scripted::Is(value), count: 0 }
    }

    fn take(&mut self) -> Scripted<T> {
        self.count += 1;
        self.last = self.next.pop_front().unwrap_or(self.last);
        self.last
    }
}

fn give<T>(scripted: Scripted<T>, what: &'static str) -> Result<T, MemoryReadingError> {
    match scripted {
        Scripted::Is(value) => Ok(value),
        Scripted::Fails => Err(MemoryReadingError::Io {
            path: PathBuf::from(what),
            source: io::Error::from_raw_os_error(5),
        }),
        Scripted::Unsupported => Err(MemoryReadingError::Unsupported(what)),
        Scripted::Panics => std::panic::resume_unwind(Box::new(what)),
    }
}

#[derive(Debug)]
struct Scripts {
    resident: Script<u64>,
    descendants: Script<TreeReading>,
    cgroup: Script<Option<CgroupReading>>,
    host: Script<HostReading>,
}

/// Figures in the order they were scripted; the last of each stays.
#[derive(Debug)]
pub(crate) struct ScriptedMemory(Mutex<Scripts>);

impl ScriptedMemory {
    /// A process of `resident` bytes without children, in no group.
    pub(crate) fn new(resident: u64) -> Self {
        Self(Mutex::new(Scripts {
            resident: Script::new(resident),
            descendants: Script::new(TreeReading::default()),
            cgroup: Script::new(None),
            host: Script::new(HostReading { total: 16 << 30, available: 8 << 30 }),
        }))
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn resident_next(&self, next: impl IntoIterator<Item = Scripted<u64>>) {
        self.scripts().resident.next.extend(next);
    }

    pub(crate) fn descendants_next(&self, next: impl IntoIterator<Item = Scripted<TreeReading>>) {
        self.scripts().descendants.next.extend(next);
    }

    pub(crate) fn cgroup_next(
        &self,
        next: impl IntoIterator<Item = Scripted<Option<CgroupReading>>>,
    ) {
        self.scripts().cgroup.next.extend(next);
    }

    /// How often resident memory, descendants and group were asked for.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let scripts = self.scripts();
        (scripts.resident.count, scripts.descendants.count, scripts.cgroup.count)
    }
}

impl MemoryReadings for ScriptedMemory {
    fn resident(&self) -> Result<u64, MemoryReadingError> {
        let scripted = self.scripts().resident.take();
        give(scripted, "resident memory")
    }

    fn descendants(&self) -> Result<TreeReading, MemoryReadingError> {
        let scripted = self.scripts().descendants.take();
        give(scripted, "memory of child processes")
    }

    fn cgroup(&self) -> Result<Option<CgroupReading>, MemoryReadingError> {
        let scripted = self.scripts().cgroup.take();
        give(scripted, "the control group")
    }

    fn host(&self) -> Result<HostReading, MemoryReadingError> {
        let scripted = self.scripts().host.take();
        give(scripted, "available memory")
    }
}
